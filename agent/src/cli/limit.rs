//! `medulla-agent limit ...`, over the control socket.

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use crate::admin::client;
use crate::admin::protocol::{Answer, Listed, Request};
use crate::folders::Folders;
use crate::limits::parse::{Rate, count, rate};
use clap::{Args, Subcommand};
use components::config::quantity;

#[derive(Subcommand)]
pub(super) enum Command {
    /// Limit a port for a time
    Set(Set),
    /// List live limits
    List {
        /// One JSON object per line
        #[arg(long)]
        json: bool,
    },
    /// Show every limit of a port, which one holds and why
    Explain {
        /// The port
        #[arg(long)]
        port: u16,
        /// One JSON object per line
        #[arg(long)]
        json: bool,
    },
    /// Take limits away
    Clear(Clear),
}

#[derive(Args)]
pub(super) struct Set {
    /// The destination port
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    port: u16,
    /// tcp or udp
    #[arg(long, default_value = "tcp", value_parser = ["tcp", "udp"])]
    proto: String,
    /// How many: 100/s, 600/m, 36000/h, with --unit bytes 10MiB/s; at least 1/s
    #[arg(long, value_name = "N/s|m|h", value_parser = rate)]
    rate: Rate,
    /// connections (tcp's default), packets (udp's) or bytes
    #[arg(long, value_parser = ["connections", "packets", "bytes"])]
    unit: Option<String>,
    /// How many may come at once, in bytes also 64KiB; 100 ms of the rate by default, at least 5
    #[arg(long, value_name = "N", value_parser = burst)]
    burst: Option<Burst>,
    /// The whole rate for each source address: an IPv4 address, an IPv6 /64
    #[arg(long)]
    per_source: bool,
    /// How long, at most 24h
    #[arg(long = "for", value_name = "DURATION", default_value = "5m", value_parser = lease)]
    lease: Duration,
    /// Count what would be dropped and drop nothing
    #[arg(long)]
    dry_run: bool,
    /// Why, for whoever looks later
    #[arg(long, default_value = "", value_name = "TEXT")]
    reason: String,
}

#[derive(Args)]
#[group(required = true, multiple = false)]
pub(super) struct Clear {
    /// The limits of one port
    #[arg(long, value_name = "N")]
    port: Option<u16>,
    /// Every limit
    #[arg(long)]
    all: bool,
}

pub(super) fn run(command: Command) -> ExitCode {
    match command {
        Command::Set(set) => set_limit(set),
        Command::List { json } => answer(&Request::LimitList {}, |answer| list(answer, json)),
        Command::Explain { port, json } => {
            answer(&Request::LimitExplain { port }, |answer| explain(answer, port, json))
        }
        Command::Clear(clear) => answer(&Request::LimitClear { port: clear.port }, |answer| {
            answer.notes.iter().map(|note| format!("{note}\n")).collect()
        }),
    }
}

fn set_limit(set: Set) -> ExitCode {
    let default = if set.proto == "udp" { "packets" } else { "connections" };
    let unit = set.unit.unwrap_or_else(|| default.to_owned());
    let in_bytes = set.rate.in_bytes || set.burst.is_some_and(|burst| burst.in_bytes);
    if in_bytes && unit != "bytes" {
        eprintln!("KiB and MiB count bytes, expected --unit bytes, found {unit}");
        return ExitCode::from(2);
    }
    let request = Request::LimitSet {
        proto: set.proto,
        port: set.port,
        unit,
        rate_per_hour: set.rate.per_hour,
        burst: set.burst.map(|burst| burst.units),
        lease_ms: u64::try_from(set.lease.as_millis()).unwrap_or(u64::MAX),
        dry_run: set.dry_run,
        per_source: set.per_source,
        reason: set.reason,
    };
    answer(&request, |answer| {
        answer.notes.iter().for_each(|note| eprintln!("{note}"));
        answer.limits.iter().map(|limit| format!("{}\n", sentence(limit))).collect()
    })
}

