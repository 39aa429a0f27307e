//! Attributes that wait against attributes that are written one by one.

use otlp::edit::index::Wanted;
use otlp::edit::{At, Changes, Level};
use proptest::prelude::*;

use super::super::{Otlp, Record, Request, Scratch};
use crate::{Compiler, Frame, Functions, Purpose, Time};

/// What statements do, one after the other.
fn texts() -> impl Strategy<Value = Vec<String>> {
    let key = "[abcd]";
    let text = prop_oneof![
        6 => (key, 0..3u8).prop_map(|(key, value)| format!("set(attributes[\"{key}\"], {value})")),
        2 => (key, key).prop_map(|(to, from)| format!("set(attributes[\"{to}\"], attributes[\"{from}\"])")),
        1 => key.prop_map(|key| format!("delete_key(attributes, \"{key}\")")),
        1 => key.prop_map(|key| format!("set(attributes[\"{key}\"][\"x\"], 1)")),
        1 => key.prop_map(|key| format!("set(severity_text, attributes[\"{key}\"])")),
        1 => Just("set(body, attributes)".to_owned()),
        1 => Just("set(resource.attributes[\"n\"], Len(attributes))".to_owned()),
    ];
    proptest::collection::vec(text, 0..12)
}

/// The messages after the statements: of the record and of its resource, where they changed.
fn run(message: &[u8], texts: &[String], wanted: Option<&Wanted>) -> Vec<Option<Vec<u8>>> {
    let functions = Functions::new(&Otlp::Log, Purpose::Transform, false);
    let compiler = Compiler { context: &Otlp::Log, functions: &functions, needs_prefix: false };
    let plans: Vec<_> = texts.iter().map(|text| compiler.statement(text).expect(text)).collect();
    let (arena, request, now) = (bumpalo::Bump::new(), Request::default(), Time::utc(0));
    let (at, mut scratch) = (At::alone(Level::Record, message), Scratch::default());
    let record = Record::expecting(&at, &request, &mut scratch, wanted);
    let mut frame = Frame::new(record, &arena, Some(&now));
    for plan in &plans {
        let _ = plan.run(&mut frame);
    }
    let mut changes = Changes::default();
    frame.record.finish(&mut changes);
    [Level::Resource, Level::Record].map(|level| changes.replaced(level).map(<[u8]>::to_vec)).into()
}

proptest! {
    #[test]
    fn the_messages_are_the_same(keys in proptest::collection::vec("[abcde]", 0..6), texts in texts()) {
        let mut message = vec![0x10, 9];
        for (index, key) in keys.iter().enumerate() {
            otlp::edit::fields::put_entry(&mut message, 6, key.as_bytes(), &[0x18, index as u8]);
        }
        let mut wanted = Wanted::default();
        ["a", "b", "c"].iter().for_each(|key| wanted.add(key.as_bytes()));
        let expect = run(&message, &texts, None);
        let found = run(&message, &texts, Some(&wanted));
        // Where nothing is different in the end, both may say so.
        let same = |found: &Option<Vec<u8>>, expect: &Option<Vec<u8>>| {
            found.as_deref().unwrap_or(&message) == expect.as_deref().unwrap_or(&message)
        };
        prop_assert_eq!(&found[0], &expect[0]);
        prop_assert!(same(&found[1], &expect[1]), "{:?} instead of {:?}", found[1], expect[1]);
    }
}
