//! Runs a kernel program on a packet without a network (`BPF_PROG_TEST_RUN`): verdicts for tests,
//! nanoseconds per packet for the benchmark.
//!
//! The maps are private to the trial, so nothing on the host changes. Needs the keeper's rights.

use super::Error;
use super::maps::Maps;
use super::session::{in_program, load, load_program, map_fds, program, read_clock};
use aya::Ebpf;
use aya::programs::{TestRun, TestRunOptions};
use kernel_abi::names;
use std::time::Duration;

/// Programs that are attached nowhere.
pub struct Trial {
    ebpf: Ebpf,
}

/// What a run gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Whether the packet was dropped.
    pub dropped: bool,
    /// Mean time of one run, as the kernel rounds it: whole nanoseconds.
    pub per_packet: Duration,
}

/// `TCX_DROP`.
const DROP: u32 = 2;

impl Trial {
    /// Loads the programs with maps of their own.
    pub fn new() -> Result<(Self, Maps), Error> {
        let mut ebpf = load(None)?;
        names::PROGRAMS.into_iter().try_for_each(|name| load_program(&mut ebpf, name))?;
        read_clock(&mut ebpf)?;
        let maps = Maps::from_fds(map_fds(&ebpf)?)?;
        Ok((Self { ebpf }, maps))
    }

    /// Runs one of `names::PROGRAMS` on a frame as often as said. The kernel takes bytes 12 and 13
    /// for the EtherType, also before programs for links that have none.
    pub fn run(&mut self, name: &'static str, frame: &[u8], repeat: u32) -> Result<Outcome, Error> {
        let program = program(&mut self.ebpf, name)?;
        let options = TestRunOptions { data_in: Some(frame), repeat, ..TestRunOptions::new() };
        let result = program.test_run(options).map_err(in_program(name))?;
        Ok(Outcome { dropped: result.return_value == DROP, per_packet: result.duration })
    }
}
