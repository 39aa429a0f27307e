//! `cargo xtask tidy`: the rules of the house that neither rustc nor clippy checks.
//!
//! Ordinary code over the text of the tracked files and over `cargo metadata`, so that a new rule is
//! a function and its table of examples. Every finding is one line, `path:line: rule: message`.
//! Reads at most what git tracks (or, outside a checkout, the tree without `target`); it changes
//! nothing and needs no network. What it leaves out: formatting and lints, which the gate runs apart.

mod cross;
mod edges;
mod files;
mod rust;
mod source;
mod table;
mod text;

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// One broken rule, at a line counted from 1 (0 for the file as a whole).
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    path: PathBuf,
    line: usize,
    rule: &'static str,
    message: String,
}

impl Finding {
    fn new(path: &Path, line: usize, rule: &'static str, message: impl Into<String>) -> Self {
        Self { path: path.to_path_buf(), line, rule, message: message.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}: {}", self.path.display(), self.line, self.rule, self.message)
    }
}

/// Prints every finding and says with its status whether there was one.
pub(crate) fn run() -> ExitCode {
    let root = crate::tree::root();
    let findings = match check(&root) {
        Ok(findings) => findings,
        Err(message) => {
            eprintln!("tidy: {message}");
            return ExitCode::FAILURE;
        }
    };
    for finding in &findings {
        println!("{finding}");
    }
    println!("tidy: {} findings", findings.len());
    if findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Applies all rules to the tree under `root`; an error means that the tree could not be read.
fn check(root: &Path) -> Result<Vec<Finding>, String> {
    let packages = edges::packages(root)?;
    let mut findings = edges::check(&packages);
    for path in files::tracked(root)? {
        let bytes = std::fs::read(root.join(&path))
            .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        findings.extend(check_file(&path, &bytes));
    }
    findings.extend(edges::check_roots(root, &packages));
    findings.extend(cross::check(root));
    findings.sort();
    Ok(findings)
}

fn check_file(path: &Path, bytes: &[u8]) -> Vec<Finding> {
    match text::decode(path, bytes) {
        Err(finding) => vec![finding],
        Ok(content) => {
            let mut findings = text::check(path, content);
            if path.extension().is_some_and(|extension| extension == "rs") {
                findings.extend(rust::check(path, content));
            }
            findings
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_one_line_that_an_editor_can_jump_to() {
        let finding = Finding::new(Path::new("agent/src/lib.rs"), 7, "ascii", "found U+00E9");
        assert_eq!(finding.to_string(), "agent/src/lib.rs:7: ascii: found U+00E9");
    }

    #[test]
    fn a_binary_file_is_reported_once_and_not_read_as_text() {
        let findings = check_file(Path::new("a.rs"), b"fn main() {}\0");
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].rule, "binary");
    }
}
