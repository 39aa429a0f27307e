//! `cargo xtask kernels`: the agent on kernels that this host does not run.
//!
//! Boots Debian's 6.1 (no tcx: the classic hook) and 6.12 cloud kernels in software emulation, with
//! the built agent in an initramfs whose init ([`INIT`]) loads, attaches, samples and limits, runs those
//! kernel tests that need no second host (units, sources, the kernel reflex), and says on the serial line
//! how far it came. Kernels come from Debian's archive, once, into
//! `target/kernels`. Every boot is ended after [`BOOT_MAX`]. Software emulation needs no rights, so
//! the host sees nothing of it.

mod archive;
mod guest;
mod obtain;

use crate::test::step;
use crate::{build, ebpf, tree};
use archive::Archive;
use guest::Ended;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

/// The series that are booted.
const SERIES: [&str; 2] = ["6.1", "6.12"];
/// No boot takes longer, its work included.
const BOOT_MAX: Duration = Duration::from_secs(240);
/// What runs as process 1.
const INIT: &[u8] = include_bytes!("kernels/init.sh");
/// What the agent is run with.
const CONFIG: &[u8] = include_bytes!("kernels/agent.yaml");
/// Modules of the classic hook; kernels load them by themselves where there is a modprobe.
const MODULES: [&str; 2] = ["sch_ingress", "cls_bpf"];

/// How the boots ended.
pub(crate) enum Outcome {
    /// All well, as one line.
    Passed(String),
    /// Not all, as one line.
    Failed(String),
    /// Cannot be had here, and why.
    Missing(String),
}

pub(crate) fn run() -> ExitCode {
    let built = ebpf::object().and_then(|object| {
        build::binaries(&object, false)?;
        step::embed(object);
        Ok(())
    });
    let outcome = match built {
        Ok(()) => boot_all(&tree::target().join("debug")),
        Err(reason) => Outcome::Failed(reason),
    };
    match outcome {
        Outcome::Passed(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Outcome::Failed(reason) | Outcome::Missing(reason) => {
            eprintln!("{reason}");
            ExitCode::FAILURE
        }
    }
}

/// Boots every series with the agent of this folder.
pub(crate) fn boot_all(binaries: &Path) -> Outcome {
    let folder = tree::target().join("kernels");
    let prepared = obtain::programs().and_then(|()| {
        std::fs::create_dir_all(&folder).map_err(|error| at(&folder, &error))?;
        SERIES.iter().map(|series| obtain::kernel(&folder, series)).collect::<Result<Vec<_>, _>>()
    });
    let kernels = match prepared {
        Ok(kernels) => kernels,
        Err(reason) => return Outcome::Missing(reason),
    };
    let mut words = Vec::new();
    let mut failed = false;
    for (series, kernel) in SERIES.into_iter().zip(&kernels) {
        match boot(&folder, binaries, series, kernel) {
            Ok(()) => words.push(format!("{series} ok")),
            Err(reason) => {
                failed = true;
                words.push(format!("{series} {reason}"));
            }
        }
    }
    let line = format!("kernels: {}", words.join(", "));
    if failed { Outcome::Failed(line) } else { Outcome::Passed(line) }
}

fn boot(
    folder: &Path,
    binaries: &Path,
    series: &str,
    kernel: &obtain::Kernel,
) -> Result<(), String> {
    let image = folder.join(format!("{series}.cpio"));
    let archive = initramfs(folder, binaries, kernel)?;
    std::fs::write(&image, archive.end()).map_err(|error| at(&image, &error))?;
    let log = folder.join(format!("{series}.log"));
    match guest::run(&kernel.image, &image, &log, BOOT_MAX)? {
        Ended::Well => Ok(()),
        Ended::Badly(reason) => Err(format!("{reason} (see {})", log.display())),
    }
}

/// busybox, the agent, its libraries, the modules.
fn initramfs(folder: &Path, binaries: &Path, kernel: &obtain::Kernel) -> Result<Archive, String> {
    let mut archive = Archive::new();
    archive.device("dev/console", 5, 1);
    archive.program("init", INIT);
    archive.file("etc/agent.yaml", CONFIG);
    archive.program("bin/busybox", &read(Path::new(obtain::BUSYBOX))?);
    let agent = stripped(folder, &binaries.join("medulla-agent"), "agent")?;
    archive.program("bin/medulla-agent", &read(&agent)?);
    archive.program("bin/kernel-tests", &read(&stripped(folder, &tests()?, "tests")?)?);
    for library in libraries(&agent)? {
        archive.program(library.trim_start_matches('/'), &read(Path::new(&library))?);
    }
    for (number, module) in MODULES.into_iter().enumerate() {
        let path = kernel.module(module)?;
        let suffix = if path.extension().is_some_and(|end| end == "xz") { ".xz" } else { "" };
        archive.file(&format!("modules/{number}-{module}.ko{suffix}"), &read(&path)?);
    }
    Ok(archive)
}

/// The agent's tests of the kernel's side, built where they are not.
fn tests() -> Result<PathBuf, String> {
    let mut command =
        step::cargo_command(["test", "--package", "medulla-agent", "--test", "kernel"]);
    command.args(["--no-run", "--message-format", "json"]).stderr(Stdio::inherit());
    let output = command.output().map_err(|error| format!("cannot run cargo: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let executable = |line: &str| {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        let is_it = message["target"]["name"] == "kernel";
        let path = message["executable"].as_str().filter(|_| is_it)?;
        Some(PathBuf::from(path))
    };
    text.lines().find_map(executable).ok_or_else(|| "the kernel tests do not build".to_owned())
}

/// The program without what only debuggers read: the guest has to unpack it.
fn stripped(folder: &Path, program: &Path, name: &str) -> Result<PathBuf, String> {
    let stripped = folder.join(name);
    let done = Command::new("strip").arg("-o").arg(&stripped).arg(program).status();
    match done {
        Ok(status) if status.success() => Ok(stripped),
        // Without binutils the guest unpacks more.
        _ => Ok(program.to_owned()),
    }
}

/// Paths of the libraries that a program is linked with, the loader among them.
fn libraries(program: &Path) -> Result<Vec<String>, String> {
    let output = Command::new("ldd").arg(program).output();
    let output = output.map_err(|error| format!("cannot run ldd: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let path = |word: &str| word.starts_with('/').then(|| word.to_owned());
    Ok(text.lines().filter_map(|line| line.split_whitespace().find_map(path)).collect())
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|error| at(path, &error))
}

fn at(path: &Path, error: &std::io::Error) -> String {
    format!("{}: {error}", path.display())
}
