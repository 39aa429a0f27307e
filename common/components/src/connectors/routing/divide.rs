//! Dividing a request: which records go where, and the bytes of each piece.

use std::cell::RefCell;

use bumpalo::Bump;
use bytes::Bytes;
use otlp::Malformed;
use otlp::edit::{At, Changes, Editor, Route, Verdict, Visitor};
use ottl::contexts::{Record, Request, Scratch};
use ottl::program::{ErrorMode, Runner};
use ottl::value::Time;
use ottl::{Frame, Program, RunError};
use pipeline::Signal;

use super::table::{Choice, Looks, Stage, Table, Test};

/// What became of a request.
#[derive(Debug, Default)]
pub(super) struct Divided {
    pub(super) pieces: Vec<Piece>,
    /// Records that go nowhere.
    pub(super) lost: u64,
}

/// A request of its own with the records for one place.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) place: usize,
    pub(super) body: Bytes,
    pub(super) records: u64,
}

thread_local! {
    /// Scratch of this thread's walks.
    static SCRATCH: RefCell<(Editor, Bump, Scratch, Vec<u64>)> = RefCell::default();
    /// The same for statements.
    static RUNNER: RefCell<Runner> = RefCell::default();
}

/// Divides a request by the table. The error is for its sender.
pub(super) fn divide(
    table: &Table,
    body: &Bytes,
    request: &Request,
    now: &Time,
) -> Result<Divided, String> {
    let mut rest = Some(body.clone());
    let mut divided = Divided::default();
    for stage in &table.stages {
        let Some(body) = rest.take() else { break };
        let (decided, body) = decide(stage, table.error_mode, body, request, now)?;
        // It drops nothing, so what was decided is still about the same records.
        let body = match &stage.edit {
            Some(program) => edited(program, &body, request, now)?,
            None => body,
        };
        for (row, choice) in stage.rows.iter().enumerate() {
            if let Some(piece) = decided.pick(&body, |word| word >> row & 1 == 1)? {
                divided.add(table.signal(), choice.place, piece)?;
            }
        }
        rest = match stage.moves() {
            0 => Some(body),
            moves => decided.pick(&body, |word| word & moves == 0)?,
        };
    }
    match (rest, table.default_place) {
        (Some(body), Some(place)) => divided.add(table.signal(), place, body)?,
        (Some(body), None) => divided.lost = records(table.signal(), &body)?,
        (None, _) => {}
    }
    Ok(divided)
}

/// The request with what a row takes out of what it takes.
fn edited(program: &Program, body: &Bytes, request: &Request, now: &Time) -> Result<Bytes, String> {
    let run = |runner: &mut Runner| program.run(runner, body, request, now);
    let ran = RUNNER.with_borrow_mut(run);
    ran.map(|ran| ran.body).map_err(|refused| format!("a routing statement failed: {refused}"))
}

impl Divided {
    fn add(&mut self, signal: Signal, place: usize, body: Bytes) -> Result<(), String> {
        let records = records(signal, &body)?;
        self.pieces.push(Piece { place, body, records });
        Ok(())
    }
}

fn records(signal: Signal, body: &[u8]) -> Result<u64, String> {
    otlp::check(signal, body).map(|tally| tally.records).map_err(unreadable)
}

fn unreadable(_: Malformed) -> String {
    "a record cannot be read".to_owned()
}

impl Stage {
    /// The rows that take away what they match.
    fn moves(&self) -> u64 {
        let row = |(row, choice): (usize, &Choice)| if choice.copies { 0 } else { 1 << row };
        self.rows.iter().enumerate().map(row).sum()
    }
}

/// The rows that took each item of a stage, a bit each.
enum Decided<'s> {
    /// The request as a whole.
    Whole(u64),
    /// The records, in the order of the walk.
    Each(Vec<u64>, &'s Route),
}

impl Decided<'_> {
    /// The request with the items that are wanted; the same bytes if all are.
    fn pick(&self, body: &Bytes, wanted: impl Fn(u64) -> bool) -> Result<Option<Bytes>, String> {
        let (words, route) = match self {
            Self::Whole(word) => return Ok(wanted(*word).then(|| body.clone())),
            Self::Each(words, route) => (words, route),
        };
        let count = words.iter().filter(|word| wanted(**word)).count();
        if count == words.len() || count == 0 {
            return Ok((count > 0).then(|| body.clone()));
        }
        let mut words = words.iter();
        let mut pick = Pick(|| words.next().is_some_and(|word| wanted(*word)));
        SCRATCH.with_borrow_mut(|(editor, ..)| {
            editor.run(route, body, &mut pick).map_err(unreadable)?;
            Ok(Some(editor.body(body)))
        })
    }
}

