//! A gateway or an agent under test, in folders of its own.
//!
//! As root the process is started as an unprivileged account, so that tests of the data path touch
//! no kernel; tests of limits and samples start theirs on a [`Host`](crate::Host) of their own.

use crate::binaries::binary;
use crate::client::{GrpcClient, HttpClient};
use crate::scrape::Metrics;
use crate::{Process, eventually};
use nix::sys::signal::Signal as Kill;
use std::net::SocketAddr;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Output};
use tempfile::TempDir;

/// The account of nobody on every Linux.
const NOBODY: u32 = 65534;

/// Own telemetry on a port of its own; part of every configuration of a test.
pub const TELEMETRY: &str = "
  telemetry:
    metrics: { readers: [{ pull: { exporter: { prometheus: { host: 127.0.0.1, port: 0 } } } }] }
";

/// A started binary; killed and its folders removed when dropped.
pub struct Medulla {
    name: &'static str,
    process: Process,
    folders: TempDir,
    rights: Rights,
}

/// What a process is started with.
#[derive(Clone, Debug)]
pub enum Rights {
    /// Those of an unprivileged account.
    Lowered,
    /// Those of the test, and pins in this folder.
    Kept(PathBuf),
}

impl Medulla {
    /// Starts a gateway with this configuration and waits until it is up.
    pub fn gateway(config: &str) -> Self {
        Self::start("medulla-gateway", config)
    }

    /// Starts an agent with this configuration and waits until it is up.
    pub fn agent(config: &str) -> Self {
        Self::start("medulla-agent", config)
    }

    /// Starts either binary.
    ///
    /// # Panics
    /// When it does not come up; shows its log.
    pub fn start(name: &'static str, config: &str) -> Self {
        Self::start_with(name, config, Rights::Lowered)
    }

    /// Starts either binary with these rights.
    ///
    /// # Panics
    /// When it does not come up; shows its log.
    pub fn start_with(name: &'static str, config: &str, rights: Rights) -> Self {
        let folders = folders();
        std::fs::write(folders.path().join("config.yaml"), config)
            .expect("the test's folder is writable");
        let process = Process::start(&mut command(name, folders.path(), &rights));
        let mut medulla = Self { name, process, folders, rights };
        medulla.wait_until_up();
        medulla
    }

    /// Runs a command of a binary to its end, for example `["validate", "--config", "F"]`. A
    /// configuration text becomes the file `config.yaml` of the folder it runs in.
    pub fn command(name: &str, config: &str, arguments: &[&str]) -> Output {
        let folders = folders();
        std::fs::write(folders.path().join("config.yaml"), config)
            .expect("the test's folder is writable");
        let mut command = bare_command(name, folders.path(), &Rights::Lowered);
        command.args(arguments).output().expect("the binary can be run")
    }

    /// Runs a command of this binary to its end, in this process's folders.
    ///
    /// # Panics
    /// When it cannot be run.
    pub fn ask(&self, arguments: &[&str]) -> Output {
        let mut command = bare_command(self.name, self.folders.path(), &self.rights);
        command.args(arguments).output().expect("the binary can be run")
    }

