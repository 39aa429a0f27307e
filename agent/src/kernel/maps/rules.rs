//! Rules in the maps: arming, disarming, veto, and the ring of events.
//!
//! A rule lives in the watch slot of its port. It is written before the port points to it and the
//! pointer goes first when it is disarmed, so that a program never judges half a rule.

use super::{Maps, get, in_map, monotonic_ns, nanoseconds, reset, set, tcp};
use crate::kernel::reflex::{Arm, Armed, Event, Happened};
use crate::kernel::{Error, Unit};
use aya::maps::{Map, MapData, RingBuf};
use kernel_abi::layout::{Latency, Port, Verdicts};
use kernel_abi::limit::{interval, window};
use kernel_abi::names;
use kernel_abi::reflex::{self, Rule, Watchdog};
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);

impl Maps {
    /// Arms a rule on a watched port, in place of the one that is there. With the same generation
    /// what was learned, a live lease and the counts stay.
    pub fn arm(&mut self, arm: &Arm) -> Result<(), Error> {
        let Some(slot) = self.watch_slots.get(&arm.port).copied() else {
            return Err(Error::NotWatched(arm.port));
        };
        let rule = self.rule(arm);
        let known = self.is_armed(arm.port)?;
        if !known || get(&self.rules, names::RULES, slot)?.generation != rule.generation {
            self.point(arm.port, false)?;
            let open = self.read_latency(arm.port)?.as_ref().map_or(0, Latency::in_flight);
            let fresh = Watchdog { open, ..Watchdog::default() };
            set(&mut self.watchdogs, names::WATCHDOGS, slot, fresh)?;
            reset(&mut self.rule_verdicts, names::RULE_VERDICTS, slot, Verdicts::default())?;
        }
        set(&mut self.rules, names::RULES, slot, rule)?;
        self.point(arm.port, true)
    }

    /// Disarms the rule of a port, and ends its limit; false if there was none.
    pub fn disarm(&mut self, port: u16) -> Result<bool, Error> {
        let Some(slot) = self.watch_slots.get(&port).copied() else { return Ok(false) };
        if !self.is_armed(port)? {
            return Ok(false);
        }
        self.point(port, false)?;
        set(&mut self.rules, names::RULES, slot, Rule::default())?;
        set(&mut self.watchdogs, names::WATCHDOGS, slot, Watchdog::default())?;
        Ok(true)
    }

    /// Forbids the rule of a port to act, at once, or allows it again; false if there is none. What
    /// it learns goes on.
    pub fn veto(&mut self, port: u16, on: bool) -> Result<bool, Error> {
        let Some(slot) = self.watch_slots.get(&port).copied() else { return Ok(false) };
        if !self.is_armed(port)? {
            return Ok(false);
        }
        let rule = get(&self.rules, names::RULES, slot)?;
        let flags = if on { rule.flags | Rule::VETO } else { rule.flags & !Rule::VETO };
        set(&mut self.rules, names::RULES, slot, Rule { flags, ..rule })?;
        Ok(true)
    }

    /// How the rule of a port stands; `None` if there is none.
    pub fn armed(&self, port: u16) -> Result<Option<Armed>, Error> {
        let Some(slot) = self.watch_slots.get(&port).copied() else { return Ok(None) };
        if !self.is_armed(port)? {
            return Ok(None);
        }
        let rule = get(&self.rules, names::RULES, slot)?;
        let dog = get(&self.watchdogs, names::WATCHDOGS, slot)?;
        // The kernel counts from its own jiffy, so there is no doubt about a part of one.
        let lease_end = if dog.lease_end > 0 { dog.lease_end + 1 } else { 0 };
        let left_ns = self.ticks.remaining_ns(lease_end, monotonic_ns()?);
        let mut verdicts = Verdicts::default();
        let values = self.rule_verdicts.get(&slot, 0).map_err(in_map(names::RULE_VERDICTS))?;
        values.iter().for_each(|value| verdicts.add(&value.0));
        Ok(Some(Armed {
            generation: rule.generation,
            rate_per_hour: rule.rate_per_hour,
            burst: rule.burst,
            lease: (left_ns > 0).then(|| Duration::from_nanos(left_ns)),
            vetoed: rule.flags & Rule::VETO != 0,
            arms: dog.arms,
            samples: dog.samples,
            mean: Duration::from_nanos(dog.mean_ns),
            threshold: Duration::from_nanos(reflex::threshold_ns(&dog, &rule)),
            verdicts,
        }))
    }

