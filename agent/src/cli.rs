//! Commands of `medulla-agent` (contract.md section 1).

mod doctor;
mod limit;

use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use components::playground;

use crate::assemble;
use crate::config::PROGRAM;

#[derive(Parser)]
#[command(name = "medulla-agent", version, about = "The autonomic OTLP agent of a host", long_about = None)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run until SIGTERM or SIGINT; SIGHUP reloads the configuration
    Run(Run),
    /// Check a configuration: status 0 if it may run, else 2 and every error on stderr
    Validate(Files),
    /// Print the configuration merged and expanded, secrets hidden
    PrintConfig {
        #[command(flatten)]
        files: Files,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// List what a configuration may name
    Components {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Show what this kernel offers, by trying, and what is missing and why
    Doctor(doctor::Arguments),
    /// Set, list, explain or clear kernel limits
    #[command(subcommand)]
    Limit(limit::Command),
    /// The unprivileged half of `run`; started by the keeper
    #[command(hide = true)]
    RunAgent(Files),
    /// Stop all limits at once (not built in yet)
    Kill(Later),
    /// Suspend actions for a while (not built in yet)
    Pause(Later),
    /// End a pause (not built in yet)
    Resume(Later),
    /// What was decided and done (not built in yet)
    Report(Later),
    /// Approve a suggestion (not built in yet)
    Approve(Later),
    /// Watch signals and rules (not built in yet)
    Top(Later),
    /// Run the detectors over files (not built in yet)
    Detect(Later),
    /// Try an OTTL statement
    Ottl(Box<playground::Arguments>),
}

#[derive(Args)]
struct Run {
    #[command(flatten)]
    files: Files,
    /// Take over from a running agent (not built in yet)
    #[arg(long)]
    takeover: bool,
}

#[derive(Args)]
struct Files {
    /// A configuration: a path, file:PATH, env:NAME or yaml:TEXT; repeated ones are merged
    #[arg(long = "config", value_name = "F")]
    files: Vec<String>,
}

/// Takes any arguments: what is not built in yet should say so, not complain of them.
#[derive(Args)]
struct Later {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    _arguments: Vec<String>,
}

/// Parses the arguments and runs the command.
pub fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::Run(Run { takeover: true, .. }) => later("run --takeover"),
        Command::Run(run) => assemble::run(&run.files.files),
        Command::RunAgent(files) => assemble::run_agent(&files.files),
        Command::Validate(files) => PROGRAM.validate(&files.files),
        Command::PrintConfig { files, json } => PROGRAM.print_config(&files.files, json),
        Command::Components { json } => PROGRAM.components(json),
        Command::Doctor(arguments) => doctor::run(&arguments),
        Command::Limit(command) => limit::run(command),
        Command::Kill(_) => later("kill"),
        Command::Pause(_) => later("pause"),
        Command::Resume(_) => later("resume"),
        Command::Report(_) => later("report"),
        Command::Approve(_) => later("approve"),
        Command::Top(_) => later("top"),
        Command::Detect(_) => later("detect"),
        Command::Ottl(arguments) => playground::run(&arguments),
    }
}

/// The answer of what is planned.
pub(crate) fn later(command: &str) -> ExitCode {
    eprintln!("medulla-agent {command}: not built in yet");
    ExitCode::from(2)
}
