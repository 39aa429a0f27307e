//! User agents into their names, versions and operating systems, by the rules of the project uap-core.
//!
//! The rules come with the crate `ua-parser` ([`rules`]), 362 for agents and 201 for systems when this was written, and are
//! compiled once, when the first statement that uses them is loaded: 60 ms and 10 MB, then a few microseconds a text. An
//! agent that no rule knows is `Other`. Only [`LEN_MAX`] bytes of a text are looked at.

use std::sync::LazyLock;

use ua_parser::{os, user_agent};

use crate::RunError;
use crate::function::{Args, Call, Unfit};
use crate::value::{Map, Value};

mod rules;

/// Only that much of a text is looked at.
const LEN_MAX: usize = 2048;
const OTHER: &str = "Other";

static EXTRACTORS: LazyLock<Extractors> =
    LazyLock::new(|| Extractors::new().expect("the rules of the crate compile, as the tests show"));

/// `UserAgent(text)`.
pub(super) fn prepare(_: &Args<'_>) -> Result<Call, Unfit> {
    let extractors = LazyLock::force(&EXTRACTORS);
    Ok(Box::new(|args| call(extractors, args)))
}

fn call<'a>(extractors: &Extractors, args: &Args<'a>) -> Result<Value<'a>, RunError> {
    let text = args.str(0)?;
    let seen = &text[..text.floor_char_boundary(LEN_MAX)];
    let mut map = Map::new();
    match extractors.agents.extract(seen) {
        Some(agent) => {
            map.put("user_agent.name", &*agent.family);
            map.put("user_agent.version", version([agent.major, agent.minor, agent.patch, None]));
        }
        None => {
            map.put("user_agent.name", OTHER);
            map.put("user_agent.version", "");
        }
    }
    map.put("user_agent.original", text);
    let system = extractors.systems.extract(seen);
    map.put("os.name", system.as_ref().map_or(OTHER, |system| &system.os));
    if let Some(system) = system {
        let parts = [&system.major, &system.minor, &system.patch, &system.patch_minor];
        let version = version(parts.map(Option::as_deref));
        if !version.is_empty() {
            map.put("os.version", version);
        }
    }
    Ok(Value::map(map))
}

/// The parts of a version up to the first that is missing, told by points.
fn version(parts: [Option<&str>; 4]) -> String {
    let given = parts.iter().map_while(|part| part.filter(|part| !part.is_empty()));
    given.collect::<Vec<_>>().join(".")
}

struct Extractors {
    agents: user_agent::Extractor<'static>,
    systems: os::Extractor<'static>,
}

impl Extractors {
    fn new() -> Result<Self, ua_parser::Error> {
        let (agents, systems) = rules::read();
        Ok(Self {
            agents: user_agent::Builder::new().push_all(agents)?.build()?,
            systems: os::Builder::new().push_all(systems)?.build()?,
        })
    }
}

#[cfg(test)]
mod tests;
