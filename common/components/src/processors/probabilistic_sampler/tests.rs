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

/// The record as it passes; `None` if it does not.
fn pass<V: Visitor<Error = Malformed>>(
    mut visitor: V,
    signal: Signal,
    record: &[u8],
) -> Option<Vec<u8>> {
    let wrap = |message: &[u8], number| {
        let mut out = Vec::new();
        put_bytes(&mut out, number, message);
        out
    };
    let request = wrap(&wrap(&wrap(record, 2), 2), 1);
    let prunes = Levels::of(&[Level::Resource, Level::Scope]);
    let route = Route { prunes, ..Route::visiting(signal, &[Level::Record]) };
    let mut editor = Editor::default();
    editor.run(&route, &request, &mut visitor).expect("the record is well formed");
    let mut out = Vec::new();
    editor.write(&request, &mut out);
    let mut message = &out[..];
    for number in [1, 2, 2] {
        message =
            fields::bytes(fields::last(message, number).expect("well formed")?).expect("bytes");
    }
    Some(message.to_vec())
}

/// The trace state of a span that passes; `None` if it does not.
fn sample(settings: &Settings, span: &[u8]) -> Option<String> {
    let span = pass(Spans(settings), Signal::Traces, span)?;
    let state = fields::last(&span, 3).expect("well formed");
    let state = state.map_or(&b""[..], |state| fields::bytes(state).expect("bytes"));
    Some(String::from_utf8_lossy(state).into_owned())
}

/// Randomness that passes any threshold, and one that just passes where half does.
const MOST: &str = "ffffffffffffff";
const HALF: &str = "80000000000000";

fn id_of(randomness: &str) -> [u8; 16] {
    let mut id = [0xfe; 16];
    id[9..].copy_from_slice(&hex(randomness));
    id
}

fn hex(text: &str) -> Vec<u8> {
    let byte = |at| u8::from_str_radix(&text[at..at + 2], 16).expect("hexadecimal");
    (0..text.len()).step_by(2).map(byte).collect()
}

/// What the consistent modes, equalizing and proportional, make of a span's trace state.
fn check(
    name: &str,
    percentage: f32,
    precision: u32,
    randomness: &str,
    state: &str,
    expect: [Option<&str>; 2],
) {
    for (mode, expect) in [Mode::Equalizing, Mode::Proportional].into_iter().zip(expect) {
        let settings = Settings { precision, ..settings(mode, percentage) };
        let span = span(id_of(randomness), state, None);
        let got = sample(&settings, &span);
        assert_eq!(got.as_deref(), expect, "{name} {mode:?} {percentage} % of {state:?}");
    }
}

fn both(expect: Option<&str>) -> [Option<&str>; 2] {
    [expect; 2]
}

#[test]
fn trace_states_of_the_consistent_modes() {
    check("all", 100.0, 4, HALF, "", both(Some("ot=th:0")));
    check("more than all", 200.0, 4, HALF, "", both(Some("ot=th:0")));
    check("half", 50.0, 4, HALF, "", both(Some("ot=th:8")));
    check("too few", 49.0, 14, HALF, "", both(None));
    check("just", 25.0, 4, "c0000000000000", "", both(Some("ot=th:c")));
    check("just not", 25.0, 4, "b0000000000000", "", both(None));
    check("rounded", 1.0, 4, "fe000000000000", "", both(Some("ot=th:fd70a")));
    let written = "ot=rv:fd70a3d70a3d71";
    check(
        "all digits",
        1.0,
        14,
        HALF,
        written,
        both(Some("ot=rv:fd70a3d70a3d71;th:fd70a3d70a3d71")),
    );
    check("down", 1.0, 4, HALF, written, both(Some("ot=rv:fd70a3d70a3d71;th:fd70a")));
    check("up", 1.0, 3, HALF, written, both(None));
    check("one less", 1.0, 14, HALF, "ot=rv:fd70a3d70a3d70", both(None));
    check(
        "three digits",
        40.0,
        3,
        HALF,
        "ot=rv:a0000000000000",
        both(Some("ot=rv:a0000000000000;th:99a")),
    );
    check("near all", 99.999_92, 10, MOST, "", both(Some("ot=th:00000cccccccd")));
}

