//! The agent's view of the maps: limits, verdicts, watched ports and their latency.
//!
//! Works on descriptors alone, so it needs no privilege (kernel 5.19; before, `CAP_BPF`). The one
//! writer of limits and watches: slots are handed out here, and the port table is written last when
//! a limit appears and first when it goes, so that a program never follows a port to a slot of
//! somebody else. Slots left over by a writer that died in between are found and freed.

mod flows;
mod rules;
mod value;

use super::{Error, Limit, LimitTable, Target, Written};
use aya::maps::{Array, Map, MapData, PerCpuArray, PerCpuValues, RingBuf};
use aya::util::nr_cpus;
use kernel_abi::layout::{
    Clock, Control, LIMITS_MAX, Latency, Port, Protocol, RUN_QUEUE, State, Unit, Unseen, Verdicts,
    WATCHES_MAX, Watch, port_index,
};
use kernel_abi::limit::{Ticks, interval, window, window_of_bytes};
use kernel_abi::reflex::{Rule, Watchdog};
use kernel_abi::{ABI, layout, names};
use nix::time::ClockId;
use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;
use value::Value;

pub use flows::Connections;

type Table<T> = Array<MapData, Value<T>>;
type PerCpu<T> = PerCpuArray<MapData, Value<T>>;

/// How a port is sampled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sampling {
    /// The first exchange of a connection is a handshake and no request.
    pub tls: bool,
    /// Answers are looked into for an HTTP/1 status.
    pub http_status: bool,
}

impl Sampling {
    fn flags(self) -> u8 {
        let flag = |on, flag| if on { flag } else { 0 };
        flag(self.tls, Port::TLS) | flag(self.http_status, Port::HTTP)
    }
}

/// The maps of a session.
pub struct Maps {
    ports: Table<Port>,
    limits: Table<layout::Limit>,
    states: Table<State>,
    verdicts: PerCpu<Verdicts>,
    control: Table<Control>,
    unseen: PerCpu<Unseen>,
    watches: Table<Watch>,
    latencies: PerCpu<Latency>,
    connections: Arc<Connections>,
    rules: Table<Rule>,
    watchdogs: Table<Watchdog>,
    rule_verdicts: PerCpu<Verdicts>,
    events: RingBuf<MapData>,
    ticks: Ticks,
    limit_slots: BTreeMap<Target, u32>,
    watch_slots: BTreeMap<u16, u32>,
}

impl Maps {
    /// Takes the descriptors of a session, in the order of `names::MAPS`, and finds the limits and
    /// watches that are in them.
    pub fn from_fds(descriptors: Vec<OwnedFd>) -> Result<Self, Error> {
        let mut maps = names::MAPS.into_iter().zip(descriptors);
        let mut next = || match maps.next() {
            Some((name, descriptor)) => Ok((name, open(name, descriptor)?)),
            None => Err(Error::Mismatch("descriptors")),
        };
        let (ports, limits, states, verdicts) = (next()?, next()?, next()?, next()?);
        let (control, clock, unseen) = (next()?, next()?, next()?);
        let (watches, latencies, flows, _sources) = (next()?, next()?, next()?, next()?);
        let (rules, watchdogs, rule_verdicts, events) = (next()?, next()?, next()?, next()?);
        let mut maps = Self {
            ports: table(ports)?,
            limits: table(limits)?,
            states: table(states)?,
            verdicts: per_cpu(verdicts)?,
            control: table(control)?,
            unseen: per_cpu(unseen)?,
            watches: table(watches)?,
            latencies: per_cpu(latencies)?,
            connections: Arc::new(Connections::new(flows)?),
            rules: table(rules)?,
            watchdogs: table(watchdogs)?,
            rule_verdicts: per_cpu(rule_verdicts)?,
            events: rules::ring(events)?,
            ticks: ticks(&table(clock)?)?,
            limit_slots: BTreeMap::new(),
            watch_slots: BTreeMap::new(),
        };
        maps.recover_limits()?;
        maps.recover_watches()?;
        Ok(maps)
    }

    /// Watches a TCP port. Counts begin at zero, unless the port is watched already; then it is
    /// sampled in both ways.
    pub fn watch(&mut self, port: u16, sampling: Sampling) -> Result<(), Error> {
        let slot = match self.watch_slots.get(&port) {
            Some(slot) => *slot,
            None => self.new_watch(port)?,
        };
        let flags = sampling.flags();
        self.change_port(tcp(port), |entry| {
            let kept = if entry.watch == 0 { 0 } else { entry.flags };
            let flags = flags | kept;
            Port { watch: slot as u8, flags, ..entry }
        })
    }

