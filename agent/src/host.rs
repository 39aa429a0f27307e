//! What the host and its cgroups spend: CPU, memory, pressure, load, throttling.
//!
//! Plain files of proc and cgroupfs, read at each look (some 50 us), nothing kept open, no
//! privilege. [`meter`] turns the kernel's growing counters into shares over a short window,
//! [`trend`] tells a leak's time to its limit. cgroup v2 is read where it has the controllers; hybrid
//! hosts' v1 hierarchies fill in what it lacks ([`cgroup`]). Pressure needs PSI, which some kernels
//! have switched off; then it is `None`.

pub mod cgroup;
pub mod meter;
pub(crate) mod parse;
pub mod trend;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

pub use cgroup::{CgroupReading, Hierarchies};
pub use meter::{CgroupMeter, CgroupSample, HostMeter, HostSample};

/// CPU time since boot, in the kernel's ticks, summed over CPUs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CpuTimes {
    /// Neither idle nor waiting for a device.
    pub busy_ticks: u64,
    /// All of it.
    pub total_ticks: u64,
}

/// The host's memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// What there is.
    pub total_bytes: u64,
    /// What new work could have without swapping.
    pub available_bytes: u64,
}

impl Memory {
    /// What work holds.
    #[must_use]
    pub const fn used_bytes(&self) -> u64 {
        self.total_bytes.saturating_sub(self.available_bytes)
    }
}

/// What PSI can be asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource {
    /// Tasks that wait for a CPU.
    Cpu,
    /// Tasks that wait for memory.
    Memory,
}

/// Where the host is read.
#[derive(Clone, Debug)]
pub struct Host {
    proc: PathBuf,
    hierarchies: Hierarchies,
}

impl Host {
    /// This host.
    pub fn of_system() -> Self {
        Self::at(Path::new("/proc"))
    }

    /// A host whose proc is mounted here; its `self/mounts` says where cgroups are.
    pub fn at(proc: &Path) -> Self {
        let mounts = fs::read_to_string(proc.join("self/mounts")).unwrap_or_default();
        Self { proc: proc.to_owned(), hierarchies: Hierarchies::parse(&mounts) }
    }

    /// Where cgroups are.
    pub fn hierarchies(&self) -> &Hierarchies {
        &self.hierarchies
    }

    /// CPU time so far.
    pub fn cpu_times(&self) -> io::Result<CpuTimes> {
        let text = self.read("stat")?;
        cpu_times(&text).ok_or_else(|| malformed("stat"))
    }

    /// CPUs that are online.
    pub fn cpus(&self) -> io::Result<u32> {
        let text = self.read("stat")?;
        let is_cpu = |line: &&str| {
            line.strip_prefix("cpu")
                .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
        };
        let count = text.lines().filter(is_cpu).count();
        u32::try_from(count).ok().filter(|count| *count > 0).ok_or_else(|| malformed("stat"))
    }

    /// Memory now.
    pub fn memory(&self) -> io::Result<Memory> {
        let text = self.read("meminfo")?;
        memory(&text).ok_or_else(|| malformed("meminfo"))
    }

    /// Tasks that ran or wanted to, averaged over a minute.
    pub fn load(&self) -> io::Result<f64> {
        let text = self.read("loadavg")?;
        let [first, ..] = parse::loads(&text).ok_or_else(|| malformed("loadavg"))?;
        Ok(first)
    }

    /// The share (0..1) of the last ten seconds in which some task waited; `None` without PSI.
    pub fn pressure(&self, resource: Resource) -> Option<f64> {
        let name = match resource {
            Resource::Cpu => "pressure/cpu",
            Resource::Memory => "pressure/memory",
        };
        pressure(&self.read(name).ok()?)
    }

    fn read(&self, name: &str) -> io::Result<String> {
        fs::read_to_string(self.proc.join(name))
    }
}

fn malformed(name: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("/proc/{name} has another form"))
}

/// Everything that is neither idle nor waiting for a device is busy.
fn cpu_times(text: &str) -> Option<CpuTimes> {
    let (_, ticks) = text.lines().filter_map(parse::cpu_ticks).find(|(name, _)| *name == "cpu")?;
    let total_ticks = ticks.iter().fold(0, |sum: u64, ticks| sum.saturating_add(*ticks));
    let [_, _, _, idle, iowait, ..] = ticks;
    let busy_ticks = total_ticks.saturating_sub(idle.saturating_add(iowait));
    Some(CpuTimes { busy_ticks, total_ticks })
}

fn memory(text: &str) -> Option<Memory> {
    let field = |name| parse::meminfo(text, name);
    Some(Memory { total_bytes: field("MemTotal")?, available_bytes: field("MemAvailable")? })
}

/// `some avg10=1.25 avg60=... total=...`
fn pressure(text: &str) -> Option<f64> {
    let some = text.lines().find_map(|line| line.strip_prefix("some "))?;
    let average = some.split_whitespace().find_map(|word| word.strip_prefix("avg10="))?;
    let share = average.parse::<f64>().ok()? / 100.0;
    share.is_finite().then(|| share.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn files_are_read_as_the_kernel_writes_them() {
        let stat = "cpu  100 20 30 800 50 1 2 7 90 9\ncpu0 1 1 1 1\ncpu1 1 1 1 1\nintr 5\n";
        let times = CpuTimes { busy_ticks: 160, total_ticks: 1010 };
        assert_eq!(cpu_times(stat), Some(times));
        let text = "MemTotal:       1000 kB\nMemFree: 5 kB\nMemAvailable:    250 kB\n";
        let read = memory(text).expect("both fields are there");
        assert_eq!((read.total_bytes, read.used_bytes()), (1_024_000, 768_000));
        let psi = "some avg10=12.50 avg60=0.00 avg300=0.00 total=1\nfull avg10=1.00 total=0\n";
        assert_eq!(pressure(psi), Some(0.125));
    }

    #[test]
    fn this_host_is_read() {
        let host = Host::of_system();
        let times = host.cpu_times().expect("proc is mounted");
        assert!(times.busy_ticks > 0 && times.total_ticks > times.busy_ticks);
        assert!(host.cpus().expect("it has CPUs") > 0);
        assert!(host.memory().expect("it has memory").used_bytes() > 0);
        assert!(host.load().expect("it has a load") >= 0.0);
        assert!(Host::at(Path::new("/nowhere")).cpu_times().is_err());
    }

    proptest! {
        #[test]
        fn hostile_files_never_panic(text in "(cpu |some |MemTotal:|avg10=|[0-9]{1,21}| |\n|.){0,40}") {
            let _ = (cpu_times(&text), memory(&text), pressure(&text));
            let _ = Hierarchies::parse(&text);
        }
    }
}
