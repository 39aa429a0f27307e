//! Cores and CPU time.

use std::time::Duration;

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::{Pid, SysconfVar, sysconf};

/// Who runs where.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// The process under test.
    Tested,
    /// Load and sink.
    Load,
}

/// Moves this thread, and what it starts from now on, to its side's core. On one core, or without
/// the right to choose, nothing happens.
pub(crate) fn move_to(side: Side) {
    static CORES: std::sync::OnceLock<Vec<usize>> = std::sync::OnceLock::new();
    let cores = CORES.get_or_init(cores);
    let core = match side {
        Side::Tested => cores.first(),
        Side::Load => cores.last(),
    };
    let mut set = CpuSet::new();
    let chosen = core.is_some_and(|core| set.set(*core).is_ok());
    if chosen && let Err(error) = sched_setaffinity(Pid::from_raw(0), &set) {
        eprintln!("cannot choose a core: {error}");
    }
}

/// Cores this process may use.
fn cores() -> Vec<usize> {
    let Ok(set) = sched_getaffinity(Pid::from_raw(0)) else { return Vec::new() };
    (0..CpuSet::count()).filter(|core| set.is_set(*core).unwrap_or(false)).collect()
}

/// CPU time, user and system, of all threads that these processes ever had (proc(5), `stat`).
pub(crate) fn time(processes: &[Pid]) -> Duration {
    let per_second = sysconf(SysconfVar::CLK_TCK).ok().flatten().unwrap_or(100);
    let ticks: u64 = processes.iter().filter_map(|process| ticks(*process)).sum();
    Duration::from_secs_f64(ticks as f64 / per_second as f64)
}

fn ticks(process: Pid) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name may hold blanks and parentheses; the numbers follow the last one.
    let (_, numbers) = stat.rsplit_once(')')?;
    let mut numbers = numbers.split_whitespace().skip(11);
    let user: u64 = numbers.next()?.parse().ok()?;
    let system: u64 = numbers.next()?.parse().ok()?;
    Some(user + system)
}
