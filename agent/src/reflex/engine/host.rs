//! The host's guards: warm-up, clocks, the kill switch and its file, the pause, lost gateways.

use std::fmt;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::pause::PauseFile;
use crate::reflex::decide::{Host, Moment};
use crate::reflex::signals::window::WINDOW;

/// Windows reach this far back; before that they are not full.
const WARM_UP: Duration = WINDOW;
/// Clocks that part by more than this have jumped.
const JUMP: Duration = Duration::from_secs(1);

/// How often the gateways are asked for.
const GATEWAYS_EVERY: Duration = Duration::from_secs(1);

/// How long the backend of each exporter that leads to a gateway has taken nothing, the longest.
pub(crate) type Outage = Box<dyn Fn() -> Duration + Send>;

/// A gateway is lost after this.
const LOST_AFTER: Duration = Duration::from_secs(60);

/// Watches the host.
pub(super) struct HostWatch {
    kill_file: PathBuf,
    switched_off: bool,
    pause_file: PauseFile,
    paused_until: Option<Moment>,
    outage: Outage,
    gateways_at: Option<Moment>,
    /// Wall clock minus our own, when last looked at.
    offset: Option<Duration>,
    shown: Host,
}

impl HostWatch {
    /// Begins, in the pause of the run before if it has not ended.
    pub(super) fn new(
        switched_off: bool,
        pause_file: PathBuf,
        outage: Outage,
        wall: SystemTime,
    ) -> Self {
        let pause_file = PauseFile::new(pause_file);
        let paused_until = pause_file.left(wall);
        let (kill_file, gateways_at, offset, shown) = Default::default();
        Self {
            kill_file,
            switched_off,
            pause_file,
            paused_until,
            outage,
            gateways_at,
            offset,
            shown,
        }
    }

    pub(super) fn follow(&mut self, kill_file: PathBuf) {
        self.kill_file = kill_file;
    }

    pub(super) fn kill(&mut self, on: bool) {
        self.switched_off = on;
        self.shown.killed = on || self.kill_file.exists();
    }

    pub(super) fn pause(&mut self, pause: Option<Duration>, now: Moment, wall: SystemTime) {
        self.paused_until = pause.map(|time| now + time);
        self.pause_file.write(pause, wall);
    }

    /// As last looked at.
    pub(super) fn shown(&self) -> Host {
        self.shown
    }

    /// What is left of the pause.
    pub(super) fn paused_for(&self, now: Moment) -> Option<Duration> {
        self.paused_until.map(|until| until.saturating_sub(now)).filter(|left| !left.is_zero())
    }

    pub(super) fn look(&mut self, now: Moment, wall: SystemTime, samples_lost: bool) -> Host {
        let wall = wall.duration_since(UNIX_EPOCH).unwrap_or_default();
        let offset = wall.saturating_sub(now);
        let jumped = self.offset.is_some_and(|before| before.abs_diff(offset) > JUMP);
        self.offset = Some(offset);
        self.shown = Host {
            warming_up: now < WARM_UP,
            clock_jumped: jumped,
            samples_lost,
            paused: self.paused_for(now).is_some(),
            killed: self.switched_off || self.kill_file.exists(),
            gateway_lost: self.is_gateway_lost(now),
        };
        self.shown
    }

    fn is_gateway_lost(&mut self, now: Moment) -> bool {
        if self.gateways_at.is_some_and(|at| now < at + GATEWAYS_EVERY) {
            return self.shown.gateway_lost;
        }
        self.gateways_at = Some(now);
        (self.outage)() >= LOST_AFTER
    }
}

impl fmt::Debug for HostWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostWatch").field("shown", &self.shown).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    fn watch(outage: Outage) -> HostWatch {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        HostWatch::new(false, folder.path().join("pause.json"), outage, UNIX_EPOCH)
    }

    #[test]
    fn a_gateway_is_lost_after_a_minute_and_found_again() {
        let outage_s = Arc::new(AtomicU64::new(0));
        let told = outage_s.clone();
        let mut host = watch(Box::new(move || Duration::from_secs(told.load(Ordering::Relaxed))));
        let mut lost = |s: u64, outage: u64| {
            outage_s.store(outage, Ordering::Relaxed);
            let now = Duration::from_secs(s);
            host.look(now, UNIX_EPOCH + now, false).gateway_lost
        };
        assert_eq!([lost(1, 0), lost(2, 59), lost(3, 60), lost(4, 0)], [false, false, true, false]);
    }

    #[test]
    fn jumps_and_sleeps_are_seen_once() {
        let mut host = watch(Box::new(|| Duration::ZERO));
        let at = |s: u64| UNIX_EPOCH + Duration::from_secs(1_000_000 + s);
        let s = Duration::from_secs;
        assert!(!host.look(s(1), at(1), false).clock_jumped);
        assert!(host.look(s(2), at(100), false).clock_jumped);
        assert!(!host.look(s(3), at(101), false).clock_jumped);
        assert!(host.look(s(4), at(2), false).clock_jumped);
    }

    #[test]
    fn the_kill_file_is_enough() {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let file = folder.path().join("kill");
        let mut host = watch(Box::new(|| Duration::ZERO));
        host.follow(file.clone());
        assert!(!host.look(Duration::ZERO, UNIX_EPOCH, false).killed);
        std::fs::write(&file, "").expect("writable");
        assert!(host.look(Duration::ZERO, UNIX_EPOCH, false).killed);
    }
}
