//! One boot: the emulator, its serial line, and a limit on its time.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// What init's own lines begin with.
const OURS: &str = "medulla: ";
/// The last one, when all went well.
const DONE: &str = "done";
/// No line is longer; the rest of a longer one counts as the next.
const LINE_MAX: u64 = 4096;

/// How a boot ended.
pub(super) enum Ended {
    Well,
    Badly(String),
}

/// Boots; the whole serial line goes to `log`.
pub(super) fn run(
    kernel: &Path,
    initramfs: &Path,
    log: &Path,
    time_max: Duration,
) -> Result<Ended, String> {
    let mut command = Command::new("qemu-system-x86_64");
    command.args(["-accel", "tcg", "-cpu", "max", "-m", "512", "-smp", "1", "-nographic"]);
    command.args(["-no-reboot", "-nic", "none", "-append", "console=ttyS0 panic=-1 quiet"]);
    command.arg("-kernel").arg(kernel).arg("-initrd").arg(initramfs);
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = command.spawn().map_err(|error| format!("cannot run the emulator: {error}"))?;
    let mut file = File::create(log).map_err(|error| super::at(log, &error))?;
    let serial = child.stdout.take().expect("stdout was asked for as a pipe");
    let (tell, told) = mpsc::channel();
    let reader = std::thread::spawn(move || {
        let ended = listen(serial, &mut file);
        // Nobody listens any more after the time is over.
        let _ = tell.send(ended);
    });
    let ended = told.recv_timeout(time_max);
    end(&mut child);
    // It ends with the emulator, whose pipe it reads.
    let _ = reader.join();
    Ok(ended.unwrap_or_else(|_| Ended::Badly(format!("took over {} s", time_max.as_secs()))))
}

fn listen(serial: impl Read, log: &mut File) -> Ended {
    let mut serial = BufReader::new(serial);
    let mut last = "the kernel".to_owned();
    loop {
        let mut line = Vec::new();
        let read = (&mut serial).take(LINE_MAX).read_until(b'\n', &mut line);
        if !matches!(read, Ok(1..)) {
            return Ended::Badly(format!("ended after: {last}"));
        }
        // The log is for people; without it the verdict is the same.
        let _ = log.write_all(&line);
        let line = String::from_utf8_lossy(&line);
        let Some(said) = line.trim_end().strip_prefix(OURS) else { continue };
        if said == DONE {
            return Ended::Well;
        }
        if said.contains(" failed") {
            return Ended::Badly(said.to_owned());
        }
        last = said.to_owned();
    }
}

fn end(child: &mut Child) {
    // It may have ended by itself.
    let _ = child.kill();
    let _ = child.wait();
}
