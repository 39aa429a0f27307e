//! Running a walk: each record through the steps of its level.

use bumpalo::Bump;
use otlp::edit::{At, Changes, Editor, Verdict, Visitor};

use super::fuse::Walk;
use super::meter::{FREE_BYTES, Meter};
use super::step::{CacheId, Line, Step, Work};
use super::{ErrorMode, Failure, Outcome, Refused, Tally};
use crate::compile::{Condition, Statement};
use crate::contexts::{Otlp, Record, Request, Scratch};
use crate::eval::{Frame, Ration};
use crate::value::{Map, Time};
use crate::{RunError, bound};

/// What a run needs and the next one can use again. One for each worker.
#[derive(Default)]
pub struct Runner {
    editor: Editor,
    arena: Bump,
    scratch: Scratch,
    state: State,
}

/// The largest edits whose buffers are kept for the next request.
const EDITOR_MAX_BYTES: usize = 16 << 20;

/// What a walk keeps from record to record.
#[derive(Default)]
struct State {
    tallies: Vec<Tally>,
    /// What hoisted conditions came to for the messages around the record; absent if not evaluated yet.
    hoisted: Vec<Option<bool>>,
    /// The lines of which that is known, with the level that they are hoisted to.
    known: Vec<(usize, u8)>,
    /// The caches that outlive a record.
    caches: Vec<Cache>,
    failures: u64,
    malformed: u64,
    first_failure: Option<Failure>,
    /// A failure of a filter that refuses the request once the walk is over.
    refusal: Option<Failure>,
}

/// A cache that outlives a record.
struct Cache {
    id: CacheId,
    map: Map,
    /// At most so many bytes are in it, and so many were when they were counted last.
    bytes: usize,
    counted_bytes: usize,
}

impl Cache {
    fn new(id: CacheId) -> Self {
        Self { id, map: Map::new(), bytes: 0, counted_bytes: 0 }
    }

    /// Takes it back from a record that put so many bytes into it. What was overwritten is found out now and then.
    fn give_back(&mut self, map: Map, put_bytes: usize) {
        self.map = map;
        self.bytes = self.bytes.saturating_add(put_bytes);
        if self.bytes > 2 * self.counted_bytes + FREE_BYTES {
            self.counted_bytes = bound::map_bytes(&self.map);
            self.bytes = self.counted_bytes;
        }
    }
}

impl State {
    fn begin(&mut self, walk: &Walk) {
        let lines = walk.steps.iter().map(|step| step.lines()).sum();
        self.tallies.clear();
        self.tallies.resize(lines, Tally::default());
        self.hoisted.clear();
        self.hoisted.resize(lines, None);
        self.known.clear();
        (self.failures, self.malformed) = (0, 0);
        (self.first_failure, self.refusal) = (None, None);
    }

    /// Lends a cache; a new one if nobody shared it yet.
    fn take_cache(&mut self, id: CacheId) -> Map {
        let found = self.caches.iter_mut().find(|cache| cache.id == id);
        found.map_or_else(Map::new, |cache| std::mem::take(&mut cache.map))
    }

    /// Takes it back from a record that put so many bytes into it.
    fn give_cache(&mut self, id: CacheId, map: Map, put_bytes: usize) {
        let found = self.caches.iter().position(|cache| cache.id == id);
        let index = found.unwrap_or_else(|| {
            self.caches.push(Cache::new(id));
            self.caches.len() - 1
        });
        self.caches[index].give_back(map, put_bytes);
    }

    fn cache_bytes(&self) -> usize {
        self.caches.iter().map(|cache| cache.bytes).sum()
    }

    /// Forgets what hoisted conditions came to, those of one level or all.
    fn forget_hoisted(&mut self, level: Option<u8>) {
        let hoisted = &mut self.hoisted;
        self.known.retain(|(line, known)| {
            let is_kept = level.is_some_and(|level| level != *known);
            if !is_kept {
                hoisted[*line] = None;
            }
            is_kept
        });
    }

    /// Counts a failure that does not end the walk.
    fn note(&mut self, mode: ErrorMode, text: &str, error: RunError) {
        self.failures += 1;
        if mode == ErrorMode::Ignore && self.first_failure.is_none() {
            self.first_failure = Some(Failure { text: text.to_owned(), error });
        }
    }
}

impl Runner {
    /// Begins with a request.
    pub(super) fn begin(&mut self) {
        self.state.caches.clear();
    }

