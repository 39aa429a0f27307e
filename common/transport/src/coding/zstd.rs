//! Zstandard (RFC 8878) through the C library.
//!
//! A decoder keeps a window of what it wrote, as large as a frame's head announces. That is memory,
//! too, so the largest window of a body is looked up in the heads and asked for before decoding;
//! one beyond [`WINDOW_MAX_BYTES`] is refused, as RFC 9659 has it for HTTP.

use std::io::{self, Write};

use bytes::Bytes;
use zstd::stream::read::Decoder;
use zstd::stream::write::Encoder;
use zstd::zstd_safe::find_frame_compressed_size;

use super::{InflateError, Out};
use crate::read::Grow;

/// The largest window of a decoder (RFC 9659).
const WINDOW_MAX_BYTES: u64 = 1 << WINDOW_MAX_LOG;
const WINDOW_MAX_LOG: u32 = 23;
/// The fastest level that compresses in earnest, as with gzip.
const FASTEST: i32 = 1;
/// Beyond it a window takes more memory than many bodies, for little.
const BEST: i32 = 12;

/// A decoder of all frames of `packed`, its window permitted.
pub(super) fn decoder<'a>(
    packed: &'a [u8],
    grow: &mut impl Grow,
) -> Result<Decoder<'static, &'a [u8]>, InflateError> {
    let window_bytes = window_bytes(packed)?;
    if window_bytes > WINDOW_MAX_BYTES {
        return Err(InflateError::TooLarge);
    }
    grow.grow(window_bytes as usize).map_err(|_| InflateError::Refused)?;
    let mut decoder = Decoder::with_buffer(packed).map_err(|_| InflateError::Corrupt)?;
    decoder.window_log_max(WINDOW_MAX_LOG).map_err(|_| InflateError::Corrupt)?;
    Ok(decoder)
}

/// Compresses the concatenation of `parts` to one frame that names its length.
pub(super) fn pack<'a, 'g, G: Grow>(
    level: Option<i32>,
    parts: impl IntoIterator<Item = &'a Bytes>,
    out: Out<'g, G>,
) -> io::Result<Out<'g, G>> {
    let parts: Vec<&Bytes> = parts.into_iter().collect();
    let length = parts.iter().map(|part| part.len() as u64).sum();
    let mut encoder = Encoder::new(out, level.unwrap_or(FASTEST).clamp(FASTEST, BEST))?;
    encoder.set_pledged_src_size(Some(length))?;
    for part in parts {
        encoder.write_all(part)?;
    }
    encoder.finish()
}

/// The largest window that a frame of `packed` asks for. No frame at all is no body.
fn window_bytes(packed: &[u8]) -> Result<u64, InflateError> {
    let mut rest = packed;
    let mut largest = None;
    while !rest.is_empty() {
        largest = largest.max(Some(frame_window_bytes(rest).ok_or(InflateError::Corrupt)?));
        let length = find_frame_compressed_size(rest).map_err(|_| InflateError::Corrupt)?;
        rest = rest.get(length.max(1)..).ok_or(InflateError::Corrupt)?;
    }
    largest.ok_or(InflateError::Corrupt)
}

/// RFC 8878, 3.1.1.1: the window of the frame that `frame` begins with, 0 for a skippable one.
fn frame_window_bytes(frame: &[u8]) -> Option<u64> {
    let (magic, head) = frame.split_first_chunk()?;
    match u32::from_le_bytes(*magic) {
        0x184d_2a50..=0x184d_2a5f => return Some(0),
        0xfd2f_b528 => {}
        _ => return None,
    }
    let (&descriptor, head) = head.split_first()?;
    let is_single_segment = descriptor & 0x20 != 0;
    if !is_single_segment {
        let window = *head.first()?;
        let base = 1u64 << (10 + (window >> 3));
        return Some(base + base / 8 * u64::from(window & 7));
    }
    // Without a window the whole content is one; its length stands behind the dictionary's id.
    let dictionary_bytes = [0, 1, 2, 4][usize::from(descriptor & 3)];
    let content = head.get(dictionary_bytes..)?;
    match descriptor >> 6 {
        0 => content.first().map(|&byte| u64::from(byte)),
        1 => content.first_chunk().map(|bytes| u64::from(u16::from_le_bytes(*bytes)) + 256),
        2 => content.first_chunk().map(|bytes| u64::from(u32::from_le_bytes(*bytes))),
        _ => content.first_chunk().map(|bytes| u64::from_le_bytes(*bytes)),
    }
}
