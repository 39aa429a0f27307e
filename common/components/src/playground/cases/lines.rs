//! Which lines are cases.

use super::*;

#[test]
fn a_line_is_a_case_or_says_why_not() {
    let whole = r#"{"id":"a","kind":"value","context":"log","source":"1","fixture":"f.json"}"#;
    for (line, id, part) in [
        (whole, None, ""),
        (r#"{"id":"a","kind":"nonsense","fixture":"f.json"}"#, None, ""),
        (r#"{"id":"a","kind":"filter","fixture":"none.json"}"#, None, ""),
        (r#"{"kind":"filter","fixture":"f.json"}"#, None, ""),
        ("{", Some(Json::Null), "EOF"),
        ("nonsense", Some(Json::Null), "line 1 column"),
        ("[]", Some(Json::Null), "object"),
        ("5", Some(Json::Null), "object"),
        (r#"{"id":"a","kind":"value","context":"log"}"#, Some(json!("a")), "fixture"),
        (r#"{"id":"a","context":"log","fixture":"f.json"}"#, Some(json!("a")), "kind"),
        (r#"{"id":7,"kind":"value","fixture":"f.json"}"#, Some(json!(7)), "context"),
        (r#"{"kind":5,"context":"log","fixture":"f.json"}"#, Some(Json::Null), "kind"),
    ] {
        match (read_case(line.as_bytes()), id) {
            (Ok(_), None) => {}
            (Err(found), Some(id)) => {
                assert_eq!(found.id, id, "{line}");
                assert!(found.why.contains(part), "{line}: {}", found.why);
            }
            (found, id) => panic!("{line}: {found:?}, expected {id:?}"),
        }
    }
    assert!(read_case(b"{\"id\":\"\xff\"}").is_err(), "no UTF-8");
}
