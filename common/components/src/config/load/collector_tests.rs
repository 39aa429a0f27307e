//! Configurations as users of the Collector write them: those that use only what is built in
//! load unchanged, and the others name exactly what is missing.

use std::time::Duration;

use transport::coding::Coding;

use super::tests::{lines, load_text};
use crate::config::batch::Batch;
use crate::config::debug::{Debug, Verbosity};
use crate::config::health_check::HealthCheck;
use crate::config::otlp_exporter::OtlpExporter;
use crate::config::otlp_receiver::OtlpReceiver;
use crate::config::spanmetrics::{Buckets, SERIES_MAX, SpanMetrics};
use crate::config::telemetry::{LogEncoding, LogLevel, MetricsLevel};

#[track_caller]
fn check(text: &str, expect: &[&str]) {
    assert_eq!(lines(&load_text(text).expect_err("not all is built in")), expect);
}

const SUPPORTED: &str = "
extensions:
  health_check:
    endpoint: 0.0.0.0:13133
receivers:
  otlp:
    protocols:
      grpc:
        endpoint: 0.0.0.0:4317
        max_recv_msg_size_mib: 16
      http:
        endpoint: 0.0.0.0:4318
        include_metadata: true
processors:
  batch:
    send_batch_size: 1024
    timeout: 10s
exporters:
  debug:
    verbosity: detailed
  logging:
  otlp:
    endpoint: tempo:4317
    tls:
      insecure: true
    headers:
      X-Scope-OrgID: tenant-1
    sending_queue:
      queue_size: 5000
      wait_for_result: false
    retry_on_failure:
      max_elapsed_time: 0
  otlphttp/loki:
    endpoint: http://loki:3100/otlp
    compression: none
service:
  extensions: [health_check]
  telemetry:
    logs: {level: debug, encoding: json}
    metrics:
      level: detailed
      readers:
        - pull:
            exporter:
              prometheus: {host: 0.0.0.0, port: 8888}
    resource: {service.instance.id: , deployment: prod}
  pipelines:
    traces:
      receivers: [otlp]
      processors: [batch]
      exporters: [otlp, debug]
    logs/app:
      receivers: [otlp]
      exporters: [otlphttp/loki, logging]
";

#[test]
fn a_supported_configuration_runs_unchanged() {
    let loaded = load_text(SUPPORTED).expect("all of it is built in");
    assert_eq!(loaded.warnings, []);
    let config = loaded.config;
    let [traces, logs] = config.pipelines.as_slice() else { panic!("two pipelines") };
    assert_eq!((traces.signal, traces.name.as_str()), (otlp::Signal::Traces, "traces"));
    assert_eq!((logs.signal, logs.name.as_str()), (otlp::Signal::Logs, "logs/app"));
    assert_eq!(logs.exporters[0].name(), Some("loki"));

    let otlp = config.exporters[2].read(OtlpExporter::read_grpc);
    assert_eq!(otlp.target.expect("valid").to_string(), "http://tempo:4317");
    assert_eq!(otlp.headers, [("x-scope-orgid".to_owned(), "tenant-1".to_owned())]);
    assert_eq!(
        (otlp.compression, otlp.sending.queue.timeout),
        (Coding::Gzip, Duration::from_secs(5))
    );
    assert_eq!(otlp.sending.queue.retry.max_elapsed_time, Duration::ZERO);
    let queue = otlp.sending.queue;
    assert!(queue.enabled, "on by default");
    assert_eq!((queue.queue_size, queue.num_consumers), (5000, 10));
    assert!(!queue.wait_for_result && !queue.block_on_overflow);

    let loki = config.exporters[3].read(OtlpExporter::read_http);
    assert_eq!(loki.target.expect("valid").to_string(), "http://loki:3100/otlp");
    assert_eq!(
        (loki.compression, loki.sending.queue.timeout),
        (Coding::Identity, Duration::from_secs(30))
    );
    let retry = loki.sending.queue.retry;
    assert!(retry.enabled && loki.sending.queue.enabled && loki.sending.queue.wait_for_result);
    assert_eq!((retry.multiplier, retry.randomization_factor), (1.5, 0.5));
    let intervals = [retry.initial_interval, retry.max_interval, retry.max_elapsed_time];
    assert_eq!(intervals.map(|interval| interval.as_secs()), [5, 30, 300]);

    assert_eq!(config.telemetry.logs.level, LogLevel::Debug);
    assert_eq!(config.telemetry.logs.encoding, LogEncoding::Json);
    assert_eq!(config.telemetry.metrics_level, MetricsLevel::Detailed);
    assert_eq!(config.telemetry.metrics_addresses[0].to_string(), "0.0.0.0:8888");
    assert_eq!(config.telemetry.resource[0], ("service.instance.id".to_owned(), None));
}

