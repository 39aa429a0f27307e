//! Every action, on attributes as maps.

use bytes::Bytes;
use otlp::edit::Editor;
use otlp::wire::{put_bytes, put_fixed64, put_message};
use pipeline::Metadata;

use super::*;
use crate::testing::section;

fn actions(yaml: &str) -> Vec<Action> {
    settings(yaml).actions
}

fn settings(yaml: &str) -> Settings {
    let (settings, errors, _) = section(yaml, "processors.attributes", Settings::read);
    assert_eq!(errors, [], "{yaml}");
    settings
}

/// Attributes as `key=value` texts, the type shown by how Rust debugs it.
fn after(yaml: &str, entries: &[(&str, Any)]) -> Vec<String> {
    let metadata: Metadata = vec![("tenant".into(), "a".into()), ("tenant".into(), "b".into())];
    let client = Some(([192, 0, 2, 7], 4000).into());
    from(&Sender { metadata: Some(Arc::new(metadata)), client, ..Sender::default() }, yaml, entries)
}

fn from(sender: &Sender, yaml: &str, entries: &[(&str, Any)]) -> Vec<String> {
    let mut span = Vec::new();
    for (key, value) in entries {
        fields::put_entry(&mut span, 9, key.as_bytes(), &bytes_of(value));
    }
    let edited = apply(&actions(yaml), &span, 9, sender).expect("well formed");
    let map = any::read_map(&edited, 9).expect("well formed");
    map.entries.into_iter().map(|(key, value)| format!("{key}={value:?}")).collect()
}

fn check(action: &str, expect: &[&str]) {
    let entries =
        [("n", Any::Int(42)), ("user", Any::Str("ann:x".into())), ("f", Any::Double(1.5))];
    let yaml = format!("actions: [{action}]");
    assert_eq!(after(&yaml, &entries), expect, "{action}");
}

#[test]
fn each_action() {
    let (n, user, f) = ("n=Int(42)", "user=Str(\"ann:x\")", "f=Double(1.5)");
    check("{key: new, value: 1, action: insert}", &[n, user, f, "new=Int(1)"]);
    check("{key: n, value: 1, action: insert}", &[n, user, f]);
    check("{key: n, value: yes, action: update}", &["n=Str(\"yes\")", user, f]);
    check("{key: new, value: 1, action: update}", &[n, user, f]);
    check("{key: n, value: [1, a], action: UPSERT}", &["n=Slice([Int(1), Str(\"a\")])", user, f]);
    check(
        "{key: copy, from_attribute: user, action: upsert}",
        &[n, user, f, "copy=Str(\"ann:x\")"],
    );
    check("{key: copy, from_attribute: none, action: upsert}", &[n, user, f]);
    check(
        "{key: t, from_context: metadata.Tenant, action: insert}",
        &[n, user, f, "t=Str(\"a;b\")"],
    );
    check("{key: n, action: delete}", &[user, f]);
    check("{pattern: '^[nf]$', action: delete}", &[user]);
    check(
        "{key: user, pattern: '^(?P<name>\\w+):(?P<rest>.*)$', action: extract}",
        &[n, user, f, "name=Str(\"ann\")", "rest=Str(\"x\")"],
    );
    check("{key: n, converted_type: string, action: convert}", &["n=Str(\"42\")", user, f]);
    check("{key: f, converted_type: int, action: convert}", &[n, user, "f=Int(1)"]);
    check("{key: user, converted_type: int, action: convert}", &[n, user, f]);
}

#[test]
fn a_source_that_is_absent_leaves_it_to_the_default() {
    let (n, user, f) = ("n=Int(42)", "user=Str(\"ann:x\")", "f=Double(1.5)");
    let check_set = |sources: &str, expect: Option<&str>| {
        let expect: Vec<&str> = [n, user, f].into_iter().chain(expect).collect();
        check(&format!("{{key: k, {sources}, action: upsert}}"), &expect);
    };
    check_set("from_attribute: none, default_value: d", Some("k=Str(\"d\")"));
    check_set("from_attribute: n, default_value: d", Some("k=Int(42)"));
    check_set("from_context: metadata.none, default_value: [1]", Some("k=Slice([Int(1)])"));
    check_set("from_context: TENANT, default_value: d", Some("k=Str(\"a;b\")"));
    check_set("default_value: 7", Some("k=Int(7)"));
    check_set("value: 1, default_value: 7", Some("k=Int(1)"));
    check_set("from_context: none", None);
    check("{key: n, default_value: 7, action: insert}", &[n, user, f]);
    check("{key: k, default_value: 7, action: update}", &[n, user, f]);
}

