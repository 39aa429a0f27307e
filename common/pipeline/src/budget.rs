//! The byte budget: memory for records is permitted before it is used.
//!
//! A permit starts small and grows with what really arrived; growth that is refused ends the
//! request with the retryable code. One peer (an IPv4 address or an IPv6 /64) holds at most its
//! share, so that a single sender cannot starve the others; loopback peers are exempt, since on a
//! host every application looks the same. The table of peers holds only those with bytes in flight,
//! so its size is bounded by the connection limit.

mod output;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

pub use output::{Output, Outputs};

/// Bytes that records in flight may occupy.
#[derive(Debug)]
pub struct Budget {
    total: AtomicUsize,
    used: AtomicUsize,
    per_peer: AtomicUsize,
    peers: Mutex<HashMap<Peer, usize>>,
}

/// Whom bytes are charged to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Peer {
    /// An IPv4 address.
    V4([u8; 4]),
    /// The first 64 bits of an IPv6 address.
    V6([u8; 8]),
}

impl Peer {
    /// The peer behind an address; `None` for loopback, which has no share of its own.
    pub fn of(address: IpAddr) -> Option<Self> {
        match address.to_canonical() {
            ip if ip.is_loopback() => None,
            IpAddr::V4(ip) => Some(Self::V4(ip.octets())),
            IpAddr::V6(ip) => {
                let mut prefix = [0; 8];
                prefix.copy_from_slice(&ip.octets()[..8]);
                Some(Self::V6(prefix))
            }
        }
    }
}

/// The budget, or the peer's share of it, does not hold the bytes asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exhausted;

/// Bytes that may be in memory. Dropping it returns them.
#[derive(Debug)]
pub struct Permit {
    budget: Arc<Budget>,
    peer: Option<Peer>,
    bytes: usize,
}

impl Budget {
    /// `per_peer` is the share (0..=1) of `total_bytes` that one peer may hold; 1 turns it off.
    pub fn new(total_bytes: usize, per_peer: f64) -> Arc<Self> {
        let budget = Self {
            total: AtomicUsize::new(0),
            used: AtomicUsize::new(0),
            per_peer: AtomicUsize::new(0),
            peers: Mutex::new(HashMap::new()),
        };
        budget.resize(total_bytes, per_peer);
        Arc::new(budget)
    }

    /// Changes the bounds for permits to come; those given stay.
    pub fn resize(&self, total_bytes: usize, per_peer: f64) {
        self.total.store(total_bytes, Ordering::Relaxed);
        // Fractions of a byte do not matter.
        let share = (total_bytes as f64 * per_peer.clamp(0.0, 1.0)) as usize;
        self.per_peer.store(share, Ordering::Relaxed);
    }

    /// An empty permit charged to `peer`; it grows as bytes arrive.
    pub fn permit(self: &Arc<Self>, peer: Option<Peer>) -> Permit {
        Permit { budget: self.clone(), peer, bytes: 0 }
    }

    /// Bytes in flight.
    pub fn used_bytes(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// The bound.
    pub fn total_bytes(&self) -> usize {
        self.total.load(Ordering::Relaxed)
    }

    fn take(&self, peer: Option<Peer>, bytes: usize) -> Result<(), Exhausted> {
        let total = self.total_bytes();
        let fits = |used: usize| used.checked_add(bytes).filter(|&sum| sum <= total);
        let taken = self.used.fetch_update(Ordering::AcqRel, Ordering::Acquire, fits);
        if taken.is_err() {
            return Err(Exhausted);
        }
        if let Err(refused) = self.charge(peer, bytes) {
            self.used.fetch_sub(bytes, Ordering::AcqRel);
            return Err(refused);
        }
        Ok(())
    }

    fn charge(&self, peer: Option<Peer>, bytes: usize) -> Result<(), Exhausted> {
        let Some(peer) = peer else { return Ok(()) };
        let mut peers = self.peers.lock().expect("the table of peers is never left half written");
        let held = peers.get(&peer).copied().unwrap_or(0) + bytes;
        if held > self.per_peer.load(Ordering::Relaxed) {
            return Err(Exhausted);
        }
        peers.insert(peer, held);
        Ok(())
    }

    fn give_back(&self, peer: Option<Peer>, bytes: usize) {
        self.used.fetch_sub(bytes, Ordering::AcqRel);
        let Some(peer) = peer else { return };
        let mut peers = self.peers.lock().expect("the table of peers is never left half written");
        if let Some(held) = peers.get_mut(&peer) {
            *held = held.saturating_sub(bytes);
            if *held == 0 {
                peers.remove(&peer);
            }
        }
    }
}

impl Permit {
    /// Permits `bytes` more.
    pub fn grow(&mut self, bytes: usize) -> Result<(), Exhausted> {
        self.budget.take(self.peer, bytes)?;
        self.bytes += bytes;
        Ok(())
    }

    /// Takes `bytes` more whether there is room or not. A peer's share is not asked: there must be none.
    fn grow_over(&mut self, bytes: usize) {
        debug_assert!(self.peer.is_none(), "what goes over is no peer's");
        self.budget.used.fetch_add(bytes, Ordering::AcqRel);
        self.bytes += bytes;
    }

    /// Returns what is held beyond `bytes`.
    pub fn shrink_to(&mut self, bytes: usize) {
        if bytes < self.bytes {
            self.budget.give_back(self.peer, self.bytes - bytes);
            self.bytes = bytes;
        }
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Another permit, for `bytes`, charged to the same peer.
    pub fn beside(&self, bytes: usize) -> Result<Self, Exhausted> {
        let mut permit = Self { budget: self.budget.clone(), peer: self.peer, bytes: 0 };
        permit.grow(bytes)?;
        Ok(permit)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if self.bytes > 0 {
            self.budget.give_back(self.peer, self.bytes);
        }
    }
}

#[cfg(test)]
mod tests;
