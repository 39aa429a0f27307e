//! What the engine needs of the kernel's limit table: the real one is `kernel::maps`, tests use a
//! fake that decides with the same GCRA.

use std::io;
use std::time::Duration;

use super::{Rule, Target};

/// The kernel's limit table.
pub trait Table: Send {
    /// Enforces a rule on a target for a time, in place of what was there.
    fn write(
        &mut self,
        target: Target,
        rule: &Rule,
        lease: Duration,
        generation: u64,
    ) -> io::Result<()>;

    /// Enforces nothing on a target.
    fn clear(&mut self, target: Target) -> io::Result<()>;

    /// Everything that is enforced, or was until its lease ended.
    fn pinned(&self) -> io::Result<Vec<Pinned>>;

    /// What was counted since the rule on a target was written first.
    fn counts(&self, target: Target) -> io::Result<Counts>;
}

/// One entry of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pinned {
    /// What for.
    pub target: Target,
    /// What.
    pub rule: Rule,
    /// How long it still holds; zero when it is over.
    pub remaining: Duration,
    /// Whose.
    pub generation: u64,
}

/// What happened to units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Admitted.
    pub passed: u64,
    /// Dropped, or in a dry run counted as if.
    pub dropped: u64,
    /// Passed because the lease was over.
    pub expired: u64,
}
