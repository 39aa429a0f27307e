//! The maps, shared by the limits engine and the receiver of samples: one lock, held for a call.

use super::maps::Maps;
use super::{Error, Latency, Limit, LimitTable, Target, Verdicts, Written};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

/// Maps that several parts of the agent hold.
#[derive(Clone)]
pub struct SharedMaps(Arc<Mutex<Maps>>);

impl SharedMaps {
    /// Shares these maps.
    pub fn new(maps: Maps) -> Self {
        Self(Arc::new(Mutex::new(maps)))
    }

    /// See [`Maps::watch`].
    pub fn watch(&self, port: u16, tls: bool) -> Result<(), Error> {
        self.lock().watch(port, tls)
    }

    /// See [`Maps::unwatch`].
    pub fn unwatch(&self, port: u16) -> Result<bool, Error> {
        self.lock().unwatch(port)
    }

    /// See [`Maps::read_latency`]; zeros when the port is not watched.
    pub fn latency(&self, port: u16) -> Result<Latency, Error> {
        Ok(self.lock().read_latency(port)?.unwrap_or_default())
    }

    fn lock(&self) -> MutexGuard<'_, Maps> {
        self.0.lock().expect("no code path panics while it holds the maps")
    }
}

impl LimitTable for SharedMaps {
    fn write(&mut self, limit: &Limit, lease: Duration) -> Result<(), Error> {
        self.lock().write(limit, lease)
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
