//! What is shown and what is hidden.

use super::*;
use crate::config::error::Report;
use crate::config::value::parse;

fn tree(text: &str) -> Value {
    parse(text, 0, &Report::default()).expect("the test's YAML is valid")
}

#[test]
fn prints_block_yaml() {
    let text = "a: {b: [1, 'two', \"3\", {c: }], d: {}, e: []}\n'x: y': 'true'\nf: '$a ${b}'\n";
    let expect = "a:
  b:
    - 1
    - two
    - \"3\"
    -
      c:
  d: {}
  e: []
\"x: y\": \"true\"
f: \"$$a $${b}\"
";
    assert_eq!(to_yaml(&tree(text)), expect);
    assert_eq!(to_yaml(&tree("")), "\n");
}

#[test]
fn hides_secrets() {
    let text = "
exporters:
  otlp:
    endpoint: http://user:pass@host:4317/x
    headers: {x-team: abc, Authorization: Bearer 1}
    tls: {key_pem: abc, insecure: true}
  a: {api_key: 5, password: p, auth_token: t, client-secret: [a, {b: c}], nothing_token: }
  b: {headers: [{name: n, value: v}]}
  otlp/token: {endpoint: e}
service: {pipelines: {traces/secret: {exporters: [otlp/token]}}}
";
    let expect = "exporters:
  otlp:
    endpoint: \"http://user:[REDACTED]@host:4317/x\"
    headers:
      x-team: \"[REDACTED]\"
      Authorization: \"[REDACTED]\"
    tls:
      key_pem: \"[REDACTED]\"
      insecure: true
  a:
    api_key: \"[REDACTED]\"
    password: \"[REDACTED]\"
    auth_token: \"[REDACTED]\"
    client-secret:
      - \"[REDACTED]\"
      -
        b: \"[REDACTED]\"
    nothing_token:
  b:
    headers:
      -
        name: \"[REDACTED]\"
        value: \"[REDACTED]\"
  otlp/token:
    endpoint: e
service:
  pipelines:
    traces/secret:
      exporters:
        - otlp/token
";
    assert_eq!(to_yaml(&tree(text)), expect);
    let json = to_json(&tree(text)).to_string();
    assert!(!json.contains("abc") && !json.contains(":pass@") && json.contains(REDACTED), "{json}");
}
