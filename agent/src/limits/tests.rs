//! The engine against a kernel that outlives it.

use std::sync::{Arc, Mutex};

use super::*;
use crate::kernel::fake::FakeKernel;
use crate::kernel::{Error, Written};

/// A kernel that outlives an agent.
#[derive(Clone, Default)]
struct Shared(Arc<Mutex<FakeKernel>>);

impl Shared {
    fn kernel(&self) -> std::sync::MutexGuard<'_, FakeKernel> {
        self.0.lock().expect("not poisoned")
    }

    /// What holds now: port and rate per second.
    fn rates(&self) -> Vec<(u16, u64)> {
        let written = self.kernel().written().expect("a fake can be read");
        let live = written.iter().filter(|entry| !entry.remaining.is_zero());
        live.map(|entry| (entry.limit.target.port, entry.limit.rate_per_hour / 3600)).collect()
    }
}

impl LimitTable for Shared {
    fn write(&mut self, limit: &Limit, lease: Duration, overrules: bool) -> Result<(), Error> {
        self.kernel().write(limit, lease, overrules)
    }

    fn clear(&mut self, target: Target) -> Result<bool, Error> {
        self.kernel().clear(target)
    }

    fn read(&self, target: Target) -> Result<Option<Written>, Error> {
        self.kernel().read(target)
    }

    fn written(&self) -> Result<Vec<Written>, Error> {
        self.kernel().written()
    }

    fn verdicts(&self, target: Target) -> Result<Verdicts, Error> {
        self.kernel().verdicts(target)
    }

    fn set_kill(&mut self, on: bool) -> Result<(), Error> {
        self.kernel().set_kill(on)
    }

    fn is_killed(&self) -> Result<bool, Error> {
        self.kernel().is_killed()
    }
}

struct World {
    kernel: Shared,
    folder: tempfile::TempDir,
    now: Now,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        Self { kernel: Shared::default(), folder, now: Now::read() }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("limits.json")
    }

    fn start(&self) -> Limits {
        Limits::open(Ok(Box::new(self.kernel.clone())), self.file(), self.now)
    }

    fn pass(&mut self, time: Duration) {
        self.now.instant += time;
        self.now.wall += time;
        self.kernel.kernel().advance(time);
    }
}

fn tcp(port: u16) -> Target {
    Target { protocol: Protocol::Tcp, port }
}

fn request(port: u16, per_s: u64, seconds: u64) -> Request {
    Request {
        limit: Limit {
            target: tcp(port),
            unit: Unit::Connections,
            rate_per_hour: per_s * 3600,
            burst: 10,
            dry_run: false,
            per_source: false,
            generation: 0,
        },
        lease: Duration::from_secs(seconds),
        reason: "a test".to_owned(),
    }
}

fn set(limits: &mut Limits, source: Source, request: Request, now: Now) {
    limits.set(source, request, LEASE_MAX, now).expect("it can be set");
}

#[test]
fn the_strictest_of_the_highest_class_is_enforced_and_the_next_one_shows() {
    let mut world = World::new();
    let mut limits = world.start();
    set(&mut limits, Source::Rule("a".into()), request(80, 50, 100), world.now);
    set(&mut limits, Source::Rule("b".into()), request(80, 20, 10), world.now);
    assert_eq!(world.kernel.rates(), [(80, 20)], "the strictest of a class");
    set(&mut limits, Source::Order, request(80, 300, 30), world.now);
    assert_eq!(world.kernel.rates(), [(80, 300)], "a higher class, though looser");
    set(&mut limits, Source::Operator, request(80, 400, 20), world.now);
    assert_eq!(world.kernel.rates(), [(80, 400)]);
    for (seconds, expect) in [(10, 400), (10, 300), (10, 50)] {
        world.pass(Duration::from_secs(seconds));
        limits.expire(world.now);
        assert_eq!(world.kernel.rates(), [(80, expect)]);
    }
    world.pass(Duration::from_secs(70));
    assert_eq!(limits.next_end().map(|end| end <= world.now.instant), Some(true));
    limits.expire(world.now);
    assert_eq!(world.kernel.rates(), []);
    assert!(limits.list(world.now).is_empty());
}

