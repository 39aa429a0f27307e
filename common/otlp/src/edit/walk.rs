//! The walk itself: one function a level, each of which says what became of its message.

use std::collections::VecDeque;

use super::fields::others;
use super::metric::{self, Data};
use super::plan::Text;
use super::{At, Editor, Level, Levels, MAX_GENERATIONS, Route, Summary, Verdict, Visitor};
use crate::check::records;
use crate::wire::{Fields, Malformed, Value, put_bytes};

/// The repeated field of a message that holds the next level.
#[derive(Clone, Copy)]
struct Nest {
    number: u32,
    level: Level,
}

/// The field of resources in a request.
const RESOURCES: Nest = Nest { number: 1, level: Level::Resource };
/// The field of scopes in a resource.
const SCOPES: Nest = Nest { number: 2, level: Level::Scope };
/// The field of records in a scope.
const RECORDS: Nest = Nest { number: 2, level: Level::Record };
/// The field of events in a span.
const EVENTS: Nest = Nest { number: 11, level: Level::Child };
/// The field of links in a span.
const LINKS: Nest = Nest { number: 13, level: Level::Child };
/// The field of points in each kind of data.
const POINTS: Nest = Nest { number: 1, level: Level::Child };

/// What became of a message.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// Nothing in it changed; the plan may hold anything since the mark.
    Kept,
    /// The plan holds its new content.
    Changed,
    /// It goes.
    Dropped,
}

/// What became of the children of a message.
#[derive(Clone, Copy, Default)]
struct Seen {
    left: usize,
    is_changed: bool,
}

/// Why a walk stops.
enum Stop<E> {
    Malformed,
    Visitor(E),
}

impl<E> From<Malformed> for Stop<E> {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

struct Walk<'w, V> {
    editor: &'w mut Editor,
    visitor: &'w mut V,
    route: &'w Route,
    /// The levels whose messages are kept at hand.
    framed: Levels,
    deepest: Level,
    data: Option<Data>,
    /// New siblings of the records of this scope, with their generation.
    appended: VecDeque<(u32, Vec<u8>)>,
    generation: u32,
    dropped: u64,
    /// How many new siblings were walked.
    siblings: u64,
}

/// Walks a request.
pub(super) fn request<V: Visitor>(
    editor: &mut Editor,
    route: &Route,
    bytes: &[u8],
    visitor: &mut V,
) -> Result<Summary, V::Error> {
    let text = Text::request(bytes)?;
    let (Some(deepest), true) = (route.visits.or(route.prunes).deepest(), has_views(route)) else {
        editor.plan.copy(text);
        return Ok(Summary::default());
    };
    let mut walk = Walk {
        framed: framed(route),
        editor,
        visitor,
        route,
        deepest,
        data: None,
        appended: VecDeque::new(),
        generation: 0,
        dropped: 0,
        siblings: 0,
    };
    match walk.children(text, RESOURCES, None, false) {
        Ok(seen) => {
            let (dropped, appended) = (walk.dropped, walk.siblings);
            Ok(Summary { is_changed: seen.is_changed, dropped, appended })
        }
        Err(Stop::Malformed) => Err(Malformed.into()),
        Err(Stop::Visitor(error)) => Err(error),
    }
}

fn has_views(route: &Route) -> bool {
    matches!(route.signal, crate::Signal::Traces | crate::Signal::Metrics | crate::Signal::Logs)
}

/// Resources and scopes are shown without their children, so they need a frame when visited.
fn framed(route: &Route) -> Levels {
    let groups = [Level::Resource, Level::Scope];
    let visited = groups.into_iter().filter(|level| route.visits.has(*level));
    visited.fold(route.reads.or(route.writes), Levels::with)
}

