//! Memory of an agent with which nothing happens: keeper and agent with the default configuration.
//!
//! In network and mount namespaces of their own, so that the ports are free, the host's interfaces
//! are left alone, and the pins vanish with the last process.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use medulla_tests::Process;
use medulla_tests::binaries::binary;
use nix::unistd::Pid;

use crate::report::{self, Goal};

/// Issue 3: keeper and agent together.
const GOAL_MIB: f64 = 16.0;
/// After the start; what was only needed to start is given back by then.
const SETTLED: Duration = Duration::from_secs(5);
const NAME: &str = "idle, Pss of keeper and agent";

pub(crate) async fn measure() {
    if !nix::unistd::geteuid().is_root() {
        return report::missing(NAME, "needs root");
    }
    eprintln!("{NAME}");
    let folders = tempfile::tempdir().expect("a temporary folder can be made");
    let mut agent = Process::start(&mut command(folders.path()));
    agent.wait_for("a running agent", |line| line.contains("is running").then_some(()));
    tokio::time::sleep(SETTLED).await;
    let family = agent.family();
    let whole: Vec<Memory> = family.iter().filter_map(|process| Memory::of(*process)).collect();
    if whole.len() != 2 {
        return report::missing(NAME, "there are not two processes: the keeper did not start");
    }
    let sum = |part: fn(&Memory) -> u64| report::mib(whole.iter().map(part).sum());
    report::value(NAME, sum(|memory| memory.all), "MiB", Goal::AtMost(GOAL_MIB));
    report::value("idle, of it file-backed", sum(|memory| memory.file), "MiB", Goal::None);
    for (who, memory) in ["keeper", "agent"].into_iter().zip(&whole) {
        let name = format!("idle, {who}'s own memory");
        report::value(&name, report::mib(memory.anonymous), "MiB", Goal::None);
    }
}

/// unshare(1) becomes the shell, and the shell becomes the keeper.
fn command(folders: &Path) -> Command {
    let mut command = Command::new("unshare");
    command.args(["--net", "--mount", "sh", "-c", "ip link set lo up; exec \"$0\" run"]);
    command.arg(binary("medulla-agent"));
    for (variable, folder) in [
        ("MEDULLA_STATE_DIR", "state"),
        ("MEDULLA_RUN_DIR", "run"),
        ("MEDULLA_BPF_DIR", "bpf/medulla"),
    ] {
        command.env(variable, folders.join(folder));
    }
    command.env("NO_COLOR", "1");
    command
}

/// Proportional set size in bytes (proc(5), `smaps_rollup`).
struct Memory {
    all: u64,
    anonymous: u64,
    file: u64,
}

impl Memory {
    fn of(process: Pid) -> Option<Self> {
        let text = std::fs::read_to_string(format!("/proc/{process}/smaps_rollup")).ok()?;
        let field = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name))?;
            let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
            Some(kib * 1024)
        };
        let (all, anonymous) = (field("Pss:")?, field("Pss_Anon:")?);
        Some(Self { all, anonymous, file: field("Pss_File:")? })
    }
}
