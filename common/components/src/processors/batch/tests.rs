//! When a batch leaves, and what is kept apart.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use otlp::wire::{put_bytes, put_message};
use pipeline::{Ack, Budget, Part, Stats, Waiter};

use super::*;

fn settings(size: u64, keys: &[&str]) -> Settings {
    Settings {
        timeout: Duration::from_millis(200),
        sizer: Sizer::Items,
        min_size: size,
        max_size: 0,
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
    let client = Some(([127, 0, 0, 1], 9).into());
    let sender = Sender { metadata: tenant.clone(), grpc: tenant, client };
    (Batch { signal: Signal::Logs, parts, received_at, sender }, waiter)
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

/// A request with a log record for each body.
fn logs(bodies: &[&str], budget: &Arc<Budget>) -> (Batch, Waiter) {
    let (mut batch, _) = request(0, None);
    let records = bodies.len() as u64;
    let ledger = Stats::default().receiver("otlp", "http", Signal::Logs);
    let (ack, waiter) = Ack::channel(records, ledger, None);
    let mut body = Vec::new();
    put_message(&mut body, 1, |resource| {
        put_message(resource, 2, |scope| {
            bodies.iter().for_each(|body| put_bytes(scope, 2, body.as_bytes()));
        });
    });
    let mut permit = budget.permit(None);
    permit.grow(body.len()).expect("room for what comes");
    let (body, permit) = (Bytes::from(body), Arc::new(permit));
    batch.parts = vec![Part { body, packed: None, records, permit, ack }];
    (batch, waiter)
}

/// The bodies of the records in each batch that came out.
fn bodies(out: &[Batch]) -> Vec<String> {
    let records = |part: &Part| {
        let body = part.body.clone();
        let mut names = String::new();
        otlp::split::split::<otlp::Malformed>(
            Signal::Logs,
            &body,
            std::iter::repeat(Limit::records(1)),
            |piece| {
                names.push(char::from(*piece.body.last().expect("a record")));
                Ok(())
            },
        )
        .expect("sound");
        names
    };
    out.iter().map(|batch| batch.parts.iter().map(records).collect()).collect()
}

#[tokio::test(start_paused = true)]
async fn requests_are_cut_at_the_largest_size() {
    let budget = Budget::new(1 << 20, 1.0);
    let batcher = batcher(Settings { max_size: 4, ..settings(3, &[]) });
    let now = Instant::now();
    let (mut out, mut waiters) = (Vec::new(), Vec::new());
    for names in [&["a", "b"][..], &["c", "d", "e", "f", "g", "h", "i"], &["j"], &["k", "l", "m"]] {
        let (batch, waiter) = logs(names, &budget);
        waiters.push(tokio::spawn(waiter.wait()));
        batcher.process(batch, now, &mut out);
    }
    // `a` and `b` wait, nine are two full batches and a rest, `j` joins it, and three are enough.
    assert_eq!(bodies(&out), ["abcd", "efgh", "klm"]);
    batcher.drain(&mut out);
    assert_eq!(bodies(&out)[3..], ["ij"]);
    for part in out.into_iter().flat_map(|batch| batch.parts) {
        part.ack.settle(Outcome::ACCEPTED, None);
    }
    for (waiter, records) in waiters.into_iter().zip([2, 7, 1, 3]) {
        assert_eq!(waiter.await.expect("no panic").accepted, records, "each sender hears of all");
    }
    assert_eq!(budget.used_bytes(), 0);
}

#[tokio::test]
async fn without_waiting_requests_are_cut_all_the_same() {
    let budget = Budget::new(1 << 20, 1.0);
    for settings in [
        Settings { max_size: 2, timeout: Duration::ZERO, ..settings(2, &[]) },
        Settings { max_size: 2, ..settings(0, &[]) },
        Settings { max_size: 40, sizer: Sizer::Bytes, ..settings(0, &[]) },
    ] {
        let batcher = batcher(settings);
        let mut out = Vec::new();
        // A record of 12 bytes beside what is around it: two have room in forty bytes.
        let names = ["..........a", "..........b", "..........c"];
        batcher.process(logs(&names, &budget).0, Instant::now(), &mut out);
        assert_eq!(bodies(&out), ["ab", "c"]);
        assert_eq!(batcher.deadline(), None);
    }
}

#[tokio::test]
async fn without_memory_for_the_pieces_a_request_is_refused() {
    let budget = Budget::new(20, 1.0);
    let batcher = batcher(Settings { max_size: 2, ..settings(2, &[]) });
    let (batch, waiter) = logs(&["a", "b", "c"], &budget);
    let mut out = Vec::new();
    batcher.process(batch, Instant::now(), &mut out);
    let answer = waiter.wait().await;
    assert_eq!(answer.outcome, Outcome::retry(Cause::Budget), "to come again");
    batcher.drain(&mut out);
    assert!(out.is_empty());
    assert_eq!(budget.used_bytes(), 0);
}

#[tokio::test]
async fn profiles_are_never_merged() {
    let batcher = batcher(settings(10, &[]));
    let mut out = Vec::new();
    for _ in 0..2 {
        let (mut batch, _) = request(1, None);
        batch.signal = Signal::Profiles;
        batcher.process(batch, Instant::now(), &mut out);
    }
    assert_eq!(shape(&out), [vec![1], vec![1]]);
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
    let senders = || out.iter().map(|batch| &batch.sender);
    assert!(senders().all(|sender| sender.metadata.as_ref().is_some_and(|kept| kept.len() == 1)));
    assert!(senders().all(|sender| sender.grpc.is_none() && sender.client.is_none()));
}
