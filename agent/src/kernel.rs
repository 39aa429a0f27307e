//! The kernel's side of a host: programs, hooks and maps.
//!
//! [`session`] belongs to the privileged keeper: it loads, attaches, replaces and pins. [`maps`]
//! belongs to the agent: reads and writes through descriptors that the keeper handed over, which
//! needs no privilege from kernel 5.19 on. What both write and decide is defined in `kernel-abi`.
//! [`fake`] is a kernel for tests that runs the same decision. [`interfaces`] says where to attach;
//! [`probe`] and [`foreign`] are what `doctor` asks.
//!
//! Needs BPF atomics (5.12); uses tcx links (6.6) where there are any, else the classic hook. Nothing
//! here decides what to limit.

mod clsact;
pub mod cost;
pub mod fake;
pub mod foreign;
pub mod interfaces;
pub mod maps;
mod netlink;
pub mod object;
pub mod probe;
pub mod reflex;
pub mod session;
pub mod shared;
pub mod trial;

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

pub use kernel_abi::layout::{Latency, Protocol, Unit, Unseen, Verdicts};

/// What a limit is for. Interface and cgroup targets do not exist in the kernel yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Target {
    /// TCP or UDP.
    pub protocol: Protocol,
    /// The destination port.
    pub port: u16,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let protocol = match self.protocol {
            Protocol::Tcp => "tcp",
            Protocol::Udp => "udp",
        };
        write!(f, "{protocol}/{}", self.port)
    }
}

/// A limit as it is written, without its lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// What it is for.
    pub target: Target,
    /// What is counted.
    pub unit: Unit,
    /// The rate; `kernel_abi::limit` has the bounds.
    pub rate_per_hour: u64,
    /// Units that may come at once.
    pub burst: u32,
    /// Count, but drop nothing.
    pub dry_run: bool,
    /// The whole rate for each source address (an IPv4 address, an IPv6 /64).
    pub per_source: bool,
    /// Chosen by the writer, to tell its own entries again after a restart.
    pub generation: u64,
}

/// A limit as the kernel holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// The limit.
    pub limit: Limit,
    /// What is left of its lease; zero when it ended by itself.
    pub remaining: Duration,
}

/// The kernel's table of limits, which has one writer. The real one is [`maps::Maps`].
pub trait LimitTable {
    /// Writes a limit with its lease from now; one that `overrules` lets no rule armed on the port
    /// enforce anything beside it. The same limit again only renews the lease; one with
    /// another rate, burst or unit begins afresh.
    fn write(&mut self, limit: &Limit, lease: Duration, overrules: bool) -> Result<(), Error>;

    /// Ends a limit; false if there was none.
    fn clear(&mut self, target: Target) -> Result<bool, Error>;

    /// What the kernel holds for a target.
    fn read(&self, target: Target) -> Result<Option<Written>, Error>;

    /// All that the kernel holds, by target: what a restarted agent adopts.
    fn written(&self) -> Result<Vec<Written>, Error>;

    /// What a limit has done since it was first written; zeros without a limit.
    fn verdicts(&self, target: Target) -> Result<Verdicts, Error>;

    /// Suspends or resumes all limits at once.
    fn set_kill(&mut self, on: bool) -> Result<(), Error>;

    /// Whether all limits are suspended.
    fn is_killed(&self) -> Result<bool, Error>;
}

/// What can go wrong with the kernel.
#[derive(Debug)]
pub enum Error {
    /// This binary was built without kernel programs.
    NoObject,
    /// The folder for pins is not on a BPF file system.
    NotBpffs(PathBuf),
    /// The folder for pins, or something in it, cannot be used.
    Folder(PathBuf, std::io::Error),
    /// The object or its maps cannot be loaded.
    Load(aya::EbpfError),
    /// The object has no program of this name.
    NoProgram(&'static str),
    /// A program cannot be loaded, run or attached.
    Program(&'static str, aya::programs::ProgramError),
    /// A pinned link cannot be opened or made.
    Link(PathBuf, String),
    /// An interface's classic hook cannot be used.
    Hook(String, String),
    /// A map cannot be read or written.
    Map(&'static str, aya::maps::MapError),
    /// Not the map that was expected under this name.
    Mismatch(&'static str),
    /// A rule can be armed only on a port that is watched.
    NotWatched(u16),
    /// All slots are taken: how many there are, and of what.
    Full(u32, &'static str),
    /// A clock cannot be read.
    Clock(nix::errno::Errno),
    /// The clock program has not run.
    NoClock,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoObject => f.write_str("this binary carries no kernel programs"),
            Self::NotBpffs(path) => {
                write!(f, "{} is not on a BPF file system (mount -t bpf)", path.display())
            }
            Self::Folder(path, error) => write!(f, "{}: {error}", path.display()),
            Self::Load(error) => write!(f, "cannot load the kernel programs: {}", Chain(error)),
            Self::NoProgram(name) => write!(f, "the object has no program {name}"),
            Self::Program(name, error) => write!(f, "program {name}: {}", Chain(error)),
            Self::Link(path, error) => write!(f, "link {}: {error}", path.display()),
            Self::Hook(name, error) => write!(f, "clsact of {name}: {error}"),
            Self::Map(name, error) => write!(f, "map {name}: {}", Chain(error)),
            Self::Mismatch(name) => write!(f, "map {name} is of another layout"),
            Self::NotWatched(port) => write!(f, "port {port} is not watched"),
            Self::Full(count, what) => write!(f, "all {count} {what} slots are taken"),
            Self::Clock(error) => write!(f, "cannot read the clock: {error}"),
            Self::NoClock => f.write_str("the kernel's clock was never read"),
        }
    }
}

// Sources are in the message: aya's own messages name a call, and the reason is one level deeper.
impl std::error::Error for Error {}

/// An error with all its sources.
pub(crate) struct Chain<'a>(pub(crate) &'a dyn std::error::Error);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(error) = source {
            // Transparent errors repeat what the level above has said.
            write!(f, ": {error}")?;
            source = error.source();
        }
        Ok(())
    }
}
