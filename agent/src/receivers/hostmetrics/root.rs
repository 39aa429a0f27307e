//! Where the host is: its `/proc` and `/sys` below `root_path`.
//!
//! Files are read whole up to [`FILE_BYTES_MAX`], tables of connections line by line. Bytes that are not
//! UTF-8 are replaced: names of processes and mounts can be anything.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// Most bytes of a file that is read whole: `/proc/stat` of a thousand CPUs has half of that.
const FILE_BYTES_MAX: u64 = 4 << 20;
/// Most bytes of a line in a file that is read by lines.
const LINE_BYTES_MAX: u64 = 64 << 10;

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

    /// Whether it is another than ours, so that `/proc/self` is not the host's.
    pub(super) fn is_other(&self) -> bool {
        self.path != Path::new("/")
    }

    /// A file as text; the error is a sentence.
    pub(super) fn text(&self, path: &str) -> Result<String, String> {
        self.try_text(path).map_err(|error| self.cannot_read(path, &error))
    }

    /// A file as text.
    pub(super) fn try_text(&self, path: &str) -> io::Result<String> {
        let mut bytes = Vec::new();
        File::open(self.at(path))?.take(FILE_BYTES_MAX).read_to_end(&mut bytes)?;
        Ok(String::from_utf8(bytes)
            .unwrap_or_else(|bytes| String::from_utf8_lossy(bytes.as_bytes()).into_owned()))
    }

    /// Calls `each` with every line of a file.
    pub(super) fn lines(&self, path: &str, mut each: impl FnMut(&str)) -> Result<(), String> {
        let file = File::open(self.at(path)).map_err(|error| self.cannot_read(path, &error))?;
        let (mut file, mut line) = (BufReader::new(file), Vec::new());
        loop {
            line.clear();
            let mut rest = (&mut file).take(LINE_BYTES_MAX);
            match rest.read_until(b'\n', &mut line) {
                Ok(0) => return Ok(()),
                Ok(_) => each(&String::from_utf8_lossy(&line)),
                Err(error) => return Err(self.cannot_read(path, &error)),
            }
        }
    }

    /// The names in a folder; the error is a sentence.
    pub(super) fn names(&self, path: &str) -> Result<Vec<String>, String> {
        self.try_names(path).map_err(|error| self.cannot_read(path, &error))
    }

    /// The names in a folder.
    pub(super) fn try_names(&self, path: &str) -> io::Result<Vec<String>> {
        let name = |entry: io::Result<fs::DirEntry>| entry.ok()?.file_name().into_string().ok();
        Ok(fs::read_dir(self.at(path))?.filter_map(name).collect())
    }

    /// `cannot read PATH: reason`.
    pub(super) fn cannot_read(&self, path: &str, error: &io::Error) -> String {
        format!("cannot read {}: {error}", self.at(path).display())
    }
}
