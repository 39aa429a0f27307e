//! What goes: the oldest requests first, in small transactions, and the index of a segment with its
//! last request.
//!
//! Pages that become free are filled again, so the file does not grow beyond the limit; when much
//! of it is free (the limit was lowered, or the senders fell silent) it is shortened little by
//! little.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};

use super::StoreSettings;

/// Bytes of requests deleted in one transaction; the last one may go beyond.
const DELETE_BYTES: i64 = 8 << 20;
/// Requests deleted in one transaction.
const DELETE_REQUESTS: i64 = 512;
/// Transactions of one run that delete what is too old; writers wait meanwhile.
const DELETE_RUNS: usize = 16;
/// Share of the limit that is freed in one go, so that not every write has to delete.
const FREED_SHARE: u64 = 32;
/// Share of the limit that may be free pages before the file is shortened.
const FREE_SHARE: u64 = 16;
/// Pages by which the file is shortened at a time.
const SHORTEN_PAGES: usize = 1024;

/// What the store keeps.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    retention_ns: i64,
    max_bytes: u64,
}

impl Limits {
    pub(super) fn of(settings: &StoreSettings) -> Self {
        let retention_ns =
            i64::try_from(settings.retention.min(Duration::from_secs(1 << 33)).as_nanos());
        Self { retention_ns: retention_ns.unwrap_or(i64::MAX), max_bytes: settings.max_bytes }
    }
}

/// Deletes what is too old or too much, and shortens the file. Returns how many requests went.
pub(super) fn enforce(
    connection: &mut Connection,
    limits: &Limits,
    now_ns: i64,
) -> rusqlite::Result<usize> {
    let mut gone = 0;
    let before_ns = now_ns.saturating_sub(limits.retention_ns);
    for _ in 0..DELETE_RUNS {
        match delete_oldest(connection, before_ns)? {
            0 => break,
            deleted => gone += deleted,
        }
    }
    gone += make_room(connection, limits, 0)?;
    shorten(connection, limits)?;
    Ok(gone)
}

/// Deletes the oldest requests until `incoming_bytes` fit. Returns how many went.
pub(super) fn make_room(
    connection: &mut Connection,
    limits: &Limits,
    incoming_bytes: u64,
) -> rusqlite::Result<usize> {
    if Pages::of(connection)?.used_bytes() + incoming_bytes <= limits.max_bytes {
        return Ok(0);
    }
    let spare = incoming_bytes + limits.max_bytes / FREED_SHARE;
    let target = limits.max_bytes.saturating_sub(spare);
    let mut gone = 0;
    while Pages::of(connection)?.used_bytes() > target {
        match delete_oldest(connection, i64::MAX)? {
            0 => break,
            deleted => gone += deleted,
        }
    }
    Ok(gone)
}

/// Deletes a few of the oldest requests that arrived before `before_ns`.
fn delete_oldest(connection: &mut Connection, before_ns: i64) -> rusqlite::Result<usize> {
    let transaction = connection.transaction()?;
    let Some(last) = last_to_delete(&transaction, before_ns)? else { return Ok(0) };
    let gone = transaction.prepare_cached("DELETE FROM batch WHERE id <= ?1")?.execute([last])?;
    drop_empty_segments(&transaction)?;
    transaction.commit()?;
    Ok(gone)
}

fn last_to_delete(connection: &Connection, before_ns: i64) -> rusqlite::Result<Option<i64>> {
    let mut oldest = connection
        .prepare_cached("SELECT id, bytes, received_ns FROM batch ORDER BY id LIMIT ?1")?;
    let mut rows = oldest.query([DELETE_REQUESTS])?;
    let (mut last, mut bytes) = (None, 0);
    while let Some(row) = rows.next()? {
        if bytes >= DELETE_BYTES || row.get::<_, i64>(2)? >= before_ns {
            break;
        }
        last = Some(row.get(0)?);
        bytes += row.get::<_, i64>(1)?;
    }
    Ok(last)
}

/// Deletes the index of segments that have no request any more, and names that only they had.
fn drop_empty_segments(connection: &Connection) -> rusqlite::Result<()> {
    let first: Option<i64> = connection
        .prepare_cached("SELECT segment FROM batch ORDER BY id LIMIT 1")?
        .query_row([], |row| row.get(0))
        .optional()?;
    let first = first.unwrap_or(i64::MAX);
    let dropped =
        connection.prepare_cached("DELETE FROM segment WHERE id < ?1")?.execute(params![first])?;
    if dropped == 0 {
        return Ok(());
    }
    for table in ["trace", "posting", "operation", "service"] {
        let statement = format!("DELETE FROM {table} WHERE segment < ?1");
        connection.prepare_cached(&statement)?.execute([first])?;
    }
    Ok(())
}

/// Gives free pages back to the file system, a few at a time.
fn shorten(connection: &Connection, limits: &Limits) -> rusqlite::Result<()> {
    let pages = Pages::of(connection)?;
    let too_long = pages.count * pages.bytes > limits.max_bytes;
    let too_empty = pages.free * pages.bytes > limits.max_bytes / FREE_SHARE;
    if pages.free == 0 || !(too_long || too_empty) {
        return Ok(());
    }
    let mut statement =
        connection.prepare_cached(&format!("PRAGMA incremental_vacuum({SHORTEN_PAGES})"))?;
    let mut rows = statement.query([])?;
    while rows.next()?.is_some() {}
    Ok(())
}

/// The file as the writer sees it.
#[derive(Clone, Copy, Debug)]
struct Pages {
    count: u64,
    free: u64,
    bytes: u64,
}

impl Pages {
    fn of(connection: &Connection) -> rusqlite::Result<Self> {
        let number = |sql: &str| {
            let mut statement = connection.prepare_cached(sql)?;
            statement.query_row([], |row| row.get::<_, i64>(0)).map(i64::cast_unsigned)
        };
        Ok(Self {
            count: number("PRAGMA page_count")?,
            free: number("PRAGMA freelist_count")?,
            bytes: number("PRAGMA page_size")?,
        })
    }

    fn used_bytes(&self) -> u64 {
        (self.count - self.free) * self.bytes
    }
}
