//! URLs into their parts, as Go's `net/url` takes them apart.
//!
//! Paths, users and hosts come decoded, queries as they are. `url.original` is the URL written anew: what had to be
//! escaped is, the scheme is in lower case, and an empty fragment is gone. Of a query alone the parameters come apart.

use crate::RunError;
use crate::function::Args;
use crate::value::{Any, Map, Value};

/// `URL(text)`.
pub(super) fn call<'a>(args: &Args<'a>) -> Result<Value<'a>, RunError> {
    let text = args.str(0)?;
    if text.is_empty() {
        return Err(RunError::new("the URL is empty"));
    }
    let made = match text.strip_prefix('?') {
        Some(query) => parameters(query),
        None => Url::parse(text).map(Url::into_map),
    };
    made.map(Value::map).map_err(|reason| RunError::new(format!("URL {text:?}: {reason}")))
}

/// The parameters of a query under `query`, each with all of its values.
fn parameters(query: &str) -> Result<Map, &'static str> {
    let mut found = Map::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        if pair.contains(';') {
            return Err("a semicolon between parameters");
        }
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let [name, value] = [name, value].map(|text| decode(&text.replace('+', " "), false));
        let (name, value) = (name?, Any::Str(value?));
        match found.entries.iter_mut().find(|(known, _)| *known == name) {
            Some((_, Any::Slice(values))) => values.push(value),
            _ => found.put(name, Any::Slice(vec![value])),
        }
    }
    let entries = (!found.is_empty()).then(|| ("query".to_owned(), Any::Map(found)));
    Ok(entries.into_iter().collect())
}

#[derive(Default)]
struct Url {
    original: String,
    scheme: String,
    user: Option<(String, Option<String>)>,
    host: String,
    port: Option<String>,
    path: String,
    query: Option<String>,
    fragment: String,
}

impl Url {
    fn parse(text: &str) -> Result<Self, &'static str> {
        if text.bytes().any(|byte| byte < b' ' || byte == 0x7f) {
            return Err("a control character");
        }
        let (text, fragment) = text.split_once('#').unwrap_or((text, ""));
        let (scheme, rest) = scheme(text)?;
        let (rest, query) = match rest.split_once('?') {
            Some((rest, query)) => (rest, Some(query.to_owned())),
            None => (rest, None),
        };
        let mut url = Self { scheme, query, fragment: decode(fragment, false)?, ..Self::default() };
        let is_opaque = !url.scheme.is_empty() && !rest.starts_with('/');
        let first = rest.split('/').next().unwrap_or("");
        if url.scheme.is_empty() && !rest.starts_with('/') && first.contains(':') {
            return Err("the first part of a path holds a colon");
        }
        let path = match rest
            .strip_prefix("//")
            .filter(|_| !rest.starts_with("///") || !url.scheme.is_empty())
        {
            Some(rest) => url.take_authority(rest)?,
            None => rest,
        };
        url.path = if is_opaque { String::new() } else { decode(path, false)? };
        url.original = url.written(text, path);
        Ok(url)
    }

    /// Takes `user:password@host:port` and gives the path behind it.
    fn take_authority<'t>(&mut self, rest: &'t str) -> Result<&'t str, &'static str> {
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let (user, host) = match authority.rsplit_once('@') {
            Some((user, host)) => (Some(user), host),
            None => (None, authority),
        };
        if let Some(user) = user {
            let (name, password) = match user.split_once(':') {
                Some((name, password)) => (name, Some(decode(password, false)?)),
                None => (user, None),
            };
            self.user = Some((decode(name, false)?, password));
        }
        let (host, port) = host_and_port(host)?;
        self.host = decode(host, true)?;
        self.port = port.map(str::to_owned);
        Ok(path)
    }

    /// The URL as it was, with escapes where they are missing.
    fn written(&self, text: &str, path: &str) -> String {
        let fragment = if self.fragment.is_empty() {
            String::new()
        } else {
            format!("#{}", encode(&self.fragment))
        };
        let query = self.query.as_ref().map_or_else(String::new, |query| format!("?{query}"));
        format!("{}{}{query}{fragment}", self.head(text, path), encode_path(path))
    }

    /// What stands before the path.
    fn head(&self, text: &str, path: &str) -> String {
        let head = &text[..text.find(['?', '#']).unwrap_or(text.len())];
        let head = &head[..head.len() - path.len()];
        let (scheme, rest) = head.split_at(match self.scheme.len() {
            0 => 0,
            length => length + 1,
        });
        let scheme = scheme.to_ascii_lowercase();
        let Some(authority) = rest.strip_prefix("//") else {
            return format!("{scheme}{}", encode(rest));
        };
        if authority.is_empty() && path.is_empty() {
            return scheme;
        }
        match (authority.rsplit_once('@'), self.user_info()) {
            (Some((_, host)), Some(user)) => format!("{scheme}//{user}@{}", encode(host)),
            _ => format!("{scheme}//{}", encode(authority)),
        }
    }

    /// `user:password`, escaped.
    fn user_info(&self) -> Option<String> {
        let (name, password) = self.user.as_ref()?;
        let password = password.as_ref().map(|password| format!(":{}", encode_user(password)));
        Some(encode_user(name) + &password.unwrap_or_default())
    }

    fn into_map(self) -> Map {
        let mut map = Map::new();
        let user_info = self.user_info();
        let mut put = |key: &str, value: Any| map.entries.push((key.to_owned(), value));
        put("url.original", self.original.into());
        put("url.domain", self.host.into());
        put("url.scheme", self.scheme.into());
        if let Some(extension) = extension(&self.path) {
            put("url.extension", extension.into());
        }
        put("url.path", self.path.into());
        if !self.fragment.is_empty() {
            put("url.fragment", self.fragment.into());
        }
        if let Some(port) = self.port.and_then(|port| port.parse::<i64>().ok()) {
            put("url.port", port.into());
        }
        if let Some(query) = self.query.filter(|query| !query.is_empty()) {
            put("url.query", query.into());
        }
        if let Some((name, password)) = self.user {
            put("url.user_info", user_info.unwrap_or_default().into());
            if !name.is_empty() {
                put("url.username", name.into());
            }
            if let Some(password) = password {
                put("url.password", password.into());
            }
        }
        map
    }
}

