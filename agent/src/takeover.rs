//! `run --takeover`: the agent that runs makes way for a new one; its limits and its ports go on.
//!
//! The old agent is asked on its control socket for its listening sockets, and then to leave: it writes
//! nothing more, withdraws nothing, and delivers what it has accepted; its keeper leaves the pins. The
//! new one starts meanwhile, as after a crash, and adopts them, so no packet meets a moment without a limit,
//! and whoever connects in between waits in the sockets. Who dies half-way costs nothing: the old one
//! goes on until it is told to leave, and its sockets outlive it.
//!
//! An old agent that hands nothing over (a version from before) ends first, and its ports are
//! closed for a moment. One that does not answer is killed; then the kernel goes on by itself.

use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use nix::unistd::Pid;

use crate::admin::client;
use crate::admin::protocol::{CONTROL, Request, Status};

/// With this status an agent tells its keeper that another takes over.
pub(crate) const LEFT: u8 = 77;

/// How long draining may take, after which it is ended.
const DRAINED_WITHIN: Duration = Duration::from_secs(40);
/// How long the end of a process takes that was ended.
const ENDED_WITHIN: Duration = Duration::from_secs(10);
const BETWEEN_LOOKS: Duration = Duration::from_millis(10);

/// Listening sockets and whose they were.
pub(crate) type Inherited = Vec<(String, OwnedFd)>;

/// What the agent before has left: its sockets, and itself while it drains.
#[derive(Debug, Default)]
pub(crate) struct Before {
    sockets: Inherited,
    draining: Option<Leaving>,
}

/// An agent that leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Leaving {
    agent: Pid,
    /// The last of its processes: its keeper, if it has one.
    last: Pid,
}

impl Before {
    /// Makes the agent on this socket make way; nothing to do where none runs.
    pub(crate) fn make_way(socket: &Path) -> Result<Self, String> {
        // Whoever has the socket, also if nobody there reads it any more.
        let Some(agent) = holder(socket) else { return Ok(Self::default()) };
        let (answer, descriptors) = match client::ask_for(socket, &Request::HandOver {}) {
            Ok(handed) => handed,
            // The client has waited ten seconds for the answer.
            Err(_) => return end(agent).map(|()| Self::default()),
        };
        let sockets: Inherited = answer.sockets.into_iter().zip(descriptors).collect();
        let left = client::ask_one(socket, &Request::Leave {}).ok();
        match left.map(|answer| (answer.process, answer.error)) {
            Some((Some(process), _)) => Leaving::of(&process).wait_unless_handed(sockets),
            Some((None, error)) if !error.is_empty() => {
                Err(format!("the running agent, process {agent}, refuses to leave: {error}"))
            }
            _ => end(agent).map(|()| Self { sockets, draining: None }),
        }
    }

    /// The sockets; the agent before is waited for, and ended if it takes too long, beside what goes on
    /// here.
    pub(crate) fn see_off(self) -> Inherited {
        if let Some(leaving) = self.draining {
            std::thread::spawn(move || {
                if let Err(error) = leaving.wait() {
                    eprintln!("medulla-agent: {error}");
                }
            });
        }
        self.sockets
    }
}

impl Leaving {
    fn of(process: &Status) -> Self {
        let last = process.keeper_pid.unwrap_or(process.pid);
        Self { agent: pid(process.pid), last: pid(last) }
    }

    /// With its sockets in hand there is nothing to wait for.
    fn wait_unless_handed(self, sockets: Inherited) -> Result<Before, String> {
        if sockets.is_empty() {
            eprintln!(
                "medulla-agent: the running agent hands no sockets over: its ports close until this one has them"
            );
            return self.wait().map(|()| Before::default());
        }
        Ok(Before { sockets, draining: Some(self) })
    }

    fn wait(self) -> Result<(), String> {
        match has_ended(self.last, DRAINED_WITHIN) {
            true => Ok(()),
            false => end(self.agent).and_then(|()| gone(self.last)),
        }
    }
}

