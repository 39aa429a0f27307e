//! `medulla-agent limit ...`, over the control socket.

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};
use components::config::quantity;

use super::later;
use crate::admin::client;
use crate::admin::protocol::{Answer, Listed, Request};
use crate::folders::Folders;

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
    /// How many: 100/s, 600/m, 36000/h; at least 1/s
    #[arg(long, value_name = "N/s|m|h", value_parser = rate_per_hour)]
    rate: u64,
    /// connections (tcp's default) or packets (udp's)
    #[arg(long, value_parser = ["connections", "packets", "bytes"])]
    unit: Option<String>,
    /// How many may come at once; 100 ms of the rate by default, at least 5
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    burst: Option<u32>,
    /// A budget per source address (not built in yet)
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
    if set.per_source {
        return later("limit set --per-source");
    }
    if unit == "bytes" {
        return later("limit set --unit bytes");
    }
    let request = Request::LimitSet {
        proto: set.proto,
        port: set.port,
        unit,
        rate_per_hour: set.rate,
        burst: set.burst,
        lease_ms: u64::try_from(set.lease.as_millis()).unwrap_or(u64::MAX),
        dry_run: set.dry_run,
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
        "{} port {}: {} {}/s, burst {}, until {}, by {} ({}){reason}{}",
        limit.target.proto,
        limit.target.port,
        limit.rate_per_s,
        limit.unit,
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

/// `100/s`, `600/m`, `36000/h`: whole numbers, so that the kernel has them exactly.
fn rate_per_hour(text: &str) -> Result<u64, String> {
    let form = || format!("{text:?}, expected a rate such as 100/s, 600/m or 36000/h");
    let (count, unit) = text.split_once('/').ok_or_else(form)?;
    let count: u64 = count.parse().map_err(|_| form())?;
    let per_hour = match unit {
        "s" => 3600,
        "m" => 60,
        "h" => 1,
        _ => return Err(form()),
    };
    let rate = count.checked_mul(per_hour).ok_or_else(form)?;
    if !(3600..=kernel_abi::limit::RATE_PER_HOUR_MAX).contains(&rate) {
        return Err(format!("{text:?}, expected 1/s to 10000000/s"));
    }
    Ok(rate)
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
        let check =
            |text, expect: Option<u64>| assert_eq!(rate_per_hour(text).ok(), expect, "{text}");
        check("100/s", Some(360_000));
        check("60/m", Some(3600));
        check("3600/h", Some(3600));
        for bad in ["59/m", "0/s", "1.5/s", "100", "/s", "100/d", "-1/s", "99999999999999999999/s"]
        {
            check(bad, None);
        }
        assert_eq!(lease("90s"), Ok(Duration::from_secs(90)));
        assert!(lease("25h").is_err() && lease("0").is_err() && lease("soon").is_err());
    }
}
