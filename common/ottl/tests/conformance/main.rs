//! The reference implementation's results, case by case (data/ottl and its README).
//!
//! The folder is not part of the repository; where it is missing the test says so and passes. Failures stand in
//! a file that the message names, the counts by group in the test's output.

mod compare;
mod config;
mod run;
mod yaml;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde_json::Value as Json;

/// Cases that differ on purpose, by group and a part of their source; the crate's documentation says why.
const DELIBERATE: &[(&str, &str)] = &[];

/// Cases that still differ and should not; it only ever shrinks.
const OPEN: usize = 418;

fn folder() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/ottl");
    folder.is_dir().then_some(folder)
}

fn cases(folder: &Path) -> Vec<Json> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .expect("the folder is readable")
        .map(|entry| entry.expect("the folder is readable").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "jsonl"))
        .collect();
    files.sort();
    let read = |path: &PathBuf| std::fs::read_to_string(path).expect("the file is readable");
    let texts: Vec<String> = files.iter().map(read).collect();
    let lines = texts.iter().flat_map(|text| text.lines());
    lines.map(|line| serde_json::from_str(line).expect("a case is JSON")).collect()
}

fn is_deliberate(case: &Json) -> bool {
    let group = case["group"].as_str().unwrap_or("");
    let source = case.get("source").or_else(|| case.get("sources"));
    let source = source.map(Json::to_string).unwrap_or_default();
    DELIBERATE.iter().any(|(name, part)| *name == group && source.contains(part))
}

#[test]
fn every_case_has_the_result_of_the_reference() {
    let Some(folder) = folder() else {
        eprintln!("skipped: ../shared/data/ottl is not there");
        return;
    };
    let mut groups: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    let (mut failures, mut failed) = (String::new(), 0);
    for case in cases(&folder) {
        let group = case["group"].as_str().expect("a case has a group").to_owned();
        let count = groups.entry(group).or_default();
        count.1 += 1;
        match run::case(&case, &folder) {
            Ok(()) => count.0 += 1,
            Err(_) if is_deliberate(&case) => {}
            Err(difference) => {
                failed += 1;
                let source = case.get("source").or_else(|| case.get("sources"));
                writeln!(
                    failures,
                    "{} {} {}\n{difference}\n",
                    case["id"],
                    case["context"],
                    source.unwrap_or(&Json::Null)
                )
                .expect("a text takes every write");
            }
        }
    }
    let total: usize = groups.values().map(|(_, all)| all).sum();
    let passed: usize = groups.values().map(|(passed, _)| passed).sum();
    for (group, (passed, all)) in &groups {
        println!("{group}: {passed} of {all}");
    }
    println!("all: {passed} of {total}");
    let report = Path::new(env!("CARGO_TARGET_TMPDIR")).join("conformance.txt");
    std::fs::write(&report, failures).expect("the report can be written");
    assert!(failed <= OPEN, "{failed} cases differ, see {}", report.display());
}