/// Keeps what its function says, item by item.
struct Pick<F>(F);

impl<F: FnMut() -> bool> Visitor for Pick<F> {
    type Error = Malformed;

    fn visit(&mut self, _: At<'_>, _: &mut Changes) -> Result<Verdict, Malformed> {
        Ok(if (self.0)() { Verdict::Keep } else { Verdict::Drop })
    }

    fn malformed(&mut self) -> Result<(), Malformed> {
        Ok(())
    }
}

/// What takes what, and the request that this is about: where rows move, without what is empty.
fn decide<'s>(
    stage: &'s Stage,
    error_mode: ErrorMode,
    body: Bytes,
    request: &Request,
    now: &Time,
) -> Result<(Decided<'s>, Bytes), String> {
    let Looks::Records(_, route) = &stage.looks else {
        let word = stage.first(|test| Ok::<_, Refused>(by_header(test, request)))?;
        return Ok((Decided::Whole(word), body));
    };
    SCRATCH.with_borrow_mut(|(editor, arena, scratch, words)| {
        words.clear();
        let mut assign = Assign { stage, error_mode, request, now, arena, scratch, words };
        editor.run(route, &body, &mut assign)?;
        let body = if stage.moves() == 0 { body } else { editor.body(&body) };
        Ok((Decided::Each(words.clone(), route), body))
    })
}

impl Stage {
    /// The rows that take an item: copying ones that match up to the first moving one that does.
    fn first<'s, E>(
        &'s self,
        mut holds: impl FnMut(&'s Test) -> Result<bool, E>,
    ) -> Result<u64, E> {
        let mut word = 0;
        for (row, choice) in self.rows.iter().enumerate() {
            if holds(&choice.test)? {
                word |= 1 << row;
                if !choice.copies {
                    break;
                }
            }
        }
        Ok(word)
    }
}

fn by_header(test: &Test, request: &Request) -> bool {
    let Test::Header { name, value, equals } = test else { return true };
    // As in the Collector one value of several is enough, and a header that is absent is neither.
    let holds = |found: &str| (found == value) == *equals;
    request.grpc.texts(name).any(holds) || request.metadata.texts(name).any(holds)
}

/// Why a walk ends.
struct Refused(String);

impl From<Malformed> for Refused {
    fn from(malformed: Malformed) -> Self {
        Self(unreadable(malformed))
    }
}

impl From<Refused> for String {
    fn from(refused: Refused) -> Self {
        refused.0
    }
}

/// Evaluates the rows of a stage on each record.
struct Assign<'w> {
    stage: &'w Stage,
    error_mode: ErrorMode,
    request: &'w Request,
    now: &'w Time,
    arena: &'w mut Bump,
    scratch: &'w mut Scratch,
    words: &'w mut Vec<u64>,
}

impl Visitor for Assign<'_> {
    type Error = Refused;

    fn visit(&mut self, at: At<'_>, _: &mut Changes) -> Result<Verdict, Refused> {
        let word = self.word(&at)?;
        self.words.push(word);
        self.arena.reset();
        Ok(Verdict::Keep)
    }

    fn malformed(&mut self) -> Result<(), Refused> {
        Ok(())
    }
}

impl Assign<'_> {
    fn word(&mut self, at: &At<'_>) -> Result<u64, Refused> {
        let record = Record::new(at, self.request, self.scratch);
        let mut frame = Frame::new(record, &*self.arena, Some(self.now));
        let word = self.stage.first(|test| match test {
            Test::Record(condition) => forgive(self.error_mode, condition.holds(&frame)),
            Test::Always | Test::Header { .. } => Ok(true),
        });
        frame.record.finish(&mut Changes::default());
        word.map_err(|error| Refused(format!("a routing condition failed: {error}")))
    }
}

/// A condition that failed does not hold, unless failures refuse the request.
fn forgive(mode: ErrorMode, holds: Result<bool, RunError>) -> Result<bool, RunError> {
    match holds {
        Err(error) if mode == ErrorMode::Propagate => Err(error),
        Err(_) => Ok(false),
        Ok(holds) => Ok(holds),
    }
}
