//! A step of a walk: what runs for each record of one level.

use std::sync::Arc;

use otlp::edit::Level;

use super::{Counters, ErrorMode};
use crate::bind::Uses;
use crate::compile::{Condition, Statement};
use crate::context::Context;
use crate::contexts::Otlp;
use crate::explain::LevelNames;

/// What tells caches apart: the number of the groups that share one, and their context.
pub(crate) type CacheId = (u64, Otlp);

/// A group of statements, or conditions that drop.
pub(crate) struct Step {
    pub(crate) context: Otlp,
    pub(crate) error_mode: ErrorMode,
    /// The cache that outlives the record, if one does.
    pub(crate) shared_cache: Option<CacheId>,
    /// The number of the flat request it runs over with its neighbours, if each record is to have a
    /// resource and scope of its own.
    pub(crate) flattened: Option<u64>,
    /// Any of them must hold, if there are any.
    pub(crate) conditions: Vec<Line<Condition<Otlp>>>,
    pub(crate) work: Work,
}

/// What a step does.
pub(crate) enum Work {
    /// Runs statements.
    Edit(Vec<Line<Statement<Otlp>>>),
    /// Drops the records for which any condition of the step holds.
    Drop,
}

/// A text of a step.
pub(crate) struct Line<T> {
    pub(crate) plan: T,
    pub(crate) counters: Arc<Counters>,
    /// The level around the records on which its condition depends alone.
    pub(crate) hoisted: Option<u8>,
    /// Whether it writes a message around the record.
    pub(crate) writes_around: bool,
}

/// A text with what it came to.
pub struct Counted<'p> {
    /// The statement or condition.
    pub text: &'p str,
    /// Its counters.
    pub counters: &'p Counters,
}

impl Line<Condition<Otlp>> {
    pub(crate) fn condition(plan: Condition<Otlp>, level: u8) -> Self {
        let hoisted = hoisted(plan.uses(), level);
        Self { plan, counters: Arc::default(), hoisted, writes_around: false }
    }
}

impl Line<Statement<Otlp>> {
    pub(crate) fn statement(plan: Statement<Otlp>, level: u8) -> Self {
        let hoisted = plan.condition_uses().and_then(|uses| hoisted(uses, level));
        let writes_around = (0..level).any(|around| plan.uses().writes.has(around));
        Self { plan, counters: Arc::default(), hoisted, writes_around }
    }
}

/// The level that a condition depends on, if it lies around the records.
fn hoisted(uses: Uses, level: u8) -> Option<u8> {
    let innermost = uses.reads.innermost()?;
    (innermost < level && !uses.is_bound).then_some(innermost)
}

impl Step {
    /// Conditions any of which drops a record.
    pub(crate) fn drop(
        context: Otlp,
        error_mode: ErrorMode,
        conditions: Vec<Line<Condition<Otlp>>>,
    ) -> Self {
        Self {
            context,
            error_mode,
            shared_cache: None,
            flattened: None,
            conditions,
            work: Work::Drop,
        }
    }

    pub(crate) fn level(&self) -> u8 {
        self.context.level() as u8
    }

    /// Whether it writes what other records share: the message of a resource or scope.
    pub(crate) fn writes_around(&self) -> bool {
        let writes = self.uses().writes;
        (0..Level::Record as u8).any(|level| writes.has(level))
    }

    /// What its texts use together.
    pub(crate) fn uses(&self) -> Uses {
        let mut uses = Uses::default();
        self.conditions.iter().for_each(|line| uses.add(line.plan.uses()));
        self.statements().iter().for_each(|line| uses.add(line.plan.uses()));
        uses
    }

    /// The keys under which its texts look into the maps of the record itself, one for each place in a text.
    pub(crate) fn lookups(&self) -> impl Iterator<Item = &str> {
        let conditions = self.conditions.iter().flat_map(|line| line.plan.lookups());
        let statements = self.statements().iter().flat_map(|line| line.plan.lookups());
        let own = conditions.chain(statements).filter(|(level, _)| *level == self.level());
        own.map(|(_, key)| &**key)
    }

    pub(crate) fn statements(&self) -> &[Line<Statement<Otlp>>] {
        match &self.work {
            Work::Edit(statements) => statements,
            Work::Drop => &[],
        }
    }

    /// What is said about a condition that does not run for each record.
    fn hoist_note(&self, hoisted: Option<u8>) -> String {
        let name = |level| LevelNames(self.context.levels()).name(level);
        hoisted.map_or_else(String::new, |level| format!(", condition once per {}", name(level)))
    }

    /// How many texts it has.
    pub(crate) fn lines(&self) -> usize {
        self.conditions.len() + self.statements().len()
    }

    pub(crate) fn all_counters(&self) -> impl Iterator<Item = &Counters> {
        let conditions = self.conditions.iter().map(|line| &*line.counters);
        conditions.chain(self.statements().iter().map(|line| &*line.counters))
    }

    /// The levels of its hoisted conditions, line by line.
    pub(crate) fn hoists(&self) -> impl Iterator<Item = Option<u8>> {
        let conditions = self.conditions.iter().map(|line| line.hoisted);
        conditions.chain(self.statements().iter().map(|line| line.hoisted))
    }

    pub(crate) fn counted(&self) -> impl Iterator<Item = Counted<'_>> {
        let conditions = self.conditions.iter();
        let conditions =
            conditions.map(|line| Counted { text: line.plan.text(), counters: &line.counters });
        let statements = self.statements().iter();
        conditions.chain(
            statements.map(|line| Counted { text: line.plan.text(), counters: &line.counters }),
        )
    }
}

impl std::fmt::Display for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let verb = match self.work {
            Work::Edit(_) => "edit",
            Work::Drop => "drop",
        };
        let flat = if self.flattened.is_some() { ", flattened" } else { "" };
        writeln!(f, "  {verb} each {}, errors {:?}{flat}", self.context.title(), self.error_mode)?;
        for line in &self.conditions {
            writeln!(f, "    {}{}", line.plan, self.hoist_note(line.hoisted))?;
        }
        for line in self.statements() {
            writeln!(f, "    {}{}", line.plan, self.hoist_note(line.hoisted))?;
        }
        Ok(())
    }
}
