//! Rules for every tracked file: it is text, ASCII, and tidy at its line ends.
//!
//! Licence texts are taken as their authors wrote them, so they only have to be text.

use super::Finding;
use std::path::Path;

/// The file's text, or a finding when it is binary: a NUL byte or invalid UTF-8.
pub(crate) fn decode<'a>(path: &Path, bytes: &'a [u8]) -> Result<&'a str, Finding> {
    if let Some(position) = bytes.iter().position(|byte| *byte == 0) {
        return Err(binary(path, bytes, position, "NUL byte"));
    }
    std::str::from_utf8(bytes)
        .map_err(|error| binary(path, bytes, error.valid_up_to(), "invalid UTF-8"))
}

fn binary(path: &Path, bytes: &[u8], position: usize, what: &str) -> Finding {
    let line = 1 + bytes[..position].iter().filter(|byte| **byte == b'\n').count();
    Finding::new(path, line, "binary", format!("{what}, expected text"))
}

/// Non-ASCII characters, trailing whitespace, a missing last newline, leftover words.
pub(crate) fn check(path: &Path, content: &str) -> Vec<Finding> {
    if is_license(path) {
        return Vec::new();
    }
    let mut findings = Vec::new();
    for (index, line) in content.lines().enumerate() {
        let rules = [ascii(line), trailing(line), leftover(line)];
        let found = rules.into_iter().flatten();
        findings.extend(found.map(|(rule, text)| Finding::new(path, index + 1, rule, text)));
    }
    if !content.is_empty() && !content.ends_with('\n') {
        let line = content.lines().count();
        findings.push(Finding::new(path, line, "whitespace", "no newline at the end of the file"));
    }
    findings
}

fn is_license(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("LICENSE"))
}

fn ascii(line: &str) -> Option<(&'static str, String)> {
    let found = line.chars().find(|character| !character.is_ascii())?;
    Some(("ascii", format!("found U+{:04X}", u32::from(found))))
}

fn trailing(line: &str) -> Option<(&'static str, String)> {
    let has = line.ends_with([' ', '\t', '\r']);
    has.then(|| ("whitespace", "trailing whitespace".to_owned()))
}

/// Words that mark unfinished work. They are spelled in halves, so that this file passes its rule.
fn leftover(line: &str) -> Option<(&'static str, String)> {
    const WORDS: [&str; 3] = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X:")];
    let found = WORDS.iter().find(|word| line.contains(**word))?;
    Some(("leftover", format!("{found} marks unfinished work")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(content: &str) -> Vec<(usize, &'static str)> {
        let findings = check(Path::new("a.md"), content);
        findings.into_iter().map(|finding| (finding.line, finding.rule)).collect()
    }

    #[test]
    fn each_rule_names_its_line() {
        assert_eq!(rules("fine\n"), []);
        assert_eq!(rules("fine\ncaf\u{e9}\n"), [(2, "ascii")]);
        assert_eq!(rules("a \nb\t\n"), [(1, "whitespace"), (2, "whitespace")]);
        assert_eq!(rules("a"), [(1, "whitespace")]);
        assert_eq!(rules(concat!("// TO", "DO later\n")), [(1, "leftover")]);
        assert_eq!(rules(""), []);
    }

    #[test]
    fn binary_files_are_told_from_text() {
        let path = Path::new("a");
        assert_eq!(decode(path, b"text\n"), Ok("text\n"));
        assert_eq!(decode(path, b"a\nb\0").unwrap_err().line, 2);
        assert_eq!(decode(path, b"\xff\xfe").unwrap_err().rule, "binary");
    }

    #[test]
    fn licence_texts_stay_as_they_are() {
        assert_eq!(check(Path::new("agent-ebpf/LICENSE-GPL2"), "a \n"), []);
    }
}
