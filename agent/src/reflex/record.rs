//! What happened, for people and machines: anomalies, decisions, actions (contract.md section 4).
//!
//! Every record has a UUIDv7, the record that led to it, the node's id and a number that grows by one per
//! record and node, across restarts. A record goes to the journal (kept, bounded) and to the outbox,
//! from which the receiver `reflex` takes it; an outbox that nobody empties forgets its oldest.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use components::time::unix_ns;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use super::decide::EventNo;
use super::journal::Journal;

/// Most records that wait for the receiver.
pub const OUTBOX_MAX: usize = 4096;
/// How many events back a cause can lie.
const CAUSES_MAX: usize = 4096;

/// One record.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// `medulla.event.id`.
    pub id: String,
    /// `medulla.cause.id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// `medulla.node.seq`.
    pub seq: u64,
    /// When, in nanoseconds since 1970.
    pub time_unix_ns: u64,
    /// `anomaly`, `decision` or `action`.
    pub kind: String,
    /// What happened, in words.
    pub reason: String,
    /// The rule's signals at that moment.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub inputs: String,
    /// `medulla.rule.name`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// What it is about: `tcp/8080`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// `medulla.mode`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
    /// `medulla.outcome`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
    /// `medulla.series`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub series: Option<String>,
    /// `medulla.score`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
    /// `medulla.baseline`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<f64>,
    /// `medulla.lease.duration`, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease_s: Option<f64>,
}

/// Records that wait for the receiver.
#[derive(Debug, Default)]
pub struct Outbox {
    waiting: Mutex<VecDeque<Record>>,
    arrived: Notify,
}

impl Outbox {
    fn put(&self, record: Record) {
        let mut waiting = self.waiting.lock().expect("no code path panics while it holds them");
        if waiting.len() == OUTBOX_MAX {
            waiting.pop_front();
        }
        waiting.push_back(record);
        drop(waiting);
        self.arrived.notify_one();
    }

    /// At most `most` records, once there is one. They stay until [`forget`](Self::forget).
    pub async fn next(&self, most: usize) -> Vec<Record> {
        loop {
            let arrived = self.arrived.notified();
            let waiting = self.peek(most);
            if !waiting.is_empty() {
                return waiting;
            }
            arrived.await;
        }
    }

    fn peek(&self, most: usize) -> Vec<Record> {
        let waiting = self.waiting.lock().expect("no code path panics while it holds them");
        waiting.iter().take(most).cloned().collect()
    }

    /// Forgets what was delivered: all up to this number.
    pub fn forget(&self, seq: u64) {
        let mut waiting = self.waiting.lock().expect("no code path panics while it holds them");
        waiting.retain(|record| record.seq > seq);
    }
}

/// Writes records.
#[derive(Debug)]
pub struct Recorder {
    /// `medulla.node.id`.
    pub node: Arc<str>,
    seq: u64,
    random: u64,
    ids: VecDeque<(EventNo, String)>,
    journal: Journal,
    outbox: Arc<Outbox>,
}

impl Recorder {
    /// Goes on where the journal ends.
    pub fn new(node: Arc<str>, journal: Journal, outbox: Arc<Outbox>, random: u64) -> Self {
        let seq = journal.last_seq();
        Self { node, seq, random, ids: VecDeque::new(), journal, outbox }
    }

    /// Completes a record, keeps it and sends it; returns it.
    pub fn write(&mut self, no: EventNo, cause: Option<EventNo>, mut record: Record) -> Record {
        self.seq += 1;
        record.seq = self.seq;
        record.time_unix_ns = unix_ns(SystemTime::now());
        record.id =
            uuid_v7(record.time_unix_ns / 1_000_000, self.next_random(), self.next_random());
        record.cause = cause.and_then(|cause| self.id_of(cause));
        if self.ids.len() == CAUSES_MAX {
            self.ids.pop_front();
        }
        self.ids.push_back((no, record.id.clone()));
        self.journal.append(&record);
        self.outbox.put(record.clone());
        record
    }

    /// The id of a recent event.
    pub fn id_of(&self, no: EventNo) -> Option<String> {
        self.ids.iter().rev().find(|(other, _)| *other == no).map(|(_, id)| id.clone())
    }

    /// The event of a recent id.
    pub fn event_of(&self, id: &str) -> Option<EventNo> {
        self.ids.iter().rev().find(|(_, other)| other == id).map(|(no, _)| *no)
    }

    /// The journal.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// SplitMix64: ids need to differ, not to be secret.
    fn next_random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.random ^ (self.random >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// RFC 9562, version 7: milliseconds, then chance.
pub fn uuid_v7(unix_ms: u64, random_a: u64, random_b: u64) -> String {
    let ms = unix_ms & 0xffff_ffff_ffff;
    let variant = 0x8000 | (random_b >> 48 & 0x3fff);
    format!(
        "{:08x}-{:04x}-7{:03x}-{variant:04x}-{:012x}",
        ms >> 16,
        ms & 0xffff,
        random_a & 0xfff,
        random_b & 0xffff_ffff_ffff
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_numbered_across_restarts_and_know_their_cause() {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let start = || {
            let (journal, _) = Journal::open(folder.path().join("reflex.journal"));
            Recorder::new("node".into(), journal, Arc::default(), 7)
        };
        let mut recorder = start();
        let first = recorder.write(1, None, Record::default());
        let second = recorder.write(2, Some(1), Record::default());
        assert_eq!((first.seq, second.seq), (1, 2));
        assert_eq!(second.cause.as_deref(), Some(first.id.as_str()));
        assert_eq!(recorder.event_of(&first.id), Some(1));
        assert_eq!(start().write(1, None, Record::default()).seq, 3);
    }

    #[test]
    fn ids_have_the_form_of_uuid_v7() {
        assert_eq!(
            uuid_v7(0x0123_4567_89ab, 0xfff, u64::MAX),
            "01234567-89ab-7fff-bfff-ffffffffffff"
        );
    }
}
