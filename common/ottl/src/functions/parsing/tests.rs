//! The parsing functions, called as the evaluator calls them.

use super::*;
use crate::functions::testing::{call, check, int, json, text};

#[test]
fn json_is_objects_and_lists() {
    for (source, expect) in [
        (r#"{"a":1,"b":[true,null,"x"]}"#, Some(r#"{"a":1.0,"b":[true,null,"x"]}"#)),
        ("  {\"a\":1}  ", Some(r#"{"a":1.0}"#)),
        (r#"{"a":1,"a":2}"#, Some(r#"{"a":2.0}"#)),
        ("{\"a\":\"\u{1}\"}", Some(r#"{"a":"\u0001"}"#)),
        (
            r#"["\ud83d\ude00","\ud83dx","\ud83d\u0041"]"#,
            Some("[\"\u{1f600}\",\"\u{fffd}x\",\"\u{fffd}A\"]"),
        ),
        ("[]", Some("[]")),
        ("1", None),
        ("[1,2,]", None),
        ("{'a':1}", None),
        (r#"{"a":1}{"b":2}"#, None),
        ("{\"a\":NaN}", None),
        ("[01]", None),
        ("[1.]", None),
        ("[+1]", None),
        ("{", None),
        (" ", None),
        ("[\"\\u00e", None),
        ("[\"\\u00\u{e9}0\"]", None),
    ] {
        check(ALL, "ParseJSON", &[source], expect);
    }
    check(ALL, "ParseJSON", &[&"[".repeat(100_000)], None);
}

#[test]
fn many_keys_do_not_cost_their_square() {
    let keys: Vec<String> = (0..50_000).map(|key| format!("\"k{key}\":1")).collect();
    let value =
        call(ALL, "ParseJSON", vec![text(&format!("{{{0},{0}}}", keys.join(",")))]).unwrap();
    assert!(matches!(value, crate::Value::Map(map) if map.len() == 50_000));
}

#[test]
fn csv_is_one_record() {
    for (args, expect) in [
        (&["1,2", "a,b"][..], Some(r#"{"a":"1","b":"2"}"#)),
        (&["1,2", " a , b "], Some(r#"{" a ":"1"," b ":"2"}"#)),
        (&["\"x,y\",2", "a,b"], Some(r#"{"a":"x,y","b":"2"}"#)),
        (&["\"x\"\"y\",2", "a,b"], Some(r#"{"a":"x\"y","b":"2"}"#)),
        (&["1,2\n3,4", "a,b,c"], Some("{\"a\":\"1\",\"b\":\"2\\n3\",\"c\":\"4\"}")),
        (&["1,2\n3,4", "a,b"], None),
        (&["1,", "a,b"], Some(r#"{"a":"1","b":""}"#)),
        (&["\n1,2", "a,b"], Some(r#"{"a":"1","b":"2"}"#)),
        (&["x\"y,2", "a,b"], None),
        (&["1,x\"y", "a"], None),
        (&["x\"y,2", "a,b", ",", ",", "lazyQuotes"], Some(r#"{"a":"x\"y","b":"2"}"#)),
        (&["\"x,2", "a,b", ",", ",", "ignoreQuotes"], Some(r#"{"a":"\"x","b":"2"}"#)),
        (&["\"a", "x"], None),
        (&["", "a"], None),
        (&["1", ""], None),
        (&["1,2", "a,b", ";"], Some(r#"{"a,b":"1,2"}"#)),
        (&["1,2", "a,b", ",,"], None),
        (&["1,2", "a,b", "\""], None),
        (&["1,2", "a,b", ",", ",", "nope"], None),
    ] {
        check(ALL, "ParseCSV", args, expect);
    }
}

#[test]
fn pairs_are_maps() {
    for (args, expect) in [
        (&["a=1 b=2"][..], Some(r#"{"a":"1","b":"2"}"#)),
        (&[" a=1 "], Some(r#"{"a":"1"}"#)),
        (&["a==1"], Some(r#"{"a":"=1"}"#)),
        (&["a=x'y z'w"], Some(r#"{"a":"xy zw"}"#)),
        (&["a=\"it's\""], Some(r#"{"a":"it's"}"#)),
        (&[r#"a=\"x\" b=2"#], Some(r#"{"a":"\\\"x\\\"","b":"2"}"#)),
        (&["a!!1||b!!2", "!!", "||"], Some(r#"{"a":"1","b":"2"}"#)),
        (&["a=\\"], Some(r#"{"a":"\\"}"#)),
        (&["a=1 b"], None),
        (&["a='x"], None),
        (&[""], None),
        (&["a=1", "=", "="], None),
        (&["a=1", ""], None),
    ] {
        check(ALL, "ParseKeyValue", args, expect);
    }
}

#[test]
fn maps_are_pairs() {
    for (map, sorted, expect) in [
        (r#"{"b":1,"a":"x y"}"#, true, r#"a="x y" b=1"#),
        (r#"{"b":1,"a":"x"}"#, false, "b=1 a=x"),
        (r#"{"a":{"b":"c d"}}"#, false, r#"a="{\"b\":\"c d\"}""#),
        ("{}", true, ""),
    ] {
        let args = vec![json(map), text("="), text(" "), crate::Value::Bool(sorted)];
        assert_eq!(call(ALL, "ToKeyValueString", args).unwrap().into_any(), Ok(expect.into()));
    }
}

#[test]
fn numbers_have_bases() {
    for (number, base, expect) in [
        ("12", 10, Some(12)),
        ("ff", 16, Some(255)),
        ("0xff", 0, Some(255)),
        ("0o17", 0, Some(15)),
        ("017", 0, Some(15)),
        ("0", 0, Some(0)),
        ("1_000", 0, Some(1000)),
        ("0x_f", 0, Some(15)),
        ("-9223372036854775808", 10, Some(i64::MIN)),
        ("9223372036854775808", 10, None),
        ("1_000", 10, None),
        ("1__0", 0, None),
        ("0xff", 16, None),
        (" 1", 10, None),
        ("--1", 10, None),
        ("", 10, None),
        ("12", 1, None),
        ("12", -1, None),
        ("12", i64::MAX, None),
    ] {
        let found = call(ALL, "ParseInt", vec![text(number), int(base)]).ok();
        assert_eq!(
            found.and_then(|value| value.into_any().ok()),
            expect.map(crate::Any::Int),
            "{number}"
        );
    }
}

#[test]
fn severities_come_from_a_table() {
    let table = r#"{"error":[{"equals":["err","fatal"]},{"range":{"min":3,"max":4}}],"c":[{"range":"4xx"}]}"#;
    for (value, expect) in [
        (text("fatal"), Some("error")),
        (int(4), Some("error")),
        (int(404), Some("c")),
        (int(9), None),
        (text("404"), None),
        (crate::Value::Bool(true), None),
    ] {
        let found = call(ALL, "ParseSeverity", vec![value, json(table)]).ok();
        assert_eq!(found.and_then(|value| value.into_any().ok()), expect.map(Into::into));
    }
    for table in [r#"{"x":["2xx"]}"#, r#"{"a":[{"equals":["b"]}],"x":[{"range":{"max":9}}]}"#] {
        assert!(call(ALL, "ParseSeverity", vec![text("b"), json(table)]).is_err(), "{table}");
    }
}

#[test]
fn groups_are_maps() {
    for (target, pattern, expect) in [
        ("k=v", r"(?P<key>\w+)=(?P<val>\w+)", Some(r#"{"key":"k","val":"v"}"#)),
        ("ab", "(?P<x>a)(?P<x>b)", Some(r#"{"x":"b"}"#)),
        ("ab", "(?P<x>a)(?P<y>c)?b", Some(r#"{"x":"a","y":""}"#)),
        ("(?<n>", r"[(?<n>]+(?<x>)", Some(r#"{"x":""}"#)),
        ("s", "(?P<a>x)", Some("{}")),
        ("ab", "(a)(b)", None),
        ("ab", "(?P<x>a", None),
    ] {
        check(ALL, "ExtractPatterns", &[target, pattern], expect);
    }
}

#[test]
fn urls_have_parts() {
    for (url, expect) in [
        (
            "http://[::1]:80/",
            Some(
                r#"{"url.original":"http://[::1]:80/","url.domain":"::1","url.scheme":"http","url.path":"/","url.port":80}"#,
            ),
        ),
        (
            "http://host/a?x=1#",
            Some(
                r#"{"url.original":"http://host/a?x=1","url.domain":"host","url.scheme":"http","url.path":"/a","url.query":"x=1"}"#,
            ),
        ),
        (
            "https://u:p@h/a.png#f",
            Some(
                r#"{"url.original":"https://u:p@h/a.png#f","url.domain":"h","url.scheme":"https","url.extension":"png","url.path":"/a.png","url.fragment":"f","url.user_info":"u:p","url.username":"u","url.password":"p"}"#,
            ),
        ),
        ("a", Some(r#"{"url.original":"a","url.domain":"","url.scheme":"","url.path":"a"}"#)),
        ("", None),
        (" http://a", None),
        ("http://host/%zz", None),
        ("http://a b", None),
        ("http://h:x/", None),
        ("http://[::1", None),
        ("://", None),
    ] {
        check(ALL, "URL", &[url], expect);
    }
}

#[test]
fn lists_are_maps() {
    let maps = r#"[{"k":"x","n":1},{"k":"y","n":2}]"#;
    for (keys, values, expect) in [
        (Some("k"), Some("n"), Some(r#"{"x":1,"y":2}"#)),
        (None, Some("n"), Some(r#"{"0":1,"1":2}"#)),
        (Some("n"), None, None),
        (Some("zz"), None, None),
    ] {
        let path = |name: Option<&str>| {
            name.map_or(crate::Value::Nil, |name| json(&format!("[{name:?}]")))
        };
        let found = call(ALL, "SliceToMap", vec![json(maps), path(keys), path(values)]).ok();
        let expect = expect.map(|expect| json(expect).into_any().unwrap());
        assert_eq!(found.map(|value| value.into_any().unwrap()), expect);
    }
}

#[test]
fn user_agents_have_names() {
    for (agent, name, version, os) in [
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/118.0.2088.76 Safari/537.36 Edg/118.0.2088.76",
            "Edge",
            "118.0.2088",
            r#""os.name":"Windows","os.version":"10""#,
        ),
        (
            "Mozilla/5.0 (X11; Linux x86_64; rv:120.0) Gecko/20100101 Firefox/120.0",
            "Firefox",
            "120.0",
            r#""os.name":"Linux""#,
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.1 Mobile/15E148 Safari/604.1",
            "Mobile Safari",
            "17.1",
            r#""os.name":"iOS","os.version":"17.1""#,
        ),
        (
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.0 Safari/605.1.15",
            "Safari",
            "17.0",
            r#""os.name":"Mac OS X","os.version":"10.15.7""#,
        ),
        ("curl/7.81.0", "curl", "7.81.0", r#""os.name":"Other""#),
        ("not a user agent", "Other", "", r#""os.name":"Other""#),
    ] {
        let expect = format!(
            r#"{{"user_agent.name":"{name}","user_agent.version":"{version}","user_agent.original":"{agent}",{os}}}"#
        );
        check(ALL, "UserAgent", &[agent], Some(&expect));
    }
}
