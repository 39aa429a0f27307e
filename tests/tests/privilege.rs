//! Promise: privilege and outside bytes never meet in one process, and an agent without privilege
//! says what is missing.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::Command;

use medulla_tests::medulla::TELEMETRY;
use medulla_tests::{Medulla, Signal, Sink, host, records};
use nix::sys::signal::{Signal as Kill, kill};
use nix::unistd::{Pid, User};

fn config(exporter: &str) -> String {
    format!(
        "
receivers:
  otlp: {{ protocols: {{ http: {{ endpoint: 127.0.0.1:0 }}, grpc: {{ endpoint: 127.0.0.1:0 }} }} }}
  kernel: {{ interfaces: [auto] }}
exporters: {{ debug: {{ verbosity: basic }}, {exporter} }}
service:
  pipelines:
    traces: {{ receivers: [otlp], exporters: [otlp_http] }}
    metrics: {{ receivers: [kernel], exporters: [debug] }}
{TELEMETRY}"
    )
}

const NOWHERE: &str = "otlp_http: { endpoint: 'http://127.0.0.1:1' }";

/// proc(5): the fields of every thread's status.
fn threads(process: Pid) -> Vec<BTreeMap<String, String>> {
    let tasks = std::fs::read_dir(format!("/proc/{process}/task")).expect("the process is there");
    let read = |task: std::io::Result<std::fs::DirEntry>| {
        let path = task.expect("proc can be read").path().join("status");
        let text = std::fs::read_to_string(path).expect("a thread has a status");
        let fields = text.lines().filter_map(|line| line.split_once(':'));
        fields.map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect()
    };
    tasks.map(read).collect()
}

/// The inodes of a process's sockets.
fn sockets(process: Pid) -> BTreeSet<u64> {
    let open = std::fs::read_dir(format!("/proc/{process}/fd")).expect("the process is there");
    let targets = open.flatten().filter_map(|entry| std::fs::read_link(entry.path()).ok());
    let inode = |target: &str| target.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok();
    targets.filter_map(|target| inode(target.to_str()?)).collect()
}

/// The inodes in a table of /proc/PID/net, which end a line or stand in its column `inode`.
fn listed(process: Pid, tables: &[&str], column: usize) -> BTreeSet<u64> {
    let read = |table: &&str| std::fs::read_to_string(format!("/proc/{process}/net/{table}"));
    let texts: Vec<String> = tables.iter().filter_map(|table| read(table).ok()).collect();
    let lines = texts.iter().flat_map(|text| text.lines().skip(1));
    lines.filter_map(|line| line.split_whitespace().nth(column)?.parse().ok()).collect()
}

#[test]
fn the_agent_has_no_capability_in_any_thread() {
    host::run(|host| {
        let mut agent = host.agent(&config(NOWHERE));
        // Load starts every thread there is.
        let http = agent.address("otlp/http");
        host.block_on(async {
            let mut client = medulla_tests::HttpClient::connect(http).await;
            assert_eq!(client.export(Signal::Traces, "bad").await.status, 400);
        });
        agent.tell("limit set --port 8080 --rate 10/s").done();
        let (keeper, child) = (agent.process().id(), agent.process().child_id());
        let account = User::from_name("medulla").expect("accounts can be read");
        let uid = account.map_or(65534, |user| user.uid.as_raw()).to_string();
        let of_agent = threads(child);
        assert!(of_agent.len() >= 3, "{} threads", of_agent.len());
        for thread in &of_agent {
            for set in ["CapEff", "CapPrm", "CapInh", "CapAmb", "CapBnd"] {
                assert_eq!(thread[set].trim_start_matches('0'), "", "{set} of {}", thread["Name"]);
            }
            assert_eq!(thread["NoNewPrivs"], "1");
            for ids in ["Uid", "Gid"] {
                assert!(thread[ids].split_whitespace().all(|id| id == uid), "{}", thread[ids]);
            }
            assert_eq!(thread["Groups"], "");
        }
        let of_keeper = threads(keeper);
        assert_eq!(of_keeper.len(), 1, "one thread");
        assert!(of_keeper[0]["Uid"].split_whitespace().all(|id| id == "0"));
        assert_eq!(of_agent[0]["PPid"], keeper.to_string());
        assert_eq!(of_agent[0]["NSsid"], of_keeper[0]["NSsid"], "the same session");
        assert_eq!(of_agent[0]["NSpgid"], of_keeper[0]["NSpgid"], "the same process group");
    });
}

