//! Any text over any request, the two parted by a zero byte: no panic, and what runs leaves a request.

#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use otlp::Signal;
use ottl::Time;
use ottl::contexts::Request;
use ottl::program::{Entry, Group, Program, Runner, filter, transform};

fuzz_target!(|bytes: &[u8]| {
    let Some((first, rest)) = bytes.split_first() else { return };
    let end = rest.iter().position(|byte| *byte == 0).unwrap_or(rest.len());
    let Ok(text) = std::str::from_utf8(&rest[..end]) else { return };
    let body = Bytes::copy_from_slice(rest.get(end + 1..).unwrap_or(&[]));
    let signal = [Signal::Traces, Signal::Metrics, Signal::Logs][usize::from(first % 3)];
    if let Some(program) = program(signal, text)
        && let Ok(outcome) = program.run(
            &mut Runner::default(),
            &body,
            &Request::default(),
            &Time::from_unix_nano(1_700_000_000_000_000_000),
        )
    {
        assert!(otlp::check(signal, &outcome.body).is_ok());
        assert!(outcome.is_changed || outcome.body == body);
    }
});

fn program(signal: Signal, text: &str) -> Option<Program> {
    let texts = vec![text.to_owned()];
    let group = Group { statements: texts.clone(), ..Group::default() };
    let entry = Entry { conditions: texts, ..Entry::default() };
    transform(signal, &[group], true).or_else(|_| filter(signal, &[entry], true)).ok()
}
