//! What the grammar accepts, and where it says no.

use proptest::prelude::*;

use super::{condition, statement, value};

#[test]
fn the_language_is_accepted() {
    for text in [
        r#"set(attributes["a"], 1)"#,
        r#"set(attributes["a"]["b"][0], -1.5 * (2 + body["n"]) / Int("3")) where not a == b or IsMatch(name, "x") and true"#,
        r#"replace_all_patterns(attributes, "value", "a", "b", SHA256, replacementFormat="%s")"#,
        r#"set(cache, {"a": [1, nil, {"b": 0x00ff}] "c": true,})"#,
        r#"limit(attributes, 3, ["a", "b"])"#,
    ] {
        statement(text).unwrap_or_else(|error| panic!("{text}: {error:?}"));
    }
    for text in [
        r#"(a == 1 or b == 2) and ((a + 1) * 2) > 3"#,
        "((true))",
        r#"(IsMatch(a, "b"))"#,
        "not (a == b)",
        r#"Any(attributes, (k, v) => v == "x" and k != nil)"#,
        r#"Reduce([1], 0, (acc, _, v) => acc + v) == 1"#,
        "When(() => true, 1, 2) == kind",
        "kind == SPAN_KIND_SERVER",
        "a -1 == 2",
    ] {
        condition(text).unwrap_or_else(|error| panic!("{text}: {error:?}"));
    }
}

#[test]
fn mistakes_have_a_place_and_an_expectation() {
    for (text, offset, part) in [
        ("", 0, "an editor"),
        ("set(a, 1", 8, "`,`"),
        ("set(a, 1) where", 15, "a value"),
        ("set(a, 1) when true", 10, "the end"),
        ("Set(a, 1)", 0, "lower case"),
        ("set(a, foo(1))", 7, "upper case"),
        ("set(a=1, 2)", 10, "positional"),
        ("set(a, --1)", 8, "a value"),
        (r#"set(a["x"#, 6, "closing quote"),
        (r#"name == "x" > drop()"#, 5, "an editor"),
        ("set(a, 1 + nil)", 11, "a value"),
        ("set(A.b, 1)", 4, ""),
    ] {
        let error = statement(text).unwrap_err();
        assert!(error.message.contains(part), "{text}: {error:?}");
        assert!(error.offset >= offset.min(text.len()).saturating_sub(5), "{text}: {error:?}");
    }
    assert!(condition(r#"attributes["x"]"#).is_err(), "a path is not a condition");
    assert!(condition("a == b == c").is_err());
    assert!(value("1 2").is_err());
}

/// What people write from habit, and today's form of it.
#[test]
fn habits_are_named() {
    for (text, form) in [
        (r#"attributes["a"] == "x" > drop()"#, "`action where condition`"),
        (r#"attributes["a"] = 1"#, "`set(path, value)`"),
        ("set(a, 1) if true", "`where`"),
        ("set(a, 1) WHERE true", "`where`"),
        ("set(a, 1) where a == 1 > drop()", "`action where condition`"),
        (r#"set(a["b"] = 1)"#, "`set(path, value)`"),
        ("set(a, 1);", "stands alone"),
        ("set(a, b == 'x')", "double quotes"),
    ] {
        let error = statement(text).unwrap_err();
        assert!(error.message.contains(form), "{text}: {error}");
    }
    for (text, form) in [
        ("a == 1 && true", "`and`"),
        ("a == 1 || true", "`or`"),
        ("a == 1 AND true", "`and`"),
        ("true OR true", "`or`"),
        ("NOT true", "`not`"),
        ("!true", "`not`"),
        ("a = 1", "`==`"),
        ("a === 1", "`==`"),
        ("a <> 1", "`!=`"),
        ("a =~ 1", "IsMatch"),
        ("a !~ 1", "not IsMatch"),
        ("a matches \"x\"", "IsMatch"),
        ("a in [1]", "ContainsValue"),
        ("a contains 1", "ContainsValue"),
        ("a is nil", "`nil`"),
        ("a == None", "`nil`"),
        ("a == Nil", "`nil`"),
        ("a == True", "`true`"),
        ("TRUE", "`true`"),
        ("a == `x`", "double quotes"),
        ("a == \u{201c}x\u{201d}", "double quotes"),
        ("a == 1e5", "1.0e5"),
        ("a % 2 == 1", "arithmetic"),
        ("a + \"x\" == b", "Concat"),
        ("a == 1 // why", "comments"),
        ("a == 1 # why", "comments"),
        ("a[\"x\"]", "a path alone is no condition"),
        ("ismatch(a, \"x\")", "IsMatch"),
    ] {
        let error = condition(text).unwrap_err();
        assert!(error.message.contains(form), "{text}: {error}");
    }
}

#[test]
fn hostile_nesting_ends_in_an_error() {
    let deep = "(".repeat(100_000);
    assert!(condition(&deep).is_err());
    assert!(value(&"[".repeat(100_000)).is_err());
    assert!(value(&"-(".repeat(10_000)).is_err());
    let lambdas = format!("{}true{}", "Any([1], (k, v) => (".repeat(40), "))".repeat(40));
    let _ends = condition(&lambdas);
}

proptest! {
    #[test]
    fn no_text_panics(text in r#"(set|where|not|and|or|[a-c]|[A-C]|\(|\)|\[|\]|\{|\}|"a"|1|\.5|=>|=|,|:|-|\+|==|<| |\.|_|\x{e9}){0,40}"#) {
        let _ = statement(&text);
        let _ = condition(&text);
        let _ = value(&text);
    }
}
