//! The tables, and how connections are set up.
//!
//! Numbers that are unsigned in OTLP are kept as SQLite's signed ones, cut at their end.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::Error;
use super::folder::{FORMAT, Folder};

/// Bytes of the write-ahead log above which it is folded into the database.
pub const LOG_BYTES: u64 = 16 << 20;

/// Pages in memory: the index of a segment, so that it is not read again and again.
pub(super) const WRITER_CACHE_BYTES: usize = 8 << 20;
/// Pages in memory for each reader.
pub(super) const READER_CACHE_BYTES: usize = 2 << 20;
/// `Mdul`, in the file's header.
const APPLICATION: i32 = 0x4d64_756c;
/// Size of a page.
pub(super) const PAGE_BYTES: usize = 4096;

/// `segment`: a run of batches with an index of its own; the times are those of its spans.
/// `batch`: a request as it arrived; the times are those of its records, null where there are none.
/// `trace`: which batches may have spans of a trace, by 64 bits of its id.
/// `posting`: what searches go by, a list for each operation and transaction (see `postings`).
/// `service`, `operation`: names, each with the last segment that has it.
const TABLES: &str = "
CREATE TABLE segment(
    id INTEGER PRIMARY KEY, bytes INTEGER NOT NULL,
    min_ns INTEGER NOT NULL, max_ns INTEGER NOT NULL
) STRICT;
CREATE TABLE batch(
    id INTEGER PRIMARY KEY, segment INTEGER NOT NULL, signal INTEGER NOT NULL,
    received_ns INTEGER NOT NULL, min_ns INTEGER, max_ns INTEGER,
    bytes INTEGER NOT NULL, body BLOB NOT NULL
) STRICT;
CREATE TABLE trace(
    segment INTEGER NOT NULL, trace_key INTEGER NOT NULL, batch_id INTEGER NOT NULL,
    PRIMARY KEY(segment, trace_key, batch_id)
) STRICT, WITHOUT ROWID;
CREATE TABLE posting(
    id INTEGER PRIMARY KEY, segment INTEGER NOT NULL, service_id INTEGER NOT NULL,
    operation_id INTEGER NOT NULL, min_ns INTEGER NOT NULL, max_ns INTEGER NOT NULL,
    hits BLOB NOT NULL
) STRICT;
CREATE INDEX posting_of ON posting(segment, service_id, operation_id);
CREATE TABLE service(
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, segment INTEGER NOT NULL
) STRICT;
CREATE TABLE operation(
    id INTEGER PRIMARY KEY, service_id INTEGER NOT NULL, kind INTEGER NOT NULL,
    name TEXT NOT NULL, segment INTEGER NOT NULL,
    UNIQUE(service_id, name, kind)
) STRICT;
";

/// Searches for logs and metrics go by it. Made when it is missing: it came after the tables.
const TIMES: &str = "CREATE INDEX IF NOT EXISTS batch_times ON batch(signal, max_ns, min_ns);";

/// Opens the database for the writer, or makes it.
pub(super) fn open(folder: &Folder) -> Result<Connection, Error> {
    let path = folder.database();
    let connection = connect(path).map_err(|error| Error::of_sqlite(path, error))?;
    let number = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let of_sqlite = |error| Error::of_sqlite(path, error);
    match number("user_version").map_err(of_sqlite)? {
        0 => create(&connection).map_err(of_sqlite)?,
        version if version == FORMAT.cast_signed() => {}
        _ => return Err(Error::Foreign(path.to_owned())),
    }
    if number("application_id").map_err(of_sqlite)? != i64::from(APPLICATION) {
        return Err(Error::Foreign(path.to_owned()));
    }
    is_whole(&connection, path)?;
    connection.execute_batch(TIMES).map_err(of_sqlite)?;
    Ok(connection)
}

/// Opens the database for a reader.
pub(super) fn open_reader(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    let cache_kib = READER_CACHE_BYTES >> 10;
    connection
        .execute_batch(&format!("PRAGMA cache_size = -{cache_kib}; PRAGMA temp_store = MEMORY;"))?;
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    Ok(connection)
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    let cache_kib = WRITER_CACHE_BYTES >> 10;
    let checkpoint_pages = LOG_BYTES / PAGE_BYTES as u64;
    // The first two take effect only while the file is empty.
    connection.execute_batch(&format!(
        "PRAGMA page_size = {PAGE_BYTES};
         PRAGMA auto_vacuum = INCREMENTAL;
         PRAGMA journal_mode = WAL;
         PRAGMA synchronous = FULL;
         PRAGMA wal_autocheckpoint = {checkpoint_pages};
         PRAGMA journal_size_limit = {LOG_BYTES};
         PRAGMA cache_size = -{cache_kib};
         PRAGMA temp_store = MEMORY;"
    ))?;
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    connection.set_prepared_statement_cache_capacity(32);
    Ok(connection)
}

fn create(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(&format!(
        "BEGIN IMMEDIATE; {TABLES}
         PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {FORMAT}; COMMIT;"
    ))
}

/// Folds the log into the database if it has grown far beyond its bound. SQLite does so by itself
/// after a commit, but begins a new log only when it meets no reader; here it waits for them.
pub(super) fn bound_log(connection: &Connection) -> rusqlite::Result<()> {
    let log = connection.path().map(|path| format!("{path}-wal"));
    let bytes = log.and_then(|log| std::fs::metadata(log).ok()).map_or(0, |log| log.len());
    if bytes > 4 * LOG_BYTES {
        connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")?;
    }
    Ok(())
}

/// A file that lost its end would only be noticed by whoever reads there.
fn is_whole(connection: &Connection, path: &Path) -> Result<(), Error> {
    let pages = connection
        .execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")
        .and_then(|()| connection.pragma_query_value(None, "page_count", |row| row.get(0)))
        .map_err(|error| Error::of_sqlite(path, error))?;
    let pages: i64 = pages;
    let file = std::fs::metadata(path).map_err(|error| Error::io(path, error))?;
    let expected = pages.cast_unsigned() * PAGE_BYTES as u64;
    if file.len() < expected {
        let reason = format!("{} bytes where {expected} are expected", file.len());
        return Err(Error::Corrupt(path.to_owned(), reason));
    }
    Ok(())
}
