//! A record under statements: slices of the request and, where something was set, of the arena.

use bumpalo::Bump;
use otlp::edit::{At, Changes, Data, LEVELS, Level};

use super::Request;
use crate::RunError;
use crate::function::Changed;

/// Buffers that travel from record to record, so that edits allocate only in the arena.
#[derive(Debug, Default)]
pub struct Scratch {
    pub(super) message: Vec<u8>,
    pub(super) inner: Vec<u8>,
    pub(super) field: Vec<u8>,
}

/// A record and the messages around it.
#[derive(Debug)]
pub struct Record<'a> {
    at: At<'a>,
    is_changed: [bool; LEVELS],
    appended: Vec<Vec<u8>>,
    request: &'a Request,
    pub(super) scratch: Scratch,
}

impl<'a> Record<'a> {
    /// The record that a walk is at.
    #[inline(always)]
    pub fn new(at: At<'a>, request: &'a Request, scratch: Scratch) -> Self {
        Self { at, is_changed: [false; LEVELS], appended: Vec::new(), request, scratch }
    }

    /// Says what changed, and gives the buffers back.
    #[inline]
    pub fn finish(&mut self, changes: &mut Changes) -> Scratch {
        for level in Level::ALL.into_iter().filter(|level| self.is_changed[*level as usize]) {
            changes.replace(level, self.message(level));
        }
        for message in self.appended.drain(..) {
            // Asked before: see `change`.
            let appended = changes.append(message);
            debug_assert!(appended.is_ok(), "nothing is appended where nothing may be");
        }
        std::mem::take(&mut self.scratch)
    }

    /// The levels at which something changed.
    pub fn is_changed(&self, level: Level) -> bool {
        self.is_changed[level as usize]
    }

    #[inline]
    pub(super) fn level(&self) -> Level {
        self.at.level
    }

    pub(super) fn data(&self) -> Option<Data> {
        self.at.data
    }

    pub(super) fn request(&self) -> &'a Request {
        self.request
    }

    /// The message of a level; of those around the record without the children.
    #[inline]
    pub(super) fn message(&self, level: Level) -> &'a [u8] {
        self.at.messages[level as usize]
    }

    /// The message of a level with its children.
    pub(super) fn whole(&self, level: Level) -> &'a [u8] {
        if level == self.at.level { self.message(level) } else { self.at.wholes.of(level) }
    }

    /// Replaces the message of a level by what `write` appends, if it succeeds and says that it did.
    pub(super) fn edit(
        &mut self,
        arena: &'a Bump,
        level: Level,
        write: impl FnOnce(&'a [u8], &mut Vec<u8>) -> Result<bool, RunError>,
    ) -> Result<(), RunError> {
        let mut out = std::mem::take(&mut self.scratch.message);
        out.clear();
        let written = write(self.message(level), &mut out);
        if matches!(written, Ok(true)) && out != self.message(level) {
            self.at.messages[level as usize] = arena.alloc_slice_copy(&out);
            self.is_changed[level as usize] = true;
        }
        self.scratch.message = out;
        written.map(|_| ())
    }

    pub(super) fn change(&mut self, arena: &'a Bump, changed: Changed) -> Result<(), RunError> {
        if !changed.appended.is_empty() && !self.at.may_append {
            return Err(RunError::new(otlp::edit::Endless.to_string()));
        }
        if let Some(record) = changed.record {
            self.edit(arena, self.at.level, |_, out| {
                out.extend_from_slice(&record);
                Ok(true)
            })?;
        }
        self.appended.extend(changed.appended);
        Ok(())
    }
}
