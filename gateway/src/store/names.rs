//! Services and operations by number.
//!
//! A name is written when it is first seen and once per segment after that, so that it can go with
//! the last segment that has it. The cache is bounded; what fell out is looked up again.

use std::collections::HashMap;

use rusqlite::{Connection, params};

use super::index::OperationName;

/// Bytes of names that are remembered.
pub(super) const NAMES_BYTES: usize = 4 << 20;
/// What a name takes besides its text.
const ENTRY_BYTES: usize = 80;

/// The numbers of names, as of the last commit and the transaction in progress.
#[derive(Debug, Default)]
pub(super) struct Names {
    services: HashMap<String, Known>,
    operations: HashMap<(i64, i32), HashMap<String, Known>>,
    bytes: usize,
}

#[derive(Clone, Copy, Debug)]
struct Known {
    id: i64,
    segment: i64,
}

impl Names {
    /// The numbers of a service and an operation that `segment` has.
    pub(super) fn ids(
        &mut self,
        connection: &Connection,
        segment: i64,
        operation: &OperationName,
    ) -> rusqlite::Result<(i64, i64)> {
        let service = self.service(connection, segment, &operation.service)?;
        let names = self.operations.entry((service, operation.kind)).or_default();
        if let Some(known) = names.get(&operation.name).filter(|known| known.segment == segment) {
            return Ok((service, known.id));
        }
        let id = connection
            .prepare_cached(
                "INSERT INTO operation(service_id, kind, name, segment) VALUES(?1, ?2, ?3, ?4)
                 ON CONFLICT DO UPDATE SET segment = excluded.segment RETURNING id",
            )?
            .query_row(params![service, operation.kind, operation.name, segment], |row| {
                row.get(0)
            })?;
        names.insert(operation.name.clone(), Known { id, segment });
        self.bound(operation.name.len());
        Ok((service, id))
    }

    fn service(
        &mut self,
        connection: &Connection,
        segment: i64,
        name: &str,
    ) -> rusqlite::Result<i64> {
        if let Some(known) = self.services.get(name).filter(|known| known.segment == segment) {
            return Ok(known.id);
        }
        let id = connection
            .prepare_cached(
                "INSERT INTO service(name, segment) VALUES(?1, ?2)
                 ON CONFLICT DO UPDATE SET segment = excluded.segment RETURNING id",
            )?
            .query_row(params![name, segment], |row| row.get(0))?;
        self.services.insert(name.to_owned(), Known { id, segment });
        self.bound(name.len());
        Ok(id)
    }

    fn bound(&mut self, added_bytes: usize) {
        self.bytes += added_bytes + ENTRY_BYTES;
        if self.bytes > NAMES_BYTES {
            self.forget();
        }
    }

    /// Looks everything up again: after a rollback, or when names were deleted.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }
}
