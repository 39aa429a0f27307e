//! The connections of watched ports, walked for requests that nobody answers.
//!
//! A stalled request gives no sample until it ends, so the age of the oldest open one is the only sign
//! of a stall. A walk reads at most `FLOWS_MAX` connections while the programs go on writing them; it
//! may miss one that begins meanwhile.

use super::value::Value;
use super::{in_map, monotonic_ns};
use crate::kernel::Error;
use aya::maps::{HashMap, Map, MapData};
use kernel_abi::layout::{Exchange, FLOWS_MAX, Flow};
use kernel_abi::names;
use std::collections::BTreeMap;
use std::time::Duration;

/// The map of connections.
pub struct Connections(HashMap<MapData, Value<Flow>, Value<Exchange>>);

impl Connections {
    pub(super) fn new((name, data): (&'static str, MapData)) -> Result<Self, Error> {
        let map = Map::from_map_data(data).map_err(in_map(name))?;
        HashMap::try_from(map).map(Self).map_err(|_| Error::Mismatch(name))
    }

    /// The age of the oldest open request of each port that has one.
    pub fn oldest_open(&self) -> Result<BTreeMap<u16, Duration>, Error> {
        let now_ns = monotonic_ns()?;
        let mut oldest = BTreeMap::new();
        for entry in self.0.iter().take(FLOWS_MAX as usize) {
            let (Value(flow), Value(exchange)) = entry.map_err(in_map(names::FLOWS))?;
            if exchange.opened_ns == 0 || exchange.flags & Exchange::HANDSHAKE != 0 {
                continue;
            }
            let age = Duration::from_nanos(now_ns.saturating_sub(exchange.opened_ns));
            let known = oldest.entry(flow.local_port).or_insert(age);
            *known = age.max(*known);
        }
        Ok(oldest)
    }
}
