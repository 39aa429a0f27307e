//! One step of the gate: run it, bound it, remember how it ended.

use super::tally::Tally;
use nix::sys::signal::{SigSet, Signal, killpg};
use nix::unistd::Pid;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError, mpsc};
use std::time::{Duration, Instant};

/// No step takes longer than this on two cores from a cold start.
const STEP_MAX: Duration = Duration::from_secs(25 * 60);

/// How a step ended.
pub(crate) enum Outcome {
    Passed,
    Failed(String),
    /// Not run, with the reason.
    Skipped(String),
}

impl From<bool> for Outcome {
    fn from(passed: bool) -> Self {
        if passed { Self::Passed } else { Self::Failed("see above".to_owned()) }
    }
}

/// What the gate has seen so far.
#[derive(Default)]
pub(crate) struct Report {
    tally: Tally,
    failed: Vec<String>,
    notes: Vec<String>,
}

impl Report {
    /// Runs one step under a heading; true unless it failed.
    pub(crate) fn step(&mut self, name: &str, run: impl FnOnce() -> Outcome) -> bool {
        println!("== {name}");
        let begun = Instant::now();
        match run() {
            Outcome::Passed => {
                self.tally.passed += 1;
                println!("== {name}: ok, {:.1} s", begun.elapsed().as_secs_f64());
                true
            }
            Outcome::Failed(reason) => {
                self.fail(name, &reason);
                false
            }
            Outcome::Skipped(reason) => {
                self.skip(name, &reason);
                true
            }
        }
    }

    /// A line that the summary repeats.
    pub(crate) fn note(&mut self, line: String) {
        self.notes.extend((!line.is_empty()).then_some(line));
    }

    pub(crate) fn skip(&mut self, name: &str, reason: &str) {
        println!("== {name}: skipped: {reason}");
        self.tally.skips.push((name.to_owned(), reason.to_owned()));
    }

    fn fail(&mut self, name: &str, reason: &str) {
        println!("== {name}: FAILED: {reason}");
        self.failed.push(format!("{name}: {reason}"));
    }

    /// Runs the test binaries, shows what they print and counts it.
    pub(crate) fn tests(&mut self, command: &mut Command) {
        println!("== tests");
        let failed_before = self.tally.failed;
        let status = spawn(command.stdout(Stdio::piped())).map(|mut child| {
            let output = child.stdout.take().expect("stdout was asked for as a pipe");
            let guard = Deadline::start(&child);
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if self.tally.read(&line) {
                    println!("{line}");
                }
            }
            wait(child, guard)
        });
        let told = self.tally.failed > failed_before;
        match status.and_then(|status| status) {
            Ok(status) if status.success() || told => {}
            Ok(status) => self.fail("tests", &format!("cargo test ended with {status}")),
            Err(reason) => self.fail("tests", &reason),
        }
    }

    /// Prints what was skipped and what failed, then the one line that sums it all up.
    pub(crate) fn close(self) -> ExitCode {
        for (name, reason) in &self.tally.skips {
            println!("skipped {name}: {reason}");
        }
        for name in &self.tally.failures {
            println!("failed test {name}");
        }
        for step in &self.failed {
            println!("failed step {step}");
        }
        self.notes.iter().for_each(|line| println!("{line}"));
        let failed = self.tally.failed + self.failed.len();
        let skipped = self.tally.skipped();
        println!("{} passed, {failed} failed, {skipped} skipped", self.tally.passed());
        if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

/// The kernel programs that every Cargo command of this run embeds in the agent.
static OBJECT: OnceLock<PathBuf> = OnceLock::new();

/// Embeds this object from now on.
pub(crate) fn embed(object: PathBuf) {
    // Set once per run; a second object would be the same.
    let _ = OBJECT.set(object);
}

/// A Cargo command at the workspace's root.
pub(crate) fn cargo_command<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(crate::tree::cargo());
    command.args(arguments).current_dir(crate::tree::root());
    if let Some(object) = OBJECT.get() {
        command.env(crate::build::OBJECT_VARIABLE, object);
    }
    command
}

/// Runs Cargo to its end.
pub(crate) fn cargo<S: AsRef<OsStr>>(arguments: impl IntoIterator<Item = S>) -> Outcome {
    finish(&mut cargo_command(arguments))
}

/// Runs a command to its end, or ends it when its time is over.
pub(crate) fn finish(command: &mut Command) -> Outcome {
    let ended = spawn(command).and_then(|child| {
        let guard = Deadline::start(&child);
        wait(child, guard)
    });
    match ended {
        Ok(status) if status.success() => Outcome::Passed,
        Ok(status) => Outcome::Failed(status.to_string()),
        Err(reason) => Outcome::Failed(reason),
    }
}

/// The group of the step that is running.
static GROUP: Mutex<Option<Pid>> = Mutex::new(None);

fn running() -> MutexGuard<'static, Option<Pid>> {
    GROUP.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Lets an interrupt end the step that is running, and us. Steps are process groups of their own,
/// so that a test that hangs can be ended with all it started.
pub(crate) fn end_with_us() {
    let signals: SigSet = [Signal::SIGINT, Signal::SIGTERM].into_iter().collect();
    if signals.thread_block().is_err() {
        return;
    }
    std::thread::spawn(move || {
        if let Ok(signal) = signals.wait() {
            // Held to the end: no other step begins.
            let running = running();
            running.iter().for_each(|group| end_group(*group));
            std::process::exit(128 + signal as i32);
        }
    });
}

fn end_group(group: Pid) {
    // The group may have ended by itself, which is what was wanted.
    let _ = killpg(group, Signal::SIGKILL);
}

fn spawn(command: &mut Command) -> Result<Child, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let mut running = running();
    let child = command.process_group(0).spawn();
    let child = child.map_err(|error| format!("cannot run {name}: {error}"))?;
    *running = Some(group_of(&child));
    Ok(child)
}

fn group_of(child: &Child) -> Pid {
    Pid::from_raw(i32::try_from(child.id()).expect("a process id fits its kernel type"))
}

/// Ends the group after `STEP_MAX` unless dropped before.
struct Deadline {
    _alive: mpsc::Sender<()>,
    ended: mpsc::Receiver<()>,
}

impl Deadline {
    fn start(child: &Child) -> Self {
        let group = group_of(child);
        let (alive, watched) = mpsc::channel::<()>();
        let (tell, ended) = mpsc::channel();
        std::thread::spawn(move || {
            if watched.recv_timeout(STEP_MAX) == Err(mpsc::RecvTimeoutError::Timeout) {
                // Told first, so that the waiting side cannot miss why the step ended.
                let _ = tell.send(());
                end_group(group);
            }
        });
        Self { _alive: alive, ended }
    }
}

fn wait(mut child: Child, deadline: Deadline) -> Result<ExitStatus, String> {
    let status = child.wait().map_err(|error| error.to_string());
    *running() = None;
    if deadline.ended.try_recv().is_ok() {
        return Err(format!("ended after {} s", STEP_MAX.as_secs()));
    }
    status
}
