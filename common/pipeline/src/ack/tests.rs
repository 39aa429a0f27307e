//! Every pair of branch verdicts, the sender's patience, and lost acks.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::{RefusalKind, Signal, Stats};

const RECORDS: u64 = 10;

fn accepted() -> Outcome {
    Outcome::ACCEPTED
}

fn partial() -> Outcome {
    Outcome::Partial { rejected: 3, message: "three".into() }
}

fn retry() -> Outcome {
    Outcome::Retry { after: Some(Duration::from_secs(2)), cause: Cause::Backend }
}

fn refused() -> Outcome {
    Outcome::refused(RefusalKind::Rejected, "no")
}

fn warned(message: &str) -> Outcome {
    Outcome::Accepted { warning: Some(message.into()) }
}

/// Settles one branch per verdict and returns what the sender hears.
fn settle(stats: &Stats, verdicts: &[Outcome]) -> Answer {
    let (ack, waiter) = Ack::channel(RECORDS, stats.receiver("otlp", "grpc", Signal::Traces), None);
    for (index, (ack, verdict)) in ack.fan_out(verdicts.len()).into_iter().zip(verdicts).enumerate()
    {
        let ledger = stats.exporter(&format!("branch/{index}"), Signal::Traces);
        ledger.send(verdict.delivered(RECORDS));
        ack.settle(verdict.clone(), Some(&ledger));
    }
    waiter.shared.lock().answer.clone().expect("the last branch answers")
}

/// Settles two pieces, of three and of seven records.
fn settle_pieces(stats: &Stats, verdicts: [Outcome; 2]) -> Answer {
    let (ack, waiter) = Ack::channel(RECORDS, stats.receiver("otlp", "grpc", Signal::Traces), None);
    let ledger = stats.exporter("pieces", Signal::Traces);
    for (ack, verdict) in ack.cut(&[3, 7]).into_iter().zip(verdicts) {
        ledger.send(verdict.delivered(ack.records));
        ack.settle(verdict, Some(&ledger));
    }
    waiter.shared.lock().answer.clone().expect("the last piece answers")
}

#[test]
fn pieces_are_answered_as_the_whole_would_be() {
    let check = |verdicts, outcome: Outcome, accepted: u64| {
        let stats = Stats::default();
        assert_eq!(settle_pieces(&stats, verdicts), Answer { outcome, accepted });
        let (receiver, ledger) = (
            stats.receiver("otlp", "grpc", Signal::Traces),
            stats.exporter("pieces", Signal::Traces),
        );
        assert_eq!(receiver.accepted() + receiver.refused(), RECORDS);
        assert_eq!(receiver.accepted() + ledger.delivered_after_refusal(), ledger.sent());
    };
    let rejected = |rejected, message: &str| Outcome::Partial { rejected, message: message.into() };
    check([accepted(), accepted()], accepted(), 10);
    check([accepted(), refused()], rejected(7, "no"), 3);
    check([partial(), refused()], refused_all(), 0);
    check([refused(), accepted()], rejected(3, "no"), 7);
    check([accepted(), partial()], rejected(3, "three"), 7);
    check([warned("slow"), refused()], rejected(7, "no"), 3);
    check([warned("slow"), accepted()], warned("slow"), 10);
    check([refused(), refused()], refused(), 0);
    check([accepted(), retry()], retry(), 0);
}

/// Three of three records rejected, and all others refused.
fn refused_all() -> Outcome {
    Outcome::Partial { rejected: 10, message: "no".into() }
}

#[test]
fn a_piece_of_one_branch_is_not_the_whole() {
    let stats = Stats::default();
    let (ack, waiter) = Ack::channel(RECORDS, stats.receiver("otlp", "grpc", Signal::Traces), None);
    let mut branches = ack.fan_out(2);
    let ledger = stats.exporter("one", Signal::Traces);
    for (piece, verdict) in
        branches.pop().expect("two").cut(&[3, 7]).into_iter().zip([accepted(), refused()])
    {
        piece.settle(verdict, Some(&ledger));
    }
    branches.pop().expect("one").settle(accepted(), None);
    let answer = waiter.shared.lock().answer.clone().expect("the last branch answers");
    assert_eq!(answer, Answer { outcome: warned("no"), accepted: 10 });
    assert_eq!(ledger.dropped(DropReason::BranchRefused), 7);
}

#[test]
fn the_worst_branch_wins_unless_another_succeeded() {
    let check = |verdicts: &[Outcome], outcome: Outcome, accepted: u64| {
        let answer = settle(&Stats::default(), verdicts);
        assert_eq!(answer, Answer { outcome, accepted }, "{verdicts:?}");
    };
    check(&[accepted()], accepted(), 10);
    check(&[partial()], partial(), 7);
    check(&[retry()], retry(), 0);
    check(&[refused()], refused(), 0);
    check(&[accepted(), accepted()], accepted(), 10);
    check(&[accepted(), retry()], retry(), 0);
    check(&[refused(), retry()], retry(), 0);
    check(&[accepted(), refused()], warned("no"), 10);
    check(&[refused(), refused()], refused(), 0);
    check(&[accepted(), partial()], warned("three"), 10);
    check(&[partial(), refused()], warned("no"), 10);
}

