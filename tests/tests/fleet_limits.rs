//! Promise: what an agent's kernel limits is found in the gateway, with what it let through and dropped, and as
//! over once it is.

use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use medulla_tests::host::{self, IPV4, on_wire};
use medulla_tests::medulla::TELEMETRY;
use medulla_tests::{Medulla, wait_until};
use serde_json::Value;

const PORT: u16 = 8080;

const GATEWAY: &str = "
receivers: { otlp: { protocols: { http: { endpoint: 127.0.0.1:0 } } } }
exporters: { store: {} }
store: {}
query: { listen: 127.0.0.1:0 }
service:
  pipelines: { metrics: { receivers: [otlp], exporters: [store] } }
";

fn agent_config(gateway: &str) -> String {
    format!(
        "
receivers: {{ kernel: {{ ports: [{PORT}], collection_interval: 200ms }} }}
exporters: {{ otlp_http: {{ endpoint: 'http://{gateway}' }} }}
service:
  pipelines: {{ metrics: {{ receivers: [kernel], exporters: [otlp_http] }} }}
{TELEMETRY}"
    )
}

#[test]
fn limits_of_agents_are_found_in_the_gateway() {
    host::run(|host| {
        // In the runtime, where waits for its log lines may block.
        let (gateway, receiver, query) = host.block_on(async {
            tokio::spawn(async {
                let mut gateway = Medulla::gateway(&format!("{GATEWAY}{TELEMETRY}"));
                let receiver = gateway.address("otlp/http").to_string();
                let query = gateway.address("query").to_string();
                (gateway, receiver, query)
            })
            .await
            .expect("the gateway is up")
        });
        let agent = host.agent(&agent_config(&receiver));
        let limits = || -> Vec<Value> {
            let asked = gateway.ask(&["query", "limits", "--json", "--address", &query]);
            assert!(asked.status.success(), "{asked:?}");
            let answer: Value = serde_json::from_slice(&asked.stdout).expect("JSON");
            answer["limits"].as_array().expect("a list").clone()
        };
        assert!(limits().is_empty());
        agent.tell(&format!("limit set --port {PORT} --rate 1/s --burst 5 --for 1h")).done();
        let _service = TcpListener::bind(on_wire(IPV4, PORT)).expect("the port is free");
        host.peer().enter(|| {
            for _ in 0..10 {
                // Half of them are dropped.
                let patience = Duration::from_millis(20);
                let _ = TcpStream::connect_timeout(&on_wire(IPV4, PORT), patience);
            }
        });
        wait_until("the gateway knows what was dropped", || {
            limits().first().is_some_and(|limit| limit["dropped"].as_u64() >= Some(4))
        });
        let limit = &limits()[0];
        assert_eq!(limit["target"]["port"], PORT);
        assert_eq!((&limit["source"], &limit["rate_per_s"]), (&"operator".into(), &1.0.into()));
        assert_eq!((&limit["unit"], &limit["enforced"]), (&"connections".into(), &true.into()));
        assert!(limit["passed"].as_u64() >= Some(5), "{limit}");
        assert!(limit["host"].as_str().is_some_and(|host| !host.is_empty()), "{limit}");
        agent.tell("limit clear --all").done();
        wait_until("it is over", || limits()[0]["enforced"] == false);
        let shown = gateway.ask(&["query", "limits", "--address", &query]);
        assert!(String::from_utf8_lossy(&shown.stdout).contains("over"), "{shown:?}");
    });
}
