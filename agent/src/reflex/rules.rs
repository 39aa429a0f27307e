//! The conditions of rules: OTTL, compiled once, checked for what can never be meant.
//!
//! `when` and `clear` run over a [`Snapshot`]; the checks ([`analysis`]) run over the tree of the same text:
//! which signals it reads, on how many sources of evidence it can hold, whether it can hold at all, and how
//! far beyond its thresholds the signals are.

pub mod analysis;
pub(super) mod armed;
mod bounds;

use bumpalo::Bump;
use ottl::{Compiler, Condition, Frame, Functions, LoadError, Purpose};

use super::decide::Seen;
use super::signals::context::Signals;
use super::signals::{Signal, Snapshot, Sources};
use analysis::{Analysis, Threshold};

/// Longest condition, in bytes.
pub const CONDITION_MAX_BYTES: usize = 16 << 10;

/// A rule's conditions, compiled.
pub struct Conditions {
    when: Condition<Signals>,
    /// Absent: the opposite of `when`.
    clear: Option<Condition<Signals>>,
    signals: Vec<Signal>,
    thresholds: Vec<Threshold>,
}

/// Why a condition is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// Not a condition of the language over signals.
    Load(String),
    /// It cannot be what is meant.
    Sense(String),
}

impl Conditions {
    /// Compiles `when`.
    pub fn compile(when: &str) -> Result<(Self, Analysis), Problem> {
        let (condition, analysis) = compile(when)?;
        if analysis.never() {
            return Err(Problem::Sense("it can never hold".to_owned()));
        }
        if analysis.always() {
            return Err(Problem::Sense("it always holds while there is data".to_owned()));
        }
        let conditions = Self {
            when: condition,
            clear: None,
            signals: analysis.signals.clone(),
            thresholds: analysis.thresholds.clone(),
        };
        Ok((conditions, analysis))
    }

    /// Compiles `clear`, in which the word `when` stands for the other condition.
    pub fn with_clear(mut self, clear: &str) -> Result<Self, Problem> {
        let text = with_when(clear, self.when.text());
        let (condition, analysis) = compile(&text)?;
        if analysis.never() {
            return Err(Problem::Sense(
                "it can never hold, so the rule would never end".to_owned(),
            ));
        }
        if analysis.always() {
            let message = "it always holds, so the rule would end at once";
            return Err(Problem::Sense(message.to_owned()));
        }
        self.clear = Some(condition);
        Ok(self)
    }

    /// How they stand. A condition that fails to run counts as false: it has no data.
    pub fn see(&self, snapshot: &Snapshot, arena: &Bump) -> Seen {
        let frame = Frame::new(snapshot, arena, None);
        let when = self.when.holds(&frame).unwrap_or(false);
        let clear = match &self.clear {
            Some(clear) => clear.holds(&frame).unwrap_or(false),
            None => !when,
        };
        Seen {
            when,
            clear,
            sources: self.sources(snapshot).count(),
            pressure: self.pressure(snapshot),
        }
    }

    /// Whether they say the same.
    pub fn is_same(&self, other: &Self) -> bool {
        let clear =
            |conditions: &Self| conditions.clear.as_ref().map(|clear| clear.text().to_owned());
        self.when.text() == other.when.text() && clear(self) == clear(other)
    }

    /// Whether nothing that it reads has data.
    pub fn is_blind(&self, snapshot: &Snapshot) -> bool {
        self.signals.iter().all(|signal| snapshot.get(signal).is_none())
    }

    /// The signals that `when` reads.
    pub fn signals(&self) -> &[Signal] {
        &self.signals
    }

    /// The signals and their values, for the record.
    pub fn show(&self, snapshot: &Snapshot) -> String {
        let show = |signal: &Signal| format!("{signal}={}", snapshot.show(signal));
        self.signals.iter().map(show).collect::<Vec<_>>().join(" ")
    }

    /// The sources of evidence that have data.
    fn sources(&self, snapshot: &Snapshot) -> Sources {
        let seen = self.signals.iter().filter(|signal| snapshot.get(signal).is_some());
        seen.fold(Sources::NONE, |all, signal| all.with(signal.field.row().source))
    }

    /// The mean of how far signals are beyond their thresholds.
    fn pressure(&self, snapshot: &Snapshot) -> f64 {
        let known = self.thresholds.iter().filter_map(|threshold| threshold.excess(snapshot));
        let (sum, count) = known.fold((0.0, 0u32), |(sum, count), one| (sum + one, count + 1));
        if count == 0 { 0.0 } else { sum / f64::from(count) }
    }
}

impl std::fmt::Debug for Conditions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Conditions").field("when", &self.when.text()).finish_non_exhaustive()
    }
}

