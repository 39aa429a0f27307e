//! Records as an OTLP logs request, written as bytes.

use bytes::Bytes;
use otlp::wire::{put_bytes, put_fixed64, put_message, put_uint};

use crate::reflex::record::Record;

/// The instrumentation scope.
const SCOPE: &str = "medulla.reflex";
/// OTLP: SeverityNumber.
const INFO: (u64, &str) = (9, "INFO");
const WARN: (u64, &str) = (13, "WARN");

/// The request.
pub(super) fn request(records: &[Record], node: &str) -> Bytes {
    let mut out = Vec::new();
    put_message(&mut out, 1, |out| {
        put_message(out, 1, resource);
        put_message(out, 2, |out| {
            put_message(out, 1, |out| {
                put_bytes(out, 1, SCOPE.as_bytes());
                put_bytes(out, 2, env!("CARGO_PKG_VERSION").as_bytes());
            });
            for record in records {
                put_message(out, 2, |out| write(out, record, node));
            }
        });
    });
    Bytes::from(out)
}

fn resource(out: &mut Vec<u8>) {
    let host = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok());
    text(out, 1, "service.name", "medulla-agent");
    text(out, 1, "host.name", &host.unwrap_or_default());
}

fn write(out: &mut Vec<u8>, record: &Record, node: &str) {
    put_fixed64(out, 1, record.time_unix_ns);
    let calm = matches!(record.outcome.as_deref(), None | Some("done" | "undone"));
    let (number, name) = if calm && record.kind != "anomaly" { INFO } else { WARN };
    put_uint(out, 2, number);
    put_bytes(out, 3, name.as_bytes());
    put_message(out, 5, |out| put_bytes(out, 1, body(record).as_bytes()));
    attributes(out, record, node);
    put_fixed64(out, 11, record.time_unix_ns);
    put_bytes(out, 12, format!("medulla.{}", record.kind).as_bytes());
}

fn body(record: &Record) -> String {
    let parts = [record.rule.as_deref(), record.target.as_deref()];
    let mut body: Vec<&str> = parts.into_iter().flatten().collect();
    body.push(&record.reason);
    let body = body.join(": ");
    if record.inputs.is_empty() { body } else { format!("{body} ({})", record.inputs) }
}

fn attributes(out: &mut Vec<u8>, record: &Record, node: &str) {
    let texts = [
        ("medulla.event.id", Some(record.id.as_str())),
        ("medulla.cause.id", record.cause.as_deref()),
        ("medulla.node.id", Some(node)),
        ("medulla.series", record.series.as_deref()),
        ("medulla.rule.name", record.rule.as_deref()),
        ("medulla.mode", record.mode.as_deref()),
        ("medulla.outcome", record.outcome.as_deref()),
        ("medulla.reason", Some(record.reason.as_str())),
    ];
    for (key, value) in texts {
        if let Some(value) = value {
            text(out, 6, key, value);
        }
    }
    put_message(out, 6, |out| {
        put_bytes(out, 1, b"medulla.node.seq");
        put_message(out, 2, |out| put_uint(out, 3, record.seq));
    });
    let numbers = [
        ("medulla.score", record.score),
        ("medulla.baseline", record.baseline),
        ("medulla.lease.duration", record.lease_s),
    ];
    for (key, value) in numbers {
        if let Some(value) = value {
            put_message(out, 6, |out| {
                put_bytes(out, 1, key.as_bytes());
                put_message(out, 2, |out| put_fixed64(out, 4, value.to_bits()));
            });
        }
    }
}

fn text(out: &mut Vec<u8>, field: u32, key: &str, value: &str) {
    put_message(out, field, |out| {
        put_bytes(out, 1, key.as_bytes());
        put_message(out, 2, |out| put_bytes(out, 1, value.as_bytes()));
    });
}
