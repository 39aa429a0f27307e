//! What can be known of a condition without data.
//!
//! The tree is brought into alternatives (a disjunction of conjunctions, at most [`ALTERNATIVES_MAX`]); in
//! each, comparisons of a signal with a constant leave an interval of its values. An empty interval
//! makes an alternative impossible; a condition whose opposite is impossible always holds. What is not
//! such a comparison is taken to hold or not, as it may.

use std::collections::BTreeMap;

use ottl::ast::{Call, Comparison, Condition, Expr, Given, Operator, Path};
use ottl::context::{KeyText, Segment};

use super::bounds::{Bounds, mirrored, opposite};
use crate::reflex::signals::context::signal;
use crate::reflex::signals::{Form, Signal, Snapshot, Sources};

/// Most alternatives of one condition.
pub const ALTERNATIVES_MAX: usize = 256;
/// More than this is not told apart.
const EXCESS_MAX: f64 = 1000.0;

/// A comparison of a signal with a constant.
#[derive(Clone, Debug, PartialEq)]
pub struct Threshold {
    signal: Signal,
    above: bool,
    value: f64,
}

impl Threshold {
    /// How far a signal is beyond it: 1 is just there, 2 twice.
    pub fn excess(&self, snapshot: &Snapshot) -> Option<f64> {
        let (value, threshold) = (snapshot.get(&self.signal)?, self.value);
        let (over, under) = if self.above { (value, threshold) } else { (threshold, value) };
        Some((over / under.max(1e-9)).min(EXCESS_MAX))
    }
}

/// What is known of a condition.
#[derive(Clone, Debug)]
pub struct Analysis {
    /// Every signal it reads, once.
    pub signals: Vec<Signal>,
    /// Its comparisons with constants.
    pub thresholds: Vec<Threshold>,
    ways: Vec<Way>,
    ways_not: Vec<Way>,
}

/// One way in which a condition can hold.
#[derive(Clone, Debug, Default)]
struct Way {
    sources: Sources,
    bounds: BTreeMap<Signal, Bounds>,
    /// Whether the bounds do not say all.
    opaque: bool,
}

impl Analysis {
    /// Analyses a tree whose paths are known to be signals.
    pub fn of(tree: &Condition) -> Result<Self, String> {
        let mut walk = Walk::default();
        let ways = walk.ways(tree, false)?;
        let ways_not = Walk::default().ways(tree, true)?;
        walk.signals.sort();
        walk.signals.dedup();
        Ok(Self { signals: walk.signals, thresholds: walk.thresholds, ways, ways_not })
    }

    /// Whether it cannot hold.
    pub fn never(&self) -> bool {
        self.ways.iter().all(Way::is_impossible)
    }

    /// Whether it cannot but hold, given data.
    pub fn always(&self) -> bool {
        self.ways_not.iter().all(Way::is_impossible)
    }

    /// On how few sources of evidence it can hold.
    pub fn fewest_sources(&self) -> u32 {
        let possible = self.ways.iter().filter(|way| !way.is_impossible());
        possible.map(|way| way.sources.count()).min().unwrap_or(0)
    }
}

/// A signal and the least value that it must have; `true` if it must be more than that.
pub(super) type Least = (Signal, f64, bool);

impl Analysis {
    /// The least value of each signal, if that is all that the condition says.
    pub(super) fn leasts(&self) -> Option<Vec<Least>> {
        let [Way { bounds, opaque: false, .. }] = self.ways.as_slice() else { return None };
        let least = |(signal, bounds): (&Signal, &Bounds)| {
            let (value, without) = bounds.only_low()?;
            Some((signal.clone(), value, without))
        };
        bounds.iter().map(least).collect()
    }
}

impl Way {
    fn is_impossible(&self) -> bool {
        self.bounds.values().any(|bounds| bounds.is_empty())
    }

    fn and(&self, other: &Self) -> Self {
        let mut both = self.clone();
        both.sources = both.sources.with(other.sources);
        both.opaque |= other.opaque;
        for (signal, bounds) in &other.bounds {
            let mine = both.bounds.entry(signal.clone());
            mine.and_modify(|mine| *mine = mine.and(*bounds)).or_insert(*bounds);
        }
        both
    }
}

