//! Keys that tune servers and clients: what they mean, and what is wrong with them.

use std::time::Duration;

use transport::client::Ping;
use transport::coding::Coding;
use transport::listener::ConnectionSettings;

use super::tests::{check, load_text, with_pipeline};
use crate::config::Config;
use crate::config::otlp_exporter::OtlpExporter;
use crate::config::otlp_receiver::{Cors, OtlpReceiver};

fn config(sections: &str) -> Config {
    load_text(&with_pipeline(sections)).expect("valid").config
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn keys_of_servers_mean_what_they_mean_to_the_collector() {
    let config = config(
        "receivers:
  otlp:
    protocols:
      grpc:
        max_concurrent_streams: 16
        read_buffer_size: 524288
        write_buffer_size: 0
        keepalive:
          server_parameters: {max_connection_idle: 11s, max_connection_age: 12s, max_connection_age_grace: 13s, time: 30s, timeout: 5s}
          enforcement_policy: {min_time: 10s, permit_without_stream: true}
      http:
        cors: {allowed_origins: ['https://*.Example.com'], allowed_headers: [X-Tenant], exposed_headers: [Retry-After], max_age: 7200}
        response_headers: {Strict-Transport-Security: max-age=1, x-b: 2}
        compression_algorithms: ['', gzip]
        idle_timeout: 0s
        read_header_timeout: 7s
        keep_alives_enabled: false
exporters: {debug: }",
    );
    let read = config.receivers[0].read(OtlpReceiver::read);
    let grpc = read.grpc.expect("grpc is on");
    assert_eq!(
        grpc.connections,
        ConnectionSettings {
            streams: 16,
            ping_interval: seconds(30),
            ping_timeout: seconds(5),
            max_idle: Some(seconds(11)),
            max_age: Some(seconds(12)),
            max_age_grace: Some(seconds(13)),
            ..ConnectionSettings::default()
        }
    );
    let http = read.http.expect("http is on");
    assert_eq!(http.codings, [Coding::Identity, Coding::Gzip]);
    let headers = [("strict-transport-security", "max-age=1"), ("x-b", "2")];
    assert_eq!(http.response_headers, headers.map(|(name, value)| (name.into(), value.into())));
    assert_eq!(
        http.cors,
        Some(Cors {
            allowed_origins: vec!["https://*.example.com".into()],
            allowed_headers: vec!["x-tenant".into()],
            exposed_headers: vec!["Retry-After".into()],
            max_age: 7200,
        })
    );
    assert_eq!((http.connections.head_timeout, http.connections.keep_alives), (seconds(7), false));
    assert!(http.connections.idle_timeout > seconds(300 * 24 * 3600), "zero is no limit");
}

#[test]
fn servers_are_as_they_were_without_them() {
    let config = config(
        "receivers: {otlp: {protocols: {grpc: {keepalive: }, http: {cors: {allowed_headers: [x]}}}}}
exporters: {debug: }",
    );
    let read = config.receivers[0].read(OtlpReceiver::read);
    assert_eq!(read.grpc.expect("on").connections, ConnectionSettings::default());
    let http = read.http.expect("on");
    assert_eq!(http.connections, ConnectionSettings::default());
    assert_eq!((http.cors, http.codings.len(), http.response_headers.len()), (None, 8, 0));
}

#[test]
fn keys_of_clients_mean_what_they_mean_to_the_collector() {
    let config = config(
        "receivers: {otlp: {protocols: {grpc: }}}
exporters:
  debug:
  otlp_grpc: {endpoint: 'http://h:1', authority: 'collector.example:443', wait_for_ready: true, keepalive: {time: 30s, timeout: 3s, permit_without_stream: true}}
  otlp_grpc/usual: {endpoint: 'http://h:1', keepalive: {time: 1s, timeout: 0s}}
  otlp_http: {endpoint: 'http://h:1', compression: zstd, compression_params: {level: 11}, idle_conn_timeout: 5s, max_idle_conns: 7, max_idle_conns_per_host: 9, max_conns_per_host: 3, disable_keep_alives: true}
  otlp_http/usual: {endpoint: 'http://h:1', compression_params: {level: 0}, idle_conn_timeout: 0s, max_idle_conns: 0, read_buffer_size: 1}",
    );
    let [grpc, usual_grpc] = [1, 2].map(|at| config.exporters[at].read(OtlpExporter::read_grpc));
    assert!(grpc.wait_for_ready && !usual_grpc.wait_for_ready);
    assert_eq!(grpc.client.authority.as_deref(), Some("collector.example:443"));
    let ping = Ping { interval: seconds(30), timeout: seconds(3), while_idle: true };
    assert_eq!(grpc.client.ping, Some(ping));
    let ping = Ping { interval: seconds(10), timeout: seconds(20), while_idle: false };
    assert_eq!(usual_grpc.client.ping, Some(ping), "as grpc-go takes them");
    let [http, usual_http] = [3, 4].map(|at| config.exporters[at].read(OtlpExporter::read_http));
    assert_eq!((http.level, usual_http.level), (Some(11), None));
    let client = &http.client;
    assert_eq!((client.idle_timeout, client.max_idle), (Some(seconds(5)), 7));
    assert_eq!((client.max_connections, client.keep_alives), (Some(3), false));
    let client = &usual_http.client;
    assert_eq!((client.idle_timeout, client.max_idle), (None, 16));
    assert_eq!((client.max_connections, client.keep_alives), (None, true));
}

#[test]
fn they_say_what_is_wrong() {
    check(
        "receivers:
  otlp:
    protocols:
      grpc: {max_concurrent_streams: -1, write_buffer_size: 1KiB, keepalive: {server_parameters: {time: soon}, enforcement_policy: {min_tim: 1s}}}
      http: {compression_algorithms: [gzip, snappy, br], cors: {allowed_origin: [x], exposed_headers: [a b], max_age: 1h}, response_headers: {a b: c}, write_timeout: 1s}
exporters:
  debug:
  otlp_grpc: {endpoint: 'http://h:1', authority: 'a b', balancer_name: round_robin}
  otlp_http: {endpoint: 'http://h:1', compression_params: {level: 10}, max_conns_per_host: -1}
  otlp_http/a: {endpoint: 'http://h:1', compression: zstd, compression_params: {level: 10, window: 1}}",
        &[
            "receivers.otlp.protocols.grpc.write_buffer_size: wrong_type: \"1KiB\", \
             expected a whole number",
            "receivers.otlp.protocols.grpc.max_concurrent_streams: out_of_range: -1, \
             expected 0 to 4294967295",
            "receivers.otlp.protocols.grpc.keepalive.server_parameters.time: bad_value: \
             \"soon\", expected a duration such as 200ms or 1h30m",
            "receivers.otlp.protocols.grpc.keepalive.enforcement_policy.min_tim: \
             unknown_key: unknown key, expected one of min_time, permit_without_stream; did \
             you mean min_time?",
            "receivers.otlp.protocols.http.write_timeout: not_built_in: not built in yet",
            "receivers.otlp.protocols.http.compression_algorithms[2]: bad_value: \"br\", \
             expected one of deflate, gzip, lz4, snappy, x-snappy-framed, zlib, zstd",
            "receivers.otlp.protocols.http.cors.exposed_headers[0]: bad_value: \"a b\", \
             expected a header's name",
            "receivers.otlp.protocols.http.cors.max_age: wrong_type: \"1h\", expected a \
             whole number",
            "receivers.otlp.protocols.http.cors.allowed_origin: unknown_key: unknown key, \
             expected one of allowed_headers, allowed_origins, exposed_headers, max_age; \
             did you mean allowed_origins?",
            "receivers.otlp.protocols.http.response_headers.a b: bad_value: not a header's \
             name, expected an HTTP header",
            "exporters.otlp_grpc.balancer_name: not_built_in: not built in yet",
            "exporters.otlp_grpc.authority: bad_value: \"a b\", expected a host",
            "exporters.otlp_http.compression_params.level: out_of_range: 10, expected -1 to \
             9",
            "exporters.otlp_http.max_conns_per_host: out_of_range: -1, expected 0 to \
             4294967295",
            "exporters.otlp_http/a.compression_params.window: unknown_key: unknown key, \
             expected level",
        ],
    );
}
