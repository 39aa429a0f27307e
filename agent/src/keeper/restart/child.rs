//! A process that is given its time and no more, with what it said. Whatever it does, and whatever it has
//! started does with its pipes: at the end of its time its whole process group is killed.

use std::io::{ErrorKind, Read, Result};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

/// How often its end is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// What is kept of either output; the rest is read and forgotten.
const TEXT_MAX_BYTES: usize = 4096;

/// What became of it.
#[derive(Debug)]
pub(super) struct Ended {
    /// None if it had to be killed.
    pub(super) status: Option<ExitStatus>,
    pub(super) out: String,
    pub(super) err: String,
}

/// Runs a command to its end, or kills it after this time.
pub(super) fn run(command: &mut Command, limit: Duration) -> Result<Ended> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.process_group(0).spawn()?;
    let mut out = Output::of(child.stdout.take())?;
    let mut err = Output::of(child.stderr.take())?;
    let deadline = Instant::now() + limit;
    let status = loop {
        let status = child.try_wait()?;
        // After the look: what it said before its end is there.
        out.read();
        err.read();
        match status {
            Some(status) => break Some(status),
            None if Instant::now() >= deadline => {
                kill(&mut child)?;
                break None;
            }
            None => std::thread::sleep(LOOK_EVERY),
        }
    };
    Ok(Ended { status, out: out.text(), err: err.text() })
}

fn kill(child: &mut Child) -> Result<()> {
    let group =
        Pid::from_raw(i32::try_from(child.id()).expect("a process id fits its kernel type"));
    // Its group is there as long as it is, and it has not been waited for.
    killpg(group, Signal::SIGKILL)?;
    child.wait().map(drop)
}

/// A pipe that is read without waiting.
struct Output<R> {
    pipe: Option<R>,
    kept: Vec<u8>,
}

impl<R: Read + AsFd> Output<R> {
    fn of(pipe: Option<R>) -> Result<Self> {
        if let Some(pipe) = &pipe {
            fcntl(pipe, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        }
        Ok(Self { pipe, kept: Vec::new() })
    }

    fn read(&mut self) {
        let Some(pipe) = &mut self.pipe else { return };
        let mut bytes = [0; TEXT_MAX_BYTES];
        loop {
            match pipe.read(&mut bytes) {
                Ok(0) => break self.pipe = None,
                Ok(count) => {
                    let room = TEXT_MAX_BYTES - self.kept.len();
                    self.kept.extend_from_slice(&bytes[..count.min(room)]);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.kept).trim().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, limit: Duration) -> Ended {
        run(Command::new("sh").args(["-c", script]), limit).expect("sh can run")
    }

    #[test]
    fn what_ends_in_time_has_a_status_and_words() {
        let ended = shell("echo yes; echo no >&2; exit 3", Duration::from_secs(20));
        let code = ended.status.and_then(|status| status.code());
        assert_eq!((code, ended.out.as_str(), ended.err.as_str()), (Some(3), "yes", "no"));
    }

    #[test]
    fn what_does_not_is_killed_whatever_it_does() {
        let begun = Instant::now();
        for script in ["trap '' TERM; sleep 100", "echo a; sleep 100 & wait", "yes"] {
            let ended = shell(script, Duration::from_millis(200));
            assert!(ended.status.is_none(), "{script}");
            assert!(ended.out.len() <= TEXT_MAX_BYTES);
        }
        // It has ended; what it left behind holds the pipe, and nobody waits for that.
        assert!(shell("sleep 3 & echo b", Duration::from_secs(20)).out == "b");
        assert!(begun.elapsed() < Duration::from_secs(15));
    }
}
