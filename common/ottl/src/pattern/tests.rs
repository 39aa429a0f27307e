//! The dialect of RE2, and what replacements expand to.

use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn a_literal_matches_itself(text in ".*") {
        prop_assume!(!text.contains(r"\E"));
        let quoted = compile(&format!(r"^\Q{text}\E$")).unwrap();
        prop_assert!(quoted.is_match(&text));
    }

    #[test]
    fn no_pattern_panics(pattern in "([a-z\\\\\\[\\](){}|*+?^$.:<>P,0-9-]|\u{e9}){0,24}", text in ".{0,8}") {
        if let Ok(regex) = compile(&pattern) {
            regex.is_match(&text);
        }
        if let Ok(glob) = crate::glob::compile(&pattern) {
            glob.is_match(&text);
        }
    }
}

#[test]
fn patterns_mean_what_they_mean_in_re2() {
    for (pattern, text, expect) in [
        (r"\d", "\u{663}", false),
        (r"\D", "\u{663}", true),
        (r"\w", "\u{e9}", false),
        (r"[\W]", "\u{e9}", true),
        (r"\s", "\u{b}", false),
        (r"\bb", "\u{e9}b", true),
        (r"a\Bb", "ab", true),
        (r"\Qa+b\E+", "a+bb", true),
        (r"\Qa.", "a.", true),
        ("a{,3}", "a{,3}", true),
        ("a{2}", "aa", true),
        ("a{01}", "a{01}", true),
        ("{", "{", true),
        (r"[[:^alpha:]]", "\u{e9}", true),
        (r"[a&&b]", "&", true),
        (r"[a[b]", "[", true),
        (r"[]a]", "]", true),
        (r"[a-]", "-", true),
        (r"[^\d]", "5", false),
        (r"\<a\>", "<a>", true),
        (r"\x41\x{42}\103", "ABC", true),
        (r"(?i)k", "\u{212a}", true),
        (r"\p{^Greek}", "a", true),
        (r"(?P<1a>x)", "x", true),
        ("a # b", "a # b", true),
        (r"(?)a", "a", true),
        ("a$", "a\n", false),
    ] {
        assert_eq!(compile(pattern).unwrap().is_match(text), expect, "{pattern} on {text}");
    }
}

#[test]
fn what_re2_refuses_is_refused() {
    for pattern in [
        "(",
        "a)",
        "*a",
        "a**",
        "x{2}{3}",
        "x{1001}",
        "x{3,2}",
        r"\C",
        r"\Z",
        r"\h",
        r"\1",
        r"\8",
        "[z-a]",
        "[a",
        "[[:foo:]]",
        r"\pX",
        "(?x)a",
        "(?=a)",
        "(?<a-b>x)",
        "(?i-)a",
        "\\",
        r"[\b]",
    ] {
        assert!(compile(pattern).is_err(), "{pattern}");
    }
}

#[test]
fn a_pattern_that_compiles_to_too_much_is_refused() {
    let error = compile(r"(\pL{1000}){100}").unwrap_err();
    assert!(error.contains("bytes"), "{error}");
}

#[test]
fn references_are_expanded_as_in_go() {
    let regex = compile("(?P<n>h)(e)(x)?").unwrap();
    for (template, expect) in [
        ("$2$1", "eh"),
        ("$1x", ""),
        ("${1}x", "hx"),
        ("<${n}>", "<h>"),
        ("$$1", "$1"),
        ("$9|$3|$01", "||"),
        ("$", "$"),
        ("a$-b", "a$-b"),
        ("${1", "${1"),
        ("${}", "${}"),
    ] {
        let captures = regex.captures("hello").unwrap();
        let mut out = String::new();
        Template::parse(template).expand(&captures, &mut out);
        assert_eq!(out, expect, "{template}");
    }
}

#[test]
fn a_name_may_repeat_and_the_first_group_that_found_something_counts() {
    for (pattern, expect) in
        [("(?P<n>z)?(?P<n>h)", "h"), ("(?P<n>h)(?P<n>e)", "h"), ("(?P<n>z)?(?P<n>y)?(?<n>h)", "h")]
    {
        let regex = compile(pattern).unwrap();
        let captures = regex.captures("hello").unwrap();
        let mut out = String::new();
        Template::parse("${n}").expand(&captures, &mut out);
        assert_eq!(out, expect, "{pattern}");
    }
    assert!(compile(&"(?P<n>a)".repeat(100)).is_err(), "more often than we keep count");
}
