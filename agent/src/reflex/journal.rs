//! Records on disk, for `report`: a bounded file and its predecessor.
//!
//! The first line names format and version; each further line is a CRC-32 in hexadecimal, a space, and
//! the record as JSON. A torn or damaged line is skipped and counted. At [`FILE_MAX_BYTES`] the file takes
//! the place of its predecessor and a new one begins, so at most twice that is kept.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use super::record::Record;

/// Largest file.
pub const FILE_MAX_BYTES: u64 = 4 << 20;
/// Longest line that is read.
const LINE_MAX_BYTES: usize = 64 << 10;
const MAGIC: &str = "medulla-reflex-journal ";
const VERSION: u32 = 1;

/// The journal.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: Option<File>,
    bytes: u64,
    last_seq: u64,
}

/// What a journal holds.
#[derive(Debug, Default)]
pub struct Content {
    /// Oldest first.
    pub records: Vec<Record>,
    /// Lines that could not be read.
    pub damaged: u64,
}

impl Journal {
    /// Opens a journal, with what the run before wrote; one that cannot be written to is reported, and records are
    /// then only sent.
    pub fn open(path: PathBuf) -> (Self, Vec<Record>) {
        let mut journal = Self { path, file: None, bytes: 0, last_seq: 0 };
        let records = match journal.read() {
            Ok(Content { records, .. }) => {
                journal.last_seq = records.last().map_or(0, |record| record.seq);
                journal.begin(true);
                records
            }
            // What a newer version wrote is left alone.
            Err(error) => {
                tracing::error!("{}: {error}; nothing is kept", journal.path.display());
                Vec::new()
            }
        };
        (journal, records)
    }

    /// The number of the last record.
    pub fn last_seq(&self) -> u64 {
        self.last_seq
    }

    /// Adds a record.
    pub fn append(&mut self, record: &Record) {
        if self.bytes >= FILE_MAX_BYTES {
            self.turn();
        }
        let Some(file) = &mut self.file else { return };
        let json = serde_json::to_string(record).unwrap_or_default();
        let line = format!("{:08x} {json}\n", crc32(json.as_bytes()));
        match file.write_all(line.as_bytes()) {
            Ok(()) => self.bytes += line.len() as u64,
            Err(error) => {
                tracing::error!("{}: {error}; nothing is kept any more", self.path.display());
                self.file = None;
            }
        }
    }

    /// Everything that is kept.
    pub fn read(&self) -> io::Result<Content> {
        let mut content = Content::default();
        for path in [self.old(), self.path.clone()] {
            read_file(&path, &mut content)?;
        }
        Ok(content)
    }

    fn old(&self) -> PathBuf {
        self.path.with_extension("journal.1")
    }

    fn turn(&mut self) {
        self.file = None;
        if let Err(error) = std::fs::rename(&self.path, self.old()) {
            tracing::error!("{}: {error}", self.path.display());
        }
        self.begin(false);
    }

    fn begin(&mut self, go_on: bool) {
        let begun = begin(&self.path, go_on);
        match begun {
            Ok((file, bytes)) => (self.file, self.bytes) = (Some(file), bytes),
            Err(error) => tracing::error!("{}: {error}; nothing is kept", self.path.display()),
        }
    }
}

fn begin(path: &Path, go_on: bool) -> io::Result<(File, u64)> {
    let mut options = OpenOptions::new();
    options.create(true).append(true);
    let mut file = options.open(path)?;
    let mut bytes = file.metadata()?.len();
    if bytes == 0 || !go_on {
        file.set_len(0)?;
        let header = format!("{MAGIC}{VERSION}\n");
        file.write_all(header.as_bytes())?;
        bytes = header.len() as u64;
    } else {
        // A line that was torn by a crash must not swallow the next one.
        file.write_all(b"\n")?;
        bytes += 1;
    }
    Ok((file, bytes))
}

fn read_file(path: &Path, content: &mut Content) -> io::Result<()> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for (index, line) in BufReader::new(file).split(b'\n').enumerate() {
        let line = line?;
        if index == 0 {
            check_header(&line)?;
        } else if !line.is_empty() {
            match parse(&line) {
                Some(record) => content.records.push(record),
                None => content.damaged += 1,
            }
        }
    }
    Ok(())
}

fn check_header(line: &[u8]) -> io::Result<()> {
    let text = String::from_utf8_lossy(&line[..line.len().min(64)]);
    let version = text.strip_prefix(MAGIC).and_then(|version| version.parse::<u32>().ok());
    match version {
        Some(version) if version <= VERSION => Ok(()),
        Some(version) => {
            Err(io::Error::other(format!("version {version}, this one knows up to {VERSION}")))
        }
        None if line.is_empty() => Ok(()),
        None => Err(io::Error::other("not a journal of ours")),
    }
}

fn parse(line: &[u8]) -> Option<Record> {
    let text = std::str::from_utf8(line).ok().filter(|text| text.len() <= LINE_MAX_BYTES)?;
    let (sum, json) = text.split_once(' ')?;
    let intact = u32::from_str_radix(sum, 16).is_ok_and(|sum| sum == crc32(json.as_bytes()));
    if intact { serde_json::from_str(json).ok() } else { None }
}

/// The CRC of Ethernet and zip; a few lines, and a record has a few hundred bytes.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| {
        let folded = crc ^ u32::from(*byte);
        (0..8).fold(folded, |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 })
    };
    !bytes.iter().fold(u32::MAX, step)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(seq: u64) -> Record {
        Record { seq, kind: "decision".to_owned(), ..Record::default() }
    }

    #[test]
    fn damage_is_skipped_and_newer_versions_are_left_alone() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let path = folder.path().join("reflex.journal");
        let (mut journal, _) = Journal::open(path.clone());
        (1..4).for_each(|seq| journal.append(&record(seq)));
        let mut bytes = std::fs::read(&path).expect("readable");
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        bytes.truncate(bytes.len() - 9);
        std::fs::write(&path, bytes).expect("writable");
        let (mut again, _) = Journal::open(path.clone());
        again.append(&record(9));
        let content = again.read().expect("readable");
        assert_eq!(content.records.last().map(|record| record.seq), Some(9));
        assert_eq!(content.damaged, 2);
        std::fs::write(&path, format!("{MAGIC}99\n")).expect("writable");
        assert!(again.read().expect_err("too new").to_string().contains("version 99"));
    }

    #[test]
    fn size_is_bounded() {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let path = folder.path().join("reflex.journal");
        let (mut journal, _) = Journal::open(path.clone());
        let long = Record { reason: "x".repeat(60_000), ..record(1) };
        (0..200).for_each(|_| journal.append(&long));
        let length = |path: &Path| std::fs::metadata(path).expect("there").len();
        assert!(length(&path) <= FILE_MAX_BYTES + 70_000);
        assert!(length(&journal.old()) <= FILE_MAX_BYTES + 70_000);
    }
}
