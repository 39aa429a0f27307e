//! Compression of bodies: gzip (RFC 1952) through zlib-rs, Zstandard (RFC 8878) in `zstd`.
//!
//! Inflating is admitted step by step: memory for the next [`STEP_BYTES`] is asked for before it is
//! used, so a bomb stops at its cap having used only what was permitted. Streams of several gzip
//! members are one body; anything behind the last member is an error.

use std::io::{Read, Write};

use bytes::Bytes;
use flate2::Compression;
use flate2::bufread::MultiGzDecoder;
use flate2::write::GzEncoder;

use crate::read::Grow;

mod zstd;

/// How much more memory inflating asks for at a time, at first; then as much again as it has.
pub const STEP_BYTES: usize = 64 << 10;

/// Codings that are understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// The bytes themselves.
    Identity,
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
}

impl Coding {
    /// HTTP: a Content-Encoding, or gRPC: a grpc-encoding. `None` if it is not understood.
    pub fn parse(name: &[u8]) -> Option<Self> {
        match name {
            name if name.is_empty() || name.eq_ignore_ascii_case(b"identity") => {
                Some(Self::Identity)
            }
            name if name.eq_ignore_ascii_case(b"gzip") || name.eq_ignore_ascii_case(b"x-gzip") => {
                Some(Self::Gzip)
            }
            name if name.eq_ignore_ascii_case(b"zstd") => Some(Self::Zstd),
            _ => None,
        }
    }

    /// The name in headers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }
}

/// Why a body could not be inflated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InflateError {
    /// More than the cap comes out of it.
    TooLarge,
    /// Not what its coding says, or cut off.
    Corrupt,
    /// The memory was not permitted.
    Refused,
}

/// Inflates a body of at most `max_bytes`.
pub fn inflate(
    coding: Coding,
    packed: &Bytes,
    max_bytes: usize,
    grow: &mut impl Grow,
) -> Result<Bytes, InflateError> {
    match coding {
        Coding::Identity if packed.len() > max_bytes => Err(InflateError::TooLarge),
        Coding::Identity => Ok(packed.clone()),
        Coding::Gzip => drain(MultiGzDecoder::new(&packed[..]), max_bytes, grow),
        Coding::Zstd => drain(zstd::decoder(packed, grow)?, max_bytes, grow),
    }
}

/// Compresses the concatenation of `parts` at the fastest level; `Identity` only joins them.
pub fn pack<'a>(coding: Coding, parts: impl IntoIterator<Item = &'a Bytes>) -> Bytes {
    match coding {
        Coding::Identity => join(parts),
        Coding::Gzip => gzip(parts),
        Coding::Zstd => zstd::pack(parts),
    }
}

fn join<'a>(parts: impl IntoIterator<Item = &'a Bytes>) -> Bytes {
    let mut parts = parts.into_iter().peekable();
    let first = parts.next().cloned().unwrap_or_default();
    if parts.peek().is_none() {
        return first;
    }
    let mut joined = first.to_vec();
    parts.for_each(|part| joined.extend_from_slice(part));
    Bytes::from(joined)
}

/// Compresses the concatenation of `parts` with gzip at the fastest level.
pub fn gzip<'a>(parts: impl IntoIterator<Item = &'a Bytes>) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    for part in parts {
        encoder.write_all(part).expect("writing to memory cannot fail");
    }
    Bytes::from(encoder.finish().expect("writing to memory cannot fail"))
}

/// Reads all that comes out of a decoder.
fn drain(
    mut decoder: impl Read,
    max_bytes: usize,
    grow: &mut impl Grow,
) -> Result<Bytes, InflateError> {
    let mut out = Vec::new();
    let mut filled = 0;
    loop {
        if filled == out.len() {
            enlarge(&mut out, max_bytes, grow)?;
        }
        match decoder.read(&mut out[filled..]).map_err(|_| InflateError::Corrupt)? {
            0 => break,
            read => filled += read,
        }
        if filled > max_bytes {
            return Err(InflateError::TooLarge);
        }
    }
    out.truncate(filled);
    out.shrink_to_fit();
    Ok(Bytes::from(out))
}

/// Doubles the buffer, to one byte beyond the cap at most: that byte tells a body at the cap from
/// one above it.
fn enlarge(out: &mut Vec<u8>, max_bytes: usize, grow: &mut impl Grow) -> Result<(), InflateError> {
    let more = out.len().max(STEP_BYTES).min(max_bytes.saturating_add(1) - out.len());
    grow.grow(more).map_err(|_| InflateError::Refused)?;
    out.resize(out.len() + more, 0);
    Ok(())
}

#[cfg(test)]
mod tests;
