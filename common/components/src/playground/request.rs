//! Requests from files and to files.

use std::io::{Read, Write};
use std::path::Path;

use bytes::Bytes;
use otlp::Signal;

use super::{INPUT_MAX_BYTES, Stop};

/// Reads a file, or standard input for `-`.
pub(super) fn read_file(path: &Path) -> Result<Vec<u8>, Stop> {
    let failed = |error: std::io::Error| Stop::failed(format!("{}: {error}", path.display()));
    let mut bytes = Vec::new();
    let limit = INPUT_MAX_BYTES as u64 + 1;
    match path.to_str() {
        Some("-") => std::io::stdin().lock().take(limit).read_to_end(&mut bytes),
        _ => std::fs::File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes)),
    }
    .map_err(failed)?;
    if bytes.len() > INPUT_MAX_BYTES {
        return Err(Stop::failed(format!(
            "{}: longer than {INPUT_MAX_BYTES} bytes",
            path.display()
        )));
    }
    Ok(bytes)
}

/// A request in protobuf from either form: no JSON is sound protobuf, since `{` would begin a group.
pub(super) fn read(signal: Signal, path: &Path) -> Result<Bytes, Stop> {
    let input = read_file(path)?;
    parse(signal, input).map_err(|why| Stop::failed(format!("{}: {why}", path.display())))
}

/// The same from bytes.
pub(super) fn parse(signal: Signal, input: Vec<u8>) -> Result<Bytes, String> {
    if otlp::check_deep(signal, &input).is_ok() {
        return Ok(Bytes::from(input));
    }
    let mut body = Vec::new();
    match otlp::json::read_request(signal, &input, 4 * INPUT_MAX_BYTES, &mut body) {
        Ok(()) => Ok(Bytes::from(body)),
        Err(error) if looks_like_json(&input) => Err(format!("not OTLP/JSON: {error}")),
        Err(_) => Err(format!("not an export request of {signal}, expected OTLP/JSON or protobuf")),
    }
}

fn looks_like_json(input: &[u8]) -> bool {
    let text = input.strip_prefix(b"\xef\xbb\xbf").unwrap_or(input);
    text.trim_ascii_start().first().is_none_or(|byte| matches!(byte, b'{' | b'['))
}

/// A request as OTLP/JSON.
pub(super) fn to_json(signal: Signal, body: &[u8]) -> Result<Vec<u8>, String> {
    let mut json = Vec::new();
    let written = otlp::json::write_request(signal, body, &mut json);
    written.map(|()| json).map_err(|malformed| malformed.to_string())
}

/// Writes a file, or standard output for `-`.
pub(super) fn write_file(path: &Path, bytes: &[u8]) -> Result<(), Stop> {
    let written = match path.to_str() {
        Some("-") => std::io::stdout().lock().write_all(bytes),
        _ => std::fs::write(path, bytes),
    };
    written.map_err(|error| Stop::failed(format!("{}: {error}", path.display())))
}
