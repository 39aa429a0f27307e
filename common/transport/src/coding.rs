//! Compression of bodies: gzip, zlib (RFC 1952, 1950) through zlib-rs, Zstandard (RFC 8878), Snappy and LZ4.
//!
//! Both ways are admitted step by step: memory for what comes out is asked for before it is used, so a bomb
//! stops at its cap having used only what was permitted. Streams of several gzip members or Zstandard frames are one
//! body; anything else behind the end is an error.

use std::io::{self, Read, Write};

use bytes::Bytes;
use flate2::Compression;
use flate2::bufread::{MultiGzDecoder, ZlibDecoder};
use flate2::write::{GzEncoder, ZlibEncoder};

use crate::read::{Grow, Refused};

mod lz4;
mod snappy;
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
    /// RFC 1950, as RFC 9110, 8.4.1.2 names it.
    Deflate,
    /// The same, as Collectors also name it.
    Zlib,
    /// Snappy in one block.
    Snappy,
    /// Snappy in frames.
    SnappyFramed,
    /// LZ4 in frames.
    Lz4,
}

/// Names of `Content-Encoding`; of those for one coding the first is ours.
const OF_HTTP: [(&str, Coding); 10] = [
    ("identity", Coding::Identity),
    ("", Coding::Identity),
    ("gzip", Coding::Gzip),
    ("x-gzip", Coding::Gzip),
    ("zstd", Coding::Zstd),
    ("deflate", Coding::Deflate),
    ("zlib", Coding::Zlib),
    ("snappy", Coding::Snappy),
    ("x-snappy-framed", Coding::SnappyFramed),
    ("lz4", Coding::Lz4),
];

/// Names of `grpc-encoding`. What it calls snappy has frames.
const OF_GRPC: [(&str, Coding); 6] = [
    ("identity", Coding::Identity),
    ("", Coding::Identity),
    ("gzip", Coding::Gzip),
    ("zstd", Coding::Zstd),
    ("deflate", Coding::Deflate),
    ("snappy", Coding::SnappyFramed),
];

/// The value of `grpc-accept-encoding`.
pub const ACCEPTED_BY_GRPC: &str = "identity,gzip,zstd,deflate,snappy";

impl Coding {
    /// What a `Content-Encoding` means; `None` if it is not understood.
    pub fn of_http(name: &[u8]) -> Option<Self> {
        coding_in(&OF_HTTP, name)
    }

    /// What a `grpc-encoding` means; `None` if it is not understood.
    pub fn of_grpc(name: &[u8]) -> Option<Self> {
        coding_in(&OF_GRPC, name)
    }

    /// The `Content-Encoding`.
    pub fn http_name(self) -> &'static str {
        name_in(&OF_HTTP, self).expect("HTTP has a name for every coding")
    }

    /// The `grpc-encoding`, if gRPC has a name for it.
    pub fn grpc_name(self) -> Option<&'static str> {
        name_in(&OF_GRPC, self)
    }
}

fn coding_in(names: &[(&str, Coding)], wanted: &[u8]) -> Option<Coding> {
    let found = names.iter().find(|(name, _)| name.as_bytes().eq_ignore_ascii_case(wanted));
    found.map(|(_, coding)| *coding)
}

fn name_in(names: &[(&'static str, Coding)], wanted: Coding) -> Option<&'static str> {
    names.iter().find(|(_, coding)| *coding == wanted).map(|(name, _)| *name)
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
        Coding::Deflate | Coding::Zlib => {
            let mut decoder = ZlibDecoder::new(&packed[..]);
            let body = drain(&mut decoder, max_bytes, grow)?;
            if decoder.get_ref().is_empty() { Ok(body) } else { Err(InflateError::Corrupt) }
        }
        Coding::Snappy if !snappy::has_frames(packed) => {
            snappy::inflate_block(packed, max_bytes, grow)
        }
        Coding::Snappy | Coding::SnappyFramed => {
            drain(snappy::decoder(packed, grow)?, max_bytes, grow)
        }
        Coding::Lz4 => drain(lz4::decoder(packed, grow)?, max_bytes, grow),
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
        Coding::Snappy => return snappy::pack_block(parts, grow),
        Coding::Gzip => {
            let mut encoder = GzEncoder::new(out, zlib_level(level));
            write_all(parts, &mut encoder).and_then(|()| encoder.finish())
        }
        Coding::Deflate | Coding::Zlib => {
            let mut encoder = ZlibEncoder::new(out, zlib_level(level));
            write_all(parts, &mut encoder).and_then(|()| encoder.finish())
        }
        Coding::Zstd => zstd::pack(level, parts, out),
        Coding::SnappyFramed => snappy::pack_frames(parts, out),
        Coding::Lz4 => lz4::pack(parts, out),
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
    write_all(std::iter::once(first).chain(parts), &mut out).map_err(|_| Refused)?;
    Ok(out.finish())
}

fn zlib_level(level: Option<i32>) -> Compression {
    match level {
        None => Compression::fast(),
        // zlib: -1 is its default.
        Some(level) => u32::try_from(level)
            .map_or(Compression::default(), |level| Compression::new(level.min(9))),
    }
}

fn write_all<'a>(
    parts: impl IntoIterator<Item = &'a Bytes>,
    encoder: &mut impl Write,
) -> io::Result<()> {
    parts.into_iter().try_for_each(|part| encoder.write_all(part))
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
