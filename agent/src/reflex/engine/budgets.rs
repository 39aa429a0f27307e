//! `budgets.json`: how often rules have acted and how long they rest, so that a restart, a crash, or a
//! takeover gives no rule a fresh budget.
//!
//! Written when an action has begun or ended, which budgets bound; a renewal is neither.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use components::time::{parse_rfc3339, rfc3339};
use serde::{Deserialize, Serialize};

use crate::reflex::decide::Past;
use crate::whole_file;

/// Version of the file's form.
const VERSION: u32 = 1;
/// Largest file that is read.
const MAX_BYTES: u64 = 8 << 20;

#[derive(Serialize, Deserialize)]
struct Saved {
    version: u32,
    written: String,
    past: Past,
}

/// Where it is written down.
#[derive(Debug)]
pub(super) struct BudgetFile(PathBuf);

impl BudgetFile {
    pub(super) fn new(path: PathBuf) -> Self {
        Self(path)
    }

    /// What still counts of what was written. A file that cannot be read is reported and says nothing.
    pub(super) fn past(&self, wall: SystemTime) -> Past {
        read(&self.0, wall).unwrap_or_else(|error| {
            tracing::warn!("{}: {error}; the budgets of rules are full", self.0.display());
            Past::default()
        })
    }

    /// Writes it down.
    pub(super) fn keep(&self, past: &Past, wall: SystemTime) {
        if let Err(error) = write(&self.0, past, wall) {
            tracing::warn!("{}: {error}; a restart forgets budgets", self.0.display());
        }
    }
}

fn read(path: &Path, wall: SystemTime) -> io::Result<Past> {
    let Some(text) = whole_file::read_if_there(path, MAX_BYTES)? else {
        return Ok(Past::default());
    };
    let saved: Saved = serde_json::from_slice(&text)?;
    whole_file::check_version(saved.version, VERSION)?;
    let written = parse_rfc3339(&saved.written);
    let written =
        written.ok_or_else(|| io::Error::other(format!("no time: {:?}", saved.written)))?;
    // A clock that was set back since makes it a moment ago.
    Ok(saved.past.after(wall.duration_since(written).unwrap_or(Duration::ZERO)))
}

fn write(path: &Path, past: &Past, wall: SystemTime) -> io::Result<()> {
    let saved = Saved { version: VERSION, written: rfc3339(wall), past: past.clone() };
    whole_file::replace(path, &serde_json::to_vec(&saved)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reflex::decide::tests::acted;

    #[test]
    fn what_was_done_is_known_later_as_far_as_it_counts() {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let file = BudgetFile::new(folder.path().join("budgets.json"));
        let at = |s: u64| SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000 + s);
        assert_eq!(file.past(at(0)), Past::default());
        let past = acted();
        file.keep(&past, at(0));
        assert_eq!(file.past(at(0)), past);
        assert_eq!(file.past(at(60)), past.clone().after(Duration::from_secs(60)));
        let before = SystemTime::UNIX_EPOCH;
        assert_eq!(file.past(before), past, "a clock that was set back");
    }

    #[test]
    fn damage_says_nothing() {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let path = folder.path().join("budgets.json");
        let newer =
            r#"{"version":2,"written":"2030-01-01T00:00:00Z","past":{"starts":[],"rules":{}}}"#;
        for text in ["", "{", "[]", newer, &newer.replace('2', "x")] {
            std::fs::write(&path, text).expect("writable");
            assert_eq!(BudgetFile::new(path.clone()).past(SystemTime::now()), Past::default());
        }
    }
}
