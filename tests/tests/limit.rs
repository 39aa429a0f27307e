//! Promise: a limit set by command is enforced by the kernel alone, exactly, with both of the
//! agent's processes stopped, and ends with its lease; what must stay open is refused.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use medulla_tests::host::{self, IPV4, IPV6, on_wire};
use medulla_tests::load::{Acceptor, Load, Receiver, arrivals, between};
use medulla_tests::medulla::TELEMETRY;
use medulla_tests::process::state;
use medulla_tests::{Host, Medulla, PATIENCE};
use nix::sys::signal::{Signal, kill};
use serde_json::{Value, json};

/// An agent that listens on 4318, exports to 5318 and is told to leave 5432 alone.
fn config() -> String {
    format!(
        "
receivers:
  otlp: {{ protocols: {{ http: {{ endpoint: 127.0.0.1:4318 }} }} }}
  kernel: {{ interfaces: [auto] }}
exporters: {{ otlp_http: {{ endpoint: 'http://127.0.0.1:5318' }}, debug: {{ verbosity: basic }} }}
limits: {{ protected: [5432] }}
service:
  pipelines:
    traces: {{ receivers: [otlp], exporters: [otlp_http] }}
    metrics: {{ receivers: [kernel], exporters: [debug] }}
{TELEMETRY}"
    )
}

/// Stops or resumes keeper and agent, and waits until they are.
fn signal_both(agent: &mut Medulla, signal: Signal) {
    let both = [agent.process().id(), agent.process().child_id()];
    both.iter().for_each(|process| kill(*process, signal).expect("the process is there"));
    let stopped = signal == Signal::SIGSTOP;
    let deadline = Instant::now() + PATIENCE;
    while both.iter().any(|process| (state(*process).as_deref() == Some("T")) != stopped) {
        assert!(Instant::now() < deadline, "{signal} is not heard");
        std::thread::yield_now();
    }
}

/// When nothing was limited any more: from there on far more came than the limit lets through.
fn opened(accepted: &[Instant]) -> Instant {
    let comes = |count: usize, within_ms: u64| {
        move |first: usize| {
            let last = accepted.get(first + count);
            last.is_some_and(|last| *last - accepted[first] < Duration::from_millis(within_ms))
        }
    };
    // Even a whole burst that was saved up ends after 100, and then comes ten a 100 ms.
    let mut flood = (0..accepted.len()).skip_while(|first| !comes(150, 150)(*first));
    flood.find(|first| comes(10, 20)(*first)).map(|first| accepted[first]).expect("it ended")
}

fn check_rate(host: &Host, ip: impl Into<IpAddr>, lease_s: u64, measured_s: u64) {
    let address = on_wire(ip, 8080);
    let mut agent = host.agent(&config());
    let acceptor = Acceptor::start(address);
    let asked = Instant::now();
    // A burst of a second lets the sender be held up without a loss that is not the limiter's.
    let set = format!("limit set --port 8080 --rate 100/s --burst 100 --for {lease_s}s");
    agent.tell(&set).done();
    let answered = Instant::now();
    signal_both(&mut agent, Signal::SIGSTOP);
    let load = Load::connections(host.peer(), address, 2000);
    let begun = Instant::now();
    let lease = Duration::from_secs(lease_s);
    std::thread::sleep(lease + Duration::from_millis(700) - answered.elapsed());
    let (offered, ran) = (load.end(), begun.elapsed());
    signal_both(&mut agent, Signal::SIGCONT);
    let accepted = acceptor.end();
    let from = begun + Duration::from_secs(2);
    let to = from + Duration::from_secs(measured_s);
    let counted = between(&accepted, from, to);
    let opened = opened(&accepted);
    println!(
        "{address}: {counted} in {measured_s} s at 100/s of {offered} in {ran:?}, \
         ended {:?} after it was set for {lease:?}",
        opened - answered
    );
    assert!(offered > 1900 * ran.as_secs(), "the sender was held up: {offered} in {ran:?}");
    let expected = usize::try_from(100 * measured_s).expect("a test is short");
    assert!(counted.abs_diff(expected) <= expected / 100, "{counted}, expected {expected}");
    // The kernel's tick, and the last one let through by the limit.
    assert!(opened + Duration::from_millis(25) >= asked + lease, "too early");
    assert!(opened <= answered + lease + Duration::from_millis(250), "too late");
    assert!(agent.limits().is_empty(), "nothing is listed of it");
}

#[test]
fn a_hundred_connections_a_second_at_accept_with_the_agent_stopped() {
    host::run(|host| check_rate(host, IPV4, 8, 5));
}

#[test]
fn the_same_for_ipv6() {
    host::run(|host| check_rate(host, IPV6, 5, 2));
}

