//! Steps into walks: as few as give the same results.

use std::sync::Arc;

use otlp::Signal;
use otlp::edit::index::Wanted;
use otlp::edit::{LEVELS, Level, Levels, Route};

use super::step::{Step, Work};
use crate::contexts::Otlp;
use crate::plan::LevelSet;

/// One walk over a request.
pub(crate) struct Walk {
    pub(crate) route: Route,
    /// The levels that conditions are hoisted to.
    pub(crate) hoists: Levels,
    /// The keys of attributes by the level of the records, where so many are looked up that one scan for all pays.
    pub(crate) wanted: [Option<Wanted>; LEVELS],
    pub(crate) steps: Vec<Arc<Step>>,
}

impl Walk {
    /// The number of the flat request it goes over, if it does.
    pub(crate) fn flattened(&self) -> Option<u64> {
        self.steps.first().and_then(|step| step.flattened)
    }
}

/// The walks that run `steps` as if one after the other.
pub(crate) fn walks(signal: Signal, steps: impl IntoIterator<Item = Arc<Step>>) -> Vec<Arc<Walk>> {
    let mut groups: Vec<Vec<Arc<Step>>> = Vec::new();
    for step in steps {
        match groups.last_mut() {
            Some(group) if group.iter().all(|before| may_follow(before, &step)) => group.push(step),
            _ => groups.push(vec![step]),
        }
    }
    let walk = |steps: Vec<Arc<Step>>| {
        let (hoists, wanted) = (hoists(&steps), Level::ALL.map(|level| wanted(&steps, level)));
        Arc::new(Walk { route: route(signal, &steps), hoists, wanted, steps })
    };
    groups.into_iter().map(walk).collect()
}

/// Whether `next` can run in the walk of `before`: for each record after it, and yet as if `before` had seen all
/// records.
fn may_follow(before: &Step, next: &Step) -> bool {
    if before.flattened != next.flattened {
        return false;
    }
    // A walk goes inwards, and to the events of spans or to their links.
    let is_link = |step: &Step| step.context == Otlp::SpanLink;
    let is_event = |step: &Step| step.context == Otlp::SpanEvent;
    let forks = is_link(before) && is_event(next) || is_event(before) && is_link(next);
    if next.level() < before.level() || forks {
        return false;
    }
    if before.shared_cache.is_some() && before.shared_cache == next.shared_cache {
        return false;
    }
    // What `next` appends, `before` must not see.
    if appends(next) && before.level() >= Level::Record as u8 {
        return false;
    }
    let touches = |step: &Step| {
        let (reads, writes) = (step.uses().reads, step.uses().writes);
        around(step, |level| reads.has(level) || writes.has(level))
    };
    let writes = |step: &Step| {
        let writes = step.uses().writes;
        around(step, |level| writes.has(level))
    };
    !meet(writes(before), touches(next)) && !meet(touches(before), writes(next))
}

/// The levels around the records of a step that pass.
fn around(step: &Step, passes: impl Fn(u8) -> bool) -> LevelSet {
    let mut set = LevelSet::default();
    (0..step.level()).filter(|level| passes(*level)).for_each(|level| set.add(level));
    set
}

fn meet(one: LevelSet, other: LevelSet) -> bool {
    Level::ALL.into_iter().any(|level| one.has(level as u8) && other.has(level as u8))
}

fn appends(step: &Step) -> bool {
    step.statements().iter().any(|line| line.plan.changes_record())
}

/// So many look-ups in a record cost more than one scan for all of them, although each would end where it finds its
/// attribute. Measured with ten attributes.
const INDEXED_FROM: usize = 2;

fn wanted(steps: &[Arc<Step>], level: Level) -> Option<Wanted> {
    let own = steps.iter().filter(|step| step.level() == level as u8);
    let lookups: Vec<&str> = own.flat_map(|step| step.lookups()).collect();
    let mut wanted = Wanted::default();
    lookups.iter().for_each(|key| wanted.add(key.as_bytes()));
    (lookups.len() >= INDEXED_FROM).then_some(wanted)
}

fn hoists(steps: &[Arc<Step>]) -> Levels {
    let is_hoisted = |level: &Level| {
        let mut lines = steps.iter().flat_map(|step| step.hoists());
        lines.any(|hoisted| hoisted == Some(*level as u8))
    };
    Level::ALL.into_iter().filter(is_hoisted).fold(Levels::NONE, Levels::with)
}

fn route(signal: Signal, steps: &[Arc<Step>]) -> Route {
    let mut route = Route { visits: hoists(steps), ..Route::visiting(signal, &[]) };
    for step in steps {
        let uses = step.uses();
        route.visits = route.visits.with(step.context.level());
        for level in Level::ALL {
            let index = level as u8;
            if index < step.level() && uses.reads.has(index) {
                route.reads = route.reads.with(level);
                route.wholes = route.wholes.or(with_children(level));
            }
            if uses.writes.has(index) {
                route.writes = route.writes.with(level);
            }
        }
        if uses.whole_record && step.level() > Level::Record as u8 {
            route.reads = route.reads.with(Level::Record);
            route.wholes = route.wholes.with(Level::Record);
        }
        let wholes = Level::ALL.into_iter().filter(|level| uses.wholes.has(*level as u8));
        route.wholes = wholes.fold(route.wholes, Levels::with);
        route.links |= step.context == Otlp::SpanLink;
        route.prunes = route.prunes.or(pruned(signal, step));
    }
    route
}

/// Messages around a record whose paths may ask for their children: spans and metrics, and points.
fn with_children(level: Level) -> Levels {
    if level >= Level::Record { Levels::of(&[level]) } else { Levels::NONE }
}

/// What goes when a filter left nothing in it.
fn pruned(signal: Signal, step: &Step) -> Levels {
    // Conditions over resources alone leave empty ones alone.
    if !matches!(step.work, Work::Drop) || step.context.level() == Level::Resource {
        return Levels::NONE;
    }
    if step.level() == Level::Resource as u8 {
        return Levels::of(&[Level::Resource]);
    }
    let groups = Levels::of(&[Level::Resource, Level::Scope]);
    let has_points = signal == Signal::Metrics && step.level() > Level::Record as u8;
    if has_points { groups.with(Level::Record) } else { groups }
}
