//! Fused texts over batches of several parts, each with its own sender.

use std::time::UNIX_EPOCH;

use bytes::Bytes;
use otlp::wire::put_bytes;
use ottl::program::{Entry, ErrorMode, Group, filter, transform};
use pipeline::{Ack, Budget, Sender, Stats};

use super::*;

/// A log request with records of these event names, the resource named, too.
fn logs(resource: &str, names: &[&str]) -> Bytes {
    let mut scope = Vec::new();
    for name in names {
        let mut record = Vec::new();
        put_bytes(&mut record, 12, name.as_bytes());
        put_bytes(&mut scope, 2, &record);
    }
    let (mut resources, mut request) = (Vec::new(), Vec::new());
    put_bytes(&mut resources, 2, &scope);
    put_bytes(&mut resources, 3, resource.as_bytes());
    put_bytes(&mut request, 1, &resources);
    request.into()
}

fn stage(stats: &Stats, id: &str, program: Program, drops: bool) -> Arc<Stage> {
    let (signal, ledger) = (Signal::Logs, stats.processor(id, Signal::Logs));
    Arc::new(Stage { id: id.to_owned(), ledger, program: Some(program), drops, signal })
}

fn editing(stats: &Stats, id: &str, statement: &str, error_mode: ErrorMode) -> Texts {
    let group = Group { statements: vec![statement.to_owned()], error_mode, ..Group::default() };
    let program = transform(Signal::Logs, &[group], true).expect("a good statement");
    Texts::new(vec![stage(stats, id, program.clone(), false)], Some(program))
}

fn dropping(stats: &Stats, id: &str, condition: &str) -> Texts {
    let entry = Entry { conditions: vec![condition.to_owned()], ..Entry::default() };
    let program = filter(Signal::Logs, &[entry], true).expect("a good condition");
    Texts::new(vec![stage(stats, id, program.clone(), true)], Some(program))
}

/// Pushes requests as one batch; the bodies that come out.
async fn through(processor: &dyn Processor, bodies: &[Bytes]) -> (Vec<Bytes>, Vec<Outcome>) {
    through_within(&Budget::new(1 << 20, 1.0), processor, bodies).await
}

/// The same with a budget of one's own.
async fn through_within(
    budget: &Arc<Budget>,
    processor: &dyn Processor,
    bodies: &[Bytes],
) -> (Vec<Bytes>, Vec<Outcome>) {
    let stats = Stats::default();
    let ledger = stats.receiver("otlp", "http", Signal::Logs);
    let (mut parts, mut waiters) = (Vec::new(), Vec::new());
    for body in bodies {
        let records = otlp::check(Signal::Logs, body).expect("sound").records;
        let (ack, waiter) = Ack::channel(records, ledger.clone(), None);
        let mut permit = budget.permit(None);
        permit.grow(body.len()).expect("there is room");
        let permit = Arc::new(permit);
        parts.push(Part { body: body.clone(), packed: None, records, permit, ack });
        waiters.push(waiter);
    }
    let received_at = UNIX_EPOCH;
    let batch = Batch { signal: Signal::Logs, parts, received_at, sender: Sender::default() };
    let mut out = Vec::new();
    processor.process(batch, Instant::now(), &mut out);
    let mut left = Vec::new();
    for part in out.into_iter().flat_map(|batch| batch.parts) {
        left.push(part.body.clone());
        part.ack.settle(Outcome::ACCEPTED, None);
    }
    let mut answers = Vec::new();
    for waiter in waiters {
        answers.push(waiter.wait().await.outcome);
    }
    (left, answers)
}

