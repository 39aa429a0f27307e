//! Steps into walks: as few as give the same results.

use std::sync::Arc;

use otlp::Signal;
use otlp::edit::index::Wanted;
use otlp::edit::{LEVELS, Level, Levels, Route};

use super::step::{CacheId, Step, Work};
use crate::bind::Uses;
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
    let mut shared: Vec<Shared> = Vec::new();
    for step in steps {
        match shared.last_mut() {
            Some(walk) if walk.takes(&step) => walk.add(step),
            _ => shared.push(Shared::of(step)),
        }
    }
    let walk = |Shared { steps, .. }: Shared| {
        let (hoists, wanted) = (hoists(&steps), Level::ALL.map(|level| wanted(&steps, level)));
        Arc::new(Walk { route: route(signal, &steps), hoists, wanted, steps })
    };
    shared.into_iter().map(walk).collect()
}

/// Steps that share a walk, and what the next one must know of all of them.
struct Shared {
    steps: Vec<Arc<Step>>,
    flattened: Option<u64>,
    innermost: u8,
    has_links: bool,
    has_events: bool,
    has_drops: bool,
    /// Whether one of them makes metrics of a metric while its points are visited.
    appends_from_points: bool,
    /// The caches that outlive their records.
    caches: Vec<CacheId>,
    /// What they read or write around their records, and what they write there.
    touched: LevelSet,
    written: LevelSet,
}

impl Shared {
    fn of(step: Arc<Step>) -> Self {
        let mut shared = Self {
            steps: Vec::new(),
            flattened: step.flattened,
            innermost: 0,
            has_links: false,
            has_events: false,
            has_drops: false,
            appends_from_points: false,
            caches: Vec::new(),
            touched: LevelSet::default(),
            written: LevelSet::default(),
        };
        shared.add(step);
        shared
    }

    fn add(&mut self, step: Arc<Step>) {
        self.innermost = self.innermost.max(step.level());
        self.has_links |= step.context == Otlp::SpanLink;
        self.has_events |= step.context == Otlp::SpanEvent;
        self.appends_from_points |= step.level() > Level::Record as u8 && appends(&step);
        self.has_drops |= matches!(step.work, Work::Drop);
        self.caches.extend(step.shared_cache);
        let (touched, written) = around(&step);
        self.touched.add_all(touched);
        self.written.add_all(written);
        self.steps.push(step);
    }

    /// Whether `next` can run in this walk: for each record after the others, and yet as if they had seen all records
    /// before.
    fn takes(&self, next: &Step) -> bool {
        // A walk goes inwards, and to the events of spans or to their links.
        let forks = self.has_links && next.context == Otlp::SpanEvent
            || self.has_events && next.context == Otlp::SpanLink;
        if self.flattened != next.flattened || next.level() < self.innermost || forks {
            return false;
        }
        if next.shared_cache.is_some_and(|cache| self.caches.contains(&cache)) {
            return false;
        }
        // What stood empty is gone behind a filter.
        let edits = matches!(next.work, Work::Edit(_));
        if self.has_drops && edits && next.level() < Level::Record as u8 {
            return false;
        }
        // What is made of points must not show what `next` does to those before.
        if self.appends_from_points {
            return false;
        }
        // What `next` appends, the others must not see.
        if appends(next) && self.innermost >= Level::Record as u8 {
            return false;
        }
        let (touched, written) = around(next);
        !self.written.meets(touched) && !self.touched.meets(written)
    }
}

/// What a step reads or writes around its records, and what it writes there.
fn around(step: &Step) -> (LevelSet, LevelSet) {
    let uses = step.uses();
    let (mut touched, mut written) = (LevelSet::default(), LevelSet::default());
    for level in 0..step.level() {
        if uses.writes.has(level) {
            written.add(level);
        }
        if uses.writes.has(level) || uses.reads.has(level) {
            touched.add(level);
        }
    }
    (touched, written)
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
        route = reading(route, step.context.level(), uses);
        route.visits = route.visits.with(step.context.level());
        let writes = Level::ALL.into_iter().filter(|level| uses.writes.has(*level as u8));
        route.writes = writes.fold(route.writes, Levels::with);
        route.links |= step.context == Otlp::SpanLink;
        route.prunes = route.prunes.or(pruned(signal, step));
    }
    route
}

/// The walk that has at hand what texts for one level read around its messages, too.
pub fn reading(mut route: Route, of: Level, uses: Uses) -> Route {
    for level in Level::ALL {
        if level < of && uses.reads.has(level as u8) {
            route.reads = route.reads.with(level);
            route.wholes = route.wholes.or(with_children(level));
        }
        if uses.wholes.has(level as u8) {
            route.wholes = route.wholes.with(level);
        }
    }
    if uses.whole_record && of > Level::Record {
        route.reads = route.reads.with(Level::Record);
        route.wholes = route.wholes.with(Level::Record);
    }
    route
}

/// Messages around a record whose paths may ask for their children: spans and metrics, and points.
fn with_children(level: Level) -> Levels {
    if level >= Level::Record { Levels::of(&[level]) } else { Levels::NONE }
}

/// What goes when a filter left nothing in it.
fn pruned(signal: Signal, step: &Step) -> Levels {
    if !matches!(step.work, Work::Drop) {
        return Levels::NONE;
    }
    if step.level() == Level::Resource as u8 {
        return Levels::of(&[Level::Resource]);
    }
    let groups = Levels::of(&[Level::Resource, Level::Scope]);
    let has_points = signal == Signal::Metrics && step.level() > Level::Record as u8;
    if has_points { groups.with(Level::Record) } else { groups }
}
