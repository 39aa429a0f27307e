//! `/api/v1/limits`: the limits of the fleet's kernels, as agents tell them by their metrics.
//!
//! An agent sends a point per enforced limit and interval (`medulla.limit.rate`) and what it decided
//! (`medulla.limit.verdicts`). One object per limit comes out, newest first, in the form of
//! `medulla-agent limit list --json`, with the host and when it was last heard of; what metrics do not say
//! (reason, begin, end) is null there and known to the host. `enforced` is false once the points stop.

use std::collections::BTreeMap;
use std::sync::Arc;

use components::time;
use otlp::Signal;
use serde_json::{Value, json};

use super::json::{attributes, list, number};
use super::params::Params;
use super::records::{self, Records};
use super::{Problem, Reply, now_ns};
use crate::store::Store;

/// How far back is looked unless the request says so.
const RECENT_NS: u64 = 10 * 60 * 1_000_000_000;
/// A limit whose points are this many intervals late is over.
const MISSED: u64 = 3;
/// What delivery may take.
const DELIVERY_NS: u64 = 15 * 1_000_000_000;
/// The interval of a limit with one point, which does not tell: agents collect each second by default.
const INTERVAL_NS: u64 = 5 * 1_000_000_000;
const NAMES: [&str; 3] = ["start", "end", "limit"];
const DEFAULT_LIMIT: usize = 1000;

/// Answers a request.
pub(super) async fn answer(store: &Arc<Store>, query: &str) -> Result<Reply, Problem> {
    let params = Params::parse(query)?;
    let now_ns = now_ns();
    let most = records::limit(&params)?.unwrap_or(DEFAULT_LIMIT);
    let mut query = records::read(Records::LIMITS, &params, &NAMES)?;
    let end = *query.times_ns.end();
    if params.text(&["start"]).is_none() {
        query.times_ns = end.min(now_ns).saturating_sub(RECENT_NS)..=end;
    }
    query.limit = records::MAX_LIMIT;
    let page = store.records(query).await?;
    let cut_short = page.cut_short;
    let body = records::body(Signal::Metrics, page, None).await?;
    let found: Value = serde_json::from_slice(&body).unwrap_or_default();
    let mut limits = Limits::default();
    limits.read(&found);
    let objects = limits.show(end.min(now_ns), most);
    Ok(Reply { cut_short, ..Reply::ok(json!({ "limits": objects }).to_string().into_bytes()) })
}

/// Host, transport and port.
type Target = (String, String, u64);

/// What points have said.
#[derive(Default)]
struct Limits {
    /// By target and source.
    rates: BTreeMap<(Target, String), Rate>,
    /// Unit, time, passed and dropped.
    verdicts: BTreeMap<Target, Verdicts>,
}

#[derive(Default)]
struct Rate {
    per_s: f64,
    /// When its newest points were made, the newest first.
    seen_ns: [u64; 2],
}

impl Rate {
    fn add(&mut self, at: u64, per_s: f64) {
        let [newest, before] = self.seen_ns;
        if at > newest {
            *self = Self { per_s, seen_ns: [at, newest] };
        } else if at < newest {
            self.seen_ns[1] = before.max(at);
        }
    }
}

#[derive(Clone, Default)]
struct Verdicts {
    unit: &'static str,
    passed: (u64, u64),
    dropped: (u64, u64),
}

impl Limits {
    /// Takes an export request of metrics as OTLP/JSON.
    fn read(&mut self, found: &Value) {
        for resource in list(&found["resourceMetrics"]) {
            let about = map(&resource["resource"]);
            let host = about.get("host.name").cloned().unwrap_or_default();
            let scopes = list(&resource["scopeMetrics"]).iter();
            for metric in scopes.flat_map(|scope| list(&scope["metrics"])) {
                let points = [&metric["gauge"]["dataPoints"], &metric["sum"]["dataPoints"]];
                for point in points.into_iter().flat_map(list) {
                    self.add(&host, metric, point);
                }
            }
        }
    }