    /// Ends with a request: what it took beyond the usual is given back.
    pub(super) fn end(&mut self) {
        self.state.caches.clear();
        // It counts as taken when the next run begins.
        if self.arena.allocated_bytes() > FREE_BYTES / 2 {
            self.arena = Bump::new();
        }
        if self.scratch.kept_bytes() > FREE_BYTES {
            self.scratch = Scratch::default();
        }
        if self.editor.kept_bytes() > EDITOR_MAX_BYTES {
            self.editor = Editor::default();
        }
    }

    pub(super) fn walk(
        &mut self,
        walk: &Walk,
        request: &Request,
        now: &Time,
        meter: &Meter<'_>,
        outcome: &mut Outcome,
    ) -> Result<(), Refused> {
        self.state.begin(walk);
        let mut visit = Visit {
            walk,
            request,
            now,
            meter,
            arena: &mut self.arena,
            scratch: &mut self.scratch,
            state: &mut self.state,
        };
        let summary = self.editor.run(&walk.route, &outcome.body, &mut visit);
        let counters = walk.steps.iter().flat_map(|step| step.all_counters());
        counters.zip(&self.state.tallies).for_each(|(counters, tally)| counters.add(*tally));
        let summary = summary?;
        if let Some(failure) = self.state.refusal.take() {
            return Err(Refused::Failed(failure));
        }
        // The new body stands beside what it is made of.
        let new_bytes = usize::try_from(self.editor.bytes()).unwrap_or(usize::MAX);
        if !meter.allows(new_bytes.saturating_add(self.state.cache_bytes())) {
            return Err(Refused::NoMemory);
        }
        outcome.body = self.editor.body(&outcome.body);
        outcome.is_changed |= summary.is_changed;
        outcome.dropped += summary.dropped;
        outcome.appended += summary.appended;
        outcome.malformed += self.state.malformed;
        outcome.failures += self.state.failures;
        if outcome.first_failure.is_none() {
            outcome.first_failure = self.state.first_failure.take();
        }
        Ok(())
    }
}

struct Visit<'v, 'm> {
    walk: &'v Walk,
    request: &'v Request,
    now: &'v Time,
    meter: &'v Meter<'m>,
    arena: &'v mut Bump,
    scratch: &'v mut Scratch,
    state: &'v mut State,
}

impl Visitor for Visit<'_, '_> {
    type Error = Refused;

    fn visit(&mut self, at: At<'_>, changes: &mut Changes) -> Result<Verdict, Refused> {
        // There is another message around what comes next.
        if self.walk.hoists.has(at.level) {
            self.state.forget_hoisted(Some(at.level as u8));
        }
        let verdict = self.record(&at, changes)?;
        self.arena.reset();
        self.meter.keep(changes.bytes());
        Ok(verdict)
    }

    fn malformed(&mut self) -> Result<(), Refused> {
        let refuses = |step: &std::sync::Arc<Step>| step.error_mode == ErrorMode::Propagate;
        if self.walk.steps.iter().any(refuses) {
            return Err(Refused::Malformed);
        }
        self.state.malformed += 1;
        Ok(())
    }
}

impl Visit<'_, '_> {
    /// Runs the steps of the record's level.
    fn record(&mut self, at: &At<'_>, changes: &mut Changes) -> Result<Verdict, Refused> {
        let walk: &Walk = self.walk;
        let wanted = walk.wanted[at.level as usize].as_ref();
        let record = Record::expecting(at, self.request, &mut *self.scratch, wanted);
        let mut frame = Frame::new(record, &*self.arena, Some(self.now)).rationed(self.meter);
        let mut line = 0;
        let mut verdict = Verdict::Keep;
        for step in &walk.steps {
            if step.context.level() == at.level {
                frame.cache =
                    step.shared_cache.map_or_else(Map::new, |it| self.state.take_cache(it));
                let (first_line, meter) = (line, self.meter);
                let kept = Run { step, first_line, meter, state: self.state }.step(&mut frame)?;
                let put_bytes = std::mem::take(&mut frame.cached_bytes);
                if let Some(id) = step.shared_cache {
                    let cache = std::mem::take(&mut frame.cache);
                    self.state.give_cache(id, cache, put_bytes);
                }
                if !kept {
                    verdict = Verdict::Drop;
                    break;
                }
            }
            line += step.lines();
        }
        frame.record.finish(changes);
        Ok(verdict)
    }
}

