//! Promises of the queue under a paused clock, and the conservation law under random backends.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

mod sizes;

use super::*;
use crate::testing::{Scripted, batch};
use crate::{Cause, DropReason, Outcome, RefusalKind, Signal, Stats, Waiter};

fn settings() -> QueueSettings {
    let retry = RetrySettings {
        initial_interval: Duration::from_millis(100),
        randomization_factor: 0.0,
        ..RetrySettings::default()
    };
    QueueSettings { retry, ..QueueSettings::default() }
}

fn ledger(stats: &Stats) -> Arc<ExporterLedger> {
    stats.exporter("test", Signal::Traces)
}

fn push(queue: &Queue, stats: &Stats, records: u64) -> Waiter {
    let (batch, waiter) = batch(stats, records);
    queue.push(batch, Instant::now());
    waiter
}

fn retry() -> Outcome {
    Outcome::retry(Cause::Backend)
}

fn refused() -> Outcome {
    Outcome::refused(RefusalKind::Rejected, "no")
}

fn too_large() -> Outcome {
    Outcome::refused(RefusalKind::TooLarge, "larger than the limit")
}

/// Writes so many bytes for each attempt and holds them while it sends.
struct Wordy {
    outputs: crate::Outputs,
    bytes: usize,
}

impl Exporter for Wordy {
    fn send<'a>(&'a self, _batch: &'a Batch, _timeout: Duration) -> crate::SendFuture<'a> {
        Box::pin(async move {
            let Ok(output) = self.outputs.begin(self.bytes) else {
                return Outcome::retry(Cause::Budget);
            };
            let _kept = output.keep(bytes::Bytes::from(vec![0; self.bytes]));
            tokio::time::sleep(Duration::from_millis(100)).await;
            Outcome::ACCEPTED
        })
    }
}

/// What senders hear whose batches are pushed together to an exporter that writes 60 bytes for each, where the
/// budget has 100.
async fn wordy(stats: &Stats, settings: QueueSettings, batches: usize) -> Vec<Outcome> {
    let budget = crate::Budget::new(100, 1.0);
    let backend = Arc::new(Wordy { outputs: crate::Outputs::new(budget.clone()), bytes: 60 });
    let queue = Queue::start(backend, settings, ledger(stats));
    let waiters: Vec<Waiter> = (0..batches).map(|_| push(&queue, stats, 1)).collect();
    let mut heard = Vec::new();
    for waiter in waiters {
        heard.push(waiter.wait().await.outcome);
    }
    assert_eq!((budget.used_bytes(), ledger(stats).queued()), (0, 0));
    heard
}

#[tokio::test(start_paused = true)]
async fn what_the_budget_has_no_room_for_is_put_off_and_arrives() {
    let stats = Stats::default();
    assert_eq!(wordy(&stats, settings(), 9).await, vec![Outcome::ACCEPTED; 9]);
    // One within the budget and one beyond it at a time, so seven wait, then five, three, one.
    assert_eq!((ledger(&stats).sent(), ledger(&stats).attempts_put_off()), (9, 16));
    assert_eq!(ledger(&stats).failing_since(), None, "the backend is well");
}

