//! Snappy: one block (what HTTP names `snappy`), or frames of blocks (gRPC's `snappy`, `x-snappy-framed`).

use std::io;

use bytes::Bytes;
use snap::read::FrameDecoder;
use snap::write::FrameEncoder;

use super::{InflateError, Out, join, write_all};
use crate::read::{Grow, Refused};

/// No element of a block makes more of a byte: three can be a copy of 64.
const MOST_TIMES: usize = 22;
/// What a decoder of frames keeps: a block, and the most that it can be packed to.
const FRAME_BYTES: usize = 160 << 10;

/// How frames begin.
const FRAMES: &[u8] = b"\xff\x06\x00\x00sNaPpY";

/// Whether it is frames. Older Collectors send them under HTTP's name for a block.
pub(super) fn has_frames(packed: &[u8]) -> bool {
    packed.starts_with(FRAMES)
}

/// Inflates one block, whose length stands in front.
pub(super) fn inflate_block(
    packed: &[u8],
    max_bytes: usize,
    grow: &mut impl Grow,
) -> Result<Bytes, InflateError> {
    let length = snap::raw::decompress_len(packed).map_err(|_| InflateError::Corrupt)?;
    if length > max_bytes {
        return Err(InflateError::TooLarge);
    }
    if packed.is_empty() || length > packed.len() * MOST_TIMES {
        return Err(InflateError::Corrupt);
    }
    grow.grow(length).map_err(|_| InflateError::Refused)?;
    let body = snap::raw::Decoder::new().decompress_vec(packed);
    body.map(Bytes::from).map_err(|_| InflateError::Corrupt)
}

/// Compresses the concatenation of `parts` to one block.
pub(super) fn pack_block<'a, G: Grow>(
    parts: impl IntoIterator<Item = &'a Bytes>,
    grow: &mut G,
) -> Result<Bytes, Refused> {
    let whole = join(parts, Out { bytes: Vec::new(), grow: &mut *grow })?;
    // Blocks have less than 4 GiB; beyond that no length is given.
    let most = snap::raw::max_compress_len(whole.len());
    grow.grow(most)?;
    let mut packed = snap::raw::Encoder::new().compress_vec(&whole).map_err(|_| Refused)?;
    packed.shrink_to_fit();
    Ok(packed.into())
}

/// A decoder of all frames of `packed`, its memory permitted.
pub(super) fn decoder<'a>(
    packed: &'a [u8],
    grow: &mut impl Grow,
) -> Result<FrameDecoder<&'a [u8]>, InflateError> {
    grow.grow(FRAME_BYTES).map_err(|_| InflateError::Refused)?;
    Ok(FrameDecoder::new(packed))
}

/// Compresses the concatenation of `parts` to frames.
pub(super) fn pack_frames<'a, 'g, G: Grow>(
    parts: impl IntoIterator<Item = &'a Bytes>,
    out: Out<'g, G>,
) -> io::Result<Out<'g, G>> {
    let mut encoder = FrameEncoder::new(out);
    write_all(parts, &mut encoder)?;
    encoder.into_inner().map_err(|error| error.into_error())
}
