//! Promise: Debian's Alertmanager, started after the alert fired, shows it, and no longer once the state is over.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use medulla_tests::medulla::TELEMETRY;
use medulla_tests::{Fault, Host, Process, Shop, host, name_cryptography, wait_until};
use reqwest::Certificate;
use reqwest::blocking::Client;
use serde_json::Value;

const PROGRAM: &str = "/usr/bin/prometheus-alertmanager";
const ADDRESS: &str = "127.0.0.1:9093";
const PORT: u16 = 8080;

/// Everything goes to nobody: the test reads what is shown.
const CONFIG: &str = "route: { receiver: nobody }\nreceivers: [{ name: nobody }]\n";

/// An Alertmanager that is asked over TLS or without.
#[derive(Clone)]
struct Peer {
    scheme: &'static str,
    folder: PathBuf,
    /// Who vouches for it.
    roots: Vec<Certificate>,
}

impl Peer {
    fn plain(folder: &Path) -> Self {
        Self { scheme: "http", folder: folder.to_owned(), roots: Vec::new() }
    }

    /// With a certificate that only its own file vouches for.
    fn over_tls(folder: &Path) -> Self {
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]);
        let made = made.expect("a certificate can be made");
        let put = |name: &str, text: &str| {
            std::fs::write(folder.join(name), text).expect("the folder is writable");
        };
        put("certificate.pem", &made.cert.pem());
        put("key.pem", &made.signing_key.serialize_pem());
        put("web.yml", "tls_server_config: { cert_file: certificate.pem, key_file: key.pem }\n");
        let root = Certificate::from_pem(made.cert.pem().as_bytes()).expect("it is PEM");
        Self { scheme: "https", folder: folder.to_owned(), roots: vec![root] }
    }

    fn webhook(&self) -> String {
        let endpoint = format!("endpoint: '{}://{ADDRESS}/api/v2/alerts'", self.scheme);
        let ca_file = self.folder.join("certificate.pem");
        let tls = format!(", tls: {{ ca_file: {} }}", ca_file.display());
        format!("{endpoint}{}", if ca_file.exists() { &tls } else { "" })
    }

    fn start(&self) -> Process {
        let at = |name: &str| self.folder.join(name);
        std::fs::write(at("alertmanager.yml"), CONFIG).expect("the folder is writable");
        let mut command = Command::new(PROGRAM);
        command.arg(format!("--config.file={}", at("alertmanager.yml").display()));
        command.arg(format!("--storage.path={}", self.folder.display()));
        command.arg(format!("--web.listen-address={ADDRESS}"));
        if at("web.yml").exists() {
            command.arg(format!("--web.config.file={}", at("web.yml").display()));
        }
        Process::start(command.arg("--cluster.listen-address="))
    }

    /// The alerts that it shows as active; none while it does not answer.
    fn shown(&self) -> Vec<Value> {
        let url = format!("{}://{ADDRESS}/api/v2/alerts?active=true", self.scheme);
        // Made here, since its thread belongs to the namespace of who makes it.
        let client = Client::builder().tls_certs_only(self.roots.clone()).build();
        let answer =
            client.expect("it has its roots").get(url).send().and_then(|answer| answer.text());
        answer.map_or_else(|_| Vec::new(), |body| serde_json::from_str(&body).unwrap_or_default())
    }
}

fn agent_config(webhook: &str) -> String {
    format!(
        "
receivers: {{ kernel: {{ ports: [{PORT}] }}, reflex: {{}} }}
exporters: {{ debug: {{ verbosity: basic }} }}
reflex:
  kill_file: /nonexistent/kill
  alerting: {{ webhook: {{ {webhook} }} }}
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

fn fires(host: &Host, peer: &Peer) {
    let agent = host.agent(&agent_config(&peer.webhook()));
    let shop = Shop::open(host, PORT);
    shop.inject(Fault::Latency(Duration::from_millis(250)));
    wait_until("the alert fires with nobody to hear it", || {
        let records = agent.records();
        records.iter().any(|record| record["kind"] == "action" && record["outcome"] == "done")
    });
    let _alertmanager = peer.start();
    wait_until("the alert is shown", || !peer.shown().is_empty());
    let alert = &peer.shown()[0];
    assert_eq!(alert["labels"]["alertname"], "slow-shop", "{alert}");
    assert_eq!(alert["labels"]["severity"], "critical", "{alert}");
    assert!(alert["annotations"].to_string().contains("the shop is slow"), "{alert}");
    assert!(alert["annotations"].to_string().contains("latency_p50"), "{alert}");
    assert_eq!(alert["status"]["state"], "active", "{alert}");
    shop.heal();
    wait_until("the alert is resolved", || peer.shown().is_empty());
}

fn check(peer: impl FnOnce(&Path) -> Peer) {
    if !Path::new(PROGRAM).exists() {
        println!("skipped: prometheus-alertmanager is not installed");
        return;
    }
    name_cryptography();
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    // The agent of a keeper that is root has an account of its own.
    let open = Permissions::from_mode(0o755);
    std::fs::set_permissions(folder.path(), open).expect("it is ours");
    let peer = peer(folder.path());
    host::run(move |host| fires(host, &peer));
}

#[test]
fn an_alert_is_shown_and_resolved() {
    check(Peer::plain);
}

#[test]
fn an_alert_over_tls_is_shown_and_resolved() {
    check(Peer::over_tls);
}
