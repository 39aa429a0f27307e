//! The parameters of a query, read from the URL.
//!
//! Each is read by the names Jaeger accepts, camelCase first. An empty value counts as absent. What
//! is wrong is reported under the name that was used.

use std::ops::RangeInclusive;
use std::time::Duration;

use components::config::quantity;
use http::StatusCode;

use components::time;

use super::Problem;
use crate::store::{SPAN_KINDS, TraceId, TraceQuery};

/// Most traces of one search.
pub(super) const MAX_SEARCH_DEPTH: usize = 1500;
/// Traces of a search that does not say how many.
const DEFAULT_SEARCH_DEPTH: usize = 100;
/// Parameters of Jaeger's that change what is found and that we do not have.
const PLANNED: [&str; 3] =
    ["query.filter", "query.pagination.pageSize", "query.pagination.pageToken"];

/// The names of one parameter, the preferred first.
type Names<'a> = &'a [&'a str];

/// The decoded pairs of a query string.
#[derive(Debug)]
pub(super) struct Params(Vec<(String, String)>);

impl Params {
    /// Splits and decodes a query string.
    pub(super) fn parse(query: &str) -> Result<Self, Problem> {
        let pairs = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((decode(name)?, decode(value)?))
        });
        match pairs.collect() {
            Some(pairs) => Ok(Self(pairs)),
            None => Err(bad("the query string is not percent-encoded UTF-8")),
        }
    }

    /// A text.
    pub(super) fn text(&self, names: Names<'_>) -> Option<&str> {
        self.find(names).map(|(_, value)| value)
    }

    /// The value and the name under which it was written.
    fn find(&self, names: Names<'_>) -> Option<(&str, &str)> {
        let written = |name: &&str| {
            let pair = self.0.iter().find(|(key, value)| key == name && !value.is_empty())?;
            Some((pair.0.as_str(), pair.1.as_str()))
        };
        names.iter().find_map(written)
    }

    /// Every value of a parameter that may come often.
    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        let written = move |(key, value): &&(String, String)| key == name && !value.is_empty();
        self.0.iter().filter(written).map(|(_, value)| value.as_str())
    }

    /// Refuses what is not among `names`.
    pub(super) fn only(&self, names: &[&str]) -> Result<(), Problem> {
        match self.names().find(|name| !names.contains(name)) {
            Some(name) => {
                let known = names.join(", ");
                Err(bad(format!("unknown parameter {name}: expected one of {known}")))
            }
            None => Ok(()),
        }
    }

    /// The names that were written.
    fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    /// A value of some form.
    pub(super) fn read<T>(
        &self,
        names: Names<'_>,
        form: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, Problem> {
        let Some((name, value)) = self.find(names) else { return Ok(None) };
        match parse(value) {
            Some(value) => Ok(Some(value)),
            None => Err(bad(format!("malformed parameter {name}: expected {form}"))),
        }
    }

    /// A time, in nanoseconds since 1970.
    pub(super) fn time(&self, names: Names<'_>) -> Result<Option<u64>, Problem> {
        self.read(names, "a time such as 2026-01-31T12:00:00Z", time::parse)
    }

    /// A time written as microseconds since 1970, in nanoseconds.
    pub(super) fn micros(&self, name: &str) -> Result<Option<u64>, Problem> {
        self.read(&[name], "microseconds since 1970", |text| {
            text.parse::<u64>().ok()?.checked_mul(1000)
        })
    }

    fn required_time(&self, names: Names<'_>) -> Result<u64, Problem> {
        let missing = || bad(format!("parameter {} is required", names[0]));
        self.time(names)?.ok_or_else(missing)
    }

    fn duration(&self, names: Names<'_>) -> Result<Option<Duration>, Problem> {
        self.read(names, "a duration such as 200ms", |text| quantity::duration(text).ok())
    }

    /// A boolean, as Go reads it; whoever needs no answer only wants it checked.
    pub(super) fn bool(&self, names: Names<'_>) -> Result<Option<bool>, Problem> {
        self.read(names, "true or false", |text| match text {
            "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
            "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
            _ => None,
        })
    }

    /// The span kind of a listing, as a number.
    pub(super) fn span_kind(&self) -> Result<Option<i32>, Problem> {
        let names = ["spanKind", "span_kind"];
        let form = "one of unspecified, internal, server, client, producer, consumer";
        self.read(&names, form, |text| {
            let kind = SPAN_KINDS.iter().position(|kind| kind.eq_ignore_ascii_case(text))?;
            i32::try_from(kind).ok()
        })
    }

    /// The search that is asked for.
    pub(super) fn trace_query(&self) -> Result<TraceQuery, Problem> {
        if let Some((name, _)) = self.find(&PLANNED) {
            let message = format!("parameter {name} is not built in yet");
            return Err(Problem::new(StatusCode::NOT_IMPLEMENTED, message));
        }
        // Traces are always given as they were stored.
        self.bool(&["query.rawTraces", "query.raw_traces"])?;
        let from = self.required_time(&["query.startTimeMin", "query.start_time_min"])?;
        let to = self.required_time(&["query.startTimeMax", "query.start_time_max"])?;
        if from > to {
            return Err(bad("malformed parameter query.startTimeMax: before query.startTimeMin"));
        }
        let text = |names| self.text(names).map(str::to_owned);
        Ok(TraceQuery {
            service: text(&["query.serviceName", "query.service_name"]),
            operation: text(&["query.operationName", "query.operation_name"]),
            attributes: self.attributes()?,
            start_ns: from..=to,
            duration_ns: self.durations(
                &["query.durationMin", "query.duration_min"],
                &["query.durationMax", "query.duration_max"],
            )?,
            limit: self.depth(&["query.searchDepth", "query.search_depth", "query.num_traces"])?,
        })
    }

    /// From the shortest to the longest duration that is asked for, in nanoseconds.
    pub(super) fn durations(
        &self,
        shortest: Names<'_>,
        longest: Names<'_>,
    ) -> Result<RangeInclusive<u64>, Problem> {
        let ns = |duration: Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        let least = self.duration(shortest)?;
        let most = self.duration(longest)?;
        // As in Jaeger, a bound of zero is none.
        let most = most.filter(|most| !most.is_zero());
        let (least, most) = (least.map_or(0, ns), most.map_or(u64::MAX, ns));
        if least > most {
            let (longest, shortest) = (longest[0], shortest[0]);
            return Err(bad(format!("malformed parameter {longest}: less than {shortest}")));
        }
        Ok(least..=most)
    }

    fn attributes(&self) -> Result<Vec<(String, String)>, Problem> {
        let form = "a JSON object of texts";
        let attributes = self.read(&["query.attributes"], form, texts)?;
        Ok(attributes.unwrap_or_default())
    }

    /// How many traces are asked for.
    pub(super) fn depth(&self, names: Names<'_>) -> Result<usize, Problem> {
        let form = format!("a whole number up to {MAX_SEARCH_DEPTH}");
        let depth = self.read(names, &form, |text| {
            text.parse().ok().filter(|depth| *depth <= MAX_SEARCH_DEPTH)
        })?;
        // As in Jaeger, zero is the default.
        Ok(depth.filter(|depth| *depth > 0).unwrap_or(DEFAULT_SEARCH_DEPTH))
    }
}

