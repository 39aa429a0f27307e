//! The keys of the receiver: the Collector's.

use std::time::Duration;

use components::config::{Code, Section};

use super::metric::Choice;
use super::reading::{Scrape, Scraper};
use super::{cpu, disk, filesystem, load, memory, network, paging, process, processes, system};

/// Every scraper there is.
pub(super) const SCRAPERS: &[Scraper] = &[
    cpu::SCRAPER,
    disk::SCRAPER,
    filesystem::SCRAPER,
    load::SCRAPER,
    memory::SCRAPER,
    network::SCRAPER,
    paging::SCRAPER,
    process::SCRAPER,
    processes::SCRAPER,
    system::SCRAPER,
];
/// Scrapers of the Collector that are not built in yet.
const PLANNED: &[&str] = &["hardware", "nfs"];

/// Looks come no faster and no slower.
const INTERVALS: std::ops::RangeInclusive<Duration> =
    Duration::from_millis(100)..=Duration::from_secs(7 * 24 * 3600);

/// What a section says.
pub(crate) struct Settings {
    pub(super) collection_interval: Duration,
    /// Before the first look.
    pub(super) initial_delay: Duration,
    /// How long to wait for the next part of a look; zero is for ever.
    pub(super) timeout: Duration,
    pub(super) root_path: String,
    pub(super) scrapers: Vec<Chosen>,
}

/// A scraper that a section asks for.
pub(super) struct Chosen {
    pub(super) scraper: &'static Scraper,
    pub(super) choices: Vec<Choice>,
    pub(super) scrape: Box<dyn Scrape>,
}

impl Settings {
    /// Reads the section.
    pub(crate) fn read(section: &Section<'_>) -> Self {
        let up_to = |longest: &Duration| Duration::ZERO..=*longest;
        // Only entity events, which are logs, have this interval.
        section.duration("metadata_collection_interval", Duration::from_secs(300));
        Self {
            collection_interval: section.duration_in(
                "collection_interval",
                Duration::from_secs(60),
                INTERVALS,
            ),
            initial_delay: section.duration_in(
                "initial_delay",
                Duration::from_secs(1),
                up_to(INTERVALS.end()),
            ),
            timeout: section.duration_in("timeout", Duration::ZERO, up_to(INTERVALS.end())),
            root_path: root_path(section),
            scrapers: scrapers(section),
        }
    }
}

fn root_path(section: &Section<'_>) -> String {
    let path = section.string("root_path", "");
    if !path.is_empty() && !path.starts_with('/') {
        section.error("root_path", Code::BadValue, format!("{path:?}, expected an absolute path"));
    }
    path
}

fn scrapers(section: &Section<'_>) -> Vec<Chosen> {
    let written = section.sub("scrapers");
    if written.is_empty() {
        section.missing("scrapers", "at least one scraper");
    }
    written.not_built_yet(PLANNED);
    let chosen = SCRAPERS.iter().filter(|scraper| written.has(scraper.name));
    chosen.map(|scraper| choose(scraper, &written.sub(scraper.name))).collect()
}

fn choose(scraper: &'static Scraper, section: &Section<'_>) -> Chosen {
    let choices = Choice::read_all(section, scraper.metrics);
    Chosen { scraper, choices, scrape: (scraper.build)(section) }
}
