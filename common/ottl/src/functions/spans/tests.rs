//! The functions of spans over owned spans.

use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;

use super::*;
use crate::functions::testing::{args, text};

fn span(kind: i32, attributes: &[(&str, &str)]) -> Span {
    let attribute = |(key, value): &(&str, &str)| {
        let value = any_value::Value::StringValue((*value).to_owned());
        let value = Some(AnyValue { value: Some(value) });
        KeyValue { key: (*key).to_owned(), value, ..KeyValue::default() }
    };
    let attributes = attributes.iter().map(attribute).collect();
    Span { name: "old".to_owned(), kind, attributes, ..Span::default() }
}

fn rename(span: &Span, original: &str) -> Option<Span> {
    let args = args(&[text("1.37.0"), text(original)]);
    let changed = name::prepare(&args).unwrap()(&span.encode_to_vec(), &args).unwrap();
    changed.record.map(|bytes| Span::decode(&bytes[..]).unwrap())
}

#[test]
fn names_follow_the_conventions() {
    for (kind, attributes, expect) in [
        (2, &[("http.request.method", "GET"), ("http.route", "/a")][..], Some("GET /a")),
        (3, &[("http.request.method", "GET"), ("http.route", "/a")], Some("GET")),
        (3, &[("http.request.method", "GET"), ("url.template", "/a")], Some("GET /a")),
        (1, &[("http.request.method", "GET")], None),
        (2, &[("rpc.system", "grpc"), ("rpc.service", "S"), ("rpc.method", "M")], Some("S/M")),
        (
            4,
            &[
                ("messaging.system", "k"),
                ("messaging.operation", "send"),
                ("messaging.destination.name", "t"),
            ],
            Some("send t"),
        ),
        (
            3,
            &[("db.system", "pg"), ("db.operation.name", "SELECT"), ("db.collection.name", "u")],
            Some("SELECT u"),
        ),
        (3, &[("db.system", "pg"), ("server.address", "h"), ("server.port", "1")], Some("h:1")),
        (3, &[("db.system", "pg")], Some("pg")),
        (2, &[("db.system", "pg")], None),
    ] {
        let renamed = rename(&span(kind, attributes), "was");
        assert_eq!(
            renamed.as_ref().map(|span| span.name.as_str()),
            expect,
            "{kind} {attributes:?}"
        );
        let was = renamed.map(|span| span.attributes.last().map(|attribute| attribute.key.clone()));
        assert_eq!(was, expect.map(|_| Some("was".to_owned())));
    }
}

#[test]
fn an_attribute_for_the_old_name_is_overwritten() {
    let renamed = rename(&span(3, &[("was", "x"), ("db.system", "pg")]), "was").unwrap();
    assert_eq!(renamed.attributes.len(), 2);
    assert_eq!(
        renamed.attributes[0].value,
        Some(AnyValue { value: Some(any_value::Value::StringValue("old".to_owned())) })
    );
}

#[test]
fn versions_are_checked() {
    for (version, known) in [
        ("1.37.0", true),
        ("1.43", true),
        ("1.36.0", false),
        ("1.99.0", false),
        ("x", false),
        ("", false),
    ] {
        assert_eq!(name::prepare(&args(&[text(version)])).is_ok(), known, "{version}");
    }
}

#[test]
fn roots_have_no_parent() {
    for (parent, root) in
        [(vec![], true), (vec![0; 8], true), (vec![0, 0, 0, 0, 0, 0, 0, 1], false)]
    {
        let span = Span { parent_span_id: parent, ..Span::default() };
        let value = is_root(&span.encode_to_vec(), &args(&[])).unwrap();
        assert!(matches!(value, Value::Bool(found) if found == root));
    }
}