    /// The ports with a rule, ascending.
    pub fn armed_ports(&self) -> Vec<u16> {
        self.watched().filter(|port| self.is_armed(*port).unwrap_or(false)).collect()
    }

    /// The next event that nobody has read. Events that find the ring full are lost; the limits
    /// that they tell of are not.
    pub fn next_event(&mut self) -> Option<Event> {
        loop {
            let item = self.events.next()?;
            if let Some(event) = parse(&item) {
                return Some(event);
            }
        }
    }

    fn rule(&self, arm: &Arm) -> Rule {
        let ticks = |time| self.ticks.ticks(nanoseconds(time));
        let flag = |on, flag| if on { flag } else { 0 };
        Rule {
            interval: interval(arm.rate_per_hour),
            window: window(arm.rate_per_hour, arm.burst),
            rate_per_hour: arm.rate_per_hour,
            generation: arm.generation,
            lease_ticks: ticks(arm.lease),
            cooldown_ticks: ticks(arm.cooldown),
            hour_ticks: ticks(HOUR),
            second_ticks: ticks(Duration::from_secs(1)),
            floor_ns: nanoseconds(arm.floor),
            burst: arm.burst,
            in_flight_min: arm.in_flight_min,
            requests_per_s_min: arm.requests_per_s_min,
            samples_min: arm.samples_min,
            arms_per_hour_max: arm.arms_per_hour_max,
            port: arm.port,
            deviations: arm.deviations,
            need: arm.need,
            of: arm.of,
            flags: flag(arm.dry_run, Rule::DRY_RUN)
                | flag(arm.unit == Unit::Packets, Rule::PACKETS)
                | flag(arm.vetoed, Rule::VETO),
        }
    }

    fn is_armed(&self, port: u16) -> Result<bool, Error> {
        let index = kernel_abi::layout::port_index(tcp(port).protocol, port);
        Ok(get(&self.ports, names::PORTS, index)?.flags & Port::ARMED != 0)
    }

    fn point(&mut self, port: u16, on: bool) -> Result<(), Error> {
        self.change_port(tcp(port), |entry| {
            let rest = entry.flags & !Port::ARMED;
            Port { flags: if on { rest | Port::ARMED } else { rest }, ..entry }
        })
    }
}

pub(super) fn ring((name, data): (&'static str, MapData)) -> Result<RingBuf<MapData>, Error> {
    let map = Map::from_map_data(data).map_err(in_map(name))?;
    RingBuf::try_from(map).map_err(|_| Error::Mismatch(name))
}

/// An event as the program wrote it; `None` for what this version does not know.
fn parse(bytes: &[u8]) -> Option<Event> {
    let whole: &[u8; size_of::<reflex::Event>()] = bytes.try_into().ok()?;
    let wide = |at: usize| Some(u64::from_ne_bytes(whole.get(at..at + 8)?.try_into().ok()?));
    let half = |at: usize| Some(u32::from_ne_bytes(whole.get(at..at + 4)?.try_into().ok()?));
    let happened = match whole[62] {
        reflex::Event::ARMED => Happened::Armed,
        reflex::Event::ENDED => Happened::Ended,
        _ => return None,
    };
    let now_ns = monotonic_ns().ok()?;
    Some(Event {
        happened,
        age: Duration::from_nanos(now_ns.saturating_sub(wide(0)?)),
        generation: wide(8)?,
        sample: Duration::from_nanos(wide(16)?),
        threshold: Duration::from_nanos(wide(24)?),
        mean: Duration::from_nanos(wide(32)?),
        in_flight: wide(40)?,
        breaches: half(48)?,
        requests_per_s: half(52)?,
        arms: half(56)?,
        port: u16::from_ne_bytes([whole[60], whole[61]]),
    })
}
