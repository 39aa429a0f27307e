//! Configurations as the Collector's documentation writes them: what uses only what is here is valid, and of the
//! others each thing that is not here is named where it stands, and nothing else.

use super::tests::{lines, load_text};

fn check(text: &str, expect: &[&str]) {
    match load_text(text) {
        Ok(loaded) => assert_eq!(expect, &[""; 0], "{:?}", loaded.config.pipelines.len()),
        Err(errors) => {
            let places: Vec<String> = lines(&errors).iter().map(|line| place(line)).collect();
            assert_eq!(places, expect);
        }
    }
}

/// Where an error is, and of what class: `PATH: CODE`.
fn place(line: &str) -> String {
    line.splitn(3, ": ").take(2).collect::<Vec<_>>().join(": ")
}

const TRANSFORM: &str = r##"
receivers:
  otlp:
    protocols:
      grpc:
        endpoint: 0.0.0.0:4317
      http:
        endpoint: 0.0.0.0:4318
processors:
  transform:
    error_mode: ignore
    trace_statements:
      - keep_keys(span.attributes, ["service.name", "service.namespace", "cloud.region", "process.command_line"])
      - replace_pattern(span.attributes["process.command_line"], "password\\=[^\\s]*(\\s?)", "password=***")
      - limit(span.attributes, 100, [])
      - truncate_all(span.attributes, 4096)
    metric_statements:
      - keep_keys(resource.attributes, ["host.name"])
      - truncate_all(resource.attributes, 4096)
      - set(metric.description, "Sum") where metric.type == "Sum"
      - convert_sum_to_gauge() where metric.name == "system.processes.count"
      - convert_gauge_to_sum("cumulative", false) where metric.name == "prometheus_metric"
      - aggregate_on_attributes("sum") where metric.name == "system.memory.usage"
    log_statements:
      - set(log.severity_text, "FAIL") where log.body == "request failed"
      - replace_all_matches(log.attributes, "/user/*/list/*", "/user/{userId}/list/{listId}")
      - replace_all_patterns(log.attributes, "value", "/account/\\d{4}", "/account/{accountId}")
      - set(log.body, log.attributes["http.route"])
  transform/context:
    error_mode: ignore
    log_statements:
      - context: log
        conditions:
          - IsMap(body) and body["object"] != nil
        statements:
          - set(body, attributes["http.route"])
      - context: resource
        error_mode: silent
        statements:
          - set(attributes["name"], "bear")
      - statements:
          - set(resource.attributes["test"], "pass") where log.body == "x"
      - conditions:
          - log.severity_number == SEVERITY_NUMBER_UNSPECIFIED
        statements:
          - merge_maps(log.cache, ParseJSON(log.body), "upsert") where IsMatch(log.body, "^\\{")
          - set(log.attributes["attr1"], log.cache["attr1"])
          - set(log.time, Time(log.cache["ts"], "%Y-%m-%dT%H:%M:%S"))
          - flatten(log.cache)
exporters:
  debug:
    verbosity: detailed
service:
  pipelines:
    traces: {receivers: [otlp], processors: [transform], exporters: [debug]}
    metrics: {receivers: [otlp], processors: [transform], exporters: [debug]}
    logs: {receivers: [otlp], processors: [transform, transform/context], exporters: [debug]}
"##;

const FILTER: &str = r##"
receivers:
  otlp: {protocols: {grpc: , http: }}
