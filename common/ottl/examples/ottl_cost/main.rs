//! What statements cost next to the same work written by hand on the same views, and what the views cost next to
//! decoding; `cargo xtask bench` runs it.
//!
//! One JSON object per line on stdout, as `xtask bench` reads it; an argument picks the rows whose name contains
//! it. Both sides of a ratio run in turns in one process with one allocator, and the best of many rounds counts.

#![forbid(unsafe_code)]

mod daily;
mod decoded;
mod hand;
mod request;

use std::hint::black_box;
use std::time::Instant;

use bytes::Bytes;
use medulla_ottl::contexts::Request;
use medulla_ottl::program::{Entry, ErrorMode, Group, Runner, filter, transform};
use medulla_ottl::{Program, Time};
use otlp::edit::fields;
use otlp::{Malformed, Signal};

use hand::Hand;
use request::{RARE, SPANS};

/// OTLP: the field of a span's name, of its attributes, and of a resource's.
const SPAN_NAME: u32 = 5;
const SPAN_ATTRIBUTES: u32 = 9;
const RESOURCE_ATTRIBUTES: u32 = 1;
const TURNS: usize = 20;
const ROUNDS: usize = 20;
/// Each statement costs at most this many times the hand-written loop.
const AT_MOST: f64 = 2.0;
/// And views are at least this many times faster than decoding: filtering, and changing a tenth that is
/// selected by a field or by an attribute.
const FILTER_AT_LEAST: f64 = 20.0;
const BY_FIELD_AT_LEAST: f64 = 25.0;
const BY_ATTRIBUTE_AT_LEAST: f64 = 15.0;
const METHOD: &str = "http.request.method";

fn main() {
    let bench =
        Bench { body: request::request(), only: std::env::args().nth(1).unwrap_or_default() };
    bench.dropping();
    bench.setting();
    bench.removing();
    bench.selecting();
    bench.splicing();
    bench.dropping_and_setting();
    bench.looking_often();
    daily::measure(&bench.only);
}

struct Bench {
    body: Bytes,
    only: String,
}

