//! Promise: a rule sees a fault, limits in the kernel within a tick or two, and what it did ends by itself.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use medulla_tests::host::{self, IPV4, on_wire};
use medulla_tests::medulla::TELEMETRY;
use medulla_tests::{Fault, Host, Medulla, Shop, wait_until};
use nix::sys::signal::Signal;
use serde_json::Value;

const PORT: u16 = 8080;
const SLOW: Fault = Fault::Latency(Duration::from_millis(250));
/// The agent's windows are full after this.
const WARM_UP: Duration = Duration::from_secs(11);

fn config(rules: &str) -> String {
    format!(
        "
receivers: {{ kernel: {{ ports: [{PORT}] }}, reflex: {{}} }}
exporters: {{ debug: {{ verbosity: basic }} }}
reflex:
  kill_file: /nonexistent/kill
  rules:
{rules}
service:
  pipelines: {{ logs: {{ receivers: [reflex], exporters: [debug] }} }}
{TELEMETRY}"
    )
}

fn shed(mode: &str) -> String {
    config(&format!(
        "
    - name: shed
      when: port[{PORT}].latency_p99 > Duration(\"100ms\") and port[{PORT}].in_flight >= 2
      clear_for: 1s
      mode: {mode}
      then:
        - rate_limit: {{ port: {PORT}, rate: 10/s, lease: 5s, floor: 5/s, immediate: true }}"
    ))
}

/// A rule that the kernel judges by itself.
fn armed(lease: &str) -> String {
    config(&format!(
        "
    - name: shed
      when: port[{PORT}].latency_p99 > Duration(\"100ms\") and port[{PORT}].in_flight >= 2
      mode: act
      arm: kernel
      cooldown: 1s
      then:
        - rate_limit: {{ port: {PORT}, rate: 1/s, lease: {lease}, floor: 1/s, immediate: true }}"
    ))
}

/// How the rule stands in the kernel.
fn in_kernel(agent: &Medulla) -> Value {
    agent.view()["rules"][0]["kernel"].take()
}

fn wait_until_armed(agent: &Medulla) {
    wait_until("the rule is armed and has learned", || {
        let kernel = in_kernel(agent);
        kernel["vetoed"].is_null() && kernel["samples"].as_u64().is_some_and(|count| count > 64)
    });
}

/// Whether a customer gets a connection at once.
fn connects(host: &Host) -> bool {
    host.peer().enter(|| {
        let patience = Duration::from_millis(200);
        TcpStream::connect_timeout(&on_wire(IPV4, PORT), patience).is_ok()
    })
}

fn signal_all(pid: nix::unistd::Pid, signal: Signal) {
    medulla_tests::process::family(pid).into_iter().for_each(|process| {
        // Some of them may have ended with the first.
        let _ = nix::sys::signal::kill(process, signal);
    });
}

fn has(records: &[Value], kind: &str, outcome: &str) -> bool {
    records.iter().any(|record| record["kind"] == kind && record["outcome"] == outcome)
}

fn warm_up(agent: &Medulla) {
    let begun = Instant::now();
    wait_until("the windows are full", || agent.is_warm() && begun.elapsed() < WARM_UP * 3);
}

#[test]
fn a_slow_service_is_limited_recovers_and_the_limit_is_gone() {
    host::run(|host| {
        let agent = host.agent(&shed("act"));
        let shop = Shop::open(host, PORT);
        warm_up(&agent);
        assert!(agent.limits().is_empty(), "a healthy service is left alone");
        shop.inject(SLOW);
        wait_until("the rule limits", || !agent.limits().is_empty());
        let limit = &agent.limits()[0];
        let done = agent.records().into_iter().find(|record| record["outcome"] == "done");
        let done_at = done.and_then(|record| record["time_unix_ns"].as_u64()).expect("it was done");
        let late_at = shop.late_at_unix_ns().expect("an answer was late");
        let lag = Duration::from_nanos(done_at.saturating_sub(late_at));
        println!("first late answer -> limit enforced: {lag:?} at 40 requests/s, window 10 s");
        assert!(lag < Duration::from_secs(2), "{lag:?}");
        assert_eq!(limit["source"], "rule:shed");
        assert_eq!(limit["rate_per_s"], 10.0);
        assert_eq!(limit["enforced"], true);
        let explained = agent.tell("limit explain --port 8080").done();
        assert!(explained.contains("rule shed fires"), "{explained}");
        assert!(explained.contains("to lift it"), "{explained}");
        shop.heal();
        drop(shop);
        wait_until("the limit is gone", || agent.limits().is_empty());
        let records = agent.records();
        assert!(has(&records, "action", "done") && has(&records, "action", "undone"));
        let begun = records.iter().find(|record| record["outcome"] == "done");
        let begun = begun.expect("an action was done");
        assert!(begun["cause"].is_string() && begun["lease_s"] == 5.0, "{begun}");
    });
}

#[test]
fn observing_and_the_kill_switch_leave_the_kernel_alone() {
    host::run(|host| {
        let agent = host.agent(&shed("observe"));
        let shop = Shop::open(host, PORT);
        warm_up(&agent);
        shop.inject(SLOW);
        wait_until("it is written down", || {
            agent.records().iter().any(|record| {
                record["reason"].as_str().is_some_and(|reason| reason.contains("would limit"))
            })
        });
        assert!(agent.limits().is_empty());
        agent.tell("kill").done();
        let top = agent.tell("top --once --json").done();
        assert!(top.contains("\"killed\":true"), "{top}");
        agent.tell("kill --undo").done();
        agent.tell("pause --for 30m --reason maintenance").done();
        assert!(agent.tell("top --once").done().contains("paused"));
        agent.tell("resume").done();
    });
}

#[test]
fn a_killed_agent_leaves_a_lease_that_ends() {
    host::run(|host| {
        let mut agent = host.agent(&shed("act"));
        let shop = Shop::open(host, PORT);
        warm_up(&agent);
        shop.inject(SLOW);
        wait_until("the rule limits", || !agent.limits().is_empty());
        signal_all(agent.process().id(), Signal::SIGKILL);
        agent.kill();
        shop.heal();
        let begun = Instant::now();
        wait_until("the lease ends in the kernel", || {
            let connected =
                TcpStream::connect_timeout(&on_wire(IPV4, PORT), Duration::from_millis(200));
            connected.is_ok() && begun.elapsed() > Duration::from_secs(6)
        });
        agent.start_again();
        wait_until("the agent answers again", || agent.ask(&["limit", "list"]).status.success());
        assert!(agent.limits().is_empty(), "nothing is left of the old limit");
    });
}

#[test]
fn the_kernel_limits_while_the_agent_is_stopped_and_the_record_is_there_afterwards() {
    host::run(|host| {
        let mut agent = host.agent(&armed("5s"));
        let shop = Shop::open(host, PORT);
        wait_until_armed(&agent);
        assert!(agent.limits().is_empty() && connects(host), "a healthy service is left alone");
        let pid = agent.process().id();
        signal_all(pid, Signal::SIGSTOP);
        shop.inject(SLOW);
        wait_until("the kernel limits", || !connects(host));
        let begun = Instant::now();
        shop.heal();
        wait_until("the lease ends by itself", || (0..20).all(|_| connects(host)));
        println!("agent stopped: limited for about {:?}, lease 5 s", begun.elapsed());
        assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
        signal_all(pid, Signal::SIGCONT);
        wait_until("the record is there", || has(&agent.records(), "action", "expired"));
        let records = agent.records();
        let done =
            records.iter().find(|record| record["outcome"] == "done" && record["kind"] == "action");
        let done = done.expect("what the kernel did is an action");
        assert_eq!((done["rule"].as_str(), done["lease_s"].as_f64()), (Some("shed"), Some(5.0)));
        let cause = records.iter().find(|record| record["id"] == done["cause"]);
        let reason = cause.and_then(|cause| cause["reason"].as_str()).expect("it has a cause");
        assert!(
            reason.contains("the kernel began to limit tcp/8080")
                && reason.contains("of the last 8")
        );
        assert!(agent.limits().is_empty());
    });
}

#[test]
fn what_the_kernel_began_is_shown_adopted_and_can_be_lifted() {
    host::run(|host| {
        let mut agent = host.agent(&armed("60s"));
        let shop = Shop::open(host, PORT);
        wait_until_armed(&agent);
        shop.inject(SLOW);
        wait_until("the kernel limits", || !agent.limits().is_empty());
        shop.heal();
        let check = |agent: &Medulla| {
            let limit = &agent.limits()[0];
            assert_eq!(
                (&limit["source"], &limit["rate_per_s"]),
                (&"kernel:shed".into(), &1.0.into())
            );
            assert_eq!(limit["enforced"], true);
        };
        check(&agent);
        signal_all(agent.process().id(), Signal::SIGKILL);
        agent.kill();
        agent.start_again();
        wait_until("the lease is found again", || {
            agent.ask(&["limit", "list"]).status.success() && !agent.limits().is_empty()
        });
        check(&agent);
        let explained = agent.tell("limit explain --port 8080").done();
        assert!(explained.contains("rule shed is judged by the kernel"), "{explained}");
        agent.tell("limit clear --port 8080").done();
        wait_until("it is lifted", || agent.limits().is_empty());
        assert!(has(&agent.records(), "action", "undone"));
        wait_until("customers come in again", || connects(host));
        agent.tell("pause --for 30m").done();
        wait_until("a pause is a veto", || in_kernel(&agent)["vetoed"] == "reflexes are paused");
    });
}

#[test]
fn mistakes_in_rules_are_named_with_their_place() {
    let check = |rules: &str, expect: &str| {
        let output = Medulla::command(
            "medulla-agent",
            &config(rules),
            &["validate", "--config", "config.yaml"],
        );
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{errors}");
        assert!(errors.contains(expect), "{errors}");
    };
    let rule = |when: &str, rest: &str| {
        format!("    - name: r\n      when: {when}\n{rest}      then: [{{ alert: {{}} }}]\n")
    };
    check(&rule("cpu.utilization > 2", ""), "reflex.rules[0].when: bad_value: it can never hold");
    check(&rule("port[9999].in_flight > 2", ""), "reflex.rules[0].when: undefined_reference");
    check(&rule("gpu.temperature > 2", ""), "unknown signal");
    check(&rule("cpu.utilization > 0.5", "      clear: 'true'\n"), "reflex.rules[0].clear");
    let act = "    - name: r\n      when: cpu.utilization > 0.9\n      mode: act\n      then: \
               [{ rate_limit: { port: 8080, rate: 5/s } }]\n";
    check(act, "one source of evidence");
    check(&format!("{act}{act}"), "names two rules");
    let kernel = "      arm: kernel\n";
    check(
        &rule("cpu.utilization > 0.9", kernel),
        "reflex.rules[0].arm: bad_value: the kernel cannot judge",
    );
}

#[test]
fn each_fault_is_seen_by_its_signal() {
    let faults = [
        ("late", "latency_p50 > Duration(\"100ms\")", SLOW),
        ("tail", "latency_p99 > Duration(\"200ms\")", Fault::Spike(Duration::from_millis(400))),
        ("ramp", "latency_p90 > Duration(\"50ms\")", Fault::Ramp(Duration::from_millis(60))),
        ("errors", "error_ratio > 0.5", Fault::Errors),
        ("stall", "oldest_open > Duration(\"900ms\")", Fault::Stall),
        ("flood", "connections_per_s > 120", Fault::Flood),
    ];
    let rule = |(name, when, _): &(&str, &str, Fault)| {
        format!(
            "\n    - {{ name: {name}, when: 'port[{PORT}].{when}', clear_for: 100ms, then: [{{ alert: {{}} }}] }}"
        )
    };
    host::run(move |host| {
        let rules: String = faults.iter().map(rule).collect();
        let agent = host.agent(&config(&rules));
        let shop = Shop::open(host, PORT);
        warm_up(&agent);
        assert!(agent.records().iter().all(|record| record["kind"] != "decision"), "all is well");
        for (name, _, fault) in faults {
            shop.inject(fault);
            let fires = |record: &Value| {
                record["rule"] == name && record["reason"].to_string().contains("holds")
            };
            wait_until(name, || agent.records().iter().any(fires));
            shop.heal();
            let clears = |record: &Value| {
                record["rule"] == name && record["reason"].to_string().contains("cleared")
            };
            wait_until(name, || agent.records().iter().any(clears));
        }
    });
}

/// What is counted while nobody looks is a rate over that time, not a flood; and what changes meanwhile is seen.
#[test]
fn a_gap_is_no_fault() {
    let flood = format!(
        "
    - name: flood
      when: port[{PORT}].connections_per_s > 120 or port[{PORT}].latency_p50 > Duration(\"100ms\")
      then: [alert: {{}}]"
    );
    host::run(move |host| {
        let mut agent = host.agent(&config(&flood));
        let shop = Shop::open(host, PORT);
        warm_up(&agent);
        let holds = |record: &Value| record["reason"].to_string().contains("holds");
        let stop_for = |agent: &mut Medulla, time: Duration| {
            let pid = agent.process().id();
            signal_all(pid, Signal::SIGSTOP);
            std::thread::sleep(time);
            signal_all(pid, Signal::SIGCONT);
        };
        stop_for(&mut agent, Duration::from_secs(15));
        warm_up(&agent);
        assert!(!agent.records().iter().any(holds), "{:?}", agent.records());
        shop.inject(SLOW);
        stop_for(&mut agent, Duration::from_secs(3));
        wait_until("what began in the gap is seen", || agent.records().iter().any(holds));
    });
}

#[test]
fn a_rule_limits_bytes() {
    host::run(|host| {
        let rule = format!(
            "
    - name: narrow
      when: port[{PORT}].latency_p50 > Duration(\"100ms\") and port[{PORT}].in_flight >= 1
      mode: act
      then: [{{ rate_limit: {{ port: {PORT}, unit: bytes, rate: 64KiB/s, lease: 5s }} }}]"
        );
        let agent = host.agent(&config(&rule));
        let shop = Shop::open(host, PORT);
        shop.inject(SLOW);
        wait_until("the rule limits", || !agent.limits().is_empty());
        let limit = &agent.limits()[0];
        assert_eq!(limit["unit"], "bytes");
        assert_eq!(limit["rate_per_s"], 65_536.0);
    });
}
