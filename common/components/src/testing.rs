//! What tests of components need: sections written as YAML, requests as JSON.

use bytes::Bytes;
use pipeline::Signal;

use crate::config::Section;
use crate::config::error::{Error, Report};
use crate::config::value::parse;

/// What `read` makes of a section, its errors and its warnings.
pub(crate) fn section<T>(
    yaml: &str,
    path: &str,
    read: impl FnOnce(&Section<'_>) -> T,
) -> (T, Vec<Error>, Vec<Error>) {
    let report = Report::default();
    report.add_file("f");
    let value = parse(yaml, 0, &report).expect("the test's text is YAML");
    let read = read(&Section::new(&value, path, &report));
    let (errors, warnings) = report.into_parts();
    (read, errors, warnings)
}

/// A request of OTLP/JSON as protobuf.
pub(crate) fn request(signal: Signal, json: &str) -> Bytes {
    let mut body = Vec::new();
    otlp::json::read_request(signal, json.as_bytes(), 1 << 16, &mut body).expect("OTLP");
    body.into()
}