#[test]
fn trace_states_that_an_earlier_sampler_passed() {
    check(
        "again",
        50.0,
        4,
        HALF,
        "ot=rv:90000000000000;th:80000000000000",
        [Some("ot=rv:90000000000000;th:8"), None],
    );
    check("again less", 25.0, 4, HALF, "ot=th:8", both(None));
    check("again less", 25.0, 4, MOST, "ot=th:8", [Some("ot=th:c"), Some("ot=th:e")]);
    check(
        "differ",
        50.0,
        4,
        HALF,
        "ot=rv:c0000000000000;th:8",
        [Some("ot=rv:c0000000000000;th:8"), Some("ot=rv:c0000000000000;th:c")],
    );
    check(
        "precise",
        40.0,
        6,
        "d0000000000000",
        "ot=th:8",
        [Some("ot=th:99999a"), Some("ot=th:cccccd")],
    );
    check("partly", 40.0, 3, "b0000000000000", "ot=th:8", [Some("ot=th:99a"), None]);
    check(
        "tiny",
        100.0 / 16384.0,
        14,
        MOST,
        "ot=th:fffc",
        [Some("ot=th:fffc"), Some("ot=th:fffffff")],
    );
    check("stricter before", 50.0, 4, MOST, "ot=th:c", [Some("ot=th:c"), Some("ot=th:e")]);
    check("others stay", 100.0, 4, MOST, "a=b,ot=th:8;x:y", both(Some("ot=th:8;x:y,a=b")));
    // Below the smallest part there is.
    check(
        "underflow",
        100.0 / 16384.0,
        4,
        MOST,
        "ot=th:fffffffffffff8",
        [Some("ot=th:fffffffffffff8"), None],
    );
    // A threshold that the record's own randomness contradicts, and states that are none.
    for wrong in
        ["ot=rv:40000000000000;th:8", "ot=th:c", "ot=rv:abababababababab", "ot=th:-1", "ot"]
    {
        check("wrong", 100.0, 4, HALF, wrong, both(None));
    }
}

#[test]
fn what_cannot_be_judged_passes_only_if_it_fails_open() {
    let check = |mode, percentage, id, state: &str, expect: Option<&str>| {
        let closed = settings(mode, percentage);
        assert_eq!(sample(&closed, &span(id, state, None)), None, "{mode:?} {state}");
        let open = Settings { fail_closed: false, ..closed };
        let got = sample(&open, &span(id, state, None));
        assert_eq!(got.as_deref(), expect, "{mode:?} {percentage} % {state}");
    };
    let (none, half) = ([0; 16], id_of(HALF));
    for mode in [Mode::Equalizing, Mode::Proportional] {
        check(mode, 50.0, none, "", Some("ot=th:0"));
        check(mode, 1.0, half, "ot=rv:40000000000000;th:8", Some("ot=rv:40000000000000;th:0"));
        check(mode, 1.0, half, "ot=th:zz", Some("ot=th:zz"));
        check(mode, 0.0, none, "", None);
        check(mode, 0.0, half, "ot=th:zz", Some("ot=th:zz"));
    }
    check(Mode::HashSeed, 50.0, none, "", Some("ot=rv:ffffffffffffff;th:0"));
    check(Mode::HashSeed, 0.0, none, "", None);
    // So few that no bucket of the hash is left: as if there were none.
    check(Mode::HashSeed, 0.005, none, "", None);
    // Marks of consistent samplers are not a hash's to change.
    for state in ["ot=rv:9b8233f7e3a151", "ot=th:8", "ot=th:8;rv:9b8233f7e3a151", "a=b,ot=th:zz"] {
        check(Mode::HashSeed, 1.0, half, state, Some(state));
        check(Mode::HashSeed, 100.0, none, state, Some(state));
    }
}

#[test]
fn thresholds_of_a_hash_have_fourteen_bits() {
    for (percentage, expect) in
        [(100.0, "0"), (75.0, "4"), (50.0, "8"), (25.0, "c"), (10.0, "e668"), (100.0 / 3.0, "aaac")]
    {
        let settings = Settings { hash_seed: 22, ..settings(Mode::HashSeed, percentage) };
        let passed: Vec<String> =
            (0..300).filter_map(|n| sample(&settings, &span(id(n), "", None))).collect();
        assert!(passed.len() > 10, "{percentage} %");
        for state in passed {
            assert!(state.ends_with(&format!(";th:{expect}")), "{percentage} %: {state}");
            let marks = state.strip_prefix("ot=rv:").and_then(|rest| rest.split_once(";th:"));
            let (randomness, threshold) = marks.expect("both are marked");
            assert!(randomness >= &format!("{threshold:0<14}")[..], "{state}");
        }
    }
}

