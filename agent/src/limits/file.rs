//! `limits.json`: the desired limits, for a restart. Written whole beside the old one, synced, and
//! renamed over it; a file that cannot be read is reported and counts as empty.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::time::{Duration, SystemTime};

use components::time::{parse_rfc3339, rfc3339};
use serde::{Deserialize, Serialize};

use super::parse::{protocol, protocol_name, unit, unit_name};
use super::{Desired, Now, Rule, Source, Target};

/// Version of the file's form.
const VERSION: u32 = 1;
/// Largest file that is read.
const MAX_BYTES: u64 = 4 << 20;

#[derive(Serialize, Deserialize)]
struct Saved {
    version: u32,
    limits: Vec<Entry>,
}

#[derive(Serialize, Deserialize)]
struct Entry {
    proto: String,
    port: u16,
    unit: String,
    rate_per_hour: u64,
    burst: u32,
    dry_run: bool,
    source: String,
    reason: String,
    since: String,
    expires: String,
    generation: u64,
    enforced: bool,
}

/// Writes the file.
pub(super) fn write(
    path: &Path,
    desired: &[Desired],
    enforced: impl Fn(&Desired) -> bool,
) -> io::Result<()> {
    let limits = desired.iter().map(|d| entry(d, enforced(d))).collect();
    let text = serde_json::to_vec_pretty(&Saved { version: VERSION, limits })?;
    let beside = path.with_extension("json.new");
    let mut file = File::create(&beside)?;
    file.write_all(&text)?;
    file.sync_all()?;
    std::fs::rename(&beside, path)
}

/// Reads the file: each limit and whether it was enforced. None if there is no file.
pub(super) fn read(path: &Path, now: Now) -> io::Result<Vec<(Desired, bool)>> {
    let length = match std::fs::metadata(path) {
        Ok(data) => data.len(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    if length > MAX_BYTES {
        return Err(io::Error::other(format!("{length} bytes, expected at most {MAX_BYTES}")));
    }
    let saved: Saved = serde_json::from_slice(&std::fs::read(path)?)?;
    if saved.version > VERSION {
        let text = format!("version {}, this one knows up to {VERSION}", saved.version);
        return Err(io::Error::other(text));
    }
    let read = |entry: &Entry| {
        desired(entry, now).ok_or_else(|| io::Error::other(format!("port {}", entry.port)))
    };
    saved.limits.iter().map(|entry| Ok((read(entry)?, entry.enforced))).collect()
}

fn entry(desired: &Desired, enforced: bool) -> Entry {
    let rule = &desired.rule;
    Entry {
        proto: protocol_name(desired.target.protocol).to_owned(),
        port: desired.target.port,
        unit: unit_name(rule.unit).to_owned(),
        rate_per_hour: rule.rate_per_hour,
        burst: rule.burst,
        dry_run: rule.dry_run,
        source: desired.source.to_string(),
        reason: desired.reason.clone(),
        since: rfc3339(desired.since),
        expires: rfc3339(desired.expires),
        generation: desired.generation,
        enforced,
    }
}

fn desired(entry: &Entry, now: Now) -> Option<Desired> {
    let expires = parse_rfc3339(&entry.expires)?;
    let left = left(expires, now.wall).min(super::LEASE_MAX);
    Some(Desired {
        target: Target { protocol: protocol(&entry.proto)?, port: entry.port },
        source: Source::parse(&entry.source)?,
        rule: Rule {
            unit: unit(&entry.unit)?,
            rate_per_hour: entry.rate_per_hour,
            burst: entry.burst,
            dry_run: entry.dry_run,
        },
        reason: entry.reason.clone(),
        since: parse_rfc3339(&entry.since)?,
        expires,
        ends: now.instant + left,
        generation: entry.generation,
    })
}

fn left(expires: SystemTime, now: SystemTime) -> Duration {
    expires.duration_since(now).unwrap_or(Duration::ZERO)
}
