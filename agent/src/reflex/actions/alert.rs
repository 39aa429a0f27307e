//! Alerts to a webhook in the form of Alertmanager's API v2.
//!
//! A firing alert is sent again every minute with an end three minutes ahead, so that it ends by itself if we
//! do; a resolved one is sent once more with its end. Each sending is tried [`TRIES`] times within half a minute;
//! a firing alert whose sending failed is sent anew as long as it fires.

use std::time::{Duration, SystemTime};

use components::time::rfc3339;
use http::{HeaderMap, HeaderValue, header};
use serde_json::{Value, json};
use transport::client::{Client, Protocol};
use transport::http::Body;

/// How often a firing alert is sent.
const REPEAT_EVERY: Duration = Duration::from_secs(60);
/// How soon after a sending that failed.
const AGAIN_AFTER: Duration = Duration::from_secs(5);
/// How far ahead its end lies.
const ENDS_AFTER: Duration = Duration::from_secs(180);
/// How often one sending is tried.
pub const TRIES: u32 = 5;
/// How long one try may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// Largest answer.
const ANSWER_MAX_BYTES: usize = 64 << 10;

/// Where alerts go.
#[derive(Clone, Debug)]
pub struct Webhook {
    client: Client,
    path: String,
}

/// What one alert says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The rule.
    pub rule: String,
    /// `info`, `warning` or `critical`.
    pub severity: &'static str,
    /// What people read first.
    pub summary: String,
    /// The signals.
    pub description: String,
    /// This host.
    pub host: String,
    /// Since when.
    pub since: SystemTime,
}

impl Webhook {
    /// A webhook; `None` if the endpoint is not `http://HOST[:PORT]/PATH`.
    pub fn new(endpoint: &str) -> Option<Self> {
        let uri: http::Uri = endpoint.parse().ok()?;
        let host = uri.host().filter(|_| uri.scheme_str() == Some("http"))?;
        let authority = format!("{host}:{}", uri.port_u16().unwrap_or(80));
        let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        Some(Self { client: Client::new(authority, Protocol::Http1, ANSWER_MAX_BYTES), path })
    }

    /// Sends an alert again and again until it is dropped. A sending that fails is told once, until one has
    /// succeeded again.
    pub async fn fire(&self, message: &Message, failed: impl Fn(String)) {
        let mut is_told = false;
        loop {
            let ends = SystemTime::now() + ENDS_AFTER;
            let sent = self.send(&body(message, ends)).await;
            let pause = if sent.is_ok() { REPEAT_EVERY } else { AGAIN_AFTER };
            is_told = match sent {
                Ok(()) => false,
                Err(error) if !is_told => {
                    failed(error);
                    true
                }
                Err(_) => true,
            };
            tokio::time::sleep(pause).await;
        }
    }

    /// Tells that it is over.
    pub async fn resolve(&self, message: &Message) -> Result<(), String> {
        self.send(&body(message, SystemTime::now())).await
    }

    async fn send(&self, body: &Value) -> Result<(), String> {
        let text = body.to_string();
        let mut pause = Duration::from_secs(1);
        for _ in 1..TRIES {
            if self.try_once(&text).await.is_ok() {
                return Ok(());
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
        self.try_once(&text).await
    }

    async fn try_once(&self, text: &str) -> Result<(), String> {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let sending = self.client.post(&self.path, headers, Body::full(text.to_owned()));
        match tokio::time::timeout(PATIENCE, sending).await {
            Ok(Ok(reply)) if reply.status.is_success() => Ok(()),
            Ok(Ok(reply)) => Err(format!("the webhook answered {}", reply.status)),
            Ok(Err(error)) => Err(format!("the webhook: {error}")),
            Err(_) => Err("the webhook did not answer in time".to_owned()),
        }
    }
}

fn body(message: &Message, ends: SystemTime) -> Value {
    json!([{
        "labels": {
            "alertname": message.rule,
            "severity": message.severity,
            "instance": message.host,
            "source": "medulla",
        },
        "annotations": { "summary": message.summary, "description": message.description },
        "startsAt": rfc3339(message.since),
        "endsAt": rfc3339(ends),
    }])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_split() {
        let check = |endpoint: &str, expect: Option<&str>| {
            let path = Webhook::new(endpoint).map(|webhook| webhook.path);
            assert_eq!(path.as_deref(), expect, "{endpoint}");
        };
        check("http://127.0.0.1:9093/api/v2/alerts", Some("/api/v2/alerts"));
        check("http://alerts", Some("/"));
        check("https://alerts/", None);
        check("alerts:9093", None);
    }
}
