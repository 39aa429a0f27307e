//! The logs functions, called as the evaluator calls them.

use super::*;
use crate::functions::testing::check;

#[test]
fn cef() {
    let head = r#""cef.version":"0","cef.device_vendor":"V","cef.device_product":"P|x","cef.device_version":"1","cef.device_event_class_id":"2","cef.name":"n","cef.severity":"3""#;
    for (text, extensions) in [
        (r"CEF:0|V|P\|x|1|2|n|3|k=v k=w", r#"{"k":"w"}"#),
        (r"Jan 1 host CEF:0|V|P\|x|1|2|n|3|", "{}"),
        (
            r"CEF:0|V|P\|x|1|2|n|3|msg=two words cs1=a\=b\\ act=",
            r#"{"msg":"two words","cs1":"a=b\\","act":""}"#,
        ),
        (r"CEF:0|V|P\|x|1|2|n|3", "{}"),
        ("CEF:0|V|P\\|x|1|2|n|3|k=a\\\u{e9}", "{\"k\":\"a\\\\\u{e9}\"}"),
    ] {
        let expect = format!(r#"{{{head},"cef.extensions":{extensions}}}"#);
        check(ALL, "ParseCEF", &[text], Some(&expect));
    }
    for text in ["", "s", "CEF:0|V|P|2|3|n"] {
        check(ALL, "ParseCEF", &[text], None);
    }
}

#[test]
fn clf() {
    let line = r#"::1 - frank [10/Oct/2000:13:55:36 -0700] "POST /a HTTP/2" 404 -"#;
    let fields = r#""clf.remote_host":"::1","clf.rfc931":"-","clf.auth_user":"frank","clf.timestamp":"10/Oct/2000:13:55:36 -0700","clf.request":"POST /a HTTP/2","clf.method":"POST","clf.request_uri":"/a","clf.protocol":"HTTP/2","clf.status":404"#;
    check(ALL, "ParseCLF", &[line], Some(&format!("{{{fields}}}")));
    let combined = format!(r#"{line} "http://ref/" "Mozilla/4.08""#);
    let expect =
        format!(r#"{{{fields},"clf.referer":"http://ref/","clf.user_agent":"Mozilla/4.08"}}"#);
    check(ALL, "ParseCLF", &[&combined, "combined"], Some(&expect));
    check(ALL, "ParseCLF", &[&combined], None);
    check(ALL, "ParseCLF", &[line, "combined"], None);
    check(ALL, "ParseCLF", &[line, "nope"], None);
    check(ALL, "ParseCLF", &[""], None);
}

#[test]
fn elf() {
    let expect = r#"{"elf.version":"1.0","elf.fields":["a","b"],"elf.entries":[{"a":"1","b":"x y\""}],"elf.software":"s"}"#;
    let text = "#Version: 1.0\n#Software: s\n#Fields: a b\r\n1 \"x y\"\"\"\n";
    check(ALL, "ParseELF", &[text], Some(expect));
    for text in [
        "",
        "1 2",
        "#Fields: a b\n1 2",
        "#Version: 1.0\n#Fields: a b\n1",
        "#Version: 1.0\n#Fields: a\n\"x",
    ] {
        check(ALL, "ParseELF", &[text], None);
    }
}

#[test]
fn leef() {
    let head = |version: &str| {
        format!(
            r#""leef.version":"{version}","leef.vendor":"V","leef.product.name":"P","leef.product.version":"1","leef.event.id":"id""#
        )
    };
    for (text, version, attributes) in [
        ("LEEF:1.0|V|P|1|id|a=1\tb=2=3", "1.0", r#"{"a":"1","b":"2=3"}"#),
        ("LEEF:1.0|V|P|1|id|novalue", "1.0", "{}"),
        ("LEEF:1.0|V|P|1|id", "1.0", "{}"),
        ("LEEF:2.0|V|P|1|id|;|a=1;b=2", "2.0", r#"{"a":"1","b":"2"}"#),
        ("LEEF:2.0|V|P|1|id|0x5E|a=1^b=2", "2.0", r#"{"a":"1","b":"2"}"#),
        ("LEEF:2.0|V|P|1|id||a=1\tb=2", "2.0", r#"{"a":"1","b":"2"}"#),
    ] {
        let expect = format!(r#"{{{},"leef.attributes":{attributes}}}"#, head(version));
        check(ALL, "ParseLEEF", &[text], Some(&expect));
    }
    for text in ["", "LEEF:3.0|V|P|1|id|a=1", "LEEF:1.0|V|P|1", "LEEF:2.0|V|P|1|id|x5E|a=1"] {
        check(ALL, "ParseLEEF", &[text], None);
    }
}
