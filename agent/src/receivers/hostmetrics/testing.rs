//! Scrapers against a root folder that a test fills.

use std::path::PathBuf;

use components::config::value::parse;
use components::config::{Report, Section};

use super::metric::Choice;
use super::reading::{Reading, Times};
use super::root::Root;
use super::settings::{Chosen, Settings};

/// A host made of files.
pub(super) struct Bench {
    folder: tempfile::TempDir,
}

/// A scraper that looks at it again and again.
pub(super) struct Looker {
    chosen: Chosen,
    root: Root,
    pub(super) times: Times,
}

impl Bench {
    pub(super) fn new(files: &[(&str, &str)]) -> Self {
        let bench = Self { folder: tempfile::tempdir().expect("a temporary folder can be made") };
        files.iter().for_each(|(path, text)| bench.put(path, text));
        bench
    }

    pub(super) fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    pub(super) fn put(&self, path: &str, text: &str) {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().expect("it is in the folder")).expect("made");
        std::fs::write(path, text).expect("written");
    }

    /// The scraper of `{NAME: {KEYS}}`.
    pub(super) fn scraper(&self, yaml: &str) -> Looker {
        let mut chosen = read(yaml).scrapers;
        assert_eq!(chosen.len(), 1, "{yaml}");
        let root = Root::new(self.folder.path().to_str().expect("it is plain"));
        let times = Times { boot_ns: 1, now_ns: 2 };
        Looker { chosen: chosen.remove(0), root, times }
    }

    /// One look gives these points and no fault.
    pub(super) fn check(&self, yaml: &str, expect: &[&str]) {
        let mut looker = self.scraper(yaml);
        assert_eq!(looker.look(), expect, "{yaml}");
        assert_eq!(looker.fault(), None);
    }
}

impl Looker {
    /// The points of a look; those of a resource with attributes begin with these.
    pub(super) fn look(&mut self) -> Vec<String> {
        self.scrape().0
    }

    /// The first fault of a look.
    pub(super) fn fault(&mut self) -> Option<String> {
        self.scrape().1
    }

    fn scrape(&mut self) -> (Vec<String>, Option<String>) {
        let mut lines = Vec::new();
        let mut take = |points: &super::points::Points<'_>, origin: &super::points::Origin<'_>| {
            let resource = origin.resource.iter().map(|(key, value)| format!("{key}={value} "));
            let resource: String = resource.collect();
            lines.extend(points.lines().iter().map(|line| format!("{resource}{line}")));
        };
        let Chosen { scraper, choices, scrape } = &mut self.chosen;
        let choices: &[Choice] = choices;
        let mut reading = Reading::new(scraper, choices, &self.root, self.times, &mut take);
        scrape.scrape(&mut reading);
        let first = reading.finish().first;
        (lines, first)
    }
}

/// The settings with these scrapers.
fn read(scrapers: &str) -> Settings {
    let (settings, errors) = check(&format!("scrapers: {{ {scrapers} }}"));
    assert_eq!(errors, Vec::<String>::new(), "{scrapers}");
    settings
}

/// The settings of a section, and what is wrong with it.
pub(super) fn check(yaml: &str) -> (Settings, Vec<String>) {
    let report = Report::default();
    report.add_file("test.yaml");
    let value = parse(yaml, 0, &report).expect("the test's YAML is valid");
    let settings = Settings::read(&Section::new(&value, "receivers.hostmetrics", &report));
    let errors = report.into_parts().0;
    let line = |error: &components::config::Error| format!("{}: {}", error.path, error.message);
    (settings, errors.iter().map(line).collect())
}
