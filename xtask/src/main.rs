//! `cargo xtask`: every developer command of this workspace.
//!
//! Plain Rust on top of Cargo, so that a clone and a toolchain are all it takes. Each command is a
//! module with one `run`; this file only names them.

#![forbid(unsafe_code)]

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
    /// The gate: tidy, format, lints and every test this machine can run
    Test(test::Arguments),
    /// Check the rules of the house that neither rustc nor clippy checks
    Tidy,
}

fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::Test(arguments) => test::run(&arguments),
        Command::Tidy => tidy::run(),
    }
}
