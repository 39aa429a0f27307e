//! Promise: Debian's Alertmanager, started after the alert fired, shows it, and no longer once the state is over.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use medulla_tests::medulla::TELEMETRY;
use medulla_tests::{Fault, Host, Process, Shop, host, wait_until};
use serde_json::Value;

const PROGRAM: &str = "/usr/bin/prometheus-alertmanager";
const ADDRESS: &str = "127.0.0.1:9093";
const PORT: u16 = 8080;

/// Everything goes to nobody: the test reads what is shown.
const CONFIG: &str = "route: { receiver: nobody }\nreceivers: [{ name: nobody }]\n";

fn agent_config() -> String {
    format!(
        "
receivers: {{ kernel: {{ ports: [{PORT}] }}, reflex: {{}} }}
exporters: {{ debug: {{ verbosity: basic }} }}
reflex:
  kill_file: /nonexistent/kill
  alerting: {{ webhook: {{ endpoint: 'http://{ADDRESS}/api/v2/alerts' }} }}
  rules:
    - name: slow-shop
      when: port[{PORT}].latency_p50 > Duration(\"100ms\") and port[{PORT}].in_flight >= 1
      clear_for: 1s
      mode: act
      then: [{{ alert: {{ severity: critical, message: \"the shop is slow\" }} }}]
service:
  pipelines: {{ logs: {{ receivers: [reflex], exporters: [debug] }} }}
{TELEMETRY}"
    )
}

fn alertmanager(folder: &Path) -> Process {
    let config = folder.join("alertmanager.yml");
    std::fs::write(&config, CONFIG).expect("the folder is writable");
    let mut command = Command::new(PROGRAM);
    command.arg(format!("--config.file={}", config.display()));
    command.arg(format!("--storage.path={}", folder.display()));
    command.arg(format!("--web.listen-address={ADDRESS}"));
    Process::start(command.arg("--cluster.listen-address="))
}

/// The alerts that it shows as active; none while it does not answer.
fn shown() -> Vec<Value> {
    let address: SocketAddr = ADDRESS.parse().expect("an address");
    let Ok(mut stream) = TcpStream::connect_timeout(&address, Duration::from_secs(1)) else {
        return Vec::new();
    };
    let request = "GET /api/v2/alerts?active=true HTTP/1.0\r\nhost: alertmanager\r\n\r\n";
    let mut answer = String::new();
    let asked = stream.write_all(request.as_bytes());
    let read = asked.and_then(|()| stream.read_to_string(&mut answer));
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    match read {
        Ok(_) => serde_json::from_str(body).unwrap_or_default(),
        Err(_) => Vec::new(),
    }
}

fn fires(host: &Host) {
    let agent = host.agent(&agent_config());
    let shop = Shop::open(host, PORT);
    shop.inject(Fault::Latency(Duration::from_millis(250)));
    wait_until("the alert fires with nobody to hear it", || {
        let report = agent.tell("report --json").done();
        let mut records = report.lines().filter_map(|line| serde_json::from_str(line).ok());
        records.any(|record: Value| record["kind"] == "action" && record["outcome"] == "done")
    });
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let _alertmanager = alertmanager(folder.path());
    wait_until("the alert is shown", || !shown().is_empty());
    let alert = &shown()[0];
    assert_eq!(alert["labels"]["alertname"], "slow-shop", "{alert}");
    assert_eq!(alert["labels"]["severity"], "critical", "{alert}");
    assert!(alert["annotations"].to_string().contains("the shop is slow"), "{alert}");
    assert!(alert["annotations"].to_string().contains("latency_p50"), "{alert}");
    assert_eq!(alert["status"]["state"], "active", "{alert}");
    shop.heal();
    wait_until("the alert is resolved", || shown().is_empty());
}

#[test]
fn an_alert_is_shown_and_resolved() {
    if !Path::new(PROGRAM).exists() {
        println!("skipped: prometheus-alertmanager is not installed");
        return;
    }
    host::run(fires);
}
