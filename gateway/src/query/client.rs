//! `medulla-gateway query`: asks a running gateway and writes for people, or as it came (`--json`).

use std::fmt;
use std::io::Write;
use std::time::Duration;

use clap::{Args, Subcommand};
use components::config::quantity;
use http::{HeaderMap, StatusCode};
use serde_json::Value;
use transport::client::{Client, Protocol};

use super::now_ns;
use components::time;

mod records;
mod show;
mod spans;

/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(60);
/// Largest answer.
const MAX_RESPONSE_BYTES: usize = 256 << 20;
/// The answer to a search that found nothing, which Jaeger makes a 404.
const EMPTY: &str = r#"{"result":{"resourceSpans":[]}}"#;
/// How far back a search goes that does not say where to begin.
const DAY: Duration = Duration::from_secs(24 * 3600);

/// How far back limits are looked for.
const RECENT: Duration = Duration::from_secs(600);

/// `query`: what to ask, and whom.
#[derive(Args, Clone, Debug)]
pub struct QueryArgs {
    /// The gateway's query listener
    #[arg(long, global = true, default_value = "127.0.0.1:4319", value_name = "HOST:PORT")]
    pub address: String,
    /// Write the answer as it comes
    #[arg(long, global = true)]
    pub json: bool,
    /// What to ask.
    #[command(subcommand)]
    pub command: QueryCommand,
}

/// What can be asked.
#[derive(Clone, Debug, Subcommand)]
pub enum QueryCommand {
    /// List traces, newest first
    Traces {
        /// Only traces with a span of this service
        #[arg(long)]
        service: Option<String>,
        /// Only traces with a span of this name
        #[arg(long)]
        operation: Option<String>,
        /// Which time.
        #[command(flatten)]
        times: Times,
        /// At most so many
        #[arg(long, default_value_t = 20)]
        limit: usize,
    },
    /// Show the spans of a trace as a tree
    Trace {
        /// Up to 32 hexadecimal digits
        id: String,
    },
    /// List the services that sent traces
    Services,
    /// List log records, newest first
    Logs(Records),
    /// List metric points, newest first
    Metrics(Records),
    /// List anomalies, newest first
    Anomalies(Records),
    /// List the limits of the fleet's kernels, newest first
    Limits {
        /// Which time.
        #[command(flatten)]
        times: Times,
        /// At most so many
        #[arg(long, default_value_t = 100)]
        limit: usize,
    },
}

/// Which time is asked for.
#[derive(Args, Clone, Debug)]
pub struct Times {
    /// Begin: RFC 3339, or how long ago (15m) [default: 24h, of limits 10m]
    #[arg(long)]
    pub start: Option<String>,
    /// End: RFC 3339, or how long ago [default: now]
    #[arg(long)]
    pub end: Option<String>,
}

impl Times {
    /// Begin and end as the query API takes them; without a begin so long ago.
    fn written(&self, now_ns: u64, default: Duration) -> Result<[String; 2], QueryError> {
        let start = point("start", self.start.as_deref(), now_ns, default)?;
        // Clocks differ a little from host to host.
        let end = match self.end.as_deref() {
            Some(end) => point("end", Some(end), now_ns, Duration::ZERO)?,
            None => now_ns.saturating_add(60_000_000_000),
        };
        Ok([start, end].map(time::format))
    }
}

/// Which records are asked for.
#[derive(Args, Clone, Debug)]
pub struct Records {
    /// Only records of this service
    #[arg(long)]
    service: Option<String>,
    /// Only records for which this OTTL condition holds
    #[arg(long = "where", value_name = "OTTL")]
    condition: Option<String>,
    /// Which time.
    #[command(flatten)]
    times: Times,
    /// At most so many
    #[arg(long, default_value_t = 100)]
    limit: usize,
    /// Only older ones than this: what the page before said
    #[arg(long)]
    after: Option<String>,
}

/// Why a query has no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QueryError {
    /// The arguments are wrong.
    Usage(String),
    /// The gateway did not answer, or refused, or the answer could not be written.
    Failed(String),
}

impl QueryError {
    /// The exit status.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::Failed(_) => 1,
        }
    }
}

impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(message) | Self::Failed(message) => f.write_str(message),
        }
    }
}

impl std::error::Error for QueryError {}

/// Asks and writes the answer to `out`.
pub async fn run(args: QueryArgs, out: &mut impl Write) -> Result<(), QueryError> {
    let path = path(&args.command, now_ns())?;
    let answer = get(&args.address, &path, &args.command).await?;
    if args.json {
        return write(out, &format!("{}\n", answer.body.trim_end()));
    }
    let json: Value = serde_json::from_str(&answer.body)
        .map_err(|error| QueryError::Failed(format!("the answer is not JSON: {error}")))?;
    write(out, &show(&args.command, &json))?;
    if answer.cut_short {
        write(out, "the search stopped at its bound; narrow it down to see the rest\n")?;
    }
    Ok(())
}

fn show(command: &QueryCommand, answer: &Value) -> String {
    match command {
        QueryCommand::Services => show::services(answer),
        QueryCommand::Trace { .. } => show::tree(&spans::of(answer)),
        QueryCommand::Logs(_) | QueryCommand::Anomalies(_) => page(records::logs(answer), answer),
        QueryCommand::Limits { .. } => show::limits(answer),
        QueryCommand::Metrics(_) => page(records::metrics(answer), answer),
        _ => match show::list(&spans::of(answer)) {
            empty if empty.is_empty() => "no traces found\n".to_owned(),
            list => list,
        },
    }
}