    fn new_watch(&mut self, port: u16) -> Result<u32, Error> {
        let taken = |slot: &u32| self.watch_slots.values().any(|other| other == slot);
        let slot = (1..WATCHES_MAX).find(|slot| !taken(slot));
        let slot = slot.ok_or(Error::Full(WATCHES_MAX - 1, "watch"))?;
        reset(&mut self.latencies, names::LATENCIES, slot, Latency::default())?;
        let watch = Watch { port, ..Watch::default() };
        set(&mut self.watches, names::WATCHES, slot, watch)?;
        self.watch_slots.insert(port, slot);
        Ok(slot)
    }

    /// Stops watching a port; false if it was not watched.
    pub fn unwatch(&mut self, port: u16) -> Result<bool, Error> {
        let Some(slot) = self.watch_slots.get(&port).copied() else { return Ok(false) };
        self.disarm(port)?;
        self.change_port(tcp(port), |entry| Port { limit: entry.limit, ..Port::default() })?;
        set(&mut self.watches, names::WATCHES, slot, Watch::default())?;
        self.watch_slots.remove(&port);
        Ok(true)
    }

    /// The watched ports, ascending.
    pub fn watched(&self) -> impl Iterator<Item = u16> {
        self.watch_slots.keys().copied()
    }

    /// What a watched port has seen, summed over CPUs; `None` when it is not watched. The numbers
    /// only grow while the port stays watched.
    pub fn read_latency(&self, port: u16) -> Result<Option<Latency>, Error> {
        let Some(slot) = self.watch_slots.get(&port) else { return Ok(None) };
        self.sum_latency(*slot).map(Some)
    }

    /// How long tasks have waited for a CPU, summed over CPUs: `answered`, the sum and the buckets
    /// count. Grows only while somebody investigates.
    pub fn run_queue(&self) -> Result<Latency, Error> {
        self.sum_latency(RUN_QUEUE)
    }

    fn sum_latency(&self, slot: u32) -> Result<Latency, Error> {
        let values = self.latencies.get(&slot, 0).map_err(in_map(names::LATENCIES))?;
        let mut sum = Latency::default();
        values.iter().for_each(|value| sum.add(&value.0));
        Ok(sum)
    }

    /// The connections of watched ports, to be walked without holding the maps.
    pub fn connections(&self) -> Arc<Connections> {
        self.connections.clone()
    }

    /// Packets that ingress could not look into, summed over CPUs.
    pub fn unseen(&self) -> Result<Unseen, Error> {
        let values = self.unseen.get(&0, 0).map_err(in_map(names::UNSEEN))?;
        let mut sum = Unseen::default();
        for Value(value) in values.iter() {
            sum.fragments = sum.fragments.wrapping_add(value.fragments);
            sum.extensions = sum.extensions.wrapping_add(value.extensions);
            sum.malformed = sum.malformed.wrapping_add(value.malformed);
        }
        Ok(sum)
    }

    /// Makes every limit a dry run, or each what it was written as.
    pub fn set_dry_run(&mut self, on: bool) -> Result<(), Error> {
        self.switch(Control::DRY_RUN, on)
    }

    fn switch(&mut self, flag: u32, on: bool) -> Result<(), Error> {
        let old = get(&self.control, names::CONTROL, 0)?.flags;
        let flags = if on { old | flag } else { old & !flag };
        set(&mut self.control, names::CONTROL, 0, Control { flags, abi: ABI })
    }

    fn change_port(
        &mut self,
        target: Target,
        change: impl FnOnce(Port) -> Port,
    ) -> Result<(), Error> {
        let index = port_index(target.protocol, target.port);
        let entry = change(get(&self.ports, names::PORTS, index)?);
        set(&mut self.ports, names::PORTS, index, entry)
    }

    /// Finds the slots that ports point to, and frees those that nothing points to.
    fn recover_limits(&mut self) -> Result<(), Error> {
        for slot in 1..LIMITS_MAX {
            let limit = get(&self.limits, names::LIMITS, slot)?;
            if limit == layout::Limit::default() {
                continue;
            }
            let target = target_of(&limit);
            let index = port_index(target.protocol, target.port);
            if u32::from(get(&self.ports, names::PORTS, index)?.limit) == slot {
                self.limit_slots.insert(target, slot);
            } else {
                set(&mut self.limits, names::LIMITS, slot, layout::Limit::default())?;
            }
        }
        Ok(())
    }