#[test]
fn the_clients_address_is_the_nearest_peers() {
    let yaml =
        "actions: [{key: k, from_context: client.address, default_value: d, action: insert}]";
    let seen = |client: Option<&str>| {
        let client = client.map(|text| text.parse().expect("the test's address is one"));
        from(&Sender { client, ..Sender::default() }, yaml, &[])
    };
    assert_eq!(seen(Some("192.0.2.7:4000")), ["k=Str(\"192.0.2.7\")"]);
    assert_eq!(seen(Some("[2001:db8::1]:0")), ["k=Str(\"2001:db8::1\")"]);
    // A receiver that has no peers; the Collector sets the empty text, too.
    assert_eq!(seen(None), ["k=Str(\"\")"]);
}

#[test]
fn keys_that_an_action_does_not_use() {
    let errors = |action: &str| {
        let yaml = format!("actions: [{action}]");
        let (_, errors, warnings) = section(&yaml, "x", Settings::read);
        (errors.len(), warnings.len())
    };
    for (action, expect) in [
        ("{key: a, value: 1, action: insert, pattern: '', converted_type: ''}", (0, 0)),
        ("{key: a, value: 1, action: insert, pattern: b}", (1, 0)),
        ("{key: a, value: 1, from_attribute: b, action: insert}", (1, 0)),
        ("{key: a, value: 1, from_attribute: '', from_context: '', action: insert}", (0, 0)),
        ("{key: a, action: insert}", (1, 0)),
        ("{key: a, value: '', action: hash}", (1, 0)),
        ("{key: a, from_context: metadata.b, action: delete}", (0, 1)),
        ("{key: a, from_context: metadata.b, converted_type: int, action: convert}", (1, 0)),
        ("{key: a, default_value: 1, converted_type: int, action: convert}", (0, 1)),
        ("{key: a, from_context: auth.subject, action: insert}", (1, 0)),
        ("{pattern: a, action: delete}", (0, 0)),
        ("{pattern: a, value: 1, action: upsert}", (2, 0)),
        ("{key: a, pattern: '(b)', action: extract}", (1, 0)),
        ("{key: a, pattern: 'b', action: extract}", (1, 0)),
        ("{key: a, action: extract}", (1, 0)),
        ("{key: a, converted_type: bool, action: convert}", (1, 0)),
        ("{key: a, action: convert}", (1, 0)),
        ("{key: a, value: 1}", (1, 0)),
        ("{action: delete}", (1, 0)),
    ] {
        assert_eq!(errors(action), expect, "{action}");
    }
}

#[test]
fn conversions_are_those_of_go() {
    let check = |value: Any, to: &str, expect: &str| {
        let yaml = format!("actions: [{{key: k, converted_type: {to}, action: convert}}]");
        assert_eq!(after(&yaml, &[("k", value.clone())]), [format!("k={expect}")], "{value:?}");
    };
    let text = |text: &str| Any::Str(text.into());
    check(text("-12"), "int", "Int(-12)");
    check(text("+7"), "int", "Int(7)");
    check(text("1.5"), "int", "Str(\"1.5\")");
    check(text(""), "int", "Str(\"\")");
    check(Any::Double(-1.9), "int", "Int(-1)");
    check(Any::Double(1e300), "int", "Int(-9223372036854775808)");
    check(Any::Bool(true), "int", "Int(1)");
    check(Any::Slice(Vec::new()), "int", "Slice([])");
    check(text("0x1p-2"), "double", "Double(0.25)");
    check(text("1e999"), "double", "Str(\"1e999\")");
    check(Any::Int(3), "double", "Double(3.0)");
    check(Any::Bool(false), "double", "Double(0.0)");
    check(Any::Double(99.1), "string", "Str(\"99.1\")");
    check(Any::Bool(true), "string", "Str(\"true\")");
    check(Any::Bytes(vec![1, 2, 3]), "string", "Str(\"AQID\")");
    check(Any::Slice(vec![Any::Int(1), text("a")]), "string", "Str(\"[1,\\\"a\\\"]\")");
    check(Any::Empty, "string", "Str(\"\")");
    check(Any::Empty, "double", "Empty");
}

