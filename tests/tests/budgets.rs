//! Promise: what a rule has done counts against it through reloads, crashes and takeovers, and a reload leaves
//! alone what it does not change.

use medulla_tests::host;
use medulla_tests::medulla::TELEMETRY;
use medulla_tests::{Fault, Host, Medulla, Shop, wait_until};
use std::time::Duration;

const PORT: u16 = 8080;
const SLOW: Fault = Fault::Latency(Duration::from_millis(250));

/// A rule that may act once in an hour, and another one that never does and is `slow` at so much.
fn config(priority: u8, slow: &str) -> String {
    format!(
        "
receivers: {{ kernel: {{ ports: [{PORT}] }} }}
exporters: {{ debug: {{ verbosity: basic }} }}
reflex:
  kill_file: /nonexistent/kill
  rules:
    - name: other
      when: port[{PORT}].latency_p50 > Duration(\"{slow}\")
      then: [ alert: {{ severity: info, message: slow }} ]
    - name: shed
      when: port[{PORT}].latency_p99 > Duration(\"100ms\") and port[{PORT}].in_flight >= 2
      clear_for: 1s
      priority: {priority}
      cooldown: 1s
      budget: 1/h
      mode: act
      then:
        - rate_limit: {{ port: {PORT}, rate: 10/s, lease: 15s, floor: 5/s, immediate: true }}
service:
  pipelines: {{ metrics: {{ receivers: [kernel], exporters: [debug] }} }}
{TELEMETRY}"
    )
}

fn reload(agent: &mut Medulla, config: &str) {
    let count =
        |agent: &mut Medulla| agent.process().log().matches("configuration reloaded").count();
    let before = count(agent);
    agent.reload(config);
    let begun = std::time::Instant::now();
    while count(agent) == before {
        assert!(begun.elapsed() < medulla_tests::PATIENCE, "{}", agent.process().log());
        std::thread::sleep(medulla_tests::GLANCE);
    }
}

/// An agent whose rule limits a shop that is slow.
fn limiting(host: &Host) -> (Medulla, Shop) {
    let agent = host.agent(&config(0, "10s"));
    let shop = Shop::open(host, PORT);
    wait_until("the windows are full", || agent.is_warm());
    shop.inject(SLOW);
    wait_until("the rule limits", || !agent.limits().is_empty());
    (agent, shop)
}

fn refusals(agent: &Medulla) -> usize {
    let spent = |record: &&serde_json::Value| record["reason"] == "the rule's budget is spent";
    agent.records().iter().filter(spent).count()
}

/// A fault that the rule would limit, had it not done so before.
fn check_spent(shop: &Shop, agent: &Medulla, what: &str) {
    wait_until("the rule is quiet", || agent.view()["rules"][1]["state"] == "quiet");
    let before = refusals(agent);
    wait_until("the windows are full", || agent.is_warm());
    shop.inject(SLOW);
    wait_until(what, || {
        assert!(agent.limits().is_empty(), "{what}");
        refusals(agent) > before
    });
    shop.heal();
}

#[test]
fn a_spent_budget_is_spent_after_a_reload_and_after_a_crash() {
    host::run(|host| {
        let (mut agent, shop) = limiting(host);
        let before = agent.limits().remove(0);
        // The other rule has changed; this one does not notice.
        reload(&mut agent, &config(0, "11s"));
        let after = agent.limits().remove(0);
        assert_eq!((&after["source"], &after["since"]), (&"rule:shed".into(), &before["since"]));
        let undone = |agent: &Medulla| agent.records().iter().any(|r| r["outcome"] == "undone");
        assert!(!undone(&agent));
        // Now it has.
        reload(&mut agent, &config(1, "11s"));
        assert!(agent.limits().is_empty() && undone(&agent));
        shop.heal();
        check_spent(&shop, &agent, "spent after a reload");
        agent.kill();
        agent.start_again();
        check_spent(&shop, &agent, "spent after a crash");
        assert!(agent.terminate().success());
    });
}

#[test]
fn a_limit_of_a_rule_goes_on_through_a_takeover() {
    host::run(|host| {
        let (mut agent, shop) = limiting(host);
        assert!(agent.take_over().success());
        wait_until("the new agent's rule renews the limit", || {
            let limits = agent.limits();
            assert_eq!(limits.len(), 1, "without a gap: {limits:?} {}", agent.tell("report").out);
            agent.view()["rules"][1]["live"] == 1
        });
        let done = |r: &&serde_json::Value| r["kind"] == "action" && r["outcome"] == "done";
        assert_eq!(
            agent.records().iter().filter(done).count(),
            2,
            "one run, begun and gone on with"
        );
        shop.heal();
        drop(shop);
        wait_until("the limit is gone", || agent.limits().is_empty());
    });
}
