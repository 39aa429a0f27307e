//! The maps, shared by the limits engine and the receiver of samples: one lock, held for a call.

use super::maps::{Maps, Sampling};
use super::reflex::{Arm, Armed, Event};
use super::{Error, Latency, Limit, LimitTable, Target, Verdicts, Written};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

/// Maps that several parts of the agent hold.
#[derive(Clone)]
pub struct SharedMaps(Arc<Mutex<Maps>>, Watchers, Arc<AtomicBool>);

/// How many parts of the agent watch a port.
type Watchers = Arc<Mutex<BTreeMap<u16, usize>>>;

impl SharedMaps {
    /// Shares these maps.
    pub fn new(maps: Maps) -> Self {
        Self(Arc::new(Mutex::new(maps)), Watchers::default(), Arc::default())
    }

    /// Another process takes the maps over: what is watched stays watched, whoever leaves it here.
    pub fn give_up(&self) {
        self.2.store(true, Ordering::Release);
    }

    /// See [`Maps::watch`]. Several may watch a port; each leaves it by itself.
    pub fn watch(&self, port: u16, sampling: Sampling) -> Result<(), Error> {
        let mut watchers = self.watchers();
        self.lock().watch(port, sampling)?;
        *watchers.entry(port).or_default() += 1;
        Ok(())
    }

    /// See [`Maps::unwatch`]; the last one to leave ends it.
    pub fn unwatch(&self, port: u16) -> Result<bool, Error> {
        let mut watchers = self.watchers();
        let left = watchers.get(&port).map_or(0, |count| count.saturating_sub(1));
        if left > 0 {
            watchers.insert(port, left);
            return Ok(true);
        }
        watchers.remove(&port);
        if self.2.load(Ordering::Acquire) {
            return Ok(true);
        }
        self.lock().unwatch(port)
    }

    fn watchers(&self) -> MutexGuard<'_, BTreeMap<u16, usize>> {
        self.1.lock().expect("no code path panics while it holds the watchers")
    }

    /// See [`Maps::read_latency`]; zeros when the port is not watched.
    pub fn latency(&self, port: u16) -> Result<Latency, Error> {
        Ok(self.lock().read_latency(port)?.unwrap_or_default())
    }

    /// The age of the oldest request that is open on each watched port; ports without one are left
    /// out. Walks the connections (1 to 2 us each), so once a second is often enough.
    pub fn oldest_open(&self) -> Result<BTreeMap<u16, Duration>, Error> {
        // Not under the lock: it may take a while.
        let connections = self.lock().connections();
        connections.oldest_open()
    }

    /// See [`Maps::run_queue`].
    pub fn run_queue(&self) -> Result<Latency, Error> {
        self.lock().run_queue()
    }

    /// See [`Maps::arm`].
    pub fn arm(&self, arm: &Arm) -> Result<(), Error> {
        self.lock().arm(arm)
    }

    /// See [`Maps::disarm`].
    pub fn disarm(&self, port: u16) -> Result<bool, Error> {
        self.lock().disarm(port)
    }

    /// See [`Maps::veto`].
    pub fn veto(&self, port: u16, on: bool) -> Result<bool, Error> {
        self.lock().veto(port, on)
    }

    /// See [`Maps::armed`].
    pub fn armed(&self, port: u16) -> Result<Option<Armed>, Error> {
        self.lock().armed(port)
    }

    /// See [`Maps::armed_ports`].
    pub fn armed_ports(&self) -> Vec<u16> {
        self.lock().armed_ports()
    }

    /// See [`Maps::next_event`].
    pub fn next_event(&self) -> Option<Event> {
        self.lock().next_event()
    }

    fn lock(&self) -> MutexGuard<'_, Maps> {
        self.0.lock().expect("no code path panics while it holds the maps")
    }
}

impl LimitTable for SharedMaps {
    fn write(&mut self, limit: &Limit, lease: Duration, overrules: bool) -> Result<(), Error> {
        self.lock().write(limit, lease, overrules)
    }

    fn clear(&mut self, target: Target) -> Result<bool, Error> {
        self.lock().clear(target)
    }

    fn read(&self, target: Target) -> Result<Option<Written>, Error> {
        self.lock().read(target)
    }

    fn written(&self) -> Result<Vec<Written>, Error> {
        self.lock().written()
    }

    fn verdicts(&self, target: Target) -> Result<Verdicts, Error> {
        self.lock().verdicts(target)
    }

    fn set_kill(&mut self, on: bool) -> Result<(), Error> {
        self.lock().set_kill(on)
    }

    fn is_killed(&self) -> Result<bool, Error> {
        self.lock().is_killed()
    }
}
