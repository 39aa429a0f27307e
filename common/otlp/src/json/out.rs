//! The text being written: memory for it is asked for before it is used.
//!
//! What writes need not ask after each byte: once refused, nothing is kept any more, and whoever walks finds
//! out at the next message.

use std::io;

use super::WriteError;

/// Less is not asked for.
const STEP_BYTES: usize = 256;

pub(super) struct Out<'a> {
    bytes: Vec<u8>,
    grow: &'a mut dyn FnMut(usize) -> bool,
    is_refused: bool,
}

impl<'a> Out<'a> {
    /// Writes behind `bytes`, whose memory was asked for already.
    pub(super) fn new(bytes: Vec<u8>, grow: &'a mut dyn FnMut(usize) -> bool) -> Self {
        Self { bytes, grow, is_refused: false }
    }

    pub(super) fn check(&self) -> Result<(), WriteError> {
        if self.is_refused { Err(WriteError::Refused) } else { Ok(()) }
    }

    /// What was written, if all of it was permitted.
    pub(super) fn finish(self) -> Result<Vec<u8>, WriteError> {
        self.check()?;
        Ok(self.bytes)
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn truncate(&mut self, length: usize) {
        self.bytes.truncate(length);
    }

    pub(super) fn push(&mut self, byte: u8) {
        if self.has_room(1) {
            self.bytes.push(byte);
        }
    }

    pub(super) fn extend_from_slice(&mut self, piece: &[u8]) {
        if self.has_room(piece.len()) {
            self.bytes.extend_from_slice(piece);
        }
    }

    fn has_room(&mut self, bytes: usize) -> bool {
        !self.is_refused
            && (bytes <= self.bytes.capacity() - self.bytes.len() || self.enlarge(bytes))
    }

    /// Doubles the memory, at least to hold so many bytes more.
    #[cold]
    fn enlarge(&mut self, bytes: usize) -> bool {
        let (length, capacity) = (self.bytes.len(), self.bytes.capacity());
        let more = capacity.max(length + bytes - capacity).max(STEP_BYTES);
        self.is_refused = !(self.grow)(more);
        if !self.is_refused {
            self.bytes.reserve_exact(capacity + more - length);
        }
        !self.is_refused
    }
}

impl io::Write for Out<'_> {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        self.extend_from_slice(piece);
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
