//! Copy-on-write editing of a whole request in one walk.
//!
//! A walk goes from the request over resources and scopes to the records, and below them to the
//! events of spans, the points of metrics and the exemplars of points, as deep as its [`Route`] asks
//! and no deeper. A [`Visitor`] sees each message of the levels it wants together with the messages
//! around it, and says what becomes of it: it stays, goes, or is replaced; the messages around it may
//! be replaced, too, and a record may get new siblings, which are visited in their turn.
//!
//! What nobody changes is never copied on the way: the [`Editor`] notes ranges of the request, joins
//! neighbours, and fixes the lengths around a change once its content is known. A scope, a resource
//! or a request in which nothing changed is its original slice again. The editor is scratch: kept
//! and used again, it allocates nothing for what stays.
//!
//! Bounds: requests and results under 4 GiB, [`MAX_GENERATIONS`] of new siblings. As everywhere here
//! split singular messages are one message, the last scalar counts, unknown fields are kept. If a
//! message around a change was replaced, it is written behind its children: protobuf gives order
//! between different fields no meaning.
//!
//! Left out: profiles, which have no views; their requests are not walked.

use std::cmp::Ordering;

use bytes::Bytes;

pub use crate::level::{LEVELS, Level};

use crate::Signal;
use crate::wire::Malformed;

pub mod fields;
pub mod index;
mod metric;
mod plan;
mod walk;

pub use metric::{Data, DataMessage};

use plan::Plan;

/// How often a sibling that a visitor appended may itself cause a sibling.
pub const MAX_GENERATIONS: u32 = 64;

/// A set of levels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Levels(u8);

impl Levels {
    /// None.
    pub const NONE: Self = Self(0);

    /// These.
    pub fn of(levels: &[Level]) -> Self {
        levels.iter().fold(Self::NONE, |set, level| set.with(*level))
    }

    /// The set and `level`.
    #[must_use]
    pub fn with(self, level: Level) -> Self {
        Self(self.0 | 1 << level as u8)
    }

    /// What is in either.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether `level` is in it.
    pub fn has(self, level: Level) -> bool {
        self.0 & 1 << level as u8 != 0
    }

    fn deepest(self) -> Option<Level> {
        Level::ALL.into_iter().rev().find(|level| self.has(*level))
    }
}

/// What a walk does on which level.
#[derive(Clone, Copy, Debug)]
pub struct Route {
    /// What the request holds.
    pub signal: Signal,
    /// The levels whose messages the visitor wants to see.
    pub visits: Levels,
    /// The levels around them whose messages it wants to have at hand.
    pub reads: Levels,
    /// The levels around them whose messages it may replace, and resources or scopes that it may
    /// replace when it visits them.
    pub writes: Levels,
    /// The levels around them whose messages it also wants with their children, as they were when
    /// the walk came to them.
    pub wholes: Levels,
    /// Whether the children of spans are their links, not their events.
    pub links: bool,
    /// The levels whose messages go when none of their children is left, or was there; records only
    /// where what is below them is visited.
    pub prunes: Levels,
}

impl Route {
    /// Visits `levels` of a signal and no more.
    pub fn visiting(signal: Signal, levels: &[Level]) -> Self {
        let none = Levels::NONE;
        Self {
            signal,
            visits: Levels::of(levels),
            reads: none,
            writes: none,
            wholes: none,
            links: false,
            prunes: none,
        }
    }
}

/// Where a visitor is. Resources and scopes are shown without what is below them; a record, child
/// or leaf as a whole, and as what is around a visited message, without its children.
#[derive(Clone, Copy, Debug)]
pub struct At<'w> {
    /// The level of the visited message.
    pub level: Level,
    own: &'w [u8],
    around: &'w [Frame; LEVELS],
    /// Which kind of points the metric around the message has.
    pub data: Option<Data>,
    /// Whether siblings can be appended; see [`Endless`].
    pub may_append: bool,
}

impl<'w> At<'w> {
    /// A message that nothing is around.
    pub const fn alone(level: Level, message: &'w [u8]) -> Self {
        Self { level, own: message, around: &NO_FRAMES, data: None, may_append: true }
    }

    /// The visited message.
    #[inline]
    pub fn message(&self) -> &'w [u8] {
        self.own
    }

    /// The message of a level; empty where the route did not ask, and below the visited one.
    #[inline]
    pub fn message_of(&self, level: Level) -> &'w [u8] {
        match level.cmp(&self.level) {
            Ordering::Less => &self.around[level as usize].message,
            Ordering::Equal => self.own,
            Ordering::Greater => &[],
        }
    }

    /// The message of a level around the visited one with its children; empty where the route did not ask.
    pub fn whole_of(&self, level: Level) -> &'w [u8] {
        &self.around[level as usize].whole
    }
}

static NO_FRAMES: [Frame; LEVELS] = [const { Frame::EMPTY }; LEVELS];

/// What becomes of a visited message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It stays, replaced if [`Changes`] say so.
    Keep,
    /// It goes, and everything in it.
    Drop,
}

