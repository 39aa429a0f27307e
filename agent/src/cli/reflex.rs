//! Commands to the reflexes: `kill`, `pause`, `resume`, `approve`, `top`, `report`.

mod report;
mod top;

use std::io::Write;
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::Args;
use components::config::quantity;
use components::time::unix_ns;
use serde_json::Value;

use crate::admin::client;
use crate::admin::protocol::{Answer, Reflex, Request};
use crate::folders::Folders;

#[derive(Args)]
pub(super) struct Kill {
    /// Let limits and rules work again
    #[arg(long)]
    undo: bool,
}

#[derive(Args)]
pub(super) struct Pause {
    /// How long, at most 24h
    #[arg(long = "for", value_name = "DURATION", value_parser = time)]
    time: Duration,
    /// Why, for whoever looks later
    #[arg(long, default_value = "", value_name = "TEXT")]
    reason: String,
}

#[derive(Args)]
pub(super) struct Approve {
    /// The id of the decision; `top` shows it
    id: String,
}

#[derive(Args)]
pub(super) struct Top {
    /// Print once and end
    #[arg(long)]
    once: bool,
    /// One JSON object per second
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub(super) struct Report {
    /// How far back: 30m, 24h, 7d
    #[arg(long, default_value = "7d", value_name = "DURATION", value_parser = time)]
    since: Duration,
    /// One JSON object per record
    #[arg(long)]
    json: bool,
}

pub(super) fn kill(kill: &Kill) -> ExitCode {
    told(Reflex::Kill { on: !kill.undo })
}

pub(super) fn pause(pause: Pause) -> ExitCode {
    let time_ms = u64::try_from(pause.time.as_millis()).unwrap_or(u64::MAX);
    told(Reflex::Pause { time_ms, reason: pause.reason })
}

pub(super) fn resume() -> ExitCode {
    told(Reflex::Resume {})
}

pub(super) fn approve(approve: Approve) -> ExitCode {
    told(Reflex::Approve { id: approve.id })
}

pub(super) fn top(top: &Top) -> ExitCode {
    loop {
        let limits = match ask(Request::LimitList {}) {
            Ok(answer) => answer.limits,
            Err(status) => return status,
        };
        let view = match ask(Request::Reflex(Reflex::Top {})) {
            Ok(answer) => answer.reflex.unwrap_or_default(),
            Err(status) => return status,
        };
        let text = if top.json { format!("{view}\n") } else { top::show(&view, &limits) };
        let clear = if top.once || top.json { "" } else { "\x1b[H\x1b[2J" };
        if !print(&format!("{clear}{text}")) || top.once {
            return ExitCode::SUCCESS;
        }
        std::thread::sleep(Duration::from_secs(1));
    }
}

pub(super) fn report(report: &Report) -> ExitCode {
    let since = SystemTime::now().checked_sub(report.since).unwrap_or(UNIX_EPOCH);
    let since_unix_ns = unix_ns(since);
    let journal = match ask(Request::Reflex(Reflex::Report { since_unix_ns })) {
        Ok(answer) => answer.reflex.unwrap_or_default(),
        Err(status) => return status,
    };
    if let Some(error) = journal["error"].as_str() {
        eprintln!("{error}");
        return ExitCode::FAILURE;
    }
    print(&if report.json { lines(&journal["records"]) } else { report::show(&journal) });
    ExitCode::SUCCESS
}

fn lines(records: &Value) -> String {
    records.as_array().into_iter().flatten().map(|record| format!("{record}\n")).collect()
}

fn told(request: Reflex) -> ExitCode {
    match ask(Request::Reflex(request)) {
        Ok(answer) => {
            print(&answer.notes.iter().map(|note| format!("{note}\n")).collect::<String>());
            ExitCode::SUCCESS
        }
        Err(status) => status,
    }
}

fn ask(request: Request) -> Result<Answer, ExitCode> {
    match client::ask(&Folders::sockets(), &request) {
        Ok(answer) if answer.status == 0 => Ok(answer),
        Ok(answer) => {
            eprintln!("{}", answer.error);
            Err(ExitCode::from(answer.status))
        }
        Err(error) => {
            eprintln!("{error}");
            Err(ExitCode::FAILURE)
        }
    }
}

/// False once nobody reads any more.
fn print(text: &str) -> bool {
    std::io::stdout().write_all(text.as_bytes()).is_ok()
}

/// A duration that may be whole days.
fn time(text: &str) -> Result<Duration, String> {
    let form = || format!("{text:?}, expected a duration such as 30m, 24h or 7d");
    let time = match text.strip_suffix('d').map(str::parse::<u32>) {
        Some(Ok(days)) => Duration::from_secs(u64::from(days) * 86_400),
        _ => quantity::duration(text).map_err(|_| form())?,
    };
    if time.is_zero() { Err(form()) } else { Ok(time) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_may_be_days() {
        assert_eq!(time("7d"), Ok(Duration::from_secs(7 * 86_400)));
        assert_eq!(time("30m"), Ok(Duration::from_secs(1800)));
        assert!(time("d").is_err() && time("0s").is_err() && time("soon").is_err());
    }
}
