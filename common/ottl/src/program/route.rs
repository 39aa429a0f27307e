//! Rows of a routing table: a condition, or a statement that may also take attributes out.
//!
//! A row without a context is for the one that its paths name; where they name none, or it does not
//! work there, for the resource, as tables were written before contexts could be inferred.

use otlp::Signal;

use super::build::{Builder, Group};
use super::{ErrorMode, Mistake, Program};
use crate::ast::{Call, Statement};
use crate::bind::Functions;
use crate::contexts::Otlp;
use crate::infer::{Candidate, Needs};
use crate::{Compiler, Condition, LoadError, Purpose, parse};

/// The contexts that records are routed by, the outermost first.
const CONTEXTS: [Otlp; 5] = [Otlp::Resource, Otlp::Span, Otlp::Metric, Otlp::DataPoint, Otlp::Log];

/// The editor that changes nothing.
const ROUTE: &str = "route";

/// How a row is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A condition.
    Condition,
    /// `route() where condition`, or an editor in the place of `route`.
    Statement,
}

/// What a row takes.
pub struct Rule {
    /// The records that it looks at.
    pub context: Otlp,
    /// What must hold for them; nothing if absent.
    pub condition: Option<Condition<Otlp>>,
    /// Whether it changes what it takes: then the statement is a [`Program`], too ([`edit`]).
    pub edits: bool,
}

/// Reads a row. `context` is the one it names.
pub fn rule(form: Form, text: &str, context: Option<Otlp>) -> Result<Rule, LoadError> {
    let tree = match form {
        Form::Condition => {
            let condition = Some(parse::condition(text)?);
            Statement { editor: route_call(), condition }
        }
        Form::Statement => parse::statement(text)?,
    };
    if let Some(context) = context {
        return bind(&tree, text, &candidate(context), false);
    }
    let mut needs = Needs::default();
    needs.statement(&tree);
    let candidates = CONTEXTS.map(candidate);
    let inferred = needs.infer(&candidates).ok().map(|index| &candidates[index]);
    let resource = || bind(&tree, text, &candidates[0], false);
    match inferred {
        Some(inferred) => {
            bind(&tree, text, inferred, true).or_else(|error| resource().map_err(|_| error))
        }
        None => resource(),
    }
}

/// The statement of a row that changes what it takes.
pub fn edit(
    signal: Signal,
    text: &str,
    context: Otlp,
    error_mode: ErrorMode,
) -> Result<Program, Vec<Mistake>> {
    let statements = vec![text.to_owned()];
    let context = Some(context.title().to_owned());
    let group = Group { context, statements, error_mode, ..Group::default() };
    Builder::new(signal, Purpose::Route, true).groups(&[group])
}

/// `route()`
fn route_call() -> Call {
    Call { name: ROUTE.to_owned(), arguments: Vec::new(), keys: Vec::new(), offset: 0 }
}

fn candidate(context: Otlp) -> Candidate<Otlp> {
    Candidate { context, functions: Functions::new(&context, Purpose::Route, true) }
}

fn bind(
    tree: &Statement,
    text: &str,
    candidate: &Candidate<Otlp>,
    needs_prefix: bool,
) -> Result<Rule, LoadError> {
    let Candidate { context, functions } = candidate;
    let compiler = Compiler { context, functions, needs_prefix };
    compiler.statement_of(tree, text)?;
    let condition = tree.condition.as_ref();
    let condition = condition.map(|tree| compiler.condition_of(tree, text)).transpose()?;
    Ok(Rule { context: *context, condition, edits: tree.editor.name != ROUTE })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(form: Form, text: &str, context: Option<Otlp>, expect: Result<(Otlp, bool), &str>) {
        match (rule(form, text, context), expect) {
            (Ok(rule), Ok((context, edits))) => {
                assert_eq!((rule.context, rule.edits), (context, edits), "{text}");
            }
            (Err(error), Err(part)) => {
                let error = error.to_string();
                assert!(error.contains(part), "{text}: {error}");
            }
            (Ok(_), Err(part)) => panic!("{text}: expected an error with {part}"),
            (Err(error), Ok(_)) => panic!("{text}: {error}"),
        }
    }

    #[test]
    fn the_context_is_named_or_inferred() {
        use Form::Condition;
        use Otlp::{DataPoint, Log, Metric, Resource, Span};
        for (text, context, expect) in [
            (r#"resource.attributes["env"] == "prod""#, None, Resource),
            (r#"attributes["env"] == "dev""#, None, Resource),
            (r#"log.body == "something""#, None, Log),
            (r#"attributes["level"] == "error""#, Some(Log), Log),
            (r#"span.name == "GET""#, None, Span),
            (r#"span.name == "GET" and resource.attributes["env"] == "a""#, None, Span),
            (r#"metric.name == "x""#, None, Metric),
            (r#"datapoint.attributes["host"] == "a""#, None, DataPoint),
            (r#"otelcol.client.metadata["X-Tenant"][0] == "acme""#, None, Resource),
            ("true", None, Resource),
        ] {
            check(Condition, text, context, Ok((expect, false)));
        }
    }

    #[test]
    fn statements_route_or_take_keys_out() {
        use Form::Statement;
        let tenant = r#"where attributes["X-Tenant"] == "acme""#;
        check(Statement, "route()", None, Ok((Otlp::Resource, false)));
        check(Statement, &format!("route() {tenant}"), Some(Otlp::Span), Ok((Otlp::Span, false)));
        for editor in
            [r#"delete_key(attributes, "X-Tenant")"#, r#"delete_matching_keys(attributes, "^X-")"#]
        {
            check(Statement, &format!("{editor} {tenant}"), None, Ok((Otlp::Resource, true)));
        }
        check(Statement, r#"set(attributes["a"], 1)"#, None, Err("set"));
        check(Statement, tenant, None, Err(""));
        check(Form::Condition, "span.nam == 1", None, Err("nam"));
        let signal = Signal::Traces;
        let text = r#"delete_key(attributes, "a") where name == "b""#;
        assert!(edit(signal, text, Otlp::Span, ErrorMode::Propagate).is_ok());
    }
}
