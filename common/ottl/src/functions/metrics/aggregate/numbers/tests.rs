//! Against the same with owned records.

use opentelemetry_proto::tonic::common::v1::any_value::Value as AttributeValue;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::metric::Data as Owned;
use opentelemetry_proto::tonic::metrics::v1::{Exemplar, Gauge, Sum};
use proptest::prelude::*;
use prost::Message;

use super::*;
use crate::functions::metrics::aggregate::aggregate;
use crate::functions::metrics::message::{Metric, NumberDataPoint, decode};

fn attribute() -> impl Strategy<Value = KeyValue> {
    let value = prop_oneof![
        "[xy]{0,2}".prop_map(AttributeValue::StringValue),
        (-1i64..2).prop_map(AttributeValue::IntValue),
        any::<bool>().prop_map(AttributeValue::BoolValue),
        Just(AttributeValue::DoubleValue(0.5)),
        Just(AttributeValue::BytesValue(vec![1])),
        Just(AttributeValue::StringValue("long".repeat(40))),
        Just(AttributeValue::ArrayValue(ArrayValue::default())),
    ];
    ("[a-d]", proptest::option::weighted(0.95, value)).prop_map(|(key, value)| KeyValue {
        key,
        value: Some(AnyValue { value }),
        ..Default::default()
    })
}

fn point() -> impl Strategy<Value = NumberDataPoint> {
    let value = prop_oneof![
        (-3i64..1000).prop_map(Value::AsInt),
        (-3.0f64..3.0).prop_map(Value::AsDouble),
        Just(Value::AsInt(i64::MAX)),
    ];
    let attributes = proptest::collection::vec(attribute(), 0..4);
    let exemplars = proptest::collection::vec(0u64..3, 0..2);
    let value = proptest::option::weighted(0.9, value);
    (attributes, 0u64..2, 0u64..3, value, exemplars, 0u32..2).prop_map(
        |(attributes, time_unix_nano, start_time_unix_nano, value, exemplars, flags)| {
            let exemplar = |time_unix_nano| Exemplar { time_unix_nano, ..Default::default() };
            let exemplars = exemplars.into_iter().map(exemplar).collect();
            NumberDataPoint {
                attributes,
                start_time_unix_nano,
                time_unix_nano,
                value,
                exemplars,
                flags,
            }
        },
    )
}

fn metric() -> impl Strategy<Value = Metric> {
    let points = proptest::collection::vec(point(), 0..12);
    (points, proptest::option::of(0i32..3), any::<bool>()).prop_map(|(data_points, kind, has)| {
        let data = match kind {
            Some(aggregation_temporality) => {
                Owned::Sum(Sum { data_points, aggregation_temporality, is_monotonic: has })
            }
            None => Owned::Gauge(Gauge { data_points }),
        };
        let metadata = vec![KeyValue { key: "m".to_owned(), ..Default::default() }];
        let (name, unit) = ("n".to_owned(), "1".to_owned());
        Metric { name, unit, metadata, data: Some(data), ..Default::default() }
    })
}

#[test]
fn usual_points_need_no_owned_records() {
    let value = |value| Some(AnyValue { value: Some(value) });
    let attributes = vec![
        KeyValue {
            key: "a".to_owned(),
            value: value(AttributeValue::StringValue("x".to_owned())),
            ..Default::default()
        },
        KeyValue {
            key: "b".to_owned(),
            value: value(AttributeValue::IntValue(-1)),
            ..Default::default()
        },
    ];
    let point = NumberDataPoint { attributes, ..Default::default() };
    let data = Some(Owned::Gauge(Gauge { data_points: vec![point.clone(), point] }));
    let metric = Metric { data, ..Default::default() }.encode_to_vec();
    let made = on_attributes(&metric, Aggregation::Sum, |_| true);
    let made = decode(&made.expect("sound").expect("on bytes")).expect("sound");
    let Some(Owned::Gauge(Gauge { data_points })) = made.data else { panic!("{made:?}") };
    assert_eq!(data_points.len(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn fewer_points_are_those_of_owned_records(metric in metric(), kept in "[a-d]{0,3}") {
        for aggregation in ["sum", "mean", "min", "max", "median", "count"] {
            let aggregation = Aggregation::named(aggregation).expect("a name");
            let keeps = |key: &[u8]| kept.as_bytes().contains(&key[0]);
            let bytes = metric.encode_to_vec();
            let Some(made) = on_attributes(&bytes, aggregation, keeps).expect("sound") else {
                continue;
            };
            let expect = aggregate(&mut metric.clone(), aggregation, |attributes| {
                attributes.retain(|attribute| keeps(attribute.key.as_bytes()));
            });
            let expect = decode(&expect.record.expect("it changes")).expect("sound");
            prop_assert_eq!(decode(&made).expect("sound"), expect);
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
        let mut metric = Vec::new();
        put_bytes(&mut metric, 7, &bytes);
        let _ = on_attributes(&metric, Aggregation::Sum, |_| true);
        let mut data = Vec::new();
        put_bytes(&mut data, 1, &bytes);
        metric.clear();
        put_bytes(&mut metric, 5, &data);
        let _ = on_attributes(&metric, Aggregation::Sum, |_| true);
    }
}