/// What a visitor changes.
#[derive(Debug, Default)]
pub struct Changes {
    messages: [Vec<u8>; LEVELS],
    is_set: [bool; LEVELS],
    appended: Vec<Vec<u8>>,
    generation: u32,
}

/// A sibling of a sibling of a sibling, [`MAX_GENERATIONS`] long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Endless;

impl std::fmt::Display for Endless {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "appended records append records, {MAX_GENERATIONS} times over")
    }
}

impl std::error::Error for Endless {}

impl Changes {
    /// Replaces the visited message, or one around it that the route lets it write; resources and
    /// scopes only where the route says so.
    pub fn replace(&mut self, level: Level, message: &[u8]) {
        let slot = &mut self.messages[level as usize];
        slot.clear();
        slot.extend_from_slice(message);
        self.is_set[level as usize] = true;
    }

    /// [`replace`](Self::replace) without a copy: the buffer is exchanged for another one.
    pub fn replace_with(&mut self, level: Level, message: &mut Vec<u8>) {
        std::mem::swap(&mut self.messages[level as usize], message);
        self.is_set[level as usize] = true;
    }

    /// Adds a sibling of the visited record at the end of its list.
    pub fn append(&mut self, message: Vec<u8>) -> Result<(), Endless> {
        if self.generation >= MAX_GENERATIONS {
            return Err(Endless);
        }
        self.appended.push(message);
        Ok(())
    }

    /// What replaces the message of a level, if anything does.
    pub fn replaced(&self, level: Level) -> Option<&[u8]> {
        self.is_set[level as usize].then(|| &self.messages[level as usize][..])
    }

    /// The bytes of all that is replaced or added.
    pub fn bytes(&self) -> usize {
        let replaced = Level::ALL.into_iter().filter_map(|level| self.replaced(level));
        replaced.chain(self.appended.iter().map(Vec::as_slice)).map(<[u8]>::len).sum()
    }

    fn begin(&mut self, generation: u32) {
        self.generation = generation;
        self.is_set = [false; LEVELS];
        self.appended.clear();
    }
}

/// Decides about each message of a walk.
pub trait Visitor {
    /// Why a walk ends early.
    type Error: From<Malformed>;

    /// Sees one message.
    fn visit(&mut self, at: At<'_>, changes: &mut Changes) -> Result<Verdict, Self::Error>;

    /// Hears how many records (spans, log records, metric points) went with the message that it has
    /// just dropped.
    fn dropped(&mut self, _records: u64) {}

    /// Hears that a record cannot be walked. If that is no error it stays as it was, but for the
    /// replacement that the visitor gave it before.
    fn malformed(&mut self) -> Result<(), Self::Error> {
        Err(Malformed.into())
    }
}

/// What a walk came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Whether the result differs from the request.
    pub is_changed: bool,
    /// Spans, log records or metric points that the visitor dropped.
    pub dropped: u64,
    /// Spans, metrics or log records that the visitor appended; of them, too, some may be dropped.
    pub appended: u64,
}

/// Walks requests and holds the result of the last walk. Scratch: keep it and use it again.
#[derive(Debug, Default)]
pub struct Editor {
    plan: Plan,
    frames: [Frame; LEVELS],
    changes: Changes,
}

/// A message around the one that is visited.
#[derive(Debug, Default)]
struct Frame {
    message: Vec<u8>,
    whole: Vec<u8>,
    is_changed: bool,
}

impl Frame {
    const EMPTY: Self = Self { message: Vec::new(), whole: Vec::new(), is_changed: false };

    fn clear(&mut self) {
        self.message.clear();
        self.whole.clear();
        self.is_changed = false;
    }
}

impl Editor {
    /// Walks a request.
    pub fn run<V: Visitor>(
        &mut self,
        route: &Route,
        request: &[u8],
        visitor: &mut V,
    ) -> Result<Summary, V::Error> {
        self.plan.clear();
        self.frames.iter_mut().for_each(Frame::clear);
        walk::request(self, route, request, visitor)
    }

    /// Bytes of the result of the last walk.
    pub fn bytes(&self) -> u64 {
        self.plan.length()
    }

    /// The bytes that it holds on to for the next walk.
    pub fn kept_bytes(&self) -> usize {
        let frames = self.frames.iter().map(|it| it.message.capacity() + it.whole.capacity());
        let changes = self.changes.messages.iter().map(Vec::capacity);
        self.plan.kept_bytes() + frames.chain(changes).sum::<usize>()
    }

    /// Appends the result of the last walk, which was over `request`.
    pub fn write(&self, request: &[u8], out: &mut Vec<u8>) {
        self.plan.write(request, out);
    }

    /// The result of the last walk as one buffer; the request itself if nothing changed.
    pub fn body(&self, request: &Bytes) -> Bytes {
        if self.plan.is_whole(request.len()) {
            return request.clone();
        }
        let mut out = Vec::with_capacity(self.plan.length() as usize);
        self.plan.write(request, &mut out);
        out.into()
    }

    /// The result of the last walk as pieces, slices of the request where it was kept.
    pub fn pieces(&self, request: &Bytes) -> Vec<Bytes> {
        self.plan.pieces(request)
    }
}

#[cfg(test)]
mod tests;
