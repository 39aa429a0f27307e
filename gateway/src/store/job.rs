//! What travels from a sender to the writer.

use otlp::Signal;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::WriteError;
use super::index::Entry;

/// What one sender wants written.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) signal: Signal,
    pub(super) received_ns: i64,
    pub(super) entries: Vec<Entry>,
    pub(super) answer: oneshot::Sender<Result<(), WriteError>>,
    pub(super) _room: OwnedSemaphorePermit,
}

impl Job {
    pub(super) fn bytes(&self) -> usize {
        self.entries.iter().map(|entry| entry.body.len()).sum()
    }
}
