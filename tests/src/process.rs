//! One started binary: its log, its signals, its memory, its end.
//!
//! The log is read by a thread of its own, so that a chatty process never blocks on a full pipe;
//! the newest `LINES_MAX` lines are kept. Dropping a process kills it and every descendant it
//! has at that moment or is remembered to have had, by process id, and reaps it.

use crate::{GLANCE, PATIENCE};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Instant;

const LINES_MAX: usize = 20_000;

/// A running process; see the module.
pub struct Process {
    child: Child,
    log: Arc<Log>,
    /// Descendants that may outlive their parent, and when they started.
    remembered: Vec<(Pid, u64)>,
}

/// Lines of both outputs in the order they arrived.
#[derive(Default)]
struct Log {
    lines: Mutex<VecDeque<String>>,
    grown: Condvar,
}

impl Process {
    /// Starts a command with both outputs captured.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start(command: &mut Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {:?}: {error}", command.get_program()));
        let log = Arc::new(Log::default());
        follow(child.stdout.take().expect("stdout is a pipe"), &log);
        follow(child.stderr.take().expect("stderr is a pipe"), &log);
        Self { child, log, remembered: Vec::new() }
    }

    /// The process id.
    pub fn id(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).expect("a process id fits its kernel type"))
    }

    /// Ids of this process and all its descendants, parents first.
    pub fn family(&self) -> Vec<Pid> {
        family(self.id())
    }

    /// Keeps the descendants of now in mind, so that they are found when their parent is gone.
    pub fn remember_family(&mut self) {
        let family = self.family().into_iter().skip(1);
        self.remembered = family.filter_map(|process| Some((process, started(process)?))).collect();
    }

    /// The first descendant that is remembered: of a keeper the agent.
    ///
    /// # Panics
    /// When there is none.
    pub fn child_id(&self) -> Pid {
        self.remembered.first().expect("it had a child when it came up").0
    }

    /// Waits for a log line and returns what `find` made of it. Blocks its thread.
    ///
    /// # Panics
    /// When the line does not come in time or the process ends before; shows the log.
    pub fn wait_for<T>(&mut self, what: &str, find: impl Fn(&str) -> Option<T>) -> T {
        tokio::task::block_in_place(|| {
            let deadline = Instant::now() + PATIENCE;
            loop {
                if let Some(found) = self.log.wait(&find) {
                    return found;
                }
                let ended = self.child.try_wait().expect("a child can be waited for");
                let late = Instant::now() >= deadline;
                if ended.is_some() || late {
                    // The last lines may have come between the look and the end.
                    if let Some(found) = self.log.wait(&find) {
                        return found;
                    }
                    panic!("no {what} (ended: {ended:?}); log:\n{}", self.log());
                }
            }
        })
    }

    /// The log so far.
    pub fn log(&self) -> String {
        let lines = self.log.lines.lock().expect("the log's lock is never poisoned");
        lines.iter().map(|line| format!("{line}\n")).collect()
    }

    /// Sends a signal to the process itself.
    ///
    /// # Panics
    /// When it is gone.
    pub fn signal(&self, signal: Signal) {
        kill(self.id(), signal).expect("the process is there to hear its signal");
    }

    /// Kills the process and all its descendants, as a power cut would, reaps it and waits until
    /// all are gone.
    pub fn kill(&mut self) {
        let mut family = if self.is_running() { self.family() } else { Vec::new() };
        let known = self.remembered.iter().filter(|(process, at)| started(*process) == Some(*at));
        family.extend(known.map(|(process, _)| *process));
        for process in &family {
            // A descendant may have ended in between, which is what was wanted.
            let _ = kill(*process, Signal::SIGKILL);
        }
        let _ = self.child.wait();
        let deadline = Instant::now() + PATIENCE;
        while family.iter().any(|process| is_alive(*process)) && Instant::now() < deadline {
            std::thread::sleep(GLANCE);
        }
    }

    /// Waits for the process to end by itself. Blocks its thread.
    ///
    /// # Panics
    /// When it does not end in time; shows the log.
    pub fn wait(&mut self) -> ExitStatus {
        tokio::task::block_in_place(|| {
            let deadline = Instant::now() + PATIENCE;
            loop {
                if let Some(status) = self.child.try_wait().expect("a child can be waited for") {
                    return status;
                }
                assert!(Instant::now() < deadline, "did not end; log:\n{}", self.log());
                std::thread::sleep(GLANCE);
            }
        })
    }

    /// Whether it has not ended.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("a child can be waited for").is_none()
    }

    /// The largest resident memory that one process of the family ever had, summed, in bytes.
    pub fn peak_memory_bytes(&self) -> u64 {
        self.family().into_iter().filter_map(|process| status_kib(process, "VmHWM:")).sum::<u64>()
            * 1024
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Log {
    fn push(&self, line: String) {
        let mut lines = self.lines.lock().expect("the log's lock is never poisoned");
        if lines.len() == LINES_MAX {
            lines.pop_front();
        }
        lines.push_back(line);
        self.grown.notify_all();
    }

    /// Looks through all lines, after waiting a little for a new one if there is none yet.
    fn wait<T>(&self, find: &impl Fn(&str) -> Option<T>) -> Option<T> {
        let lines = self.lines.lock().expect("the log's lock is never poisoned");
        if let Some(found) = lines.iter().find_map(|line| find(line)) {
            return Some(found);
        }
        let waited = self.grown.wait_timeout(lines, 10 * GLANCE);
        let (lines, _) = waited.expect("the log's lock is never poisoned");
        lines.iter().find_map(|line| find(line))
    }
}

fn follow(pipe: impl Read + Send + 'static, log: &Arc<Log>) {
    let log = log.clone();
    std::thread::spawn(move || {
        for line in BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
            log.push(String::from_utf8_lossy(&line).into_owned());
        }
    });
}

