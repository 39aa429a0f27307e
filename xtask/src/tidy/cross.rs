//! `cargo check` for 64-bit Arm, where that target's standard library is installed.
//!
//! Crates that compile C in their build scripts are left out when no cross compiler is there, since
//! then the failure would be the machine's and not the code's. Nothing is installed for this.

use super::Finding;
use std::path::{Path, PathBuf};
use std::process::Command;

const TARGET: &str = "aarch64-unknown-linux-gnu";
const C_COMPILER: &str = "aarch64-linux-gnu-gcc";
/// The crates without C below them.
const PURE: &[&str] = &["medulla-kernel-abi", "medulla-otlp", "medulla-pipeline"];

/// One finding per error line of the compiler; none when the target is not installed.
pub(crate) fn check(root: &Path) -> Vec<Finding> {
    if !is_installed() {
        println!("tidy: {TARGET} is not checked: its standard library is not installed");
        return Vec::new();
    }
    let mut command = Command::new(crate::tree::cargo());
    command.args(["check", "--quiet", "--message-format", "short", "--target", TARGET]);
    if !crate::tree::on_path(C_COMPILER) {
        command.args(PURE.iter().flat_map(|name| ["-p", name]));
    }
    match command.current_dir(root).output() {
        Err(error) => vec![finding(format!("cannot run cargo check: {error}"))],
        Ok(output) if output.status.success() => Vec::new(),
        Ok(output) => errors(&String::from_utf8_lossy(&output.stderr)),
    }
}

fn is_installed() -> bool {
    let output = Command::new("rustc").args(["--print", "sysroot"]).output();
    let sysroot = output.ok().and_then(|output| String::from_utf8(output.stdout).ok());
    sysroot.is_some_and(|path| {
        PathBuf::from(path.trim()).join("lib/rustlib").join(TARGET).join("lib").is_dir()
    })
}

fn errors(stderr: &str) -> Vec<Finding> {
    let lines = stderr.lines().filter(|line| line.contains("error"));
    lines.map(|line| finding(line.to_owned())).collect()
}

fn finding(message: String) -> Finding {
    Finding::new(Path::new("Cargo.toml"), 0, "aarch64", message)
}
