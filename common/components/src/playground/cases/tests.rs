//! The reference implementation's results through the door that users have, every case of them: the configurations
//! of processors are read here as a pipeline reads them, `include` and `exclude` among them.
//!
//! The folder is not part of the repository; where it is missing the test says so and passes.

use super::*;

#[path = "../../../../ottl/tests/conformance/compare.rs"]
mod compare;
#[path = "../../../../ottl/tests/conformance/deliberate.rs"]
mod deliberate;

/// The files of cases, in order of their names.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("the folder is readable");
    let paths = entries.map(|entry| entry.expect("the folder is readable").path());
    let is_cases = |path: &PathBuf| path.extension().is_some_and(|name| name == "jsonl");
    let mut files: Vec<PathBuf> = paths.filter(is_cases).collect();
    files.sort();
    files
}

/// Whether a case comes out as it should; how it differs where it does not.
fn check(runner: &mut Runner, case: &Case) -> Result<(), String> {
    let got: Json = serde_json::from_str(&runner.run(case)?.to_string()).expect("it is JSON");
    let fixture = runner.folder.join("fixtures").join(text(case, "fixture")?);
    let input = std::fs::read_to_string(fixture).map_err(|error| error.to_string())?;
    compare::compare(&Json::Object(case.clone()), &got, &input)
}

#[test]
fn every_case_has_the_result_of_the_reference() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/ottl");
    if !folder.is_dir() {
        eprintln!("skipped: ../shared/data/ottl is not there");
        return;
    }
    let now = Time::from_unix_nano(1_790_000_000_000_000_000);
    let mut runner = Runner { folder: folder.clone(), fixtures: HashMap::new(), now };
    let (mut passed, mut deliberate, mut wrong) = (0, 0, Vec::new());
    for file in files(&folder) {
        let lines = std::fs::read_to_string(&file).expect("the file is readable");
        for line in lines.lines() {
            let case: Case = serde_json::from_str(line).expect("a case is JSON");
            let id = text(&case, "id").expect("a case has an id");
            match (check(&mut runner, &case), deliberate::row(id)) {
                (Ok(()), None) => passed += 1,
                (Err(_), Some(_)) => {
                    deliberate += 1;
                }
                (Ok(()), Some(row)) => wrong.push(format!("{id} does not differ: {}", row.what)),
                (Err(why), _) => wrong.push(format!("{id} {}\n{why}", source(&case))),
            }
        }
    }
    println!("{passed} cases as the reference, {deliberate} differ on purpose");
    assert!(wrong.is_empty(), "{} are wrong:\n{}", wrong.len(), wrong.join("\n"));
}
