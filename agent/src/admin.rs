//! The control socket: one JSON request per line, one JSON answer per line.
//!
//! It belongs to the agent, not to the keeper: what comes in here is outside bytes. Access is by
//! the file's mode (0660). Bounds: a line of [`LINE_MAX_BYTES`], a few connections at a time,
//! and ten seconds each. A process that takes over gets this socket too, with whoever waits in it; that
//! asks for more than the mode: root or our own account.

pub mod client;
mod hand_over;
pub mod protocol;
mod reflex;
mod serve;

use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener as StdListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use nix::sys::socket::{Backlog, listen};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;

use protocol::{Answer, Request};

pub(crate) use serve::{Desk, Facts};

/// Longest request.
pub const LINE_MAX_BYTES: u64 = 64 << 10;
/// Connections at a time.
const CONNECTIONS_MAX: usize = 16;
/// How long a connection may be silent.
const PATIENCE: Duration = Duration::from_secs(10);

/// A control socket that answers; the file is removed when it is dropped.
pub(crate) struct Admin {
    path: PathBuf,
    desk: Arc<Desk>,
    serving: tokio::task::JoinHandle<()>,
}

impl Admin {
    /// Opens the socket, in place of a dead one, or goes on with the one that was inherited.
    pub(crate) fn start(
        path: &Path,
        desk: Arc<Desk>,
        inherited: Option<OwnedFd>,
    ) -> Result<Self, String> {
        let said = |error: std::io::Error| format!("{}: {error}", path.display());
        let listener = match inherited.filter(|_| path.exists()) {
            Some(socket) => {
                // Who connects is told by the kernel who listens: whoever did so last.
                listen(&socket, Backlog::MAXCONN).map_err(|error| said(error.into()))?;
                socket.into()
            }
            None => bind(path).map_err(said)?,
        };
        listener.set_nonblocking(true).map_err(said)?;
        let shared = listener.try_clone().map_err(said)?;
        desk.listens_on(shared);
        let listener = UnixListener::from_std(listener).map_err(said)?;
        let serving = tokio::spawn(accept(listener, desk.clone()));
        Ok(Self { path: path.to_path_buf(), desk, serving })
    }
}

impl Drop for Admin {
    fn drop(&mut self) {
        self.serving.abort();
        if self.desk.has_handed_over() {
            return;
        }
        // Another agent may have taken the folder over and removed it; then there is nothing to do.
        let _ = std::fs::remove_file(&self.path);
    }
}

fn bind(path: &Path) -> std::io::Result<StdListener> {
    if let Err(error) = std::fs::remove_file(path)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        return Err(error);
    }
    let listener = StdListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o660))?;
    Ok(listener)
}

async fn accept(listener: UnixListener, desk: Arc<Desk>) {
    let connections = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let permit = connections.clone().acquire_owned().await.expect("it is never closed");
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            // Who connects from now on is the next process's.
            () = desk.left() => return,
        };
        match accepted {
            Ok((stream, _)) => {
                let desk = desk.clone();
                tokio::spawn(async move {
                    // A client that goes away has its answer already or does not want it.
                    let _ = tokio::time::timeout(PATIENCE, converse(stream, &desk)).await;
                    drop(permit);
                });
            }
            Err(error) => {
                tracing::warn!("control socket: {error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn converse(stream: UnixStream, desk: &Desk) -> std::io::Result<()> {
    let peer = stream.peer_cred()?.uid();
    let (reading, mut writing) = stream.into_split();
    let mut lines = BufReader::new(reading.take(LINE_MAX_BYTES));
    let mut line = String::new();
    while lines.read_line(&mut line).await? > 0 {
        let (answer, descriptors) = match serde_json::from_str::<Request>(&line) {
            Ok(request) => desk.answer_to(peer, request),
            Err(error) => (Answer::usage(format!("not a request: {error}")), Vec::new()),
        };
        let mut text = serde_json::to_vec(&answer)?;
        text.push(b'\n');
        let sent = hand_over::send(writing.as_ref(), &text, &descriptors).await?;
        writing.write_all(&text[sent..]).await?;
        desk.end_if_leaving();
        line.clear();
    }
    Ok(())
}