#[test]
fn defaults_are_the_collectors() {
    let loaded = load_text(
        "
receivers: {otlp: {protocols: {grpc: , http: }}}
processors: {batch: }
exporters: {debug: }
extensions: {health_check: }
service:
  extensions: [health_check]
  pipelines: {traces: {receivers: [otlp], processors: [batch], exporters: [debug]}}",
    );
    let config = loaded.expect("valid").config;
    let otlp = config.receivers[0].read(OtlpReceiver::read);
    let (grpc, http) = (otlp.grpc.expect("on"), otlp.http.expect("on"));
    assert_eq!(
        (grpc.endpoint.to_string().as_str(), grpc.max_message_bytes),
        ("localhost:4317", 4 << 20)
    );
    assert_eq!(
        (http.endpoint.to_string().as_str(), http.max_body_bytes),
        ("localhost:4318", 20 << 20)
    );
    assert!(!grpc.include_metadata && !http.include_metadata);
    let batch = config.processors[0].read(Batch::read);
    assert_eq!(batch.min_size, 8192);
    assert_eq!(
        (batch.timeout, batch.metadata_cardinality_limit),
        (Duration::from_millis(200), 1000)
    );
    let debug = config.exporters[0].read(Debug::read);
    assert_eq!(
        debug,
        Debug {
            verbosity: Verbosity::Basic,
            sampling_initial: 2,
            sampling_thereafter: 1,
            use_internal_logger: true,
        }
    );
    let health = config.extensions[0].read(HealthCheck::read);
    assert_eq!(
        (health.endpoint.to_string().as_str(), health.path.as_str()),
        ("localhost:13133", "/")
    );
}

#[test]
fn a_gateway_with_tls_and_auth_names_what_is_missing() {
    check(
        "
extensions:
  health_check: {response_body: {healthy: ok}}
  bearertokenauth: {token: abc}
  zpages: {endpoint: localhost:55679}
receivers:
  otlp:
    protocols:
      grpc:
        endpoint: 0.0.0.0:4317
        tls: {cert_file: /c.pem, key_file: /k.pem}
        auth: {authenticator: bearertokenauth}
        keepalive: {server_parameters: {max_connection_age: 60s}}
      http:
        cors: {allowed_origins: ['*']}
processors:
  memory_limiter: {check_interval: 1s, limit_percentage: 75}
  batch: {}
exporters:
  otlp:
    endpoint: backend:4317
    tls: {ca_file: /ca.pem}
    compression: snappy
service:
  extensions: [health_check, bearertokenauth, zpages]
  pipelines:
    traces: {receivers: [otlp], processors: [memory_limiter, batch], exporters: [otlp]}
",
        &[
            "receivers.otlp.protocols.grpc.auth: not_built_in: not built in yet",
            "receivers.otlp.protocols.grpc.tls: not_built_in: not built in yet",
            "exporters.otlp.tls.ca_file: not_built_in: not built in yet",
            "exporters.otlp.tls: not_built_in: TLS is not built in yet, expected tls.insecure: \
             true or an http:// endpoint",
            "extensions.health_check.response_body: not_built_in: not built in yet",
            "extensions.bearertokenauth: not_built_in: extension bearertokenauth: not built in yet",
            "extensions.zpages: unknown_component: no extension \"zpages\", expected one of \
             basicauth, bearertokenauth, file_storage, health_check, opamp",
        ],
    );
}

