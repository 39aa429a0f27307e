//! The section `reflex`, read and checked: what is asked for, and every mistake with its path.

mod action;
mod cross;

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use components::config::value::Origin;
use components::config::{Code, Field, Section};

use crate::keeper::orders;
use crate::protected;

use super::actions::alert::Webhook;
use super::policy::{Action, Breach, HostBudget, Mode, PER_HOUR_MAX, Policy, RULES_MAX, Rule};
use super::rules::analysis::Analysis;
use super::rules::{Conditions, Problem};
use super::signals::Signal;

pub use cross::check;
pub(crate) use cross::limited;

/// How the modes are written.
const MODES: &[(&str, Mode)] =
    &[("observe", Mode::Observe), ("suggest", Mode::Suggest), ("act", Mode::Act)];

/// The whole section.
#[derive(Debug, Default)]
pub struct Settings {
    /// How often signals are read and rules run.
    pub tick: Duration,
    /// What the core decides by.
    pub policy: Policy,
    /// The conditions, one per rule.
    pub conditions: Vec<Conditions>,
    /// Where conditions and actions stand, one per rule.
    pub places: Vec<Place>,
    /// What must be left alone.
    pub protected: Protected,
    /// While this file exists nothing is done.
    pub kill_file: PathBuf,
    /// Where alerts go.
    pub webhook: Option<Webhook>,
    /// The flags.
    pub flags: Flags,
}

/// Where a rule stands in the configuration.
#[derive(Clone, Debug)]
pub struct Place {
    /// The file and line.
    pub origin: Origin,
    /// The path of `when`.
    pub when: String,
    /// Signals of `when` and `clear`.
    pub signals: Vec<Signal>,
}

/// `reflex.protected`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Protected {
    /// Names of processes.
    pub processes: Vec<String>,
    /// Paths of control groups.
    pub cgroups: Vec<String>,
    /// Names of units.
    pub units: Vec<String>,
}

/// `reflex.feature_flags`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// The file that flagd reads.
    pub file: PathBuf,
    /// The flags that are there without us; none when empty.
    pub base: Option<PathBuf>,
}

impl Settings {
    /// Every signal that a rule reads, as often as rules read it.
    pub fn signals(&self) -> impl Iterator<Item = &Signal> {
        self.places.iter().flat_map(|place| &place.signals)
    }

    /// Reads the section.
    pub fn read(section: &Section<'_>) -> Self {
        let mode = section.one_of("mode", Mode::Observe, MODES);
        let budget = section.sub("budget");
        let budget = HostBudget {
            per_hour: per_hour(&budget, "per_host", 6),
            per_target: u32::try_from(budget.u64_in("per_target", 1, 1..=1000)).unwrap_or(1),
        };
        let alerting = section.sub("alerting");
        let mut settings = Self {
            tick: section.duration_in(
                "tick",
                Duration::from_millis(50),
                Duration::from_millis(10)..=Duration::from_secs(10),
            ),
            policy: Policy { budget, rules: Vec::new() },
            conditions: Vec::new(),
            places: Vec::new(),
            protected: protected(&section.sub("protected")),
            kill_file: section.string("kill_file", "/run/medulla/kill").into(),
            webhook: webhook(&alerting.sub("webhook")),
            flags: flags(&section.sub("feature_flags")),
        };
        drop(alerting);
        settings.read_rules(section, mode);
        settings
    }

    fn read_rules(&mut self, section: &Section<'_>, mode: Mode) {
        let list = section.list("rules");
        if list.len() > RULES_MAX {
            let message = format!("{} rules, expected at most {RULES_MAX}", list.len());
            return section.error("rules", Code::TooLarge, message);
        }
        let mut names = BTreeSet::new();
        for field in &list {
            let rule = field.section();
            let Some((plan, conditions, place)) = read_rule(&rule, field, mode) else { continue };
            if !names.insert(plan.name.clone()) {
                rule.error("name", Code::BadValue, format!("{:?} names two rules", plan.name));
            }
            self.policy.rules.push(plan);
            self.conditions.push(conditions);
            self.places.push(place);
        }
    }
}

/// Reads one rule; `None` if there is no use of it.
fn read_rule(
    section: &Section<'_>,
    field: &Field<'_>,
    inherited: Mode,
) -> Option<(Rule, Conditions, Place)> {
    let name = section.required_string("name");
    let written = section.field("mode").and_then(|field| {
        let mut modes = vec![("inherit", None)];
        modes.extend(MODES.iter().map(|(name, mode)| (*name, Some(*mode))));
        field.one_of(&modes)
    });
    let mode = written.flatten().unwrap_or(inherited);
    let read = conditions(section);
    let armed = section.one_of("arm", false, &[("user", false), ("kernel", true)]);
    let usual = Rule::new(name.clone().unwrap_or_default(), mode, Vec::new());
    let time = |key, usual| section.duration_in(key, usual, Duration::ZERO..=HOLD_MAX);
    let mut rule = Rule {
        hold: time("for", usual.hold),
        clear_for: time("clear_for", usual.clear_for),
        priority: priority(section),
        cooldown: time("cooldown", usual.cooldown),
        per_hour: per_hour(section, "budget", usual.per_hour),
        single_signal: section.bool("single_signal", usual.single_signal),
        actions: action::read(section, name.as_deref().unwrap_or_default()),
        ..usual
    };
    check_restart(section, &rule, written.flatten());
    let (conditions, analysis) = read?;
    if armed {
        rule.breach = breach(section, &rule, &analysis);
    } else {
        check_evidence(section, &rule, &analysis);
    }
    name?;
    let when = format!("{}.when", section.path());
    let origin = section.field("when").map_or(field.value().origin, |when| when.value().origin);
    let place = Place { origin, when, signals: analysis.signals };
    Some((rule, conditions, place))
}

