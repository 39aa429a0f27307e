//! Why the store cannot be opened, written or read.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::ErrorCode;

/// The store cannot be opened.
#[derive(Debug)]
pub enum Error {
    /// A file or folder cannot be made, read or written.
    Io(PathBuf, io::Error),
    /// Another process has the store open.
    InUse(PathBuf),
    /// The folder was written by a newer version.
    Newer {
        /// The file that says so.
        path: PathBuf,
        /// The version it names.
        found: u64,
        /// The newest version we read.
        known: u64,
    },
    /// What is there is not a store.
    Foreign(PathBuf),
    /// The file is damaged.
    Corrupt(PathBuf, String),
    /// SQLite refused for another reason.
    Sqlite(PathBuf, rusqlite::Error),
}

impl Error {
    pub(super) fn io(path: &Path, error: io::Error) -> Self {
        Self::Io(path.to_owned(), error)
    }

    pub(super) fn of_sqlite(path: &Path, error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
                Self::Corrupt(path.to_owned(), error.to_string())
            }
            _ => Self::Sqlite(path.to_owned(), error),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(path, error) => write!(f, "store: {}: {error}", path.display()),
            Self::InUse(path) => {
                write!(f, "store: {} is in use by another process", path.display())
            }
            Self::Newer { path, found, known } => write!(
                f,
                "store: {} says format {found}, this version reads up to {known}",
                path.display()
            ),
            Self::Foreign(path) => {
                write!(f, "store: {} is not a store of this program", path.display())
            }
            Self::Corrupt(path, reason) => {
                write!(f, "store: {} is damaged ({reason}); move it away", path.display())
            }
            Self::Sqlite(path, error) => write!(f, "store: {}: {error}", path.display()),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(_, error) => Some(error),
            Self::Sqlite(_, error) => Some(error),
            _ => None,
        }
    }
}

/// Requests were not stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WriteError {
    /// One of them is not the message it claims to be. None was stored.
    Malformed,
    /// One of them is larger than the store takes. None was stored.
    TooLarge {
        /// The bound.
        max_bytes: usize,
    },
    /// The store is closed.
    Closed,
    /// The disk or the file failed; it may be better later.
    Failed(Arc<str>),
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => f.write_str("malformed protobuf"),
            Self::TooLarge { max_bytes } => {
                write!(f, "the request is larger than the store takes ({max_bytes} bytes)")
            }
            Self::Closed => f.write_str("the store is closed"),
            Self::Failed(reason) => write!(f, "the store cannot write: {reason}"),
        }
    }
}

impl std::error::Error for WriteError {}

/// A query was not answered.
#[derive(Debug)]
pub enum ReadError {
    /// The answer would be larger than [`MAX_ANSWER_BYTES`](super::MAX_ANSWER_BYTES).
    TooLarge,
    /// The process is stopping.
    Stopping,
    /// SQLite failed.
    Sqlite(rusqlite::Error),
    /// Stored bytes are not what they were when they were stored.
    Damaged,
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge => write!(
                f,
                "the answer is larger than {} MiB; ask for fewer traces",
                super::MAX_ANSWER_BYTES >> 20
            ),
            Self::Stopping => f.write_str("the process is stopping"),
            Self::Sqlite(error) => write!(f, "the store cannot be read: {error}"),
            Self::Damaged => f.write_str("the store cannot be read: a stored request is damaged"),
        }
    }
}

impl std::error::Error for ReadError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Sqlite(error) => Some(error),
            _ => None,
        }
    }
}

impl From<rusqlite::Error> for ReadError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<otlp::Malformed> for ReadError {
    fn from(_: otlp::Malformed) -> Self {
        Self::Damaged
    }
}
