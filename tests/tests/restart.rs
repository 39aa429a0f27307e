//! Promise: limits outlive the processes that set them, a restarted agent adopts them, nothing slips
//! by meanwhile, and an orderly stop leaves nothing in the kernel.

use std::time::{Duration, Instant};

use medulla_tests::host::{self, IPV4, is_empty, on_wire};
use medulla_tests::load::{Acceptor, Load, arrivals};
use medulla_tests::medulla::{Rights, TELEMETRY};
use medulla_tests::process::{is_alive, wait_for_end};
use medulla_tests::{Host, Medulla, eventually};
use nix::sys::signal::{Signal, kill};
use serde_json::Value;

fn config() -> String {
    format!(
        "
receivers: {{ kernel: {{ interfaces: [auto] }} }}
exporters: {{ debug: {{ verbosity: basic }} }}
service:
  pipelines: {{ metrics: {{ receivers: [kernel], exporters: [debug] }} }}
{TELEMETRY}"
    )
}

const SET: &str = "limit set --port 9000 --proto udp --rate 1/s --burst 1 --for 1h --reason flood";

/// Whether the limit that [`SET`] asks for is enforced.
fn is_limited(host: &Host) -> bool {
    match arrivals(host.peer(), on_wire(IPV4, 9000), 50) {
        0..=2 => true,
        50 => false,
        other => panic!("{other} of 50"),
    }
}

/// A time of day in milliseconds.
fn millis(time: &Value) -> i64 {
    let time = time.as_str().expect("a time is text");
    let parts: Vec<i64> =
        time[11..23].split([':', '.']).map(|part| part.parse().expect("a number")).collect();
    ((parts[0] * 60 + parts[1]) * 60 + parts[2]) * 1000 + parts[3]
}

/// Whether the only limit is still the one it was, lease included.
fn check_adopted(before: &Value, agent: &Medulla) {
    let after = agent.limits();
    assert_eq!(after.len(), 1, "{after:?}");
    for name in ["target", "unit", "rate_per_s", "burst", "source", "reason", "since", "enforced"] {
        assert_eq!(before[name], after[0][name], "{name}");
    }
    let day = 24 * 3600 * 1000;
    let moved = (millis(&before["expires"]) - millis(&after[0]["expires"])).rem_euclid(day);
    assert!(moved.min(day - moved) <= 250, "{before} {after:?}");
    assert!(before["dropped"].as_u64() <= after[0]["dropped"].as_u64(), "counts go on");
}

#[test]
fn a_killed_agent_leaves_its_limits_and_a_new_one_adopts_them() {
    host::run(|host| {
        let mut agent = host.agent(&config());
        agent.tell(SET).done();
        assert!(is_limited(host));
        let before = agent.limits().remove(0);
        kill(agent.process().child_id(), Signal::SIGKILL).expect("the agent is there");
        assert_eq!(agent.process().wait().code(), Some(1));
        let log = agent.process().log();
        assert!(log.contains("limits go on to their end"), "{log}");
        assert!(!is_empty(&host.bpf_dir()), "the pins stay");
        assert!(is_limited(host));
        agent.start_again();
        check_adopted(&before, &agent);
        assert!(is_limited(host));
        // Only the kernel knows of it now.
        agent.kill();
        std::fs::remove_file(agent.folder().join("state/limits.json")).expect("there is one");
        agent.start_again();
        let adopted = agent.limits().remove(0);
        assert_eq!(
            (&adopted["source"], &adopted["reason"]),
            (&"operator".into(), &"adopted".into())
        );
        assert_eq!((&adopted["target"], &adopted["rate_per_s"]), (&before["target"], &1.0.into()));
        // Only the file knows of it: the machine was started anew.
        agent.kill();
        std::fs::remove_dir_all(host.bpf_dir()).expect("pins can be removed");
        host.block_on(eventually("an open port", async || {
            // The kernel lets go of what was unpinned a little later.
            (arrivals(host.peer(), on_wire(IPV4, 9000), 50) == 50).then_some(())
        }));
        agent.start_again();
        assert!(agent.limits().is_empty());
        let log = agent.process().log();
        assert!(log.contains("is not in the kernel any more"), "{log}");
    });
}

#[test]
fn a_new_agent_takes_over_and_limits_go_on() {
    host::run(|host| {
        let mut agent = host.agent(&config());
        agent.tell(SET).done();
        assert!(is_limited(host));
        let before = agent.limits().remove(0);
        assert!(agent.take_over().success());
        check_adopted(&before, &agent);
        assert!(is_limited(host));
        // One that stands still is ended.
        let stopped = agent.process().child_id();
        kill(stopped, Signal::SIGSTOP).expect("the agent is there");
        assert_eq!(agent.take_over().code(), Some(1));
        check_adopted(&before, &agent);
        assert!(is_limited(host));
        // With nothing running it is a plain start.
        assert!(agent.terminate().success());
        assert!(is_empty(&host.bpf_dir()));
        agent.start_again();
        assert!(agent.limits().is_empty());
    });
}

