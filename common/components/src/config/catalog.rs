//! What a binary is made of: a plain table of its components and of its own sections.
//!
//! The table decides what a configuration may name and feeds `components --json`. There is no
//! registration: each binary writes its list and the shared one ([`shared`](super::shared)) down.

use otlp::Signal;

use super::error::Report;
use super::model::Config;
use super::section::Section;

/// All signals that components of every kind take.
pub const EVERY_SIGNAL: &[Signal] = &[Signal::Traces, Signal::Metrics, Signal::Logs];

/// Where in a configuration a component stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    /// Takes data in.
    Receiver,
    /// Changes or holds it.
    Processor,
    /// Ends one pipeline and begins another.
    Connector,
    /// Sends it on.
    Exporter,
    /// Serves the process, not the data.
    Extension,
}

impl Class {
    /// Every class, in the order of the data.
    pub const ALL: [Self; 5] =
        [Self::Receiver, Self::Processor, Self::Connector, Self::Exporter, Self::Extension];

    /// `receiver`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Receiver => "receiver",
            Self::Processor => "processor",
            Self::Connector => "connector",
            Self::Exporter => "exporter",
            Self::Extension => "extension",
        }
    }

    /// The key of the section: `receivers`.
    pub fn section(self) -> &'static str {
        match self {
            Self::Receiver => "receivers",
            Self::Processor => "processors",
            Self::Connector => "connectors",
            Self::Exporter => "exporters",
            Self::Extension => "extensions",
        }
    }
}

/// How far a component or section is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stability {
    /// Its keys and behaviour are kept.
    Stable,
    /// Works; details may change.
    Beta,
    /// Planned; naming it is an error that says so.
    NotBuiltIn,
    /// Belongs to the program of this name; naming it here is an error that says so.
    Elsewhere(&'static str),
}

impl Stability {
    /// The word in `components`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stable => "stable",
            Self::Beta => "beta",
            Self::NotBuiltIn => "not built in",
            Self::Elsewhere(_) => "elsewhere",
        }
    }

    /// The message of the error, `None` if it may be used.
    pub fn refusal(self) -> Option<String> {
        match self {
            Self::Stable | Self::Beta => None,
            Self::NotBuiltIn => Some("not built in yet".to_owned()),
            Self::Elsewhere(program) => Some(format!("not built in here, it is part of {program}")),
        }
    }
}

/// One kind of component.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// Where it stands.
    pub class: Class,
    /// The `type` of its ids.
    pub name: &'static str,
    /// Old names that are accepted.
    pub aliases: &'static [&'static str],
    /// How far it is.
    pub stability: Stability,
    /// The signals it takes; for connectors those that it takes in.
    pub signals: &'static [Signal],
    /// The signals that a connector gives out; empty means the one that came in. Others: empty.
    pub gives: &'static [Signal],
    /// Whether a sender hears success before its data is delivered.
    pub settles_early: bool,
    /// Reads every key of its section and reports what is wrong.
    pub check: fn(&Section<'_>),
}

impl Kind {
    /// A stable component for all signals.
    pub const fn stable(class: Class, name: &'static str, check: fn(&Section<'_>)) -> Self {
        let (stability, signals) = (Stability::Stable, EVERY_SIGNAL);
        Self {
            class,
            name,
            aliases: &[],
            stability,
            signals,
            gives: &[],
            settles_early: false,
            check,
        }
    }

    /// A component that is planned.
    pub const fn planned(class: Class, name: &'static str) -> Self {
        Self { stability: Stability::NotBuiltIn, ..Self::stable(class, name, any_keys) }
    }

    /// A component of another program.
    pub const fn elsewhere(class: Class, name: &'static str, program: &'static str) -> Self {
        Self { stability: Stability::Elsewhere(program), ..Self::stable(class, name, any_keys) }
    }

    /// The same under old names, too.
    pub const fn aliased(self, aliases: &'static [&'static str]) -> Self {
        Self { aliases, ..self }
    }

    /// The same for these signals only.
    pub const fn carrying(self, signals: &'static [Signal]) -> Self {
        Self { signals, ..self }
    }

    /// The same connector giving out these signals.
    pub const fn giving(self, gives: &'static [Signal]) -> Self {
        Self { gives, ..self }
    }

    /// Whether this is what `name` means in `class`.
    pub fn answers_to(&self, class: Class, name: &str) -> bool {
        self.class == class && (self.name == name || self.aliases.contains(&name))
    }
}

/// A top-level section that is ours and not the Collector's, such as `limits`.
#[derive(Clone, Copy, Debug)]
pub struct OwnSection {
    /// Its key.
    pub name: &'static str,
    /// How far it is.
    pub stability: Stability,
    /// Reads every key and reports what is wrong.
    pub check: fn(&Section<'_>),
}

/// What a binary knows.
#[derive(Clone, Copy, Debug)]
pub struct Catalog {
    /// Lists of components; the first that answers to a name is meant.
    pub kinds: &'static [&'static [Kind]],
    /// Its own sections.
    pub sections: &'static [OwnSection],
    /// Checks what only the whole configuration can tell, once its parts are read.
    pub check_whole: fn(&Config, &Report),
}

/// For programs whose parts say it all.
pub fn nothing_more(_: &Config, _: &Report) {}

impl Catalog {
    /// Every kind.
    pub fn kinds(&self) -> impl Iterator<Item = &'static Kind> {
        self.kinds.iter().flat_map(|list| list.iter())
    }

    /// The kind that a type name means.
    pub fn find(&self, class: Class, name: &str) -> Option<&'static Kind> {
        self.kinds().find(|kind| kind.answers_to(class, name))
    }

    /// The names of a class that may be used or are planned.
    pub fn names(&self, class: Class) -> Vec<&'static str> {
        let own = |kind: &&Kind| !matches!(kind.stability, Stability::Elsewhere(_));
        self.kinds().filter(|kind| kind.class == class).filter(own).map(|kind| kind.name).collect()
    }

    /// The list that `components --json` prints, ordered by class and name.
    pub fn to_json(&self) -> serde_json::Value {
        let mut kinds: Vec<&Kind> = self.kinds().collect();
        kinds.retain(|kind| !matches!(kind.stability, Stability::Elsewhere(_)));
        kinds.sort_by_key(|kind| (kind.class, kind.name));
        kinds.into_iter().map(kind_json).collect()
    }
}

fn kind_json(kind: &Kind) -> serde_json::Value {
    let signals: Vec<&str> = kind.signals.iter().map(|signal| signal.name()).collect();
    serde_json::json!({
        "class": kind.class.as_str(),
        "name": kind.name,
        "aliases": kind.aliases,
        "stability": kind.stability.as_str(),
        "signals": signals,
        "settles_early": kind.settles_early,
    })
}

/// Accepts any key: for kinds whose section is refused as a whole.
pub fn any_keys(section: &Section<'_>) {
    section.entries();
}
