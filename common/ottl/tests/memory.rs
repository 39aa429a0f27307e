//! A run takes no more memory than it is permitted: it says beforehand what it takes, and ends where that is refused.

use bytes::Bytes;
use medulla_ottl::contexts::Request;
use medulla_ottl::program::{ErrorMode, Group, Outcome, Refused, Runner, transform};
use medulla_ottl::{Program, Time};
use otlp::Signal;
use serde_json::json;

const MIB: usize = 1 << 20;

fn program(texts: &[&str], shared_cache: bool) -> Program {
    let statements = texts.iter().map(|text| (*text).to_owned()).collect();
    let context = Some("log".to_owned());
    let error_mode = ErrorMode::Ignore;
    let group = Group { context, statements, error_mode, shared_cache, ..Group::default() };
    transform(Signal::Logs, &[group], true).expect("they load")
}

/// So many log records with that body.
fn logs(records: usize, body: &str) -> Bytes {
    let record = json!({"body": {"stringValue": body}});
    let records = vec![record; records];
    let request = json!({"resourceLogs": [{"scopeLogs": [{"logRecords": records}]}]});
    let mut out = Vec::new();
    otlp::json::read_request(Signal::Logs, request.to_string().as_bytes(), 1 << 28, &mut out)
        .expect("a request");
    out.into()
}

/// What comes of a run that may take so many bytes, and how many it took.
fn run(program: &Program, body: &Bytes, most: usize) -> (Result<Outcome, Refused>, usize) {
    let mut taken = 0;
    let mut memory = |bytes: usize| {
        let fits = taken + bytes <= most;
        taken += if fits { bytes } else { 0 };
        fits
    };
    let now = Time::from_unix_nano(1_700_000_000_000_000_000);
    let mut runner = Runner::default();
    let ran = program.run_within(&mut memory, &mut runner, body, &Request::default(), &now);
    (ran, taken)
}

/// Statements that make a text of 16 bytes a thousand times as long.
const GROWTH: [&str; 3] = [
    r#"set(body, Concat([body, body, body, body, body, body, body, body, body, body], ""))"#,
    r#"set(body, Concat([body, body, body, body, body, body, body, body, body, body], ""))"#,
    r#"set(body, Concat([body, body, body, body, body, body, body, body, body, body], ""))"#,
];

#[test]
fn a_request_that_statements_make_a_thousand_times_larger_is_refused() {
    let body = logs(4_000, "0123456789abcdef");
    let program = program(&GROWTH, false);
    // 64 MB of bodies, as edits and as a request.
    for (most, fits) in [(0, false), (8 * MIB, false), (64 * MIB, false), (160 * MIB, true)] {
        let (ran, taken) = run(&program, &body, most);
        match (ran, fits) {
            (Ok(outcome), true) => {
                assert!(outcome.body.len() > 64_000_000);
                assert!(taken >= 2 * outcome.body.len() - 2 * MIB, "{taken} bytes");
            }
            (Err(Refused::NoMemory), false) => assert!(taken <= most),
            (ran, _) => panic!("{most}: {:?}", ran.map(|outcome| outcome.body.len())),
        }
    }
}

#[test]
fn one_record_is_refused_while_it_grows() {
    let grow = |place: &str| {
        let text = format!("set({place}, Concat([{place}, {place}], \"\"))");
        let mut texts = vec![format!("set({place}, body)")];
        // To 8 MiB, and all of it again and again.
        texts.extend((0..9).map(|_| text.clone()));
        texts.extend((0..20).map(|at| format!("set(attributes[\"k{at}\"], {place})")));
        texts
    };
    let lambdas = vec![
        r#"set(attributes["n"], Len(Reduce(Split(body, ""), "", (acc, _, v) => Concat([acc, body, v], ""))))"#
            .to_owned(),
    ];
    let body = logs(1, &"x".repeat(16 << 10));
    for texts in [grow("body"), grow(r#"cache["a"]"#), grow(r#"attributes["a"]"#), lambdas] {
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let (ran, taken) = run(&program(&texts, false), &body, 32 * MIB);
        assert!(
            matches!(ran, Err(Refused::NoMemory)),
            "{}: {:?}",
            texts[0],
            ran.map(|ran| ran.body.len())
        );
        assert!(taken <= 32 * MIB);
    }
}

#[test]
fn a_cache_that_outlives_its_record_counts_with_what_it_holds() {
    let ten = ["body"; 10].join(", ");
    let grows = format!("append(cache[\"all\"], Concat([{ten}], \"\"))");
    let large = logs(100, &"x".repeat(16 << 10));
    let (ran, _) = run(&program(&[&grows], true), &large, 2 * MIB);
    assert!(matches!(ran, Err(Refused::NoMemory)), "{:?}", ran.map(|ran| ran.body.len()));
    let last = [r#"set(cache["last"], body)"#, r#"set(cache["n"], Len(cache["last"]))"#];
    let body = logs(20_000, &"x".repeat(200));
    let (ran, taken) = run(&program(&last, true), &body, 0);
    assert!(ran.is_ok() && taken == 0, "what is overwritten does not count for ever");
}

#[test]
fn what_is_in_proportion_to_the_request_is_not_asked_for() {
    let sets = [
        r#"set(attributes["a"], "b")"#,
        r#"set(severity_text, "INFO")"#,
        r#"set(resource.attributes["d"], "e")"#,
    ];
    for records in [1, 1_000, 50_000] {
        let body = logs(records, &"x".repeat(64));
        let (ran, taken) = run(&program(&sets, false), &body, 0);
        assert!(ran.is_ok_and(|outcome| outcome.is_changed), "{records} records");
        assert_eq!(taken, 0);
    }
}
