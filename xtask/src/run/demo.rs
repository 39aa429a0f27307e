//! The demo: a web shop becomes slow, a rule limits it in the kernel, it recovers, the limit relaxes.
//!
//! The shop and its customers are a program of their own (`medulla-demo`). Beside its lines stand the
//! agent's own records as they appear, and what one would ask it at the height of the fault.

use super::processes::Processes;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// The fault: after the agent's windows are full, and long enough to watch.
const SHOP: [&str; 6] = ["--fault-after", "14", "--fault-for", "12", "--seconds", "55"];
/// What one would ask, in seconds from the start.
const QUESTIONS: [(u64, &str, &[&str]); 3] = [
    (20, "medulla-agent", &["limit", "explain", "--port", "8080"]),
    (24, "medulla-agent", &["top", "--once"]),
    (52, "medulla-gateway", &["query", "traces", "--service", "shop", "--limit", "3"]),
];
/// How often the agent is asked for new records.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Runs the demo to its end, or until a signal.
pub(super) fn show(binaries: &Path, processes: &mut Processes) -> Result<(), String> {
    let mut demo = Command::new(binaries.join("medulla-demo"))
        .args(SHOP)
        .spawn()
        .map_err(|error| format!("cannot start the demo: {error}"))?;
    let begun = Instant::now();
    let mut questions = QUESTIONS.iter().peekable();
    let mut seen = records(binaries).len();
    let outcome = loop {
        if let Some((_, program, arguments)) =
            questions.next_if(|(at, ..)| begun.elapsed().as_secs() >= *at)
        {
            ask(binaries, program, arguments);
        }
        seen = tell(binaries, begun, seen);
        if let Ok(Some(status)) = demo.try_wait() {
            break match status.success() {
                true => Ok(false),
                false => Err(format!("the demo ended with {status}")),
            };
        }
        match processes.is_over() {
            Ok(false) => std::thread::sleep(LOOK_EVERY),
            over => break over,
        }
    };
    // Gone already unless a signal ended the loop.
    let _ = demo.kill();
    let _ = demo.wait();
    match outcome? {
        true => Ok(()),
        false => {
            println!("\nThe demo is over. Look at a trace it named, and at what was decided:");
            println!("  {} query trace ID", binaries.join("medulla-gateway").display());
            println!("  {} report", binaries.join("medulla-agent").display());
            println!("Medulla goes on until Ctrl-C.");
            processes.wait()
        }
    }
}

/// Prints the agent's records that are new; how many there are now.
fn tell(binaries: &Path, begun: Instant, seen: usize) -> usize {
    let records = records(binaries);
    for record in records.iter().skip(seen) {
        let (_, said) = record.split_once(' ').unwrap_or(("", record));
        println!("{:>3} s: medulla: {said}", begun.elapsed().as_secs());
    }
    records.len().max(seen)
}

/// The lines of `report` that are records: they begin with a time.
fn records(binaries: &Path) -> Vec<String> {
    let report =
        Command::new(binaries.join("medulla-agent")).args(["report", "--since", "1h"]).output();
    let text = report.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let text = text.unwrap_or_default();
    let is_record = |line: &&str| line.starts_with(|first: char| first.is_ascii_digit());
    text.lines().filter(is_record).map(str::to_owned).collect()
}

fn ask(binaries: &Path, program: &str, arguments: &[&str]) {
    println!("\n$ {program} {}", arguments.join(" "));
    if let Err(error) = Command::new(binaries.join(program)).args(arguments).status() {
        println!("{error}");
    }
    println!();
}
