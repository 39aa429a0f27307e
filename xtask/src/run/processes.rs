//! What was started: waited for, and ended by process id.
//!
//! Children stay in our process group, so Ctrl-C reaches them as well as us; a termination of this
//! process alone is passed on. Both are waited for with the signals blocked, so none is missed.

use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::unistd::Pid;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

/// How long a process may take to become healthy, and to end.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often a condition is looked at.
const GLANCE: Duration = Duration::from_millis(50);

/// Started processes, in order.
pub(super) struct Processes {
    children: Vec<(&'static str, Child)>,
    signals: SignalFd,
    asked_to_end: bool,
}

impl Processes {
    pub(super) fn new() -> Result<Self, String> {
        let wanted: SigSet = [Signal::SIGINT, Signal::SIGTERM].into_iter().collect();
        let signals = wanted
            .thread_block()
            .and_then(|()| SignalFd::with_flags(&wanted, SfdFlags::SFD_NONBLOCK))
            .map_err(|error| format!("cannot wait for signals: {error}"))?;
        Ok(Self { children: Vec::new(), signals, asked_to_end: false })
    }

    pub(super) fn start(
        &mut self,
        name: &'static str,
        command: &mut Command,
    ) -> Result<(), String> {
        let child = command.spawn().map_err(|error| format!("cannot start the {name}: {error}"))?;
        self.children.push((name, child));
        Ok(())
    }

    /// Waits for `/livez`; a configuration of the user's may serve none, then a short while.
    pub(super) fn wait_until_healthy(
        &mut self,
        name: &str,
        address: &str,
        own_config: bool,
    ) -> Result<(), String> {
        let patience = if own_config { PATIENCE / 10 } else { PATIENCE };
        let deadline = Instant::now() + patience;
        while Instant::now() < deadline {
            if is_healthy(address) {
                return Ok(());
            }
            self.check()?;
            std::thread::sleep(GLANCE);
        }
        match own_config {
            true => Ok(()),
            false => Err(format!("the {name} is not healthy after {} s", patience.as_secs())),
        }
    }

    /// Waits until a signal asks to end, or a process ends by itself.
    pub(super) fn wait(&mut self) -> Result<(), String> {
        while !self.is_over()? {
            std::thread::sleep(GLANCE);
        }
        Ok(())
    }

    /// Whether a signal has asked to end; an error when a process has ended by itself.
    pub(super) fn is_over(&mut self) -> Result<bool, String> {
        while let Ok(Some(_)) = self.signals.read_signal() {
            self.asked_to_end = true;
        }
        if !self.asked_to_end {
            self.check()?;
        }
        Ok(self.asked_to_end)
    }

    /// Ends everything, last started first; what does not end in time is killed and named.
    pub(super) fn end(mut self) -> Result<(), String> {
        let mut problems = Vec::new();
        for (name, mut child) in self.children.drain(..).rev() {
            match end(&mut child) {
                Some(status) if status.success() => {}
                Some(status) => problems.push(format!("the {name} ended with {status}")),
                None => problems.push(format!("the {name} did not end and was killed")),
            }
        }
        match problems.is_empty() {
            true => Ok(()),
            false => Err(problems.join("; ")),
        }
    }

    fn check(&mut self) -> Result<(), String> {
        for (name, child) in &mut self.children {
            if let Ok(Some(status)) = child.try_wait() {
                return Err(format!("the {name} ended with {status}"));
            }
        }
        Ok(())
    }
}

fn end(child: &mut Child) -> Option<ExitStatus> {
    if let Ok(Some(status)) = child.try_wait() {
        return Some(status);
    }
    let pid = Pid::from_raw(i32::try_from(child.id()).expect("a process id fits its kernel type"));
    // It may have heard Ctrl-C itself and be on its way.
    let _ = kill(pid, Signal::SIGTERM);
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        if let Ok(Some(status)) = child.try_wait() {
            return Some(status);
        }
        std::thread::sleep(GLANCE);
    }
    let _ = child.kill();
    let _ = child.wait();
    None
}

fn is_healthy(address: &str) -> bool {
    let ask = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(2)))?;
        stream.write_all(b"GET /livez HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer.starts_with("HTTP/1.1 200"))
    };
    ask().unwrap_or(false)
}