/// A process and its descendants, from /proc.
pub fn family(process: Pid) -> Vec<Pid> {
    let mut found = vec![process];
    let mut next = 0;
    while next < found.len() {
        found.extend(children(found[next]));
        next += 1;
    }
    found
}

fn children(process: Pid) -> Vec<Pid> {
    let Ok(threads) = std::fs::read_dir(format!("/proc/{process}/task")) else {
        return Vec::new();
    };
    let lists = threads
        .flatten()
        .filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok());
    lists
        .flat_map(|list| {
            list.split_whitespace().filter_map(|id| id.parse().ok()).collect::<Vec<i32>>()
        })
        .map(Pid::from_raw)
        .collect()
}

/// Whether a process has not ended; one that nobody has reaped yet has.
pub fn is_alive(process: Pid) -> bool {
    stat(process).is_some_and(|fields| !["Z", "X"].contains(&fields[0].as_str()))
}

/// Waits until a process has ended that is not our child.
///
/// # Panics
/// When it does not in time.
pub fn wait_for_end(process: Pid) {
    let deadline = Instant::now() + PATIENCE;
    while is_alive(process) {
        assert!(Instant::now() < deadline, "process {process} does not end");
        std::thread::sleep(GLANCE);
    }
}

/// The state of a process: a letter of proc(5).
pub fn state(process: Pid) -> Option<String> {
    stat(process).map(|fields| fields[0].clone())
}

/// When a process started, in ticks since the machine did.
fn started(process: Pid) -> Option<u64> {
    stat(process)?.get(19)?.parse().ok()
}

/// proc(5): the fields of stat from the state on; the name before it may hold anything.
fn stat(process: Pid) -> Option<Vec<String>> {
    let text = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let fields: Vec<String> =
        text.rsplit_once(')')?.1.split_whitespace().map(str::to_owned).collect();
    (!fields.is_empty()).then_some(fields)
}

/// A field of `/proc/PID/status` in KiB.
fn status_kib(process: Pid, field: &str) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}