#[test]
fn without_its_keeper_the_agent_goes_on_and_says_so() {
    host::run(|host| {
        let mut agent = host.agent(&config());
        agent.tell(SET).done();
        let child = agent.process().child_id();
        kill(agent.process().id(), Signal::SIGKILL).expect("the keeper is there");
        agent
            .process()
            .wait_for("complaint", |line| line.contains("the keeper is gone").then_some(()));
        assert!(is_alive(child));
        assert!(is_limited(host));
        agent.tell("limit set --port 9001 --rate 5/s").done();
        agent.tell("limit clear --port 9001").done();
        let again = agent.tell("run --config config.yaml");
        assert_eq!(again.code, Some(1), "{again:?}");
        assert!(again.err.contains(&child.to_string()), "the agent, not a process that is gone");
        let doctor = agent.tell("doctor --json").done();
        let doctor: Value = serde_json::from_str(&doctor).expect("the report is JSON");
        let processes = doctor["processes"].as_array().expect("a list");
        assert_eq!(processes.len(), 1, "{doctor}");
        assert_eq!(processes[0]["role"], "agent");
        kill(child, Signal::SIGTERM).expect("the agent is there");
        wait_for_end(child);
        assert!(!is_limited(host), "the limit is withdrawn");
        assert!(!is_empty(&host.bpf_dir()), "only a keeper takes pins away");
        agent.start_again();
        assert!(agent.limits().is_empty());
        assert!(agent.terminate().success());
        assert!(is_empty(&host.bpf_dir()));
    });
}

#[test]
fn an_orderly_stop_leaves_nothing() {
    host::run(|host| {
        // A folder on no BPF file system: the keeper mounts one and takes it away.
        let elsewhere = tempfile::tempdir().expect("a temporary folder can be made");
        let pins = elsewhere.path().join("pins");
        let rights = Rights::Kept(pins.clone());
        let mut agent = Medulla::start_with("medulla-agent", &config(), rights);
        for signal in [Signal::SIGTERM, Signal::SIGINT] {
            agent.tell(SET).done();
            assert!(is_limited(host) && !is_empty(&pins));
            let child = agent.process().child_id();
            agent.process().signal(signal);
            // As a terminal does: the whole group hears it.
            let _ = kill(child, signal);
            assert_eq!(agent.process().wait().code(), Some(0), "{}", agent.process().log());
            assert!(!is_alive(child));
            assert!(!is_limited(host));
            assert!(is_empty(&pins));
            assert!(!agent.folder().join("run/agent.sock").exists());
            let mounts =
                std::fs::read_to_string("/proc/thread-self/mounts").expect("proc is there");
            assert!(!mounts.contains(&*pins.to_string_lossy()), "{mounts}");
            agent.start_again();
            assert!(agent.limits().is_empty());
        }
    });
}

#[test]
fn nothing_slips_by_while_both_are_killed_and_started_again() {
    const RATE: u64 = 10;
    const BURST: u64 = 10;
    host::run(|host| {
        let rounds = if std::env::var_os("MEDULLA_PEERS").is_some() { 50 } else { 10 };
        let mut agent = host.agent(&config());
        let address = on_wire(IPV4, 8080);
        let acceptor = Acceptor::start(address);
        agent.tell("limit set --port 8080 --rate 10/s --burst 10 --for 1h").done();
        let before = agent.limits().remove(0);
        let begun = Instant::now();
        let load = Load::connections(host.peer(), address, 2000);
        for _ in 0..rounds {
            agent.kill();
            agent.start_again();
            check_adopted(&before, &agent);
        }
        let ran = begun.elapsed();
        let offered = load.end();
        let accepted = acceptor.end().len() as u64;
        let tenths =
            u64::try_from((ran + Duration::from_millis(200)).as_millis()).unwrap_or(0) / 100;
        let allowed = BURST + tenths * RATE / 10;
        println!("{rounds} rounds in {ran:?}: {accepted} of {offered}, {allowed} allowed");
        assert!(offered > 10 * accepted, "{offered}");
        assert!((1..=allowed).contains(&accepted), "{accepted}, {allowed} allowed");
        assert!(agent.terminate().success());
        assert!(is_empty(&host.bpf_dir()));
    });
}