/// A walk over the tree; thresholds are those of the first, unnegated walk.
#[derive(Default)]
struct Walk {
    signals: Vec<Signal>,
    thresholds: Vec<Threshold>,
}

impl Walk {
    fn ways(&mut self, tree: &Condition, negated: bool) -> Result<Vec<Way>, String> {
        match (tree, negated) {
            (Condition::Bool(value), _) => {
                Ok(if *value != negated { vec![Way::default()] } else { Vec::new() })
            }
            (Condition::Not(inner), _) => self.ways(inner, !negated),
            (Condition::And(terms), false) | (Condition::Or(terms), true) => {
                self.all(terms, negated)
            }
            (Condition::Or(terms), false) | (Condition::And(terms), true) => {
                let mut any = Vec::new();
                for term in terms {
                    any.extend(self.ways(term, negated)?);
                }
                few(any)
            }
            (Condition::Compare(left, comparison, right), _) => {
                let comparison = if negated { opposite(*comparison) } else { *comparison };
                self.compare(left, comparison, right)
            }
            (Condition::Call(call), _) => self.call(call).map(|sources| vec![of(sources)]),
            (Condition::Path(_), _) => Ok(vec![of(Sources::NONE)]),
        }
    }

    fn all(&mut self, terms: &[Condition], negated: bool) -> Result<Vec<Way>, String> {
        let mut all = vec![Way::default()];
        for term in terms {
            let ways = self.ways(term, negated)?;
            all = all.iter().flat_map(|one| ways.iter().map(|way| one.and(way))).collect();
            all = few(all)?;
        }
        Ok(all)
    }

    fn compare(
        &mut self,
        left: &Expr,
        comparison: Comparison,
        right: &Expr,
    ) -> Result<Vec<Way>, String> {
        match (constant(left), constant(right)) {
            (Some(left), Some(right)) => {
                Ok(if holds(left, comparison, right) { vec![Way::default()] } else { Vec::new() })
            }
            (None, Some(value)) if matches!(left, Expr::Path(_)) => {
                self.threshold(left, comparison, value)
            }
            (Some(value), None) if matches!(right, Expr::Path(_)) => {
                self.threshold(right, mirrored(comparison), value)
            }
            _ => Ok(vec![of(self.sources(left)?.with(self.sources(right)?))]),
        }
    }

    fn threshold(
        &mut self,
        path: &Expr,
        comparison: Comparison,
        constant: Constant,
    ) -> Result<Vec<Way>, String> {
        let Expr::Path(path) = path else { return Ok(vec![Way::default()]) };
        let signal = signal_of(path)?;
        let row = signal.field.row();
        let value = match (constant, row.form) {
            (Constant::Duration(ns), Form::Duration) => ns,
            (Constant::Number(_), Form::Duration) => {
                return Err(format!(
                    "{signal} is a duration, expected Duration(\"250ms\") or such"
                ));
            }
            (Constant::Duration(_), _) => return Err(format!("{signal} is not a duration")),
            (Constant::Number(value), _) => value,
        };
        let bounds = Bounds::of(row.form).under(comparison, value);
        self.signals.push(signal.clone());
        let above = matches!(comparison, Comparison::Greater | Comparison::GreaterOrEqual);
        let below = matches!(comparison, Comparison::Less | Comparison::LessOrEqual);
        if above || below {
            self.thresholds.push(Threshold { signal: signal.clone(), above, value });
        }
        let bounds = BTreeMap::from([(signal, bounds)]);
        let opaque = comparison == Comparison::NotEqual;
        Ok(vec![Way { sources: row.source, bounds, opaque }])
    }

    fn sources(&mut self, expr: &Expr) -> Result<Sources, String> {
        match expr {
            Expr::Path(path) => {
                let signal = signal_of(path)?;
                let source = signal.field.row().source;
                self.signals.push(signal);
                Ok(source)
            }
            Expr::Call(call) => self.call(call),
            Expr::List(items) => self.sources_of(items.iter().map(|item| &item.value)),
            Expr::Map(entries) => self.sources_of(entries.iter().map(|(_, value)| value)),
            Expr::Math(first, rest) => {
                let rest = rest.iter().map(|(_, operand)| operand);
                self.sources_of(std::iter::once(&**first).chain(rest))
            }
            Expr::Negate(inner) | Expr::Group(inner) => self.sources(inner),
            _ => Ok(Sources::NONE),
        }
    }

