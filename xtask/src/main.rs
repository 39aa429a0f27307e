//! `cargo xtask`: every developer command of this workspace.
//!
//! Plain Rust on top of Cargo, so that a clone and a toolchain are all it takes. Each command is a
//! module with one `run`; this file only names them.

#![forbid(unsafe_code)]

mod bench;
mod build;
mod ebpf;
mod fuzz;
mod kernels;
mod run;
mod setup;
mod test;
mod tidy;
mod tree;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Developer commands", disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build and run gateway and agent on this host
    Run(run::Arguments),
    /// Find or install what the eBPF build needs
    Setup,
    /// Build the kernel programs
    Ebpf,
    /// Build the kernel programs and both binaries, the programs inside the agent
    Build(build::Arguments),
    /// Feed the parsers of outside bytes with bytes that nobody thought of
    Fuzz(fuzz::Arguments),
    /// Measure what the project promises, as one table of numbers and goals
    Bench(bench::Arguments),
    /// Try the agent on other kernels, in software emulation
    Kernels,
    /// The gate: tidy, format, lints and every test this machine can run
    Test(test::Arguments),
    /// Check the rules of the house that neither rustc nor clippy checks
    Tidy,
}

fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::Run(arguments) => run::run(&arguments),
        Command::Setup => setup::run(),
        Command::Ebpf => ebpf::run(),
        Command::Build(arguments) => build::run(&arguments),
        Command::Fuzz(arguments) => fuzz::run(&arguments),
        Command::Bench(arguments) => bench::run(&arguments),
        Command::Kernels => kernels::run(),
        Command::Test(arguments) => test::run(&arguments),
        Command::Tidy => tidy::run(),
    }
}
