//! What the kernel programs cost per packet: nanoseconds over an empty program, by
//! `BPF_PROG_TEST_RUN`. `cargo xtask bench` runs it; one JSON object per line.
//!
//! The maps are private to the run, so nothing on the host changes. Needs the keeper's rights.

use std::process::ExitCode;
use std::thread::sleep;
use std::time::Duration;

use kernel_abi::names;
use medulla_agent::kernel::maps::{Maps, Sampling};
use medulla_agent::kernel::trial::Trial;
use medulla_agent::kernel::{Error, Limit, LimitTable, Protocol, Target, Unit};
use serde_json::json;

const PORT: u16 = 8080;
const MINUTE: Duration = Duration::from_secs(60);
/// Packets per run, and runs; the least mean is what it costs when nobody disturbs.
const PACKETS: u32 = 500_000;
const RUNS: u32 = 15;
/// Issue 3, in nanoseconds over an empty program.
const NO_RULE_NS: u64 = 8;
const RULE_NS: u64 = 60;

const UDP: u8 = 17;
const TCP: u8 = 6;
/// TCP: a segment with data.
const ACK: u8 = 0x10;

fn main() -> ExitCode {
    match measure() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("kernel_cost: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure() -> Result<(), Error> {
    let (mut trial, mut maps) = Trial::new()?;
    let datagram = frame(UDP, &udp());
    let empty = cost_ns(&mut trial, names::EMPTY, &datagram)?;
    println!("{}", json!({ "name": "kernel, empty program", "value": empty, "unit": "ns" }));
    let report = |trial: &mut Trial, what, program, frame: &[u8], goal| {
        let over = cost_ns(trial, program, frame)?.saturating_sub(empty);
        let name = format!("kernel, {what}");
        let unit = "ns over an empty program";
        let mut line = json!({ "name": name, "value": over, "unit": unit });
        if let Some(goal) = goal {
            line["at_most"] = json!(goal);
        }
        println!("{line}");
        Ok::<_, Error>(())
    };
    report(&mut trial, "no rule", names::INGRESS, &datagram, Some(NO_RULE_NS))?;
    write(&mut maps, 10_000_000, 1 << 24, MINUTE)?;
    report(&mut trial, "rule passes", names::INGRESS, &datagram, Some(RULE_NS))?;
    write(&mut maps, 1, 1, MINUTE)?;
    report(&mut trial, "rule drops", names::INGRESS, &datagram, Some(RULE_NS))?;
    write(&mut maps, 1, 1, Duration::ZERO)?;
    // The lease ends with the kernel's next tick.
    sleep(Duration::from_millis(20));
    report(&mut trial, "rule expired", names::INGRESS, &datagram, None)?;
    maps.watch(PORT, Sampling::default())?;
    let segment = frame(TCP, &tcp());
    report(&mut trial, "watched request", names::INGRESS, &segment, None)?;
    report(&mut trial, "egress, not watched", names::EGRESS, &segment, None)
}

fn cost_ns(trial: &mut Trial, program: &'static str, frame: &[u8]) -> Result<u64, Error> {
    let mut least = Duration::MAX;
    for _ in 0..RUNS {
        least = least.min(trial.run(program, frame, PACKETS)?.per_packet);
    }
    Ok(u64::try_from(least.as_nanos()).unwrap_or(u64::MAX))
}

fn write(maps: &mut Maps, per_second: u64, burst: u32, lease: Duration) -> Result<(), Error> {
    let limit = Limit {
        target: Target { protocol: Protocol::Udp, port: PORT },
        unit: Unit::Packets,
        rate_per_hour: per_second * 3600,
        burst,
        dry_run: false,
        per_source: false,
        generation: 1,
    };
    maps.write(&limit, lease, true)
}

/// Ethernet and IPv4 around a body. Checksums are not filled in: nothing looks at them.
fn frame(protocol: u8, body: &[u8]) -> Vec<u8> {
    let mut frame = vec![2; 12];
    frame.extend([8, 0, 0x45, 0]);
    frame.extend(u16::try_from(20 + body.len()).unwrap_or(u16::MAX).to_be_bytes());
    frame.extend([0, 0, 0, 0, 64, protocol, 0, 0, 10, 0, 0, 2, 10, 0, 0, 1]);
    frame.extend(body);
    frame
}

fn udp() -> Vec<u8> {
    let mut body = 40_000_u16.to_be_bytes().to_vec();
    body.extend(PORT.to_be_bytes());
    body.extend([0, 18, 0, 0]);
    body.resize(18, 0);
    body
}

fn tcp() -> Vec<u8> {
    let mut body = 40_000_u16.to_be_bytes().to_vec();
    body.extend(PORT.to_be_bytes());
    body.extend([0, 0, 0, 1, 0, 0, 0, 0, 5 << 4, ACK, 255, 255, 0, 0, 0, 0]);
    body.resize(30, 0);
    body
}
