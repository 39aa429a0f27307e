//! What the programs cost per packet on this machine, for `doctor --measure`: runs without a network,
//! over a program that lets everything pass.
//!
//! Each number is the least of a few runs: what else the machine does only adds to it. Maps are private
//! to the measurement, so nothing on the host changes. Takes under a second.

use super::maps::Sampling;
use super::reflex::Arm;
use super::trial::Trial;
use super::{Error, Limit, LimitTable, Protocol, Target, Unit};
use kernel_abi::names;
use std::time::Duration;

/// Packets of one run.
const PACKETS: u32 = 100_000;
/// Runs of which the least counts.
const RUNS: u32 = 5;
const LEASE: Duration = Duration::from_secs(60);

const PLAIN: u16 = 1;
const LIMITED: u16 = 2;
const BY_SOURCE: u16 = 3;
const WATCHED: u16 = 4;
const ARMED: u16 = 5;

/// What one thing costs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cost {
    /// What is measured.
    pub name: &'static str,
    /// What it is paid for.
    pub per: &'static str,
    /// How much.
    pub time: Duration,
}

/// Measures every path through the programs. Needs the keeper's rights.
pub fn measure() -> Result<Vec<Cost>, Error> {
    let (mut trial, mut maps) = Trial::new()?;
    for (port, per_source) in [(LIMITED, false), (BY_SOURCE, true)] {
        maps.write(&limit(port, per_source), LEASE, true)?;
    }
    for port in [WATCHED, ARMED] {
        maps.watch(port, Sampling { tls: false, http_status: true })?;
    }
    maps.arm(&arm())?;
    let mut least = |program, port| {
        let frame = segment(port);
        let mut least = Duration::MAX;
        for _ in 0..RUNS {
            least = least.min(trial.run(program, &frame, PACKETS)?.per_packet);
        }
        Ok::<Duration, Error>(least)
    };
    let empty = least(names::EMPTY, PLAIN)?;
    let paths = [
        ("no limit, not watched, in", names::INGRESS, PLAIN),
        ("no limit, not watched, out", names::EGRESS, PLAIN),
        ("limit in packets", names::INGRESS, LIMITED),
        ("limit by source", names::INGRESS, BY_SOURCE),
        ("latency, in", names::INGRESS, WATCHED),
        ("latency, out", names::EGRESS, WATCHED),
        ("kernel reflex armed, in", names::INGRESS, ARMED),
    ];
    let cost = |(name, program, port)| {
        let time = least(program, port)?.saturating_sub(empty);
        Ok(Cost { name, per: "packet", time })
    };
    paths.into_iter().map(cost).collect()
}

fn limit(port: u16, per_source: bool) -> Limit {
    Limit {
        target: Target { protocol: Protocol::Tcp, port },
        unit: Unit::Packets,
        // So much that every packet passes: that path writes.
        rate_per_hour: kernel_abi::limit::RATE_PER_HOUR_MAX,
        burst: kernel_abi::limit::BURST_MAX,
        dry_run: false,
        per_source,
        generation: 1,
    }
}

fn arm() -> Arm {
    Arm {
        port: ARMED,
        unit: Unit::Connections,
        rate_per_hour: kernel_abi::limit::RATE_PER_HOUR_MIN,
        burst: 1,
        lease: LEASE,
        floor: LEASE,
        deviations: 6,
        need: 5,
        of: 8,
        samples_min: 64,
        in_flight_min: 1,
        requests_per_s_min: 1,
        cooldown: LEASE,
        arms_per_hour_max: 1,
        dry_run: false,
        vetoed: false,
        generation: 1,
    }
}

/// Ethernet, IPv4 and TCP between two ends of one port, with ten bytes. Checksums are not filled in:
/// nothing looks at them.
fn segment(port: u16) -> Vec<u8> {
    const ACK: u8 = 0x10;
    const TCP: u8 = 6;
    let mut frame = vec![2; 12];
    frame.extend([8, 0, 0x45, 0, 0, 50, 0, 0, 0, 0, 64, TCP, 0, 0, 10, 0, 0, 2, 10, 0, 0, 1]);
    frame.extend(port.to_be_bytes());
    frame.extend(port.to_be_bytes());
    frame.extend([0, 0, 0, 1, 0, 0, 0, 0, 5 << 4, ACK, 255, 255, 0, 0, 0, 0]);
    frame.resize(64, 0);
    frame
}
