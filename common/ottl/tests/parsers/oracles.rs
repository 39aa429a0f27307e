//! Others who read the same languages, and ways there and back.

use std::collections::BTreeMap;

use medulla_ottl::value::Any;
use proptest::prelude::*;
use serde_json::Value as Json;

use super::value;

/// A text that a converter reads, as JSON; nothing where it refuses.
fn read(expression: &str, text: &str) -> Option<Json> {
    value(expression, [text, ""])
        .ok()
        .map(|value| json(&value.into_any().expect("a value of OTLP")))
}

fn json(any: &Any) -> Json {
    match any {
        Any::Empty => Json::Null,
        Any::Str(text) => text.as_str().into(),
        Any::Bool(value) => (*value).into(),
        Any::Int(value) => (*value).into(),
        Any::Double(value) => (*value).into(),
        Any::Bytes(bytes) => bytes.clone().into(),
        Any::Slice(items) => items.iter().map(json).collect(),
        Any::Map(map) => {
            map.entries.iter().map(|(key, value)| (key.clone(), json(value))).collect()
        }
    }
}

/// JSON of which every number is a double.
fn tree() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i32>().prop_map(|number| Json::from(f64::from(number))),
        (-1e300..1e300).prop_map(Json::from),
        "\\PC{0,6}".prop_map(Json::from),
    ];
    leaf.prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Json::from),
            prop::collection::btree_map("\\PC{0,4}", inner, 0..5).prop_map(Json::from_iter),
        ]
    })
}

#[derive(Clone, Debug)]
struct Element {
    name: String,
    attributes: BTreeMap<String, String>,
    text: String,
    children: Vec<Element>,
}

fn element() -> impl Strategy<Value = Element> {
    let head = (
        "[a-z][a-z0-9_.-]{0,4}",
        prop::collection::btree_map("[a-z]{1,3}", "\\PC{0,5}", 0..3),
        "\\PC{0,6}",
    );
    let leaf = head.clone().prop_map(|(name, attributes, text)| Element {
        name,
        attributes,
        text,
        children: Vec::new(),
    });
    leaf.prop_recursive(4, 16, 4, move |inner| {
        (head.clone(), prop::collection::vec(inner, 0..4)).prop_map(
            |((name, attributes, text), children)| Element { name, attributes, text, children },
        )
    })
}

impl Element {
    fn written(&self) -> String {
        let escaped = |text: &str| quick_xml::escape::escape(text).into_owned();
        let attributes: String = self
            .attributes
            .iter()
            .map(|(name, value)| format!(" {name}=\"{}\"", escaped(value)))
            .collect();
        let children: String = self.children.iter().map(Self::written).collect();
        format!("<{0}{attributes}>{1}{children}</{0}>", self.name, escaped(&self.text))
    }

    fn expected(&self) -> Json {
        let mut map = serde_json::Map::new();
        map.insert("tag".into(), self.name.as_str().into());
        if !self.attributes.is_empty() {
            map.insert(
                "attributes".into(),
                self.attributes
                    .iter()
                    .map(|(name, value)| (name.clone(), Json::from(value.as_str())))
                    .collect(),
            );
        }
        if !self.text.trim().is_empty() {
            map.insert("content".into(), self.text.trim().into());
        }
        if !self.children.is_empty() {
            map.insert("children".into(), self.children.iter().map(Self::expected).collect());
        }
        map.into()
    }
}

/// Whether quick-xml reads it to the end.
fn is_xml_to_others(text: &str) -> bool {
    let mut reader = quick_xml::Reader::from_str(text);
    reader.config_mut().check_end_names = true;
    let mut depth = 0i32;
    loop {
        match reader.read_event() {
            Ok(quick_xml::events::Event::Eof) => return depth == 0,
            Ok(quick_xml::events::Event::Start(start)) => {
                depth += 1;
                if start.attributes().any(|attribute| attribute.is_err()) {
                    return false;
                }
            }
            Ok(quick_xml::events::Event::End(_)) => depth -= 1,
            Ok(_) => {}
            Err(_) => return false,
        }
    }
}