processors:
  filter/ottl:
    error_mode: ignore
    traces:
      span:
        - 'attributes["container.name"] == "app_container_1"'
        - 'resource.attributes["host.name"] == "localhost"'
        - 'name == "app_3"'
      spanevent:
        - 'attributes["grpc"] == true'
        - 'IsMatch(name, ".*grpc.*")'
    metrics:
      metric:
        - 'name == "my.metric" and resource.attributes["my_label"] == "abc123"'
        - 'type == METRIC_DATA_TYPE_HISTOGRAM'
      datapoint:
        - 'metric.type == METRIC_DATA_TYPE_SUMMARY'
        - 'resource.attributes["service.name"] == "my_service_name"'
    logs:
      log_record:
        - 'IsMatch(body, ".*password.*")'
        - 'severity_number < SEVERITY_NUMBER_WARN'
  filter/inferred:
    trace_conditions:
      - IsRootSpan() and span.name == "x"
    metric_conditions:
      - HasAttrKeyOnDatapoint("http.method") and metric.name == "a"
    log_conditions:
      - context: log
        conditions: ['log.severity_number < SEVERITY_NUMBER_INFO']
  filter/legacy:
    metrics:
      include:
        match_type: regexp
        metric_names: ["prefix/.*", "prefix_.*"]
        resource_attributes:
          - key: container.name
            value: app_container_1
      exclude:
        match_type: strict
        metric_names: [hello_world]
    logs:
      exclude:
        match_type: strict
        resource_attributes:
          - {key: host.name, value: just_this_one_hostname}
        severity_texts: [INFO]
        bodies: ["done"]
        severity_number: {min: WARN, match_undefined: true}
  filter/spans:
    spans:
      include:
        match_type: strict
        services: [app_3]
      exclude:
        match_type: regexp
        span_names: [hello_world, hello/world]
        attributes:
          - {key: container.name, value: (app_container_1|app_container_2)}
exporters: {debug: }
service:
  pipelines:
    traces: {receivers: [otlp], processors: [filter/ottl, filter/inferred, filter/spans], exporters: [debug]}
    metrics: {receivers: [otlp], processors: [filter/ottl, filter/inferred, filter/legacy], exporters: [debug]}
    logs: {receivers: [otlp], processors: [filter/ottl, filter/inferred, filter/legacy], exporters: [debug]}
"##;

const PROCESSORS: &str = r##"
receivers:
  otlp: {protocols: {grpc: {endpoint: "localhost:4317"}}}
processors:
  attributes/insert:
    actions:
      - {key: attribute1, value: 123, action: insert}
      - {key: string key, from_attribute: anotherkey, action: insert}
      - key: db.statement
        action: delete
      - {key: token, action: hash}
      - pattern: ^old_
        action: delete
  attributes/regex_insert:
    actions:
      - key: http.url
        pattern: ^(?P<http_protocol>.*):\/\/(?P<http_domain>.*)\/(?P<http_path>.*)$
        action: extract
      - {key: http.status_code, action: convert, converted_type: int}
      - {key: origin, from_context: metadata.origin, action: insert}
      - {key: client, from_context: client.address, action: upsert}
      - {key: enduser.id, from_context: auth.subject, action: insert}
      - {key: account_password, action: delete}
  attributes/selective:
    include:
      match_type: regexp
      services: ["service[AB]"]
      span_kinds: [SPAN_KIND_SERVER]
      libraries: [{name: mongo-java-driver, version: 3.8.0}]
    exclude:
      match_type: strict
      attributes:
        - {key: redact_trace, value: false}
    actions:
      - {key: credit_card, action: delete}
      - {key: duplicate_key, action: delete}
  resource:
    attributes:
      - {key: cloud.availability_zone, value: zone-1, action: upsert}
      - {key: k8s.cluster.name, from_attribute: k8s-cluster, action: insert}
      - {key: redundant-attribute, action: delete}
  memory_limiter:
    check_interval: 1s
    limit_percentage: 75
    spike_limit_percentage: 15
  memory_limiter/mib:
    check_interval: 5s
    limit_mib: 4000
    spike_limit_mib: 800
    min_gc_interval_when_soft_limited: 10s
    min_gc_interval_when_hard_limited: 0s
  probabilistic_sampler:
    hash_seed: 22
    sampling_percentage: 15.3
  probabilistic_sampler/eq:
    mode: equalizing
    sampling_percentage: 10
    sampling_precision: 4
    fail_closed: false
  probabilistic_sampler/logs:
    sampling_percentage: 15
    attribute_source: record
    from_attribute: logID
    sampling_priority: priority
  batch:
    send_batch_size: 10000
    timeout: 10s
    send_batch_max_size: 11000
    metadata_keys: [tenant_id]
    metadata_cardinality_limit: 30