    fn sources_of<'e>(&mut self, exprs: impl Iterator<Item = &'e Expr>) -> Result<Sources, String> {
        let mut all = Sources::NONE;
        for expr in exprs {
            all = all.with(self.sources(expr)?);
        }
        Ok(all)
    }

    fn call(&mut self, call: &Call) -> Result<Sources, String> {
        let given = call.arguments.iter().filter_map(|argument| match &argument.given {
            Given::Value(expr) => Some(expr),
            _ => None,
        });
        self.sources_of(given.chain(&call.keys))
    }
}

fn of(sources: Sources) -> Way {
    Way { sources, opaque: true, ..Way::default() }
}

fn few(ways: Vec<Way>) -> Result<Vec<Way>, String> {
    if ways.len() > ALTERNATIVES_MAX {
        return Err(format!("more than {ALTERNATIVES_MAX} ways to hold, split the rule"));
    }
    Ok(ways)
}

fn signal_of(path: &Path) -> Result<Signal, String> {
    let segments: Vec<Segment<'_>> = path.segments.iter().map(segment).collect();
    let own = segments.first().is_some_and(|first| first.name == "signal");
    signal(if own { &segments[1..] } else { &segments })
}

fn segment(segment: &ottl::ast::Segment) -> Segment<'_> {
    let key = |key: &'_ Expr| match key {
        Expr::Int(value) => KeyText::Int(*value),
        _ => KeyText::Dynamic,
    };
    let keys = segment.keys.iter().map(|expr| match expr {
        Expr::Str(text) => KeyText::Str(text),
        other => key(other),
    });
    Segment { name: &segment.name, keys: keys.collect() }
}

/// A value that does not depend on signals.
#[derive(Clone, Copy, Debug)]
enum Constant {
    Number(f64),
    /// Nanoseconds.
    Duration(f64),
}

fn constant(expr: &Expr) -> Option<Constant> {
    match expr {
        Expr::Int(value) => Some(Constant::Number(*value as f64)),
        Expr::Double(value) => Some(Constant::Number(*value)),
        Expr::Group(inner) => constant(inner),
        Expr::Negate(inner) => Some(match constant(inner)? {
            Constant::Number(value) => Constant::Number(-value),
            Constant::Duration(ns) => Constant::Duration(-ns),
        }),
        Expr::Math(first, rest) => {
            rest.iter().try_fold(constant(first)?, |left, (operator, right)| {
                calculate(left, *operator, constant(right)?)
            })
        }
        Expr::Call(call) if call.name == "Duration" => duration(call),
        _ => None,
    }
}

fn calculate(left: Constant, operator: Operator, right: Constant) -> Option<Constant> {
    let (Constant::Number(left), Constant::Number(right)) = (left, right) else { return None };
    Some(Constant::Number(match operator {
        Operator::Add => left + right,
        Operator::Subtract => left - right,
        Operator::Multiply => left * right,
        Operator::Divide => left / right,
    }))
}

fn duration(call: &Call) -> Option<Constant> {
    let [argument] = call.arguments.as_slice() else { return None };
    let Given::Value(Expr::Str(text)) = &argument.given else { return None };
    let duration = components::config::quantity::duration(text).ok()?;
    Some(Constant::Duration(duration.as_nanos() as f64))
}

fn holds(left: Constant, comparison: Comparison, right: Constant) -> bool {
    let (left, right) = match (left, right) {
        (Constant::Number(left), Constant::Number(right))
        | (Constant::Duration(left), Constant::Duration(right)) => (left, right),
        _ => return comparison == Comparison::NotEqual,
    };
    match comparison {
        Comparison::Equal => left == right,
        Comparison::NotEqual => left != right,
        Comparison::Less => left < right,
        Comparison::LessOrEqual => left <= right,
        Comparison::Greater => left > right,
        Comparison::GreaterOrEqual => left >= right,
    }
}