    fn recover_watches(&mut self) -> Result<(), Error> {
        for slot in 1..WATCHES_MAX {
            let port = get(&self.watches, names::WATCHES, slot)?.port;
            if port == 0 {
                continue;
            }
            let index = port_index(Protocol::Tcp, port);
            if u32::from(get(&self.ports, names::PORTS, index)?.watch) == slot {
                self.watch_slots.insert(port, slot);
            } else {
                set(&mut self.watches, names::WATCHES, slot, Watch::default())?;
            }
        }
        Ok(())
    }

    fn new_limit_slot(&mut self) -> Result<u32, Error> {
        let taken = |slot: &u32| self.limit_slots.values().any(|other| other == slot);
        let slot = (1..LIMITS_MAX).find(|slot| !taken(slot));
        let slot = slot.ok_or(Error::Full(LIMITS_MAX - 1, "limit"))?;
        reset(&mut self.verdicts, names::VERDICTS, slot, Verdicts::default())?;
        Ok(slot)
    }
}

impl LimitTable for Maps {
    fn write(&mut self, limit: &Limit, lease: Duration, overrules: bool) -> Result<(), Error> {
        let now_ns = monotonic_ns()?;
        let lease_end = self.ticks.lease_end(now_ns, nanoseconds(lease));
        let mut new = encode(limit, lease_end, overrules);
        let known = self.limit_slots.get(&limit.target).copied();
        let slot = match known {
            Some(slot) => slot,
            None => self.new_limit_slot()?,
        };
        let old = get(&self.limits, names::LIMITS, slot)?;
        if known.is_none() || is_other_pace(&old, &new) {
            set(&mut self.states, names::STATES, slot, State::default())?;
            // Units of a microsecond: two limits on one slot never begin within one.
            new.epoch = (now_ns >> 10) as u32;
        } else {
            new.epoch = old.epoch;
        }
        set(&mut self.limits, names::LIMITS, slot, new)?;
        if known.is_none() {
            self.change_port(limit.target, |entry| Port { limit: slot as u16, ..entry })?;
            self.limit_slots.insert(limit.target, slot);
        }
        Ok(())
    }

    fn clear(&mut self, target: Target) -> Result<bool, Error> {
        let Some(slot) = self.limit_slots.get(&target).copied() else { return Ok(false) };
        self.change_port(target, |entry| Port { limit: 0, ..entry })?;
        set(&mut self.limits, names::LIMITS, slot, layout::Limit::default())?;
        self.limit_slots.remove(&target);
        Ok(true)
    }

    fn read(&self, target: Target) -> Result<Option<Written>, Error> {
        let Some(slot) = self.limit_slots.get(&target) else { return Ok(None) };
        let value = get(&self.limits, names::LIMITS, *slot)?;
        let remaining = self.ticks.remaining_ns(value.lease_end, monotonic_ns()?);
        let limit = decode(&value);
        Ok(Some(Written { limit, remaining: Duration::from_nanos(remaining) }))
    }

    fn written(&self) -> Result<Vec<Written>, Error> {
        let targets = self.limit_slots.keys();
        targets.filter_map(|target| self.read(*target).transpose()).collect()
    }

    fn verdicts(&self, target: Target) -> Result<Verdicts, Error> {
        let mut sum = Verdicts::default();
        if let Some(slot) = self.limit_slots.get(&target) {
            let values = self.verdicts.get(slot, 0).map_err(in_map(names::VERDICTS))?;
            values.iter().for_each(|value| sum.add(&value.0));
        }
        Ok(sum)
    }

    fn set_kill(&mut self, on: bool) -> Result<(), Error> {
        self.switch(Control::KILL, on)
    }

    fn is_killed(&self) -> Result<bool, Error> {
        Ok(get(&self.control, names::CONTROL, 0)?.flags & Control::KILL != 0)
    }
}

fn tcp(port: u16) -> Target {
    Target { protocol: Protocol::Tcp, port }
}

