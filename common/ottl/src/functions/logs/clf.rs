//! Common Log Format and its combined form, as web servers write them.

use crate::RunError;
use crate::function::{Args, Call, Unfit};
use crate::pattern;
use crate::value::{Map, Value};

const COMMON: &str = r#"^(\S+) (\S+) (\S+) \[([^\]]+)\] "((?:[^"\\]|\\.)*)" (\d{3}) (\d+|-)"#;
const COMBINED: &str = r#" "((?:[^"\\]|\\.)*)" "((?:[^"\\]|\\.)*)""#;

/// `ParseCLF(text, format)`.
pub(super) fn prepare(args: &Args<'_>) -> Result<Call, Unfit> {
    let format = args.opt_str(1).unwrap_or("clf");
    let source = match format {
        "clf" => format!("{COMMON}$"),
        "combined" => format!("{COMMON}{COMBINED}$"),
        other => {
            let message = format!("unknown format {other:?}: clf or combined");
            return Err(Unfit::argument(1, message));
        }
    };
    let regex = pattern::compile(&source)?;
    let mismatch = format!("the text is no line of the format {format}");
    Ok(Box::new(move |args| {
        let found = regex.captures(args.str(0)?).ok_or_else(|| RunError::new(mismatch.as_str()))?;
        let texts = found.iter().skip(1).map(|group| group.map_or("", |group| group.as_str()));
        Ok(Value::map(fields(&texts.collect::<Vec<_>>())))
    }))
}

fn fields(groups: &[&str]) -> Map {
    let mut map = Map::new();
    let mut put = |name: &str, value: crate::Any| map.entries.push((format!("clf.{name}"), value));
    let names = ["remote_host", "rfc931", "auth_user", "timestamp", "request"];
    for (name, text) in names.into_iter().zip(groups) {
        put(name, (*text).into());
    }
    let request: Vec<&str> = groups[4].split(' ').collect();
    if let [method, uri, protocol] = request[..] {
        put("method", method.into());
        put("request_uri", uri.into());
        put("protocol", protocol.into());
    }
    for (name, text) in ["status", "bytes"].into_iter().zip(&groups[5..]) {
        if let Ok(number) = text.parse::<i64>() {
            put(name, number.into());
        }
    }
    for (name, text) in ["referer", "user_agent"].into_iter().zip(&groups[7..]) {
        put(name, (*text).into());
    }
    map
}
