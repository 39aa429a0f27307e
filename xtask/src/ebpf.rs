//! `cargo xtask ebpf`: builds the kernel programs into `target/bpf/medulla-ebpf.o`.
//!
//! A build of its own folder and its own compiler, because the target `bpfel-unknown-none` needs
//! unstable features (and without a prebuilt `core`, nightly's `build-std`), while everything else
//! builds on stable. The object is replaced only when its bytes changed, so that the agent that
//! embeds it is not rebuilt for nothing.

use crate::setup::{Compiler, Tools};
use crate::tree;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

const PACKAGE: &str = "medulla-agent-ebpf";
const BINARY: &str = "medulla-ebpf";
const TARGET: &str = "bpfel-unknown-none";

/// rustc hands the cpu to the linker by itself; the linker makes BTF from debug information, and
/// only when asked. Version 3 has jumps on 32 bits and is older than the atomics we need anyway.
const RUST_FLAGS: [&str; 3] = ["-Ctarget-cpu=v3", "-Cdebuginfo=2", "-Clink-arg=--btf"];

pub(crate) fn run() -> ExitCode {
    match object() {
        Ok(path) => {
            println!("{}", path.display());
            ExitCode::SUCCESS
        }
        Err(reason) => {
            eprintln!("{reason}");
            ExitCode::FAILURE
        }
    }
}

/// Builds the programs and returns the object's absolute path, or says what is missing.
pub(crate) fn object() -> Result<PathBuf, String> {
    let tools = Tools::find().map_err(|missing| {
        format!("the eBPF build needs {missing}; `cargo xtask setup` installs it")
    })?;
    let folder = absolute(&tree::target())?.join("bpf");
    let status = command(&tools, &folder).status();
    let status = status.map_err(|error| format!("cannot run cargo: {error}"))?;
    if !status.success() {
        return Err(format!("the eBPF build ended with {status}"));
    }
    let object = folder.join("medulla-ebpf.o");
    replace(&folder.join(TARGET).join("release").join(BINARY), &object)?;
    Ok(object)
}

fn command(tools: &Tools, folder: &Path) -> Command {
    let mut command = match &tools.compiler {
        Compiler::Prebuilt(rustc) => {
            let mut command = Command::new(tree::cargo());
            command.arg("build").env("RUSTC", rustc).env("RUSTC_BOOTSTRAP", "1");
            command
        }
        Compiler::Nightly => {
            let mut command = Command::new("rustup");
            command.args(["run", "nightly", "cargo", "build", "-Zbuild-std=core"]);
            command.env_remove("RUSTC").env_remove("RUSTUP_TOOLCHAIN").env_remove("CARGO");
            command
        }
    };
    command
        .args(["--package", PACKAGE, "--target", TARGET, "--release", "--target-dir"])
        .arg(folder)
        .current_dir(tree::root())
        .env("CARGO_ENCODED_RUSTFLAGS", RUST_FLAGS.join("\u{1f}"))
        .env("CARGO_TARGET_BPFEL_UNKNOWN_NONE_LINKER", &tools.linker)
        .env("CARGO_PROFILE_RELEASE_DEBUG", "2")
        .env("CARGO_PROFILE_RELEASE_LTO", "false")
        .env("CARGO_PROFILE_RELEASE_STRIP", "none")
        .env_remove("RUSTC_WRAPPER")
        .env_remove("RUSTC_WORKSPACE_WRAPPER");
    command
}

/// Copies what was built over the object unless they are equal.
fn replace(built: &Path, object: &Path) -> Result<(), String> {
    let bytes = std::fs::read(built).map_err(|error| format!("{}: {error}", built.display()))?;
    if std::fs::read(object).is_ok_and(|old| old == bytes) {
        return Ok(());
    }
    std::fs::write(object, bytes).map_err(|error| format!("{}: {error}", object.display()))
}

fn absolute(path: &Path) -> Result<PathBuf, String> {
    std::path::absolute(path).map_err(|error| format!("{}: {error}", path.display()))
}
