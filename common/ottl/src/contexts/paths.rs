//! From the text of a path to the field it stands for.

use otlp::edit::{Data, Level};

use super::request::{self, RequestPath};
use super::tables::{Kind, Nest, Row, rows};
use super::{Otlp, Record};
use crate::context::{Found, KeyText, Segment};
use crate::nearest::nearest;

/// A path of OTLP, resolved.
#[derive(Clone, Copy, Debug)]
pub struct Path(pub(super) Target);

/// What a path stands for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Target {
    Field(Field),
    Request(RequestPath),
}

/// A field of a message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field {
    pub(super) level: Level,
    pub(super) row: &'static Row,
    /// Whether the key, if there is one, is known at load.
    pub(super) is_literal: bool,
}

impl Path {
    /// The level of the message it reads and writes; `None` for what came with the request.
    pub fn level(&self) -> Option<Level> {
        match self.0 {
            Target::Field(field) => Some(field.level),
            Target::Request(_) => None,
        }
    }

    /// Whether it reads the children of its message, too.
    pub fn reads_children(&self) -> bool {
        match self.0 {
            Target::Field(field) => field.reads_children(),
            Target::Request(_) => false,
        }
    }
}

impl Field {
    /// The number of the field, `None` if points of this kind have no such field.
    pub(super) fn number(&self, data: Option<Data>) -> Option<u32> {
        let layout = match data {
            None | Some(Data::Gauge | Data::Sum) => 0,
            Some(Data::Histogram) => 1,
            Some(Data::ExponentialHistogram) => 2,
            Some(Data::Summary) => 3,
        };
        Some(self.row.numbers[layout]).filter(|number| *number != 0)
    }

    /// Whether it is a field of the message that the record is, and not of one in or around it.
    pub(super) fn is_own(&self, record: &Record<'_>) -> bool {
        self.level == record.level() && matches!(self.row.nest, Nest::Own)
    }

    pub(super) fn nest(&self) -> Nest {
        self.row.nest
    }

    pub(super) fn kind(&self) -> Kind {
        self.row.kind
    }

    fn reads_children(&self) -> bool {
        matches!(self.row.kind, Kind::Messages(_) | Kind::DataPoints)
    }
}

/// Resolves a path of `context`.
pub(super) fn resolve(
    context: Otlp,
    prefix: &str,
    segments: &[Segment<'_>],
) -> Result<Found<Path>, String> {
    let name = segments.iter().map(|segment| segment.name).collect::<Vec<_>>().join(".");
    let (keys, is_early) = keys(segments);
    if prefix == request::PREFIX {
        return resolve_request(&name, keys, is_early);
    }
    let owner = Otlp::from_name(prefix).filter(|owner| context.chain().any(|it| it == *owner));
    let owner = owner.ok_or_else(|| format!("{} has no path {prefix}", context.title()))?;
    let known = rows(owner);
    let row = known.iter().find(|row| row.name == name);
    let row = row.ok_or_else(|| unknown(context, owner, segments))?;
    if is_early || !takes_keys(row.kind, keys) {
        return Err(format!("{}.{name} cannot be indexed like this", owner.title()));
    }
    let is_literal = keys.iter().all(|key| !matches!(key, KeyText::Dynamic));
    let field = Field { level: owner.level(), row, is_literal };
    let found = Found::new(Path(Target::Field(field)), owner.level() as u8);
    Ok(Found { with_children: field.reads_children(), ..found })
}

/// The keys behind the last name, and whether there are keys before it.
fn keys<'s, 't>(segments: &'s [Segment<'t>]) -> (&'s [KeyText<'t>], bool) {
    match segments.split_last() {
        Some((last, before)) => (&last.keys, before.iter().any(|it| !it.keys.is_empty())),
        None => (&[], false),
    }
}

fn takes_keys(kind: Kind, keys: &[KeyText<'_>]) -> bool {
    match kind {
        Kind::Attributes | Kind::Body => true,
        Kind::TraceState => keys.len() <= 1,
        _ => keys.is_empty(),
    }
}

fn resolve_request(
    name: &str,
    keys: &[KeyText<'_>],
    is_early: bool,
) -> Result<Found<Path>, String> {
    let found = request::PATHS.iter().find(|(known, _)| *known == name);
    let Some((_, path)) = found else {
        let known: Vec<_> = request::PATHS.iter().map(|(known, _)| *known).collect();
        return Err(format!("otelcol has no path {name}; it has {}", known.join(", ")));
    };
    if is_early || *path == RequestPath::Address && !keys.is_empty() {
        return Err(format!("otelcol.{name} cannot be indexed like this"));
    }
    Ok(Found::new(Path(Target::Request(*path)), 0))
}

fn unknown(context: Otlp, owner: Otlp, segments: &[Segment<'_>]) -> String {
    let name = segments.iter().map(|segment| segment.name).collect::<Vec<_>>().join(".");
    if let [first, _, ..] = segments
        && Otlp::from_name(first.name).is_some()
    {
        let around: Vec<_> = context.chain().map(Otlp::title).collect();
        return format!(
            "{} has no path {name}; paths start with one of {} here",
            context.title(),
            around.join(", ")
        );
    }
    let names: Vec<_> = rows(owner).iter().map(|row| row.name).collect();
    match nearest(&name, &names) {
        Some(near) => format!("{} has no path {name}; did you mean {near}", owner.title()),
        None => format!("{} has no path {name}; it has {}", owner.title(), names.join(", ")),
    }
}
