//! `cargo xtask fuzz`: builds the fuzz targets and runs each for a while.
//!
//! A fuzz crate is a folder `fuzz` in the crate it feeds, a workspace of its own; its targets are
//! libFuzzer's (libfuzzer-sys), in the form of cargo-fuzz. cargo-fuzz itself needs nightly for
//! sanitizers; the instrumentation alone is stable, and the code under test is without `unsafe`, so
//! the flags below are given by hand. A C++ compiler builds libFuzzer.
//!
//! Corpora live in the target folder and grow from run to run; what broke a target is kept beside
//! them and named. Each target starts from nothing on a fresh clone.

mod crates;
mod outcome;

use crate::tree;
use clap::Args;
use crates::{FuzzCrate, Target};
use outcome::Outcome;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

#[derive(Args)]
pub(crate) struct Arguments {
    /// Only these: TARGET or CRATE/TARGET
    targets: Vec<String>,
    /// How long each runs
    #[arg(long, default_value_t = 30)]
    seconds: u32,
    /// Name the targets and run none
    #[arg(long)]
    list: bool,
}

/// What cargo-fuzz gives rustc for libFuzzer, without a sanitizer.
const RUST_FLAGS: [&str; 9] = [
    "--cfg",
    "fuzzing",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Cdebug-assertions",
    "-Ccodegen-units=1",
];

/// A single input may not take longer than this...
const INPUT_MAX_SECONDS: u32 = 10;
/// ...nor a target's process more memory than this.
const MEMORY_MAX_MIB: u32 = 1024;

pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    match targets(arguments).and_then(|targets| fuzz(&targets, arguments)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(reason) => {
            eprintln!("fuzz: {reason}");
            ExitCode::FAILURE
        }
    }
}

/// The manifests of the fuzz crates, ready to build.
pub(crate) fn manifests() -> Result<Vec<PathBuf>, String> {
    let root = tree::root();
    let manifest = |found: FuzzCrate| crates::lock(&found.manifest, &root).map(|()| found.manifest);
    crates::find(&root)?.into_iter().map(manifest).collect()
}

/// The targets that are asked for; a name that means none is an error.
fn targets(arguments: &Arguments) -> Result<Vec<Target>, String> {
    let all: Vec<Target> =
        crates::find(&tree::root())?.iter().flat_map(FuzzCrate::targets).collect();
    for name in &arguments.targets {
        if !all.iter().any(|target| target.answers_to(name)) {
            let known: Vec<String> = all.iter().map(Target::to_string).collect();
            return Err(format!("no target {name}, expected one of: {}", known.join(" ")));
        }
    }
    let wanted = |target: &Target| {
        let names = &arguments.targets;
        names.is_empty() || names.iter().any(|name| target.answers_to(name))
    };
    Ok(all.into_iter().filter(wanted).collect())
}

/// Builds and runs the targets; true when none failed.
fn fuzz(targets: &[Target], arguments: &Arguments) -> Result<bool, String> {
    if arguments.list {
        targets.iter().for_each(|target| println!("{target}"));
        return Ok(true);
    }
    let host = host()?;
    let folder = absolute(&tree::target())?.join("fuzz");
    let mut failed = 0;
    for target in targets {
        build(target, &host, &folder)?;
        let outcome = feed(target, &host, &folder, arguments.seconds)?;
        println!("{target}: {outcome}");
        failed += usize::from(!outcome.ok);
    }
    println!("{} targets, {failed} failed", targets.len());
    Ok(failed == 0)
}

fn build(target: &Target, host: &str, folder: &Path) -> Result<(), String> {
    crates::lock(&target.manifest, &tree::root())?;
    let mut command = Command::new(tree::cargo());
    // With a target named, build scripts and macros stay without instrumentation.
    command.args(["build", "--release", "--quiet", "--target", host, "--bin", &target.name]);
    command.arg("--target-dir").arg(folder).arg("--manifest-path").arg(&target.manifest);
    command.env("CARGO_ENCODED_RUSTFLAGS", RUST_FLAGS.join("\u{1f}"));
    command.env("CARGO_PROFILE_RELEASE_DEBUG", "line-tables-only");
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{target}: cargo build ended with {status}")),
        Err(error) => Err(format!("cannot run cargo: {error}")),
    }
}

/// Runs a target until its time is over or it fails.
fn feed(target: &Target, host: &str, folder: &Path, seconds: u32) -> Result<Outcome, String> {
    let program = folder.join(host).join("release").join(&target.name);
    let corpus = folder.join("corpus").join(&target.of).join(&target.name);
    let artifacts = folder.join("artifacts").join(&target.of).join(&target.name);
    for folder in [&corpus, &artifacts] {
        std::fs::create_dir_all(folder)
            .map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    let mut command = Command::new(program);
    command.arg(format!("-max_total_time={seconds}"));
    command.arg(format!("-timeout={INPUT_MAX_SECONDS}"));
    command.arg(format!("-rss_limit_mb={MEMORY_MAX_MIB}"));
    command.arg(format!("-artifact_prefix={}/", artifacts.display()));
    command.args(["-print_final_stats=1", "-max_len=4096"]).arg(&corpus);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let output = command.output().map_err(|error| format!("{target}: {error}"))?;
    Ok(Outcome::read(&String::from_utf8_lossy(&output.stderr), output.status.success()))
}

/// The triple that rustc builds for by itself.
fn host() -> Result<String, String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("-vV").output();
    let output = output.map_err(|error| format!("cannot run rustc: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = text.lines().find_map(|line| line.strip_prefix("host: "));
    line.map(str::to_owned).ok_or_else(|| "`rustc -vV` names no host".to_owned())
}

fn absolute(path: &Path) -> Result<PathBuf, String> {
    std::path::absolute(path).map_err(|error| format!("{}: {error}", path.display()))
}
