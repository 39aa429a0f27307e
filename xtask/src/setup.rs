//! `cargo xtask setup`: finds or installs what the eBPF build needs, and says which it did.
//!
//! Two things: a compiler with a `core` for `bpfel-unknown-none`, and `bpf-linker` against the same
//! LLVM. The compiler is Debian's and Ubuntu's `rustc-web`, which carries that `core` prebuilt, or
//! rustup's nightly with `rust-src`. Packages are installed only as root, the linker only into the
//! target folder, so that nothing outside changes that a package manager does not know. A second run
//! finds everything and installs nothing. When it cannot go on, the commands to run are printed.

mod install;

use crate::tree;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// The release that these LLVM features and options belong to.
const LINKER_VERSION: &str = "0.13.0";
/// The oldest compiler that builds this workspace: `rust-version` in Cargo.toml.
const COMPILER_MIN: (u32, u32) = (1, 95);

/// A compiler for the kernel's target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Compiler {
    /// A rustc that carries a prebuilt `core`.
    Prebuilt(PathBuf),
    /// rustup's nightly, which builds `core` from source.
    Nightly,
}

/// What the eBPF build needs.
pub(crate) struct Tools {
    pub(crate) compiler: Compiler,
    /// bpf-linker.
    pub(crate) linker: PathBuf,
}

/// What was not found.
pub(crate) enum Missing {
    Compiler,
    Linker(Compiler),
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Compiler => {
                f.write_str("a compiler with core for bpfel-unknown-none (rustc-web, or nightly)")
            }
            Self::Linker(_) => write!(f, "bpf-linker {LINKER_VERSION}"),
        }
    }
}

pub(crate) fn run() -> ExitCode {
    match tools() {
        Ok(tools) => {
            println!("compiler: {}", tools.compiler);
            println!("linker: {}", tools.linker.display());
            ExitCode::SUCCESS
        }
        Err(reason) => {
            eprintln!("{reason}");
            ExitCode::FAILURE
        }
    }
}

/// What the build needs, installed where it is missing.
pub(crate) fn tools() -> Result<Tools, String> {
    loop {
        match Tools::find() {
            Ok(tools) => return Ok(tools),
            Err(Missing::Compiler) => install::compiler()?,
            Err(Missing::Linker(compiler)) => install::linker(&compiler)?,
        }
    }
}

impl Tools {
    /// Finds what is there and installs nothing.
    pub(crate) fn find() -> Result<Self, Missing> {
        let compiler = Compiler::find().ok_or(Missing::Compiler)?;
        match linker() {
            Some(linker) => Ok(Self { compiler, linker }),
            None => Err(Missing::Linker(compiler)),
        }
    }
}

impl Compiler {
    fn find() -> Option<Self> {
        let debian = Path::new("/usr/bin/rustc");
        if is_prebuilt(debian) {
            return Some(Self::Prebuilt(debian.to_owned()));
        }
        has_nightly().then_some(Self::Nightly)
    }

    fn rustc(&self) -> Command {
        match self {
            Self::Prebuilt(rustc) => Command::new(rustc),
            Self::Nightly => {
                let mut command = Command::new("rustup");
                command.args(["run", "nightly", "rustc"]);
                command
            }
        }
    }

    /// The major version of its LLVM; the linker must understand that one's bitcode.
    fn llvm(&self) -> Result<u32, String> {
        let text = output(self.rustc().arg("-vV")).unwrap_or_default();
        llvm_major(&text).ok_or_else(|| format!("`{self} -vV` names no LLVM version"))
    }
}

impl fmt::Display for Compiler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Prebuilt(rustc) => write!(f, "{}", rustc.display()),
            Self::Nightly => f.write_str("rustup run nightly rustc"),
        }
    }
}

/// Whether this rustc is new enough and has `core` for the kernel and `std` for build scripts.
fn is_prebuilt(rustc: &Path) -> bool {
    let Some(version) = output(Command::new(rustc).arg("-vV")) else { return false };
    let Some(sysroot) = output(Command::new(rustc).args(["--print", "sysroot"])) else {
        return false;
    };
    let libraries = Path::new(sysroot.trim()).join("lib/rustlib");
    let host = field(&version, "host").unwrap_or_default();
    release(&version).is_some_and(|release| release >= COMPILER_MIN)
        && has_library(&libraries.join("bpfel-unknown-none"), "libcore-")
        && has_library(&libraries.join(host), "libstd-")
}

fn has_library(target: &Path, prefix: &str) -> bool {
    let entries = std::fs::read_dir(target.join("lib")).into_iter().flatten().flatten();
    entries.into_iter().any(|entry| entry.file_name().to_string_lossy().starts_with(prefix))
}

fn has_nightly() -> bool {
    let mut command = Command::new("rustup");
    command.args(["run", "nightly", "rustc", "--print", "sysroot"]);
    let sysroot = output(&mut command);
    let library = "lib/rustlib/src/rust/library/core";
    sysroot.is_some_and(|sysroot| Path::new(sysroot.trim()).join(library).is_dir())
}

/// bpf-linker of our version: ours first, then that of `PATH`.
fn linker() -> Option<PathBuf> {
    let name = Path::new("bpf-linker");
    [folder().join("bin").join(name), name.to_owned()].into_iter().find(|path| {
        let version = output(Command::new(path).arg("--version"));
        version.is_some_and(|text| text.split_whitespace().any(|word| word == LINKER_VERSION))
    })
}

/// Where we install the linker.
fn folder() -> PathBuf {
    let target = tree::target();
    std::path::absolute(&target).unwrap_or(target).join("bpf-tools")
}

/// What a command prints, if it runs and succeeds.
fn output(command: &mut Command) -> Option<String> {
    command.env_remove("RUSTUP_TOOLCHAIN");
    let output = command.output().ok().filter(|output| output.status.success())?;
    String::from_utf8(output.stdout).ok()
}

/// A field of `rustc -vV`.
fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

fn release(text: &str) -> Option<(u32, u32)> {
    let mut parts = field(text, "release")?.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

fn llvm_major(text: &str) -> Option<u32> {
    field(text, "LLVM version")?.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "rustc 1.96.0 (x)\nbinary: rustc\nhost: x86_64-unknown-linux-gnu\n\
                        release: 1.96.0-nightly\nLLVM version: 22.1.8\n";

    #[test]
    fn versions_are_read() {
        assert_eq!(release(TEXT), Some((1, 96)));
        assert_eq!(llvm_major(TEXT), Some(22));
        assert_eq!(field(TEXT, "host"), Some("x86_64-unknown-linux-gnu"));
        assert_eq!(llvm_major("rustc 1.96.0"), None);
    }
}
