//! Commands of `medulla-agent` (contract.md section 1).

mod detect;
mod doctor;
mod limit;
mod reflex;

use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use components::playground;

use crate::assemble;
use crate::config::PROGRAM;
use crate::{cri, kubernetes};

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
    /// Restart one container; started by the keeper
    #[command(hide = true)]
    RestartContainer(cri::Arguments),
    /// Restart one pod; started by the keeper
    #[command(hide = true)]
    RestartPod(kubernetes::Arguments),
    /// Suspend all limits and rules at once
    Kill(reflex::Kill),
    /// Let no rule act for a while
    Pause(reflex::Pause),
    /// End a pause
    Resume,
    /// What was decided and done, and what would have been
    Report(reflex::Report),
    /// Approve a suggestion
    Approve(reflex::Approve),
    /// Watch signals, rules and limits
    Top(reflex::Top),
    /// Run the anomaly detector over CSV files
    Detect(detect::Arguments),
    /// Try an OTTL statement
    Ottl(Box<playground::Arguments>),
}

#[derive(Args)]
struct Run {
    #[command(flatten)]
    files: Files,
    /// Take over from the running agent, whose limits go on
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
        Command::Run(run) => assemble::run(&run.files.files, run.takeover),
        Command::RunAgent(files) => assemble::run_agent(&files.files),
        Command::RestartContainer(arguments) => cri::run(&arguments),
        Command::RestartPod(arguments) => kubernetes::run(&arguments),
        Command::Validate(files) => PROGRAM.validate(&files.files),
        Command::PrintConfig { files, json } => PROGRAM.print_config(&files.files, json),
        Command::Components { json } => PROGRAM.components(json),
        Command::Doctor(arguments) => doctor::run(&arguments),
        Command::Limit(command) => limit::run(command),
        Command::Kill(kill) => reflex::kill(&kill),
        Command::Pause(pause) => reflex::pause(pause),
        Command::Resume => reflex::resume(),
        Command::Report(report) => reflex::report(&report),
        Command::Approve(approve) => reflex::approve(approve),
        Command::Top(top) => reflex::top(&top),
        Command::Detect(arguments) => detect::run(&arguments),
        Command::Ottl(arguments) => playground::run(&arguments),
    }
}

/// The answer of what is planned.
pub(crate) fn later(command: &str) -> ExitCode {
    eprintln!("medulla-agent {command}: not built in yet");
    ExitCode::from(2)
}
