//! Every action, on attributes as maps.

use bytes::Bytes;
use otlp::edit::Editor;
use otlp::wire::put_bytes;

use super::*;
use crate::config::Section;
use crate::config::error::Report;
use crate::config::value::parse;

fn actions(yaml: &str) -> Vec<Action> {
    settings(yaml).actions
}

fn settings(yaml: &str) -> Settings {
    let report = Report::default();
    report.add_file("f");
    let value = parse(yaml, 0, &report).expect("the test's text is YAML");
    let settings = Settings::read(&Section::new(&value, "processors.attributes", &report));
    assert_eq!(report.into_parts().0, [], "{yaml}");
    settings
}

/// Attributes as `key=value` texts, the type shown by how Rust debugs it.
fn after(yaml: &str, entries: &[(&str, Any)]) -> Vec<String> {
    let mut span = Vec::new();
    for (key, value) in entries {
        fields::put_entry(&mut span, 9, key.as_bytes(), &bytes_of(value));
    }
    let metadata: Metadata = vec![("tenant".into(), "a".into()), ("tenant".into(), "b".into())];
    let edited = apply(&actions(yaml), &span, 9, Some(&metadata)).expect("well formed");
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
fn hashes_are_sha256() {
    let entries = [("a", Any::Str("abc".into())), ("empty", Any::Str(String::new()))];
    let hashed = after("actions: [{pattern: '.*', action: hash}]", &entries);
    let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(hashed, [format!("a=Str({abc:?})"), "empty=Str(\"\")".to_owned()]);
}

#[test]
fn what_nothing_touches_is_the_same_slice() {
    let mut span = Vec::new();
    fields::put_entry(&mut span, 9, b"a", &bytes_of(&Any::Int(1)));
    let unchanged = apply(&actions("actions: [{key: b, action: delete}]"), &span, 9, None);
    assert!(matches!(unchanged, Ok(Cow::Borrowed(_))));
}

/// A request with spans of these names, some of them with the attribute `k`.
fn spans(names: &[&str], touched: &[&str]) -> Bytes {
    let (mut scope, mut resource, mut request) = (Vec::new(), Vec::new(), Vec::new());
    for name in names {
        let mut span = Vec::new();
        put_bytes(&mut span, 5, name.as_bytes());
        if touched.contains(name) {
            fields::put_entry(&mut span, 9, b"k", &bytes_of(&Any::Int(1)));
        }
        put_bytes(&mut scope, 2, &span);
    }
    put_bytes(&mut resource, 2, &scope);
    put_bytes(&mut request, 1, &resource);
    request.into()
}

#[test]
fn what_is_not_included_is_left_alone() {
    let names = ["get", "put", "list"];
    let check = |matching: &str, touched: &[&str]| {
        let yaml = format!("actions: [{{key: k, value: 1, action: insert}}]\n{matching}");
        let settings = settings(&yaml);
        let attributes = Attributes {
            left_out: settings.left_out(Signal::Traces),
            actions: settings.actions,
            route: Route::visiting(Signal::Traces, &[Level::Record]),
            ledger: pipeline::Stats::default().processor("attributes", Signal::Traces),
        };
        let (mut editor, body) = (Editor::default(), spans(&names, &[]));
        let mut records = Records {
            of: &attributes,
            metadata: &None,
            request: Request::default(),
            arena: Bump::new(),
            scratch: Scratch::default(),
        };
        editor.run(&attributes.route, &body, &mut records).expect("well formed");
        assert_eq!(editor.body(&body), spans(&names, touched), "{matching}");
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
}