exporters:
  otlp:
    endpoint: otelcol2:4317
    tls:
      insecure: true
    compression: gzip
    headers:
      "X-Scope-OrgID": tenant
    sending_queue: {enabled: true, num_consumers: 4, queue_size: 100}
    retry_on_failure: {enabled: true, initial_interval: 5s, max_interval: 30s, max_elapsed_time: 10m}
  otlphttp:
    endpoint: http://example.com:4318/v1/traces
    traces_endpoint: http://example.com:4318/v1/traces
    timeout: 10s
    read_buffer_size: 123
    write_buffer_size: 345
    sending_queue:
      sizer: bytes
      queue_size: 100000000
      batch: {flush_timeout: 1s, min_size: 1000000, max_size: 4000000, sizer: bytes}
extensions:
  health_check: {endpoint: 0.0.0.0:13133}
  pprof: {endpoint: localhost:1777}
  zpages: {}
service:
  extensions: [health_check, pprof, zpages]
  telemetry:
    logs: {level: debug, development: true, initial_fields: {service: my-instance}}
    metrics:
      level: detailed
      readers:
        - pull: {exporter: {prometheus: {host: 0.0.0.0, port: 8888}}}
  pipelines:
    traces:
      receivers: [otlp]
      processors: [memory_limiter, attributes/insert, attributes/regex_insert, attributes/selective, resource, probabilistic_sampler, probabilistic_sampler/eq, batch]
      exporters: [otlp, otlphttp]
    logs:
      receivers: [otlp]
      processors: [memory_limiter/mib, probabilistic_sampler/logs, batch]
      exporters: [otlp]
"##;

const ROUTING: &str = r##"
receivers:
  otlp: {protocols: {http: {endpoint: "0.0.0.0:4318", include_metadata: true, cors: {allowed_origins: ["http://*.example.com"], max_age: 7200}}}}
connectors:
  routing:
    default_pipelines: [traces/jaeger]
    error_mode: ignore
    table:
      - statement: route() where attributes["X-Tenant"] == "acme"
        pipelines: [traces/jaeger-acme]
      - statement: delete_key(attributes, "X-Tenant") where IsMatch(attributes["X-Tenant"], ".*corp")
        pipelines: [traces/jaeger-ecorp]
      - context: span
        condition: attributes["http.route"] == "/health"
        pipelines: [traces/jaeger]
        action: copy
      - context: request
        condition: request["X-Tenant"] == "acme"
        pipelines: [traces/jaeger-acme]
  spanmetrics:
    histogram: {explicit: {buckets: [100us, 1ms, 2ms, 6ms, 10ms, 100ms, 250ms]}}
    dimensions: [{name: http.method, default: GET}, {name: http.status_code}]
    exemplars: {enabled: true}
    exclude_dimensions: ['status.code']
    dimensions_cache_size: 1000
    aggregation_temporality: "AGGREGATION_TEMPORALITY_CUMULATIVE"
    metrics_flush_interval: 15s
    metrics_expiration: 5m
    events: {enabled: true, dimensions: [{name: exception.type}]}
    resource_metrics_key_attributes: [service.name, telemetry.sdk.language]
  forward:
  exceptions:
    dimensions: [{name: exception.type}]
exporters:
  file/acme: {path: /tmp/acme.json}
  file/ecorp: {path: /tmp/e.json, rotation: {max_megabytes: 10, max_days: 3}, compression: zstd}
  debug: {verbosity: basic, sampling_initial: 5, sampling_thereafter: 200}
  prometheusremotewrite: {endpoint: "https://mimir/api/v1/push"}
service:
  pipelines:
    traces/in: {receivers: [otlp], exporters: [routing, spanmetrics]}
    traces/jaeger-acme: {receivers: [routing], exporters: [file/acme]}
    traces/jaeger-ecorp: {receivers: [routing], exporters: [file/ecorp]}
    traces/jaeger: {receivers: [routing], exporters: [debug, forward]}
    traces/more: {receivers: [forward], exporters: [debug]}
    metrics: {receivers: [spanmetrics], exporters: [debug, prometheusremotewrite]}
"##;

const KUBERNETES: &str = r##"
receivers:
  otlp:
    protocols:
      grpc: {endpoint: "${env:MY_POD_IP}:4317", max_recv_msg_size_mib: 16, keepalive: {server_parameters: {max_connection_age: 30s}}}
      http: {endpoint: "${env:MY_POD_IP}:4318"}
  jaeger: {protocols: {grpc: {endpoint: "0.0.0.0:14250"}, thrift_http: }}
  zipkin: {endpoint: "0.0.0.0:9411"}
  prometheus:
    config:
      scrape_configs:
        - job_name: opentelemetry-collector
          scrape_interval: 10s
          static_configs:
            - targets: ["${env:MY_POD_IP}:8888"]
  filelog:
    include: [/var/log/pods/*/*/*.log]
    operators: [{type: container, id: container-parser}]
  kubeletstats: {collection_interval: 20s, auth_type: serviceAccount}
  hostmetrics:
    collection_interval: 10s
    scrapers: {cpu: , memory: , disk: , filesystem: , network: , load: }
