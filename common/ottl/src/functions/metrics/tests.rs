//! The metric functions over metrics in OTLP/JSON.

use prost::Message;

use super::message::{Metric, decode};
use super::*;
use crate::Value;
use crate::functions::testing::{args, json, text};

/// The metric after the function (`None`: unchanged) and the metrics beside it, as JSON.
fn change(
    name: &str,
    metric: &str,
    values: &[Value<'static>],
) -> Result<(Option<Metric>, Vec<Metric>), String> {
    let metric: Metric = serde_json::from_str(metric).expect("a metric");
    let definition =
        METRIC.iter().chain(DATAPOINT).find(|one| one.name == name).expect("a function");
    let Body::Record(prepare) = definition.body else { panic!("{name} changes no record") };
    let args = args(values);
    let changed =
        prepare(&args)?(&metric.encode_to_vec(), &args).map_err(|error| error.to_string())?;
    let metric = |bytes: Vec<u8>| decode(&bytes).expect("a metric");
    Ok((changed.record.map(metric), changed.appended.into_iter().map(metric).collect()))
}

fn numbers(metric: &Metric) -> Vec<(String, String)> {
    let shown = serde_json::to_value(metric).expect("JSON");
    let points = shown["sum"]["dataPoints"].as_array().or(shown["gauge"]["dataPoints"].as_array());
    let points = points.expect("points").iter().map(|point| {
        let attributes = point["attributes"].as_array().expect("attributes").iter();
        let attributes =
            attributes.map(|one| format!("{}={}", one["key"], one["value"]["stringValue"]));
        let value = point.get("asInt").or(point.get("asDouble")).expect("a value");
        (
            attributes.collect::<Vec<_>>().join(",").replace('"', ""),
            value.to_string().replace('"', ""),
        )
    });
    points.collect()
}

/// A counter of three nodes with four pods each.
fn pods() -> String {
    let point = |node: u32, pod: u32| {
        format!(
            r#"{{"attributes":[{{"key":"pod","value":{{"stringValue":"p{pod}"}}}},{{"key":"cluster","value":{{"stringValue":"c"}}}},{{"key":"node","value":{{"stringValue":"n{node}"}}}}],"startTimeUnixNano":"1","timeUnixNano":"2","asInt":"{}"}}"#,
            10 * node + pod
        )
    };
    let points: Vec<String> =
        (0..3).flat_map(|node| (0..4).map(move |pod| point(node, pod))).collect();
    format!(
        r#"{{"name":"m","sum":{{"dataPoints":[{}],"aggregationTemporality":2,"isMonotonic":true}}}}"#,
        points.join(",")
    )
}

#[test]
fn pods_become_nodes() {
    let kept = json(r#"["cluster","node"]"#);
    let (metric, _) = change("aggregate_on_attributes", &pods(), &[text("sum"), kept]).unwrap();
    let expect =
        [("cluster=c,node=n0", "6"), ("cluster=c,node=n1", "46"), ("cluster=c,node=n2", "86")];
    let expect = expect.map(|(attributes, sum)| (attributes.to_owned(), sum.to_owned()));
    assert_eq!(numbers(&metric.unwrap()), expect);
}

#[test]
fn numbers_are_put_together_by_name() {
    for (function, expect) in
        [("sum", "6"), ("mean", "1"), ("min", "0"), ("max", "3"), ("median", "1"), ("count", "4")]
    {
        let list = json(r#"["cluster","node"]"#);
        let (metric, _) =
            change("aggregate_on_attributes", &pods(), &[text(function), list]).unwrap();
        assert_eq!(numbers(&metric.unwrap())[0].1, expect, "{function}");
    }
    assert!(change("aggregate_on_attributes", &pods(), &[text("p99")]).is_err());
}

#[test]
fn values_of_an_attribute_become_one() {
    let pods_01 = json(r#"["p0","p1"]"#);
    let args = [text("sum"), text("pod"), pods_01, text("p01")];
    let (metric, _) = change("aggregate_on_attribute_value", &pods(), &args).unwrap();
    let numbers = numbers(&metric.unwrap());
    assert_eq!(numbers.len(), 9);
    assert_eq!(numbers[0], ("pod=p01,cluster=c,node=n0".to_owned(), "1".to_owned()));
}

const HISTOGRAM: &str = r#"{"name":"h","unit":"ms","histogram":{"aggregationTemporality":2,"dataPoints":[{"attributes":[],"startTimeUnixNano":"1","timeUnixNano":"2","count":"10","sum":55.5,"bucketCounts":["1","2","3","4"],"explicitBounds":[1.0,5.0,10.0],"min":0.5,"max":40.0}]}}"#;

#[test]
fn distributions_have_sums_counts_and_percentiles() {
    for (name, values, expect) in [
        ("extract_sum_metric", vec![Value::Bool(true)], ("h_sum", "55.5")),
        ("extract_count_metric", vec![Value::Bool(true)], ("h_count", "10")),
        ("extract_percentile_metric", vec![Value::Double(50.0)], ("h_p50", "8.333333333333332")),
        ("extract_percentile_metric", vec![Value::Double(95.0), text("_x")], ("h_x", "40.0")),
        ("extract_percentile_metric", vec![Value::Double(1.0)], ("h_p1", "1.0")),
    ] {
        let (record, appended) = change(name, HISTOGRAM, &values).unwrap();
        assert!(record.is_none());
        assert_eq!((appended[0].name.as_str(), numbers(&appended[0])[0].1.as_str()), expect);
    }
    let timeless = HISTOGRAM.replace(r#""aggregationTemporality":2,"#, "");
    for metric in [&pods(), &timeless] {
        assert!(change("extract_sum_metric", metric, &[Value::Bool(true)]).is_err());
        assert!(change("extract_count_metric", metric, &[Value::Bool(true)]).is_err());
    }
    assert!(change("extract_percentile_metric", HISTOGRAM, &[Value::Double(100.0)]).is_err());
}

#[test]
fn distributions_that_counted_something_are_added_up_by_their_flags() {
    for (kind, shape) in [("histogram", ""), ("exponentialHistogram", r#","scale":1"#)] {
        let points: Vec<String> = [(1, 0), (2, 0), (0, 0), (4, 1)]
            .iter()
            .map(|(count, flags)| {
                format!(r#"{{"count":"{count}","sum":9,"flags":{flags},"attributes":[]{shape}}}"#)
            })
            .collect();
        let points = points.join(",");
        let metric = format!(
            r#"{{"name":"h","{kind}":{{"aggregationTemporality":2,"dataPoints":[{points}]}}}}"#
        );
        let (metric, _) = change("aggregate_on_attributes", &metric, &[text("sum")]).unwrap();
        let metric = serde_json::to_string(&metric.unwrap()).unwrap();
        let (_, appended) = change("extract_sum_metric", &metric, &[Value::Bool(true)]).unwrap();
        let sums: Vec<String> = numbers(&appended[0]).into_iter().map(|(_, sum)| sum).collect();
        assert_eq!(sums, ["18.0", "9.0"], "{kind}");
    }
}

fn first_point(metric: &str) -> Vec<u8> {
    let metric: Metric = serde_json::from_str(metric).expect("a metric");
    match metric.data {
        Some(opentelemetry_proto::tonic::metrics::v1::metric::Data::Histogram(data)) => {
            data.data_points[0].encode_to_vec()
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn buckets_are_merged() {
    for (target, method, expect) in [
        (5.0, "remove_explicit_bound", Some(vec![1, 5, 4])),
        (7.0, "remove_explicit_bound", None),
        (1.0, "limit_buckets", Some(vec![10])),
        (3.0, "limit_buckets", Some(vec![3, 3, 4])),
        (4.0, "limit_buckets", None),
    ] {
        let args = args(&[Value::Double(target), text(method)]);
        // Field 2000, a text: no OTLP of today has it.
        let unknown = [0x82, 0x7d, 1, b'x'];
        let point = [&first_point(HISTOGRAM)[..], &unknown].concat();
        let changed = buckets::prepare(&args).unwrap()(&point, &args).unwrap();
        let counts = changed.record.map(|bytes| {
            assert!(bytes.windows(unknown.len()).any(|window| window == unknown));
            let point = message::HistogramDataPoint::decode(&*bytes).unwrap();
            assert_eq!(point.explicit_bounds.len() + 1, point.bucket_counts.len());
            assert_eq!(point.count, 10);
            point.bucket_counts
        });
        assert_eq!(counts, expect, "{target} {method}");
    }
}

#[test]
fn copies_keep_what_nobody_knows() {
    let metric: Metric = serde_json::from_str(HISTOGRAM).unwrap();
    let mut bytes = metric.encode_to_vec();
    // Field 2000, a text: no OTLP of today has it.
    let unknown = [0x82, 0x7d, 1, b'x'];
    bytes.extend(unknown);
    let args = args(&[text("n2")]);
    let changed = copy::prepare(&args).unwrap()(&bytes, &args).unwrap();
    let copy = &changed.appended[0];
    assert!(copy.windows(unknown.len()).any(|window| window == unknown));
    assert_eq!(decode(copy).unwrap().name, "n2");
}

#[test]
fn scaling_keeps_whole_numbers_whole() {
    let (metric, _) = change("scale_metric", &pods(), &[Value::Double(0.5), text("k")]).unwrap();
    let metric = metric.unwrap();
    assert_eq!((metric.unit.as_str(), numbers(&metric)[3].1.as_str()), ("k", "1"));
    assert_eq!(crate::number::truncated(1e300), i64::MIN);
}
