//! The effective configuration as YAML or JSON, without its secrets.
//!
//! Every header value is hidden, as in the Collector, and so is every value under a key that names
//! a secret and the password in a URL. Dollars are doubled in YAML, so that it can be loaded again. Plain scalars stay as they were written. Recursion is
//! bounded by the depth of the tree.

use super::value::{Core, Node, Scalar, Value, core_of};

/// What stands in place of a secret.
const REDACTED: &str = "[REDACTED]";

const SECRET_WORDS: &[&str] =
    &["password", "passwd", "secret", "token", "api_key", "apikey", "authorization", "credential"];
const SECRET_KEYS: &[&str] = &["headers", "response_headers", "ca_pem", "cert_pem", "key_pem"];

/// What is hidden below a place.
#[derive(Clone, Copy, PartialEq)]
enum Hide {
    All,
    ByKey,
    Nothing,
}

impl Hide {
    // The first two levels are names of sections and ids, such as `bearertokenauth` or `otlp/token`,
    // and below `service.pipelines` there is nothing else.
    fn under(self, depth: usize, key: &str) -> Self {
        match self {
            Self::ByKey if depth == 1 && key == "pipelines" => Self::Nothing,
            Self::ByKey if depth >= 2 && is_secret(key) => Self::All,
            unchanged => unchanged,
        }
    }
}

/// Prints a tree as YAML, block style, ending in a line end.
pub fn to_yaml(tree: &Value) -> String {
    let mut out = String::new();
    match flow(tree, Hide::ByKey) {
        Some(line) => out.push_str(&(line + "\n")),
        None => block(tree, 0, Hide::ByKey, &mut out),
    }
    out
}

/// The same tree as JSON.
pub fn to_json(tree: &Value) -> serde_json::Value {
    json(tree, 0, Hide::ByKey)
}

fn block(value: &Value, depth: usize, hide: Hide, out: &mut String) {
    let pad = "  ".repeat(depth);
    match &value.node {
        Node::Failed | Node::Scalar(_) => {}
        Node::Seq(items) => {
            for item in items {
                out.push_str(&format!("{pad}-"));
                below(item, depth, hide, out);
            }
        }
        Node::Map(map) => {
            for (key, value) in map.iter() {
                let key_yaml = text_yaml(key);
                out.push_str(&format!("{pad}{key_yaml}:"));
                below(value, depth, hide.under(depth, key), out);
            }
        }
    }
}

// What follows a `key:` or a `-`, with the end of the line.
fn below(value: &Value, depth: usize, hide: Hide, out: &mut String) {
    let Some(line) = flow(value, hide) else {
        out.push('\n');
        return block(value, depth + 1, hide, out);
    };
    if !line.is_empty() {
        out.push(' ');
    }
    out.push_str(&line);
    out.push('\n');
}

// A value that fits behind its key: a scalar or an empty collection.
fn flow(value: &Value, hide: Hide) -> Option<String> {
    match &value.node {
        Node::Failed => Some(String::new()),
        Node::Scalar(scalar) => Some(scalar_yaml(scalar, hide)),
        Node::Seq(items) => items.is_empty().then(|| "[]".to_owned()),
        Node::Map(map) => map.is_empty().then(|| "{}".to_owned()),
    }
}

fn scalar_yaml(scalar: &Scalar, hide: Hide) -> String {
    match scalar.core() {
        Core::Null => String::new(),
        _ if hide == Hide::All => format!("\"{REDACTED}\""),
        Core::Bool(_) | Core::Int(_) | Core::Float(_) => scalar.text.clone(),
        Core::Str(text) => text_yaml(&escaped(&without_password(text))),
    }
}

// What is printed is a configuration again, and there a dollar is written twice.
fn escaped(text: &str) -> String {
    text.replace('$', "$$")
}

// Quoted unless it can be nothing but a text. JSON's quoting is YAML's, too.
fn text_yaml(text: &str) -> String {
    let harmless = |c: char| c.is_ascii_alphanumeric() || "_./-".contains(c);
    let bare = text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_' || c == '/')
        && text.chars().all(harmless)
        && matches!(core_of(text), Core::Str(_));
    if bare { text.to_owned() } else { serde_json::Value::from(text).to_string() }
}

fn json(value: &Value, depth: usize, hide: Hide) -> serde_json::Value {
    match &value.node {
        Node::Failed => serde_json::Value::Null,
        Node::Scalar(scalar) => scalar_json(scalar, hide),
        Node::Seq(items) => items.iter().map(|item| json(item, depth + 1, hide)).collect(),
        Node::Map(map) => {
            let entry = |(key, value): (&str, &Value)| {
                (key.to_owned(), json(value, depth + 1, hide.under(depth, key)))
            };
            serde_json::Value::Object(map.iter().map(entry).collect())
        }
    }
}

fn scalar_json(scalar: &Scalar, hide: Hide) -> serde_json::Value {
    match scalar.core() {
        Core::Null => serde_json::Value::Null,
        _ if hide == Hide::All => REDACTED.into(),
        Core::Bool(value) => value.into(),
        Core::Int(value) => value.into(),
        Core::Float(value) => value.into(),
        Core::Str(text) => without_password(text).into(),
    }
}

fn is_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase().replace('-', "_");
    SECRET_KEYS.contains(&key.as_str()) || SECRET_WORDS.iter().any(|word| key.contains(word))
}

// `scheme://user:password@host` with the password hidden.
fn without_password(text: &str) -> String {
    let hidden = || {
        let (scheme, rest) = text.split_once("://")?;
        let authority = rest.split(['/', '?', '#']).next()?;
        let (user_info, host) = authority.rsplit_once('@')?;
        let (user, _) = user_info.split_once(':')?;
        let tail = &rest[authority.len()..];
        Some(format!("{scheme}://{user}:{REDACTED}@{host}{tail}"))
    };
    hidden().unwrap_or_else(|| text.to_owned())
}

#[cfg(test)]
mod tests;
