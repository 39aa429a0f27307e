//! One cgroup's CPU, throttling and memory, from v2 or, on hybrid hosts, from v1.
//!
//! A path is that under the hierarchy's root (`system.slice/web.service`), with or without a leading
//! slash. Each value is looked for in v2 first, then in the v1 controller that has it; a value that
//! neither has is `None`, and so is the whole reading where no hierarchy knows the path.

use std::fs;
use std::path::{Component, Path, PathBuf};

/// A limit above this is none: v1 writes the largest page count for "no limit".
const UNLIMITED_BYTES: u64 = 1 << 62;

/// Where cgroup file systems are mounted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hierarchies {
    v2: Option<PathBuf>,
    cpu: Option<PathBuf>,
    cpuacct: Option<PathBuf>,
    memory: Option<PathBuf>,
}

/// What a cgroup has spent and may spend.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CgroupReading {
    /// CPU time since it was made.
    pub cpu_ns: Option<u64>,
    /// CPUs that its quota allows, `None` without one.
    pub quota_cpus: Option<f64>,
    /// Enforcement periods that have passed.
    pub periods: Option<u64>,
    /// Those of them in which it was throttled.
    pub throttled_periods: Option<u64>,
    /// Memory it holds without what the kernel would drop first.
    pub memory_bytes: Option<u64>,
    /// Its limit, `None` without one.
    pub memory_limit_bytes: Option<u64>,
}

impl Hierarchies {
    /// Reads the lines of proc's `mounts`; the first of a kind counts.
    pub fn parse(mounts: &str) -> Self {
        let mut found = Self::default();
        for line in mounts.lines() {
            let mut words = line.split_whitespace().skip(1);
            let (Some(at), Some(kind), Some(options)) = (words.next(), words.next(), words.next())
            else {
                continue;
            };
            found.add(Path::new(at), kind, options);
        }
        found
    }

    fn add(&mut self, at: &Path, kind: &str, options: &str) {
        let place = |slot: &mut Option<PathBuf>| {
            slot.get_or_insert_with(|| at.to_owned());
        };
        match kind {
            "cgroup2" => place(&mut self.v2),
            "cgroup" => options.split(',').for_each(|option| match option {
                "cpu" => place(&mut self.cpu),
                "cpuacct" => place(&mut self.cpuacct),
                "memory" => place(&mut self.memory),
                _ => {}
            }),
            _ => {}
        }
    }

    /// Whether any hierarchy knows this cgroup.
    pub fn exists(&self, path: &str) -> bool {
        self.roots().any(|root| under(root, path).is_some_and(|folder| folder.is_dir()))
    }

    /// Reads a cgroup; `None` if there is no such one.
    pub fn read(&self, path: &str) -> Option<CgroupReading> {
        if !self.exists(path) {
            return None;
        }
        let v2 = |file: &str| file_of(self.v2.as_deref(), path, file);
        let mut reading = CgroupReading::default();
        if let Some(text) = v2("cpu.stat") {
            reading.cpu_ns = field(&text, "usage_usec").map(|us| us.saturating_mul(1000));
            reading.add_throttling(&text);
        }
        reading.quota_cpus = v2("cpu.max").and_then(|text| quota(&text));
        reading.memory_bytes = v2("memory.current").and_then(|text| number(&text)).map(|bytes| {
            let stat = v2("memory.stat").unwrap_or_default();
            bytes.saturating_sub(field(&stat, "inactive_file").unwrap_or(0))
        });
        reading.memory_limit_bytes = v2("memory.max").and_then(|text| number(&text));
        self.fill_from_v1(path, &mut reading);
        Some(reading)
    }

    fn fill_from_v1(&self, path: &str, reading: &mut CgroupReading) {
        if reading.cpu_ns.is_none() {
            let usage = file_of(self.cpuacct.as_deref(), path, "cpuacct.usage");
            reading.cpu_ns = usage.and_then(|text| number(&text));
        }
        let cpu = |file: &str| file_of(self.cpu.as_deref(), path, file);
        if reading.periods.is_none() {
            reading.add_throttling(&cpu("cpu.stat").unwrap_or_default());
            let limits = (cpu("cpu.cfs_quota_us"), cpu("cpu.cfs_period_us"));
            if let (Some(quota_us), Some(period_us)) = limits {
                reading.quota_cpus = quota(&format!("{} {}", quota_us.trim(), period_us.trim()));
            }
        }
        let memory = |file: &str| file_of(self.memory.as_deref(), path, file);
        if reading.memory_bytes.is_none() {
            let stat = memory("memory.stat").unwrap_or_default();
            let droppable = field(&stat, "total_inactive_file").unwrap_or(0);
            let usage = memory("memory.usage_in_bytes").and_then(|text| number(&text));
            reading.memory_bytes = usage.map(|bytes| bytes.saturating_sub(droppable));
            let limit = memory("memory.limit_in_bytes").and_then(|text| number(&text));
            reading.memory_limit_bytes = limit.filter(|bytes| *bytes < UNLIMITED_BYTES);
        }
    }

