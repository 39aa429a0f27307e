//! The memory of a run: what statements make of a request is permitted before it grows.
//!
//! Counted are the versions of messages that a record has while statements run over it, its cache, the caches that
//! outlive it, the new bytes of the records before it, and the body that is made of them. What a request may take without
//! asking is in proportion to itself: while one walk follows another there are a body, the edits to it, and a new one.
//! Beyond that a statement adds at most a few values ([`bound::VALUE_MAX_BYTES`](crate::bound::VALUE_MAX_BYTES)) before it
//! is asked for.

use std::cell::{Cell, RefCell};

use super::Memory;
use crate::eval::Ration;

/// What a run may take whatever its request.
pub(super) const FREE_BYTES: usize = 1 << 20;
/// How often a body may be in memory besides the one that came.
const COPIES: usize = 3;
/// Memory is asked for in steps of this, if there is so much.
const STEP_BYTES: usize = 64 << 10;

pub(super) struct Meter<'m> {
    memory: RefCell<Memory<'m>>,
    /// What may be taken without asking, together with what was permitted.
    granted_bytes: Cell<usize>,
    /// What the walk has in memory besides the record that it is at.
    kept_bytes: Cell<usize>,
    is_refused: Cell<bool>,
}

impl<'m> Meter<'m> {
    /// For a request of so many bytes.
    pub(super) fn new(memory: Memory<'m>, request_bytes: usize) -> Self {
        let granted_bytes = Cell::new(FREE_BYTES + COPIES * request_bytes);
        let (kept_bytes, is_refused) = (Cell::new(0), Cell::new(false));
        Self { memory: RefCell::new(memory), granted_bytes, kept_bytes, is_refused }
    }

    /// Asks for the memory of another form of the request; what comes of it may be edited as the request may.
    pub(super) fn take(&self, bytes: usize) -> bool {
        let is_granted = self.ask(bytes);
        self.granted_bytes.set(self.granted_bytes.get() + COPIES * bytes);
        is_granted
    }

    /// Begins a walk beside so many bytes.
    pub(super) fn begin(&self, bytes: usize) {
        self.kept_bytes.set(bytes);
    }

    /// The walk keeps so many bytes more from here on.
    pub(super) fn keep(&self, bytes: usize) {
        self.kept_bytes.set(self.kept_bytes.get().saturating_add(bytes));
    }

    /// Whether memory was refused: then the run ends.
    pub(super) fn is_refused(&self) -> bool {
        self.is_refused.get()
    }

    fn ask(&self, bytes: usize) -> bool {
        let is_granted = (self.memory.borrow_mut())(bytes);
        self.is_refused.set(self.is_refused.get() || !is_granted);
        is_granted
    }

    #[cold]
    fn grow(&self, missing: usize) -> bool {
        let step = missing.next_multiple_of(STEP_BYTES);
        let granted = if (self.memory.borrow_mut())(step) {
            step
        } else if self.ask(missing) {
            missing
        } else {
            return false;
        };
        self.granted_bytes.set(self.granted_bytes.get() + granted);
        true
    }
}

impl Ration for Meter<'_> {
    fn free_bytes(&self) -> usize {
        self.granted_bytes.get().saturating_sub(self.kept_bytes.get())
    }

    #[inline]
    fn allows(&self, bytes: usize) -> bool {
        let used = self.kept_bytes.get().saturating_add(bytes);
        match used.checked_sub(self.granted_bytes.get()) {
            None | Some(0) => true,
            Some(missing) => !self.is_refused.get() && self.grow(missing),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_asked_for_in_steps_or_exactly() {
        let mut asked = Vec::new();
        let mut memory = |bytes: usize| {
            asked.push(bytes);
            true
        };
        let meter = Meter::new(&mut memory, 100);
        assert!(meter.allows(FREE_BYTES + 300), "copies of the request are free");
        assert!(meter.allows(FREE_BYTES + 301), "a step");
        assert!(meter.allows(FREE_BYTES + 300 + STEP_BYTES), "the rest of it");
        meter.begin(200);
        meter.keep(200);
        assert!(meter.allows(FREE_BYTES + STEP_BYTES), "a second step");
        assert_eq!(asked, [STEP_BYTES; 2]);
    }

    #[test]
    fn what_is_refused_stays_refused() {
        let mut memory = |bytes: usize| bytes < 50;
        let meter = Meter::new(&mut memory, 0);
        assert!(meter.allows(FREE_BYTES + 40), "exactly, where a step is too much");
        assert!(!meter.allows(FREE_BYTES + 100));
        assert!(meter.is_refused());
        assert!(!meter.allows(FREE_BYTES + 41));
        assert!(meter.allows(FREE_BYTES), "what is there stays");
    }
}
