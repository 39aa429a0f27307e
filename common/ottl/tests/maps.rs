//! Maps that are rewritten on bytes, as values, and in the cache, against the same change by hand.

use bytes::Bytes;
use medulla_ottl::contexts::Request;
use medulla_ottl::program::{ErrorMode, Group, Runner, transform};
use medulla_ottl::{Program, Time};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue, KeyValueList};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use otlp::Signal;
use proptest::prelude::*;
use prost::Message;

type Entries = Vec<(String, Value)>;

fn program(texts: &[&str]) -> Program {
    let statements = texts.iter().map(|text| (*text).to_owned()).collect();
    let group = Group { statements, error_mode: ErrorMode::Propagate, ..Group::default() };
    transform(Signal::Logs, &[group], false).expect("they load")
}

/// The attributes of a record with these attributes and this body, after the statements.
fn after(texts: &[&str], attributes: &Entries, body: &Entries) -> Entries {
    let record = LogRecord {
        attributes: pairs(attributes),
        body: Some(AnyValue { value: Some(map(body)) }),
        ..Default::default()
    };
    let scope_logs = vec![ScopeLogs { log_records: vec![record], ..Default::default() }];
    let resource_logs = vec![ResourceLogs { scope_logs, ..Default::default() }];
    let request: Bytes = ExportLogsServiceRequest { resource_logs }.encode_to_vec().into();
    let now = Time::from_unix_nano(1_700_000_000_000_000_000);
    let ran = program(texts).run(&mut Runner::default(), &request, &Request::default(), &now);
    let body = ran.expect("it runs").body;
    let mut logs = ExportLogsServiceRequest::decode(body).expect("a request");
    let record = logs.resource_logs.remove(0).scope_logs.remove(0).log_records.remove(0);
    entries(record.attributes)
}

fn pairs(entries: &Entries) -> Vec<KeyValue> {
    let pair = |(key, value): &(String, Value)| {
        let value = Some(AnyValue { value: Some(value.clone()) });
        KeyValue { key: key.clone(), value, ..Default::default() }
    };
    entries.iter().map(pair).collect()
}

fn entries(pairs: Vec<KeyValue>) -> Entries {
    let entry = |pair: KeyValue| (pair.key, pair.value.and_then(|any| any.value).expect("a value"));
    pairs.into_iter().map(entry).collect()
}

fn map(entries: &Entries) -> Value {
    Value::KvlistValue(KeyValueList { values: pairs(entries) })
}

fn text(text: &str) -> Value {
    Value::StringValue(text.to_owned())
}

fn value() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        "[xyz\u{e9}]{0,4}".prop_map(Value::StringValue),
        (-3i64..300).prop_map(Value::IntValue),
        any::<bool>().prop_map(Value::BoolValue),
        Just(Value::DoubleValue(0.5)),
        proptest::collection::vec(any::<u8>(), 0..3).prop_map(Value::BytesValue),
    ];
    scalar.prop_recursive(2, 8, 3, |inner| {
        let list = |items: Vec<Value>| {
            let values = items.into_iter().map(|item| AnyValue { value: Some(item) }).collect();
            Value::ArrayValue(ArrayValue { values })
        };
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(list),
            proptest::collection::vec(("[a-c]", inner), 0..3).prop_map(|all| map(&all)),
        ]
    })
}

/// Keys repeat; some sources are large enough to be hashed.
fn any_entries() -> impl Strategy<Value = Entries> {
    proptest::collection::vec(("[a-e][a-e]?", value()), 0..24)
}

/// `merge_maps`, one entry after the other.
fn merged(mut target: Entries, source: &Entries, adds: bool, replaces: bool) -> Entries {
    for (key, value) in source {
        match target.iter().position(|(name, _)| name == key) {
            Some(place) if replaces => target[place].1 = value.clone(),
            None if adds => target.push((key.clone(), value.clone())),
            _ => {}
        }
    }
    target
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn maps_are_merged(target in any_entries(), source in any_entries()) {
        for (strategy, adds, replaces) in
            [("insert", true, false), ("update", false, true), ("upsert", true, true)]
        {
            let expect = merged(target.clone(), &source, adds, replaces);
            let on_bytes = format!(r#"merge_maps(log.attributes, log.body, "{strategy}")"#);
            prop_assert_eq!(&after(&[&on_bytes], &target, &source), &expect, "{}", strategy);

            let in_value = format!(r#"merge_maps(log.attributes["m"], log.body, "{strategy}")"#);
            let outer = vec![("m".to_owned(), map(&target))];
            let found = after(&[&in_value], &outer, &source);
            prop_assert_eq!(found, vec![("m".to_owned(), map(&expect))], "{}", strategy);

            let in_cache = format!(r#"merge_maps(log.cache, log.body, "{strategy}")"#);
            let texts = ["set(log.cache, log.attributes)", &in_cache, "set(log.attributes, log.cache)"];
            prop_assert_eq!(&after(&texts, &target, &source), &expect, "{}", strategy);
        }
    }

    #[test]
    fn values_are_rewritten(target in any_entries()) {
        let cut = |value: &Value| match value {
            Value::StringValue(text) if text.len() > 2 => {
                Value::StringValue(text[..text.floor_char_boundary(2)].to_owned())
            }
            other => other.clone(),
        };
        let replaced = |value: &Value| match value {
            Value::StringValue(text) => Value::StringValue(text.replace('x', "new")),
            other => other.clone(),
        };
        let matched = |value: &Value| match value {
            Value::StringValue(found) if found.starts_with('x') => text("whole"),
            other => other.clone(),
        };
        type Change<'c> = &'c dyn Fn(&Value) -> Value;
        let cases: [(&str, Change<'_>); 3] = [
            ("truncate_all(MAP, 2)", &cut),
            (r#"replace_all_patterns(MAP, "value", "x", "new")"#, &replaced),
            (r#"replace_all_matches(MAP, "x*", "whole")"#, &matched),
        ];
        for (statement, change) in cases {
            let all = target.iter().map(|(key, value)| (key.clone(), change(value)));
            let expect: Entries = all.collect();
            let on_bytes = statement.replace("MAP", "log.attributes");
            prop_assert_eq!(&after(&[&on_bytes], &target, &vec![]), &expect, "{}", statement);
            let in_value = statement.replace("MAP", r#"log.attributes["m"]"#);
            let outer = vec![("m".to_owned(), map(&target))];
            let found = after(&[&in_value], &outer, &vec![]);
            prop_assert_eq!(found, vec![("m".to_owned(), map(&expect))], "{}", statement);
        }
    }
}
