//! `run --takeover`: the agent that runs makes way for a new one, and its limits go on.
//!
//! The old agent is asked on its control socket to leave: it drains, withdraws nothing, and its keeper
//! leaves the pins. The new one then starts as after a crash and adopts them, so no packet meets a
//! moment without a limit. An old agent that does not answer is ended; then the kernel goes on by
//! itself. Listeners are closed by the old process and opened by the new one: a sender that comes in
//! between is refused and tries again.

use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use nix::unistd::Pid;

use crate::admin::client;
use crate::admin::protocol::Request;

/// With this status an agent tells its keeper that another takes over.
pub(crate) const LEFT: u8 = 77;

/// How long draining may take, after which it is ended.
const DRAINED_WITHIN: Duration = Duration::from_secs(40);
/// How long the end of a process takes that was ended.
const ENDED_WITHIN: Duration = Duration::from_secs(10);
const BETWEEN_LOOKS: Duration = Duration::from_millis(10);

/// Makes the agent on this socket leave; nothing to do where none runs.
pub(crate) fn from(socket: &Path) -> Result<(), String> {
    // Whoever has the socket, also if nobody there reads it any more.
    let Some(agent) = holder(socket) else { return Ok(()) };
    let answer = client::ask_one(socket, &Request::Leave {});
    let keeper = answer.ok().and_then(|answer| {
        let process = answer.process?;
        Some(pid(process.keeper_pid.unwrap_or(process.pid)))
    });
    match keeper {
        Some(keeper) if has_ended(keeper, DRAINED_WITHIN) => Ok(()),
        Some(keeper) => end(agent).and_then(|()| gone(keeper)),
        // The client has waited ten seconds for the answer.
        None => end(agent),
    }
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
        assert_eq!(from(&socket), Ok(()));
        drop(std::os::unix::net::UnixListener::bind(&socket).expect("a socket"));
        assert_eq!(from(&socket), Ok(()), "a dead socket");
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
