//! Promise: a rule restarts a container through the runtime's socket, or a systemd unit, verified, once in ten
//! minutes, and only what is meant without doubt.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use medulla_tests::medulla::TELEMETRY;
use medulla_tests::{Containerd, Fault, Host, Medulla, Shop, host};
use serde_json::Value;

const PORT: u16 = 8080;
const SLOW: Fault = Fault::Latency(Duration::from_millis(250));

/// Rules that fire when the shop is slow, by what they restart.
fn config(restarts: &[(&str, &str)]) -> String {
    let rule = |(name, what): &(&str, &str)| {
        format!(
            "
    - name: {name}
      when: port[{PORT}].latency_p50 > Duration(\"100ms\") and port[{PORT}].in_flight >= 1
      clear_for: 1s
      cooldown: 1s
      mode: act
      then: [{{ restart: {{ {what} }} }}]"
        )
    };
    let rules: String = restarts.iter().map(rule).collect();
    format!(
        "
receivers: {{ kernel: {{ ports: [{PORT}] }}, reflex: {{}} }}
exporters: {{ debug: {{ verbosity: basic }} }}
reflex:
  kill_file: /nonexistent/kill
  protected: {{ processes: [busybox-of-the-bank] }}
  rules:{rules}
service:
  pipelines: {{ logs: {{ receivers: [reflex], exporters: [debug] }} }}
{TELEMETRY}"
    )
}

fn run(test: impl FnOnce(&Host, &Containerd) + Send + 'static) {
    if let Some(why) = Containerd::missing() {
        println!("skipped: {why}");
        return;
    }
    host::run(|host| test(host, &Containerd::start()));
}

/// What became of a rule's action, as `outcome: reason`.
fn ends(agent: &Medulla, rule: &str) -> Vec<String> {
    let records = agent.records();
    let ours = records.iter().filter(|record| record["kind"] == "action" && record["rule"] == rule);
    let text = |record: &Value| {
        Some(format!("{}: {}", record["outcome"].as_str()?, record["reason"].as_str()?))
    };
    ours.filter_map(text).collect()
}

/// Looks again and again, for a minute at most.
fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(Instant::now() < deadline, "waited a minute for {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_container_is_restarted_as_it_was_and_not_twice() {
    run(|host, containerd| {
        let pod = containerd.pod("shop", "tier=front");
        let old = containerd.container(&pod, "checkout", 0, "app=checkout");
        let other = containerd.container(&pod, "database", 0, "app=database");
        let socket = containerd.socket();
        let cri =
            format!("cri: {{ label: app=checkout, grace: 1s, socket: {} }}", socket.display());
        let mut agent = host.agent(&config(&[("heal", &cri)]));
        let shop = Shop::open(host, PORT);
        shop.inject(SLOW);
        wait_until("the restart is done", || !ends(&agent, "heal").is_empty());
        shop.heal();
        let end = ends(&agent, "heal").remove(0);
        let running = containerd.running();
        assert!(!running.contains(&old) && running.len() == 2, "{running:?}; {end}");
        let fresh = running.iter().find(|id| **id != other).expect("the other one was left alone");
        assert!(end.starts_with(&format!("done: checkout runs as container {fresh}")), "{end}");
        alike(containerd, &old, fresh);
        wait_until("the state is over", || agent.view()["rules"][0]["state"] != "firing");
        shop.inject(SLOW);
        let refused = |agent: &Medulla| {
            let ends = ends(agent, "heal").into_iter();
            ends.filter(|end| end.contains("restarted within 10 minutes")).count()
        };
        wait_until("the second one is refused", || refused(&agent) > 0);
        let before = refused(&agent);
        agent.kill();
        agent.start_again();
        wait_until("a new agent refuses it, too", || refused(&agent) > before);
        assert_eq!(containerd.running(), running);
    });
}

/// Another container with the same configuration, image and log.
fn alike(containerd: &Containerd, old: &str, fresh: &str) {
    let ((was, before), (is, now)) = (containerd.inspect(old), containerd.inspect(fresh));
    assert_eq!((was.image_ref, was.labels), (is.image_ref, is.labels));
    assert_eq!(was.annotations, is.annotations);
    let (before, now) = (&before["config"], &now["config"]);
    for key in ["envs", "labels", "annotations", "log_path", "linux"] {
        assert_eq!(before[key], now[key], "{key}");
    }
    assert_eq!(now["metadata"]["attempt"], 1, "{now}");
}

#[test]
fn what_is_not_meant_without_doubt_is_left_alone() {
    run(|host, containerd| {
        for name in ["one", "two"] {
            let pod = containerd.pod(name, "app=checkout");
            containerd.container(&pod, "checkout", 0, "role=web");
        }
        let before = containerd.running();
        let socket = containerd.socket();
        let at = |label: &str| format!("cri: {{ label: {label}, socket: {} }}", socket.display());
        let agent = host.agent(&config(&[
            ("doubt", &at("app=checkout")),
            ("nobody", &at("app=nobody")),
            ("nowhere", "cri: { label: app=other, socket: /nonexistent/cri.sock }"),
        ]));
        let shop = Shop::open(host, PORT);
        shop.inject(SLOW);
        let check = |rule: &str, expect: &str| {
            wait_until(rule, || !ends(&agent, rule).is_empty());
            assert_eq!(ends(&agent, rule)[0], expect);
        };
        check(
            "doubt",
            "refused: 2 containers match app=checkout, expected one: one/checkout, two/checkout",
        );
        check("nobody", "failed: no running container has the label app=nobody");
        check("nowhere", "failed: /nonexistent/cri.sock: No such file or directory (os error 2)");
        assert_eq!(containerd.running(), before);
    });
}

/// A unit of the host's systemd; gone when this is dropped.
struct Unit {
    name: String,
    file: PathBuf,
}

impl Unit {
    fn start() -> Self {
        let name = format!("shop-under-test-{}.service", std::process::id());
        let file = Path::new("/run/systemd/system").join(&name);
        std::fs::write(&file, "[Service]\nExecStart=/bin/sleep infinity\n").expect("root may");
        let unit = Self { name, file };
        host::run_tool("systemctl", "daemon-reload");
        host::run_tool("systemctl", &format!("start {}", unit.name));
        unit
    }

    fn invocation(&self) -> String {
        let mut command = Command::new("systemctl");
        command.args(["show", "--property=InvocationID", "--value", &self.name]);
        let output = command.output().expect("systemctl can be run");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }
}

impl Drop for Unit {
    fn drop(&mut self) {
        // A test that failed shows its own reason.
        let _ = Command::new("systemctl").args(["stop", &self.name]).status();
        let _ = std::fs::remove_file(&self.file);
        let _ = Command::new("systemctl").arg("daemon-reload").status();
    }
}

#[test]
fn a_unit_is_restarted() {
    // sd_booted(3).
    if !Path::new("/run/systemd/system").is_dir() {
        println!("skipped: pid 1 is not systemd");
        return;
    }
    host::run(|host| {
        let unit = Unit::start();
        let before = unit.invocation();
        let agent =
            host.agent(&config(&[("heal", &format!("systemd: {{ unit: {} }}", unit.name))]));
        let shop = Shop::open(host, PORT);
        shop.inject(SLOW);
        wait_until("the restart is done", || !ends(&agent, "heal").is_empty());
        let after = unit.invocation();
        assert_ne!(before, after);
        assert_eq!(ends(&agent, "heal")[0], format!("done: {} runs as {after}", unit.name));
    });
}

#[test]
fn mistakes_are_named_with_their_place() {
    let check = |cri: &str, expect: &str| {
        let rules = config(&[("heal", &format!("cri: {cri}"))]);
        let output =
            Medulla::command("medulla-agent", &rules, &["validate", "--config", "config.yaml"]);
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{errors}");
        assert!(
            errors.contains(&format!("reflex.rules[0].then[0].restart.cri{expect}")),
            "{errors}"
        );
    };
    check("{ grace: 1s }", ".label");
    check("{ label: checkout }", ".label: bad_value: \"checkout\", expected key=value");
    check("{ label: 'app=checkout,' }", ".label: bad_value");
    check("{ label: app=checkout, grace: 1m }", ".grace");
    check("{ label: app=checkout, socket: run/cri.sock }", ".socket: bad_value");
    check(&format!("{{ label: app={} }}", "a".repeat(220)), ".label: too_large");
    check("{ label: app=checkout, sockets: /run/cri.sock }", ".sockets");
}