#[tokio::test]
async fn a_flat_form_is_charged_to_the_budget_while_it_lasts() {
    let stats = Stats::default();
    let group = Group {
        statements: vec![r#"set(resource.attributes["n"], log.event_name)"#.to_owned()],
        flattened: true,
        ..Group::default()
    };
    let program = transform(Signal::Logs, &[group], true).expect("a good statement");
    let texts = Texts::new(vec![stage(&stats, "flat", program.clone(), false)], Some(program));
    let body = logs(&"r".repeat(1000), &["one"; 100]);
    let flat = otlp::flat::flat_bytes(&body).expect("sound");
    assert!(flat > 100_000 && body.len() < 3000);
    for (budget_bytes, is_enough) in [(body.len() + flat, false), (body.len() + 3 * flat, true)] {
        let budget = Budget::new(budget_bytes, 1.0);
        let (left, answers) = through_within(&budget, &texts, std::slice::from_ref(&body)).await;
        let answer = if is_enough { Outcome::ACCEPTED } else { Outcome::retry(Cause::Budget) };
        assert_eq!((left.len(), answers), (usize::from(is_enough), vec![answer]));
        assert_eq!(budget.used_bytes(), 0);
    }
}

/// Each record would become a thousand times as long: the request is refused for now, no more than the budget was
/// taken, and others in the batch go on.
#[tokio::test]
async fn a_request_that_grows_beyond_the_budget_is_refused_retryably() {
    let stats = Stats::default();
    let ten = ["log.event_name"; 10].join(", ");
    let statement =
        format!("set(log.event_name, Concat([{ten}], \"\")) where log.event_name != \"ok\"");
    let statements = vec![statement; 3];
    let group = Group { statements, ..Group::default() };
    let program = transform(Signal::Logs, &[group], true).expect("good statements");
    let texts = Texts::new(vec![stage(&stats, "grow", program.clone(), false)], Some(program));
    let name = "n".repeat(100);
    let (growing, fine) = (logs("a", &[name.as_str(); 200]), logs("b", &["ok"; 10]));
    let retry = Outcome::retry(Cause::Budget);
    for (budget_bytes, is_enough) in [(2 << 20, false), (8 << 20, false), (64 << 20, true)] {
        let budget = Budget::new(budget_bytes, 1.0);
        let bodies = [growing.clone(), fine.clone()];
        let (left, answers) = through_within(&budget, &texts, &bodies).await;
        let answer = if is_enough { Outcome::ACCEPTED } else { retry.clone() };
        assert_eq!(answers, [answer, Outcome::ACCEPTED], "{budget_bytes}");
        assert_eq!(left.last(), Some(&fine));
        assert_eq!(left.len(), 1 + usize::from(is_enough));
        assert_eq!(budget.used_bytes(), 0);
    }
}

#[tokio::test]
async fn parts_are_walked_apart_and_untouched_ones_are_the_same_bytes() {
    let stats = Stats::default();
    let filter = dropping(&stats, "filter", r#"log.event_name == "bad""#);
    let untouched = logs("a", &["good", "fine"]);
    let bodies = [untouched.clone(), logs("b", &["bad", "good"]), logs("c", &["bad", "bad"])];
    let (left, answers) = through(&filter, &bodies).await;
    assert_eq!(left, [untouched.clone(), logs("b", &["good"])]);
    assert_eq!(left[0].as_ptr(), untouched.as_ptr());
    assert_eq!(answers, [Outcome::ACCEPTED, Outcome::ACCEPTED, Outcome::ACCEPTED]);
    assert_eq!(stats.processor("filter", Signal::Logs).dropped(DropReason::Filtered), 3);
}

#[tokio::test]
async fn what_follows_is_fused_unless_two_drop() {
    let stats = Stats::default();
    let rename = r#"set(log.event_name, "bad") where log.event_name == "fine""#;
    let first = editing(&stats, "first", rename, ErrorMode::Ignore);
    let filter = dropping(&stats, "filter", r#"log.event_name == "bad""#);
    let fused = first.fuse(&filter).expect("only one drops");
    assert!(fused.fuse(&dropping(&stats, "other", "log.flags == 1")).is_none());
    let (left, _) = through(&*fused, &[logs("a", &["good", "fine"])]).await;
    assert_eq!(left, [logs("a", &["good"])]);
    let dropped = |id| stats.processor(id, Signal::Logs).dropped(DropReason::Filtered);
    assert_eq!((dropped("first"), dropped("filter")), (0, 1));
}

#[tokio::test]
async fn a_failure_under_propagate_refuses_its_part_alone() {
    let stats = Stats::default();
    let statement = r#"set(log.event_name, 5) where log.event_name == "odd""#;
    let strict = editing(&stats, "strict", statement, ErrorMode::Propagate);
    let good = logs("a", &["good"]);
    let (left, answers) = through(&strict, &[good.clone(), logs("b", &["odd"])]).await;
    assert_eq!(left, [good]);
    assert_eq!(answers[0], Outcome::ACCEPTED);
    assert!(matches!(&answers[1], Outcome::Refused(refusal) if refusal.message.contains("strict")));
}

#[tokio::test]
async fn a_flat_group_keeps_every_record_of_its_part() {
    let stats = Stats::default();
    let text = r#"set(resource.attributes["event"], log.event_name)"#;
    let group = Group { statements: vec![text.to_owned()], flattened: true, ..Group::default() };
    let program = transform(Signal::Logs, &[group], true).expect("a good statement");
    let texts = Texts::new(vec![stage(&stats, "flat", program.clone(), false)], Some(program));
    let (left, answers) = through(&texts, &[logs("a", &["x", "y", "x"])]).await;
    assert_eq!(otlp::edit::fields::repeated(&left[0], 1).count(), 2, "x twice, and y");
    assert_eq!(otlp::check(Signal::Logs, &left[0]).expect("sound").records, 3);
    assert_eq!(answers, [Outcome::ACCEPTED]);
    assert_eq!(stats.processor("flat", Signal::Logs).dropped(DropReason::Filtered), 0);
}

#[test]
fn counters_of_the_same_statement_in_two_pipelines_are_added() {
    let stats = Stats::default();
    let one = editing(&stats, "t", "set(log.flags, 1)", ErrorMode::Ignore);
    let two = editing(&stats, "t", "set(log.flags, 1)", ErrorMode::Ignore);
    for texts in [&one, &two] {
        let source: Arc<dyn Source> = texts.stages[0].clone();
        stats.watch(&source);
        let counters = texts.program.iter().flat_map(Program::counted).next().expect("one");
        counters.counters.matched.fetch_add(2, std::sync::atomic::Ordering::Relaxed);
    }
    let matched = |stats: &Stats| {
        let samples = stats.collect().into_iter();
        samples
            .filter(|it| it.name == "medulla_ottl_matched")
            .map(|it| it.value)
            .collect::<Vec<_>>()
    };
    assert_eq!(matched(&stats), [4.0]);
    drop((one, two));
    assert!(matched(&stats).is_empty());
}
