//! When a batch leaves, and what is kept apart.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use pipeline::{Ack, Budget, Part, Stats, Waiter};

use super::*;

fn settings(size: u64, keys: &[&str]) -> Settings {
    Settings {
        timeout: Duration::from_millis(200),
        send_batch_size: size,
        metadata_keys: keys.iter().map(|key| (*key).to_owned()).collect(),
        metadata_cardinality_limit: 2,
    }
}

fn batcher(settings: Settings) -> Batcher {
    Batcher::new(settings, Stats::default().processor("batch", Signal::Logs))
}

/// A request whose body is its number of records, so that order shows.
fn request(records: u64, tenant: Option<&str>) -> (Batch, Waiter) {
    let ledger = Stats::default().receiver("otlp", "http", Signal::Logs);
    let (ack, waiter) = Ack::channel(records, ledger, None);
    let permit = Arc::new(Budget::new(1 << 20, 1.0).permit(None));
    let body = Bytes::from(records.to_string());
    let parts = vec![Part { body, packed: None, records, permit, ack }];
    let tenant = tenant.map(|tenant| Arc::new(vec![("tenant".to_owned(), tenant.to_owned())]));
    let received_at = SystemTime::UNIX_EPOCH;
    (Batch { signal: Signal::Logs, parts, received_at, metadata: tenant }, waiter)
}

/// What came out: the requests of each batch.
fn shape(out: &[Batch]) -> Vec<Vec<u64>> {
    let records = |batch: &Batch| batch.parts.iter().map(|part| part.records).collect();
    out.iter().map(records).collect()
}

#[tokio::test(start_paused = true)]
async fn batches_leave_when_full_when_due_and_when_nothing_more_comes() {
    let batcher = batcher(settings(10, &[]));
    let now = Instant::now();
    let mut out = Vec::new();
    let mut waiters = Vec::new();
    let mut push = |records, out: &mut Vec<Batch>| {
        let (batch, waiter) = request(records, None);
        waiters.push(waiter);
        batcher.process(batch, now, out);
    };
    push(4, &mut out);
    push(12, &mut out);
    assert_eq!(shape(&out), [vec![12]], "a large request passes as it is");
    push(3, &mut out);
    push(3, &mut out);
    assert_eq!(shape(&out), [vec![12], vec![4, 3, 3]], "full");
    push(1, &mut out);
    assert_eq!(batcher.deadline(), Some(now + Duration::from_millis(200)));
    batcher.tick(now, &mut out);
    assert_eq!(out.len(), 2, "not due yet");
    batcher.tick(now + Duration::from_millis(200), &mut out);
    push(2, &mut out);
    batcher.idle(&mut out);
    push(5, &mut out);
    batcher.drain(&mut out);
    assert_eq!(shape(&out)[2..], [vec![1], vec![2], vec![5]]);
    assert_eq!(batcher.deadline(), None);
}

#[tokio::test]
async fn tenants_are_kept_apart_and_bounded() {
    let batcher = batcher(settings(10, &["tenant"]));
    let mut out = Vec::new();
    let mut answers = Vec::new();
    for (records, tenant) in [(1, "a"), (2, "b"), (3, "a"), (4, "c")] {
        let (batch, waiter) = request(records, Some(tenant));
        answers.push(tokio::spawn(waiter.wait()));
        batcher.process(batch, Instant::now(), &mut out);
    }
    let refused = answers.pop().expect("four were pushed").await.expect("no panic");
    assert_eq!(refused.outcome, Outcome::retry(Cause::Budget), "the third group is one too many");
    batcher.drain(&mut out);
    let mut shapes = shape(&out);
    shapes.sort();
    assert_eq!(shapes, [vec![1, 3], vec![2]]);
    assert!(out.iter().all(|batch| batch.metadata.as_ref().is_some_and(|kept| kept.len() == 1)));
}
