//! Compression of bodies: gzip (RFC 1952) through zlib-rs, Zstandard (RFC 8878) in `zstd`.
//!
//! Both ways are admitted step by step: memory for what comes out is asked for before it is used, so a bomb
//! stops at its cap having used only what was permitted. Streams of several gzip
//! members are one body; anything behind the last member is an error.

use std::io::{self, Read, Write};

use bytes::Bytes;
use flate2::Compression;
use flate2::bufread::MultiGzDecoder;
use flate2::write::GzEncoder;

use crate::read::{Grow, Refused};

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

/// Compresses the concatenation of `parts`; `Identity` only joins them. The level is zlib's or Zstandard's, the
/// nearest that there is; by default the fastest that compresses in earnest. Ends where the memory is not
/// permitted; what was permitted is never less than what came out.
pub fn pack<'a>(
    coding: Coding,
    level: Option<i32>,
    parts: impl IntoIterator<Item = &'a Bytes>,
    grow: &mut impl Grow,
) -> Result<Bytes, Refused> {
    let out = Out { bytes: Vec::new(), grow };
    let packed = match coding {
        Coding::Identity => return join(parts, out),
        Coding::Gzip => gzip(level, parts, out),
        Coding::Zstd => zstd::pack(level, parts, out),
    };
    // Memory takes every write that is permitted.
    packed.map(|out| out.finish()).map_err(|_| Refused)
}

fn join<'a>(
    parts: impl IntoIterator<Item = &'a Bytes>,
    mut out: Out<'_, impl Grow>,
) -> Result<Bytes, Refused> {
    let mut parts = parts.into_iter().peekable();
    let Some(first) = parts.next() else { return Ok(Bytes::new()) };
    if parts.peek().is_none() {
        return Ok(first.clone());
    }
    for part in std::iter::once(first).chain(parts) {
        out.write_all(part).map_err(|_| Refused)?;
    }
    Ok(out.finish())
}

fn gzip<'a, G: Grow>(
    level: Option<i32>,
    parts: impl IntoIterator<Item = &'a Bytes>,
    out: Out<'_, G>,
) -> io::Result<Out<'_, G>> {
    let level = match level {
        None => Compression::fast(),
        // zlib: -1 is its default.
        Some(level) => u32::try_from(level)
            .map_or(Compression::default(), |level| Compression::new(level.min(9))),
    };
    let mut encoder = GzEncoder::new(out, level);
    for part in parts {
        encoder.write_all(part)?;
    }
    encoder.finish()
}

/// What is being written, and who permits the memory for it.
struct Out<'g, G> {
    bytes: Vec<u8>,
    grow: &'g mut G,
}

impl<G> Out<'_, G> {
    fn finish(mut self) -> Bytes {
        self.bytes.shrink_to_fit();
        Bytes::from(self.bytes)
    }
}

impl<G: Grow> Write for Out<'_, G> {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        let (length, capacity) = (self.bytes.len(), self.bytes.capacity());
        if piece.len() > capacity - length {
            let more = capacity.max(length + piece.len() - capacity);
            self.grow.grow(more).map_err(|_| io::ErrorKind::OutOfMemory)?;
            self.bytes.reserve_exact(capacity + more - length);
        }
        self.bytes.extend_from_slice(piece);
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
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