impl<V: Visitor> Walk<'_, V> {
    /// Walks the children of a message and copies its other fields, unless they are `held` back
    /// because the message around the children may yet change. That message, if it is not at hand
    /// yet (`around`), is put there for the first child.
    fn children(
        &mut self,
        text: Text<'_>,
        nest: Nest,
        mut around: Option<Level>,
        held: bool,
    ) -> Result<Seen, Stop<V::Error>> {
        let mut seen = Seen::default();
        let mut fields = Fields::new(text.bytes);
        while let Some(field) = fields.try_next()? {
            if field.number != nest.number {
                if !held {
                    self.editor.plan.copy(text.part(field.raw));
                }
                continue;
            }
            let Value::Bytes(inner) = field.value else { return Err(Stop::Malformed) };
            if nest.level > self.deepest {
                self.editor.plan.copy(text.part(field.raw));
                seen.left += 1;
            } else {
                if let Some(level) = around.take() {
                    self.frame(text, level, nest)?;
                }
                self.child(text.part(field.raw), text.part(inner), nest, &mut seen)?;
            }
        }
        Ok(seen)
    }

    /// Walks one child, which stands in the field `raw`.
    fn child(
        &mut self,
        raw: Text<'_>,
        inner: Text<'_>,
        nest: Nest,
        seen: &mut Seen,
    ) -> Result<(), Stop<V::Error>> {
        if nest.level == self.deepest && nest.level >= Level::Record {
            return self.innermost(raw, inner, nest, seen);
        }
        let mark = self.editor.plan.open(nest.number);
        let fate = self.message(inner, nest.level)?;
        match fate {
            Fate::Changed => self.editor.plan.close(mark)?,
            Fate::Kept | Fate::Dropped => self.editor.plan.rollback(mark),
        }
        if fate == Fate::Kept {
            self.editor.plan.copy(raw);
        }
        seen.left += usize::from(fate != Fate::Dropped);
        seen.is_changed |= fate != Fate::Kept;
        Ok(())
    }

    /// [`child`](Self::child) where nothing below is looked at.
    fn innermost(
        &mut self,
        raw: Text<'_>,
        inner: Text<'_>,
        nest: Nest,
        seen: &mut Seen,
    ) -> Result<(), Stop<V::Error>> {
        let level = nest.level;
        let is_visited = self.route.visits.has(level);
        if is_visited && self.visit(level, Some(inner.bytes))? == Verdict::Drop {
            self.drop(inner, level)?;
            seen.is_changed = true;
            return Ok(());
        }
        seen.left += 1;
        let Editor { plan, changes, .. } = &mut *self.editor;
        if is_visited && changes.is_set[level as usize] {
            plan.put_made(nest.number, &changes.messages[level as usize])?;
            seen.is_changed = true;
        } else {
            plan.copy(raw);
        }
        Ok(())
    }

    fn message(&mut self, text: Text<'_>, level: Level) -> Result<Fate, Stop<V::Error>> {
        match level {
            Level::Resource => self.group(text, level, SCOPES),
            Level::Scope => self.group(text, level, RECORDS),
            _ => self.record(text, level),
        }
    }

    /// A resource or a scope.
    fn group(&mut self, text: Text<'_>, level: Level, nest: Nest) -> Result<Fate, Stop<V::Error>> {
        self.editor.frames[level as usize].is_changed = false;
        let is_visited = self.route.visits.has(level);
        if is_visited {
            self.frame(text, level, nest)?;
            if self.visit(level, None)? == Verdict::Drop {
                return self.drop(text, level);
            }
        }
        let around = (!is_visited).then_some(level);
        let mut seen = self.children(text, nest, around, self.is_held(level))?;
        if level == Level::Scope {
            self.append_siblings(&mut seen)?;
        }
        self.finish(text, level, nest, seen)
    }

    /// A record, a child or a leaf.
    fn record(&mut self, text: Text<'_>, level: Level) -> Result<Fate, Stop<V::Error>> {
        if !self.route.visits.has(level) {
            return self.descend(text, level);
        }
        if self.visit(level, Some(text.bytes))? == Verdict::Drop {
            return self.drop(text, level);
        }
        if !self.editor.changes.is_set[level as usize] {
            return self.descend(text, level);
        }
        let message = std::mem::take(&mut self.editor.changes.messages[level as usize]);
        let mark = self.editor.plan.mark();
        let mut fate = self.descend(Text::made(&message), level)?;
        if fate == Fate::Kept {
            self.editor.plan.rollback(mark);
            self.editor.plan.copy(Text::made(&message));
            fate = Fate::Changed;
        }
        self.editor.changes.messages[level as usize] = message;
        Ok(fate)
    }

    fn drop(&mut self, text: Text<'_>, level: Level) -> Result<Fate, Stop<V::Error>> {
        let dropped = records(self.route.signal, level, text.bytes)?;
        self.visitor.dropped(dropped);
        self.dropped += dropped;
        Ok(Fate::Dropped)
    }

    /// Walks what is below a record or a point. A record that cannot be walked stays.
    fn descend(&mut self, text: Text<'_>, level: Level) -> Result<Fate, Stop<V::Error>> {
        if level >= self.deepest {
            return Ok(Fate::Kept);
        }
        if level != Level::Record {
            return self.below(text, level);
        }
        let (dropped, mark) = (self.dropped, self.editor.plan.mark());
        match self.below(text, level) {
            Err(Stop::Malformed) => {
                self.visitor.malformed().map_err(Stop::Visitor)?;
                self.dropped = dropped;
                self.editor.plan.rollback(mark);
                Ok(Fate::Kept)
            }
            other => other,
        }
    }

    fn below(&mut self, text: Text<'_>, level: Level) -> Result<Fate, Stop<V::Error>> {
        match (self.route.signal, level) {
            (crate::Signal::Traces, Level::Record) => {
                self.nested(text, level, if self.route.links { LINKS } else { EVENTS })
            }
            (crate::Signal::Metrics, Level::Record) => self.metric(text),
            (crate::Signal::Metrics, Level::Child) => match self.data.and_then(Data::exemplars) {
                Some(number) => self.nested(text, level, Nest { number, level: Level::Leaf }),
                None => Ok(Fate::Kept),
            },
            _ => Ok(Fate::Kept),
        }
    }

    /// A span with its events or a point with its exemplars.
    fn nested(&mut self, text: Text<'_>, level: Level, nest: Nest) -> Result<Fate, Stop<V::Error>> {
        self.editor.frames[level as usize].is_changed = false;
        let seen = self.children(text, nest, Some(level), self.is_held(level))?;
        self.finish(text, level, nest, seen)
    }

    /// A metric with its points.
    fn metric(&mut self, text: Text<'_>) -> Result<Fate, Stop<V::Error>> {
        if let Some(single) = metric::normalised(text.bytes)? {
            return self.metric(Text::made(&single));
        }
        let Some(number) = self.metric_frame(text)? else { return Ok(Fate::Kept) };
        let held = self.is_held(Level::Record);
        let mut seen = Seen::default();
        let mut fields = Fields::new(text.bytes);
        while let Some(field) = fields.try_next()? {
            match field.value {
                Value::Bytes(inner) if field.number == number => {
                    let mark = self.editor.plan.open(number);
                    seen = self.children(text.part(inner), POINTS, None, held)?;
                    if held {
                        self.head_of_data(text.part(inner), number)?;
                    }
                    self.editor.plan.close(mark)?;
                }
                _ if held => {}
                _ => self.editor.plan.copy(text.part(field.raw)),
            }
        }
        self.finish(text, Level::Record, Nest { number, level: Level::Child }, seen)
    }

    /// Notes the metric without its points, if it must be at hand, and the field of its data.
    fn metric_frame(&mut self, text: Text<'_>) -> Result<Option<u32>, Stop<V::Error>> {
        let Some((data, inner)) = Data::of_metric(text.bytes)? else { return Ok(None) };
        self.data = Some(data);
        self.editor.frames[Level::Record as usize].is_changed = false;
        let nest = Nest { number: data.number(), level: Level::Child };
        self.frame(text, Level::Record, nest)?;
        if self.framed.has(Level::Record) {
            let mut head = Vec::new();
            others(&inner, |field| field == POINTS.number, |raw| head.extend_from_slice(raw))?;
            put_bytes(&mut self.editor.frames[Level::Record as usize].message, nest.number, &head);
        }
        Ok(Some(data.number()))
    }

    /// What a metric's data holds besides its points, as it stands or as it was replaced.
    fn head_of_data(&mut self, inner: Text<'_>, number: u32) -> Result<(), Stop<V::Error>> {
        let Editor { plan, frames, .. } = &mut *self.editor;
        let frame = &frames[Level::Record as usize];
        if !frame.is_changed {
            others(inner.bytes, |field| field == POINTS.number, |raw| plan.copy(inner.part(raw)))?;
            return Ok(());
        }
        if let Some((data, head)) = Data::of_metric(&frame.message)?
            && data.number() == number
        {
            plan.copy(Text::made(&head));
        }
        Ok(())
    }

    /// Puts the message of a level at hand as far as the route asks for it.
    fn frame(&mut self, text: Text<'_>, level: Level, nest: Nest) -> Result<(), Malformed> {
        let frame = &mut self.editor.frames[level as usize];
        if self.route.wholes.has(level) {
            frame.whole.clear();
            frame.whole.extend_from_slice(text.bytes);
        }
        if self.framed.has(level) {
            frame.message.clear();
            others(
                text.bytes,
                |field| field == nest.number,
                |raw| frame.message.extend_from_slice(raw),
            )?;
        }
        Ok(())
    }

    /// Whether the fields around the children of a level may yet change.
    fn is_held(&self, level: Level) -> bool {
        self.route.writes.has(level)
    }

    /// Ends a message once its children are in the plan.
    fn finish(
        &mut self,
        text: Text<'_>,
        level: Level,
        nest: Nest,
        seen: Seen,
    ) -> Result<Fate, Stop<V::Error>> {
        if seen.left == 0 && self.route.prunes.has(level) {
            return Ok(Fate::Dropped);
        }
        let held = self.is_held(level);
        let Editor { plan, frames, .. } = &mut *self.editor;
        let frame = &frames[level as usize];
        let is_replaced = held && frame.is_changed;
        if !seen.is_changed && !is_replaced {
            return Ok(Fate::Kept);
        }
        if is_replaced {
            others(&frame.message, |field| field == nest.number, |raw| plan.copy(Text::made(raw)))?;
        } else if held {
            others(text.bytes, |field| field == nest.number, |raw| plan.copy(text.part(raw)))?;
        }
        Ok(Fate::Changed)
    }

    /// Shows the visitor a message: `own`, or the frame of its level.
    fn visit(&mut self, level: Level, own: Option<&[u8]>) -> Result<Verdict, Stop<V::Error>> {
        let Editor { frames, changes, .. } = &mut *self.editor;
        changes.begin(self.generation);
        let data = self.data.filter(|_| level > Level::Record);
        let may_append = self.generation < MAX_GENERATIONS;
        let shown = own.unwrap_or(&frames[level as usize].message);
        let at = At { level, own: shown, around: frames, data, may_append };
        let verdict = self.visitor.visit(at, changes).map_err(Stop::Visitor)?;
        let last = level as usize + usize::from(own.is_none());
        for index in (0..last).filter(|index| changes.is_set[*index]) {
            let is_allowed = self.route.writes.has(Level::ALL[index]);
            assert!(is_allowed, "the route lets the visitor write level {index}");
            std::mem::swap(&mut frames[index].message, &mut changes.messages[index]);
            frames[index].is_changed = true;
        }
        let appended = changes.appended.drain(..);
        self.appended.extend(appended.map(|message| (self.generation + 1, message)));
        Ok(verdict)
    }

    /// Walks the records that visitors appended to a scope.
    fn append_siblings(&mut self, seen: &mut Seen) -> Result<(), Stop<V::Error>> {
        while let Some((generation, message)) = self.appended.pop_front() {
            self.generation = generation;
            let mut field = Vec::with_capacity(message.len() + 8);
            put_bytes(&mut field, RECORDS.number, &message);
            self.child(Text::made(&field), Text::made(&message), RECORDS, seen)?;
            self.siblings += 1;
            seen.is_changed = true;
        }
        self.generation = 0;
        Ok(())
    }
}
