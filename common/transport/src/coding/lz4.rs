//! LZ4 in frames, as Collectors send and take it.

use std::io;

use bytes::Bytes;
use lz4_flex::frame::{BlockMode, BlockSize, FrameDecoder, FrameEncoder, FrameInfo};

use super::{InflateError, Out, write_all};
use crate::read::Grow;

/// The first bytes of a frame.
const MAGIC: [u8; 4] = [0x04, 0x22, 0x4d, 0x18];
/// How many times the size of a block a decoder keeps: one that comes in, one that goes out, and one behind it
/// that the next may refer to.
const BLOCKS: usize = 3;

/// A decoder of the frame `packed`, its blocks permitted.
pub(super) fn decoder<'a>(
    packed: &'a [u8],
    grow: &mut impl Grow,
) -> Result<FrameDecoder<&'a [u8]>, InflateError> {
    let block_bytes = block_bytes(packed).ok_or(InflateError::Corrupt)?;
    grow.grow(BLOCKS * block_bytes).map_err(|_| InflateError::Refused)?;
    Ok(FrameDecoder::new(packed))
}

/// The largest block of what must be one frame from end to end: the decoder takes one that is cut off behind a block
/// for whole. Older forms, whose blocks have no bound, are no frames.
fn block_bytes(packed: &[u8]) -> Option<usize> {
    let [flags, sizes, rest @ ..] = packed.strip_prefix(&MAGIC)? else { return None };
    let has = |bit: u8| usize::from(flags >> bit & 1);
    // The content's size, the dictionary's id, the checksum of the head.
    let mut rest = rest.get(8 * has(3) + 4 * has(0) + 1..)?;
    loop {
        let (size, blocks) = rest.split_first_chunk()?;
        // The highest bit says that the block is not compressed.
        let block = (u32::from_le_bytes(*size) & 0x7fff_ffff) as usize;
        if u32::from_le_bytes(*size) == 0 {
            rest = blocks.get(4 * has(2)..)?;
            break;
        }
        rest = blocks.get(block.checked_add(4 * has(4))?..)?;
    }
    match sizes >> 4 & 7 {
        size @ 4..=7 if rest.is_empty() => Some(1 << (8 + 2 * size)),
        _ => None,
    }
}

/// Compresses the concatenation of `parts` to one frame.
pub(super) fn pack<'a, 'g, G: Grow>(
    parts: impl IntoIterator<Item = &'a Bytes>,
    out: Out<'g, G>,
) -> io::Result<Out<'g, G>> {
    let form = FrameInfo::new().block_size(BlockSize::Max256KB).block_mode(BlockMode::Independent);
    let mut encoder = FrameEncoder::with_frame_info(form, out);
    write_all(parts, &mut encoder)?;
    encoder.finish().map_err(io::Error::from)
}
