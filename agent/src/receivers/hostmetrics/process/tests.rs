//! Processes of a host made of files.

use super::super::testing::Bench;

/// `PID (NAME) S 1 ...` that began so many ticks after the host, and has spent so many.
fn stat(pid: u32, name: &str, started: u64, user: u64) -> String {
    format!(
        "{pid} ({name}) S 1 1 1 0 -1 0 103 0 5 0 {user} 34 0 0 20 0 3 0 {started} 8192 2 0 1 2 3 0 0 0 0 0 0 0 0 \
         0 17 0 0 0 50 0"
    )
}

fn bench() -> Bench {
    let bench = Bench::new(&[
        ("proc/stat", "cpu 1 1 1 1\ncpu0 1 1 1 1\ncpu1 1 1 1 1\n"),
        ("proc/meminfo", "MemTotal: 1000 kB\n"),
        ("etc/passwd", "root:x:0:0\nweb:x:33:33\n"),
        ("proc/7/stat", &stat(7, "nginx", 100, 20)),
        ("proc/7/cmdline", "/usr/sbin/nginx\0-g\0daemon off;\0"),
        ("proc/7/status", "Uid:\t33\t33\nSigPnd: 0\nShdPnd: 1\nvoluntary_ctxt_switches: 4\n"),
        ("proc/7/io", "syscr: 1\nsyscw: 2\nread_bytes: 4096\nwrite_bytes: 8192\n"),
        ("proc/7/cgroup", "0::/system.slice/nginx.service\n"),
        ("proc/7/fd/0", ""),
        ("proc/7/fd/1", ""),
        ("proc/2/stat", &stat(2, "kthreadd", 0, 1)),
        ("proc/2/cmdline", ""),
        ("proc/2/status", "Uid:\t77\t77\n"),
    ]);
    std::os::unix::fs::symlink("/usr/sbin/nginx", bench.path("proc/7/exe")).expect("made");
    bench
}

/// The identity of process 7.
const NGINX: &str = "process.pid=7 process.parent_pid=1 process.executable.name=nginx \
    process.executable.path=/usr/sbin/nginx process.command=/usr/sbin/nginx \
    process.command_line=/usr/sbin/nginx -g daemon off; process.owner=web ";

#[test]
fn a_process_is_a_resource() {
    let bench = bench();
    let mut looker = bench.scraper("process: { include: { names: [nginx], match_type: strict } }");
    let lines = looker.look();
    let page = super::page_bytes();
    let expect = [
        "process.cpu.time{state=system} 0.34".to_owned(),
        "process.cpu.time{state=user} 0.2".to_owned(),
        "process.cpu.time{state=wait} 0.5".to_owned(),
        format!("process.memory.usage{{}} {}", 2 * page),
        "process.memory.virtual{} 8192".to_owned(),
        "process.disk.io{direction=read} 4096".to_owned(),
        "process.disk.io{direction=write} 8192".to_owned(),
    ];
    assert_eq!(lines, expect.map(|line| format!("{NGINX}{line}")));
    assert_eq!(looker.fault(), None, "files of others are not looked at");
}

#[test]
fn the_rest_is_told_on_request() {
    let names = super::SCRAPER.metrics.iter().map(|metric| metric.name);
    let wanted: Vec<String> = names.map(|name| format!("{name}: {{ enabled: true }}")).collect();
    let bench = bench();
    let mut looker = bench.scraper(&format!(
        "process: {{ include: {{ names: [ngin.], match_type: regexp }}, metrics: {{ {} }}, \
         resource_attributes: {{ process.cgroup: {{ enabled: true }}, process.owner: {{ enabled: false }}, \
         process.executable.path: {{ enabled: false }}, process.command_line: {{ enabled: false }} }} }}",
        wanted.join(", ")
    ));
    looker.times.now_ns = looker.times.boot_ns + 11_000_000_000;
    let lines = looker.look();
    let identity = "process.pid=7 process.parent_pid=1 process.executable.name=nginx \
        process.command=/usr/sbin/nginx process.cgroup=0::/system.slice/nginx.service ";
    let has = |lines: &[String], line: &str| {
        let line = format!("{identity}{line}");
        assert!(lines.contains(&line), "{line}: {lines:#?}");
    };
    has(&lines, "process.threads{} 3");
    has(&lines, "process.uptime{} 10.0");
    has(&lines, "process.open_file_descriptors{} 2");
    has(&lines, "process.signals_pending{} 1");
    has(&lines, "process.context_switches{type=voluntary} 4");
    has(&lines, "process.paging.faults{type=major} 5");
    has(&lines, "process.disk.operations{direction=write} 2");
    assert!(!lines.join("\n").contains("cpu.utilization"), "there is nothing to compare with");
}

#[test]
fn shares_are_of_all_cpus_and_of_the_same_process() {
    let bench = bench();
    let mut looker = bench.scraper(
        "process: { include: { names: [nginx], match_type: strict }, mute_process_all_errors: true, \
         metrics: { process.cpu.utilization: { enabled: true } } }",
    );
    let share = |lines: Vec<String>| {
        let found =
            lines.iter().find_map(|line| line.split_once("process.cpu.utilization{state=user} "));
        found.map(|(_, share)| share.to_owned())
    };
    looker.times.now_ns = 10_000_000_000;
    assert_eq!(share(looker.look()), None);
    looker.times.now_ns = 12_000_000_000;
    bench.put("proc/7/stat", &stat(7, "nginx", 100, 120));
    assert_eq!(share(looker.look()).as_deref(), Some("0.25"));
    bench.put("proc/7/stat", &stat(7, "nginx", 900, 10));
    looker.times.now_ns = 14_000_000_000;
    assert_eq!(share(looker.look()), None, "another process with its id");
}

#[test]
fn young_processes_wait() {
    let bench = bench();
    let mut looker =
        bench.scraper("process: { scrape_process_delay: 5s, mute_process_all_errors: true }");
    looker.times.now_ns = looker.times.boot_ns + 5_500_000_000;
    let lines = looker.look();
    assert!(
        !lines.is_empty() && lines.iter().all(|line| line.starts_with("process.pid=2 ")),
        "{lines:?}"
    );
}

#[test]
fn what_may_not_be_read_is_a_fault_unless_muted() {
    let bench = bench();
    // A file where a link belongs cannot be followed.
    bench.put("proc/2/exe", "");
    let fault = |keys: &str| bench.scraper(&format!("process: {{ {keys} }}")).fault();
    let of = |part: &str, found: Option<String>| {
        assert!(found.as_ref().is_some_and(|fault| fault.contains(part)), "{part}: {found:?}");
    };
    of("user 77 of process 2", fault(""));
    of("/proc/2/exe", fault("mute_process_user_error: true"));
    assert_eq!(fault("mute_process_user_error: true, mute_process_exe_error: true"), None);
    assert_eq!(fault("mute_process_all_errors: true"), None);
}