    fn add(&mut self, host: &str, metric: &Value, point: &Value) {
        let mut about = map(point);
        let mut take = |key| about.remove(key).unwrap_or_default();
        let port = take("server.port").parse().unwrap_or_default();
        let target = (host.to_owned(), take("network.transport"), port);
        let at = number(&point["timeUnixNano"]);
        if metric["name"] == "medulla.limit.rate" {
            let rate = self.rates.entry((target, take("medulla.limit.source"))).or_default();
            rate.add(at, point["asDouble"].as_f64().unwrap_or_default());
            return;
        }
        let verdicts = self.verdicts.entry(target).or_default();
        let count = match take("medulla.limit.verdict").as_str() {
            "pass" => &mut verdicts.passed,
            "drop" => &mut verdicts.dropped,
            _ => return,
        };
        if at >= count.0 {
            *count = (at, number(&point["asInt"]));
            verdicts.unit = match metric["unit"].as_str() {
                Some("{packet}") => "packets",
                Some("By") => "bytes",
                _ => "connections",
            };
        }
    }

    /// At most so many objects, newest first.
    fn show(&self, now_ns: u64, most: usize) -> Vec<Value> {
        let mut rates: Vec<_> = self.rates.iter().collect();
        rates.sort_by_key(|(_, rate)| std::cmp::Reverse(rate.seen_ns[0]));
        let shown = rates.into_iter().take(most).map(|((target, source), rate)| {
            let (host, proto, port) = target;
            let verdicts = self.verdicts.get(target).cloned().unwrap_or_default();
            let [newest, before] = rate.seen_ns;
            let interval = if before == 0 { INTERVAL_NS } else { newest - before };
            let late = now_ns.saturating_sub(newest);
            json!({
                "schema": 1, "host": host,
                "target": { "proto": proto, "port": port, "interface": null, "cgroup": null },
                "unit": verdicts.unit, "rate_per_s": rate.per_s, "source": source,
                "reason": null, "since": null, "expires": null,
                "enforced": late <= MISSED * interval + DELIVERY_NS,
                "passed": verdicts.passed.1, "dropped": verdicts.dropped.1,
                "seen": time::format(newest),
            })
        });
        shown.collect()
    }
}

fn map(of: &Value) -> BTreeMap<String, String> {
    attributes(&of["attributes"]).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(port: u64, at: u64, more: (&str, &str), value: (&str, Value)) -> Value {
        let texts = [("network.transport", "tcp"), more];
        let texts = texts.map(|(key, text)| json!({"key": key, "value": {"stringValue": text}}));
        let port = json!({"key": "server.port", "value": {"intValue": port.to_string()}});
        let attributes: Vec<_> = texts.into_iter().chain([port]).collect();
        json!({"attributes": attributes, "timeUnixNano": at.to_string(), value.0: value.1})
    }

    #[test]
    fn one_object_per_limit_with_its_newest_numbers() {
        const S: u64 = 1_000_000_000;
        let by = |source| ("medulla.limit.source", source);
        let rate =
            |port, at, source, value: f64| point(port, at, by(source), ("asDouble", value.into()));
        let verdict = |at, which, count: &str| {
            point(80, at, ("medulla.limit.verdict", which), ("asInt", count.into()))
        };
        let rates = [
            rate(80, 100 * S, "rule:shed", 80.0),
            rate(80, 101 * S, "rule:shed", 64.0),
            rate(81, 60 * S, "operator", 5.0),
            rate(81, 59 * S, "operator", 5.0),
        ];
        let verdicts = [
            verdict(100 * S, "drop", "3"),
            verdict(101 * S, "drop", "7"),
            verdict(101 * S, "pass", "9"),
        ];
        let found = json!({"resourceMetrics": [{
            "resource": {"attributes": [{"key": "host.name", "value": {"stringValue": "a"}}]},
            "scopeMetrics": [{"metrics": [
                {"name": "medulla.limit.rate", "gauge": {"dataPoints": rates}},
                {"name": "medulla.limit.verdicts", "unit": "By", "sum": {"dataPoints": verdicts}},
            ]}],
        }]});
        let mut limits = Limits::default();
        limits.read(&found);
        let shown = limits.show(102 * S, 10);
        assert_eq!(shown.len(), 2);
        let (first, second) = (&shown[0], &shown[1]);
        assert_eq!((&first["host"], &first["source"]), (&"a".into(), &"rule:shed".into()));
        assert_eq!((&first["rate_per_s"], &first["unit"]), (&64.0.into(), &"bytes".into()));
        assert_eq!((&first["passed"], &first["dropped"]), (&9.into(), &7.into()));
        assert_eq!((&first["enforced"], &second["enforced"]), (&true.into(), &false.into()));
        assert_eq!(second["target"]["port"], 81);
        assert_eq!(limits.show(102 * S, 1).len(), 1);
    }
}