fn log(id: [u8; 16], attributes: &[(&str, Any)]) -> Vec<u8> {
    let mut log = Vec::new();
    put_bytes(&mut log, LOG_TRACE_ID, &id);
    for (key, value) in attributes {
        let mut bytes = Vec::new();
        any::write_owned(&mut bytes, value);
        fields::put_entry(&mut log, LOG_ATTRIBUTES, key.as_bytes(), &bytes);
    }
    log
}

/// The marks of a log record that passes, threshold and randomness.
fn sample_log(settings: &Settings, log: &[u8]) -> Option<String> {
    let log = pass(Logs(settings), Signal::Logs, log)?;
    let map = any::read_map(&log, LOG_ATTRIBUTES).expect("well formed");
    let text = |key| match map.get(key) {
        Some(Any::Str(text)) => text.clone(),
        _ => "-".to_owned(),
    };
    Some(format!("{} {}", text("sampling.threshold"), text("sampling.randomness")))
}

fn text(text: &str) -> Any {
    Any::Str(text.to_owned())
}

#[test]
fn logs_are_judged_by_trace_id_attribute_or_their_own_percentage() {
    let by_hash = settings(Mode::HashSeed, 100.0);
    let equalizing = settings(Mode::Equalizing, 50.0);
    let check = |settings: &Settings, id, attributes: &[(&str, Any)], expect: Option<&str>| {
        let got = sample_log(settings, &log(id, attributes));
        assert_eq!(got.as_deref(), expect, "{settings:?} {attributes:?}");
    };
    let half = id_of(HALF);
    check(&settings(Mode::Proportional, 100.0), half, &[("k", text("v"))], Some("0 -"));
    let quarter = id_of("f0000000000000");
    let before = [("sampling.threshold", text("c"))];
    check(&settings(Mode::Proportional, 50.0), quarter, &before, Some("e -"));
    check(&equalizing, id_of("b0000000000000"), &before, None);
    // The consistent modes look at trace ids alone, whatever the source says.
    let record = Settings { by_trace_id: false, from_attribute: "k".into(), ..equalizing.clone() };
    check(&record, half, &[("k", text("1234"))], Some("8 -"));
    check(&record, [0; 16], &[("k", text("1234"))], None);
    // A hash looks at what the source says.
    let hashed = hash(49, b"1234").text();
    let record = Settings {
        hash_seed: 49,
        by_trace_id: false,
        from_attribute: "k".into(),
        ..by_hash.clone()
    };
    check(&record, half, &[("k", text("1234"))], Some(&format!("0 {hashed}")));
    check(&record, half, &[("k", Any::Int(1234))], Some(&format!("0 {hashed}")));
    check(&record, half, &[("k", Any::Bytes(b"1234".to_vec()))], Some(&format!("0 {hashed}")));
    check(&record, half, &[("k", text(""))], None);
    check(&by_hash, half, &[], Some(&format!("0 {}", hash(0, &half).text())));
    // Marks of consistent samplers are not a hash's to change.
    let open = Settings { fail_closed: false, ..by_hash.clone() };
    check(
        &open,
        half,
        &[("sampling.randomness", text("f2341234123412"))],
        Some("- f2341234123412"),
    );
    check(&open, [0; 16], &[], Some("0 -"));
    // A percentage of the record's own takes the place of ours, higher or lower.
    let with = |percentage, mode| Settings {
        priority_attribute: "prio".into(),
        precision: 6,
        ..settings(mode, percentage)
    };
    let marked = ("sampling.randomness", text("e6147c00000000"));
    check(
        &with(0.0, Mode::HashSeed),
        half,
        &[marked, ("prio", Any::Double(10.125))],
        Some("e6147b e6147c00000000"),
    );
    check(&with(100.0, Mode::Equalizing), half, &[("prio", Any::Int(50))], Some("8 -"));
    check(&with(100.0, Mode::Equalizing), half, &[("prio", Any::Int(49))], None);
    check(
        &with(50.0, Mode::Equalizing),
        id_of(MOST),
        &[before[0].clone(), ("prio", Any::Int(37))],
        Some("c -"),
    );
    for no_percentage in
        [Any::Int(0), Any::Int(-1), Any::Double(100.5), text("1"), Any::Double(f64::NAN)]
    {
        check(&with(50.0, Mode::Equalizing), half, &[("prio", no_percentage)], Some("8 -"));
    }
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
