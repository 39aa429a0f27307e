//! `cargo xtask test`: the gate. Every check and test that this machine can run from Cargo and apt.
//!
//! Steps run in a fixed order, cheap ones first, and a failed step does not hide the next: the run
//! ends with all that is wrong. What cannot run here is skipped by name with its reason. The last
//! line is `N passed, N failed, N skipped`, where each check (tidy, format, lints, docs) counts as
//! one and each test as one. With `CI=true` a kernel object that cannot be built is a failure.
//! Limits: every step is ended after `STEP_MAX`. Nothing is kept outside the target folder.

pub(crate) mod step;
mod tally;
mod tools;

use crate::{ebpf, kernels, setup};
use clap::Args;
use std::process::ExitCode;
use step::{Outcome, Report};

/// What the gate may be told.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Add the peers that come from pip, npm, Go and Maven, and the long crash rounds
    #[arg(long)]
    peers: bool,
}

/// The crate that only the kernel's target can build.
const KERNEL_CRATE: &str = "medulla-agent-ebpf";

pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    step::end_with_us();
    let mut report = Report::default();
    tools::install_missing(&mut report);
    report.step("kernel programs", kernel_programs);
    report.step("tidy", || Outcome::from(crate::tidy::run() == ExitCode::SUCCESS));
    report.step("format", || step::cargo(["fmt", "--all", "--check"]));
    report.step("lints", lints);
    report.step("fuzz targets", fuzz_targets);
    let built = report.step("build", || step::cargo(["build"]));
    if built {
        tests(arguments, &mut report);
        other_kernels(&mut report);
    } else {
        report.skip("tests", "the workspace does not build");
    }
    report.step("docs", docs);
    report.close()
}

/// Builds the object that every later step embeds in the agent. Where it cannot be built the agent
/// is tested without, and the tests that need it say so; in CI that is a failure.
fn kernel_programs() -> Outcome {
    match setup::tools().map(drop).and_then(|()| ebpf::object()) {
        Ok(object) => {
            step::embed(object);
            Outcome::Passed
        }
        Err(reason) if is_ci() => Outcome::Failed(reason),
        Err(reason) => Outcome::Skipped(reason),
    }
}

/// Boots other kernels with the agent that was just built. Where they cannot be had they are
/// skipped; in CI that is a failure.
fn other_kernels(report: &mut Report) {
    let mut line = String::new();
    report.step("kernels", || match kernels::boot_all(&crate::tree::target().join("debug")) {
        kernels::Outcome::Passed(passed) => {
            line = passed;
            Outcome::Passed
        }
        kernels::Outcome::Failed(reason) => {
            line.clone_from(&reason);
            Outcome::Failed(reason)
        }
        kernels::Outcome::Missing(reason) if is_ci() => Outcome::Failed(reason),
        kernels::Outcome::Missing(reason) => Outcome::Skipped(reason),
    });
    report.note(line);
}

fn is_ci() -> bool {
    std::env::var_os("CI").is_some_and(|value| value == "true")
}

fn lints() -> Outcome {
    let everything = ["clippy", "--workspace", "--exclude", KERNEL_CRATE, "--all-targets"];
    step::cargo(everything.into_iter().chain(["--", "-D", "warnings"]))
}

/// Lints the fuzz targets, which nothing else compiles: what changes in a crate shall not leave them behind.
fn fuzz_targets() -> Outcome {
    let manifests = match crate::fuzz::manifests() {
        Ok(manifests) => manifests,
        Err(reason) => return Outcome::Failed(reason),
    };
    for manifest in manifests {
        let mut command = step::cargo_command(["clippy", "--quiet", "--bins", "--manifest-path"]);
        command.arg(manifest).arg("--target-dir").arg(crate::tree::target());
        let linted = step::finish(command.args(["--", "-D", "warnings"]));
        if !matches!(linted, Outcome::Passed) {
            return linted;
        }
    }
    Outcome::Passed
}

fn docs() -> Outcome {
    let mut command = step::cargo_command(["doc", "--no-deps", "--workspace", "--quiet"]);
    command.args(["--exclude", KERNEL_CRATE]).env("RUSTDOCFLAGS", "-D warnings");
    step::finish(&mut command)
}

/// Runs the test binaries and adds what they say to the report.
fn tests(arguments: &Arguments, report: &mut Report) {
    let mut command = step::cargo_command(["test", "--no-fail-fast", "--workspace"]);
    command.args(["--exclude", KERNEL_CRATE, "--", "--show-output"]);
    command.env("MEDULLA_BIN_DIR", crate::tree::target().join("debug"));
    if arguments.peers {
        command.env("MEDULLA_PEERS", "1");
    }
    report.tests(&mut command);
}
