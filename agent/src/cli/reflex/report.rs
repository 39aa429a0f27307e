//! `report` as text: what each rule decided and did, then the records.

use std::collections::BTreeMap;
use std::time::{Duration, UNIX_EPOCH};

use components::time::rfc3339;
use serde_json::Value;

/// What a rule came to.
#[derive(Default)]
struct Tally {
    fired: u64,
    by_itself: u64,
    done: u64,
    refused: u64,
    failed: u64,
}

/// The summary and the records.
pub(super) fn show(journal: &Value) -> String {
    let records: Vec<&Value> = journal["records"].as_array().into_iter().flatten().collect();
    let mut tallies: BTreeMap<(String, String), Tally> = BTreeMap::new();
    for record in &records {
        if let Some(rule) = record["rule"].as_str() {
            let key = (rule.to_owned(), text(record, "mode").to_owned());
            count(tallies.entry(key).or_default(), record);
        }
    }
    let mut out: String = tallies.iter().map(summary).collect();
    out.extend(records.iter().map(|record| line(record)));
    for (key, words) in [("damaged", "records were damaged"), ("left_out", "older ones left out")] {
        match journal[key].as_u64() {
            None | Some(0) => {}
            Some(count) => out.push_str(&format!("{count} {words}\n")),
        }
    }
    if out.is_empty() { "nothing was decided\n".to_owned() } else { out }
}

fn count(tally: &mut Tally, record: &Value) {
    let outcome = text(record, "outcome");
    match (text(record, "kind"), outcome) {
        ("decision", "") => tally.fired += 1,
        ("decision", "done") if text(record, "reason").contains("by itself") => {
            tally.by_itself += 1;
        }
        ("action", "done") => tally.done += 1,
        (_, "refused") => tally.refused += 1,
        (_, "failed") => tally.failed += 1,
        _ => {}
    }
}

fn summary(((rule, mode), tally): (&(String, String), &Tally)) -> String {
    let Tally { fired, by_itself, done, refused, failed } = tally;
    format!(
        "rule {rule} ({mode}): fired {fired} times, {by_itself} cleared by themselves; actions \
         {done} done, {refused} refused, {failed} failed\n"
    )
}

fn line(record: &Value) -> String {
    let time = UNIX_EPOCH + Duration::from_nanos(record["time_unix_ns"].as_u64().unwrap_or(0));
    let keys = ["kind", "rule", "target", "outcome"];
    let words: Vec<&str> =
        keys.into_iter().map(|key| text(record, key)).filter(|word| !word.is_empty()).collect();
    let inputs = text(record, "inputs");
    let inputs = if inputs.is_empty() { String::new() } else { format!(" ({inputs})") };
    format!("{} {}: {}{inputs}\n", rfc3339(time), words.join(" "), text(record, "reason"))
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or_default()
}
