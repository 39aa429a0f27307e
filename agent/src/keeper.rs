//! The keeper: the privileged half of a running agent.
//!
//! It has no network and parses nothing but the fixed-size messages of [`orders`]. It makes the
//! folders, starts the agent proper with everything given up, loads and attaches the kernel
//! programs when the agent has said for which interfaces, hands over the maps, follows interfaces
//! as they come and go, and tidies up. One thread, one poll loop.
//!
//! How it ends (contract.md section 3): the agent ended by itself, the programs are unpinned if it
//! ended well, and its status is ours. The agent was killed: pins stay, limits go on to the end of
//! their leases, status 1.

mod bpffs;
mod follow;
pub(crate) mod link;
mod memory;
pub mod orders;
pub(crate) mod restart;

use std::io::Write;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};

use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::unistd::{Pid, Uid};

use crate::folders::Folders;
use crate::kernel::interfaces;
use crate::kernel::session::Investigation;
use crate::protected::{self, Protected};
use crate::{privilege, takeover};
use follow::Follower;
use orders::{Order, Report};

/// Runs the keeper and the agent it starts; returns the agent's status.
pub(crate) fn run(files: &[String], before: takeover::Before) -> ExitCode {
    match Keeper::start(files, before) {
        Ok(mut keeper) => keeper.watch(),
        Err(error) => {
            eprintln!("medulla-agent: {error}");
            ExitCode::FAILURE
        }
    }
}

struct Keeper {
    folders: Folders,
    agent: Child,
    signals: SignalFd,
    socket: OwnedFd,
    /// Whether the agent still listens.
    connected: bool,
    /// Interfaces to follow.
    wanted: Vec<String>,
    /// The loaded programs and the interfaces they are on.
    follower: Option<Follower>,
    mounted: Option<bpffs::Mounted>,
    /// What the next restart must leave alone.
    protected: Vec<String>,
    /// What is timed beside packets, and until when.
    investigation: Option<(Instant, Investigation)>,
}

impl Keeper {
    fn start(files: &[String], before: takeover::Before) -> Result<Self, String> {
        let folders = Folders::of_system();
        let mounted = prepare(&folders)?;
        let said = |what: &str, error: &dyn std::fmt::Display| format!("cannot {what}: {error}");
        let (socket, theirs) = orders::pair().map_err(|e| said("make a socketpair", &e))?;
        let wanted = [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGCHLD];
        let set: SigSet = wanted.into_iter().collect();
        set.thread_block().map_err(|error| said("block signals", &error))?;
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        let signals =
            SignalFd::with_flags(&set, flags).map_err(|error| said("read signals", &error))?;
        let agent = spawn(files, theirs).map_err(|error| said("start the agent", &error))?;
        let mut keeper = Self {
            folders,
            agent,
            signals,
            socket,
            connected: true,
            wanted: Vec::new(),
            follower: None,
            mounted,
            protected: Vec::new(),
            investigation: None,
        };
        keeper.pass_on(before);
        Ok(keeper)
    }

    /// Hands on what the agent before has handed over, and sees that one off.
    fn pass_on(&mut self, before: takeover::Before) {
        let before = before.see_off();
        for (owner, socket) in before {
            self.tell(&Report::Inherited(owner), &[socket]);
        }
    }

    /// Serves until the agent has ended.
    fn watch(&mut self) -> ExitCode {
        loop {
            let ready = self.wait();
            if ready.signals
                && let Some(status) = self.take_signals()
            {
                return self.end(status);
            }
            if ready.socket {
                self.take_order();
            }
            if ready.interfaces {
                self.follow();
            }
            let over = |(end, _): &mut (Instant, Investigation)| *end <= Instant::now();
            // Dropped, it lets go of its tracepoints.
            drop(self.investigation.take_if(over));
        }
    }

    fn wait(&self) -> Ready {
        let interfaces = self.follower.as_ref().map(Follower::changes);
        let mut polled = vec![PollFd::new(self.signals.as_fd(), PollFlags::POLLIN)];
        if self.connected {
            polled.push(PollFd::new(self.socket.as_fd(), PollFlags::POLLIN));
        }
        if let Some(interfaces) = interfaces {
            polled.push(PollFd::new(interfaces, PollFlags::POLLIN));
        }
        // An interrupted wait shows nothing ready and is begun again.
        let _ = poll(&mut polled, self.patience());
        let is_ready = |index: usize| {
            polled.get(index).and_then(PollFd::revents).is_some_and(|events| !events.is_empty())
        };
        let socket = usize::from(self.connected);
        Ready {
            signals: is_ready(0),
            socket: self.connected && is_ready(1),
            interfaces: is_ready(1 + socket),
        }
    }