fn scheme(text: &str) -> Result<(String, &str), &'static str> {
    let len = text.bytes().take_while(|b| b.is_ascii_alphanumeric() || b"+-.".contains(b)).count();
    match text[len..].strip_prefix(':') {
        Some(_) if len == 0 => Err("the scheme is missing"),
        Some(rest) if text.as_bytes()[0].is_ascii_alphabetic() => {
            Ok((text[..len].to_ascii_lowercase(), rest))
        }
        _ => Ok((String::new(), text)),
    }
}

fn host_and_port(host: &str) -> Result<(&str, Option<&str>), &'static str> {
    let (name, rest) = match host.strip_prefix('[') {
        Some(inner) => inner.split_once(']').ok_or("the host lacks a ]")?,
        None => host.split_at(host.find(':').unwrap_or(host.len())),
    };
    if rest.is_empty() {
        return Ok((name, None));
    }
    let port = rest.strip_prefix(':').ok_or("the port is not a number")?;
    if !port.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("the port is not a number");
    }
    Ok((name, Some(port).filter(|port| !port.is_empty())))
}

/// What follows the last point of the path, wherever it stands, if it is not empty.
fn extension(path: &str) -> Option<&str> {
    let (_, extension) = path.rsplit_once('.')?;
    (!extension.is_empty()).then_some(extension)
}

fn decode(text: &str, is_host: bool) -> Result<String, &'static str> {
    if is_host && text.contains([' ', '<', '>', '"', '\\', '^', '`', '{', '}', '|']) {
        return Err("the host holds a character that no host has");
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        if *first == b'%' {
            let digits = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
            let digits =
                digits.filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
            let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
            bytes.push(byte.ok_or("an escape that is none")?);
            rest = &after[2..];
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// What may stand in a URL.
const VALID: &[u8] = b"-._~!$&'()*+,;=:@/?%[]";

/// Escapes what may not stand in a URL; escapes that are there stay.
fn encode(text: &str) -> String {
    escaped(text, VALID)
}

/// A path that holds something that may not is escaped anew as a whole.
fn encode_path(path: &str) -> String {
    let is_valid = |byte: u8| byte.is_ascii_alphanumeric() || VALID.contains(&byte);
    match decode(path, false) {
        Ok(decoded) if !path.bytes().all(is_valid) => escaped(&decoded, b"-._~$&+,/:;=@"),
        _ => path.to_owned(),
    }
}

/// A user's name or password.
fn encode_user(text: &str) -> String {
    escaped(text, b"-._~$&+,;=")
}

/// Letters, digits and these bytes as they are, all others escaped.
fn escaped(text: &str, plain: &[u8]) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || plain.contains(&byte) {
            out.push(byte.into());
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}