#[test]
fn a_contrib_agent_names_what_is_missing() {
    check(
        "
receivers:
  otlp: {protocols: {grpc: {}}}
  filelog: {include: [/var/log/*.log]}
processors:
  transform: {trace_statements: ['set(span.name, \"x\")']}
  tail_sampling: {decision_wait: 10s}
  resourcedetection: {detectors: [env]}
connectors:
  spanmetrics: {}
exporters:
  prometheusremotewrite: {endpoint: 'http://mimir/api/v1/push'}
  loadbalancing: {protocol: {otlp: }}
  debug:
service:
  pipelines:
    traces: {receivers: [otlp], processors: [tail_sampling], exporters: [spanmetrics, loadbalancing]}
    metrics: {receivers: [spanmetrics], exporters: [prometheusremotewrite]}
    logs: {receivers: [filelog, otlp], processors: [transform], exporters: [debug]}
",
        &[
            "receivers.filelog: unknown_component: no receiver \"filelog\", expected otlp",
            "processors.tail_sampling: unknown_component: no processor \"tail_sampling\", expected \
             one of attributes, batch, filter, memory_limiter, probabilistic_sampler, resource, \
             transform",
            "processors.resourcedetection: unknown_component: no processor \"resourcedetection\", \
             expected one of attributes, batch, filter, memory_limiter, probabilistic_sampler, \
             resource, transform",
            "exporters.prometheusremotewrite: not_built_in: exporter prometheus_remote_write: not \
             built in yet",
            "exporters.loadbalancing: not_built_in: exporter loadbalancing: not built in yet",
        ],
    );
}

/// The examples of the Collector's own documents of both processors, shortened.
const STATEMENTS: &str = r#"
receivers: {otlp: {protocols: {grpc: {}}}}
processors:
  transform:
    error_mode: ignore
    trace_statements:
      - set(span.status.code, STATUS_CODE_OK) where span.attributes["http.path"] == "/health"
      - replace_pattern(span.attributes["process.command_line"], "password\\=[^\\s]*(\\s?)", "password=***")
      - keep_keys(resource.attributes, ["service.name", "host.name"])
    metric_statements:
      - context: datapoint
        conditions: ['metric.type == METRIC_DATA_TYPE_SUM']
        statements:
          - set(attributes["path"], "$$0")
          - limit(attributes, 100, ["host.name"])
    flatten_data: true
    log_statements:
      - context: log
        error_mode: silent
        statements: ['set(severity_text, "FAIL") where body == "request failed"']
  filter:
    error_mode: propagate
    traces:
      span: ['attributes["container.name"] == "app_container_1"', 'name == "app_3"']
      spanevent: ['IsMatch(name, ".*grpc.*")']
    metrics:
      datapoint: ['metric.type == METRIC_DATA_TYPE_SUMMARY']
    logs:
      log_record: ['IsMatch(body, ".*password.*")', 'severity_number < SEVERITY_NUMBER_WARN']
  filter/inferred:
    log_conditions:
      - log.attributes["x"] == "1"
      - resource.attributes["host.name"] == "localhost"
exporters: {debug: }
service:
  pipelines:
    traces: {receivers: [otlp], processors: [filter, transform], exporters: [debug]}
    logs: {receivers: [otlp], processors: [transform, filter, filter/inferred], exporters: [debug]}
"#;

#[test]
fn statements_and_conditions_of_the_collectors_documents_load() {
    load_text(STATEMENTS).expect("all of it is built in");
}

#[test]
fn mistakes_in_statements_are_named_with_their_place() {
    check(
        r#"
receivers: {otlp: {protocols: {grpc: {}}}}
processors:
  transform:
    error_mode: sometimes
    trace_statements: ['set(span.name, 1)', 'set(span.name "x")']
    log_statements:
      - context: log
        statements: ['set(severity_number, SEVERITY_NUMBER_NOPE)']
      - context: span
        statements: ['set(name, "x")']
    flatten_data: yes
  filter:
    logs: {log_record: ['body ~= "x"'], include: {match_type: glob}}
    trace_conditions: ['resource.attributes["a"] == 1', {conditions: ['true']}]
exporters: {debug: }
service:
  pipelines:
    logs: {receivers: [otlp], processors: [transform, filter], exporters: [debug]}
"#,
        &[
            "processors.transform.error_mode: bad_value: \"sometimes\", expected one of ignore, \
             propagate, silent",
            "processors.transform.flatten_data: wrong_type: \"yes\", expected true or false",
            "processors.transform.trace_statements[1]: bad_value: at 1:15: parse: found \"x\", \
             expected `,`",
            "processors.transform.log_statements[0].statements[0]: bad_value: at 1:22: \
             unknown_enum: the context log has no enum symbol SEVERITY_NUMBER_NOPE",
            "processors.transform.log_statements[1]: bad_value: unknown_path: logs have no context \
             span",
            "processors.filter.trace_conditions[0]: wrong_type: a text, expected a group as the \
             others are",
            "processors.filter.logs.include.match_type: bad_value: \"glob\", expected one of regexp, \
             strict",
            "processors.filter.logs: bad_value: beside include or exclude, expected one of the two \
             (resource, log_record)",
            "processors.filter.logs.log_record[0]: bad_value: at 1:6: parse: unexpected character \
             '~'; write `IsMatch(value, \"pattern\")`",
        ],
    );
}

#[test]
fn span_metrics_are_read_as_the_collector_reads_them() {
    let pipelines = "
receivers: {otlp: {protocols: {http: {}}}}
exporters: {debug: }
service:
  pipelines:
    traces: {receivers: [otlp], exporters: [span_metrics]}
    metrics: {receivers: [span_metrics], exporters: [debug]}";
    let with = |section: &str| format!("connectors: {{span_metrics: {section}}}{pipelines}");
    let loaded = load_text(&with(
        "{histogram: {unit: s, explicit: {buckets: [100us, 1ms, 2s]}}, dimensions_cache_size: 1000,
        dimensions: [{name: http.method, default: GET}], exemplars: {enabled: true},
        exclude_dimensions: [status.code], aggregation_temporality: AGGREGATION_TEMPORALITY_DELTA,
        metrics_flush_interval: 15s, metrics_expiration: 5m, namespace: ''}",
    ))
    .expect("valid");
    let settings = loaded.config.connectors[0].read(SpanMetrics::read);
    let histogram = settings.histogram.expect("it is on");
    assert_eq!(histogram.buckets, Buckets::Explicit(vec![0.0001, 0.001, 2.0]));
    assert_eq!((settings.delta, settings.exemplars, settings.series_max), (true, 5, SERIES_MAX));
    let errors = load_text(&with(
        "{histogram: {explicit: {buckets: [2ms, 1ms]}, exponential: {max_size: 1}},
        dimensions: [{name: a}, {name: a}, {name: span.kind}, {default: b}],
        events: {enabled: true}, aggregation_temporality: delta}",
    ));
    let expect = [
        "dimensions[1].name: bad_value: \"a\", expected a dimension that is not there already",
        "dimensions[2].name: bad_value: \"span.kind\", expected a dimension that is not there already",
        "dimensions[3].name: missing: nothing found, expected a text",
        "histogram.explicit.buckets: bad_value: bounds that do not grow, expected each above the one \
         before",
        "histogram.exponential.max_size: out_of_range: 1, expected 2 to 1024",
        "histogram.exponential: bad_value: explicit is there too, expected one of the two",
        "events.dimensions: missing: nothing found, expected at least one dimension of events",
        "aggregation_temporality: bad_value: \"delta\", expected one of \
         AGGREGATION_TEMPORALITY_CUMULATIVE, AGGREGATION_TEMPORALITY_DELTA",
    ];
    assert_eq!(
        lines(&errors.expect_err("the configuration is bad")),
        expect.map(|line| format!("connectors.span_metrics.{line}")),
    );
}