    fn roots(&self) -> impl Iterator<Item = &Path> {
        let all = [&self.v2, &self.cpu, &self.cpuacct, &self.memory];
        all.into_iter().filter_map(Option::as_deref)
    }
}

impl CgroupReading {
    fn add_throttling(&mut self, text: &str) {
        self.periods = field(text, "nr_periods");
        self.throttled_periods = field(text, "nr_throttled");
    }
}

fn file_of(root: Option<&Path>, path: &str, file: &str) -> Option<String> {
    fs::read_to_string(under(root?, path)?.join(file)).ok()
}

/// The folder of a cgroup; none for a path that would leave the hierarchy.
fn under(root: &Path, path: &str) -> Option<PathBuf> {
    let path = Path::new(path.trim_start_matches('/'));
    let stays = path.components().all(|part| matches!(part, Component::Normal(_)));
    stays.then(|| root.join(path))
}

/// A line `name value`.
fn field(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
}

/// The only number of a file; `max` is none.
fn number(text: &str) -> Option<u64> {
    text.trim().parse().ok()
}

/// `QUOTA PERIOD`, where `max` or -1 is no quota.
fn quota(text: &str) -> Option<f64> {
    let mut words = text.split_whitespace();
    let (quota, period): (u64, u64) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    (period > 0 && quota > 0).then(|| quota as f64 / period as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(root: &Path, files: &[(&str, &str)]) {
        for (name, content) in files {
            let path = root.join(name);
            fs::create_dir_all(path.parent().expect("a file has a folder")).expect("made");
            fs::write(path, content).expect("written");
        }
    }

    #[test]
    fn both_versions_are_read() {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let root = folder.path();
        write(
            root,
            &[
                ("v2/web/cpu.stat", "usage_usec 5000\nnr_periods 10\nnr_throttled 4\n"),
                ("v2/web/cpu.max", "150000 100000\n"),
                ("v2/web/memory.current", "1000\n"),
                ("v2/web/memory.stat", "anon 1\ninactive_file 100\n"),
                ("v2/web/memory.max", "max\n"),
                ("v2/old/cgroup.procs", ""),
                ("acct/old/cpuacct.usage", "7000\n"),
                ("cpu/old/cpu.stat", "nr_periods 2\nnr_throttled 1\nthrottled_time 5\n"),
                ("cpu/old/cpu.cfs_quota_us", "-1\n"),
                ("cpu/old/cpu.cfs_period_us", "100000\n"),
                ("mem/old/memory.usage_in_bytes", "4096\n"),
                ("mem/old/memory.stat", "total_inactive_file 96\n"),
                ("mem/old/memory.limit_in_bytes", "9223372036854771712\n"),
            ],
        );
        let at = root.display();
        let found = Hierarchies::parse(&format!(
            "cgroup2 {at}/v2 cgroup2 rw 0 0\ncgroup {at}/acct cgroup rw,cpuacct 0 0\n\
             cgroup {at}/cpu cgroup rw,cpu 0 0\ncgroup {at}/mem cgroup rw,memory 0 0\nbroken\n"
        ));
        let web = CgroupReading {
            cpu_ns: Some(5_000_000),
            quota_cpus: Some(1.5),
            periods: Some(10),
            throttled_periods: Some(4),
            memory_bytes: Some(900),
            memory_limit_bytes: None,
        };
        assert_eq!(found.read("/web"), Some(web));
        let old = CgroupReading {
            cpu_ns: Some(7000),
            quota_cpus: None,
            periods: Some(2),
            throttled_periods: Some(1),
            memory_bytes: Some(4000),
            memory_limit_bytes: None,
        };
        assert_eq!(found.read("old"), Some(old));
        assert_eq!(found.read("gone"), None);
        assert_eq!(found.read("../v2/web"), None);
    }
}