fn compile(text: &str) -> Result<(Condition<Signals>, Analysis), Problem> {
    if text.len() > CONDITION_MAX_BYTES {
        let message = format!("{} bytes, expected at most {CONDITION_MAX_BYTES}", text.len());
        return Err(Problem::Load(message));
    }
    let functions = Functions::new(&Signals, Purpose::Filter, false);
    let compiler = Compiler { context: &Signals, functions: &functions, needs_prefix: false };
    let condition = compiler.condition(text).map_err(|error| Problem::Load(said(&error)))?;
    let tree = ottl::parse::condition(text).map_err(|error| Problem::Load(said(&error)))?;
    Ok((condition, Analysis::of(&tree).map_err(Problem::Sense)?))
}

fn said(error: &LoadError) -> String {
    format!("ottl: {error}")
}

/// Puts `when` where its name stands outside of quotes.
fn with_when(clear: &str, when: &str) -> String {
    let mut out = String::with_capacity(clear.len());
    let (mut quoted, mut word) = (false, String::new());
    for c in clear.chars().chain([' ']) {
        if !quoted && (c.is_ascii_alphanumeric() || c == '_' || c == '.') {
            word.push(c);
            continue;
        }
        match word.as_str() {
            "when" => out.extend(["(", when, ")"]),
            other => out.push_str(other),
        }
        word.clear();
        quoted ^= c == '"';
        out.push(c);
    }
    out.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reflex::signals::Subject;

    const SHED: &str = "port[8080].latency_p99 > Duration(\"250ms\") and port[8080].in_flight > 50";

    fn snapshot(latency_ms: Option<f64>, in_flight: f64) -> Snapshot {
        let mut snapshot = Snapshot::default();
        let port = Subject::Port(8080);
        snapshot.set(&port, "latency_p99", latency_ms.map(|ms| ms * 1e6));
        snapshot.set(&port, "in_flight", Some(in_flight));
        snapshot
    }

    #[test]
    fn conditions_see_signals() {
        let (conditions, analysis) = Conditions::compile(SHED).expect("compiles");
        assert_eq!(analysis.fewest_sources(), 2);
        let arena = Bump::new();
        let see = |snapshot: Snapshot| conditions.see(&snapshot, &arena);
        let breach = see(snapshot(Some(500.0), 100.0));
        assert_eq!(breach, Seen { when: true, clear: false, sources: 2, pressure: 2.0 });
        assert!(!see(snapshot(Some(100.0), 100.0)).when);
        let blind = see(snapshot(None, 100.0));
        assert_eq!((blind.when, blind.clear, blind.sources), (false, true, 1));
    }

    #[test]
    fn clear_may_build_on_when() {
        let (conditions, _) = Conditions::compile(SHED).expect("compiles");
        let clear = "not(when) and port[8080].latency_p99 < Duration(\"100ms\")";
        let conditions = conditions.with_clear(clear).expect("compiles");
        let arena = Bump::new();
        assert!(!conditions.see(&snapshot(Some(200.0), 1.0), &arena).clear);
        assert!(conditions.see(&snapshot(Some(50.0), 1.0), &arena).clear);
        assert_eq!(with_when("x == \"when\" or when", "a"), "x == \"when\" or (a)");
    }

    #[test]
    fn senseless_conditions_are_refused() {
        let check = |text: &str, expect: &str| {
            let problem = Conditions::compile(text).expect_err(text);
            assert!(format!("{problem:?}").contains(expect), "{text}: {problem:?}");
        };
        check("cpu.utilization > 1.5", "never hold");
        check("port[80].in_flight < 0", "never hold");
        check("cpu.utilization > 0.9 and cpu.utilization < 0.5", "never hold");
        check("1 > 2", "never hold");
        check("cpu.utilization >= 0", "always holds");
        check("true", "always holds");
        check("cpu.utilization > 0.5 or cpu.utilization <= 0.5", "always holds");
        check("port[80].latency_p99 > 250", "duration");
        check("cpu.utilization > Duration(\"1s\")", "not a duration");
        check("port[80].latency > Duration(\"1s\")", "unknown signal");
        check("port[0].in_flight > 1", "1 to 65535");
        check("port[\"x\"].in_flight > 1", "expected a number");
        check("gpu.utilization > 0.5", "unknown signal");
        check("cpu.utilization >", "ottl");
    }

    #[test]
    fn sources_are_counted_on_the_weakest_way() {
        let check = |text: &str, expect: u32| {
            let (_, analysis) = Conditions::compile(text).expect(text);
            assert_eq!(analysis.fewest_sources(), expect, "{text}");
        };
        check("cpu.utilization > 0.9", 1);
        check("cpu.utilization > 0.9 and load > 4", 1);
        check("cpu.utilization > 0.9 and memory.pressure > 0.5", 2);
        check("cpu.utilization > 0.9 or memory.pressure > 0.5", 1);
        check("cpu.utilization > 0.9 and (memory.pressure > 0.5 or load > 9)", 1);
        check("port[1].anomaly >= 1 and port[1].in_flight > 5", 2);
        check("port[1].anomaly >= 1 and port[1].latency_p99 > Duration(\"1s\")", 1);
        check("not(cpu.utilization < 0.9 or memory.pressure < 0.5)", 2);
    }
}
