//! Our own telemetry as Prometheus text, and the law that its numbers must obey.

use crate::client::HttpClient;
use crate::{Signal, eventually};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

/// One scrape: every sample by name and labels.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    samples: Vec<(String, BTreeMap<String, String>, f64)>,
}

impl Metrics {
    /// What a process says of itself at this address.
    pub async fn scrape(address: SocketAddr) -> Self {
        let answer = HttpClient::connect(address).await.get("/metrics").await;
        Self::parse(&String::from_utf8_lossy(&answer.body))
    }

    /// The same as soon as `is_so` holds for it.
    ///
    /// # Panics
    /// When it does not in time.
    pub async fn once(address: SocketAddr, what: &str, is_so: impl Fn(&Self) -> bool) -> Self {
        eventually(what, async || Some(Self::scrape(address).await).filter(&is_so)).await
    }

    /// Reads the text format; lines that are not samples are left out.
    pub fn parse(text: &str) -> Self {
        let lines = text.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty());
        Self { samples: lines.filter_map(sample).collect() }
    }

    /// The sum of a metric over all samples that carry these labels. A counter is found with and
    /// without `_total`.
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let named = |found: &str| found == name || found.strip_suffix("_total") == Some(name);
        let carries = |found: &BTreeMap<String, String>| {
            labels.iter().all(|(key, value)| found.get(*key).map(String::as_str) == Some(*value))
        };
        let matching = self.samples.iter().filter(|(found, has, _)| named(found) && carries(has));
        matching.map(|(_, _, value)| value).sum()
    }

    /// Records of a signal whose senders heard success, all receivers together.
    pub fn accepted(&self, signal: Signal) -> f64 {
        self.sum(&format!("otelcol_receiver_accepted_{}", signal.noun()), &[])
    }

    /// Records of a signal whose senders heard a refusal.
    pub fn refused(&self, signal: Signal) -> f64 {
        self.sum(&format!("otelcol_receiver_refused_{}", signal.noun()), &[])
    }

    /// The conservation law at rest, per signal and exporter: accepted + delivered after refusal =
    /// sent + queued + dropped, with nothing queued. Holds for configurations in which every
    /// receiver feeds every exporter of its signal, through the same processors.
    ///
    /// # Errors
    /// The first equation that does not hold, with its numbers.
    pub fn balance(&self) -> Result<(), String> {
        for signal in Signal::ALL {
            for exporter in self.exporters(signal) {
                self.balance_of(signal, &exporter)?;
            }
        }
        Ok(())
    }

    fn balance_of(&self, signal: Signal, exporter: &str) -> Result<(), String> {
        let ours = [("signal", signal.name()), ("exporter", exporter)];
        let accepted = self.accepted(signal);
        let late = self.sum("medulla_delivered_after_refusal_items", &ours);
        let name = format!("otelcol_exporter_sent_{}", signal.noun());
        let sent = self.sum(&name, &[("exporter", exporter)]);
        let queued = self.sum("medulla_queued_items", &ours);
        let dropped_at = |component: &str| {
            let labels = [("signal", signal.name()), ("component", component)];
            self.sum("medulla_dropped_items", &labels)
        };
        let others = self.exporters(signal).into_iter().filter(|other| other != exporter);
        let all = self.sum("medulla_dropped_items", &[("signal", signal.name())]);
        let dropped = all - others.map(|other| dropped_at(&other)).sum::<f64>();
        let holds = accepted + late == sent + queued + dropped && queued == 0.0;
        let numbers = format!(
            "{} {exporter}: accepted {accepted} + late {late} = sent {sent} + queued {queued} + \
             dropped {dropped}",
            signal.name()
        );
        if holds { Ok(()) } else { Err(numbers) }
    }

    fn exporters(&self, signal: Signal) -> BTreeSet<String> {
        let of_signal = self.samples.iter().filter(|(name, labels, _)| {
            name == "medulla_queued_items"
                && labels.get("signal").is_some_and(|found| found == signal.name())
        });
        of_signal.filter_map(|(_, labels, _)| labels.get("exporter").cloned()).collect()
    }
}

/// `name{label="value",...} 1.5`
fn sample(line: &str) -> Option<(String, BTreeMap<String, String>, f64)> {
    let (head, value) = line.rsplit_once(' ')?;
    let (name, labels) = match head.split_once('{') {
        Some((name, rest)) => (name, parse_labels(rest.strip_suffix('}')?)),
        None => (head, BTreeMap::new()),
    };
    Some((name.to_owned(), labels, value.parse().ok()?))
}

/// `key="value",key="value"`; values may hold escaped quotes, backslashes and line ends.
fn parse_labels(mut text: &str) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::new();
    while let Some((key, rest)) = text.split_once("=\"") {
        let (value, rest) = unquote(rest);
        labels.insert(key.trim_matches([',', ' ']).to_owned(), value);
        text = rest;
    }
    labels
}

/// The text up to the closing quote, and what is behind it.
fn unquote(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((index, character)) = characters.next() {
        match character {
            '"' => return (value, &text[index + 1..]),
            '\\' => match characters.next() {
                Some((_, 'n')) => value.push('\n'),
                Some((_, escaped)) => value.push(escaped),
                None => break,
            },
            character => value.push(character),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
# TYPE otelcol_receiver_accepted_spans_total counter
otelcol_receiver_accepted_spans_total{receiver=\"otlp\",transport=\"http\"} 7
otelcol_receiver_accepted_spans_total{receiver=\"otlp\",transport=\"grpc\"} 3
otelcol_exporter_sent_spans_total{exporter=\"otlp_http\"} 9
medulla_queued_items{signal=\"traces\",exporter=\"otlp_http\"} 0
medulla_dropped_items_total{signal=\"traces\",component=\"otlp_http\",reason=\"error\"} 1
";

    #[test]
    fn labels_may_hold_anything() {
        let metrics = Metrics::parse(r#"x_total{a="set(b, \"c\\n\")",d="e"} 2"#);
        assert_eq!(metrics.sum("x", &[("a", r#"set(b, "c\n")"#), ("d", "e")]), 2.0);
    }

    #[test]
    fn samples_are_summed_by_labels() {
        let metrics = Metrics::parse(TEXT);
        assert_eq!(metrics.accepted(Signal::Traces), 10.0);
        let http = [("transport", "http")];
        assert_eq!(metrics.sum("otelcol_receiver_accepted_spans", &http), 7.0);
        assert_eq!(metrics.sum("nothing", &[]), 0.0);
    }

    #[test]
    fn the_law_is_checked_per_exporter() {
        assert_eq!(Metrics::parse(TEXT).balance(), Ok(()));
        let broken =
            TEXT.replace("_total{exporter=\"otlp_http\"} 9", "_total{exporter=\"otlp_http\"} 8");
        assert!(Metrics::parse(&broken).balance().unwrap_err().starts_with("traces otlp_http"));
    }
}
