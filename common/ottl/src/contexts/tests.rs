//! Paths read and set on records written by hand; the vectors of the reference run in `tests/`.

use bumpalo::Bump;
use otlp::edit::At;
use otlp::wire::{put_bytes, put_fixed64};

use super::*;
use crate::{Class, Compiler, Frame, Functions, LoadError};

/// Runs statements over a record and gives the value of an expression over the result.
fn run(context: Otlp, message: &[u8], statements: &[&str], value: &str) -> Result<String, String> {
    let functions = Functions::new(&context, Purpose::Transform, false);
    let compiler = Compiler { context: &context, functions: &functions, needs_prefix: false };
    let text = |error: LoadError| error.to_string();
    let statements =
        statements.iter().map(|it| compiler.statement(it)).collect::<Result<Vec<_>, _>>();
    let statements = statements.map_err(text)?;
    let value = compiler.expression(value).map_err(text)?;
    let (arena, request) = (Bump::new(), Request::default());
    let mut scratch = Scratch::default();
    let at = At::alone(context.level(), message);
    let record = Record::new(&at, &request, &mut scratch);
    let mut frame = Frame::new(record, &arena, None);
    for statement in &statements {
        statement.run(&mut frame).map_err(|error| error.to_string())?;
    }
    value.value(&frame).map(|value| format!("{value:?}")).map_err(|error| error.to_string())
}

fn log() -> Vec<u8> {
    let mut log = Vec::new();
    put_fixed64(&mut log, 1, 7);
    for (key, text) in [("a", "1"), ("b", "2"), ("a", "3")] {
        let mut any = Vec::new();
        put_bytes(&mut any, 1, text.as_bytes());
        otlp::edit::fields::put_entry(&mut log, 6, key.as_bytes(), &any);
    }
    log
}

#[test]
fn the_first_of_repeated_keys_is_meant() {
    let check = |statements: &[&str], value: &str, expect: &str| {
        assert_eq!(run(Otlp::Log, &log(), statements, value), Ok(expect.into()), "{statements:?}");
    };
    check(&[], r#"attributes["a"]"#, r#"Str("1")"#);
    check(&[], r#"log.attributes["none"]["x"]"#, "Nil");
    check(&[], "time_unix_nano", "Int(7)");
    check(&[], "severity_text", r#"Str("")"#);
}

#[test]
fn what_a_record_of_a_kind_does_not_have_is_refused_at_load() {
    let check = |text: &str, class: Class| {
        let context = Otlp::Log;
        let functions = Functions::new(&context, Purpose::Filter, false);
        let compiler = Compiler { context: &context, functions: &functions, needs_prefix: false };
        let error = compiler.condition(text).err().expect(text);
        assert_eq!(error.class, class, "{text}: {error}");
    };
    check("nope == nil", Class::UnknownPath);
    check("span.name == nil", Class::UnknownPath);
    check("severity_text[0] == nil", Class::UnknownPath);
    check("attributes[\"a\"].b == nil", Class::UnknownPath);
    check("severity_number == SPAN_KIND_SERVER", Class::UnknownEnum);
    check("otelcol == nil", Class::UnknownPath);
}

#[test]
fn symbols_have_the_numbers_of_the_collector() {
    let check = |context: Otlp, symbol, number| assert_eq!(context.symbol(symbol), number);
    check(Otlp::Log, "SEVERITY_NUMBER_FATAL4", Some(24));
    check(Otlp::Log, "SEVERITY_NUMBER_INFO1", None);
    check(Otlp::Log, "SEVERITY_NUMBER_", None);
    check(Otlp::Metric, "METRIC_DATA_TYPE_SUMMARY", Some(5));
    check(Otlp::Metric, "FLAG_NONE", None);
    check(Otlp::DataPoint, "FLAG_NO_RECORDED_VALUE", Some(1));
    check(Otlp::SpanEvent, "STATUS_CODE_ERROR", Some(2));
}

/// What is not known has a hint, and a place.
#[test]
fn unknown_names_have_hints() {
    for (text, part) in [
        ("resource.attributes.service.name == 1", r#"write resource.attributes["service.name"]"#),
        ("attributes.x == 1", r#"write attributes["x"]"#),
        ("attributes[\"a\"].b == 1", r#"write attributes["a"]["b"]"#),
        ("log.cache.x == 1", r#"write log.cache["x"]"#),
        ("atributes[\"x\"] == 1", "did you mean attributes"),
        ("severity == 1", "did you mean severity_"),
        ("span.name == 1", "log, scope, resource"),
        ("body == null", "write `nil`"),
        ("severity_number == WARN", "did you mean SEVERITY_NUMBER_WARN"),
        ("severity_number == INF0", "no enum symbol INF0"),
        ("body == SHA256", "SHA256(...)"),
        ("Ismatch(body, \"x\")", "did you mean IsMatch"),
        ("IsMatch(body, patern=\"x\")", "it has target, pattern"),
        ("resource.cache[\"x\"] == 1", "only log.cache"),
    ] {
        let functions = Functions::new(&Otlp::Log, Purpose::Filter, false);
        let compiler = Compiler { context: &Otlp::Log, functions: &functions, needs_prefix: false };
        let error = compiler.condition(text).err().expect("nothing of that name");
        assert!(error.message.contains(part), "{text}: {error}");
    }
}
