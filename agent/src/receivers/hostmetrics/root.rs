//! Where the host is: its `/proc` and `/sys` below `root_path`.
//!
//! Files are read whole up to [`FILE_BYTES_MAX`]. Bytes that are not
//! UTF-8 are replaced: names of processes and mounts can be anything.

use std::fs::File;
use std::io::Read;
use std::path::PathBuf;

/// Most bytes of a file that is read whole: `/proc/stat` of a thousand CPUs has half of that.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// The folder that stands for `/`.
#[derive(Clone, Debug)]
pub(super) struct Root {
    path: PathBuf,
}

impl Root {
    /// The host's root; empty is ours.
    pub(super) fn new(path: &str) -> Self {
        Self { path: PathBuf::from(if path.is_empty() { "/" } else { path }) }
    }

    /// Where a path of the host is.
    pub(super) fn at(&self, path: &str) -> PathBuf {
        self.path.join(path.trim_start_matches('/'))
    }

    /// A file as text; the error is a sentence.
    pub(super) fn text(&self, path: &str) -> Result<String, String> {
        let bytes = self.bytes(path)?;
        Ok(String::from_utf8(bytes)
            .unwrap_or_else(|bytes| String::from_utf8_lossy(bytes.as_bytes()).into_owned()))
    }

    /// A file as bytes.
    pub(super) fn bytes(&self, path: &str) -> Result<Vec<u8>, String> {
        let mut bytes = Vec::new();
        let read = File::open(self.at(path))
            .and_then(|file| file.take(FILE_BYTES_MAX).read_to_end(&mut bytes));
        read.map_err(|error| self.cannot_read(path, &error)).map(|_| bytes)
    }

    /// `cannot read PATH: reason`.
    pub(super) fn cannot_read(&self, path: &str, error: &std::io::Error) -> String {
        format!("cannot read {}: {error}", self.at(path).display())
    }
}
