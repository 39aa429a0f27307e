//! Promise: rules over a cgroup see a process that burns CPU and one that leaks, and nothing in a quiet one.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use medulla_tests::host;
use medulla_tests::medulla::TELEMETRY;
use medulla_tests::{Medulla, wait_until};

const LIMIT_BYTES: u64 = 512 << 20;

/// A cgroup of this test's own in every hierarchy; gone with this.
struct Group {
    path: String,
    folders: Vec<PathBuf>,
    members: Vec<Child>,
}

impl Group {
    /// `None` where memory cannot be limited by us, as on hosts that do not delegate it.
    fn new(name: &str) -> Option<Self> {
        let path = format!("/medulla-test-{name}-{}", std::process::id());
        let mounts = fs::read_to_string("/proc/self/mounts").expect("proc is mounted");
        let folder = |line: &str| {
            let mut words = line.split(' ').skip(1);
            let (at, kind, options) = (words.next()?, words.next()?, words.next()?);
            let v1 = options.split(',').any(|name| ["cpu", "cpuacct", "memory"].contains(&name));
            let counts = kind == "cgroup2" || kind == "cgroup" && v1;
            counts.then(|| Path::new(at).join(&path[1..]))
        };
        let folders: Vec<_> = mounts.lines().filter_map(folder).collect();
        folders.iter().for_each(|folder| fs::create_dir(folder).expect("root makes cgroups"));
        let group = Self { path, folders, members: Vec::new() };
        let limit = LIMIT_BYTES.to_string();
        let limits = |file: &str| {
            group.folders.iter().any(|folder| {
                folder.join(file).exists() && fs::write(folder.join(file), &limit).is_ok()
            })
        };
        (limits("memory.max") || limits("memory.limit_in_bytes")).then_some(group)
    }

    /// Runs a shell script in it.
    fn run(&mut self, script: &str) {
        let enter = |folder: &PathBuf| format!("echo $$ > {}/cgroup.procs; ", folder.display());
        let enter: String = self.folders.iter().map(enter).collect();
        let child = Command::new("sh").args(["-c", &format!("{enter}{script}")]).spawn();
        self.members.push(child.expect("there is a shell"));
    }

    /// Taken away and made anew, as by a service that is restarted: its counters begin at zero.
    fn renew(&mut self) {
        self.calm();
        self.remove();
        self.folders.iter().for_each(|folder| fs::create_dir(folder).expect("root makes cgroups"));
    }

    fn remove(&self) {
        // The last member may still be leaving.
        wait_until("the cgroup is gone", || {
            self.folders.iter().all(|folder| fs::remove_dir(folder).is_ok() || !folder.exists())
        });
    }

    fn calm(&mut self) {
        for mut child in self.members.drain(..) {
            child.kill().expect("it is ours");
            child.wait().expect("it is ours");
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.calm();
        self.remove();
    }
}

fn config(path: &str) -> String {
    format!(
        "
receivers: {{ reflex: {{}} }}
exporters: {{ debug: {{ verbosity: basic }} }}
reflex:
  kill_file: /nonexistent/kill
  rules:
    - name: burn
      when: 'cgroup[\"{path}\"].cpu.utilization > 0.1'
      clear_for: 1s
      then: [ alert: {{ message: it burns }} ]
    - name: leak
      when: 'cgroup[\"{path}\"].memory.time_to_limit < Duration(\"10m\")'
      clear_for: 1s
      then: [ alert: {{ message: it leaks }} ]
service:
  pipelines: {{ logs: {{ receivers: [reflex], exporters: [debug] }} }}
{TELEMETRY}"
    )
}

fn has(agent: &Medulla, rule: &str, reason: &str) -> bool {
    let records = agent.records();
    records
        .iter()
        .any(|record| record["rule"] == rule && record["reason"].to_string().contains(reason))
}

#[test]
fn a_burning_and_a_leaking_process_are_seen() {
    host::run(|_| {
        let Some(mut group) = Group::new("faults") else {
            println!("skipped: memory of cgroups cannot be limited here");
            return;
        };
        let agent = Medulla::agent(&config(&group.path));
        group.run("while :; do sleep 0.05; done");
        wait_until("the windows are full", || agent.is_warm());
        assert!(!has(&agent, "burn", "holds") && !has(&agent, "leak", "holds"), "all is well");
        group.run("while :; do :; done");
        wait_until("the burning is seen", || has(&agent, "burn", "holds"));
        group.calm();
        wait_until("the end of the burning is seen", || has(&agent, "burn", "cleared"));
        // A MiB at a time, as much as ten in a second.
        group.run(
            "m=0123456789abcdef; for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do m=$m$m; done; \
             n=0; while [ $n -lt 150 ]; do n=$((n+1)); eval \"v$n=\\$m\"; sleep 0.2; done; sleep 60",
        );
        wait_until("the leak is seen", || has(&agent, "leak", "holds"));
    });
}

/// A counter that begins anew is neither a burst nor the end of sight.
#[test]
fn a_cgroup_that_is_made_anew_is_no_fault_and_is_seen_again() {
    host::run(|_| {
        let Some(mut group) = Group::new("reset") else {
            println!("skipped: memory of cgroups cannot be limited here");
            return;
        };
        // Seconds of CPU time are on the counter before anybody looks.
        group.run("n=0; while [ $n -lt 1000000 ]; do n=$((n+1)); done");
        for mut child in group.members.drain(..) {
            assert!(child.wait().expect("it is ours").success());
        }
        let agent = Medulla::agent(&config(&group.path));
        group.run("while :; do sleep 0.05; done");
        wait_until("the windows are full", || agent.is_warm());
        for _ in 0..3 {
            group.renew();
            group.run("while :; do sleep 0.05; done");
            let shown = |agent: &Medulla| {
                let view = agent.view();
                let signals = view["signals"].as_array().cloned().unwrap_or_default();
                signals
                    .iter()
                    .any(|signal| signal["signal"].to_string().contains("cpu.utilization"))
            };
            wait_until("it is read again", || shown(&agent));
        }
        assert!(!has(&agent, "burn", "holds") && !has(&agent, "leak", "holds"), "all is well");
        group.run("while :; do :; done");
        wait_until("the burning is seen", || has(&agent, "burn", "holds"));
    });
}