#[test]
fn a_dry_run_does_not_shadow_enforcement() {
    let world = World::new();
    let mut limits = world.start();
    set(&mut limits, Source::Rule("a".into()), request(80, 50, 100), world.now);
    let mut dry = request(80, 10, 100);
    dry.limit.dry_run = true;
    set(&mut limits, Source::Rule("b".into()), dry, world.now);
    assert_eq!(world.kernel.rates(), [(80, 50)]);
    assert_eq!(limits.clear(Some(tcp(80)), world.now).expect("cleared"), 2);
    assert_eq!(world.kernel.rates(), []);
}

#[test]
fn a_restart_adopts_by_the_rules() {
    let mut world = World::new();
    let mut limits = world.start();
    set(&mut limits, Source::Operator, request(80, 50, 100), world.now);
    set(&mut limits, Source::Rule("shadowed".into()), request(80, 10, 200), world.now);
    set(&mut limits, Source::Operator, request(81, 60, 100), world.now);
    drop(limits);
    world.pass(Duration::from_secs(40));
    // Somebody removed one pin, and another kernel entry has no line in the file.
    world.kernel.clone().clear(tcp(81)).expect("cleared");
    let foreign = request(82, 70, 30);
    let limit = Limit { generation: 77, ..foreign.limit };
    world.kernel.clone().write(&limit, foreign.lease, true).expect("written");
    let limits = world.start();
    let found: Vec<(u16, String, u64, String)> = limits
        .list(world.now)
        .into_iter()
        .map(|standing| {
            let left = standing.desired.ends - world.now.instant;
            let desired = standing.desired;
            (desired.limit.target.port, desired.source.to_string(), left.as_secs(), desired.reason)
        })
        .collect();
    let expect = [
        (80, "operator".to_owned(), 60, "a test".to_owned()),
        (80, "rule:shadowed".to_owned(), 160, "a test".to_owned()),
        (82, "operator".to_owned(), 30, "adopted".to_owned()),
    ];
    assert_eq!(found.len(), expect.len(), "{found:?}");
    for (found, expect) in found.iter().zip(&expect) {
        assert!((&found.0, &found.1, &found.3) == (&expect.0, &expect.1, &expect.3), "{found:?}");
        // Times in the file have milliseconds.
        assert!(found.2.abs_diff(expect.2) <= 1, "{found:?}");
    }
    assert_eq!(world.kernel.rates(), [(80, 50), (82, 70)]);
}

#[test]
fn what_cannot_be_is_refused_and_changes_nothing() {
    let world = World::new();
    let mut limits = world.start();
    set(&mut limits, Source::Operator, request(80, 50, 100), world.now);
    let mut udp = request(80, 50, 100);
    udp.limit.target.protocol = Protocol::Udp;
    let mut burst = request(80, 50, 100);
    burst.limit.burst = 0;
    let long = Request { reason: "x".repeat(REASON_MAX_BYTES + 1), ..request(80, 50, 100) };
    let mut slow = request(80, 1, 1);
    slow.limit.rate_per_hour = 3599;
    for bad in [udp, burst, long, slow, request(0, 1, 1), request(80, 1, 0), request(80, 1, 86_401)]
    {
        let refused = limits.set(Source::Operator, bad.clone(), LEASE_MAX, world.now);
        assert!(matches!(refused, Err(Refused::Usage(_))), "{bad:?}");
    }
    assert_eq!(world.kernel.rates(), [(80, 50)]);
    let mut without = Limits::open(Err("no".into()), world.file(), world.now);
    let refused = without.set(Source::Operator, request(80, 1, 1), LEASE_MAX, world.now);
    assert!(matches!(refused, Err(Refused::NoKernel(_))));
}

#[test]
fn a_file_that_cannot_be_read_is_no_reason_not_to_start() {
    let world = World::new();
    for text in ["", "{", r#"{"version":9,"limits":[]}"#, r#"{"version":1,"limits":[{}]}"#] {
        std::fs::write(world.file(), text).expect("writable");
        assert!(world.start().list(world.now).is_empty(), "{text}");
    }
}

#[test]
fn withdrawing_leaves_nothing() {
    let world = World::new();
    let mut limits = world.start();
    set(&mut limits, Source::Operator, request(80, 50, 100), world.now);
    limits.withdraw(world.now);
    assert_eq!(world.kernel.rates(), []);
    assert!(world.start().list(world.now).is_empty());
}
