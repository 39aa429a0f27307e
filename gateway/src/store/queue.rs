//! From senders to the writer's thread.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use otlp::Signal;
use tokio::sync::{Semaphore, oneshot};

use super::WriteError;
use super::index::Entry;
use super::job::Job;
use super::writer::{GROUP_BYTES, GROUP_REQUESTS, Writer};

/// Bytes of requests that wait for the writer; a request that is larger waits alone.
pub const QUEUE_BYTES: usize = 64 << 20;
/// The queue is counted in units of this size, and a request weighs at least one.
const UNIT_BYTES: usize = 16 << 10;
const QUEUE_UNITS: usize = QUEUE_BYTES / UNIT_BYTES;
/// How often the writer looks at what has become too old.
const TICK: Duration = Duration::from_secs(1);

/// The senders' end of the queue, and the thread at the other.
#[derive(Debug)]
pub(super) struct Queue {
    room: Arc<Semaphore>,
    jobs: Mutex<Option<mpsc::Sender<Job>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Queue {
    /// Starts the writer's thread.
    pub(super) fn start(writer: Writer) -> std::io::Result<Self> {
        let (jobs, incoming) = mpsc::channel();
        let thread = std::thread::Builder::new().name("store".to_owned());
        let thread = thread.spawn(move || run(writer, &incoming))?;
        Ok(Self {
            room: Arc::new(Semaphore::new(QUEUE_UNITS)),
            jobs: Mutex::new(Some(jobs)),
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Hands entries over and waits for the commit.
    pub(super) async fn push(
        &self,
        signal: Signal,
        entries: Vec<Entry>,
        received_ns: i64,
    ) -> Result<(), WriteError> {
        let bytes: usize = entries.iter().map(|entry| entry.body.len()).sum();
        let units = (bytes / UNIT_BYTES).clamp(1, QUEUE_UNITS);
        let units = u32::try_from(units).expect("a few thousand");
        let room = self.room.clone().acquire_many_owned(units).await;
        let room = room.map_err(|_| WriteError::Closed)?;
        let (answer, settled) = oneshot::channel();
        self.send(Job { signal, received_ns, entries, answer, _room: room })?;
        settled.await.unwrap_or_else(|_| Err(WriteError::Failed("the writer is gone".into())))
    }

    fn send(&self, job: Job) -> Result<(), WriteError> {
        let jobs = self.jobs.lock().expect("sending does not panic");
        let jobs = jobs.as_ref().ok_or(WriteError::Closed)?;
        jobs.send(job).map_err(|_| WriteError::Failed("the writer is gone".into()))
    }

    /// Takes no more; returns when the writer has answered everything.
    pub(super) async fn close(&self) {
        let Some(thread) = self.end() else { return };
        // The runtime may be stopping, too; then dropping waits no less.
        let _ = tokio::task::spawn_blocking(move || thread.join()).await;
    }

    /// Ends the queue; the thread ends when it has come to its end.
    fn end(&self) -> Option<JoinHandle<()>> {
        self.room.close();
        self.jobs.lock().expect("sending does not panic").take();
        self.thread.lock().expect("taking an option cannot panic").take()
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        if let Some(thread) = self.end() {
            let _ = thread.join();
        }
    }
}

fn run(mut writer: Writer, jobs: &mpsc::Receiver<Job>) {
    let mut next_tick = Instant::now();
    loop {
        match jobs.recv_timeout(next_tick.saturating_duration_since(Instant::now())) {
            Ok(first) => settle(&mut writer, group(first, jobs)),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        if Instant::now() >= next_tick {
            writer.retain(super::nanoseconds(std::time::SystemTime::now()));
            next_tick = Instant::now() + TICK;
        }
    }
}

/// What waits now, up to the bounds of a transaction.
fn group(first: Job, jobs: &mpsc::Receiver<Job>) -> Vec<Job> {
    let mut bytes = first.bytes();
    let mut group = vec![first];
    while bytes < GROUP_BYTES && group.len() < GROUP_REQUESTS {
        let Ok(job) = jobs.try_recv() else { break };
        bytes += job.bytes();
        group.push(job);
    }
    group
}

fn settle(writer: &mut Writer, group: Vec<Job>) {
    let result = writer.write(&group);
    for job in group {
        // A sender that went away does not want to know.
        let _ = job.answer.send(result.clone());
    }
}
