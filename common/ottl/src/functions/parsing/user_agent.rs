//! User agents into their names, versions and operating systems.
//!
//! The rules are our own table of the agents that are met daily, under the names that the project uap-core gives
//! them: no published crate carries that project's rules in a form that can be built in. An agent that no rule
//! knows is `Other`, as there.

use std::sync::LazyLock;

use regex::Regex;

use crate::RunError;
use crate::function::Args;
use crate::pattern;
use crate::value::{Map, Value};

mod table;

/// A rule: what it looks for and the name it gives. The first group, if any, is a version.
struct Rule {
    regex: Regex,
    name: &'static str,
}

static AGENTS: LazyLock<Vec<Rule>> = LazyLock::new(|| rules(table::AGENTS));
static SYSTEMS: LazyLock<Vec<Rule>> = LazyLock::new(|| rules(table::SYSTEMS));

/// Only that much of a text is looked at.
const LEN_MAX: usize = 2048;
const OTHER: &str = "Other";

/// `UserAgent(text)`.
pub(super) fn call<'a>(args: &Args<'a>) -> Result<Value<'a>, RunError> {
    let text = args.str(0)?;
    let seen = &text[..text.floor_char_boundary(LEN_MAX)];
    let (name, version) = find(&AGENTS, seen);
    let (system, system_version) = find(&SYSTEMS, seen);
    let mut map = Map::new();
    map.put("user_agent.name", name);
    map.put("user_agent.version", version.map(|version| parts(version, 3)).unwrap_or_default());
    map.put("user_agent.original", text);
    let named = windows(system, system_version);
    map.put("os.name", system);
    if let Some(version) = named.filter(|version| !version.is_empty()) {
        map.put("os.version", version);
    }
    Ok(Value::map(map))
}

fn rules(table: &[(&'static str, &'static str)]) -> Vec<Rule> {
    let compiled = table.iter().map(|(source, name)| {
        let regex = pattern::compile(source).expect("the table's patterns are tested");
        Rule { regex, name }
    });
    compiled.collect()
}

/// The first rule that matches: its name, or what its group `name` matched, and the version.
fn find<'t>(rules: &[Rule], text: &'t str) -> (&'t str, Option<&'t str>)
where
    'static: 't,
{
    for rule in rules {
        if let Some(found) = rule.regex.captures(text) {
            let name = found.name("name").map_or(rule.name, |name| name.as_str());
            return (name, found.name("version").map(|version| version.as_str()));
        }
    }
    (OTHER, None)
}

/// The first parts of a version, told by points.
fn parts(version: &str, count: usize) -> String {
    let parts = version.split(['.', '_']).filter(|part| !part.is_empty()).take(count);
    parts.collect::<Vec<_>>().join(".")
}

/// Windows tells its kernel's version; everything else its own.
fn windows(system: &str, version: Option<&str>) -> Option<String> {
    let version = version?;
    if system != "Windows" {
        return Some(parts(version, 4));
    }
    let release = table::WINDOWS.iter().find(|(kernel, _)| *kernel == version);
    Some(release.map_or(version, |(_, release)| release).to_owned())
}
