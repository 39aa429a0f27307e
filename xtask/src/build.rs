//! `cargo xtask build`: the kernel programs, then both binaries with the programs in the agent.

use crate::{ebpf, tree};
use clap::Args;
use std::path::Path;
use std::process::{Command, ExitCode};

/// The variable that tells the agent's build script which object to embed.
pub(crate) const OBJECT_VARIABLE: &str = "MEDULLA_EBPF_OBJECT";

#[derive(Args)]
pub(crate) struct Arguments {
    /// Build as packages ship it
    #[arg(long)]
    pub(crate) release: bool,
}

pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    match ebpf::object().and_then(|object| binaries(&object, arguments.release)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("{reason}");
            ExitCode::FAILURE
        }
    }
}

/// Builds agent and gateway, the agent with this object in it.
pub(crate) fn binaries(object: &Path, release: bool) -> Result<(), String> {
    let mut command = Command::new(tree::cargo());
    command.args(["build", "--package", "medulla-agent", "--package", "medulla-gateway"]);
    if release {
        command.arg("--release");
    }
    command.current_dir(tree::root()).env(OBJECT_VARIABLE, object);
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("cargo build ended with {status}")),
        Err(error) => Err(format!("cannot run cargo: {error}")),
    }
}
