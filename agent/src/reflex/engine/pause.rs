//! `pause.json`: the end of a pause, so that a restart does not end it early.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use components::time::{parse_rfc3339, rfc3339};
use serde::{Deserialize, Serialize};

use crate::whole_file;

/// Version of the file's form.
const VERSION: u32 = 1;
/// Largest file that is read.
const MAX_BYTES: u64 = 4096;
/// Longest pause that is taken up: a file from a clock that was wrong must not silence the rules for years.
const MAX: Duration = Duration::from_secs(30 * 24 * 3600);

#[derive(Serialize, Deserialize)]
struct Saved {
    version: u32,
    until: String,
}

/// Where the pause is written down.
#[derive(Debug)]
pub(super) struct PauseFile(PathBuf);

impl PauseFile {
    pub(super) fn new(path: PathBuf) -> Self {
        Self(path)
    }

    /// What is left of the pause of the last run. A file that cannot be read is reported and is none.
    pub(super) fn left(&self, wall: SystemTime) -> Option<Duration> {
        match read(&self.0) {
            Ok(until) => {
                let left = until.and_then(|until| until.duration_since(wall).ok());
                left.map(|left| left.min(MAX))
            }
            Err(error) => {
                tracing::warn!("{}: {error}; there is no pause", self.0.display());
                None
            }
        }
    }

    /// Writes a pause down, or its end.
    pub(super) fn write(&self, pause: Option<Duration>, wall: SystemTime) {
        let written = match pause {
            Some(time) => write(&self.0, wall + time),
            None => match std::fs::remove_file(&self.0) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            },
        };
        if let Err(error) = written {
            tracing::warn!("{}: {error}; a restart will not know of the pause", self.0.display());
        }
    }
}

fn read(path: &Path) -> io::Result<Option<SystemTime>> {
    let Some(text) = whole_file::read_if_there(path, MAX_BYTES)? else { return Ok(None) };
    let saved: Saved = serde_json::from_slice(&text)?;
    whole_file::check_version(saved.version, VERSION)?;
    let until = parse_rfc3339(&saved.until);
    until.map(Some).ok_or_else(|| io::Error::other(format!("no time: {:?}", saved.until)))
}

fn write(path: &Path, until: SystemTime) -> io::Result<()> {
    let text = serde_json::to_vec(&Saved { version: VERSION, until: rfc3339(until) })?;
    whole_file::replace(path, &text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_outlives_its_process() {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let path = folder.path().join("pause.json");
        let file = PauseFile::new(path.clone());
        let at = |s: u64| SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000 + s);
        let left = |now: u64| PauseFile::new(path.clone()).left(at(now));
        assert_eq!(left(0), None);
        file.write(Some(Duration::from_secs(60)), at(0));
        assert_eq!(left(20), Some(Duration::from_secs(40)));
        assert_eq!(left(61), None);
        file.write(None, at(30));
        file.write(None, at(31));
        assert_eq!(left(32), None);
    }

    #[test]
    fn damage_is_no_pause() {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let path = folder.path().join("pause.json");
        let now = SystemTime::UNIX_EPOCH;
        let texts = ["", "{", "{\"version\":2,\"until\":\"2030-01-01T00:00:00Z\"}"];
        for text in texts.into_iter().chain(["{\"version\":1,\"until\":\"soon\"}"]) {
            std::fs::write(&path, text).expect("writable");
            assert_eq!(PauseFile::new(path.clone()).left(now), None, "{text}");
        }
        let far = "{\"version\":1,\"until\":\"9000-01-01T00:00:00Z\"}";
        std::fs::write(&path, far).expect("writable");
        assert_eq!(PauseFile::new(path).left(now), Some(MAX));
    }
}
