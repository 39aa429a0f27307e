//! The control socket: one JSON request per line, one JSON answer per line.
//!
//! It belongs to the agent, not to the keeper: what comes in here is outside bytes. Access is by
//! the file's mode (0660). Bounds: a line of [`LINE_MAX_BYTES`], a few connections at a time,
//! and ten seconds each.

pub mod client;
pub mod protocol;
mod reflex;
mod serve;

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

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
    serving: tokio::task::JoinHandle<()>,
}

impl Admin {
    /// Opens the socket, in place of a dead one.
    pub(crate) fn start(path: &Path, desk: Arc<Desk>) -> Result<Self, String> {
        let said = |error: std::io::Error| format!("{}: {error}", path.display());
        if let Err(error) = std::fs::remove_file(path)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            return Err(said(error));
        }
        let listener = UnixListener::bind(path).map_err(said)?;
        let mode = std::fs::Permissions::from_mode(0o660);
        std::fs::set_permissions(path, mode).map_err(said)?;
        let serving = tokio::spawn(accept(listener, desk));
        Ok(Self { path: path.to_path_buf(), serving })
    }
}

impl Drop for Admin {
    fn drop(&mut self) {
        self.serving.abort();
        // Another agent may have taken the folder over and removed it; then there is nothing to do.
        let _ = std::fs::remove_file(&self.path);
    }
}

async fn accept(listener: UnixListener, desk: Arc<Desk>) {
    let connections = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let permit = connections.clone().acquire_owned().await.expect("it is never closed");
        match listener.accept().await {
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
    let (reading, mut writing) = stream.into_split();
    let mut lines = BufReader::new(reading.take(LINE_MAX_BYTES));
    let mut line = String::new();
    while lines.read_line(&mut line).await? > 0 {
        let answer = match serde_json::from_str::<Request>(&line) {
            Ok(request) => desk.answer(request),
            Err(error) => Answer::usage(format!("not a request: {error}")),
        };
        let mut text = serde_json::to_vec(&answer)?;
        text.push(b'\n');
        writing.write_all(&text).await?;
        line.clear();
    }
    Ok(())
}
