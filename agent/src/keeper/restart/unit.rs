//! A systemd unit, by `systemctl`: done means that a new invocation is active.

use std::process::Command;
use std::time::{Duration, Instant};

use super::super::orders::Answer;
use super::child;
use crate::protected::Protected;

/// How long systemd may take to answer; three answers and the wait for what is new fit into the time that a
/// restart has ([`RESTART_PATIENCE`](crate::reflex::decide::RESTART_PATIENCE)).
const ANSWERS_WITHIN: Duration = Duration::from_secs(5);
/// How long what is new may take to appear.
const VERIFIED_WITHIN: Duration = Duration::from_secs(30);
/// How often it is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// Units without which nobody gets in any more.
const VITAL: &[&str] =
    &["dbus", "init.scope", "kubelet", "medulla", "ssh", "systemd-", "containerd"];

/// Restarts it.
pub(super) fn restart(unit: &str, protected: &Protected) -> Answer {
    if VITAL.iter().any(|vital| unit.starts_with(vital)) {
        return Answer::Refused(format!("{unit} is vital to this host"));
    }
    let pid = match main_process(unit) {
        Ok(pid) => pid,
        Err(error) => return Answer::Failed(error),
    };
    // What does not run has nothing that could be protected.
    if let Some(reason) = pid.and_then(|pid| protected.guards(Some(pid))) {
        return Answer::Refused(format!("protected: {reason}"));
    }
    match anew(unit) {
        Ok(text) => Answer::Done(text),
        Err(error) => Answer::Failed(error),
    }
}

fn main_process(unit: &str) -> Result<Option<u32>, String> {
    let shown = systemctl(&["show", "--property=MainPID", "--value", "--", unit])?;
    Ok(shown.trim().parse().ok().filter(|pid| *pid > 0))
}

fn anew(unit: &str) -> Result<String, String> {
    let before = invocation(unit)?;
    systemctl(&["restart", "--no-block", "--", unit])?;
    let deadline = Instant::now() + VERIFIED_WITHIN;
    while Instant::now() < deadline {
        match invocation(unit) {
            Ok((now, true)) if now != before.0 => return Ok(format!("{unit} runs as {now}")),
            _ => std::thread::sleep(LOOK_EVERY),
        }
    }
    Err(format!("{unit} did not come back within {} s", VERIFIED_WITHIN.as_secs()))
}

/// A unit's invocation, and whether it is active.
fn invocation(unit: &str) -> Result<(String, bool), String> {
    let shown = systemctl(&["show", "--property=LoadState,ActiveState,InvocationID", "--", unit])?;
    let value = |key: &str| shown.lines().find_map(|line| line.strip_prefix(key)).unwrap_or("");
    if value("LoadState=") == "not-found" {
        return Err(format!("there is no unit {unit}"));
    }
    Ok((value("InvocationID=").to_owned(), value("ActiveState=") == "active"))
}

/// Asks systemd, which may take so long to answer and no longer.
fn systemctl(arguments: &[&str]) -> Result<String, String> {
    let mut command = Command::new("systemctl");
    command.args(["--no-ask-password", "--no-pager"]).args(arguments);
    let ended = child::run(&mut command, ANSWERS_WITHIN);
    let ended = ended.map_err(|error| format!("cannot run systemctl: {error}"))?;
    match ended.status {
        Some(status) if status.success() => Ok(ended.out),
        Some(_) => {
            let said = ended.err.lines().next().unwrap_or("failed without a word");
            Err(format!("systemctl: {said}"))
        }
        None => {
            let limit = ANSWERS_WITHIN.as_secs();
            Err(format!("systemctl {}: no answer within {limit} s", arguments[0]))
        }
    }
}
