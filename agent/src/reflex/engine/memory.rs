//! What a new process knows of the old one's deeds, from the journal: what was restarted lately.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use crate::reflex::decide::RESTART_EVERY;
use crate::reflex::policy::is_restartable;
use crate::reflex::record::Record;

/// Targets that were restarted, and how long they are still to be left alone.
pub(super) fn spared(records: &[Record], now: SystemTime) -> BTreeMap<String, Duration> {
    let left = |record: &Record| {
        let at = SystemTime::UNIX_EPOCH + Duration::from_nanos(record.time_unix_ns);
        // A clock that was set back since makes it a moment ago.
        let ago = now.duration_since(at).unwrap_or_default();
        RESTART_EVERY.checked_sub(ago).filter(|left| !left.is_zero())
    };
    // Its beginning is written down without an outcome, also if nobody saw the end.
    let begun = records.iter().filter(|record| record.kind == "action" && record.outcome.is_none());
    let targets = begun.filter_map(|record| Some((record.target.clone()?, left(record)?)));
    targets.filter(|(target, _)| is_restartable(target)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_restarted_lately_is_known() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(10_000);
        let record = |kind: &str, target: &str, at_s: u64, outcome: Option<&str>| Record {
            kind: kind.to_owned(),
            target: Some(target.to_owned()),
            time_unix_ns: at_s * 1_000_000_000,
            outcome: outcome.map(str::to_owned),
            ..Record::default()
        };
        let records = [
            record("action", "unit:old.service", 9_399, None),
            record("action", "unit:shop.service", 9_500, None),
            record("action", "unit:shop.service", 9_501, Some("failed")),
            record("action", "container:app=late", 10_005, None),
            record("action", "container:app=refused", 9_900, Some("refused")),
            record("decision", "container:app=thought", 9_900, None),
            record("action", "tcp/80", 9_900, None),
        ];
        let spared = spared(&records, now).into_iter().collect::<Vec<_>>();
        let expect = [("container:app=late", 600), ("unit:shop.service", 100)];
        assert_eq!(
            spared,
            expect.map(|(target, left_s)| (target.to_owned(), Duration::from_secs(left_s)))
        );
    }
}