#[test]
fn the_keeper_has_no_network() {
    host::run(|host| {
        let mut agent = host.agent(&config(NOWHERE));
        let (keeper, child) = (agent.process().id(), agent.process().child_id());
        let quiet = &listed(keeper, &["unix"], 6) | &listed(keeper, &["netlink"], 9);
        let network = listed(keeper, &["tcp", "tcp6", "udp", "udp6", "raw", "raw6"], 9);
        let sockets = [keeper, child].map(sockets);
        assert!(!sockets[0].is_empty(), "it has its end of the socketpair");
        assert!(sockets[0].is_subset(&quiet), "{:?} of {quiet:?}", sockets[0]);
        assert!(sockets[0].is_disjoint(&network));
        assert!(!sockets[1].is_disjoint(&network), "the look would find them: the agent has some");
    });
}

#[test]
fn the_control_socket_is_guarded_and_a_dead_one_is_replaced() {
    host::run(|host| {
        let mut agent = host.agent(&config(NOWHERE));
        let socket = agent.folder().join("run/agent.sock");
        let found = std::fs::metadata(&socket).expect("the socket is there");
        assert_eq!((found.mode() & 0o7777, found.uid()), (0o660, 65534));
        let again = agent.tell("run --config config.yaml");
        assert_eq!(again.code, Some(1), "{again:?}");
        let keeper = agent.process().id().to_string();
        assert!(again.err.contains(&keeper), "{keeper} in {again:?}");
        assert!(again.err.lines().count() == 1 && agent.limits().is_empty());
        agent.kill();
        assert!(socket.exists(), "a killed agent cannot remove it");
        let dead = agent.tell("limit list");
        assert_eq!(dead.code, Some(1), "{dead:?}");
        agent.start_again();
        assert!(agent.limits().is_empty(), "it is answered again");
        // Asked in vain, so that a hangup does not end it either.
        kill(agent.process().id(), Kill::SIGHUP).expect("the keeper is there");
        agent.process().wait_for("reload", |line| line.contains("reload").then_some(()));
        assert!(agent.limits().is_empty());
    });
}

#[test]
fn files_are_read_with_the_agents_rights() {
    host::run(|host| {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let open = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(folder.path(), open).expect("it is our folder");
        let secret = folder.path().join("secret.yaml");
        std::fs::write(&secret, config(NOWHERE)).expect("it is our folder");
        std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600))
            .expect("it is our file");
        let mut command = Command::new(medulla_tests::binaries::binary("medulla-agent"));
        command
            .args(["run", "--config"])
            .arg(&secret)
            .env("MEDULLA_STATE_DIR", folder.path().join("state"))
            .env("MEDULLA_RUN_DIR", folder.path().join("run"))
            .env("MEDULLA_BPF_DIR", host.bpf_dir());
        let output = command.output().expect("the binary can be run");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains("secret.yaml") && said.contains("ermission denied"), "{said}");
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn without_privilege_it_is_a_plain_agent_that_says_what_is_missing() {
    let sink = Sink::start().await;
    let exporter = format!("otlp_http: {{ endpoint: 'http://{}' }}", sink.address());
    let mut agent = Medulla::agent(&config(&exporter));
    let told = agent.tell("limit set --port 8080 --rate 10/s");
    assert_eq!(told.code, Some(1), "{told:?}");
    let doctor = agent.tell("doctor").done();
    let log = agent.process().log();
    for (what, text) in [("limit set", &told.err), ("doctor", &doctor), ("log", &log)] {
        assert!(text.contains("not privileged: lacks CAP_BPF"), "{what}: {text}");
        assert!(text.contains("CAP_NET_ADMIN"), "{what}: {text}");
    }
    assert!(agent.limits().is_empty());
    let body = records::traces(0, 7);
    assert!(agent.http().await.export(Signal::Traces, body.clone()).await.is_success());
    assert_eq!(sink.received()[0].body, body);
    assert_eq!(agent.settle_books().await.accepted(Signal::Traces), 7.0);
    assert!(agent.terminate().success());
}
