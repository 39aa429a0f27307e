//! Commands of `medulla-gateway` (contract.md section 1).

use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use components::playground;

use crate::assemble;
use crate::config::PROGRAM;
use crate::query::client::{self, QueryArgs};

#[derive(Parser)]
#[command(name = "medulla-gateway", version, about = "Aggregates Medulla agents", long_about = None)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run until SIGTERM or SIGINT; SIGHUP reloads the configuration
    Run(Files),
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
    /// Ask a running gateway what it stores
    Query(QueryArgs),
    /// Try an OTTL statement
    Ottl(Box<playground::Arguments>),
}

#[derive(Args)]
struct Files {
    /// A configuration: a path, file:PATH, env:NAME or yaml:TEXT; repeated ones are merged
    #[arg(long = "config", value_name = "F")]
    files: Vec<String>,
}

/// Parses the arguments and runs the command.
pub fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::Run(files) => assemble::run(&files.files),
        Command::Validate(files) => PROGRAM.validate(&files.files),
        Command::PrintConfig { files, json } => PROGRAM.print_config(&files.files, json),
        Command::Components { json } => PROGRAM.components(json),
        Command::Query(arguments) => ask(arguments),
        Command::Ottl(arguments) => playground::run(&arguments),
    }
}

fn ask(arguments: QueryArgs) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let asked = match runtime {
        Ok(runtime) => runtime.block_on(client::run(arguments, &mut std::io::stdout())),
        Err(error) => Err(client::QueryError::Failed(error.to_string())),
    };
    match asked {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("medulla-gateway: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}