/// Asks the agent; prints what `show` makes of its answer.
fn answer(request: &Request, show: impl FnOnce(&Answer) -> String) -> ExitCode {
    match client::ask(&Folders::sockets(), request) {
        Ok(answer) if answer.status == 0 => {
            // Whoever reads our output may be gone; the limit is what it is.
            let _ = std::io::stdout().write_all(show(&answer).as_bytes());
            ExitCode::SUCCESS
        }
        Ok(answer) => {
            eprintln!("{}", answer.error);
            ExitCode::from(answer.status)
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn list(answer: &Answer, json: bool) -> String {
    if json {
        return lines(&answer.limits);
    }
    let mut text = format!(
        "{:<10} {:>12} {:<12} {:>6} {:<10} {:<9} {:<24} {:>10} {:>10}  {}\n",
        "TARGET",
        "RATE",
        "UNIT",
        "BURST",
        "SOURCE",
        "STATE",
        "EXPIRES",
        "PASSED",
        "DROPPED",
        "REASON"
    );
    for limit in &answer.limits {
        let target = format!("{}/{}", limit.target.proto, limit.target.port);
        text += &format!(
            "{target:<10} {:>12} {:<12} {:>6} {:<10} {:<9} {:<24} {:>10} {:>10}  {}\n",
            format!("{}/s", limit.rate_per_s),
            limit.unit,
            limit.burst,
            limit.source,
            state(limit),
            limit.expires,
            limit.passed,
            limit.dropped,
            limit.reason
        );
    }
    text
}

fn explain(answer: &Answer, port: u16, json: bool) -> String {
    if json {
        return lines(&answer.limits);
    }
    let mut text = String::new();
    if answer.limits.is_empty() {
        text += &format!("port {port} has no limit\n");
    }
    for limit in &answer.limits {
        text += &format!("{}\n", sentence(limit));
        text += &format!("  passed {}, dropped {}\n", limit.passed, limit.dropped);
    }
    for note in &answer.notes {
        text += &format!("{note}\n");
    }
    text
}

fn lines(limits: &[Listed]) -> String {
    let line = |limit| serde_json::to_string(limit).expect("a limit has a JSON form") + "\n";
    limits.iter().map(line).collect()
}

fn sentence(limit: &Listed) -> String {
    let reason = if limit.reason.is_empty() { "" } else { ": " };
    format!(
        "{} port {}: {} {}/s{}, burst {}, until {}, by {} ({}){reason}{}",
        limit.target.proto,
        limit.target.port,
        limit.rate_per_s,
        limit.unit,
        if limit.per_source { " per source" } else { "" },
        limit.burst,
        limit.expires,
        limit.source,
        state(limit),
        limit.reason
    )
}

fn state(limit: &Listed) -> &'static str {
    match (limit.enforced, limit.dry_run) {
        (true, false) => "enforced",
        (true, true) => "dry run",
        (false, _) => "shadowed",
    }
}

/// A burst as it was asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Burst {
    units: u32,
    /// Written with KiB, MiB or GiB.
    in_bytes: bool,
}

fn burst(text: &str) -> Result<Burst, String> {
    let form = || format!("{text:?}, expected a whole number of at least 1, in bytes also 64KiB");
    let (units, in_bytes) = count(text).ok_or_else(form)?;
    let units = u32::try_from(units).ok().filter(|units| *units > 0).ok_or_else(form)?;
    Ok(Burst { units, in_bytes })
}

fn lease(text: &str) -> Result<Duration, String> {
    let form = || format!("{text:?}, expected a duration such as 30s, 5m or 1h30m, at most 24h");
    let lease = quantity::duration(text).map_err(|_| form())?;
    if lease.is_zero() || lease > crate::limits::LEASE_MAX {
        return Err(form());
    }
    Ok(lease)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_whole_and_in_range() {
        let check = |text, expect: Option<u64>| {
            assert_eq!(rate(text).ok().map(|r| r.per_hour), expect, "{text}")
        };
        check("100/s", Some(360_000));
        check("60/m", Some(3600));
        check("3600/h", Some(3600));
        check("10MiB/s", Some((3600 * 10) << 20));
        assert_eq!(burst("64KiB"), Ok(Burst { units: 65_536, in_bytes: true }));
        assert!(burst("0").is_err() && burst("5GiB").is_err());
        for bad in ["59/m", "0/s", "1.5/s", "100", "/s", "100/d", "-1/s", "99999999999999999999/s"]
        {
            check(bad, None);
        }
        assert_eq!(lease("90s"), Ok(Duration::from_secs(90)));
        assert!(lease("25h").is_err() && lease("0").is_err() && lease("soon").is_err());
    }
}
