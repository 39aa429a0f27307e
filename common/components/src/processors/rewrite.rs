//! Editing every request of a batch, each sender's on its own.
//!
//! A request that nobody changed keeps its bytes and the compressed form in which it came. Records
//! that go are told to the ack, so that they count as dropped when the sender hears success; a request
//! of which nothing is left is a success at once. A body that grows asks the budget, and where that is
//! used up its sender hears a retryable refusal.

use std::cell::RefCell;
use std::sync::Arc;

use otlp::edit::{Editor, Route, Visitor};
use pipeline::{Batch, Cause, DropReason, Outcome, Part, ProcessorLedger, RefusalKind};

thread_local! {
    /// Scratch of this thread's walks.
    static EDITOR: RefCell<Editor> = RefCell::default();
}

/// Walks all requests of a batch with a visitor. Returns what is left of the batch, if anything.
pub(crate) fn rewrite<V: Visitor>(
    mut batch: Batch,
    route: &Route,
    visitor: &mut V,
    ledger: &Arc<ProcessorLedger>,
    reason: DropReason,
) -> Option<Batch> {
    ledger.take(batch.records());
    batch.parts = EDITOR.with_borrow_mut(|editor| {
        let edit = |part| edit(editor, part, route, visitor, (ledger, reason));
        batch.parts.into_iter().filter_map(edit).collect()
    });
    ledger.pass(batch.records());
    (!batch.parts.is_empty()).then_some(batch)
}

fn edit<V: Visitor>(
    editor: &mut Editor,
    mut part: Part,
    route: &Route,
    visitor: &mut V,
    (ledger, reason): (&Arc<ProcessorLedger>, DropReason),
) -> Option<Part> {
    let Ok(summary) = editor.run(route, &part.body, visitor) else {
        part.ack.settle(Outcome::refused(RefusalKind::Malformed, MALFORMED), None);
        return None;
    };
    if !summary.is_changed {
        return Some(part);
    }
    if summary.dropped > 0 {
        part.ack.lose(ledger, reason, summary.dropped);
    }
    let records = part.records.saturating_sub(summary.dropped);
    if records == 0 {
        part.ack.settle(Outcome::ACCEPTED, None);
        return None;
    }
    let body = editor.body(&part.body);
    if part.rewrite(body, records).is_err() {
        part.ack.settle(Outcome::retry(Cause::Budget), None);
        return None;
    }
    Some(part)
}

const MALFORMED: &str = "a record cannot be read";
