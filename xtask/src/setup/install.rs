//! Installs one missing tool, or says with which commands somebody else can.

use super::{Compiler, LINKER_VERSION, folder};
use crate::tree;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Debian's and Ubuntu's compiler with a prebuilt `core` for the kernel.
const COMPILER_PACKAGES: [&str; 2] = ["rustc-web", "libstd-rust-web-dev-bpf"];

/// Installs a compiler: packages as root, else rustup's nightly.
pub(super) fn compiler() -> Result<(), String> {
    if may_use_apt() {
        match apt(&COMPILER_PACKAGES.map(str::to_owned)) {
            Ok(()) if Compiler::find().is_some() => return Ok(()),
            Ok(()) => println!("these packages carry no usable compiler; trying rustup"),
            Err(reason) => println!("{reason}; trying rustup"),
        }
    }
    let nightly = "rustup toolchain install nightly --profile minimal --component rust-src";
    if !tree::on_path("rustup") {
        let packages = COMPILER_PACKAGES.join(" ");
        return Err(by_hand(&[
            &format!("sudo apt-get install {packages}"),
            &format!("or: {nightly}"),
        ]));
    }
    run(&mut words(nightly)).map_err(|reason| format!("{reason}\n{}", by_hand(&[nightly])))?;
    Compiler::find().map(drop).ok_or_else(|| by_hand(&[nightly]))
}

/// Builds bpf-linker into the target folder, against the LLVM of the compiler.
pub(super) fn linker(compiler: &Compiler) -> Result<(), String> {
    let major = compiler.llvm()?;
    let llvm = match llvm(major) {
        Some(prefix) => prefix,
        None => install_llvm(major)?,
    };
    let mut command = cargo_install(major, &llvm);
    let (root, prefix) = (folder(), llvm.display());
    run(&mut command).map_err(|reason| {
        let line = format!(
            "LLVM_PREFIX={prefix} cargo install bpf-linker --version {LINKER_VERSION} --locked \
             --no-default-features --features llvm-{major} --root {}",
            root.display()
        );
        format!("{reason}\n{}", by_hand(&[&line]))
    })?;
    match super::linker() {
        Some(_) => Ok(()),
        None => Err(format!("{} does not run", root.join("bin/bpf-linker").display())),
    }
}

fn cargo_install(major: u32, llvm: &Path) -> Command {
    let mut command = Command::new(tree::cargo());
    command.args(["install", "bpf-linker", "--version", LINKER_VERSION, "--locked"]);
    command.args(["--no-default-features", "--features", &format!("llvm-{major}"), "--root"]);
    command.arg(folder()).env("LLVM_PREFIX", llvm);
    // Flags meant for our own build do not concern it.
    command.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
    // Only we call what is installed: Cargo need not tell the user to add its folder.
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain([folder().join("bin")]);
    if let Ok(path) = std::env::join_paths(folders) {
        command.env("PATH", path);
    }
    command
}

/// Where an LLVM of that version with its headers lies.
fn llvm(major: u32) -> Option<PathBuf> {
    let named = std::env::var_os("LLVM_PREFIX").map(PathBuf::from);
    let usual = PathBuf::from(format!("/usr/lib/llvm-{major}"));
    named.into_iter().chain([usual]).find(|prefix| prefix.join("include/llvm-c/Core.h").is_file())
}

fn install_llvm(major: u32) -> Result<PathBuf, String> {
    let packages = llvm_packages(major);
    let line = format!("sudo apt-get install {}", packages.join(" "));
    if !may_use_apt() {
        return Err(by_hand(&[&line, "cargo xtask setup"]));
    }
    apt(&packages)?;
    llvm(major)
        .ok_or_else(|| format!("no LLVM {major} in /usr/lib/llvm-{major}\n{}", by_hand(&[&line])))
}

/// LLVM and the libraries that it is linked with.
fn llvm_packages(major: u32) -> [String; 4] {
    [
        format!("llvm-{major}-dev"),
        format!("libpolly-{major}-dev"),
        "zlib1g-dev".to_owned(),
        "libzstd-dev".to_owned(),
    ]
}

fn may_use_apt() -> bool {
    nix::unistd::geteuid().is_root() && tree::on_path("apt-get")
}

fn apt(packages: &[String]) -> Result<(), String> {
    run(&mut words("apt-get update --quiet"))?;
    let mut command = words("apt-get install --yes --no-install-recommends");
    run(command.args(packages).env("DEBIAN_FRONTEND", "noninteractive"))
}

fn words(line: &str) -> Command {
    let mut words = line.split_whitespace();
    let mut command = Command::new(words.next().unwrap_or_default());
    command.args(words);
    command
}

/// Runs a command, shown before.
fn run(command: &mut Command) -> Result<(), String> {
    println!("+ {}", shown(command));
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("`{}` ended with {status}", shown(command))),
        Err(error) => Err(format!("cannot run `{}`: {error}", shown(command))),
    }
}

fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

fn by_hand(lines: &[&str]) -> String {
    format!("run this, then `cargo xtask setup` again:\n    {}", lines.join("\n    "))
}
