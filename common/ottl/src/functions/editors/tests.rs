//! The bodies of editors over a target that counts its writes.

use super::*;
use crate::function::Argument;
use crate::value::{Any, Map};

struct Place {
    value: Value<'static>,
    writes: usize,
}

impl<'a> Target<'a> for Place {
    fn get(&self) -> Result<Value<'a>, RunError> {
        Ok(self.value.clone().into_owned())
    }

    fn set(&mut self, value: &Value<'_>) -> Result<(), RunError> {
        self.value = value.clone().into_owned();
        self.writes += 1;
        Ok(())
    }
}

/// Runs an editor with constant arguments. Gives the value after it and how often it was written.
fn run(
    name: &str,
    value: Value<'static>,
    given: Vec<Value<'static>>,
) -> Result<(String, usize), String> {
    let args = Args::new(given.into_iter().map(Argument::Value), None);
    let mut place = Place { value, writes: 0 };
    let done = match ALL.iter().find(|definition| definition.name == name).unwrap().body {
        Body::Editor(edit) => edit(&mut place, &args),
        Body::PreparedEditor(prepare) => prepare(&args)?(&mut place, &args),
        other => panic!("{other:?}"),
    };
    done.map_err(|error| error.to_string())?;
    Ok((crate::json::like(&place.value).unwrap(), place.writes))
}

fn map() -> Value<'static> {
    let list = Any::Slice(vec![Any::Int(1), Any::from("two")]);
    let entries = [("str", Any::from("hello world")), ("int", Any::Int(42)), ("arr", list)];
    Value::map(entries.into_iter().collect())
}

fn check(name: &str, given: Vec<Value<'static>>, expect: &str) {
    assert_eq!(run(name, map(), given).unwrap().0, expect, "{name}");
}

#[test]
fn editors_of_keys() {
    let text = |text: &'static str| vec![Value::text(text)];
    check("delete_key", text("arr"), r#"{"int":42,"str":"hello world"}"#);
    check("delete_matching_keys", text("^a|t$"), r#"{"str":"hello world"}"#);
    check("keep_matching_keys", text("^i"), r#"{"int":42}"#);
    check("keep_keys", vec![Value::texts(["int", "zz"])], r#"{"int":42}"#);
    let limit = |keys: Vec<&'static str>| vec![Value::Int(2), Value::texts(keys)];
    check("limit", limit(vec!["arr"]), r#"{"arr":[1,"two"],"str":"hello world"}"#);
    assert!(run("limit", map(), vec![Value::Int(0), Value::texts(["a"])]).is_err());
}

#[test]
fn nothing_is_written_where_nothing_changes() {
    let text = |text: &'static str| Value::text(text);
    for (name, given) in [
        ("delete_key", vec![text("zz")]),
        ("delete_matching_keys", vec![text("z")]),
        ("keep_matching_keys", vec![text("")]),
        ("keep_keys", vec![Value::texts(["str", "int", "arr"])]),
        ("limit", vec![Value::Int(3), Value::texts(["str"])]),
        ("merge_maps", vec![map(), text("upsert")]),
        ("replace_all_matches", vec![text("z*"), text("r")]),
        ("replace_all_patterns", vec![text("key"), text("z"), text("r")]),
        ("replace_all_patterns", vec![text("value"), text("z"), text("r")]),
        ("truncate_all", vec![Value::Int(11)]),
    ] {
        assert_eq!(run(name, map(), given).unwrap().1, 0, "{name}");
    }
}

#[test]
fn texts_are_replaced_and_cut() {
    let text = |text: &'static str| Value::text(text);
    check("truncate_all", vec![Value::Int(4)], r#"{"arr":[1,"two"],"int":42,"str":"hell"}"#);
    check("stringify_all", vec![], r#"{"arr":"[1,\"two\"]","int":"42","str":"hello world"}"#);
    let key = vec![text("key"), text("^(.).*"), text("$1")];
    check("replace_all_patterns", key, r#"{"a":[1,"two"],"i":42,"s":"hello world"}"#);
    let one = |pattern, replacement| {
        run("replace_pattern", text("hello"), vec![text(pattern), text(replacement)]).unwrap().0
    };
    assert_eq!(one("l+", "<$0>"), r#""he\u003cll\u003eo""#);
    assert_eq!(one("", "-"), r#""-h-e-l-l-o-""#);
    let whole = run("replace_match", text("hello"), vec![text("h?llo"), text("$0")]);
    assert_eq!(whole.unwrap().0, r#""$0""#);
}

#[test]
fn nested_maps_are_flattened() {
    let inner: Map = [("b", Any::Slice(vec![Any::Int(1), Any::Int(2)]))].into_iter().collect();
    let nested: Map = [("a", Any::Map(inner)), ("a.b.0", Any::Int(9))].into_iter().collect();
    let flat = |given| run("flatten", Value::map(nested.clone()), given).unwrap().0;
    assert_eq!(flat(vec![]), r#"{"a.b.0":9,"a.b.1":2}"#);
    assert_eq!(flat(vec![Value::text("p"), Value::Int(1)]), r#"{"p.a.b":[1,2],"p.a.b.0":9}"#);
    let resolved = flat(vec![Value::text(""), Value::Int(9), Value::Bool(true)]);
    assert_eq!(resolved, r#"{"a.b":1,"a.b.0":2,"a.b.0.0":9}"#);
    assert!(run("flatten", map(), vec![Value::text(""), Value::Int(0)]).is_err());
}

#[test]
fn lists_grow_and_shrink() {
    let list = || Value::slice(vec![Any::Int(1), Any::Int(2), Any::Int(3)]);
    let delete = |start, end| run("delete_index", list(), vec![Value::Int(start), Value::Int(end)]);
    assert_eq!(delete(0, 2).unwrap(), ("[3]".to_owned(), 1));
    assert_eq!(delete(1, 1).unwrap(), ("[1,2,3]".to_owned(), 0));
    for (start, end) in [(3, 3), (-1, 1), (2, 1), (0, 4), (0, i64::MAX)] {
        assert!(delete(start, end).is_err(), "{start} {end}");
    }
    let appended = run("append", Value::text("a"), vec![Value::Int(1)]).unwrap().0;
    assert_eq!(appended, r#"["a",1]"#);
    assert!(run("append", map(), vec![Value::Int(1)]).is_err());
    assert!(run("append", list(), vec![map()]).is_err());
}