#[test]
fn packets_are_limited_and_dry_runs_count_and_drop_nothing() {
    host::run(|host| {
        let agent = host.agent(&config());
        let receivers = [9000, 9001].map(|port| Receiver::start(on_wire(IPV4, port)));
        agent.tell("limit set --port 9000 --proto udp --rate 100/s --burst 100").done();
        let dry =
            "limit set --port 9001 --proto udp --rate 6000/m --burst 5 --dry-run --reason try";
        agent.tell(dry).done();
        let begun = Instant::now();
        let loads = [9000, 9001].map(|port| Load::packets(host.peer(), on_wire(IPV4, port), 1000));
        std::thread::sleep(Duration::from_secs(4));
        let sent = loads.map(Load::end);
        let received = receivers.map(Receiver::end);
        let limits = agent.limits();
        let from = begun + Duration::from_secs(2);
        let counted = between(&received[0], from, from + Duration::from_secs(2));
        assert!(counted.abs_diff(200) <= 2, "{counted}");
        assert_eq!(received[1].len() as u64, sent[1], "a dry run drops nothing");
        for (limit, sent) in limits.iter().zip(sent) {
            let [passed, dropped] =
                ["passed", "dropped"].map(|name| limit[name].as_u64().expect("a count"));
            assert_eq!(passed + dropped, sent, "{limit}");
            assert!(dropped > 2 * passed && passed > 300, "{limit}");
        }
        assert_eq!(limits[0]["passed"], received[0].len());
        let shape = json!({
            "schema": 1,
            "target": { "proto": "udp", "port": 9001, "interface": null, "cgroup": null },
            "unit": "packets", "rate_per_s": 100.0, "burst": 5, "per_source": false,
            "dry_run": true, "source": "operator", "reason": "try", "enforced": true,
        });
        check_shape(&limits[1], &shape);
    });
}

/// The contract's object: what is known beforehand, two times, two counts, and nothing else.
fn check_shape(limit: &Value, known: &Value) {
    let mut expected = known.clone();
    for name in ["since", "expires", "passed", "dropped"] {
        expected[name] = limit[name].clone();
    }
    assert_eq!(*limit, expected);
    for name in ["since", "expires"] {
        let time = limit[name].as_str().expect("a time is text");
        assert!(time.len() == 24 && time.ends_with('Z') && time.contains('T'), "{time}");
    }
    assert!(limit["since"].as_str() < limit["expires"].as_str());
}

#[test]
fn limits_are_replaced_explained_and_cleared() {
    host::run(|host| {
        let agent = host.agent(&config());
        let arrivals = |port| arrivals(host.peer(), on_wire(IPV4, port), 50);
        agent.tell("limit set --port 9000 --proto udp --rate 1/s --burst 50").done();
        agent.tell("limit set --port 9000 --proto udp --rate 1/s --burst 1 --reason flood").done();
        agent.tell("limit set --port 9001 --rate 36000/h").done();
        assert_eq!(agent.limits().len(), 2, "the second took the first one's place");
        assert!((1..=2).contains(&arrivals(9000)));
        let explained = agent.tell("limit explain --port 9000").done();
        for part in ["udp port 9000", "1 packets/s", "flood", "operator", "enforced", "dropped 4"] {
            assert!(explained.contains(part), "{part} in {explained}");
        }
        let explained = agent.tell("limit explain --port 9000 --json").done();
        assert_eq!(explained.lines().count(), 1, "{explained}");
        assert!(agent.tell("limit explain --port 7").done().contains("no limit"));
        assert!(agent.tell("limit explain --port 22").done().contains("SSH"));
        agent.tell("limit clear --port 9000").done();
        assert_eq!(arrivals(9000), 50, "the port is open");
        assert_eq!(agent.tell("limit clear --port 9000").code, Some(1));
        let left = agent.limits();
        assert_eq!(left.len(), 1);
        assert_eq!((&left[0]["rate_per_s"], &left[0]["burst"]), (&json!(10.0), &json!(5)));
        agent.tell("limit clear --all").done();
        assert!(agent.limits().is_empty());
    });
}

#[test]
fn what_must_stay_open_and_what_makes_no_sense_is_refused() {
    host::run(|host| {
        let mut agent = host.agent(&config());
        let metrics = agent.address("metrics").port().to_string();
        let protected = [
            ("22", "SSH"),
            ("4318", "the agent listens there"),
            (&*metrics, "the agent listens there"),
            ("5432", "limits.protected"),
            ("5318", "an exporter sends there"),
        ];
        for (port, reason) in protected {
            let told = agent.tell(&format!("limit set --port {port} --rate 10/s"));
            assert_eq!(told.code, Some(2), "{told:?}");
            assert!(told.err.contains(reason), "{reason} in {told:?}");
        }
        for usage in [
            "",
            "--port 8080",
            "--rate 10/s",
            "--port 0 --rate 10/s",
            "--port 65536 --rate 10/s",
            "--port 8080 --rate 0/s",
            "--port 8080 --rate 59/m",
            "--port 8080 --rate 10",
            "--port 8080 --rate 10/s --for 25h",
            "--port 8080 --rate 10/s --for 0s",
            "--port 8080 --rate 10/s --proto sctp",
            "--port 8080 --rate 10/s --burst 0",
            "--port 8080 --rate 10/s --proto udp --unit connections",
            "--port 8080 --rate 10KiB/s",
            "--port 8080 --rate 11GiB/s --unit bytes",
            "--port 8080 --rate 10/s --burst 1KiB",
        ] {
            let told = agent.tell(format!("limit set {usage}").trim());
            assert_eq!(told.code, Some(2), "{usage}: {told:?}");
            assert!(!told.err.is_empty(), "{usage}");
        }
        assert_eq!(agent.tell("limit clear").code, Some(2));
        assert!(agent.limits().is_empty());
        assert!(agent.terminate().success());
        let told = agent.tell("limit list");
        assert_eq!(told.code, Some(1), "no agent runs: {told:?}");
    });
}
