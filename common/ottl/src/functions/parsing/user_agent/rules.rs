//! The rules of uap-core, read from the text that the build script took out of the crate `ua-parser`.
//!
//! That text is YAML of one regular form: a list for agents and a list for systems, an entry a rule, a line a key with its
//! value in single quotes. What is in no such line is a comment; a test counts that nothing else is there.

use std::borrow::Cow;

use ua_parser::{os, user_agent};

const TEXT: &str = include_str!(concat!(env!("OUT_DIR"), "/user_agents.yaml"));

/// The rules for agents and for systems, in the order in which they are tried.
pub(super) fn read() -> (Vec<user_agent::Parser<'static>>, Vec<os::Parser<'static>>) {
    let (mut agents, mut systems, mut is_system) = (Vec::new(), Vec::new(), false);
    for line in TEXT.lines() {
        is_system |= line == "os_parsers:";
        let Some((key, value)) = entry(line) else { continue };
        match (key, is_system) {
            ("regex", true) => systems.push(os::Parser { regex: value, ..Default::default() }),
            ("regex", false) => {
                agents.push(user_agent::Parser { regex: value, ..Default::default() })
            }
            (_, true) => put_system(systems.last_mut(), key, value),
            (_, false) => put_agent(agents.last_mut(), key, value),
        }
    }
    (agents, systems)
}

/// The key and the value of a line.
fn entry(line: &'static str) -> Option<(&'static str, Cow<'static, str>)> {
    let line = line.trim_start();
    let (key, value) = line.strip_prefix("- ").unwrap_or(line).split_once(": '")?;
    let value = value.trim_end().strip_suffix('\'')?;
    let is_key = key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let value =
        if value.contains("''") { value.replace("''", "'").into() } else { Cow::Borrowed(value) };
    is_key.then_some((key, value))
}

fn put_agent(rule: Option<&mut user_agent::Parser<'static>>, key: &str, value: Cow<'static, str>) {
    let Some(rule) = rule else { return };
    match key {
        "family_replacement" => rule.family_replacement = Some(value),
        "v1_replacement" => rule.v1_replacement = Some(value),
        "v2_replacement" => rule.v2_replacement = Some(value),
        "v3_replacement" => rule.v3_replacement = Some(value),
        "v4_replacement" => rule.v4_replacement = Some(value),
        _ => {}
    }
}

fn put_system(rule: Option<&mut os::Parser<'static>>, key: &str, value: Cow<'static, str>) {
    let Some(rule) = rule else { return };
    match key {
        "os_replacement" => rule.os_replacement = Some(value),
        "os_v1_replacement" => rule.os_v1_replacement = Some(value),
        "os_v2_replacement" => rule.os_v2_replacement = Some(value),
        "os_v3_replacement" => rule.os_v3_replacement = Some(value),
        "os_v4_replacement" => rule.os_v4_replacement = Some(value),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The form of the file is regular: every line that is no comment and no head of a section is an entry.
    #[test]
    fn nothing_is_left_out() {
        let is_told = |line: &&str| {
            let line = line.trim();
            !line.is_empty() && !line.starts_with('#') && !line.ends_with("_parsers:")
        };
        let strange: Vec<&str> =
            TEXT.lines().filter(is_told).filter(|line| entry(line).is_none()).collect();
        assert!(strange.is_empty(), "{strange:#?}");
        let (agents, systems) = read();
        assert!(agents.len() > 350 && systems.len() > 200, "{} {}", agents.len(), systems.len());
    }
}
