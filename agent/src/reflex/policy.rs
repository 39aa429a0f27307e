//! What rules may do: the settings that decisions need, read and checked, free of IO.

use std::fmt;
use std::time::Duration;

use kernel_abi::layout::Unit;

use crate::kernel::Target;

/// Shortest and longest lease of a rule's limit.
pub const LEASE_MIN: Duration = Duration::from_secs(5);
/// See [`LEASE_MIN`].
pub const LEASE_MAX: Duration = Duration::from_secs(300);
/// Most rules of a configuration.
pub const RULES_MAX: usize = 1024;
/// Most actions of a rule.
pub const ACTIONS_MAX: usize = 16;
/// Most actions per hour that a budget can say.
pub const PER_HOUR_MAX: u32 = 3600;

/// How far a rule may go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Write down what it would do.
    #[default]
    Observe,
    /// Ask first.
    Suggest,
    /// Do it.
    Act,
}

impl Mode {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Observe => "observe",
            Self::Suggest => "suggest",
            Self::Act => "act",
        }
    }
}

/// Every rule and what they share.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Policy {
    /// What all rules together may do.
    pub budget: HostBudget,
    /// In the order of the file.
    pub rules: Vec<Rule>,
}

/// `reflex.budget`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostBudget {
    /// Actions begun in any hour.
    pub per_hour: u32,
    /// Actions on one target at once.
    pub per_target: u32,
}

impl Default for HostBudget {
    fn default() -> Self {
        Self { per_hour: 6, per_target: 1 }
    }
}

/// A rule without its conditions.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// Its name.
    pub name: String,
    /// How far it may go.
    pub mode: Mode,
    /// How long `when` must hold.
    pub hold: Duration,
    /// How long `clear` must hold.
    pub clear_for: Duration,
    /// The higher one goes first, and takes a target over.
    pub priority: i64,
    /// How long it rests after it acted.
    pub cooldown: Duration,
    /// How often in any hour it may begin to act.
    pub per_hour: u32,
    /// Whether one source of evidence is enough.
    pub single_signal: bool,
    /// What the kernel judges by, of a rule that is armed there.
    pub breach: Option<Breach>,
    /// What it does, in order.
    pub actions: Vec<Action>,
}

/// What the kernel itself judges of a rule with `arm: kernel`: so many slow answers among the last ones, on
/// two connections at least, under load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Breach {
    /// The port whose answers are judged.
    pub port: u16,
    /// An answer that takes less is never slow.
    pub floor: Duration,
    /// Whether the floor follows what is normal for the port.
    pub follows: bool,
    /// So many slow answers ...
    pub need: u8,
    /// ... among so many.
    pub of: u8,
    /// Load is so many open requests ...
    pub in_flight_min: u32,
    /// ... or so many answers in a second.
    pub requests_per_s_min: u32,
}

/// One entry of `then`.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// A kernel limit.
    RateLimit(RateLimit),
    /// A restart.
    Restart(Restart),
    /// A message to people.
    Alert(Alert),
    /// A feature switched off for a while.
    Degrade(Degrade),
}

/// `rate_limit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// The port.
    pub target: Target,
    /// What is counted.
    pub unit: Unit,
    /// Where the steps lead, units per hour.
    pub rate_per_hour: u64,
    /// Never below this, units per hour.
    pub floor_per_hour: u64,
    /// How long one writing holds.
    pub lease: Duration,
    /// Go to the rate at once.
    pub immediate: bool,
    /// The whole rate for each source address.
    pub per_source: bool,
}

/// `restart`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restart {
    /// What.
    pub what: Restartable,
    /// How long it may take to stop.
    pub grace: Duration,
}

/// What can be restarted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Restartable {
    /// The one container with this label, through the CRI socket.
    Container {
        /// The runtime's socket.
        socket: String,
        /// Labels: `key=value`, several with commas.
        label: String,
    },
    /// A systemd unit.
    Unit(String),
    /// The one pod of this node that a selector finds, through the Kubernetes API.
    Pod {
        /// Its namespace.
        namespace: String,
        /// A label selector.
        selector: String,
    },
}

/// `alert`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    /// How bad it is.
    pub severity: Severity,
    /// What people read.
    pub message: String,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "they say it themselves")]
pub enum Severity {
    Info,
    #[default]
    Warning,
    Critical,
}

impl Severity {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// `degrade`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Degrade {
    /// The flag.
    pub feature: String,
    /// The variant that everyone gets.
    pub variant: String,
    /// How long one writing holds.
    pub lease: Duration,
}

impl Rule {
    /// A rule with the defaults of the section.
    pub fn new(name: impl Into<String>, mode: Mode, actions: Vec<Action>) -> Self {
        Self {
            name: name.into(),
            mode,
            hold: Duration::ZERO,
            clear_for: Duration::from_secs(10),
            priority: 0,
            cooldown: Duration::from_secs(60),
            per_hour: 6,
            single_signal: false,
            breach: None,
            actions,
        }
    }

    /// Its limit, with the place in `then`.
    pub fn limit(&self) -> Option<(usize, &RateLimit)> {
        let mut actions = self.actions.iter().enumerate();
        actions.find_map(|(index, action)| match action {
            Action::RateLimit(limit) => Some((index, limit)),
            _ => None,
        })
    }
}

impl Action {
    /// What it acts on: one action at a time there, counted by this text.
    pub fn target(&self) -> String {
        match self {
            Self::RateLimit(limit) => limit.target.to_string(),
            Self::Restart(restart) => restart.what.to_string(),
            Self::Alert(_) => "people".to_owned(),
            Self::Degrade(degrade) => format!("feature:{}", degrade.feature),
        }
    }

    /// Whether it changes the host; an alert only speaks.
    pub fn acts(&self) -> bool {
        !matches!(self, Self::Alert(_))
    }
}

/// How targets of restarts begin.
const CONTAINER: &str = "container:";
const UNIT: &str = "unit:";
const POD: &str = "pod:";

/// Whether a target is what restarts act on.
pub fn is_restartable(target: &str) -> bool {
    [CONTAINER, UNIT, POD].iter().any(|kind| target.starts_with(kind))
}

impl fmt::Display for Restartable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Container { label, .. } => write!(f, "{CONTAINER}{label}"),
            Self::Unit(name) => write!(f, "{UNIT}{name}"),
            Self::Pod { namespace, selector } => write!(f, "{POD}{namespace}/{selector}"),
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RateLimit(limit) => {
                write!(f, "limit {} to {}/s", limit.target, limit.rate_per_hour / 3600)
            }
            Self::Restart(restart) => write!(f, "restart {}", restart.what),
            Self::Alert(alert) => write!(f, "alert ({})", alert.severity.as_str()),
            Self::Degrade(degrade) => write!(f, "set {} to {}", degrade.feature, degrade.variant),
        }
    }
}