/// Lines, and how to go on.
fn page(mut lines: String, answer: &Value) -> String {
    if lines.is_empty() {
        lines.push_str("no records found\n");
    }
    if let Some(after) = answer["after"].as_str() {
        lines.push_str(&format!("older ones: --after {}\n", show::clean(after)));
    }
    lines
}

/// What to `GET`.
fn path(command: &QueryCommand, now_ns: u64) -> Result<String, QueryError> {
    match command {
        QueryCommand::Services => Ok("/api/v3/services".to_owned()),
        QueryCommand::Trace { id } if super::params::trace_id(id).is_some() => {
            Ok(format!("/api/v3/traces/{id}"))
        }
        QueryCommand::Trace { id } => Err(QueryError::Usage(format!(
            "{}: expected up to 32 hexadecimal digits",
            show::clean(id)
        ))),
        QueryCommand::Traces { service, operation, times, limit } => {
            Ok(search_path([service, operation], times.written(now_ns, DAY)?, *limit))
        }
        QueryCommand::Logs(records) => records_path("logs", records, now_ns),
        QueryCommand::Metrics(records) => records_path("metrics", records, now_ns),
        QueryCommand::Anomalies(records) => records_path("anomalies", records, now_ns),
        QueryCommand::Limits { times, limit } => {
            let [start, end] = times.written(now_ns, RECENT)?;
            Ok(format!("/api/v1/limits?start={start}&end={end}&limit={limit}"))
        }
    }
}

fn search_path(texts: [&Option<String>; 2], [start, end]: [String; 2], limit: usize) -> String {
    let mut path = format!(
        "/api/v3/traces?query.startTimeMin={start}&query.startTimeMax={end}&query.searchDepth={limit}"
    );
    for (name, text) in ["query.serviceName", "query.operationName"].into_iter().zip(texts) {
        if let Some(text) = text {
            path.push_str(&format!("&{name}={}", encode(text)));
        }
    }
    path
}

fn records_path(what: &str, records: &Records, now_ns: u64) -> Result<String, QueryError> {
    let [start, end] = records.times.written(now_ns, DAY)?;
    let limit = records.limit;
    let mut path = format!("/api/v1/{what}?start={start}&end={end}&limit={limit}");
    let texts = [&records.service, &records.condition, &records.after];
    for (name, text) in ["service", "where", "after"].into_iter().zip(texts) {
        if let Some(text) = text {
            path.push_str(&format!("&{name}={}", encode(text)));
        }
    }
    Ok(path)
}

/// A time as written, or so long ago.
fn point(
    option: &str,
    written: Option<&str>,
    now_ns: u64,
    default: Duration,
) -> Result<u64, QueryError> {
    let ago =
        |ago: Duration| now_ns.saturating_sub(u64::try_from(ago.as_nanos()).unwrap_or(u64::MAX));
    let Some(written) = written else { return Ok(ago(default)) };
    let read = time::parse(written).or_else(|| quantity::duration(written).ok().map(ago));
    let form = "expected a time such as 2026-01-31T12:00:00Z, or how long ago, such as 15m";
    read.ok_or_else(|| QueryError::Usage(format!("--{option}: {form}")))
}

/// What the gateway said.
struct Answer {
    body: String,
    cut_short: bool,
}

/// Asks. A search that found nothing has an empty result, not an error.
async fn get(address: &str, path: &str, command: &QueryCommand) -> Result<Answer, QueryError> {
    let client = Client::new(address, Protocol::Http1, MAX_RESPONSE_BYTES);
    let failed = |what: &dyn fmt::Display| QueryError::Failed(format!("{address}: {what}"));
    let reply = tokio::time::timeout(TIMEOUT, client.get(path, HeaderMap::new())).await;
    let reply = reply.map_err(|_| failed(&"no answer in time"))?.map_err(|error| failed(&error))?;
    let body = String::from_utf8_lossy(&reply.body).into_owned();
    let cut_short = reply.headers.contains_key(super::CUT_SHORT);
    if reply.status == StatusCode::OK {
        return Ok(Answer { body, cut_short });
    }
    let refusal = refusal(reply.status, &body);
    let is_search = matches!(command, QueryCommand::Traces { .. });
    match is_search && refusal == super::jaeger::NOTHING_FOUND {
        true => Ok(Answer { body: EMPTY.to_owned(), cut_short }),
        false => Err(failed(&refusal)),
    }
}

/// The message in Jaeger's error shape, else the status.
fn refusal(status: StatusCode, body: &str) -> String {
    let json: Option<Value> = serde_json::from_str(body).ok();
    let message = json.as_ref().and_then(|json| json["error"]["message"].as_str());
    message.map_or_else(|| status.to_string(), show::clean)
}

fn write(out: &mut impl Write, text: &str) -> Result<(), QueryError> {
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(|error| QueryError::Failed(format!("cannot write: {error}")))
}

/// Percent-encodes everything but letters, digits and `-._~`.
fn encode(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let write = |byte: u8| match plain(byte) {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    };
    text.bytes().map(write).collect()
}
#[cfg(test)]
mod tests;
