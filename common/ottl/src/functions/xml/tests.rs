//! Documents and paths.

use super::*;
use crate::functions::testing::{call, check, text};

const DOCUMENT: &str = r#"<r a="1"><b id="1">x</b><b id="2">y<i/></b><c>z</c></r>"#;

fn check_text(name: &str, args: &[&str], expect: Option<&str>) {
    let quoted = expect.map(|expect| serde_json::to_string(expect).unwrap());
    check(ALL, name, args, quoted.as_deref());
}

#[test]
fn paths_select() {
    for (path, expect) in [
        ("/r/b[1]", Some(r#"<b id="1">x</b>"#)),
        ("/r/b[last()]/i", Some("<i></i>")),
        ("//b[@id='2']/text()", Some("y")),
        ("//b[not(i)] | //c", Some(r#"<b id="1">x</b><c>z</c>"#)),
        ("//@id", Some("12")),
        ("/r/*[position()<2]/@*", Some("1")),
        ("(//b)[2]/i", Some("<i></i>")),
        ("//i/ancestor::b/following-sibling::*", Some("<c>z</c>")),
        ("//c/preceding-sibling::b[1]/@id", Some("2")),
        ("//b[contains(., 'x') and @id < 2]/@id", Some("1")),
        ("//*[local-name() = 'c']", Some("<c>z</c>")),
        ("//b[string-length(text()) = 1 and substring('abc', 2, 1) = 'b'][2 - 1]/@id", Some("1")),
        ("count(//b)", Some("")),
        ("/", Some("")),
        (".", Some("")),
        ("///", None),
        ("/r/b[", None),
        ("//b[nope()]", None),
        ("", None),
        ("//b]", None),
    ] {
        check_text("GetXML", &[DOCUMENT, path], expect);
    }
}

#[test]
fn documents_are_edited() {
    for (name, args, expect) in [
        ("RemoveXML", &["//@id"][..], r#"<r a="1"><b>x</b><b>y<i></i></b><c>z</c></r>"#),
        ("RemoveXML", &["/r/*"], r#"<r a="1"></r>"#),
        ("RemoveXML", &["/r"], ""),
        (
            "InsertXML",
            &["//c", "<n/><m>1</m>"],
            r#"<r a="1"><b id="1">x</b><b id="2">y<i></i></b><c>z<n></n><m>1</m></c></r>"#,
        ),
        (
            "ConvertAttributesToElementsXML",
            &[],
            "<r><b>x<id>1</id></b><b>y<i></i><id>2</id></b><c>z</c><a>1</a></r>",
        ),
        (
            "ConvertTextToElementsXML",
            &["", "v"],
            r#"<r a="1"><b id="1">x</b><b id="2"><v>y</v><i></i></b><c>z</c></r>"#,
        ),
    ] {
        let args: Vec<&str> = std::iter::once(DOCUMENT).chain(args.iter().copied()).collect();
        check_text(name, &args, Some(expect));
    }
    check_text("InsertXML", &[DOCUMENT, "//@id", "<n/>"], None);
    check_text("InsertXML", &[DOCUMENT, "//c", "n"], None);
}

#[test]
fn what_is_read_is_written() {
    for document in [
        "<a>&lt;&amp;&gt;A</a>",
        r#"<?xml version="1.0"?><a b="&#34;"><!-- c --><?pi x?><![CDATA[x<y]]></a>"#,
        "<n:a xmlns:n=\"u\">\n  <n:b>1</n:b>\n</n:a>",
        "<a></a><b></b>",
    ] {
        check_text("RemoveXML", &[document, "//none"], Some(document));
    }
    check_text("RemoveXML", &["<!DOCTYPE a [<!ENTITY x 'y'>]><a/>", "//none"], Some("<a></a>"));
}

#[test]
fn what_is_no_xml_is_an_error() {
    for document in [
        "",
        "s",
        "<a",
        "<a>",
        "</a>",
        "<a></b>",
        "<a>&unknown;</a>",
        "<a>&#xd800;</a>",
        "<a b=1/>",
        "<a b/>",
        "<1/>",
        "<a><!-- </a>",
        "<a>\u{1}</a>",
        "<!DOCTYPE",
    ] {
        check(ALL, "ParseXML", &[document], None);
    }
    check(ALL, "ParseXML", &[&"<a>".repeat(100_000)], None);
}

#[test]
fn documents_are_maps() {
    let document = r#"<n:a x="1">t<b y="2"/>u<c>\n</c></n:a>"#;
    let full = r#"{"tag":"a","attributes":{"x":"1"},"content":"tu","children":[{"tag":"b","attributes":{"y":"2"}},{"tag":"c","content":"\\n"}]}"#;
    check(ALL, "ParseXML", &[document], Some(full));
    for (document, expect) in [
        ("<a><b>1</b><c>2</c><b><d>3</d></b></a>", r#"{"a":{"b":["1",{"d":"3"}],"c":"2"}}"#),
        ("<r><a>1</a><a/></r>", r#"{"r":{"a":["1"]}}"#),
        ("<a>1<b>2</b>3</a>", r#"{"a":{"b":"2"}}"#),
        ("<a> </a>", r#"{"a":" "}"#),
        ("<a><b/><b/></a>", "{}"),
    ] {
        check(ALL, "ParseSimplifiedXML", &[document], Some(expect));
    }
}

#[test]
fn paths_are_bounded() {
    let document = format!("<r>{}</r>", "<a>1</a>".repeat(5000));
    let outcome = call(ALL, "GetXML", vec![text(&document), text("//a[//a = following::a]")]);
    assert!(outcome.is_err(), "25 million pairs are more than the bound");
    assert!(path::parse(&"(".repeat(10_000)).is_err());
    assert!(path::parse(&format!("{}1", "-".repeat(10_000))).is_ok());
}
