//! Splices against the same change of prost's message.

use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::trace::v1::Span;
use proptest::prelude::*;
use prost::Message;

use super::*;
use crate::Signal;
use crate::testing::scramble::{Choices, scramble};
use crate::testing::traces;

const ATTRIBUTES: u32 = 9;

/// The first span of a request, as written by somebody odd, and as prost reads it.
fn first_span(request: &[u8], seed: u64) -> Option<(Vec<u8>, Span)> {
    let request = scramble(Signal::Traces, request, &mut Choices::new(seed));
    let inner = |message: &[u8], number| Some(repeated(message, number).next()?.ok()?.to_vec());
    let span = inner(&inner(&inner(&request, 1)?, 2)?, 2)?;
    let owned = Span::decode(&span[..]).expect("sound");
    Some((span, owned))
}

fn text(text: &str) -> AnyValue {
    AnyValue { value: Some(any_value::Value::StringValue(text.into())) }
}

fn decode(span: &[u8]) -> Span {
    Span::decode(span).expect("sound")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn attributes_are_found_put_and_removed(
        request in traces(),
        seed: u64,
        index: prop::sample::Index,
    ) {
        let request = request.encode_to_vec();
        let Some((span, mut owned)) = first_span(&request, seed) else { return Ok(()) };
        let keys: Vec<_> = owned.attributes.iter().map(|entry| entry.key.clone()).collect();
        let wanted = if keys.is_empty() { "none".into() } else { keys[index.index(keys.len())].clone() };
        let position = owned.attributes.iter().position(|entry| entry.key == wanted);

        let found = attribute(&span, ATTRIBUTES, wanted.as_bytes()).expect("sound");
        let expected = position.map(|at| owned.attributes[at].value.clone().unwrap_or_default());
        let found = found.map(|any| AnyValue::decode(&any[..]).expect("sound"));
        prop_assert_eq!(found, expected);

        let mut out = Vec::new();
        let removed = remove_attribute(&span, ATTRIBUTES, wanted.as_bytes(), &mut out).expect("sound");
        prop_assert_eq!(removed, position.is_some());
        if let Some(at) = position {
            let mut expected = owned.clone();
            expected.attributes.remove(at);
            prop_assert_eq!(decode(&out), expected);
        }

        let mut out = Vec::new();
        let new = text("new").encode_to_vec();
        put_attribute(&span, ATTRIBUTES, wanted.as_bytes(), &new, &mut out).expect("sound");
        match position {
            Some(at) => owned.attributes[at].value = Some(text("new")),
            None => owned.attributes.push(KeyValue {
                key: wanted,
                value: Some(text("new")),
                ..Default::default()
            }),
        }
        prop_assert_eq!(decode(&out), owned);
    }

    #[test]
    fn attributes_are_retained(request in traces(), seed: u64, bits: u64) {
        let request = request.encode_to_vec();
        let Some((span, mut owned)) = first_span(&request, seed) else { return Ok(()) };
        let keep = |key: &[u8]| bits >> (key.len() % 64) & 1 == 1;
        let mut out = Vec::new();
        let is_changed =
            retain_attributes::<Malformed>(&span, ATTRIBUTES, |key| Ok(keep(key)), &mut out).expect("sound");
        let before = owned.attributes.len();
        owned.attributes.retain(|entry| keep(entry.key.as_bytes()));
        prop_assert_eq!(is_changed, owned.attributes.len() != before);
        if is_changed {
            prop_assert_eq!(decode(&out), owned);
        }
    }

    #[test]
    fn values_are_replaced(request in traces(), seed: u64, bits: u64) {
        let request = request.encode_to_vec();
        let Some((span, mut owned)) = first_span(&request, seed) else { return Ok(()) };
        let changes = |key: &[u8]| bits >> (key.len() % 64) & 1 == 1;
        let new = text("new value").encode_to_vec();
        let mut seen = Vec::new();
        let mut change = |key: &[u8], old: &[u8], out: &mut Vec<u8>| -> Result<bool, Malformed> {
            seen.push((String::from_utf8(key.to_vec()).expect("a key"), AnyValue::decode(old).expect("sound")));
            out.extend_from_slice(&new);
            Ok(changes(key))
        };
        let mut out = Vec::new();
        let is_changed = replace_values(&span, ATTRIBUTES, &mut change, &mut out).expect("sound");
        let all = owned.attributes.iter();
        let all: Vec<_> =
            all.map(|entry| (entry.key.clone(), entry.value.clone().unwrap_or_default())).collect();
        prop_assert_eq!(seen, all);
        let before = owned.attributes.clone();
        for entry in owned.attributes.iter_mut().filter(|entry| changes(entry.key.as_bytes())) {
            entry.value = Some(text("new value"));
        }
        if is_changed {
            prop_assert_eq!(decode(&out), owned);
        } else {
            prop_assert_eq!(before, owned.attributes);
            prop_assert!(out.is_empty());
        }
    }

    #[test]
    fn scalars_are_replaced_and_removed(request in traces(), seed: u64) {
        let request = request.encode_to_vec();
        let Some((span, mut owned)) = first_span(&request, seed) else { return Ok(()) };
        let (mut out, mut field) = (Vec::new(), Vec::new());
        put_bytes(&mut field, 5, b"new name");
        replace(&span, &[5], &field, &mut out).expect("sound");
        owned.name = "new name".into();
        prop_assert_eq!(decode(&out), owned.clone());
        let mut without = Vec::new();
        replace(&out, &[5, 15], &[], &mut without).expect("sound");
        owned.name.clear();
        owned.status = None;
        prop_assert_eq!(decode(&without), owned);
        prop_assert_eq!(last(&without, 5), Ok(None));
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let mut out = Vec::new();
        let _ = attribute(&bytes, 9, b"a");
        let _ = nested(&bytes, 1);
        let _ = last_of(&bytes, &[1, 2]);
        repeated(&bytes, 9).for_each(drop);
        let _ = put_attribute(&bytes, 9, b"a", b"", &mut out);
        let _ = remove_attribute(&bytes, 9, b"a", &mut out);
        let _ = retain_attributes::<Malformed>(&bytes, 9, |_| Ok(false), &mut out);
        let _ = replace_values::<Malformed>(&bytes, 9, |_, _, _| Ok(true), &mut out);
        let _ = replace(&bytes, &[9], b"", &mut out);
    }
}