/// The members of a JSON object of texts.
pub(super) fn texts(json: &str) -> Option<Vec<(String, String)>> {
    let map: serde_json::Map<String, serde_json::Value> = serde_json::from_str(json).ok()?;
    let text = |(key, value): (String, serde_json::Value)| match value {
        serde_json::Value::String(value) => Some((key, value)),
        _ => None,
    };
    map.into_iter().map(text).collect()
}

/// A trace id of up to 32 hexadecimal digits; leading zeros may be left out.
pub(super) fn trace_id(text: &str) -> Option<TraceId> {
    let digits = text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if text.is_empty() || text.len() > 32 || !digits {
        return None;
    }
    u128::from_str_radix(text, 16).ok().map(u128::to_be_bytes)
}

/// A 400.
pub(super) fn bad(message: impl Into<String>) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, message)
}

/// Decodes the `%xx` and `+` of a query.
fn decode(text: &str) -> Option<String> {
    decode_path(&text.replace('+', " "))
}

/// Decodes the `%xx` of a path.
pub(super) fn decode_path(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'%' => hex_digit(bytes.next()?)? << 4 | hex_digit(bytes.next()?)?,
            byte => byte,
        });
    }
    String::from_utf8(out).ok()
}

fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn hostile_queries_never_panic(
            any in ".{0,100}",
            name in "query[.](startTimeMin|start_time_max|durationMin|searchDepth|attributes)",
            value in ".{0,40}|[0-9smh.%+{}\":-]{0,40}",
        ) {
            let times = "query.startTimeMin=1970-01-01T00:00:00Z&query.startTimeMax=2030-01-01T00:00:00Z";
            for query in [any.clone(), format!("{name}={value}"), format!("{name}={value}&{times}")] {
                if let Ok(params) = Params::parse(&query) {
                    let _ = (params.trace_query(), params.span_kind());
                }
            }
            let _ = (trace_id(&any), trace_id(&value));
        }
    }
}
