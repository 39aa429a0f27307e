//! The converters of texts, called through their arguments.

use super::*;
use crate::function::Argument;

fn call(name: &str, given: Vec<Value<'static>>) -> Result<String, String> {
    let args = Args::new(given.into_iter().map(Argument::Value), None);
    let value = match ALL.iter().find(|definition| definition.name == name).unwrap().body {
        Body::Plain(body) => body(&args),
        Body::Prepared(prepare) => prepare(&args)?(&args),
        other => panic!("{other:?}"),
    };
    let value = value.map_err(|error| error.to_string())?;
    Ok(match value {
        Value::Str(text) => text.into_owned(),
        other => crate::json::like(&other).unwrap(),
    })
}

#[test]
fn parts_are_counted_in_bytes() {
    let sub = |text: &'static str, start, length, safe| {
        let given = [Value::text(text), Value::Int(start), Value::Int(length), Value::Bool(safe)];
        call("Substring", given.into())
    };
    assert_eq!(sub("abcdef", 1, 2, false).unwrap(), "bc");
    assert_eq!(sub("h\u{e9}llo", 0, 2, true).unwrap(), "h");
    assert_eq!(sub("h\u{e9}llo", 0, 2, false).unwrap(), "h\u{fffd}");
    assert_eq!(sub("h\u{e9}llo", 1, 1, true).unwrap(), "");
    for (start, length) in [(0, 7), (-1, 2), (2, 0), (6, 1), (i64::MAX, 1), (1, i64::MAX)] {
        assert!(sub("abcdef", start, length, true).is_err(), "{start} {length}");
    }
}

#[test]
fn texts_are_joined_split_and_trimmed() {
    let two = |name, left: &'static str, right: &'static str| {
        call(name, vec![Value::text(left), Value::text(right)]).unwrap()
    };
    assert_eq!(two("Split", ",a,", ","), r#"["","a",""]"#);
    assert_eq!(two("Split", "ab", ""), r#"["a","b"]"#);
    assert_eq!(two("Split", "", ","), r#"[""]"#);
    assert_eq!(two("Trim", "xxaxx", "x"), "a");
    assert_eq!(two("TrimPrefix", "aab", "a"), "ab");
    assert_eq!(two("TrimSuffix", "ab", "a"), "ab");
    assert_eq!(two("HasPrefix", "abc", "abcd"), "false");
    let items =
        vec![Value::Int(1), Value::Nil, Value::Bytes(vec![1, 255].into()), Value::text("x")];
    let joined = call("Concat", vec![Value::List(items), Value::text("-")]);
    assert_eq!(joined.unwrap(), "1-<nil>-01ff-x");
    assert!(call("Concat", vec![Value::text("abc"), Value::text("-")]).is_err());
    assert!(call("ConvertCase", vec![Value::text("a"), Value::text("kebab")]).is_err());
}
