//! The reference implementation's results, case by case (data/ottl and its README).
//!
//! Every case passes, but for those of `deliberate`, each of which really differs: a row that has become stale
//! fails. The folder is not part of the repository; where it is missing the test says so and passes. Failures stand
//! in a file that the message names, the counts by group in the test's output.

mod compare;
mod config;
mod deliberate;
mod rename;
mod run;
mod yaml;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value as Json;

use deliberate::DELIBERATE;

/// Whether a case is for the component that reads its configuration, and so for its test (`ottl --cases`, in
/// `components`): `include` and `exclude` become conditions there.
fn is_elsewhere(case: &Json) -> bool {
    let keys = ["include:", "exclude:"];
    case["kind"] == "filter"
        && case["source"].as_str().is_some_and(|text| keys.iter().any(|key| text.contains(key)))
}

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

/// What came out, case by case.
#[derive(Default)]
struct Tally {
    /// Passed, and all, by group.
    groups: BTreeMap<String, (usize, usize)>,
    /// Those that differ and should not.
    failures: Vec<String>,
    /// Those that should differ and do.
    deliberate: Vec<&'static str>,
    /// Those that should differ and do not.
    stale: Vec<String>,
}

impl Tally {
    fn add(&mut self, case: &Json, ran: Result<(), String>) {
        let text = |key: &str| case[key].as_str().expect("a case has it").to_owned();
        let count = self.groups.entry(text("group")).or_default();
        count.1 += 1;
        match (ran, deliberate::row(&text("id"))) {
            (Ok(()), None) => count.0 += 1,
            (Ok(()), Some(row)) => self.stale.push(format!("{}: {}", text("id"), row.what)),
            (Err(_), Some(row)) => self.deliberate.push(row.what),
            (Err(difference), None) => self.failures.push(described(case, &difference)),
        }
    }

    fn print(&self) {
        for (group, (passed, all)) in &self.groups {
            println!("{group}: {passed} of {all}");
        }
        let (passed, all) =
            self.groups.values().fold((0, 0), |sum, it| (sum.0 + it.0, sum.1 + it.1));
        println!("all: {passed} of {all}, {} differ on purpose", self.deliberate.len());
    }
}

fn described(case: &Json, difference: &str) -> String {
    let source = case.get("source").or_else(|| case.get("sources")).unwrap_or(&Json::Null);
    format!("{} {} {source}\n{difference}\n", case["id"], case["context"])
}

#[test]
fn every_case_has_the_result_of_the_reference() {
    let Some(folder) = folder() else {
        eprintln!("skipped: ../shared/data/ottl is not there");
        return;
    };
    let mut tally = Tally::default();
    for case in cases(&folder).into_iter().filter(|case| !is_elsewhere(case)) {
        tally.add(&case, run::case(&case, &folder));
    }
    tally.print();
    let report = Path::new(env!("CARGO_TARGET_TMPDIR")).join("conformance.txt");
    std::fs::write(&report, tally.failures.join("\n")).expect("the report can be written");
    let count = tally.failures.len();
    assert_eq!(count, 0, "cases differ, see {}", report.display());
    assert!(tally.stale.is_empty(), "these do not differ any more: {:#?}", tally.stale);
    let listed: usize = DELIBERATE.iter().map(|row| row.cases.len()).sum();
    assert_eq!(tally.deliberate.len(), listed, "a row lists a case that is not there, or twice");
}

#[test]
fn the_table_of_the_documentation_is_the_data() {
    let docs = include_str!("../../src/lib.rs");
    let rows = docs.lines().filter_map(|line| line.strip_prefix("//! | "));
    // The first one is the head.
    let rows: Vec<&str> = rows.skip(1).filter_map(|row| row.split(" | ").next()).collect();
    let data: Vec<&str> = DELIBERATE.iter().map(|row| row.what).collect();
    assert_eq!(rows, data);
}

#[test]
fn renamed_cases_follow_their_names() {
    let Some(folder) = folder() else {
        eprintln!("skipped: ../shared/data/ottl is not there");
        return;
    };
    let (mut renamed, mut failures) = (0, Vec::new());
    for case in cases(&folder) {
        let fixture = run::fixture(&case, &folder).expect("the fixture is readable");
        let json: Json = serde_json::from_str(&fixture).expect("a fixture is JSON");
        let Some((other, other_fixture)) = rename::renamed(&case, &json) else { continue };
        // What does not hold under its own name says nothing here.
        if run::case_over(&case, &fixture).is_err() {
            continue;
        }
        let (case, fixture) = (other, other_fixture);
        renamed += 1;
        if let Err(difference) = run::case_over(&case, &fixture.to_string()) {
            failures.push(format!(
                "{} {} {}\n{difference}",
                case["id"], case["source"], case["sources"]
            ));
        }
    }
    println!("{renamed} cases renamed");
    assert!(renamed > 4000, "{renamed} cases could be renamed");
    assert!(
        failures.is_empty(),
        "{} differ\n{}",
        failures.len(),
        failures[..failures.len().min(5)].join("\n")
    );
}
