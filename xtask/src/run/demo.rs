//! The demo: a web shop becomes slow, an operator limits it, it recovers.
//!
//! The shop and its customers are a program of their own (`medulla-demo`); here an operator's
//! commands are run beside it, at the moments one would think of them.

use super::processes::Processes;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// When the operator acts, in seconds from the start: the fault begins at 10 and ends at 35.
const STEPS: [(u64, Step); 4] =
    [(18, Step::Limit), (25, Step::List), (40, Step::List), (47, Step::Services)];

#[derive(Clone, Copy)]
enum Step {
    Limit,
    List,
    Services,
}

/// Runs the demo to its end, or until a signal.
pub(super) fn show(binaries: &Path, processes: &mut Processes) -> Result<(), String> {
    let mut demo = Command::new(binaries.join("medulla-demo"))
        .spawn()
        .map_err(|error| format!("cannot start the demo: {error}"))?;
    let begun = Instant::now();
    let mut steps = STEPS.iter().peekable();
    let outcome = loop {
        if let Some((_, step)) = steps.next_if(|(at, _)| begun.elapsed().as_secs() >= *at) {
            step.run(binaries);
        }
        if let Ok(Some(status)) = demo.try_wait() {
            break match status.success() {
                true => Ok(false),
                false => Err(format!("the demo ended with {status}")),
            };
        }
        match processes.is_over() {
            Ok(false) => std::thread::sleep(Duration::from_millis(100)),
            over => break over,
        }
    };
    // Gone already unless a signal ended the loop.
    let _ = demo.kill();
    let _ = demo.wait();
    match outcome? {
        true => Ok(()),
        false => {
            println!("\nThe demo is over. Look at a trace it named:");
            println!("  {} query trace ID", binaries.join("medulla-gateway").display());
            println!("Medulla goes on until Ctrl-C.");
            processes.wait()
        }
    }
}

impl Step {
    fn run(self, binaries: &Path) {
        let (program, arguments): (_, &[&str]) = match self {
            Self::Limit => (
                "medulla-agent",
                &[
                    "limit", "set", "--port", "8080", "--rate", "20/s", "--for", "20s", "--reason",
                    "demo",
                ],
            ),
            Self::List => ("medulla-agent", &["limit", "list"]),
            Self::Services => {
                ("medulla-gateway", &["query", "traces", "--service", "shop", "--limit", "3"])
            }
        };
        println!("\n$ {program} {}", arguments.join(" "));
        if let Err(error) = Command::new(binaries.join(program)).args(arguments).status() {
            println!("{error}");
        }
        println!();
    }
}
