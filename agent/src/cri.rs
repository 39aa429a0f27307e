//! Restarts of containers through the socket of the Container Runtime Interface, in a process of their own.
//!
//! The keeper, which reads nothing from outside, starts it; it opens the socket with the keeper's rights, looks
//! whose it is, gives every right up, and only then begins to talk. So privilege and outside bytes
//! do not meet in one process, and what it needed is gone when it ends. Its last line says what
//! became of the order, its exit status whether that is good.
//!
//! Every wait is bounded; [`limit`] is the bound of the whole.

mod plan;
mod restart;
mod runtime;
mod select;

use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use nix::unistd::Uid;

use crate::keeper::orders::Answer;
use crate::keeper::restart::helper;
use crate::privilege;
use crate::protected::Protected;
use restart::Wish;
use runtime::Runtime;

/// One order.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The runtime's socket
    #[arg(long)]
    socket: PathBuf,
    /// Labels of the container or its pod: key=value, several with commas
    #[arg(long)]
    label: String,
    /// Seconds that it may take to stop
    #[arg(long, default_value_t = 10)]
    grace_s: u8,
    /// What must be left alone: process=NAME or cgroup=PATH
    #[arg(long)]
    protect: Vec<String>,
}

/// How long an order may take, whatever the runtime does.
pub(crate) fn limit(grace: Duration) -> Duration {
    grace + restart::REST_WITHIN
}

/// Carries an order out and says what became of it.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    helper::say(answer(arguments))
}

fn answer(arguments: &Arguments) -> Answer {
    let grace = Duration::from_secs(arguments.grace_s.into());
    let protected = Protected::parse(&arguments.protect);
    let Some(wish) = Wish::new(&arguments.label, grace, where_we_are(), protected) else {
        return Answer::Failed(format!("{:?} is no label", arguments.label));
    };
    let stream = match open(arguments) {
        Ok(stream) => stream,
        Err(answer) => return answer,
    };
    if let Err(error) = privilege::drop_all() {
        return Answer::Failed(error);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime {
        Ok(runtime) => runtime.block_on(talk(stream, &wish)),
        Err(error) => Answer::Failed(format!("cannot start: {error}")),
    }
}

async fn talk(stream: UnixStream, wish: &Wish) -> Answer {
    match Runtime::over(stream).await {
        Ok(mut runtime) => wish.fulfil(&mut runtime).await,
        Err(error) => Answer::Failed(error),
    }
}

/// Opens the socket. A runtime is root's, or of whoever asks: somebody else could make us restart anything.
fn open(arguments: &Arguments) -> Result<UnixStream, Answer> {
    let path = arguments.socket.display();
    let failed = |error: &dyn std::fmt::Display| Answer::Failed(format!("{path}: {error}"));
    let stream = UnixStream::connect(&arguments.socket).map_err(|error| failed(&error))?;
    let peer = getsockopt(&stream, PeerCredentials).map_err(|error| failed(&error))?;
    let owner = Uid::from_raw(peer.uid());
    if owner.is_root() || owner == Uid::effective() {
        return Ok(stream);
    }
    Err(Answer::Refused(format!("{path} is served by uid {owner}, expected root")))
}

/// Files that a runtime mounts into a container; in the mount's source stands the pod's id.
const MOUNTED: &[&str] = &["/etc/hostname", "/etc/hosts", "/etc/resolv.conf"];

/// What names the container or pod that we ourselves may be in. On the host nothing does.
pub(crate) fn where_we_are() -> String {
    let read = |name| std::fs::read_to_string(name).unwrap_or_default();
    let mounts = read("/proc/self/mountinfo");
    // proc_pid_mountinfo(5): the fifth field is where it is mounted.
    let point = |line: &&str| line.split(' ').nth(4).is_some_and(|point| MOUNTED.contains(&point));
    mounts.lines().filter(point).fold(read("/proc/self/cgroup"), |all, line| all + line + "\n")
}
