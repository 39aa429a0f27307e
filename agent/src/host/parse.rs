//! The kernel's text files as numbers (proc(5)): pure functions, `None` where a text has another form.

/// The states of a CPU in the order of `/proc/stat`. Guest time is part of user time.
pub(crate) const CPU_STATES: usize = 8;

/// One line of `/proc/stat` about all CPUs (`cpu`) or one (`cpu0`): its name and its ticks since boot.
/// Old kernels leave out the last states.
pub(crate) fn cpu_ticks(line: &str) -> Option<(&str, [u64; CPU_STATES])> {
    let mut words = line.split_ascii_whitespace();
    let name = words.next()?;
    let number = name.strip_prefix("cpu")?;
    if !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let ticks: Vec<u64> =
        words.take(CPU_STATES).map(|word| word.parse().ok()).collect::<Option<_>>()?;
    let idle = 3;
    let states = std::array::from_fn(|state| ticks.get(state).copied().unwrap_or(0));
    (ticks.len() > idle).then_some((name, states))
}

/// A number of `/proc/stat` that stands alone: `btime 1795591234`.
pub(crate) fn stat_number(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
    line.trim().parse().ok()
}

/// A field of `/proc/meminfo`: bytes where it is in kB, else pages.
pub(crate) fn meminfo(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    let mut words = line.split_ascii_whitespace();
    let number: u64 = words.next()?.parse().ok()?;
    match words.next() {
        Some("kB") => number.checked_mul(1024),
        Some(_) => None,
        None => Some(number),
    }
}

/// `/proc/loadavg`: averages of one, five and fifteen minutes.
pub(crate) fn loads(text: &str) -> Option<[f64; 3]> {
    let mut words = text.split_ascii_whitespace();
    let mut load = || words.next()?.parse().ok().filter(|load: &f64| load.is_finite());
    Some([load()?, load()?, load()?])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const STAT: &str = "\
cpu  1997107 189776 377094 4950402 12293 0 8124 2999 17 3
cpu0 1000411 91558 179850 2488716 3899 0 3328 1485 17 3
cpu1 996696 98217 197244 2461685
cpufreq 1 2 3 4
intr 18436418 0 0
btime 1795591234
processes 133858
procs_running 2
";

    #[test]
    fn lines_of_stat_are_read() {
        let lines: Vec<_> = STAT.lines().filter_map(cpu_ticks).collect();
        let all = ("cpu", [1_997_107, 189_776, 377_094, 4_950_402, 12_293, 0, 8124, 2999]);
        let old = ("cpu1", [996_696, 98_217, 197_244, 2_461_685, 0, 0, 0, 0]);
        assert_eq!((lines[0], lines[1].0, lines[2], lines.len()), (all, "cpu0", old, 3));
        assert_eq!(stat_number(STAT, "btime"), Some(1_795_591_234));
        assert_eq!(stat_number(STAT, "procs"), None);
        assert_eq!(cpu_ticks("cpu0 1 2 x 4"), None);
        assert_eq!(cpu_ticks("cpu0 1 2 3"), None);
    }

    #[test]
    fn sizes_and_counts_of_meminfo_are_read() {
        let text =
            "MemTotal:       24684092 kB\nMemFree: 5 kB\nHugePages_Total:       3\nX: 1 MB\n";
        assert_eq!(meminfo(text, "MemTotal"), Some(25_276_510_208));
        assert_eq!(meminfo(text, "HugePages_Total"), Some(3));
        assert_eq!(meminfo(text, "X"), None);
        assert_eq!(meminfo(text, "Mem"), None);
        assert_eq!(meminfo("A: 18446744073709551615 kB", "A"), None);
    }

    #[test]
    fn loads_are_read() {
        assert_eq!(loads("5.35 5.78 3.82 2/112 13849\n"), Some([5.35, 5.78, 3.82]));
        assert_eq!(loads("5.35 5.78"), None);
        assert_eq!(loads("NaN 1 1"), None);
    }

    proptest! {
        #[test]
        fn hostile_files_never_panic(text in "(cpu[0-9]?|btime|MemTotal:|[0-9]{1,21}| |\n|.){0,40}") {
            let _ = text.lines().filter_map(cpu_ticks).count();
            let _ = (stat_number(&text, "btime"), meminfo(&text, "MemTotal"), loads(&text));
        }
    }
}
