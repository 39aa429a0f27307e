//! Backends that take requests up to a size.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

/// Takes requests of at most `limit` bytes, and notes the records of those that it took.
#[derive(Default)]
struct Narrow {
    limit: AtomicUsize,
    taken: std::sync::Mutex<Vec<u64>>,
    refused: AtomicUsize,
}

impl Narrow {
    fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { limit: AtomicUsize::new(limit), ..Self::default() })
    }
}

impl Exporter for Narrow {
    fn send<'a>(&'a self, batch: &'a Batch, _timeout: Duration) -> crate::SendFuture<'a> {
        Box::pin(async {
            tokio::time::sleep(Duration::from_millis(1)).await;
            if batch.body_bytes() > self.limit.load(Ordering::Relaxed) {
                self.refused.fetch_add(1, Ordering::Relaxed);
                return too_large();
            }
            self.taken.lock().expect("not poisoned").push(batch.records());
            Outcome::ACCEPTED
        })
    }
}

/// Pushes one batch with a request of spans with names of these lengths for each list, to a backend that takes
/// `limit` bytes at once; says what each sender heard and how many records were in each request that was taken.
async fn narrow(
    stats: &Stats,
    limit: usize,
    requests: &[&[usize]],
) -> (Vec<crate::Answer>, Vec<u64>) {
    let backend = Narrow::new(limit);
    let queue = Queue::start(backend.clone(), settings(), ledger(stats));
    let mut merged: Option<Batch> = None;
    let mut waiters = Vec::new();
    for names in requests {
        let (batch, waiter) = crate::testing::spans(stats, names);
        waiters.push(waiter);
        match &mut merged {
            Some(merged) => merged.merge(batch),
            None => merged = Some(batch),
        }
    }
    queue.push(merged.expect("a request"), Instant::now());
    let mut answers = Vec::new();
    for waiter in waiters {
        answers.push(waiter.wait().await);
    }
    let taken = backend.taken.lock().expect("not poisoned").clone();
    (answers, taken)
}

#[tokio::test(start_paused = true)]
async fn what_is_too_large_goes_in_halves() {
    let stats = Stats::default();
    let (answers, taken) = narrow(&stats, 100, &[&[20; 10]]).await;
    assert_eq!(answers[0], crate::Answer { outcome: Outcome::ACCEPTED, accepted: 10 });
    assert_eq!(taken, [2, 3, 2, 3], "in order");
    assert_eq!((ledger(&stats).sent(), ledger(&stats).queued()), (10, 0));
}

#[tokio::test(start_paused = true)]
async fn a_record_that_is_too_large_is_refused_alone() {
    let stats = Stats::default();
    let (answers, taken) = narrow(&stats, 100, &[&[20, 20, 200, 20]]).await;
    let message = "larger than the limit".into();
    assert_eq!(answers[0].outcome, Outcome::Partial { rejected: 1, message });
    assert_eq!((answers[0].accepted, taken.iter().sum::<u64>()), (3, 3));
    assert_eq!((ledger(&stats).sent(), ledger(&stats).queued()), (3, 0));
}

#[tokio::test(start_paused = true)]
async fn a_merged_batch_that_is_too_large_goes_in_fewer_requests() {
    let stats = Stats::default();
    let (answers, taken) = narrow(&stats, 100, &[&[20], &[20], &[20], &[200], &[20, 20]]).await;
    let outcomes: Vec<_> = answers.into_iter().map(|answer| answer.outcome).collect();
    let accepted = Outcome::ACCEPTED;
    assert_eq!(
        outcomes,
        [accepted.clone(), accepted.clone(), accepted.clone(), too_large(), accepted]
    );
    assert_eq!(taken, [2, 1, 2]);
}

