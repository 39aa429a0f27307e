//! The exporter `file`: OTLP/JSON lines. Rotation, compression and protobuf are not built in yet.

use std::path::PathBuf;
use std::time::Duration;

use super::section::Section;

/// Settings of the exporter `file`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// The file that is written; empty only when its absence was reported.
    pub path: PathBuf,
    /// Whether an existing file is continued; otherwise it is emptied.
    pub append: bool,
    /// Longest time that lines stay in memory.
    pub flush_interval: Duration,
}

impl File {
    /// Reads the section.
    pub fn read(section: &Section<'_>) -> Self {
        section.not_built_yet(&["compression", "create_directory", "encoding"]);
        section.not_built_yet(&["directory_permissions", "group_by", "rotation"]);
        section.one_built_of("format", (), &[("json", ())], &["proto"]);
        Self {
            path: section.required_string("path").unwrap_or_default().into(),
            append: section.bool("append", false),
            flush_interval: section.duration("flush_interval", Duration::from_secs(1)),
        }
    }
}