    /// Until the investigation ends; a millisecond more, so that it has.
    fn patience(&self) -> PollTimeout {
        let Some((end, _)) = &self.investigation else { return PollTimeout::NONE };
        let left = end.saturating_duration_since(Instant::now()) + Duration::from_millis(1);
        PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)
    }

    /// Passes signals on; the agent's status once it has ended.
    fn take_signals(&mut self) -> Option<ExitStatus> {
        while let Ok(Some(info)) = self.signals.read_signal() {
            let number = i32::try_from(info.ssi_signo).unwrap_or(0);
            match Signal::try_from(number) {
                Ok(Signal::SIGCHLD) | Err(_) => {}
                // The agent may have heard it too, as part of our group, or have ended.
                Ok(signal) => {
                    let _ = kill(pid_of(&self.agent), signal);
                }
            }
        }
        self.agent.try_wait().ok().flatten()
    }

    fn take_order(&mut self) {
        let order = match orders::receive(&self.socket) {
            Ok((bytes, _)) => Order::decode(&bytes),
            Err(error) if error.raw_os_error() == Some(Errno::EINTR as i32) => return,
            Err(_) => None,
        };
        match order {
            Some(Order::Follow(name)) => self.wanted.push(name),
            Some(Order::FollowAuto) => self.wanted.push(interfaces::AUTO.to_owned()),
            Some(Order::Attach) => self.attach(),
            Some(Order::Investigate) => self.investigate(),
            // More than that nobody who knows us says.
            Some(Order::Protect(_)) if self.protected.len() == 2 * protected::ENTRIES_MAX => {
                self.connected = false;
            }
            Some(Order::Protect(entry)) => self.protected.push(entry),
            Some(
                order @ (Order::RestartUnit { .. }
                | Order::RestartContainer { .. }
                | Order::RestartPod { .. }),
            ) => {
                self.restart(order);
            }
            // The agent is gone, or is not ours to talk to any more.
            None => self.connected = false,
        }
    }

    /// Begins an investigation, or prolongs the one that runs.
    fn investigate(&mut self) {
        let end = Instant::now() + orders::INVESTIGATION;
        if let Some((until, _)) = &mut self.investigation {
            *until = end;
            return;
        }
        let Some(follower) = &mut self.follower else { return };
        match follower.investigate() {
            Ok(investigation) => self.investigation = Some((end, investigation)),
            Err(error) => say(&format!("cannot time the run queue: {error}")),
        }
        memory::give_back();
    }

    fn attach(&mut self) {
        let wanted = std::mem::take(&mut self.wanted);
        let started = Follower::start(&self.folders.bpf, wanted)
            .and_then(|follower| Ok((follower.maps()?, follower)));
        match started {
            Ok((maps, follower)) => {
                self.tell(&Report::Ready, &maps);
                let covered: Vec<String> = follower.covered().cloned().collect();
                covered.into_iter().for_each(|name| self.tell(&Report::Attached(name), &[]));
                self.follower = Some(follower);
            }
            Err(error) => self.tell(&Report::Failed(error), &[]),
        }
        memory::give_back();
    }

    /// On a thread of its own: stopping takes as long as what is stopped likes.
    fn restart(&mut self, order: Order) {
        let Ok(socket) = self.socket.try_clone() else {
            return say("no descriptor is left to answer on");
        };
        let protected = Protected::parse(&std::mem::take(&mut self.protected));
        std::thread::spawn(move || {
            let report = restart::run(&order, &protected);
            // The agent that asked may be gone.
            let _ = orders::send(&socket, &report.encode(), &[]);
        });
    }

    fn follow(&mut self) {
        let Some(follower) = &mut self.follower else { return };
        match follower.follow() {
            Ok(changes) => changes.iter().for_each(|change| self.tell(change, &[])),
            Err(error) => say(&error),
        }
    }

    fn tell(&mut self, report: &Report, descriptors: &[OwnedFd]) {
        let descriptors: Vec<_> = descriptors.iter().map(AsFd::as_fd).collect();
        if self.connected && orders::send(&self.socket, &report.encode(), &descriptors).is_err() {
            self.connected = false;
        }
    }

    fn end(&mut self, status: ExitStatus) -> ExitCode {
        let Some(code) = status.code() else {
            let signal = status.signal().unwrap_or_default();
            say(&format!("the agent was ended by signal {signal}; limits go on to their end"));
            self.leave();
            return ExitCode::FAILURE;
        };
        if code == i32::from(takeover::LEFT) {
            self.leave();
            return ExitCode::SUCCESS;
        }
        if code == 0
            && let Some(follower) = self.follower.take()
        {
            if let Err(error) = follower.unpin() {
                say(&format!("cannot unpin: {error}"));
            }
            drop(self.mounted.take());
        }
        ExitCode::from(u8::try_from(code).unwrap_or(1))
    }
}

impl Keeper {
    /// Leaves the pins, and the file system they are on.
    fn leave(&mut self) {
        std::mem::forget(self.mounted.take());
    }
}

/// What has something to read.
struct Ready {
    signals: bool,
    socket: bool,
    interfaces: bool,
}

/// Makes the folders that need our rights.
fn prepare(folders: &Folders) -> Result<Option<bpffs::Mounted>, String> {
    if !Uid::effective().is_root() {
        folders.hand_over(Uid::current(), nix::unistd::Gid::current())?;
        return Ok(None);
    }
    let (user, group) = privilege::account();
    folders.hand_over(user, group)?;
    // Without a bpffs the agent runs on as a plain OTLP agent; loading says why.
    Ok(bpffs::mount(&folders.bpf).inspect_err(|error| say(error)).ok().flatten())
}

/// The agent proper: our own binary, with its end of the socketpair as standard input.
fn spawn(files: &[String], socket: OwnedFd) -> std::io::Result<Child> {
    let mut command = Command::new("/proc/self/exe");
    command.arg("run-agent");
    files.iter().for_each(|file| {
        command.args(["--config", file]);
    });
    command.stdin(Stdio::from(socket)).spawn()
}

fn pid_of(child: &Child) -> Pid {
    Pid::from_raw(i32::try_from(child.id()).expect("a process id fits its kernel type"))
}

/// The keeper has no configuration, so its few lines are plain.
fn say(text: &str) {
    // Nobody may be reading any more; there is no other place to say it.
    let _ = writeln!(std::io::stderr(), "medulla-agent keeper: {text}");
}