#[test]
fn hashes_are_sha256() {
    let text = |text: &str| Any::Str(text.into());
    for (value, expect) in [
        (text("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (text(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        (Any::Bool(true), "4bf5122f344554c53bde2ebb8cd2b7e3d1600ad631c385a5d7cce23c7785459a"),
        (Any::Int(0), "af5570f5a1810b7af78caf4bc70a660f0df51e42baf91d4de5b2328de0e83dfc"),
        (Any::Double(0.0), "af5570f5a1810b7af78caf4bc70a660f0df51e42baf91d4de5b2328de0e83dfc"),
        (Any::Bytes(vec![1]), ""),
        (Any::Empty, ""),
    ] {
        let hashed = after("actions: [{pattern: '.*', action: hash}]", &[("a", value.clone())]);
        assert_eq!(hashed, [format!("a=Str({expect:?})")], "{value:?}");
    }
}

#[test]
fn what_nothing_touches_is_the_same_slice() {
    let mut span = Vec::new();
    fields::put_entry(&mut span, 9, b"a", &bytes_of(&Any::Int(1)));
    let unchanged =
        apply(&actions("actions: [{key: b, action: delete}]"), &span, 9, &Sender::default());
    assert!(matches!(unchanged, Ok(Cow::Borrowed(_))));
}

/// A request with spans of these names, some of them with the attribute `k`, of a service.
fn spans(names: &[&str], touched: &[&str]) -> Bytes {
    let text = |text: &str| bytes_of(&Any::Str(text.into()));
    let mut request = Vec::new();
    put_message(&mut request, 1, |resource| {
        put_message(resource, 1, |own| {
            fields::put_entry(own, 1, b"service.name", &text("shop"));
            fields::put_entry(own, 1, b"zone", &bytes_of(&Any::Int(3)));
        });
        put_message(resource, 2, |scope| {
            put_message(scope, 1, |own| put_bytes(own, 1, b"lib"));
            for name in names {
                put_message(scope, 2, |span| {
                    put_bytes(span, 5, name.as_bytes());
                    if touched.contains(name) {
                        fields::put_entry(span, 9, b"k", &bytes_of(&Any::Int(1)));
                    }
                });
            }
        });
    });
    request.into()
}

/// A request with a gauge of each name, each with a point, some of which have the attribute `k`.
fn gauges(names: &[&str], touched: &[&str]) -> Bytes {
    let mut request = Vec::new();
    put_message(&mut request, 1, |resource| {
        put_message(resource, 2, |scope| {
            for name in names {
                put_message(scope, 2, |metric| {
                    put_bytes(metric, 1, name.as_bytes());
                    put_message(metric, 5, |gauge| {
                        put_message(gauge, 1, |point| {
                            put_fixed64(point, 6, 1);
                            if touched.contains(name) {
                                fields::put_entry(point, 7, b"k", &bytes_of(&Any::Int(1)));
                            }
                        });
                    });
                });
            }
        });
    });
    request.into()
}

/// What the processor makes of a request.
fn processed(matching: &str, signal: Signal, body: &Bytes) -> Bytes {
    let settings =
        settings(&format!("actions: [{{key: k, value: 1, action: insert}}]\n{matching}"));
    let ledger = pipeline::Stats::default().processor("attributes", signal);
    let attributes = Attributes::new(settings, signal, ledger);
    let mut records = Records {
        of: &attributes,
        sender: &Sender::default(),
        request: Request::default(),
        arena: Bump::new(),
        scratch: Scratch::default(),
    };
    let mut editor = Editor::default();
    editor.run(&attributes.route, body, &mut records).expect("well formed");
    editor.body(body)
}

#[test]
fn what_is_not_included_is_left_alone() {
    let names = ["get", "put", "list"];
    let check = |matching: &str, touched: &[&str]| {
        let got = processed(matching, Signal::Traces, &spans(&names, &[]));
        assert_eq!(got, spans(&names, touched), "{matching}");
    };
    check("", &names);
    check("include: {match_type: strict, span_names: [get, put]}", &["get", "put"]);
    check("exclude: {match_type: regexp, span_names: ['^.{3}$']}", &["list"]);
    check(
        "include: {match_type: regexp, span_names: ['t$']}\n\
         exclude: {match_type: strict, span_names: [put]}",
        &["get", "list"],
    );
    check("include: {match_type: strict, attributes: [{key: absent}]}", &[]);
    // What is around a record.
    check("include: {match_type: strict, services: [shop]}", &names);
    check("include: {match_type: regexp, services: [bank, '^s']}", &names);
    check("include: {match_type: strict, services: [bank]}", &[]);
    check("include: {match_type: strict, resources: [{key: zone, value: 3}]}", &names);
    check("exclude: {match_type: strict, resources: [{key: zone, value: 3.5}]}", &names);
    check("include: {match_type: regexp, resources: [{key: zone, value: '[1-3]'}]}", &names);
    check("include: {resources: [{key: zone}, {key: absent}]}", &[]);
    check("include: {match_type: strict, libraries: [{name: lib}], span_names: [put]}", &["put"]);
    check("exclude: {match_type: strict, libraries: [{name: lib, version: ''}]}", &[]);
    check("include: {match_type: strict, libraries: [{name: lib, version: '1'}]}", &[]);
}

#[test]
fn metrics_are_matched_by_name() {
    let names = ["cpu", "memory"];
    let check = |matching: &str, touched: &[&str]| {
        let got = processed(matching, Signal::Metrics, &gauges(&names, &[]));
        assert_eq!(got, gauges(&names, touched), "{matching}");
    };
    check("include: {match_type: strict, metric_names: [cpu]}", &["cpu"]);
    check("exclude: {match_type: regexp, metric_names: [pu, none]}", &["memory"]);
}
