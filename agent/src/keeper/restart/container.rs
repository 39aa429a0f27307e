//! A container, by a process of our own binary that speaks to the runtime ([`crate::cri`]).

use std::io::{Read, Result};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use super::super::orders::Answer;
use crate::cri;
use crate::protected::Protected;

/// The hidden command.
const COMMAND: &str = "restart-container";
/// How long its end may take when its time is up.
const SLACK: Duration = Duration::from_secs(2);
/// How often its end is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// More is nothing that fits into an answer.
const TEXT_MAX_BYTES: u64 = 4096;

/// Restarts it.
pub(super) fn restart(socket: &str, label: &str, grace_s: u8, protected: &Protected) -> Answer {
    let limit = cri::limit(Duration::from_secs(grace_s.into())) + SLACK;
    let done = spawn(socket, label, grace_s, protected).and_then(|mut child| {
        let status = wait(&mut child, limit)?;
        Ok((status, said(&mut child)?))
    });
    match done {
        Ok((Some(status), text)) => answer(status, text),
        Ok((None, _)) => Answer::Failed(format!("not done within {} s", limit.as_secs())),
        Err(error) => Answer::Failed(format!("cannot run {COMMAND}: {error}")),
    }
}

fn spawn(socket: &str, label: &str, grace_s: u8, protected: &Protected) -> Result<Child> {
    let mut command = Command::new("/proc/self/exe");
    command.arg(COMMAND).arg(format!("--socket={socket}")).arg(format!("--label={label}"));
    command.arg(format!("--grace-s={grace_s}"));
    command.args(protected.entries().map(|entry| format!("--protect={entry}")));
    command.env_clear().stdin(Stdio::null()).stdout(Stdio::piped()).spawn()
}

/// Its status, or none if it had to be killed.
fn wait(child: &mut Child, limit: Duration) -> Result<Option<ExitStatus>> {
    let deadline = Instant::now() + limit;
    while Instant::now() < deadline {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        std::thread::sleep(LOOK_EVERY);
    }
    child.kill()?;
    child.wait()?;
    Ok(None)
}

/// What it has printed; it has ended.
fn said(child: &mut Child) -> Result<String> {
    let mut bytes = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        stdout.take(TEXT_MAX_BYTES).read_to_end(&mut bytes)?;
    }
    Ok(String::from_utf8_lossy(&bytes).trim().to_owned())
}

fn answer(status: ExitStatus, text: String) -> Answer {
    match status.code().map(u8::try_from) {
        Some(Ok(0)) => Answer::Done(text),
        Some(Ok(cri::REFUSED)) => Answer::Refused(text),
        Some(_) if !text.is_empty() => Answer::Failed(text),
        _ => Answer::Failed(format!("{COMMAND} ended without a word: {status}")),
    }
}
