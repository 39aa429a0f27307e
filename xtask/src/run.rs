//! `cargo xtask run`: the whole of Medulla on this host, with one command.
//!
//! Installs what the eBPF build lacks, builds, starts gateway and agent, waits until both are
//! healthy and says where to look. Ctrl-C ends what was started and checks that nothing is left in
//! the kernel. Where the kernel programs cannot be built, the agent runs as a plain OTLP agent.

mod demo;
mod processes;

use crate::{build, ebpf, setup, tree};
use clap::Args;
use processes::Processes;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// The gateway beside an agent on one host: its usual ports are the agent's.
const GATEWAY_CONFIG: &str = include_str!("run/gateway.yaml");
/// The agent's default, with the demo's port watched.
const DEMO_AGENT_CONFIG: &str = include_str!("run/demo-agent.yaml");

#[derive(Args)]
pub(crate) struct Arguments {
    /// Add a small instrumented web service, load and a latency fault
    #[arg(long)]
    demo: bool,
    /// Run the agent with this configuration
    #[arg(long, value_name = "F")]
    agent_config: Option<PathBuf>,
    /// Run the gateway with this configuration
    #[arg(long, value_name = "F")]
    gateway_config: Option<PathBuf>,
    /// Build as packages ship it
    #[arg(long)]
    release: bool,
}

pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    match try_run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("{reason}");
            ExitCode::FAILURE
        }
    }
}

fn try_run(arguments: &Arguments) -> Result<(), String> {
    build(arguments)?;
    let binaries = tree::target().join(if arguments.release { "release" } else { "debug" });
    let folder = tree::target().join("run");
    std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut processes = Processes::new()?;
    let started = start(arguments, &binaries, &folder, &mut processes);
    let outcome = started.and_then(|()| match arguments.demo {
        true => demo::show(&binaries, &mut processes),
        false => processes.wait(),
    });
    let ended = processes.end();
    outcome.and(ended).and_then(|()| nothing_left())
}

/// Builds both binaries, with the kernel programs where they can be built.
fn build(arguments: &Arguments) -> Result<(), String> {
    let object = setup::tools().map(drop).and_then(|()| ebpf::object());
    match object {
        Ok(object) => build::binaries(&object, arguments.release)?,
        Err(reason) => {
            eprintln!("{reason}");
            eprintln!("the agent is built without kernel programs");
            cargo(&["-p", "medulla-agent", "-p", "medulla-gateway"], arguments.release)?;
        }
    }
    match arguments.demo {
        true => cargo(&["-p", "medulla-tests", "--bin", "medulla-demo"], arguments.release),
        false => Ok(()),
    }
}

fn cargo(what: &[&str], release: bool) -> Result<(), String> {
    let mut command = Command::new(tree::cargo());
    command.arg("build").args(what).current_dir(tree::root());
    if release {
        command.arg("--release");
    }
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("cargo build ended with {status}")),
        Err(error) => Err(format!("cannot run cargo: {error}")),
    }
}

fn start(
    arguments: &Arguments,
    binaries: &Path,
    folder: &Path,
    processes: &mut Processes,
) -> Result<(), String> {
    let written = folder.join("gateway.yaml");
    write(&written, GATEWAY_CONFIG)?;
    let config = arguments.gateway_config.as_deref().unwrap_or(&written);
    let mut gateway = Command::new(binaries.join("medulla-gateway"));
    processes.start("gateway", gateway.arg("run").arg("--config").arg(config))?;
    processes.wait_until_healthy(
        "gateway",
        "127.0.0.1:13134",
        arguments.gateway_config.is_some(),
    )?;
    let mut agent = Command::new(binaries.join("medulla-agent"));
    agent.arg("run");
    if let Some(config) = &arguments.agent_config {
        agent.arg("--config").arg(config);
    } else if arguments.demo {
        let written = folder.join("agent.yaml");
        write(&written, DEMO_AGENT_CONFIG)?;
        agent.arg("--config").arg(written);
    }
    processes.start("agent", &mut agent)?;
    processes.wait_until_healthy("agent", "127.0.0.1:13133", arguments.agent_config.is_some())?;
    greet(binaries);
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    std::fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}

fn greet(binaries: &Path) {
    let agent = binaries.join("medulla-agent");
    let gateway = binaries.join("medulla-gateway");
    let (agent, gateway) = (agent.display(), gateway.display());
    println!(
        "
Medulla is running.
  send OTLP to      127.0.0.1:4317 (gRPC), http://127.0.0.1:4318 (HTTP, protobuf or JSON)
  query it at       http://127.0.0.1:4319/api/v3/services
  health            http://127.0.0.1:13133/readyz (agent), http://127.0.0.1:13134/readyz (gateway)
  own metrics       http://127.0.0.1:8888/metrics (agent), http://127.0.0.1:8889/metrics (gateway)
Try:
  {gateway} query services
  {agent} limit set --port 8080 --rate 100/s --for 1m --reason \"a try\"
  {agent} doctor
Ctrl-C ends it.
"
    );
}

/// Pins are gone once the keeper has ended well.
fn nothing_left() -> Result<(), String> {
    let folder = std::env::var_os("MEDULLA_BPF_DIR")
        .map_or_else(|| PathBuf::from("/sys/fs/bpf/medulla"), PathBuf::from);
    match folder.join("v1").exists() {
        true => Err(format!("pins are left in {}", folder.display())),
        false => Ok(()),
    }
}