#[tokio::test(start_paused = true)]
async fn who_does_not_retry_hears_that_the_budget_is_used_up() {
    let stats = Stats::default();
    let mut settings = settings();
    settings.retry.enabled = false;
    let later = Outcome::Retry { after: Some(Duration::from_millis(200)), cause: Cause::Budget };
    let heard = wordy(&stats, settings, 3).await;
    assert_eq!(heard, [Outcome::ACCEPTED, Outcome::ACCEPTED, later]);
    assert_eq!(ledger(&stats).attempts_put_off(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_backend_that_recovers_in_time_is_a_success() {
    let stats = Stats::default();
    let backend = Scripted::new(&[retry(), retry(), Outcome::ACCEPTED], Duration::ZERO);
    let queue = Queue::start(backend.clone(), settings(), ledger(&stats));
    let answer = push(&queue, &stats, 3).wait().await;
    assert_eq!((answer.outcome, answer.accepted), (Outcome::ACCEPTED, 3));
    assert_eq!(backend.attempts.lock().expect("not poisoned").len(), 3);
    assert_eq!((ledger(&stats).sent(), ledger(&stats).queued()), (3, 0));
}

#[tokio::test(start_paused = true)]
async fn an_impatient_sender_is_refused_and_its_part_leaves() {
    let stats = Stats::default();
    let queue = Queue::start(Scripted::new(&[retry()], Duration::ZERO), settings(), ledger(&stats));
    let start = Instant::now();
    let answer = push(&queue, &stats, 3).wait().await;
    assert_eq!(answer.outcome, Outcome::retry(Cause::Deadline));
    assert_eq!(start.elapsed(), Duration::from_secs(5));
    queue.drain(Instant::now() + Duration::from_secs(1)).await;
    assert!(start.elapsed() < Duration::from_secs(6), "nothing was left to wait for");
    assert_eq!((ledger(&stats).sent(), ledger(&stats).queued()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn delivery_in_a_running_attempt_counts_after_refusal() {
    let stats = Stats::default();
    // The attempt ends at its timeout plus nothing; let it succeed just before a shorter patience.
    let backend = Scripted::new(&[Outcome::ACCEPTED], Duration::from_secs(4));
    let queue = Queue::start(backend, settings(), ledger(&stats));
    let (mut batch, waiter) = batch(&stats, 3);
    let receiver = stats.receiver("otlp", "grpc", Signal::Traces);
    let soon = Instant::now() + Duration::from_secs(1);
    let (ack, impatient) = crate::Ack::channel(3, receiver, Some(soon));
    batch.parts[0].ack = ack;
    drop(waiter);
    queue.push(batch, Instant::now());
    assert_eq!(impatient.wait().await.outcome, Outcome::retry(Cause::Deadline));
    queue.drain(Instant::now() + Duration::from_secs(10)).await;
    let ledger = ledger(&stats);
    assert_eq!((ledger.sent(), ledger.delivered_after_refusal()), (3, 3));
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_refuses_or_makes_wait() {
    for block_on_overflow in [false, true] {
        let stats = Stats::default();
        let backend = Scripted::new(&[Outcome::ACCEPTED], Duration::from_secs(1));
        let settings =
            QueueSettings { queue_size: 1, num_consumers: 1, block_on_overflow, ..settings() };
        let queue = Queue::start(backend, settings, ledger(&stats));
        let first = push(&queue, &stats, 1);
        tokio::task::yield_now().await;
        let second = push(&queue, &stats, 1);
        let third = push(&queue, &stats, 1).wait().await;
        let full = Outcome::retry(Cause::QueueFull);
        let expected = if block_on_overflow { Outcome::ACCEPTED } else { full };
        assert_eq!(third.outcome, expected);
        assert_eq!(first.wait().await.accepted + second.wait().await.accepted, 2);
    }
}

/// Pushes batches, each with requests of so many records, to a queue before a backend that takes a second; what
/// each sender heard, in order.
async fn overflow(settings: QueueSettings, batches: &[&[u64]]) -> Vec<Outcome> {
    let stats = Stats::default();
    let settings = QueueSettings { num_consumers: 1, ..settings };
    let backend = Scripted::new(&[Outcome::ACCEPTED], Duration::from_millis(100));
    let queue = Queue::start(backend, settings, ledger(&stats));
    let first = push(&queue, &stats, 1);
    tokio::task::yield_now().await;
    let mut waiters = vec![first];
    for requests in batches {
        let mut merged: Option<Batch> = None;
        for &records in *requests {
            let spans = vec![1; usize::try_from(records).expect("small")];
            let (batch, waiter) = crate::testing::spans(&stats, &spans);
            waiters.push(waiter);
            match &mut merged {
                Some(merged) => merged.merge(batch),
                None => merged = Some(batch),
            }
        }
        queue.push(merged.expect("a request"), Instant::now());
    }
    let mut heard = Vec::new();
    for waiter in waiters {
        heard.push(waiter.wait().await.outcome);
    }
    assert_eq!(heard.remove(0), Outcome::ACCEPTED, "nothing stood before the first");
    heard
}

/// A queue, the batches pushed to it, and what their senders hear.
type Row<'a> = (QueueSettings, &'a [&'a [u64]], Vec<Outcome>);

#[tokio::test(start_paused = true)]
async fn a_queue_counts_requests_records_or_bytes() {
    let sent = || Outcome::ACCEPTED;
    let full = || Outcome::retry(Cause::QueueFull);
    let larger = || {
        let message = "the request is larger than the exporter's sending_queue";
        Outcome::refused(RefusalKind::TooLarge, message)
    };
    let of = |sizer, queue_size, block_on_overflow| QueueSettings {
        sizer,
        queue_size,
        block_on_overflow,
        ..settings()
    };
    let (requests, items, bytes) = (QueueSizer::Requests, QueueSizer::Items, QueueSizer::Bytes);
    let span_bytes = crate::testing::spans(&Stats::default(), &[1]).0.body_bytes();
    let rows: [Row<'_>; 7] = [
        (of(requests, 2, false), &[&[9], &[9, 9], &[1]], vec![sent(), sent(), sent(), full()]),
        (of(items, 4, false), &[&[3], &[2], &[1]], vec![sent(), full(), sent()]),
        (of(items, 4, true), &[&[3], &[2], &[1]], vec![sent(), sent(), sent()]),
        (of(items, 4, true), &[&[5], &[4]], vec![larger(), sent()]),
        (of(items, 4, false), &[&[2, 5, 1], &[1]], vec![sent(), larger(), sent(), sent()]),
        (of(bytes, 2 * span_bytes, false), &[&[1], &[1], &[1]], vec![sent(), sent(), full()]),
        (of(bytes, span_bytes - 1, true), &[&[1]], vec![larger()]),
    ];
    for (settings, batches, expected) in rows {
        let named = format!("{settings:?}, {batches:?}");
        assert_eq!(overflow(settings, batches).await, expected, "{named}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_merged_batch_refused_for_good_is_sent_part_by_part() {
    let stats = Stats::default();
    let script = [refused(), Outcome::ACCEPTED, refused(), Outcome::ACCEPTED];
    let backend = Scripted::new(&script, Duration::ZERO);
    let queue = Queue::start(backend.clone(), settings(), ledger(&stats));
    let (mut merged, first) = batch(&stats, 1);
    let (second_batch, second) = batch(&stats, 2);
    let (third_batch, third) = batch(&stats, 4);
    merged.merge(second_batch);
    merged.merge(third_batch);
    queue.push(merged, Instant::now());
    assert_eq!(first.wait().await.outcome, Outcome::ACCEPTED);
    assert_eq!(second.wait().await.outcome, refused());
    assert_eq!(third.wait().await.outcome, Outcome::ACCEPTED);
    assert_eq!(*backend.attempts.lock().expect("not poisoned"), [3, 1, 1, 1]);
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_without_wait_for_result() {
    let stats = Stats::default();
    let settings = QueueSettings { wait_for_result: false, ..settings() };
    let queue = Queue::start(Scripted::new(&[retry()], Duration::ZERO), settings, ledger(&stats));
    let start = Instant::now();
    assert_eq!(push(&queue, &stats, 3).wait().await.outcome, Outcome::ACCEPTED);
    assert_eq!(start.elapsed(), Duration::ZERO);
    queue.drain(start + Duration::from_secs(3600)).await;
    assert!(start.elapsed() <= Duration::from_secs(300), "max_elapsed_time bounds the tries");
    assert_eq!(ledger(&stats).dropped(DropReason::RetryExhausted), 3);
}

#[tokio::test(start_paused = true)]
async fn shutdown_gives_up_what_is_left() {
    for wait_for_result in [false, true] {
        let stats = Stats::default();
        let backend = Scripted::new(&[Outcome::ACCEPTED], Duration::from_secs(60));
        let settings = QueueSettings {
            wait_for_result,
            timeout: Duration::from_secs(100),
            num_consumers: 1,
            ..settings()
        };
        let queue = Queue::start(backend, settings, ledger(&stats));
        let waiters = [push(&queue, &stats, 1), push(&queue, &stats, 2)];
        tokio::task::yield_now().await;
        queue.drain(Instant::now() + Duration::from_secs(1)).await;
        for waiter in waiters {
            let heard = waiter.wait().await.outcome;
            let shutdown = Outcome::retry(Cause::Shutdown);
            assert_eq!(heard, if wait_for_result { shutdown } else { Outcome::ACCEPTED });
        }
        let lost = if wait_for_result { 0 } else { 3 };
        assert_eq!(ledger(&stats).dropped(DropReason::Shutdown), lost);
        assert_eq!(ledger(&stats).queued(), 0);
    }
}

/// One run of a random backend; returns both sides of the law.
async fn conserve(script: Vec<Outcome>, settings: QueueSettings, sizes: Vec<u64>) -> (u64, u64) {
    let stats = Stats::default();
    let backend = Scripted::new(&script, Duration::from_millis(700));
    let queue = Queue::start(backend, settings, ledger(&stats));
    let mut waiters = Vec::new();
    for pair in sizes.chunks(2) {
        let spans = |count: u64| vec![1; usize::try_from(count).expect("small")];
        let (mut merged, waiter) = crate::testing::spans(&stats, &spans(pair[0]));
        waiters.push(waiter);
        if let Some(&second) = pair.get(1) {
            let (other, waiter) = crate::testing::spans(&stats, &spans(second));
            merged.merge(other);
            waiters.push(waiter);
        }
        queue.push(merged, Instant::now());
    }
    let hearing: Vec<_> = waiters.into_iter().map(|waiter| tokio::spawn(waiter.wait())).collect();
    for heard in hearing {
        heard.await.expect("no waiter panics");
    }
    queue.drain(Instant::now() + Duration::from_secs(400)).await;
    let ledger = ledger(&stats);
    let dropped = [
        DropReason::TooLarge,
        DropReason::RetryExhausted,
        DropReason::RejectedByBackend,
        DropReason::BranchRefused,
        DropReason::Shutdown,
        DropReason::Error,
    ];
    let dropped: u64 = dropped.into_iter().map(|reason| ledger.dropped(reason)).sum();
    let receiver = stats.receiver("otlp", "grpc", Signal::Traces);
    assert_eq!(receiver.accepted() + receiver.refused(), sizes.iter().sum::<u64>());
    (
        receiver.accepted() + ledger.delivered_after_refusal(),
        ledger.sent() + ledger.queued() + dropped,
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn the_conservation_law_holds(
        kinds in proptest::collection::vec(0usize..6, 1..12),
        sizes in proptest::collection::vec(1u64..9, 1..16),
        queue_size in 1usize..8,
        sizer in 0usize..3,
        flags in any::<(bool, bool, bool, bool)>(),
    ) {
        let partial = Outcome::Partial { rejected: 1, message: "one".into() };
        let put_off = Outcome::retry(Cause::Budget);
        let all = [Outcome::ACCEPTED, partial, retry(), refused(), too_large(), put_off];
        let script = kinds.into_iter().map(|kind| all[kind].clone()).collect();
        let mut settings = QueueSettings {
            enabled: flags.0,
            block_on_overflow: flags.1,
            wait_for_result: flags.2,
            sizer: [QueueSizer::Requests, QueueSizer::Items, QueueSizer::Bytes][sizer],
            queue_size: queue_size * [1, 3, 30][sizer],
            num_consumers: 2,
            ..settings()
        };
        settings.retry.enabled = flags.3;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime");
        let (received, ended) = runtime.block_on(conserve(script, settings, sizes));
        prop_assert_eq!(received, ended);
    }
}
