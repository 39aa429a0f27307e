//! Programs on the interfaces that are wanted, as those come and go.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use super::orders::Report;
use crate::kernel::interfaces::{Watcher, select};
use crate::kernel::session::{Investigation, Session};

/// A session that follows interfaces.
pub(super) struct Follower {
    session: Session,
    watcher: Watcher,
    wanted: Vec<String>,
    /// Covered interfaces by index.
    covered: BTreeMap<u32, String>,
}

impl Follower {
    /// Loads the programs and puts them on what is there of `wanted`.
    pub(super) fn start(bpf: &Path, wanted: Vec<String>) -> Result<Self, String> {
        // News are collected from before the first look, so that none is missed.
        let watcher =
            Watcher::new().map_err(|error| format!("cannot follow interfaces: {error}"))?;
        let session = Session::open(bpf).map_err(|error| error.to_string())?;
        let mut follower = Self { session, watcher, wanted, covered: BTreeMap::new() };
        follower.update()?;
        Ok(follower)
    }

    /// Descriptors of the maps.
    pub(super) fn maps(&self) -> Result<Vec<OwnedFd>, String> {
        self.session.map_fds().map_err(|error| error.to_string())
    }

    /// Names of the covered interfaces.
    pub(super) fn covered(&self) -> impl Iterator<Item = &String> {
        self.covered.values()
    }

    /// Times how long tasks wait for a CPU, until what is returned is dropped.
    pub(super) fn investigate(&mut self) -> Result<Investigation, String> {
        self.session.investigate().map_err(|error| error.to_string())
    }

    /// Ready to read when interfaces may have changed.
    pub(super) fn changes(&self) -> BorrowedFd<'_> {
        self.watcher.as_fd()
    }

    /// Follows what has changed.
    pub(super) fn follow(&mut self) -> Result<Vec<Report>, String> {
        if !self.watcher.drain().map_err(|error| format!("cannot follow interfaces: {error}"))? {
            return Ok(Vec::new());
        }
        self.update()
    }

    /// Takes everything out of the kernel.
    pub(super) fn unpin(self) -> Result<(), String> {
        self.session.unpin().map_err(|error| error.to_string())
    }

    fn update(&mut self) -> Result<Vec<Report>, String> {
        let selected = select(&self.wanted);
        let selected = selected.map_err(|error| format!("cannot list interfaces: {error}"))?;
        // What is covered already is left alone: replacing a program is not needed for news.
        let known = |index: u32| self.covered.contains_key(&index);
        let failed = match selected.iter().all(|interface| known(interface.index))
            && selected.len() == self.covered.len()
        {
            true => Vec::new(),
            false => self.session.follow(&selected),
        };
        for (index, error) in &failed {
            super::say(&format!("interface {index}: {error}"));
        }
        let covered: BTreeMap<u32, String> = selected
            .into_iter()
            .filter(|interface| !failed.iter().any(|(index, _)| *index == interface.index))
            .map(|interface| (interface.index, interface.name))
            .collect();
        let before = std::mem::replace(&mut self.covered, covered);
        let gone = before.iter().filter(|(index, _)| !self.covered.contains_key(index));
        let gone = gone.map(|(_, name)| Report::Detached(name.clone()));
        let new = self.covered.iter().filter(|(index, _)| !before.contains_key(index));
        Ok(gone.chain(new.map(|(_, name)| Report::Attached(name.clone()))).collect())
    }
}
