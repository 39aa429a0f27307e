//! The host's guards: warm-up, clocks, the kill switch and its file, the pause.

use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::reflex::decide::{Host, Moment};

/// Windows reach this far back; before that they are not full.
const WARM_UP: Duration = Duration::from_secs(10);
/// Clocks that part by more than this have jumped.
const JUMP: Duration = Duration::from_secs(1);

/// Watches the host.
#[derive(Debug)]
pub(super) struct HostWatch {
    kill_file: PathBuf,
    switched_off: bool,
    paused_until: Option<Moment>,
    /// Wall clock minus our own, when last looked at.
    offset: Option<Duration>,
    shown: Host,
}

impl HostWatch {
    pub(super) fn new(switched_off: bool) -> Self {
        let (kill_file, paused_until, offset) = Default::default();
        Self { kill_file, switched_off, paused_until, offset, shown: Host::default() }
    }

    pub(super) fn follow(&mut self, kill_file: PathBuf) {
        self.kill_file = kill_file;
    }

    pub(super) fn kill(&mut self, on: bool) {
        self.switched_off = on;
        self.shown.killed = on || self.kill_file.exists();
    }

    pub(super) fn pause(&mut self, until: Option<Moment>) {
        self.paused_until = until;
    }

    /// As last looked at.
    pub(super) fn shown(&self) -> Host {
        self.shown
    }

    /// What is left of the pause.
    pub(super) fn paused_for(&self, now: Moment) -> Option<Duration> {
        self.paused_until.map(|until| until.saturating_sub(now)).filter(|left| !left.is_zero())
    }

    pub(super) fn look(&mut self, now: Moment, wall: SystemTime) -> Host {
        let wall = wall.duration_since(UNIX_EPOCH).unwrap_or_default();
        let offset = wall.saturating_sub(now);
        let jumped = self.offset.is_some_and(|before| before.abs_diff(offset) > JUMP);
        self.offset = Some(offset);
        self.shown = Host {
            warming_up: now < WARM_UP,
            clock_jumped: jumped,
            samples_lost: false,
            paused: self.paused_for(now).is_some(),
            killed: self.switched_off || self.kill_file.exists(),
            gateway_lost: false,
        };
        self.shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jumps_and_sleeps_are_seen_once() {
        let mut host = HostWatch::new(false);
        let at = |s: u64| UNIX_EPOCH + Duration::from_secs(1_000_000 + s);
        let s = Duration::from_secs;
        assert!(!host.look(s(1), at(1)).clock_jumped);
        assert!(host.look(s(2), at(100)).clock_jumped);
        assert!(!host.look(s(3), at(101)).clock_jumped);
        assert!(host.look(s(4), at(2)).clock_jumped);
    }

    #[test]
    fn the_kill_file_is_enough() {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let file = folder.path().join("kill");
        let mut host = HostWatch::new(false);
        host.follow(file.clone());
        assert!(!host.look(Duration::ZERO, UNIX_EPOCH).killed);
        std::fs::write(&file, "").expect("writable");
        assert!(host.look(Duration::ZERO, UNIX_EPOCH).killed);
    }
}
