//! Alerts to a webhook in the form of Alertmanager's API v2.
//!
//! A firing alert is sent again every minute with an end three minutes ahead, so that it ends by itself if we
//! do; a resolved one is sent once more with its end. Each sending is tried [`TRIES`] times within half a minute;
//! a firing alert whose sending failed is sent anew as long as it fires.

use std::time::{Duration, SystemTime};

use components::time::rfc3339;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Certificate, Client, Url};
use serde_json::{Value, json};

use crate::https::{self, told};

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
/// How much of a refusal is shown.
const SHOWN_MAX_BYTES: usize = 200;

/// Where alerts go.
#[derive(Clone, Debug)]
pub struct Webhook {
    client: Client,
    endpoint: Url,
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
    /// A webhook at an `http` or `https` URL. Its certificate is judged by the system's roots (those in the file
    /// that the variable `SSL_CERT_FILE` names, if it is set) and these, in PEM.
    ///
    /// # Errors
    /// If that is no such URL, or there is no root to judge by.
    pub fn new(endpoint: &str, roots: Option<&[u8]>) -> Result<Self, String> {
        let expected = || format!("{endpoint:?}, expected http(s)://HOST:PORT/api/v2/alerts");
        let endpoint = Url::parse(endpoint).map_err(|_| expected())?;
        if !matches!(endpoint.scheme(), "http" | "https") || !endpoint.has_host() {
            return Err(expected());
        }
        let headers =
            HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
        let mut client = https::client().default_headers(headers).timeout(PATIENCE);
        if endpoint.scheme() == "http" {
            // A host without any roots can do this, too.
            client = client.tls_certs_only([]);
        } else if let Some(pem) = roots {
            let roots = Certificate::from_pem_bundle(pem).map_err(|error| told(&error))?;
            client = client.tls_certs_merge(roots);
        }
        let client = client.build().map_err(|error| told(&error))?;
        Ok(Self { client, endpoint })
    }

    /// Sends an alert again and again until it is dropped. A sending that fails is told once, until one has
    /// succeeded again.
    pub async fn fire(&self, message: &Message, failed: impl Fn(String)) {
        let mut is_told = false;
        loop {
            let ends = SystemTime::now() + ENDS_AFTER;
            let sent = self.send(&body(message, ends)).await;
            let pause = if sent.is_ok() { REPEAT_EVERY } else { AGAIN_AFTER };
            let was_told = std::mem::replace(&mut is_told, sent.is_err());
            if let Err(error) = sent
                && !was_told
            {
                failed(error);
            }
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
        let request = self.client.post(self.endpoint.clone()).body(text.to_owned());
        let mut reply =
            request.send().await.map_err(|error| format!("the webhook: {}", told(&error)))?;
        if reply.status().is_success() {
            return Ok(());
        }
        let why = reply.chunk().await.ok().flatten().unwrap_or_default();
        let why = String::from_utf8_lossy(&why[..why.len().min(SHOWN_MAX_BYTES)]).into_owned();
        Err(format!("the webhook answered {}: {}", reply.status(), why.trim()))
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
    fn endpoints_are_urls() {
        let check = |endpoint: &str, expect: bool| {
            assert_eq!(Webhook::new(endpoint, None).is_ok(), expect, "{endpoint}");
        };
        check("http://127.0.0.1:9093/api/v2/alerts", true);
        check("http://alerts", true);
        check("https://alerts/", true);
        check("alerts:9093", false);
        check("file:///etc/passwd", false);
        check("", false);
    }
}
