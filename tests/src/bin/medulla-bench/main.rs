//! Measures the built binaries: what passes through them per second of their CPU time, what they
//! hold meanwhile, and what they hold when nothing happens. `cargo xtask bench` runs it.
//!
//! One JSON object per line on stdout, as `cargo xtask bench` reads it: `name` with `value`, `unit`
//! and perhaps `at_least` or `at_most`, or `name` with `missing`, the reason.
//!
//! The process under test has the machine's first core to itself and the load and the sink share
//! the last one, so that CPU time is little disturbed; on one core they share it.

#![forbid(unsafe_code)]

mod cpu;
mod daily;
mod idle;
mod load;
mod planes;
mod report;
mod sink;
mod spans;
mod versus;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

// Load and sink must not be what the process under test waits for.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

#[derive(Parser)]
#[command(about = "Measures the built binaries")]
struct Arguments {
    /// How long each case is measured
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=60))]
    seconds: u64,
    /// Only cases whose name contains this
    #[arg(long, default_value = "")]
    only: String,
    /// An OpenTelemetry Collector to compare with
    #[arg(long)]
    collector: Option<std::path::PathBuf>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    cpu::move_to(cpu::Side::Load);
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.expect("a runtime of one thread can be started");
    runtime.block_on(planes::measure(Duration::from_secs(arguments.seconds), &arguments.only));
    if let Some(collector) = &arguments.collector {
        let window = Duration::from_secs(arguments.seconds);
        runtime.block_on(versus::measure(collector, window, &arguments.only));
    }
    if "idle".contains(&arguments.only) {
        runtime.block_on(idle::measure());
    }
    ExitCode::SUCCESS
}