processors:
  k8sattributes:
    extract: {metadata: [k8s.namespace.name]}
  memory_limiter: {check_interval: 5s, limit_percentage: 80, spike_limit_percentage: 25}
  batch: {}
  resourcedetection: {detectors: [env, system], timeout: 2s}
  tail_sampling: {policies: [{name: errors, type: status_code, status_code: {status_codes: [ERROR]}}]}
  groupbyattrs: {keys: [x]}
  cumulativetodelta:
exporters:
  debug: {}
  otlp/jaeger: {endpoint: "jaeger-collector:4317", tls: {insecure: false, ca_file: /etc/ca.pem}}
  loadbalancing:
    routing_key: traceID
    protocol: {otlp: {tls: {insecure: true}}}
    resolver: {dns: {hostname: otelcol-headless}}
  elasticsearch: {endpoints: ["https://es:9200"]}
  kafka: {brokers: ["kafka:9092"]}
  loki: {endpoint: "http://loki:3100/loki/api/v1/push"}
extensions:
  health_check: {endpoint: "${env:MY_POD_IP}:13133"}
  file_storage: {directory: /var/lib/otc}
  bearertokenauth: {token: abc}
service:
  extensions: [health_check, file_storage]
  telemetry: {metrics: {address: "${env:MY_POD_IP}:8888"}}
  pipelines:
    logs: {receivers: [otlp, filelog], processors: [k8sattributes, memory_limiter, batch], exporters: [debug, loki]}
    metrics: {receivers: [otlp, prometheus, kubeletstats, hostmetrics], processors: [memory_limiter, batch, cumulativetodelta], exporters: [debug]}
    traces: {receivers: [otlp, jaeger, zipkin], processors: [memory_limiter, tail_sampling, batch, resourcedetection], exporters: [debug, otlp/jaeger, loadbalancing, elasticsearch, kafka]}
"##;

#[test]
fn statements_and_conditions_of_the_documentation_load() {
    check(TRANSFORM, &[]);
    check(FILTER, &[]);
}

#[test]
fn what_is_not_here_is_named_where_it_stands() {
    check(
        PROCESSORS,
        &[
            "processors.attributes/regex_insert.actions[4].from_context: not_built_in",
            "extensions.pprof: unknown_component",
            "extensions.zpages: unknown_component",
            "service.telemetry.logs.development: not_built_in",
            "service.telemetry.logs.initial_fields: not_built_in",
        ],
    );
    check(
        ROUTING,
        &[
            "connectors.exceptions: unknown_component",
            "exporters.file/ecorp.compression: not_built_in",
            "exporters.file/ecorp.rotation: not_built_in",
            "exporters.prometheusremotewrite: not_built_in",
        ],
    );
    check(
        KUBERNETES,
        &[
            "receivers.jaeger: unknown_component",
            "receivers.zipkin: unknown_component",
            "receivers.prometheus: unknown_component",
            "receivers.filelog: unknown_component",
            "receivers.kubeletstats: unknown_component",
            "receivers.hostmetrics: unknown_component",
            "processors.k8sattributes: unknown_component",
            "processors.resourcedetection: unknown_component",
            "processors.tail_sampling: unknown_component",
            "processors.groupbyattrs: unknown_component",
            "processors.cumulativetodelta: unknown_component",
            "exporters.otlp/jaeger.tls.ca_file: not_built_in",
            "exporters.otlp/jaeger.tls: not_built_in",
            "exporters.loadbalancing: not_built_in",
            "exporters.elasticsearch: not_built_in",
            "exporters.kafka: not_built_in",
            "exporters.loki: unknown_component",
            "extensions.file_storage: not_built_in",
            "extensions.bearertokenauth: not_built_in",
            "service.telemetry.metrics.address: not_built_in",
        ],
    );
}
