//! What is wrong with exporters, their queues, and the endpoints of signals.

use super::tests::{check, load_text, with_pipeline};
use crate::config::otlp_exporter::OtlpExporter;

#[test]
fn exporters_say_what_is_wrong() {
    check(
        "exporters:
  debug: {verbosity: detail}
  otlp_grpc: {endpoint: 'gateway:4317'}
  otlp_grpc/a: {endpoint: 'https://gateway:4317'}
  otlp_grpc/b: {}
  otlp_grpc/c: {endpoint: 'gateway', tls: {insecure: true, ca_file: x}, compression: lz4}
  otlp_http: {endpoint: 'localhost:4318', compression: snappy, compression_params: {level: 3}, encoding: jsn}
  otlp_http/a: {endpoint: 'http://h:1', headers: {'bad name': x, ok: \"a\\nb\"}, compression: gzp}
  file: {rotation: {max_megabytes: 1}, format: proto}",
        &[
            "exporters.debug.verbosity: bad_value: \"detail\", expected one of basic, detailed, \
             normal; did you mean detailed?",
            "exporters.otlp_grpc.tls: not_built_in: TLS is not built in yet, expected \
             tls.insecure: true or an http:// endpoint",
            "exporters.otlp_grpc/a.endpoint: not_built_in: \"https://gateway:4317\": TLS is not \
             built in yet, expected an http:// endpoint",
            "exporters.otlp_grpc/b.endpoint: missing: nothing found, expected a text",
            "exporters.otlp_grpc/c.tls.ca_file: not_built_in: not built in yet",
            "exporters.otlp_grpc/c.endpoint: bad_value: \"gateway\", expected host:port or \
             http://host:port",
            "exporters.otlp_grpc/c.compression: bad_value: \"lz4\", expected one of gzip, none, \
             snappy, zstd",
            "exporters.otlp_http.encoding: bad_value: \"jsn\", expected one of json, proto; did you \
             mean json?",
            "exporters.otlp_http.endpoint: bad_value: \"localhost:4318\", expected a URL such as \
             http://localhost:4318",
            "exporters.otlp_http.compression_params.level: out_of_range: 3, expected 0",
            "exporters.otlp_http/a.compression: bad_value: \"gzp\", expected one of deflate, gzip, \
             lz4, none, snappy, x-snappy-framed, zlib, zstd; did you mean gzip?",
            "exporters.otlp_http/a.headers.bad name: bad_value: not a header's name, expected an \
             HTTP header",
            "exporters.otlp_http/a.headers.ok: bad_value: a value that no header can have, \
             expected an HTTP header",
            "exporters.file.rotation: not_built_in: not built in yet",
            "exporters.file.format: not_built_in: \"proto\" is not built in yet, expected json",
            "exporters.file.path: missing: nothing found, expected a text",
        ],
    );
}

#[test]
fn queues_and_retries_say_what_is_wrong() {
    check(
        "exporters:
  debug:
  otlp:
    endpoint: http://h:1
    retry_on_failure: {initial_interval: 10m, multiplier: 0.5, randomization_factor: 2}
    sending_queue: {queue_size: 0, num_consumers: 0, storage: file_storage, sizer: byte}
  otlp/2:
    endpoint: http://h:1
    sending_queue:
      batch: {flush_timeout: 0s, min_size: 10, max_size: 5, sizer: requests, partition: {x: 1}}
  otlp/3:
    endpoint: http://h:1
    sending_queue: {sizer: items, batch: {}}
  otlp/4:
    endpoint: http://h:1
    sending_queue: {sizer: items, batch: {sizer: bytes}}",
        &[
            "exporters.otlp.retry_on_failure.randomization_factor: out_of_range: 2, expected 0 to \
             1",
            "exporters.otlp.retry_on_failure.multiplier: out_of_range: 0.5, expected 1 to 1000",
            "exporters.otlp.retry_on_failure.initial_interval: out_of_range: 600s, expected at \
             most max_elapsed_time, 300s",
            "exporters.otlp.sending_queue.storage: not_built_in: not built in yet",
            "exporters.otlp.sending_queue.num_consumers: out_of_range: 0, expected 1 to 10000",
            "exporters.otlp.sending_queue.queue_size: out_of_range: 0, expected 1 to 1000000000",
            "exporters.otlp.sending_queue.sizer: bad_value: \"byte\", expected one of bytes, items, \
             requests; did you mean bytes?",
            "exporters.otlp/2.sending_queue.batch.flush_timeout: out_of_range: 0s, expected more \
             than zero",
            "exporters.otlp/2.sending_queue.batch.max_size: out_of_range: 5, expected 0 or at \
             least min_size, 10",
            "exporters.otlp/2.sending_queue.batch.sizer: bad_value: \"requests\", expected one \
             of bytes, items",
            "exporters.otlp/2.sending_queue.batch.partition.x: unknown_key: unknown key, expected \
             metadata_keys",
            "exporters.otlp/3.sending_queue.queue_size: out_of_range: 1000, expected at least \
             batch.min_size, 8192",
        ],
    );
}

#[test]
fn endpoints_and_paths_of_signals() {
    check(
        "receivers:
  otlp: {protocols: {http: {traces_url_path: /v1/logs, metrics_url_path: 'a b'}}}
exporters:
  debug:
  otlp_http/1: {traces_endpoint: 'http://h:1/x'}
  otlp_http/2: {traces_endpoint: 'h:1', logs_endpoint: 'https://h'}
  otlp_http/3: {}
service:
  pipelines:
    traces: {receivers: [otlp], exporters: [debug, otlp_http/1]}
    logs: {receivers: [otlp], exporters: [otlp_http/1, otlp_http/2]}",
        &[
            "receivers.otlp.protocols.http.metrics_url_path: bad_value: \"/a b\", expected a path",
            "receivers.otlp.protocols.http.logs_url_path: bad_value: \"/v1/logs\", which another \
             signal has already",
            "exporters.otlp_http/2.traces_endpoint: bad_value: \"h:1\", expected a URL such as \
             http://localhost:4318",
            "exporters.otlp_http/2.logs_endpoint: not_built_in: \"https://h\": TLS is not built in \
             yet, expected an http:// endpoint",
            "exporters.otlp_http/3.endpoint: missing: nothing found, expected a text",
            "exporters.otlp_http/1: missing: no endpoint for pipeline logs, expected endpoint or \
             logs_endpoint",
        ],
    );
    let text = with_pipeline(
        "receivers: {otlp: {protocols: {http: {traces_url_path: v2/traces}}}}
exporters: {debug: , otlp_http: {traces_endpoint: 'http://h/x/', logs_endpoint: 'http://h:9'}}
service: {pipelines: {traces: {receivers: [otlp], exporters: [debug, otlp_http]}}}",
    );
    let loaded = load_text(&text).expect("valid");
    let exporter = loaded.config.exporters[1].read(OtlpExporter::read_http);
    let targets: Vec<String> = exporter.targets().map(ToString::to_string).collect();
    assert_eq!(targets, ["http://h:80/x/", "http://h:9"]);
}