/// The control socket among what was inherited, and the listeners.
pub(crate) fn divide(inherited: Inherited) -> (Option<OwnedFd>, Vec<(String, TcpListener)>) {
    let (control, listeners): (Inherited, Inherited) =
        inherited.into_iter().partition(|(owner, _)| owner == CONTROL);
    let control = control.into_iter().map(|(_, socket)| socket).next();
    (control, listeners.into_iter().map(|(owner, socket)| (owner, socket.into())).collect())
}

/// The process that listens on a socket.
fn holder(socket: &Path) -> Option<Pid> {
    let stream = UnixStream::connect(socket).ok()?;
    let peer = getsockopt(&stream, PeerCredentials).ok()?;
    Some(Pid::from_raw(peer.pid())).filter(|pid| pid.as_raw() > 0)
}

fn end(agent: Pid) -> Result<(), String> {
    match kill(agent, Signal::SIGKILL) {
        Ok(()) | Err(Errno::ESRCH) => gone(agent),
        Err(error) => Err(format!("the running agent, process {agent}, cannot be ended: {error}")),
    }
}

fn gone(process: Pid) -> Result<(), String> {
    match has_ended(process, ENDED_WITHIN) {
        true => Ok(()),
        false => Err(format!("the running agent, process {process}, does not end")),
    }
}

fn has_ended(process: Pid, within: Duration) -> bool {
    let begun = Instant::now();
    while is_alive(process) {
        if begun.elapsed() >= within {
            return false;
        }
        std::thread::sleep(BETWEEN_LOOKS);
    }
    true
}

/// proc(5): a zombie has ended, whoever reads its status.
fn is_alive(process: Pid) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let state = stat.rsplit(") ").next().and_then(|rest| rest.chars().next());
    state.is_some_and(|state| state != 'Z' && state != 'X')
}

fn pid(number: u32) -> Pid {
    Pid::from_raw(i32::try_from(number).unwrap_or(i32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_an_agent_there_is_nothing_to_do() {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let socket = folder.path().join("agent.sock");
        let nothing = || Before::make_way(&socket).is_ok_and(|before| before.see_off().is_empty());
        assert!(nothing());
        drop(std::os::unix::net::UnixListener::bind(&socket).expect("a socket"));
        assert!(nothing(), "a dead socket");
    }

    /// Answers as a version did that knows only `leave`, for a process that ends at that.
    fn old_agent(listener: std::os::unix::net::UnixListener, mut agent: std::process::Child) {
        use std::io::{BufRead, BufReader, Write};
        for stream in listener.incoming().take(3) {
            let mut stream = stream.expect("a connection");
            let mut line = String::new();
            BufReader::new(&stream).read_line(&mut line).expect("readable");
            let answer = match line.contains("leave") {
                true => serde_json::json!({"status": 0, "process": {
                    "pid": agent.id(), "keeper_pid": null, "version": "0", "kernel_missing": null,
                    "interfaces": [],
                }}),
                false => serde_json::json!({"status": 2, "error": "not a request"}),
            };
            if line.contains("leave") {
                agent.kill().expect("it runs");
                agent.wait().expect("it ends");
            }
            // Whoever only looked who we are is gone.
            let _ = writeln!(stream, "{answer}");
        }
    }

    #[test]
    fn an_agent_that_hands_nothing_over_is_waited_for() {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let socket = folder.path().join("agent.sock");
        let listener = std::os::unix::net::UnixListener::bind(&socket).expect("a socket");
        let agent = std::process::Command::new("sleep").arg("100").spawn().expect("it can run");
        let process = pid(agent.id());
        let answering = std::thread::spawn(move || old_agent(listener, agent));
        let before = Before::make_way(&socket).expect("it leaves");
        assert!(before.sockets.is_empty() && before.draining.is_none() && !is_alive(process));
        answering.join().expect("three were answered");
    }

    #[test]
    fn ended_processes_are_told_from_living_ones() {
        assert!(is_alive(Pid::this()));
        let mut child = std::process::Command::new("true").spawn().expect("true can run");
        let process = pid(child.id());
        assert!(has_ended(process, ENDED_WITHIN), "a zombie counts as ended");
        assert!(child.wait().expect("it ended").success());
        assert!(!is_alive(process));
    }
}
