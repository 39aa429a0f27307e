//! Every action, on attributes as maps.

use super::*;
use crate::config::Section;
use crate::config::error::Report;
use crate::config::value::parse;

fn actions(yaml: &str) -> Vec<Action> {
    let report = Report::default();
    report.add_file("f");
    let value = parse(yaml, 0, &report).expect("the test's text is YAML");
    let actions = read_attributes(&Section::new(&value, "processors.attributes", &report));
    assert_eq!(report.into_parts().0, [], "{yaml}");
    actions
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