const HOLD_MAX: Duration = Duration::from_secs(24 * 3600);

fn conditions(section: &Section<'_>) -> Option<(Conditions, Analysis)> {
    let when = section.required_string("when");
    let clear = section.opt_string("clear");
    let (conditions, analysis) = match Conditions::compile(&when?) {
        Ok(compiled) => compiled,
        Err(problem) => return refuse(section, "when", problem),
    };
    let Some(clear) = clear else { return Some((conditions, analysis)) };
    match conditions.with_clear(&clear) {
        Ok(conditions) => Some((conditions, analysis)),
        Err(problem) => refuse(section, "clear", problem),
    }
}

fn refuse<T>(section: &Section<'_>, key: &'static str, problem: Problem) -> Option<T> {
    let (Problem::Load(message) | Problem::Sense(message)) = problem;
    section.error(key, Code::BadValue, message);
    None
}

/// What the kernel judges by. Its own floor of load is the second source of evidence.
fn breach(section: &Section<'_>, rule: &Rule, analysis: &Analysis) -> Option<Breach> {
    let breach = super::rules::armed::breach(rule, analysis, section.has("clear"));
    breach.map_err(|why| section.error("arm", Code::BadValue, why)).ok()
}

/// A restart is no default of anything.
fn check_restart(section: &Section<'_>, rule: &Rule, written: Option<Mode>) {
    let restarts = rule.actions.iter().any(|action| matches!(action, Action::Restart(_)));
    if restarts && rule.mode == Mode::Act && written != Some(Mode::Act) {
        let message = "a rule that restarts needs `mode: act` written in the rule itself";
        section.error("mode", Code::BadValue, message);
    }
}

/// What acts needs two sources of evidence.
fn check_evidence(section: &Section<'_>, rule: &Rule, analysis: &Analysis) {
    let acts = rule.mode == Mode::Act && rule.actions.iter().any(Action::acts);
    if acts && !rule.single_signal && analysis.fewest_sources() < 2 {
        let message = "mode act on one source of evidence, expected two of latency, load, errors, \
                       cpu, memory, or single_signal: true";
        section.error("when", Code::BadValue, message);
    }
}

fn priority(section: &Section<'_>) -> i64 {
    let priority = section.f64_in("priority", 0.0, -1e6..=1e6);
    if priority.fract() != 0.0 {
        section.error("priority", Code::WrongType, format!("{priority}, expected a whole number"));
    }
    #[expect(clippy::cast_possible_truncation, reason = "within a million")]
    let whole = priority as i64;
    whole
}

/// A rate such as `6/h` as actions in any hour.
fn per_hour(section: &Section<'_>, key: &'static str, default: u32) -> u32 {
    let Some(rate) = section.field(key).and_then(|field| field.rate()) else { return default };
    let per_hour = (rate.per_s * 3600.0).round();
    if !(0.0..=f64::from(PER_HOUR_MAX)).contains(&per_hour) {
        let message = format!("{per_hour}/h, expected at most {PER_HOUR_MAX}/h");
        section.error(key, Code::OutOfRange, message);
        return default;
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked above")]
    let whole = per_hour as u32;
    whole
}

fn protected(section: &Section<'_>) -> Protected {
    let read = |key: &'static str| {
        let names = section.strings(key);
        if names.len() > protected::ENTRIES_MAX {
            let message =
                format!("{} entries, expected at most {}", names.len(), protected::ENTRIES_MAX);
            section.error(key, Code::TooLarge, message);
        }
        let usable = |name: &String| {
            let fits = (1..=orders::TEXT_BYTES).contains(&name.len());
            fits && !name.contains(char::is_control)
        };
        if let Some(name) = names.iter().find(|name| !usable(name)) {
            let message = format!("{name:?}, expected 1 to {} bytes of text", orders::TEXT_BYTES);
            section.error(key, Code::BadValue, message);
        }
        names
    };
    Protected { processes: read("processes"), cgroups: read("cgroups"), units: read("units") }
}

impl Protected {
    /// What the keeper is told.
    pub(crate) fn entries(&self) -> Vec<String> {
        let processes = self.processes.iter().map(|name| protected::process(name));
        processes.chain(self.cgroups.iter().map(|path| protected::cgroup(path))).collect()
    }
}

fn webhook(section: &Section<'_>) -> Option<Webhook> {
    let endpoint = section.opt_string("endpoint")?;
    let tls = section.sub("tls");
    let roots = tls.opt_string("ca_file").map(fs::read).transpose();
    let roots = roots.inspect_err(|error| {
        tls.error("ca_file", Code::Unreadable, error.to_string());
    });
    Webhook::new(&endpoint, roots.ok()?.as_deref())
        .inspect_err(|error| section.error("endpoint", Code::BadValue, error.clone()))
        .ok()
}

fn flags(section: &Section<'_>) -> Flags {
    let base = section.opt_string("base").filter(|base| !base.is_empty());
    let file = section.string("file", "/run/medulla/flags.json");
    if base.as_deref() == Some(file.as_str()) {
        section.error("base", Code::BadValue, "the same file, expected another or none");
    }
    Flags { file: file.into(), base: base.map(PathBuf::from) }
}
