//! Every converter that reads a text of a record, with an example of what it reads. `$0` is the text under test, `$1`
//! another one; as literals in quotes where the converter wants them so.

use bytes::Bytes;
use otlp::wire::put_bytes;

/// A log record with the first text as its body and the second one as the attribute `1`.
pub(crate) fn record([body, other]: [&str; 2]) -> Bytes {
    let message = |number: u32, inner: &[u8]| {
        let mut out = Vec::new();
        put_bytes(&mut out, number, inner);
        out
    };
    let any = |text: &str| message(1, text.as_bytes());
    let mut attribute = message(1, b"1");
    put_bytes(&mut attribute, 2, &any(other));
    let mut record = message(5, &any(body));
    put_bytes(&mut record, 6, &attribute);
    message(1, &message(2, &message(2, &record))).into()
}

/// An expression and an example of its texts.
pub(crate) const TEMPLATES: &[(&str, &str, &str)] = &[
    ("ParseJSON($0)", r#"{"a":[1,-2.5e3,null,true],"b":{"c":"\ud83d\ude00\n"}}"#, ""),
    ("ParseCSV($0, $1)", "1,\"a \"\"b\"\"\",3\n4", "x,y,z"),
    (r#"ParseCSV($0, $1, ";", ",", "lazyQuotes")"#, "1;a\"b;\"c", "x,y,z"),
    (r#"ParseCSV($0, $1, "\t", ",", "ignoreQuotes")"#, "1\t\"a\tc", "x,y,z"),
    ("ParseKeyValue($0)", r#"a=1 b="x y" c='it\'s'"#, ""),
    (r#"ParseKeyValue($0, ":", ", ")"#, "a:1, b:2", ""),
    (
        "ParseXML($0)",
        r#"<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x "y">]><a b="c">t&lt;<!-- c --><d/><![CDATA[e]]></a>"#,
        "",
    ),
    ("ParseSimplifiedXML($0)", "<a><b>1</b><b>2</b><c/></a>", ""),
    (
        r#"GetXML($0, "//b[@x = 1 or position() = last()]/text() | //@*")"#,
        "<a><b x='1'>1</b><b>2</b></a>",
        "",
    ),
    ("GetXML($0, '1')", "<a><b x='1'>1</b></a>", "/a/b[contains(., \"1\")]"),
    (r#"RemoveXML($0, "//b | //@x")"#, "<a><b x='1'>1</b><b>2</b></a>", ""),
    (r#"InsertXML($0, "/a", $1)"#, "<a><b/></a>", "<c d='e'/>"),
    ("ConvertAttributesToElementsXML($0)", "<a b='c'><d e='f'/></a>", ""),
    ("ConvertTextToElementsXML($0)", "<a>x<b>y</b>z</a>", ""),
    ("ExtractPatterns($0, $1)", "user=joe", r"user=(?P<name>\w+)"),
    (
        "ExtractGrokPatterns($0, $1)",
        "10.0.0.1 GET /a?b 200",
        "%{IP:ip} %{WORD:m} %{URIPATHPARAM:p} %{INT:s:int}",
    ),
    (
        "ExtractGrokPatterns($0, \"%{COMBINEDAPACHELOG}\", true)",
        "127.0.0.1 - joe [25/Nov/2026:10:11:12 +0100] \"GET / HTTP/1.1\" 200 12 \"-\" \"curl\"",
        "",
    ),
    (
        "UserAgent($0)",
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36",
        "",
    ),
    ("URL($0)", "https://u:p@example.com:8080/a/b.html?q=1&r=%20#f", ""),
    ("ParseCEF($0)", "CEF:0|Vendor|Product|1.0|100|Name|5|src=10.0.0.1 msg=a \\= b", ""),
    ("ParseCLF($0)", "127.0.0.1 - joe [25/Nov/2026:10:11:12 +0100] \"GET / HTTP/1.1\" 200 12", ""),
    (
        "ParseCLF($0, \"combined\")",
        "127.0.0.1 - joe [25/Nov/2026:10:11:12 +0100] \"GET / HTTP/1.1\" 200 12 \"-\" \"curl\"",
        "",
    ),
    (
        "ParseELF($0)",
        "#Version: 1.0\n#Fields: date time c-ip cs-uri\n2026-11-25 10:11:12 10.0.0.1 \"/a b\"",
        "",
    ),
    ("ParseLEEF($0)", "LEEF:2.0|Vendor|Product|1.0|100|^|src=10.0.0.1^usrName=joe", ""),
    (r#"Time($0, "%Y-%m-%dT%H:%M:%S.%f%z")"#, "2026-11-25T10:11:12.123456+0100", ""),
    (
        r#"Time($0, "%a %b %e %I:%M:%S %p %Z %Y", "Europe/Berlin", "de-DE")"#,
        "Mi Nov 25 10:11:12 PM CET 2026",
        "",
    ),
    ("Time($0, '1')", "25/Nov/2026:10:11:12 +0100", "%d/%b/%Y:%H:%M:%S %z"),
    ("FormatTime(Unix(1700000000), '1')", "", "%Y %D %c %L %P %j"),
    ("Duration($0)", "-1h2m3.5s4ms5us6ns", ""),
    ("ParseInt($0, 0)", "-0x_7f", ""),
    ("ParseInt($0, 36)", "zz", ""),
    (r#"Decode($0, "base64")"#, "aGVsbG8=", ""),
    (r#"Decode($0, "base64-raw-url")"#, "aGVsbG8", ""),
    ("Decode($0, $1)", "hello", "utf-16"),
    ("Base64Encode($0, $1)", "hello", "base64-url"),
    ("Hex($0)", "hello", ""),
    ("TraceID($0)", "0102030405060708090a0b0c0d0e0f10", ""),
    ("SpanID($0)", "0102030405060708", ""),
    ("IsMatch($0, $1)", "abc", r"^[[:alpha:]]{1,3}\b(?i:C)?$"),
    ("IsInCIDR($0, [$1])", "10.1.2.3", "10.0.0.0/8"),
    ("IsValidLuhn($0)", "4539 1488 0343 6467", ""),
    ("CommunityID($0, 1, $1, 2)", "10.0.0.1", "::1"),
    ("Split($0, $1)", "a,b", ","),
    ("Substring($0, 1, 2, true)", "h\u{e9}llo", ""),
    ("Trim($0, '1')", "xxaxx", "x"),
    ("ToSnakeCase($0)", "HTTPServerID2x", ""),
    ("ToCamelCase($0)", "http_server-id 2x", ""),
    ("Format('1', [$0, 1, 2.5, true, nil])", "abc", "%-5s|%+05d|%x|%[1]q|%v %!"),
    (r#"ParseSeverity($0, {"error": [{"equals": ["err", "e"]}]})"#, "err", ""),
    ("Int($0)", "12", ""),
    ("Double($0)", "1e5", ""),
    ("Bool($0)", "true", ""),
    ("SHA256($0)", "x", ""),
    ("XXH128($0)", "x", ""),
    ("Murmur3Hash128($0)", "x", ""),
    ("Index($0, $1)", "abc", "c"),
    ("Sort(Split($0, \"\"))", "cab", ""),
];

/// The expression, `$0` and `$1` read from the record, `'0'` and `'1'` written into the text.
pub(crate) fn expression(template: &str, texts: [&str; 2]) -> String {
    template
        .replace("'0'", &literal(texts[0]))
        .replace("'1'", &literal(texts[1]))
        .replace("$0", "body")
        .replace("$1", "attributes[\"1\"]")
}

/// A text as the language writes it.
fn literal(text: &str) -> String {
    let mut out = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => out.extend(['\\', character]),
            control if u32::from(control) < 0x20 => {
                out.push_str(&format!("\\x{:02x}", u32::from(control)));
            }
            other => out.push(other),
        }
    }
    out.push('"');
    out
}
