//! The exporter `file`: one OTLP/JSON request per line.
//!
//! A sender hears success once its line was handed to the kernel, so `flush_interval` is always
//! kept and an end of the process loses nothing; an end of the machine may. A line is written whole
//! or taken back, so that a full disk leaves no half line behind.

use std::fs::{File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use otlp::json::{WriteError, write_request_within};
use pipeline::{Batch, Cause, Exporter, Outcome, Outputs, QueueSettings, RefusalKind, SendFuture};

use crate::component::{BuildError, Context, Queued};
use crate::config::ComponentConfig;
use crate::config::file::File as Settings;

/// Builds the exporter and opens its file.
pub(crate) fn build(config: &ComponentConfig, context: &Context) -> Result<Queued, BuildError> {
    let settings = config.read(Settings::read);
    let mut options = OpenOptions::new();
    options.create(true).write(true).append(settings.append).truncate(!settings.append);
    let file = options.open(&settings.path);
    let shown = settings.path.display();
    let file = file.map_err(|error| BuildError::at(config, "path", format!("{shown}: {error}")))?;
    let exporter = Arc::new(Lines {
        id: config.id.to_string(),
        file: Arc::new(Mutex::new(file)),
        outputs: Outputs::new(context.budget.clone()),
    });
    let settings = QueueSettings {
        enabled: false,
        timeout: Duration::from_secs(30),
        ..QueueSettings::default()
    };
    Ok(Queued { exporter, settings, batch: None })
}

struct Lines {
    id: String,
    file: Arc<Mutex<File>>,
    /// Where the lines are charged.
    outputs: Outputs,
}

impl Exporter for Lines {
    fn send<'a>(&'a self, batch: &'a Batch, _: Duration) -> SendFuture<'a> {
        Box::pin(async move {
            let lines = match self.lines(batch) {
                Ok(lines) => lines,
                Err(WriteError::Refused) => return Outcome::retry(Cause::Budget),
                Err(WriteError::Malformed) => {
                    return Outcome::refused(RefusalKind::Malformed, "a record cannot be written");
                }
            };
            let file = self.file.clone();
            let written = tokio::task::spawn_blocking(move || append(&file, &lines)).await;
            match written {
                Ok(Ok(())) => Outcome::ACCEPTED,
                Ok(Err(error)) => {
                    tracing::warn!("exporter {}: {error}", self.id);
                    Outcome::retry(Cause::Backend)
                }
                Err(_) => Outcome::retry(Cause::Shutdown),
            }
        })
    }
}

impl Lines {
    fn lines(&self, batch: &Batch) -> Result<Bytes, WriteError> {
        // As JSON it is twice as long at least.
        let expected_bytes = 2 * batch.body_bytes();
        let mut output = self.outputs.begin(expected_bytes).map_err(|_| WriteError::Refused)?;
        let mut lines = Vec::new();
        for body in batch.bodies() {
            let mut grow = |bytes| output.grow(bytes).is_ok();
            write_request_within(batch.signal, body, &mut lines, &mut grow)?;
            lines.push(b'\n');
        }
        lines.shrink_to_fit();
        Ok(output.keep(Bytes::from(lines)))
    }
}

fn append(file: &Mutex<File>, lines: &[u8]) -> std::io::Result<()> {
    let mut file = file.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let end = file.seek(SeekFrom::End(0))?;
    let written = file.write_all(lines);
    if written.is_err() {
        // A pipe or a terminal cannot be cut back; there the half line stays.
        let _ = file.set_len(end);
    }
    written
}
