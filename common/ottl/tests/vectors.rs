//! What the reference implementation does with thousands of statements, conditions and values
//! (`shared/data/ottl` beside the repository; without it the test says that it was skipped).
//!
//! `OTTL_GROUPS=a,b` runs some groups, `OTTL_SHOW=n` shows up to n failures of each.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value as Json;

#[path = "vectors/compare.rs"]
mod compare;
#[path = "vectors/run.rs"]
mod run;

/// Cases in which we differ on purpose: see the table in `contexts`.
const DIFFERENT: &[(&str, &str)] = &[
    ("buckets-b5e164dc", "a write that fails leaves no empty attribute"),
    ("buckets-a1d4177c", "an empty list has no type"),
];

/// Cases that pass, cases that do not, and cases that call what is not built in.
#[derive(Default)]
struct Report {
    passed: usize,
    missing: usize,
    failed: Vec<String>,
}

fn data() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/ottl");
    folder.is_dir().then_some(folder)
}

fn cases(file: &Path) -> Vec<Json> {
    let text = std::fs::read_to_string(file).expect("readable");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn is_wanted(group: &str) -> bool {
    std::env::var("OTTL_GROUPS").map_or(true, |names| names.split(',').any(|name| name == group))
}

fn check(files: &[&str]) {
    let Some(folder) = data() else {
        eprintln!("skipped: shared/data/ottl is not beside the repository");
        return;
    };
    let mut reports: BTreeMap<String, Report> = BTreeMap::new();
    for case in files.iter().flat_map(|file| cases(&folder.join(file))) {
        let group = case["group"].as_str().expect("a group").to_owned();
        let is_different = DIFFERENT.iter().any(|(id, _)| case["id"] == *id);
        if is_different || !is_wanted(&group) {
            continue;
        }
        let report = reports.entry(group).or_default();
        match run::case(&case, &folder.join("fixtures")) {
            Ok(()) => report.passed += 1,
            Err(wrong) if wrong.contains(": unknown_function: ") => report.missing += 1,
            Err(wrong) => report.failed.push(format!("{}: {wrong}", case["id"])),
        }
    }
    print(&reports);
    let failed: usize = reports.values().map(|report| report.failed.len()).sum();
    assert_eq!(failed, 0, "cases differ from the reference");
}

fn print(reports: &BTreeMap<String, Report>) {
    let shown = std::env::var("OTTL_SHOW").ok().and_then(|text| text.parse().ok()).unwrap_or(3);
    for (group, report) in reports {
        let Report { passed, missing, failed } = report;
        let all = passed + missing + failed.len();
        println!("{group}: {passed} of {all}, {missing} call a function that is not built in");
        failed.iter().take(shown).for_each(|wrong| println!("    {wrong}"));
    }
}

#[test]
fn paths() {
    check(&["paths.jsonl"]);
}

#[test]
fn editors() {
    check(&["editors.jsonl"]);
}
