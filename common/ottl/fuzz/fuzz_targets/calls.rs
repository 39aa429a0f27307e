//! Any two texts, parted by a zero byte, through each converter that reads a text: no panic, and a bounded value.

#![no_main]

#[path = "../../tests/parsers/templates.rs"]
mod templates;

use libfuzzer_sys::fuzz_target;
use otlp::Signal;
use ottl::Time;
use ottl::bound::VALUE_MAX_BYTES;
use ottl::contexts::Otlp;
use ottl::playground::{Setting, any_value};
use templates::{TEMPLATES, expression, record};

fuzz_target!(|bytes: &[u8]| {
    let Some((first, rest)) = bytes.split_first() else { return };
    let Ok(rest) = std::str::from_utf8(rest) else { return };
    let (text, other) = rest.split_once('\0').unwrap_or((rest, ""));
    let (template, ..) = TEMPLATES[usize::from(*first) % TEMPLATES.len()];
    let setting = Setting {
        signal: Signal::Logs,
        context: Otlp::Log,
        lambdas: false,
        stops: false,
        now: Time::from_unix_nano(1_700_000_000_000_000_000),
    };
    let Ok(values) = setting.values(&expression(template, [text, other]), &record([text, other]))
    else {
        return;
    };
    for value in values.into_iter().flatten() {
        if let Ok(any) = value.into_any() {
            assert!(any_value(&any.value()).to_string().len() <= 8 * VALUE_MAX_BYTES);
        }
    }
});
