//! Asking the agent of this host.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::protocol::{Answer, Request};
use crate::descriptors;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Largest answer: every limit there can be.
const ANSWER_MAX_BYTES: u64 = 4 << 20;

/// Asks the first of these sockets that answers; the error names all that did not.
pub fn ask(sockets: &[PathBuf], request: &Request) -> Result<Answer, String> {
    let mut failures = Vec::new();
    for socket in sockets {
        match ask_one(socket, request) {
            Ok(answer) => return Ok(answer),
            Err(error) => failures.push(format!("{}: {error}", socket.display())),
        }
    }
    Err(format!("no agent is running here ({})", failures.join("; ")))
}

/// Asks one socket.
pub fn ask_one(socket: &Path, request: &Request) -> std::io::Result<Answer> {
    ask_for(socket, request).map(|(answer, _)| answer)
}

/// Asks one socket; descriptors come with the first byte of the answer, if any do.
pub(crate) fn ask_for(socket: &Path, request: &Request) -> std::io::Result<(Answer, Vec<OwnedFd>)> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut line = serde_json::to_vec(request)?;
    line.push(b'\n');
    stream.write_all(&line)?;
    let mut first = [0];
    let (count, descriptors) = descriptors::receive(&stream, &mut first)?;
    let mut answer = String::new();
    let read = first[..count].chain(stream.take(ANSWER_MAX_BYTES));
    BufReader::new(read).read_line(&mut answer)?;
    Ok((serde_json::from_str(&answer)?, descriptors))
}
