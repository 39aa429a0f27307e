//! The result of a walk as a list of ranges, before any byte is copied.

use std::ops::Range;

use bytes::Bytes;

use crate::wire::{Malformed, put_bytes, put_varint, varint_bytes};

/// Bytes on their way into the plan: part of the request, or made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Text<'t> {
    pub(super) bytes: &'t [u8],
    /// Where they stand in the request, if they do.
    at: Option<u32>,
}

impl<'t> Text<'t> {
    /// The request itself.
    pub(super) fn request(bytes: &'t [u8]) -> Result<Self, Malformed> {
        u32::try_from(bytes.len()).map_err(|_| Malformed)?;
        Ok(Self { bytes, at: Some(0) })
    }

    /// Bytes that are not in the request.
    pub(super) fn made(bytes: &'t [u8]) -> Self {
        Self { bytes, at: None }
    }

    /// A slice of these bytes.
    pub(super) fn part(&self, part: &'t [u8]) -> Self {
        let offset = part.as_ptr().addr() - self.bytes.as_ptr().addr();
        Self { bytes: part, at: self.at.map(|at| at + offset as u32) }
    }
}

#[derive(Debug)]
enum Segment {
    /// A range of the request.
    Request(Range<u32>),
    /// A range of the arena.
    Arena(Range<usize>),
    /// Tag and length of a message whose content follows.
    Open { number: u32, length: u32 },
}

/// A point to go back to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    segments: usize,
    arena: usize,
    length: u64,
}

#[derive(Debug, Default)]
pub(super) struct Plan {
    segments: Vec<Segment>,
    arena: Vec<u8>,
    length: u64,
}

impl Plan {
    pub(super) fn clear(&mut self) {
        self.segments.clear();
        self.arena.clear();
        self.length = 0;
    }

    pub(super) fn kept_bytes(&self) -> usize {
        self.arena.capacity() + self.segments.capacity() * size_of::<Segment>()
    }

    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Appends bytes as they stand.
    pub(super) fn copy(&mut self, text: Text<'_>) {
        let bytes = text.bytes.len();
        if bytes == 0 {
            return;
        }
        self.length += bytes as u64;
        match text.at {
            Some(at) => self.copy_range(at..at + bytes as u32),
            None => self.copy_made(text.bytes),
        }
    }

    fn copy_range(&mut self, range: Range<u32>) {
        match self.segments.last_mut() {
            Some(Segment::Request(last)) if last.end == range.start => last.end = range.end,
            _ => self.segments.push(Segment::Request(range)),
        }
    }

    fn copy_made(&mut self, bytes: &[u8]) {
        let start = self.arena.len();
        self.arena.extend_from_slice(bytes);
        self.cover_made(start);
    }

    /// Takes in what is in the arena from `start` on.
    fn cover_made(&mut self, start: usize) {
        match self.segments.last_mut() {
            Some(Segment::Arena(last)) => last.end = self.arena.len(),
            _ => self.segments.push(Segment::Arena(start..self.arena.len())),
        }
    }

    /// Appends the field of a message that is not in the request.
    pub(super) fn put_made(&mut self, number: u32, message: &[u8]) -> Result<(), Malformed> {
        u32::try_from(message.len()).map_err(|_| Malformed)?;
        let start = self.arena.len();
        put_bytes(&mut self.arena, number, message);
        self.length += (self.arena.len() - start) as u64;
        self.cover_made(start);
        Ok(())
    }

    /// Here. Good for a rollback only right behind an [`open`](Self::open).
    pub(super) fn mark(&self) -> Mark {
        Mark { segments: self.segments.len(), arena: self.arena.len(), length: self.length }
    }

    /// Begins a message in field `number`. Nothing before it grows any more, so that
    /// [`rollback`](Self::rollback) finds everything as it was.
    pub(super) fn open(&mut self, number: u32) -> Mark {
        let mark = self.mark();
        self.segments.push(Segment::Open { number, length: 0 });
        mark
    }

    /// Ends the message that began at `mark`.
    pub(super) fn close(&mut self, mark: Mark) -> Result<(), Malformed> {
        let inner = u32::try_from(self.length - mark.length).map_err(|_| Malformed)?;
        if let Some(Segment::Open { number, length }) = self.segments.get_mut(mark.segments) {
            *length = inner;
            self.length += head_bytes(*number, inner);
        }
        Ok(())
    }

    /// Forgets everything since `mark`.
    pub(super) fn rollback(&mut self, mark: Mark) {
        self.segments.truncate(mark.segments);
        self.arena.truncate(mark.arena);
        self.length = mark.length;
    }

    /// Whether it is the request from end to end.
    pub(super) fn is_whole(&self, request_bytes: usize) -> bool {
        match &self.segments[..] {
            [] => request_bytes == 0,
            [Segment::Request(range)] => range.start == 0 && range.end as usize == request_bytes,
            _ => false,
        }
    }

    pub(super) fn write(&self, request: &[u8], out: &mut Vec<u8>) {
        out.reserve(self.length as usize);
        for segment in &self.segments {
            self.write_segment(segment, request, out);
        }
    }

    fn write_segment(&self, segment: &Segment, request: &[u8], out: &mut Vec<u8>) {
        match segment {
            Segment::Request(range) => {
                out.extend_from_slice(&request[range.start as usize..range.end as usize]);
            }
            Segment::Arena(range) => out.extend_from_slice(&self.arena[range.clone()]),
            Segment::Open { number, length } => {
                put_varint(out, u64::from(*number) << 3 | 2);
                put_varint(out, u64::from(*length));
            }
        }
    }

    pub(super) fn pieces(&self, request: &Bytes) -> Vec<Bytes> {
        let mut made = Vec::new();
        let mut ends = Vec::new();
        for segment in &self.segments {
            if !matches!(segment, Segment::Request(_)) {
                self.write_segment(segment, request, &mut made);
            }
            ends.push(made.len());
        }
        let made = Bytes::from(made);
        let mut pieces = Vec::with_capacity(self.segments.len());
        let mut written = 0;
        for (segment, end) in self.segments.iter().zip(ends) {
            if let Segment::Request(range) = segment {
                push_made(&mut pieces, &made, written..end);
                written = end;
                pieces.push(request.slice(range.start as usize..range.end as usize));
            }
        }
        push_made(&mut pieces, &made, written..made.len());
        pieces
    }
}

fn push_made(pieces: &mut Vec<Bytes>, made: &Bytes, range: Range<usize>) {
    if !range.is_empty() {
        pieces.push(made.slice(range));
    }
}

/// Bytes of a tag and a length.
fn head_bytes(number: u32, length: u32) -> u64 {
    (varint_bytes(u64::from(number) << 3) + varint_bytes(u64::from(length))) as u64
}