/// `*` and `?` by trying.
fn globs(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern.first(), text.first()) {
        (None, None) => true,
        (Some(b'*'), _) => {
            globs(&pattern[1..], text) || !text.is_empty() && globs(pattern, &text[1..])
        }
        (Some(b'?'), Some(_)) => globs(&pattern[1..], &text[1..]),
        (Some(left), Some(right)) if left == right => globs(&pattern[1..], &text[1..]),
        _ => false,
    }
}

fn digits(number: i64, base: u32) -> String {
    let mut left = number.unsigned_abs();
    let mut out = Vec::new();
    loop {
        out.push(char::from_digit((left % u64::from(base)) as u32, base).expect("a digit"));
        left /= u64::from(base);
        if left == 0 {
            break;
        }
    }
    let sign = if number < 0 { "-" } else { "" };
    format!("{sign}{}", out.iter().rev().collect::<String>())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn json_is_read_as_serde_writes_it(tree in tree(), pretty in any::<bool>()) {
        let text = if pretty { serde_json::to_string_pretty(&tree) } else { serde_json::to_string(&tree) };
        let text = text.expect("it is JSON");
        let expect = Some(tree).filter(|tree| tree.is_object() || tree.is_array());
        prop_assert_eq!(read("ParseJSON(body)", &text), expect, "{}", text);
    }

    /// What is no JSON to serde is none here, and the other way round.
    #[test]
    fn json_is_refused_as_by_serde(text in r#"[\[{]([\[\]{}:, ]|"[a-z\\"]{0,3}"|-?[0-9]{1,3}|[0-9][.e][0-9]?|true|false|null|nul){0,9}[\]}]"#) {
        let ours = read("ParseJSON(body)", &text);
        let theirs: Option<Json> = serde_json::from_str(&text).ok();
        prop_assert_eq!(ours.is_some(), theirs.is_some(), "{}", text);
    }

    #[test]
    fn csv_is_read_as_the_crate_writes_it(fields in prop::collection::vec("[a-z\", ;\n\u{e9}]{0,6}", 1..6)) {
        let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::Any(b'\n')).from_writer(Vec::new());
        writer.write_record(&fields).expect("fields can be written");
        let text = String::from_utf8(writer.into_inner().expect("it is in memory")).expect("it is text");
        let names: Vec<String> = (0..fields.len()).map(|index| format!("f{index}")).collect();
        let expect: Json = names.iter().cloned().zip(fields.iter().map(|field| Json::from(field.as_str()))).collect();
        let found = value("ParseCSV(body, attributes[\"1\"])", [&text, &names.join(",")]);
        let found = found.map(|value| json(&value.into_any().expect("a map")));
        prop_assert_eq!(found, Ok(expect), "{:?}", text);
    }

    #[test]
    fn xml_is_read_as_it_was_written(root in element()) {
        let text = root.written();
        prop_assert!(is_xml_to_others(&text));
        prop_assert_eq!(read("ParseXML(body)", &text), Some(root.expected()), "{}", text);
    }

    /// What is read here is well-formed to quick-xml, too.
    #[test]
    fn no_xml_is_read_that_others_refuse(text in r#"(<a>|</a>|<b c="d">|</b>|<e/>|<e f='g'/>|</?[ab] |"|=|x|&lt;|&|<!-- x -->|<!\[CDATA\[y\]\]>|<\?p q\?>|[<>]){0,8}"#) {
        if read("ParseXML(body)", &text).is_some() {
            prop_assert!(is_xml_to_others(&text), "{}", text);
        }
    }

    /// XML that is written again is the same document.
    #[test]
    fn xml_survives_being_written(root in element()) {
        let text = root.written();
        let again = read(r#"RemoveXML(body, "//none")"#, &text).expect("it is XML");
        let again = again.as_str().expect("a text").to_owned();
        prop_assert_eq!(read("ParseXML(body)", &again), Some(root.expected()), "{}", again);
    }

    #[test]
    fn pairs_come_back(map in prop::collection::btree_map("[a-z]{1,5}", "[a-z0-9.,: ]{1,8}", 1..5)) {
        let map: BTreeMap<String, String> = map.into_iter().map(|(key, text)| (key, text.trim().to_owned())).filter(|(_, text)| !text.is_empty()).collect();
        prop_assume!(!map.is_empty());
        let literal: Vec<String> = map.iter().map(|(key, text)| format!("{key:?}: {text:?}")).collect();
        let there = format!("ParseKeyValue(ToKeyValueString({{{}}}))", literal.join(", "));
        let expect: Json = map.into_iter().map(|(key, text)| (key, Json::from(text))).collect();
        prop_assert_eq!(read(&there, ""), Some(expect));
    }

    #[test]
    fn whole_numbers_of_any_base(number in any::<i64>(), base in 2u32..=36) {
        let text = digits(number, base);
        prop_assert_eq!(read(&format!("ParseInt(body, {base})"), &text), Some(number.into()), "{}", text);
    }

    #[test]
    fn durations_add_up(hours in 0i64..1000, minutes in 0i64..100, seconds in 0i64..100, millis in 0i64..2000) {
        let text = format!("{hours}h{minutes}m{seconds}s{millis}ms");
        let expect = ((hours * 60 + minutes) * 60 + seconds) * 1_000_000_000 + millis * 1_000_000;
        prop_assert_eq!(read("Nanoseconds(Duration(body))", &text), Some(expect.into()));
    }

    #[test]
    fn times_are_told_and_read_as_jiff_does(seconds in -2_000_000_000i64..4_000_000_000, format in prop::sample::select(vec![
        "%Y-%m-%dT%H:%M:%SZ", "%d %b %Y %H:%M:%S", "%A, %d %B %Y %I:%M:%S %p", "%y%m%d%H%M%S", "%m/%d/%Y %T", "%F %R:%S",
    ])) {
        let time = jiff::Timestamp::from_second(seconds).expect("an instant").to_zoned(jiff::tz::TimeZone::UTC);
        let text = time.strftime(format).to_string();
        prop_assert_eq!(read(&format!("FormatTime(Unix({seconds}), \"{format}\")").replace("(-", "(0 - "), ""), Some(text.as_str().into()));
        if !format.contains("%y") {
            let there = format!("UnixSeconds(Time(body, \"{format}\", \"UTC\"))");
            prop_assert_eq!(read(&there, &text), Some(seconds.into()), "{} {}", text, format);
        }
    }

    #[test]
    fn encodings_come_back(text in "\\PC{0,20}", name in prop::sample::select(vec!["base64", "base64-raw", "base64-url", "base64-raw-url"])) {
        let there = format!("Decode(Base64Encode(body, \"{name}\"), \"{name}\")");
        prop_assert_eq!(read(&there, &text), Some(text.as_str().into()));
        let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
        prop_assert_eq!(read("Hex(body)", &text), Some(hex.into()));
        prop_assert_eq!(read("Concat(Split(body, \"\"), \"\")", &text), Some(text.into()));
    }

    #[test]
    fn globs_match_as_by_trying(pattern in "[ab*?]{0,7}", text in "[ab]{0,7}") {
        let regex = medulla_ottl::glob::compile(&pattern).expect("a glob");
        prop_assert_eq!(regex.is_match(&text), globs(pattern.as_bytes(), text.as_bytes()), "{} {}", pattern, text);
    }

    /// Patterns that mean the same in both dialects.
    #[test]
    fn patterns_match_as_in_the_engine(pattern in r"([ab.]|a[*+?]|\(a\|b\)|\[ab\]|\[\^a\]|b\{1,2\}|\^|\$){0,6}", text in "[abc]{0,8}") {
        let theirs = regex::Regex::new(&pattern).expect("a pattern");
        let found = value("IsMatch(body, attributes[\"1\"])", [&text, &pattern]).expect("it is compiled");
        prop_assert_eq!(json(&found.into_any().expect("a bool")), Json::from(theirs.is_match(&text)), "{} {}", pattern, text);
    }
}
