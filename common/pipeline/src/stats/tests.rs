//! Names and text form.

use super::*;

#[test]
fn prometheus_text_groups_by_name_and_escapes_labels() {
    let stats = Stats::default();
    stats.receiver("otlp/a\"b", "http", Signal::Traces).count(3, 1);
    stats.receiver("otlp", "grpc", Signal::Traces).count(2, 0);
    let text = stats.prometheus();
    let accepted: Vec<&str> =
        text.lines().filter(|line| line.contains("receiver_accepted_spans")).collect();
    assert_eq!(
        accepted,
        [
            "# HELP otelcol_receiver_accepted_spans_total Records whose sender heard success.",
            "# TYPE otelcol_receiver_accepted_spans_total counter",
            r#"otelcol_receiver_accepted_spans_total{receiver="otlp/a\"b",transport="http"} 3"#,
            r#"otelcol_receiver_accepted_spans_total{receiver="otlp",transport="grpc"} 2"#,
        ]
    );
}

#[test]
fn a_ledger_asked_for_twice_is_the_same() {
    let stats = Stats::default();
    stats.exporter("debug", Signal::Logs).send(5);
    assert_eq!(stats.exporter("debug", Signal::Logs).sent(), 5);
    assert_eq!(stats.exporter("debug", Signal::Traces).sent(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_backend_fails_since_its_first_failure_and_recovers_at_once() {
    let ledger = Stats::default().exporter("otlp_grpc", Signal::Traces);
    let start = Instant::now();
    ledger.note_backend(false, start);
    ledger.note_backend(false, start + std::time::Duration::from_secs(9));
    assert_eq!(ledger.failing_since(), Some(start));
    ledger.note_backend(true, start);
    assert_eq!(ledger.failing_since(), None);
}
