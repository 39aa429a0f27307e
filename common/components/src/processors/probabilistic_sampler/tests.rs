//! Decisions and marks by mode, and how much passes.

use otlp::edit::Editor;
use otlp::wire::put_bytes;

use super::*;

fn settings(mode: Mode, percentage: f32) -> Settings {
    Settings {
        percentage,
        mode,
        hash_seed: 0,
        precision: 4,
        fail_closed: true,
        by_trace_id: true,
        from_attribute: String::new(),
        priority_attribute: String::new(),
    }
}

fn span(id: [u8; 16], state: &str, priority: Option<Any>) -> Vec<u8> {
    let mut span = Vec::new();
    put_bytes(&mut span, SPAN_TRACE_ID, &id);
    put_bytes(&mut span, 3, state.as_bytes());
    if let Some(priority) = priority {
        let mut value = Vec::new();
        any::write_owned(&mut value, &priority);
        fields::put_entry(&mut span, SPAN_ATTRIBUTES, PRIORITY, &value);
    }
    span
}

fn id(number: u64) -> [u8; 16] {
    // Spread over all bits, as random ids are.
    let mixed = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut id = [7; 16];
    id[8..].copy_from_slice(&(mixed ^ mixed >> 29).to_be_bytes());
    id
}

/// The trace state of a span that passes; `None` if it does not.
fn sample(settings: &Settings, span: &[u8]) -> Option<String> {
    let wrap = |message: &[u8], number| {
        let mut out = Vec::new();
        put_bytes(&mut out, number, message);
        out
    };
    let request = wrap(&wrap(&wrap(span, 2), 2), 1);
    let prunes = Levels::of(&[Level::Resource, Level::Scope]);
    let route = Route { prunes, ..Route::visiting(Signal::Traces, &[Level::Record]) };
    let mut editor = Editor::default();
    editor.run(&route, &request, &mut Spans(settings)).expect("the span is well formed");
    let mut out = Vec::new();
    editor.write(&request, &mut out);
    let mut message = &out[..];
    for number in [1, 2, 2] {
        message =
            fields::bytes(fields::last(message, number).expect("well formed")?).expect("bytes");
    }
    let state = fields::last(message, 3).expect("well formed").expect("marked");
    Some(String::from_utf8_lossy(fields::bytes(state).expect("bytes")).into_owned())
}

#[test]
fn marks_are_the_specifications() {
    let check = |mode, percentage, state: &str, expect: Option<&str>| {
        let span = span(id(1), state, None);
        assert_eq!(
            sample(&settings(mode, percentage), &span).as_deref(),
            expect,
            "{mode:?} {state}"
        );
    };
    let kept = "ot=th:0;rv:9b8233f7e3a151";
    check(Mode::Proportional, 50.0, kept, Some("ot=th:8;rv:9b8233f7e3a151"));
    check(Mode::Equalizing, 50.0, kept, Some("ot=th:8;rv:9b8233f7e3a151"));
    check(Mode::Proportional, 25.0, kept, None);
    // Half of what a sampler of one half let through is a quarter of all.
    check(Mode::Proportional, 50.0, "ot=th:8;rv:ffffffffffffff", Some("ot=th:c;rv:ffffffffffffff"));
    check(Mode::Equalizing, 50.0, "ot=th:8;rv:ffffffffffffff", Some("ot=th:8;rv:ffffffffffffff"));
    check(Mode::Equalizing, 50.0, "ot=th:c;rv:ffffffffffffff", Some("ot=th:c;rv:ffffffffffffff"));
    // A threshold that the record's own randomness contradicts, and a state that is none.
    check(Mode::Equalizing, 50.0, "ot=th:c;rv:10000000000000", None);
    check(Mode::Proportional, 100.0, "ot=th:zz", None);
    check(Mode::HashSeed, 100.0, kept, None);
}

#[test]
fn the_configured_part_passes_in_every_mode() {
    for mode in [Mode::HashSeed, Mode::Proportional, Mode::Equalizing] {
        for percentage in [0.0_f32, 1.0, 30.0, 100.0] {
            let settings = settings(mode, percentage);
            let passed = (0..5_000)
                .filter(|&number| sample(&settings, &span(id(number), "", None)).is_some());
            let part = passed.count() as f32 / 50.0;
            assert!((part - percentage).abs() < 1.2, "{mode:?}: {part} % for {percentage} %");
        }
    }
}

#[test]
fn who_passes_a_small_part_passes_a_larger_one() {
    for mode in [Mode::HashSeed, Mode::Proportional, Mode::Equalizing] {
        for number in 0..2000 {
            let span = span(id(number), "", None);
            let passes = |percentage| sample(&settings(mode, percentage), &span).is_some();
            assert!(!passes(10.0) || passes(40.0), "{mode:?} {number}");
        }
    }
}

#[test]
fn priority_overrules_and_missing_ids_fail() {
    let passes =
        |percentage, span: &[u8]| sample(&settings(Mode::HashSeed, percentage), span).is_some();
    assert!(passes(0.0, &span(id(1), "", Some(Any::Int(1)))));
    assert!(!passes(100.0, &span(id(1), "", Some(Any::Str("0".into())))));
    assert!(passes(100.0, &span(id(1), "", Some(Any::Int(-1)))), "no decision");
    assert!(!passes(100.0, &span([0; 16], "", None)));
    let open = Settings { fail_closed: false, ..settings(Mode::HashSeed, 1.0) };
    assert!(sample(&open, &span([0; 16], "", None)).is_some());
}
