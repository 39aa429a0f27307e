//! URLs into their parts, as Go's `net/url` takes them apart.
//!
//! Paths, users and hosts come decoded, queries as they are. `url.original` is the URL written anew: what had to be
//! escaped is, and an empty fragment is gone.

use crate::RunError;
use crate::function::Args;
use crate::value::{Any, Map, Value};

/// `URL(text)`.
pub(super) fn call<'a>(args: &Args<'a>) -> Result<Value<'a>, RunError> {
    let text = args.str(0)?;
    if text.is_empty() {
        return Err(RunError::new("the URL is empty"));
    }
    let url =
        Url::parse(text).map_err(|reason| RunError::new(format!("URL {text:?}: {reason}")))?;
    Ok(Value::map(url.into_map()))
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
            Some((rest, query)) => (rest, Some(query.to_owned()).filter(|query| !query.is_empty())),
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
        let head = &text[..text.find(['?', '#']).unwrap_or(text.len())];
        let before_path = &head[..head.len() - path.len()];
        let query = self.query.as_ref().map_or_else(String::new, |query| format!("?{query}"));
        format!("{}{}{query}{fragment}", encode(before_path), encode(path))
    }

    fn into_map(self) -> Map {
        let mut map = Map::new();
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
        if let Some(query) = self.query {
            put("url.query", query.into());
        }
        if let Some((name, password)) = self.user {
            let info = password
                .as_ref()
                .map_or_else(|| name.clone(), |password| format!("{name}:{password}"));
            put("url.user_info", info.into());
            put("url.username", name.into());
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

/// What follows the last point of the path's last part, if it is not empty.
fn extension(path: &str) -> Option<&str> {
    let (_, extension) = path.rsplit('/').next()?.rsplit_once('.')?;
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

/// Escapes what may not stand in a URL; escapes that are there stay.
fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/?%[]".contains(&byte) {
            out.push(byte.into());
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}