fn encode(limit: &Limit, lease_end: u64, overrules: bool) -> layout::Limit {
    let flag = |on, flag| if on { flag } else { 0 };
    let window = match limit.unit {
        Unit::Bytes => window_of_bytes,
        Unit::Connections | Unit::Packets => window,
    };
    layout::Limit {
        interval: interval(limit.rate_per_hour),
        window: window(limit.rate_per_hour, limit.burst),
        rate_per_hour: limit.rate_per_hour,
        generation: limit.generation,
        burst: limit.burst,
        flags: flag(limit.dry_run, layout::Limit::DRY_RUN)
            | flag(limit.per_source, layout::Limit::PER_SOURCE)
            | flag(overrules, layout::Limit::OVERRULES),
        port: limit.target.port,
        protocol: limit.target.protocol as u8,
        unit: limit.unit as u8,
        epoch: 0,
        lease_end,
    }
}

fn decode(value: &layout::Limit) -> Limit {
    let unit = [Unit::Packets, Unit::Bytes].into_iter().find(|unit| *unit as u8 == value.unit);
    Limit {
        target: target_of(value),
        unit: unit.unwrap_or(Unit::Connections),
        rate_per_hour: value.rate_per_hour,
        burst: value.burst,
        dry_run: value.flags & layout::Limit::DRY_RUN != 0,
        per_source: value.flags & layout::Limit::PER_SOURCE != 0,
        generation: value.generation,
    }
}

fn target_of(value: &layout::Limit) -> Target {
    let is_udp = value.protocol == Protocol::Udp as u8;
    let protocol = if is_udp { Protocol::Udp } else { Protocol::Tcp };
    Target { protocol, port: value.port }
}

/// Whether what the kernel remembers of the old limit has no meaning for the new one.
fn is_other_pace(old: &layout::Limit, new: &layout::Limit) -> bool {
    let pace = |limit: &layout::Limit| {
        (limit.interval, limit.window, limit.unit, limit.flags & layout::Limit::PER_SOURCE)
    };
    pace(old) != pace(new)
}

fn open(name: &'static str, descriptor: OwnedFd) -> Result<MapData, Error> {
    let data = MapData::from_fd(descriptor).map_err(in_map(name))?;
    let info = data.info().map_err(in_map(name))?;
    if info.name() == name.as_bytes() { Ok(data) } else { Err(Error::Mismatch(name)) }
}

fn table<T>((name, data): (&'static str, MapData)) -> Result<Table<T>, Error>
where
    Value<T>: aya::Pod,
{
    let map = Map::from_map_data(data).map_err(in_map(name))?;
    Array::try_from(map).map_err(|_| Error::Mismatch(name))
}

fn per_cpu<T>((name, data): (&'static str, MapData)) -> Result<PerCpu<T>, Error>
where
    Value<T>: aya::Pod,
{
    let map = Map::from_map_data(data).map_err(in_map(name))?;
    PerCpuArray::try_from(map).map_err(|_| Error::Mismatch(name))
}

fn get<T>(table: &Table<T>, name: &'static str, index: u32) -> Result<T, Error>
where
    Value<T>: aya::Pod,
{
    table.get(&index, 0).map(|value| value.0).map_err(in_map(name))
}

fn set<T>(table: &mut Table<T>, name: &'static str, index: u32, value: T) -> Result<(), Error>
where
    Value<T>: aya::Pod,
{
    table.set(index, Value(value), 0).map_err(in_map(name))
}

/// Sets every CPU's value.
fn reset<T>(table: &mut PerCpu<T>, name: &'static str, index: u32, value: T) -> Result<(), Error>
where
    Value<T>: aya::Pod,
{
    let count = nr_cpus().map_err(|(_, error)| in_map(name)(error.into()))?;
    let values = PerCpuValues::try_from(vec![Value(value); count]);
    let values = values.map_err(|error| in_map(name)(error.into()))?;
    table.set(index, values, 0).map_err(in_map(name))
}

fn in_map(name: &'static str) -> impl Fn(aya::maps::MapError) -> Error {
    move |error| Error::Map(name, error)
}

/// Ties jiffies to the monotonic clock. A jiffy is what the coarse clock's resolution says.
fn ticks(clock: &Table<Clock>) -> Result<Ticks, Error> {
    let reading = get(clock, names::CLOCK, 0)?;
    if reading.monotonic_ns == 0 {
        return Err(Error::NoClock);
    }
    let tick = ClockId::CLOCK_MONOTONIC_COARSE.res().map_err(Error::Clock)?;
    Ok(Ticks::new(reading, nanoseconds(tick.into())))
}

fn monotonic_ns() -> Result<u64, Error> {
    let now = ClockId::CLOCK_MONOTONIC.now().map_err(Error::Clock)?;
    Ok(nanoseconds(now.into()))
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