    /// Runs a command of this binary, its arguments separated by spaces.
    pub fn tell(&self, arguments: &str) -> Told {
        let output = self.ask(&arguments.split(' ').collect::<Vec<_>>());
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Told { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// The agent's limits.
    ///
    /// # Panics
    /// When they are not listed as JSON, one per line.
    pub fn limits(&self) -> Vec<serde_json::Value> {
        let told = self.tell("limit list --json").done();
        told.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect()
    }

    /// What the agent's `top` shows at this moment.
    ///
    /// # Panics
    /// When it is not JSON.
    pub fn view(&self) -> serde_json::Value {
        let told = self.tell("top --once --json").done();
        serde_json::from_str(&told).expect("a view is JSON")
    }

    /// Whether the agent's windows are full.
    pub fn is_warm(&self) -> bool {
        self.view()["guards"]["warming_up"] == false
    }

    /// What the agent's reflexes have written down, oldest first.
    ///
    /// # Panics
    /// When they are not listed as JSON, one per line.
    pub fn records(&self) -> Vec<serde_json::Value> {
        let told = self.tell("report --json").done();
        told.lines().map(|line| serde_json::from_str(line).expect("a record is JSON")).collect()
    }

    /// The address a component listens on, for example `otlp/http`.
    ///
    /// # Panics
    /// When it does not listen in time.
    pub fn address(&mut self, component: &str) -> SocketAddr {
        let wanted = format!("listening {component} ");
        self.process.wait_for(&wanted, |line| {
            let rest = &line[line.find(&wanted)? + wanted.len()..];
            rest.split_whitespace().next()?.parse().ok()
        })
    }

    /// A client of the OTLP/HTTP receiver called `otlp`.
    pub async fn http(&mut self) -> HttpClient {
        HttpClient::connect(self.address("otlp/http")).await
    }

    /// A client of the OTLP/gRPC receiver called `otlp`.
    pub async fn grpc(&mut self) -> GrpcClient {
        GrpcClient::connect(self.address("otlp/grpc")).await
    }

    /// Scrapes the process's own telemetry.
    pub async fn metrics(&mut self) -> Metrics {
        Metrics::scrape(self.address("metrics")).await
    }

    /// Waits until the conservation law of the contract holds for every signal and exporter, and
    /// nothing is queued.
    ///
    /// # Panics
    /// When it does not; shows the numbers.
    pub async fn settle_books(&mut self) -> Metrics {
        let address = self.address("metrics");
        eventually("balanced books", async || {
            let metrics = Metrics::scrape(address).await;
            match metrics.balance() {
                Ok(()) => Some(metrics),
                Err(difference) => {
                    tokio::time::sleep(10 * crate::GLANCE).await;
                    println!("not balanced yet: {difference}");
                    None
                }
            }
        })
        .await
    }

    /// Ends it with SIGTERM and waits.
    pub fn terminate(&mut self) -> ExitStatus {
        self.process.signal(Kill::SIGTERM);
        self.process.wait()
    }

    /// Kills every process of it.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts it again in the same folders after it ended, and waits until it is up. Its ports
    /// change unless the configuration fixes them.
    pub fn start_again(&mut self) {
        let mut command = command(self.name, self.folders.path(), &self.rights);
        self.process = Process::start(&mut command);
        self.wait_until_up();
    }

    /// Starts a second one in the same folders that takes over; the first one's exit status.
    ///
    /// # Panics
    /// When it does not come up.
    pub fn take_over(&mut self) -> ExitStatus {
        let mut command = command(self.name, self.folders.path(), &self.rights);
        let process = Process::start(command.arg("--takeover"));
        let mut old = std::mem::replace(&mut self.process, process);
        let status = old.wait();
        self.wait_until_up();
        status
    }

    /// Writes a new configuration and asks for a reload; returns when the process said how it went.
    pub fn reload(&mut self, config: &str) {
        std::fs::write(self.config_file(), config).expect("the test's folder is writable");
        self.process.signal(Kill::SIGHUP);
    }

    /// The configuration file.
    pub fn config_file(&self) -> PathBuf {
        self.folders.path().join("config.yaml")
    }

    /// The folder of this process's files.
    pub fn folder(&self) -> &Path {
        self.folders.path()
    }

    /// The process itself.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// The self-metrics listener is the last thing that starts.
    fn wait_until_up(&mut self) {
        self.address("metrics");
        self.process.remember_family();
    }
}

/// How a command ended.
#[derive(Debug)]
pub struct Told {
    /// The exit status.
    pub code: Option<i32>,
    /// What it printed.
    pub out: String,
    /// What it complained of.
    pub err: String,
}

impl Told {
    /// What a command printed that did what it was told.
    ///
    /// # Panics
    /// When it did not.
    pub fn done(self) -> String {
        assert_eq!(self.code, Some(0), "{self:?}");
        self.out
    }
}

/// Folders for state, run and pins that an unprivileged process may use.
fn folders() -> TempDir {
    let folders = tempfile::tempdir().expect("a temporary folder can be made");
    let open = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(folders.path(), open).expect("our own folder can be opened");
    for name in ["state", "run", "bpf", "data"] {
        let path = folders.path().join(name);
        std::fs::create_dir(&path).expect("the folder is new");
        if lowers_rights() {
            chown(&path, Some(NOBODY), Some(NOBODY)).expect("root may give folders away");
        }
    }
    folders
}

fn command(name: &str, folders: &Path, rights: &Rights) -> Command {
    let mut command = bare_command(name, folders, rights);
    command.args(["run", "--config"]).arg(folders.join("config.yaml"));
    command
}

fn bare_command(name: &str, folders: &Path, rights: &Rights) -> Command {
    let path = binary(name);
    let mut command = Command::new(&path);
    let (pins, lowers) = match rights {
        Rights::Lowered => (folders.join("bpf"), lowers_rights() && is_open_to_all(&path)),
        Rights::Kept(pins) => (pins.clone(), false),
    };
    command
        .current_dir(folders)
        .env("MEDULLA_STATE_DIR", folders.join("state"))
        .env("MEDULLA_RUN_DIR", folders.join("run"))
        .env("MEDULLA_BPF_DIR", pins)
        .env("NO_COLOR", "1");
    if lowers {
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}

fn lowers_rights() -> bool {
    nix::unistd::geteuid().is_root()
}

/// Whether any account may run the binary; a checkout below a closed home folder is not so.
fn is_open_to_all(path: &Path) -> bool {
    path.ancestors().all(|part| std::fs::metadata(part).is_ok_and(|data| data.mode() & 1 == 1))
}