impl Bench {
    fn dropping(&self) {
        let drops = has_method("DELETE");
        let mut by_hand = Hand::dropping(&drops);
        let program = dropping(r#"span.attributes["http.request.method"] == "DELETE""#);
        self.compare("ottl filter", &program, &mut by_hand);
        let theirs = || decoded::without(&self.body, "DELETE");
        self.against_prost("views filter", FILTER_AT_LEAST, &mut by_hand, theirs);
    }

    fn setting(&self) {
        let any = any_text("prod");
        let set = |span: &[u8], out: &mut Vec<u8>| {
            fields::put_attribute(span, SPAN_ATTRIBUTES, b"env", &any, out).map(|()| true)
        };
        let program = editing(r#"set(span.attributes["env"], "prod")"#);
        self.compare("ottl set", &program, &mut Hand::editing(&set));
    }

    fn removing(&self) {
        let delete = |span: &[u8], out: &mut Vec<u8>| {
            fields::remove_attribute(span, SPAN_ATTRIBUTES, b"enduser.id", out)
        };
        let program = editing(r#"delete_key(span.attributes, "enduser.id")"#);
        self.compare("ottl delete_key", &program, &mut Hand::editing(&delete));
        let keep = |span: &[u8], out: &mut Vec<u8>| {
            let keeps = |key: &[u8]| Ok(key == METHOD.as_bytes() || key == b"url.path");
            fields::retain_attributes(span, SPAN_ATTRIBUTES, keeps, out)
        };
        let program = editing(r#"keep_keys(span.attributes, ["http.request.method", "url.path"])"#);
        self.compare("ottl keep_keys", &program, &mut Hand::editing(&keep));
    }

    fn selecting(&self) {
        let of_shop = |resource: &[u8]| {
            let resource = fields::nested(resource, RESOURCE_ATTRIBUTES)?.unwrap_or_default();
            let found = fields::attribute(&resource, RESOURCE_ATTRIBUTES, b"service.name")?;
            Ok(found.is_some_and(|any| is_text(&any, b"shop-1")))
        };
        let program = dropping(r#"resource.attributes["service.name"] == "shop-1""#);
        self.compare("ottl select by resource", &program, &mut Hand::selecting(&of_shop));
    }

    /// A tenth of the spans gets an attribute.
    fn splicing(&self) {
        let any = any_text("gold");
        let put = |span: &[u8], out: &mut Vec<u8>| {
            fields::put_attribute(span, SPAN_ATTRIBUTES, b"tier", &any, out).map(|()| true)
        };
        let by_field = |span: &[u8], out: &mut Vec<u8>| {
            let name = fields::last(span, SPAN_NAME)?.map_or(Ok(&[][..]), fields::bytes)?;
            if name == RARE.as_bytes() { put(span, out) } else { Ok(false) }
        };
        let mut by_hand = Hand::editing(&by_field);
        let text = format!(r#"set(span.attributes["tier"], "gold") where span.name == "{RARE}""#);
        self.compare("ottl set a tenth by field", &editing(&text), &mut by_hand);
        let theirs = || decoded::marked(&self.body, |span| span.name == RARE);
        let name = "views splice a tenth by field";
        self.against_prost(name, BY_FIELD_AT_LEAST, &mut by_hand, theirs);

        let is_rare = has_method("PATCH");
        let by_attribute = |span: &[u8], out: &mut Vec<u8>| {
            if is_rare(span)? { put(span, out) } else { Ok(false) }
        };
        let mut by_hand = Hand::editing(&by_attribute);
        let text = format!(
            r#"set(span.attributes["tier"], "gold") where span.attributes["{METHOD}"] == "PATCH""#
        );
        self.compare("ottl set a tenth by attribute", &editing(&text), &mut by_hand);
        let theirs = || decoded::marked(&self.body, |span| decoded::has_method(span, "PATCH"));
        let name = "views splice a tenth by attribute";
        self.against_prost(name, BY_ATTRIBUTE_AT_LEAST, &mut by_hand, theirs);
    }

    /// What the end-to-end comparison does: one span in twenty goes, half of the others get an attribute.
    fn dropping_and_setting(&self) {
        let any = any_text("yes");
        let drops = has_method("DELETE");
        let mark = |span: &[u8], out: &mut Vec<u8>| {
            let guest =
                fields::attribute(span, SPAN_ATTRIBUTES, b"cart.guest")?.unwrap_or_default();
            if fields::last(&guest, 2)? != Some(otlp::wire::Value::Varint(1)) {
                return Ok(false);
            }
            fields::put_attribute(span, SPAN_ATTRIBUTES, b"guest", &any, out).map(|()| true)
        };
        let condition = r#"span.attributes["http.request.method"] == "DELETE""#;
        let statement =
            r#"set(span.attributes["guest"], "yes") where span.attributes["cart.guest"] == true"#;
        let program = dropping(condition).then(editing(statement));
        let mut by_hand = Hand::dropping_and_editing(&drops, &mark);
        self.compare("ottl filter and set", &program, &mut by_hand);
    }

    /// Eight conditions on attributes, none of which holds.
    fn looking_often(&self) {
        const KEYS: [&str; 8] = [
            "client.address",
            METHOD,
            "url.path",
            "enduser.id",
            "http.response.status_code",
            "cart.total",
            "db.system",
            "error.type",
        ];
        let text = |key: &str| format!(r#"span.attributes["{key}"] == "no such""#);
        let entry = Entry { conditions: KEYS.map(text).to_vec(), ..Entry::default() };
        let program = filter(Signal::Traces, &[entry], false).expect("it loads");
        let drops = |span: &[u8]| {
            for key in KEYS {
                let found = fields::attribute(span, SPAN_ATTRIBUTES, key.as_bytes())?;
                if found.is_some_and(|any| is_text(&any, b"no such")) {
                    return Ok(true);
                }
            }
            Ok(false)
        };
        self.compare("ottl eight conditions", &program, &mut Hand::dropping(&drops));
    }

    /// The program's time over that of the loop.
    fn compare(&self, name: &str, program: &Program, hand: &mut Hand<'_>) {
        if !name.contains(&self.only) {
            return;
        }
        let (mut runner, request) = (Runner::default(), Request::default());
        let now = Time::from_unix_nano(1_700_000_000_000_000_000);
        let mut ours = || {
            let outcome = program.run(&mut runner, &self.body, &request, &now).expect("it runs");
            outcome.body
        };
        assert_eq!(ours(), hand.run(&self.body), "{name}: both do the same");
        let (compiled, written) = in_turns(ours, || hand.run(&self.body));
        let ratio = compiled / written;
        row(&format!("{name} against a hand-written loop"), ratio, "times", Bound::AtMost(AT_MOST));
        let per_span = (1e9 * compiled / SPANS as f64).round();
        row(&format!("{name} per span"), per_span, "ns", Bound::None);
    }

    /// The time of decoding and encoding over that of the loop.
    fn against_prost(
        &self,
        name: &str,
        at_least: f64,
        hand: &mut Hand<'_>,
        theirs: impl Fn() -> Bytes,
    ) {
        if !name.contains(&self.only) {
            return;
        }
        assert_eq!(theirs(), hand.run(&self.body), "{name}: both do the same");
        let (decoded, viewed) = in_turns(theirs, || hand.run(&self.body));
        let name = format!("{name} against prost");
        row(&name, decoded / viewed, "times faster", Bound::AtLeast(at_least));
    }
}

/// The best time of either. Each has the allocator for itself for a while: what the other frees would
/// else be given back to the system, and its pages paid for anew.
fn in_turns(mut one: impl FnMut() -> Bytes, mut other: impl FnMut() -> Bytes) -> (f64, f64) {
    let mut best = (f64::MAX, f64::MAX);
    for _ in 0..TURNS {
        for _ in 0..ROUNDS {
            best.0 = best.0.min(time(|| drop(black_box(one()))));
        }
        for _ in 0..ROUNDS {
            best.1 = best.1.min(time(|| drop(black_box(other()))));
        }
    }
    best
}

fn time(work: impl FnOnce()) -> f64 {
    let start = Instant::now();
    work();
    start.elapsed().as_secs_f64()
}

/// A goal.
enum Bound {
    None,
    AtLeast(f64),
    AtMost(f64),
}

fn row(name: &str, value: f64, unit: &str, goal: Bound) {
    let mut line = serde_json::json!({ "name": name, "value": value, "unit": unit });
    match goal {
        Bound::None => {}
        Bound::AtLeast(bound) => line["at_least"] = bound.into(),
        Bound::AtMost(bound) => line["at_most"] = bound.into(),
    }
    println!("{line}");
}

/// Whether a span is of that method.
fn has_method(wanted: &'static str) -> impl Fn(&[u8]) -> Result<bool, Malformed> {
    move |span| {
        let found = fields::attribute(span, SPAN_ATTRIBUTES, METHOD.as_bytes())?;
        Ok(found.is_some_and(|any| is_text(&any, wanted.as_bytes())))
    }
}

fn is_text(any: &[u8], wanted: &[u8]) -> bool {
    let value = fields::last(any, 1).ok().flatten();
    value.is_some_and(|value| fields::bytes(value).is_ok_and(|text| text == wanted))
}

fn any_text(text: &str) -> Vec<u8> {
    let mut any = Vec::new();
    otlp::wire::put_bytes(&mut any, 1, text.as_bytes());
    any
}

fn editing(text: &str) -> Program {
    let statements = vec![text.to_owned()];
    let group = Group { statements, error_mode: ErrorMode::Propagate, ..Group::default() };
    transform(Signal::Traces, &[group], false).expect("it loads")
}

fn dropping(text: &str) -> Program {
    let entry = Entry { conditions: vec![text.to_owned()], ..Entry::default() };
    filter(Signal::Traces, &[entry], false).expect("it loads")
}
