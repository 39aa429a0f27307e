//! The exporter `store`: writes to the one embedded store. A batch is settled after the commit.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use pipeline::{Batch, Cause, Exporter, Outcome, RefusalKind, SendFuture};

use crate::store::{Store, WriteError};

/// Sends to the embedded store.
#[derive(Clone, Debug)]
pub struct StoreExporter(pub Arc<Store>);

impl Exporter for StoreExporter {
    fn send<'a>(&'a self, batch: &'a Batch, _timeout: Duration) -> SendFuture<'a> {
        Box::pin(async move {
            let bodies: Vec<Bytes> = batch.bodies().cloned().collect();
            match self.0.write(batch.signal, bodies, batch.received_at).await {
                Ok(()) => Outcome::ACCEPTED,
                Err(error) => outcome(&error),
            }
        })
    }
}

fn outcome(error: &WriteError) -> Outcome {
    match error {
        WriteError::Malformed => Outcome::refused(RefusalKind::Malformed, error.to_string()),
        WriteError::TooLarge { .. } => Outcome::refused(RefusalKind::TooLarge, error.to_string()),
        WriteError::Closed => Outcome::retry(Cause::Shutdown),
        WriteError::Failed(_) => Outcome::retry(Cause::Backend),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_sender_hears() {
        let failed = WriteError::Failed("disk full".into());
        assert_eq!(outcome(&failed), Outcome::retry(Cause::Backend));
        assert_eq!(outcome(&WriteError::Closed), Outcome::retry(Cause::Shutdown));
        let refused = |error| match outcome(&error) {
            Outcome::Refused(refusal) => refusal.kind,
            other => panic!("{other:?}"),
        };
        assert_eq!(refused(WriteError::Malformed), RefusalKind::Malformed);
        assert_eq!(refused(WriteError::TooLarge { max_bytes: 1 }), RefusalKind::TooLarge);
    }
}