#[test]
fn a_lost_ack_is_a_retryable_refusal() {
    let stats = Stats::default();
    let ledger = stats.receiver("otlp", "http", Signal::Logs);
    let (ack, waiter) = Ack::channel(4, ledger.clone(), None);
    drop(ack);
    let answer = waiter.shared.lock().answer.clone().expect("a dropped ack answers");
    assert_eq!(answer.outcome, Outcome::retry(Cause::Lost));
    assert_eq!((ledger.accepted(), ledger.refused()), (0, 4));
}

#[tokio::test(start_paused = true)]
async fn patience_ends_at_the_earliest_deadline_and_late_delivery_is_counted() {
    let stats = Stats::default();
    let ledger = stats.receiver("otlp", "http", Signal::Logs);
    let exporter = stats.exporter("otlp_http", Signal::Logs);
    let (wake, mut woken) = watch::channel(());
    let (ack, waiter) = Ack::channel(4, ledger.clone(), None);
    let start = Instant::now();
    ack.bound(start + Duration::from_secs(5), &wake);
    let answer = waiter.wait().await;
    assert_eq!(answer.outcome, Outcome::retry(Cause::Deadline));
    assert_eq!(start.elapsed(), Duration::from_secs(5));
    assert!(woken.changed().await.is_ok(), "the queue hears of it");
    exporter.send(4);
    ack.settle(Outcome::ACCEPTED, Some(&exporter));
    assert_eq!((ledger.accepted(), ledger.refused()), (0, 4));
    assert_eq!(exporter.delivered_after_refusal(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_sender_with_a_deadline_of_its_own_waits_that_long() {
    let ledger = Stats::default().receiver("otlp", "grpc", Signal::Traces);
    let (wake, _woken) = watch::channel(());
    let start = Instant::now();
    let (ack, waiter) = Ack::channel(1, ledger, Some(start + Duration::from_secs(60)));
    ack.bound(start + Duration::from_secs(5), &wake);
    waiter.wait().await;
    assert_eq!(start.elapsed(), Duration::from_secs(60));
}

#[test]
fn a_sender_that_went_away_is_counted_as_refused() {
    let ledger = Stats::default().receiver("otlp", "http", Signal::Logs);
    let (ack, waiter) = Ack::channel(4, ledger.clone(), None);
    drop(waiter);
    assert!(ack.is_answered());
    ack.settle(Outcome::ACCEPTED, None);
    assert_eq!((ledger.accepted(), ledger.refused()), (0, 4));
}

proptest! {
    /// The conservation law, whatever the branches say: accepted + delivered after refusal =
    /// sent + dropped, for every exporter.
    #[test]
    fn every_branch_balances(kinds in proptest::collection::vec(0usize..4, 1..5)) {
        let verdicts: Vec<Outcome> =
            kinds.iter().map(|&kind| [accepted(), partial(), retry(), refused()][kind].clone()).collect();
        let stats = Stats::default();
        let answer = settle(&stats, &verdicts);
        let receiver = stats.receiver("otlp", "grpc", Signal::Traces);
        prop_assert_eq!(receiver.accepted(), answer.accepted);
        prop_assert_eq!(receiver.accepted() + receiver.refused(), RECORDS);
        for index in 0..verdicts.len() {
            let ledger = stats.exporter(&format!("branch/{index}"), Signal::Traces);
            let dropped = ledger.dropped(DropReason::BranchRefused)
                + ledger.dropped(DropReason::RejectedByBackend);
            prop_assert_eq!(
                answer.accepted + ledger.delivered_after_refusal(),
                ledger.sent() + dropped,
                "branch {} of {:?}", index, verdicts
            );
        }
    }

    /// The same over branches that share the records out, after a processor took some away.
    #[test]
    fn shares_balance_with_what_was_taken_out(
        shares in proptest::collection::vec((1u64..9, 0usize..4), 1..5),
        lost in 0u64..5,
    ) {
        let stats = Stats::default();
        let receiver = stats.receiver("otlp", "grpc", Signal::Traces);
        let filter = stats.processor("filter", Signal::Traces);
        let exporter = stats.exporter("otlp_http", Signal::Traces);
        let records: u64 = lost + shares.iter().map(|(records, _)| records).sum::<u64>();
        let (mut ack, waiter) = Ack::channel(records, receiver.clone(), None);
        ack.lose(&filter, DropReason::Filtered, lost);
        let counts: Vec<u64> = shares.iter().map(|(records, _)| *records).collect();
        let mut rejected = 0;
        for (ack, (records, kind)) in ack.split(&counts).into_iter().zip(&shares) {
            let partial = Outcome::Partial { rejected: 1, message: "one".into() };
            let outcome = [accepted(), partial, retry(), refused()][*kind].clone();
            rejected += u64::from(*kind == 1);
            exporter.send(outcome.delivered(*records));
            ack.settle(outcome, Some(&exporter));
        }
        drop(waiter);
        let dropped = filter.dropped(DropReason::Filtered)
            + exporter.dropped(DropReason::BranchRefused)
            + exporter.dropped(DropReason::RejectedByBackend);
        let (read, sent) = (receiver.accepted() + exporter.delivered_after_refusal(), exporter.sent());
        prop_assert_eq!(read, sent + dropped, "of {} records, {} rejected", records, rejected);
    }
}