/// The texts of a step on one record.
struct Run<'r, 'a, 'm> {
    step: &'a Step,
    /// The index of the step's first text among those of the walk.
    first_line: usize,
    meter: &'r Meter<'m>,
    state: &'r mut State,
}

impl<'a> Run<'_, 'a, '_> {
    /// Whether the record is kept.
    fn step(&mut self, frame: &mut Frame<'a, Otlp>) -> Result<bool, Refused> {
        match &self.step.work {
            Work::Drop => self.any_condition(frame).map(|drops| !drops),
            Work::Edit(statements) => {
                if self.step.conditions.is_empty() || self.any_condition(frame)? {
                    self.statements(statements, frame)?;
                }
                Ok(true)
            }
        }
    }

    fn any_condition(&mut self, frame: &Frame<'a, Otlp>) -> Result<bool, Refused> {
        for (index, line) in self.step.conditions.iter().enumerate() {
            match self.condition(line, self.first_line + index, frame) {
                Ok(false) => {}
                Ok(true) => return Ok(true),
                Err(error) => {
                    self.fail(line.plan.text(), error)?;
                    if self.step.error_mode == ErrorMode::Propagate {
                        return Ok(false);
                    }
                }
            }
        }
        Ok(false)
    }

    fn condition(
        &mut self,
        line: &'a Line<Condition<Otlp>>,
        index: usize,
        frame: &Frame<'a, Otlp>,
    ) -> Result<bool, RunError> {
        let holds = self.test(index, line.hoisted, |_| line.plan.holds(frame))?;
        self.state.tallies[index].matched += u64::from(holds);
        Ok(holds)
    }

    /// Evaluates a condition, unless it is hoisted and known.
    fn test(
        &mut self,
        index: usize,
        hoisted: Option<u8>,
        evaluate: impl FnOnce(&mut Self) -> Result<bool, RunError>,
    ) -> Result<bool, RunError> {
        let known = hoisted.and_then(|_| self.state.hoisted[index]);
        let holds = match known {
            Some(known) => Ok(known),
            None => {
                self.state.tallies[index].evaluations += 1;
                evaluate(self)
            }
        };
        let tally = &mut self.state.tallies[index];
        match &holds {
            Ok(holds) => {
                tally.skipped += u64::from(!holds);
                if let Some(level) = hoisted.filter(|_| known.is_none()) {
                    self.state.hoisted[index] = Some(*holds);
                    self.state.known.push((index, level));
                }
            }
            Err(_) => tally.failed += 1,
        }
        holds
    }

    fn statements(
        &mut self,
        lines: &'a [Line<Statement<Otlp>>],
        frame: &mut Frame<'a, Otlp>,
    ) -> Result<(), Refused> {
        let first = self.first_line + self.step.conditions.len();
        for (index, line) in lines.iter().enumerate() {
            if let Err(error) = self.statement(line, first + index, frame) {
                self.fail(line.plan.text(), error)?;
            }
        }
        Ok(())
    }

    fn statement(
        &mut self,
        line: &'a Line<Statement<Otlp>>,
        index: usize,
        frame: &mut Frame<'a, Otlp>,
    ) -> Result<(), RunError> {
        if !self.test(index, line.hoisted, |_| line.plan.applies(frame))? {
            return Ok(());
        }
        let done = line.plan.act(frame).and_then(|()| frame.check_memory(0));
        let tally = &mut self.state.tallies[index];
        match &done {
            Ok(()) => tally.matched += 1,
            Err(_) => tally.failed += 1,
        }
        if line.writes_around {
            self.state.forget_hoisted(None);
        }
        done
    }

    /// Ends the walk, now or when it is through, or goes on.
    fn fail(&mut self, text: &str, error: RunError) -> Result<(), Refused> {
        if self.meter.is_refused() {
            return Err(Refused::NoMemory);
        }
        let mode = self.step.error_mode;
        if mode != ErrorMode::Propagate {
            self.state.note(mode, text, error);
            return Ok(());
        }
        let failure = Failure { text: text.to_owned(), error };
        match self.step.work {
            Work::Edit(_) => Err(Refused::Failed(failure)),
            // A filter looks at the rest, too.
            Work::Drop => {
                self.state.refusal.get_or_insert(failure);
                Ok(())
            }
        }
    }
}
