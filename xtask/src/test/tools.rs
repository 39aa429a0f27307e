//! Installs what the gate itself needs and this machine lacks: rustup components, `ip`, real peers.
//!
//! Only by the means that put the toolchain there: rustup for components, apt as root for packages.
//! What cannot be installed is named and left to the step that needs it.

use super::step::{Outcome, Report, cargo_command, finish};
use std::process::{Command, Stdio};

/// A program of the tests and the package that carries it.
const PACKAGES: [(&str, &str); 5] = [
    ("ip", "iproute2"),
    ("prometheus-alertmanager", "prometheus-alertmanager"),
    ("busybox", "busybox-static"),
    ("containerd", "containerd"),
    ("runc", "runc"),
];

pub(crate) fn install_missing(report: &mut Report) {
    let components = [("fmt", "rustfmt"), ("clippy", "clippy")];
    let missing: Vec<&str> = components
        .into_iter()
        .filter(|(command, _)| !answers(command))
        .map(|pair| pair.1)
        .collect();
    if !missing.is_empty() {
        report.step("rustup component add", || rustup(&missing));
    }
    let missing = PACKAGES.into_iter().filter(|(program, _)| !crate::tree::on_path(program));
    let missing: Vec<&str> = missing.map(|(_, package)| package).collect();
    if !missing.is_empty() {
        report.step("apt-get install", || apt(&missing));
    }
}

fn answers(subcommand: &str) -> bool {
    let mut command = cargo_command([subcommand, "--version"]);
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

fn rustup(components: &[&str]) -> Outcome {
    finish(Command::new("rustup").args(["component", "add"]).args(components))
}

fn apt(packages: &[&str]) -> Outcome {
    let names = packages.join(" ");
    if !nix::unistd::geteuid().is_root() || !crate::tree::on_path("apt-get") {
        return Outcome::Skipped(format!(
            "not root with apt; the tests that need {names} are skipped"
        ));
    }
    if let failed @ Outcome::Failed(_) = finish(Command::new("apt-get").args(["update", "--quiet"]))
    {
        return failed;
    }
    let mut command = Command::new("apt-get");
    command.args(["install", "--yes", "--no-install-recommends"]).args(packages);
    finish(command.env("DEBIAN_FRONTEND", "noninteractive"))
}
