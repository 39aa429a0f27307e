//! A process of our own binary that does what the keeper must not: talk. Its last words are the answer, its status
//! whether that is good.

use std::io::Write;
use std::process::{Command, ExitCode};
use std::time::Duration;

use super::super::orders::Answer;
use super::child;

/// The exit status of an order that was refused.
const REFUSED: u8 = 3;
/// How long its end may take when its time is up.
const SLACK: Duration = Duration::from_secs(2);

/// What the helper says at its end.
pub(crate) fn say(answer: Answer) -> ExitCode {
    let (text, status) = match answer {
        Answer::Done(text) => (text, 0),
        Answer::Failed(text) => (text, 1),
        Answer::Refused(text) => (text, REFUSED),
    };
    // The keeper may be gone.
    let _ = writeln!(std::io::stdout(), "{}", text.replace('\n', " "));
    ExitCode::from(status)
}

/// Has it do its work.
pub(super) fn ask(command: &mut Command, limit: Duration) -> Answer {
    let limit = limit + SLACK;
    let ended = match child::run(command, limit) {
        Ok(ended) => ended,
        Err(error) => return Answer::Failed(format!("cannot start a helper: {error}")),
    };
    let Some(status) = ended.status else {
        return Answer::Failed(format!("not done within {} s", limit.as_secs()));
    };
    match status.code().map(u8::try_from) {
        Some(Ok(0)) => Answer::Done(ended.out),
        Some(Ok(REFUSED)) => Answer::Refused(ended.out),
        Some(_) if !ended.out.is_empty() => Answer::Failed(ended.out),
        _ => Answer::Failed(format!("the helper ended without a word: {status}")),
    }
}
