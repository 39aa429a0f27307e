//! Promise: interfaces are covered as they come and go, those that are not are named, and `doctor`
//! tells what is there.

use medulla_tests::host::{self, IPV4, WIRE, ip, on_wire, run_tool};
use medulla_tests::load::arrivals;
use medulla_tests::medulla::TELEMETRY;
use medulla_tests::{Medulla, eventually};
use serde_json::Value;

fn config(interfaces: &str) -> String {
    format!(
        "
receivers: {{ kernel: {{ interfaces: [{interfaces}] }} }}
exporters: {{ debug: {{ verbosity: basic }} }}
service:
  pipelines: {{ metrics: {{ receivers: [kernel], exporters: [debug] }} }}
{TELEMETRY}"
    )
}

const SET: &str = "limit set --port 9000 --proto udp --rate 1/s --burst 1";

/// Waits until the log has said this so often.
async fn said(agent: &mut Medulla, what: &str, times: usize) {
    eventually(what, || {
        let seen = agent.process().log().matches(what).count();
        std::future::ready((seen >= times).then_some(()))
    })
    .await;
}

#[test]
fn an_interface_that_vanishes_and_comes_back_is_covered_again() {
    for interfaces in ["auto", WIRE] {
        host::run(move |host| {
            let mut agent = host.agent(&config(interfaces));
            agent.tell(SET).done();
            for round in 1..=3 {
                host.block_on(said(&mut agent, "interface m0 is covered", round));
                assert!(arrivals(host.peer(), on_wire(IPV4, 9000), 50) <= 2, "round {round}");
                host.disconnect();
                host.block_on(said(&mut agent, "interface m0 is gone", round));
                host.connect();
            }
            host.block_on(said(&mut agent, "interface m0 is covered", 4));
            assert!(agent.terminate().success());
            assert_eq!(arrivals(host.peer(), on_wire(IPV4, 9000), 50), 50);
        });
    }
}

#[test]
fn what_is_not_covered_is_named() {
    host::run(|host| {
        let agent = host.agent(&config(WIRE));
        ip("link add d0 type veth peer name d1");
        ip("link set d0 up");
        ip("address add 10.9.0.1/24 dev d0");
        let told = agent.tell(SET);
        assert_eq!(told.code, Some(0), "{told:?}");
        for name in ["lo", "d0"] {
            assert!(told.err.contains(&format!("interface {name} is not covered")), "{told:?}");
        }
        assert!(!told.err.contains(WIRE), "{told:?}");
        let explained = agent.tell("limit explain --port 9000").done();
        assert!(explained.contains("interface d0 is not covered"), "{explained}");
    });
}

fn doctor(agent: &Medulla) -> Value {
    let told = agent.tell("doctor --json").done();
    assert_eq!(told.lines().count(), 1, "one object: {told}");
    serde_json::from_str(&told).expect("the report is JSON")
}

#[test]
fn doctor_tells_features_processes_and_foreign_programs() {
    host::run(|host| {
        let mut agent = host.agent(&config("auto"));
        let report = doctor(&agent);
        let mut keys: Vec<&String> = report.as_object().expect("an object").keys().collect();
        keys.sort();
        let expected =
            ["features", "foreign_programs", "kernel", "problems", "processes", "schema"];
        assert_eq!(keys, expected);
        assert_eq!(report["schema"], 1);
        let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").expect("proc is there");
        assert_eq!(report["kernel"], release.trim());
        assert_eq!(report["foreign_programs"], serde_json::json!([]));
        assert_eq!(report["problems"], serde_json::json!([]), "{report}");
        for feature in report["features"].as_array().expect("a list") {
            assert_eq!(feature["available"], true, "{feature}");
            assert!(feature["name"].is_string() && feature["detail"].is_string(), "{feature}");
        }
        let (keeper, child) = (agent.process().id(), agent.process().child_id());
        let processes = report["processes"].as_array().expect("a list");
        let shown: Vec<_> = processes.iter().map(|one| (&one["role"], &one["pid"])).collect();
        let expected = [("keeper", keeper), ("agent", child)]
            .map(|(role, pid)| (Value::from(role), Value::from(pid.as_raw())));
        assert_eq!(shown, expected.each_ref().map(|(role, pid)| (role, pid)));
        assert_eq!(processes[1]["capabilities"], serde_json::json!([]));
        assert_ne!(processes[1]["uid"], 0);
        run_tool("tc", "qdisc add dev m0 clsact");
        run_tool("tc", "filter add dev m0 ingress u32 match u32 0 0 flowid 1:1");
        let foreign = doctor(&agent)["foreign_programs"].to_string();
        assert!(foreign.contains("m0 clsact ingress: u32"), "{foreign}");
        assert!(agent.terminate().success());
        let problems = doctor(&agent)["problems"].to_string();
        assert!(problems.contains("no agent is running here"), "{problems}");
    });
}
