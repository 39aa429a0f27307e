//! Rules for Rust files: module docs, sizes, file names, tests that are not run.
//!
//! Sizes count every line, comments too, outside test modules and test files: a reader has to
//! scroll past them all.

use super::Finding;
use super::source;
use std::path::{Component, Path};

const FILE_LINES_MAX: usize = 500;
const FUNCTION_LINES_MAX: usize = 70;

/// Applies all rules to one file. `path` is relative to the root.
pub(crate) fn check(path: &Path, content: &str) -> Vec<Finding> {
    let masked = source::mask(content);
    let mut findings = Vec::new();
    findings.extend(module_docs(path, content));
    findings.extend(file_name(path));
    findings.extend(unrun_tests(path, &masked));
    if !is_test(path) {
        findings.extend(file_length(path, content, &masked));
        findings.extend(function_lengths(path, &masked));
    }
    findings
}

fn module_docs(path: &Path, content: &str) -> Option<Finding> {
    let message = "the file does not start with a `//!` line that says what it is";
    let docs = content.strip_prefix("//!").and_then(|rest| rest.lines().next());
    let missing = docs.is_none_or(|first| first.trim().is_empty());
    missing.then(|| Finding::new(path, 1, "module-docs", message))
}

fn file_name(path: &Path) -> Option<Finding> {
    let found = path.file_name().is_some_and(|name| name == "mod.rs");
    let message = "a module lies beside its folder: NAME.rs, not NAME/mod.rs";
    found.then(|| Finding::new(path, 1, "file-name", message))
}

fn unrun_tests(path: &Path, masked: &[u8]) -> Vec<Finding> {
    const MARK: &[u8] = b"#[ignore";
    let found = (0..masked.len()).filter(|at| masked[*at..].starts_with(MARK));
    found
        .map(|at| source::line(masked, at))
        .map(|line| Finding::new(path, line, "ignored-test", "an ignored test proves nothing"))
        .collect()
}

fn file_length(path: &Path, content: &str, masked: &[u8]) -> Option<Finding> {
    let tests: usize = source::test_modules(masked)
        .into_iter()
        .map(|range| source::line(masked, range.end) - source::line(masked, range.start) + 1)
        .sum();
    let lines = content.lines().count().saturating_sub(tests);
    let message = format!("{lines} lines without tests, at most {FILE_LINES_MAX}");
    (lines > FILE_LINES_MAX).then(|| Finding::new(path, 1, "file-length", message))
}

fn function_lengths(path: &Path, masked: &[u8]) -> Vec<Finding> {
    let tests = source::test_modules(masked);
    let outside = |at: usize| tests.iter().all(|range| !range.contains(&at));
    source::functions(masked)
        .into_iter()
        .filter(|function| outside(function.span.start))
        .filter_map(|function| function_length(path, masked, &function))
        .collect()
}

fn function_length(path: &Path, masked: &[u8], function: &source::Function) -> Option<Finding> {
    let first = source::line(masked, function.span.start);
    let lines = source::line(masked, function.span.end - 1) - first + 1;
    let message = format!("fn {} has {lines} lines, at most {FUNCTION_LINES_MAX}", function.name);
    (lines > FUNCTION_LINES_MAX).then(|| Finding::new(path, first, "function-length", message))
}

/// Test code: `tests.rs` and the folders `tests` and `benches`, except that the crate of black-box
/// tests is called `tests` itself and keeps its harness in `src`.
fn is_test(path: &Path) -> bool {
    let path = path.strip_prefix("tests/src").unwrap_or(path);
    let is_folder = |part: Component<'_>| {
        let name = part.as_os_str();
        name == "tests" || name == "benches"
    };
    let by_folder = path.parent().is_some_and(|folder| folder.components().any(is_folder));
    by_folder || path.file_name().is_some_and(|name| name == "tests.rs")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(path: &str, content: &str) -> Vec<(usize, &'static str)> {
        let findings = check(Path::new(path), content);
        findings.into_iter().map(|finding| (finding.line, finding.rule)).collect()
    }

    #[test]
    fn module_docs_come_first() {
        assert_eq!(rules("a.rs", "//! What it is.\n"), []);
        assert_eq!(rules("a.rs", "use x;\n"), [(1, "module-docs")]);
        assert_eq!(rules("a.rs", "//!\n//! Late.\n"), [(1, "module-docs")]);
    }

    #[test]
    fn names_and_ignored_tests() {
        assert_eq!(rules("a/mod.rs", "//! A.\n"), [(1, "file-name")]);
        let ignored = concat!("//! A.\n#[test]\n#[ig", "nore]\nfn x() {}\n");
        assert_eq!(rules("a.rs", ignored), [(3, "ignored-test")]);
        assert_eq!(rules("a.rs", concat!("//! A.\n// #[ig", "nore]\n")), []);
    }

    #[test]
    fn sizes_are_measured_outside_tests() {
        let body = |lines: usize| "    x();\n".repeat(lines);
        let function = |lines: usize| format!("//! A.\nfn f() {{\n{}}}\n", body(lines - 2));
        assert_eq!(rules("a.rs", &function(70)), []);
        assert_eq!(rules("a.rs", &function(71)), [(2, "function-length")]);
        assert_eq!(rules("a/tests.rs", &function(71)), []);
        assert_eq!(rules("tests/tests/a.rs", &function(71)), []);
        assert_eq!(rules("tests/src/a.rs", &function(71)), [(2, "function-length")]);
        let long = format!("//! A.\n{}", "static X: u8 = 0;\n".repeat(500));
        assert_eq!(rules("a.rs", &long), [(1, "file-length")]);
        let tested = format!("//! A.\n#[cfg(test)]\nmod tests {{\n{}}}\n", body(600));
        assert_eq!(rules("a.rs", &tested), []);
    }
}
