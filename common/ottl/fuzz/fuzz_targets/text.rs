//! Any text as a statement, a condition and a value: no panic, an error points into the text, and what loads can be
//! explained.

#![no_main]

use libfuzzer_sys::fuzz_target;
use ottl::contexts::Otlp;
use ottl::{Compiler, Functions, LoadError, Purpose};

fuzz_target!(|bytes: &[u8]| {
    let Some((first, rest)) = bytes.split_first() else { return };
    let Ok(text) = std::str::from_utf8(rest) else { return };
    let context = Otlp::ALL[usize::from(*first) % Otlp::ALL.len()];
    let functions = Functions::new(&context, Purpose::Transform, first & 0x80 != 0);
    let compiler = Compiler { context: &context, functions: &functions, needs_prefix: false };
    let points = |error: LoadError| {
        assert!(error.offset <= text.len());
        error.position(text);
    };
    match compiler.statement(text) {
        Ok(plan) => drop(plan.to_string()),
        Err(error) => points(error),
    }
    match compiler.condition(text) {
        Ok(plan) => drop(plan.to_string()),
        Err(error) => points(error),
    }
    match compiler.expression(text) {
        Ok(plan) => drop(plan.to_string()),
        Err(error) => points(error),
    }
});
