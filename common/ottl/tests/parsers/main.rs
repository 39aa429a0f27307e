//! The converters that read texts of others: no text panics, what comes out is bounded, and where somebody else reads
//! the same language, both agree.

mod oracles;
mod templates;

use std::time::{Duration, Instant};

use medulla_ottl::bound::VALUE_MAX_BYTES;
use medulla_ottl::contexts::Otlp;
use medulla_ottl::playground::{Problem, Setting, any_value};
use medulla_ottl::{Time, Value};
use otlp::Signal;
use proptest::prelude::*;
use templates::{TEMPLATES, expression, record};

/// The value of an expression over that record; why there is none.
fn value(text: &str, texts: [&str; 2]) -> Result<Value<'static>, String> {
    let setting = Setting {
        signal: Signal::Logs,
        context: Otlp::Log,
        lambdas: false,
        stops: false,
        now: Time::from_unix_nano(1_700_000_000_000_000_000),
    };
    match setting.values(text, &record(texts)) {
        Ok(mut values) => values.remove(0).map_err(|error| error.to_string()),
        Err(Problem::Load(_, error)) => Err(format!("{error} in {text}")),
        Err(Problem::Malformed) => panic!("the request is well formed"),
    }
}

#[test]
fn every_example_is_read() {
    let found = TEMPLATES.iter().filter_map(|(template, first, second)| {
        let texts = [*first, *second];
        value(&expression(template, texts), texts).err().map(|error| format!("{template}: {error}"))
    });
    let found: Vec<_> = found.collect();
    assert!(found.is_empty(), "{found:#?}");
}

/// Pieces of the languages that are read here.
const PIECES: &str = r#"[ -~]|\n|\t|\r|\x00|\x{e9}|\x{1f600}|\x{200b}|<[a/!?]|/>|-->|\]\]>|&#x?[0-9]{1,4};|&[a-z]{2,4};|\\u[dD][89a-f][0-9]{2}|%[a-zA-Z{]|[0-9]{1,25}|1e[0-9]{1,3}|\(\?[Pi:<]|\[\^?|\{[0-9],?"#;

/// An example with parts of it replaced by pieces, or pieces alone.
fn mutated() -> impl Strategy<Value = (usize, [String; 2])> {
    let pieces = || prop::collection::vec(PIECES, 0..6).prop_map(|pieces| pieces.concat());
    let cut = || (any::<prop::sample::Index>(), any::<prop::sample::Index>(), pieces());
    (
        0..TEMPLATES.len(),
        cut(),
        prop::option::weighted(0.3, cut()),
        prop::option::weighted(0.1, pieces()),
    )
        .prop_map(|(index, first, second, alone)| {
            let (_, text, other) = TEMPLATES[index];
            let mut texts = [splice(text, &first), other.to_owned()];
            if let Some(second) = second {
                texts[1] = splice(other, &second);
            }
            if let Some(alone) = alone {
                texts[0] = alone;
            }
            (index, texts)
        })
}

fn splice(
    text: &str,
    (from, to, put): &(prop::sample::Index, prop::sample::Index, String),
) -> String {
    let (from, to) = (from.index(text.len() + 1), to.index(text.len() + 1));
    let from = text.floor_char_boundary(from.min(to));
    let to = text.ceil_char_boundary((from + 8).min(to.max(from)));
    format!("{}{put}{}", &text[..from], &text[to..])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn no_text_panics_and_each_ends_soon((index, texts) in mutated()) {
        let texts = [texts[0].as_str(), texts[1].as_str()];
        let begin = Instant::now();
        if let Ok(value) = value(&expression(TEMPLATES[index].0, texts), texts)
            && let Ok(any) = value.into_any()
        {
            prop_assert!(any_value(&any.value()).to_string().len() < VALUE_MAX_BYTES);
        }
        prop_assert!(begin.elapsed() < Duration::from_secs(120), "{}", TEMPLATES[index].0);
    }
}
