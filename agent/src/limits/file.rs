//! `limits.json`: the desired limits, for a restart. A file that cannot be read is reported and counts as
//! empty.

use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};

use components::time::{parse_rfc3339, rfc3339};
use serde::{Deserialize, Serialize};

use super::parse::{protocol, protocol_name, unit, unit_name};
use super::{Desired, Now, Source};
use crate::kernel::{Limit, Target};
use crate::whole_file;

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
    #[serde(default)]
    per_source: bool,
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
    whole_file::replace(path, &text)
}

/// Reads the file: each limit and whether it was enforced. None if there is no file.
pub(super) fn read(path: &Path, now: Now) -> io::Result<Vec<(Desired, bool)>> {
    let Some(text) = whole_file::read_if_there(path, MAX_BYTES)? else { return Ok(Vec::new()) };
    let saved: Saved = serde_json::from_slice(&text)?;
    whole_file::check_version(saved.version, VERSION)?;
    let read = |entry: &Entry| {
        desired(entry, now).ok_or_else(|| io::Error::other(format!("port {}", entry.port)))
    };
    saved.limits.iter().map(|entry| Ok((read(entry)?, entry.enforced))).collect()
}

fn entry(desired: &Desired, enforced: bool) -> Entry {
    let limit = &desired.limit;
    Entry {
        proto: protocol_name(limit.target.protocol).to_owned(),
        port: limit.target.port,
        unit: unit_name(limit.unit).to_owned(),
        rate_per_hour: limit.rate_per_hour,
        burst: limit.burst,
        dry_run: limit.dry_run,
        per_source: limit.per_source,
        source: desired.source.to_string(),
        reason: desired.reason.clone(),
        since: rfc3339(desired.since),
        expires: rfc3339(desired.expires),
        generation: limit.generation,
        enforced,
    }
}

fn desired(entry: &Entry, now: Now) -> Option<Desired> {
    let expires = parse_rfc3339(&entry.expires)?;
    let left = left(expires, now.wall).min(super::LEASE_MAX);
    Some(Desired {
        limit: Limit {
            target: Target { protocol: protocol(&entry.proto)?, port: entry.port },
            unit: unit(&entry.unit)?,
            rate_per_hour: entry.rate_per_hour,
            burst: entry.burst,
            dry_run: entry.dry_run,
            per_source: entry.per_source,
            generation: entry.generation,
        },
        source: Source::parse(&entry.source)?,
        reason: entry.reason.clone(),
        since: parse_rfc3339(&entry.since)?,
        expires,
        ends: now.instant + left,
    })
}

fn left(expires: SystemTime, now: SystemTime) -> Duration {
    expires.duration_since(now).unwrap_or(Duration::ZERO)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn hostile_files_never_panic(
            bytes in proptest::collection::vec(any::<u8>(), 0..200),
            expires in "[0-9]{4}-1[0-2]-[0-2][0-9]T[0-2][0-9]:00:00(Z|[+][0-9]{2}:00)|.{0,30}",
            port: u16,
            rate: u64,
        ) {
            let folder = tempfile::tempdir().expect("a temporary folder can be made");
            let path = folder.path().join("limits.json");
            let entry = serde_json::json!({
                "proto": "tcp", "port": port, "unit": "connections", "rate_per_hour": rate,
                "burst": 5, "dry_run": false, "source": "operator", "reason": "",
                "since": expires, "expires": expires, "generation": rate, "enforced": true,
            });
            let whole = serde_json::json!({"version": 1, "limits": [entry]}).to_string();
            let torn = whole.as_bytes()[..bytes.len().min(whole.len())].to_vec();
            for content in [bytes, torn, whole.into_bytes()] {
                std::fs::write(&path, content).expect("writable");
                let _ = read(&path, Now::read());
            }
        }
    }
}
