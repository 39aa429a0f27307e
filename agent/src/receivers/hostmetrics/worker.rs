//! The threads that look at the host.
//!
//! Reading `/proc` takes milliseconds, and a file system whose server is gone may hang a look for ever, so
//! looks run on threads of their own and never on the runtime's: one for each scraper that may hang,
//! one for all others. What they see is handed over in
//! chunks of about [`CHUNK_BYTES`], one at a time, so memory stays bounded however many processes
//! there are.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use bytes::Bytes;
use pipeline::{Kind, Sample, Source};
use tokio::sync::mpsc;

use super::points::{Origin, Points};
use super::reading::{Faults, Reading, Times};
use super::root::Root;
use super::settings::Chosen;
use crate::host::parse;
use components::time::unix_ns;

/// A chunk is handed over when it has so many bytes.
const CHUNK_BYTES: usize = 512 << 10;

/// A part of a look, as an OTLP request.
pub(super) struct Chunk {
    pub(super) request: Bytes,
    pub(super) points: u64,
}

/// Asks for a look, whose chunks go here.
pub(super) type Ask = mpsc::Sender<Chunk>;

/// The scrapers that share a thread.
pub(super) fn groups(scrapers: Vec<Chosen>) -> Vec<Vec<Chosen>> {
    let (alone, together): (Vec<_>, Vec<_>) =
        scrapers.into_iter().partition(|chosen| chosen.scraper.may_hang);
    let together = Some(together).filter(|together| !together.is_empty());
    together.into_iter().chain(alone.into_iter().map(|chosen| vec![chosen])).collect()
}

/// Looks whenever it is asked, until nobody can ask any more.
pub(super) struct Worker {
    pub(super) root: Arc<Root>,
    pub(super) scrapers: Vec<Chosen>,
    pub(super) books: Arc<Books>,
}

impl Worker {
    /// Begins its thread; a look can be asked for while none is in progress.
    pub(super) fn start(self) -> std::io::Result<mpsc::Sender<Ask>> {
        let (asks, asked) = mpsc::channel(1);
        std::thread::Builder::new().name("hostmetrics".to_owned()).spawn(|| self.run(asked))?;
        Ok(asks)
    }

    fn run(mut self, mut asked: mpsc::Receiver<Ask>) {
        let mut boot_ns = None;
        while let Some(chunks) = asked.blocking_recv() {
            boot_ns = boot_ns.or_else(|| booted(&self.root));
            let now_ns = unix_ns(SystemTime::now());
            self.look(Times { boot_ns: boot_ns.unwrap_or(now_ns), now_ns }, &chunks);
        }
    }

    fn look(&mut self, times: Times, chunks: &Ask) {
        let mut packer = Packer { chunks, request: Vec::new(), points: 0 };
        for Chosen { scraper, choices, scrape } in &mut self.scrapers {
            let mut take = |points: &Points<'_>, origin: &Origin<'_>| packer.add(points, origin);
            let mut reading = Reading::new(scraper, choices, &self.root, times, &mut take);
            scrape.scrape(&mut reading);
            let faults = reading.finish();
            self.books.note(scraper.name, faults);
        }
        packer.hand_over();
    }
}

/// When the host started, by its own account.
fn booted(root: &Root) -> Option<u64> {
    parse::stat_number(&root.text("proc/stat").ok()?, "btime")?.checked_mul(1_000_000_000)
}

struct Packer<'a> {
    chunks: &'a Ask,
    request: Vec<u8>,
    points: u64,
}

impl Packer<'_> {
    fn add(&mut self, points: &Points<'_>, origin: &Origin<'_>) {
        // OTLP: a request is its resources one after the other.
        otlp::wire::put_bytes(&mut self.request, 1, &points.encode(origin));
        self.points += points.count() as u64;
        if self.request.len() >= CHUNK_BYTES {
            self.hand_over();
        }
    }

    fn hand_over(&mut self) {
        let request = Bytes::from(std::mem::take(&mut self.request));
        let points = std::mem::take(&mut self.points);
        if points > 0 {
            // Who no longer waits has said so.
            let _ = self.chunks.blocking_send(Chunk { request, points });
        }
    }
}

/// What could not be read: counted, and told when it begins.
#[derive(Default)]
pub(super) struct Books {
    receiver: String,
    scrapers: Mutex<BTreeMap<&'static str, Account>>,
}

#[derive(Default)]
struct Account {
    faults: u64,
    /// Whether the last look had some.
    failing: bool,
}

impl Books {
    pub(super) fn new(receiver: &str) -> Self {
        Self { receiver: receiver.to_owned(), scrapers: Mutex::default() }
    }

    fn note(&self, scraper: &'static str, faults: Faults) {
        let mut scrapers = self.scrapers.lock().expect("a plain assignment cannot panic");
        let account = scrapers.entry(scraper).or_default();
        account.faults = account.faults.saturating_add(faults.count);
        let was_failing = std::mem::replace(&mut account.failing, faults.count > 0);
        let Some(first) = faults.first.filter(|_| !was_failing) else { return };
        let others = match faults.count - 1 {
            0 => String::new(),
            others => format!(" (and {others} more like it)"),
        };
        tracing::warn!("receiver {}: scraper {scraper}: {first}{others}", self.receiver);
    }
}

impl Source for Books {
    fn collect(&self, out: &mut Vec<Sample>) {
        let scrapers = self.scrapers.lock().expect("a plain assignment cannot panic");
        for (scraper, account) in scrapers.iter() {
            out.push(Sample {
                name: "medulla_scraper_faults".to_owned(),
                help: "What a scraper could not read.",
                kind: Kind::Counter,
                labels: vec![
                    ("receiver", self.receiver.clone()),
                    ("scraper", (*scraper).to_owned()),
                ],
                value: account.faults as f64,
            });
        }
    }
}
