//! A routing table, compiled for one signal.

use otlp::edit::{Level, Levels, Route};
use ottl::contexts::Otlp;
use ottl::program::route::{edit, rule};
use ottl::program::{ErrorMode, reading};
use ottl::{Condition, Program};
use pipeline::Signal;

use crate::config::routing::{Routing, Row, RowCondition, RowContext};

/// Names of pipelines that get the same records.
pub(super) type Place = Vec<String>;

/// Rows whose decisions fit into one word.
pub(super) const STAGE_ROWS: usize = 64;

/// A table for one signal.
pub(super) struct Table {
    signal: Signal,
    pub(super) stages: Vec<Stage>,
    /// Where the rest goes, if anywhere.
    pub(super) default_place: Option<usize>,
    pub(super) error_mode: ErrorMode,
    places: Vec<Place>,
}

/// Neighbouring rows that look at the same.
pub(super) struct Stage {
    pub(super) rows: Vec<Choice>,
    pub(super) looks: Looks,
    /// What its only row does to what it takes, before anybody else sees it.
    pub(super) edit: Option<Program>,
}

/// What a stage looks at.
pub(super) enum Looks {
    /// The headers of the request.
    Request,
    /// The records at a level.
    Records(Otlp, Route),
}

/// A row.
pub(super) struct Choice {
    pub(super) test: Test,
    pub(super) place: usize,
    pub(super) copies: bool,
}

/// The condition of a row.
pub(super) enum Test {
    Always,
    Header { name: String, value: String, equals: bool },
    Record(Condition<Otlp>),
}

impl Table {
    /// Compiles the rows; `None` if one looks at what the signal does not have. The configuration has
    /// been checked.
    pub(super) fn compile(settings: &Routing, signal: Signal) -> Option<Self> {
        let mut table = Self {
            signal,
            stages: Vec::new(),
            default_place: None,
            error_mode: settings.error_mode,
            places: Vec::new(),
        };
        for row in &settings.table {
            table.add(row)?;
        }
        if !settings.default_pipelines.is_empty() {
            table.default_place = Some(table.place(&settings.default_pipelines));
        }
        Some(table)
    }

    pub(super) fn signal(&self) -> Signal {
        self.signal
    }

    pub(super) fn places(&self) -> &[Place] {
        &self.places
    }

    fn add(&mut self, row: &Row) -> Option<()> {
        let (test, program) = match (&row.condition, row.context) {
            (_, RowContext::Records(context)) if !context.is_in(self.signal) => return None,
            (RowCondition::Record { form, text }, RowContext::Records(context)) => {
                let rule = rule(*form, text, Some(context)).ok()?;
                let program = rule.edits.then(|| edit(self.signal, text, context, self.error_mode));
                (rule.condition.map_or(Test::Always, Test::Record), program.transpose().ok()?)
            }
            (RowCondition::Header { name, value, equals, .. }, _) => {
                let (name, value) = (name.clone(), value.clone());
                (Test::Header { name, value, equals: *equals }, None)
            }
            (RowCondition::Record { .. }, RowContext::Request) => return None,
        };
        let place = self.place(&row.pipelines);
        let stage = self.stage(row.context, program);
        if let (Test::Record(condition), Looks::Records(of, route)) = (&test, &mut stage.looks) {
            *route = reading(*route, of.level(), condition.uses());
        }
        stage.rows.push(Choice { test, place, copies: row.copies });
        Some(())
    }

    fn place(&mut self, pipelines: &[String]) -> usize {
        if let Some(known) = self.places.iter().position(|place| place == pipelines) {
            return known;
        }
        self.places.push(pipelines.to_vec());
        self.places.len() - 1
    }

    /// The last stage, if it looks at the same and has room; else a new one. Rows that edit have theirs alone.
    fn stage(&mut self, context: RowContext, edit: Option<Program>) -> &mut Stage {
        let fits = self.stages.last().is_some_and(|stage| {
            stage.rows.len() < STAGE_ROWS
                && stage.edit.is_none()
                && edit.is_none()
                && match (&stage.looks, context) {
                    (Looks::Request, RowContext::Request) => true,
                    (Looks::Records(known, _), RowContext::Records(context)) => *known == context,
                    _ => false,
                }
        });
        if !fits {
            let looks = match context {
                RowContext::Request => Looks::Request,
                RowContext::Records(context) => {
                    Looks::Records(context, route(self.signal, context))
                }
            };
            self.stages.push(Stage { rows: Vec::new(), looks, edit });
        }
        self.stages.last_mut().expect("one was just added")
    }
}

/// The walk over the records of a context; what is empty afterwards goes.
pub(super) fn route(signal: Signal, context: Otlp) -> Route {
    let level = context.level();
    let around = Level::ALL.into_iter().filter(|other| *other < level);
    let prunes = around.fold(Levels::NONE, Levels::with);
    Route { prunes, ..Route::visiting(signal, &[level]) }
}