#[tokio::test(start_paused = true)]
async fn cutting_ends_where_a_backend_takes_nothing() {
    let stats = Stats::default();
    let (answers, taken) = narrow(&stats, 0, &[&[20; 1000]]).await;
    assert_eq!(answers[0].outcome, too_large());
    assert!(taken.is_empty());
    assert_eq!((ledger(&stats).sent(), ledger(&stats).queued()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_limit_is_learnt_from_a_refusal_and_forgotten_by_and_by() {
    let stats = Stats::default();
    let backend = Narrow::new(150_000);
    let queue = Queue::start(backend.clone(), settings(), ledger(&stats));
    let send = async |requests: &[usize]| {
        let mut waiters = Vec::new();
        let mut merged: Option<Batch> = None;
        for &spans in requests {
            let (batch, waiter) = crate::testing::spans(&stats, &vec![1000; spans]);
            waiters.push(waiter);
            merged = Some(match merged.take() {
                Some(mut before) => {
                    before.merge(batch);
                    before
                }
                None => batch,
            });
        }
        queue.push(merged.expect("a request"), Instant::now());
        for waiter in waiters {
            assert_eq!(waiter.wait().await.outcome, Outcome::ACCEPTED);
        }
        let taken = std::mem::take(&mut *backend.taken.lock().expect("not poisoned"));
        assert_eq!(taken.iter().sum::<u64>(), requests.iter().sum::<usize>() as u64);
        (taken.len(), backend.refused.swap(0, Ordering::Relaxed))
    };
    assert_eq!(
        send(&[400]).await,
        (4, 2),
        "the whole and its first half; the second is cut beforehand"
    );
    for requests in [&[400][..], &[126, 500, 20], &[100, 100, 100], &[3; 40], &[120]] {
        let (_, refused) = send(requests).await;
        assert_eq!(refused, 0, "{requests:?}");
    }
    // What is tried has doubled, and the limit is met again; then it is known as well as before.
    tokio::time::advance(Duration::from_secs(600)).await;
    assert_eq!(send(&[220]).await.1, 1);
    assert_eq!(send(&[400]).await.1, 0);
    backend.limit.store(usize::MAX, Ordering::Relaxed);
    tokio::time::advance(Duration::from_secs(3600)).await;
    assert_eq!(send(&[400]).await, (1, 0), "it was raised");
}

#[tokio::test(start_paused = true)]
async fn fifty_large_requests_cost_few_refusals() {
    let stats = Stats::default();
    let backend = Narrow::new(110_000);
    let queue = Queue::start(backend.clone(), settings(), ledger(&stats));
    let sizes = (0..50).map(|number| 120 + number * 37 % 280);
    let mut waiters = Vec::new();
    for spans in sizes.clone() {
        let (batch, waiter) = crate::testing::spans(&stats, &vec![1000; spans]);
        queue.push(batch, Instant::now());
        waiters.push(waiter);
    }
    for waiter in waiters {
        assert_eq!(waiter.wait().await.outcome, Outcome::ACCEPTED);
    }
    let total = sizes.sum::<usize>() as u64;
    assert_eq!(backend.taken.lock().expect("not poisoned").iter().sum::<u64>(), total);
    assert_eq!(ledger(&stats).sent(), total);
    // A consumer at most learns by itself what the others do, from a whole request, its half and a quarter.
    let refused = backend.refused.load(Ordering::Relaxed);
    assert!(refused <= 3 * settings().num_consumers, "{refused}");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_learnt_where_nothing_is_taken() {
    let stats = Stats::default();
    let backend = Narrow::new(0);
    let queue = Queue::start(backend.clone(), settings(), ledger(&stats));
    let push = || {
        let (batch, waiter) = crate::testing::spans(&stats, &vec![1000; 400]);
        queue.push(batch, Instant::now());
        waiter
    };
    assert_eq!(push().wait().await.outcome, too_large());
    backend.limit.store(usize::MAX, Ordering::Relaxed);
    assert_eq!(push().wait().await.outcome, Outcome::ACCEPTED);
    assert_eq!(*backend.taken.lock().expect("not poisoned"), [400], "whole");
}
