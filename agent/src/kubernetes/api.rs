//! The API server: two calls, each bounded in time and size, with what it says when it refuses.

use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Certificate, Client, RequestBuilder, Url};
use serde_json::json;

use super::pods::{Pod, Pods};
use crate::https::{self, told};

/// How long one call may take.
const CALL_WITHIN: Duration = Duration::from_secs(5);
/// The largest answer.
const ANSWER_MAX_BYTES: usize = 16 << 20;

/// An API server and who we are to it.
pub(super) struct Api {
    client: Client,
    server: Url,
}

impl Api {
    /// The server at this URL, judged by these roots in PEM.
    pub(super) fn new(server: &str, token: &str, roots: &[u8]) -> Result<Self, String> {
        let server = Url::parse(server).map_err(|error| format!("{server}: {error}"))?;
        let bearer = HeaderValue::from_str(&format!("Bearer {}", token.trim()));
        let mut bearer = bearer.map_err(|_| "the token is no text".to_owned())?;
        bearer.set_sensitive(true);
        let roots = Certificate::from_pem_bundle(roots);
        let roots = roots.map_err(|error| format!("ca.crt: {}", told(&error)))?;
        let client = https::client()
            .default_headers(HeaderMap::from_iter([(AUTHORIZATION, bearer)]))
            .tls_certs_only(roots)
            .no_proxy()
            .timeout(CALL_WITHIN);
        let client = client.build().map_err(|error| told(&error))?;
        Ok(Self { client, server })
    }

    /// Pods that a label selector and a field selector find.
    pub(super) async fn pods(
        &self,
        namespace: &str,
        labels: &str,
        fields: &str,
    ) -> Result<Vec<Pod>, String> {
        let mut url = self.url(namespace, None);
        url.query_pairs_mut().append_pair("labelSelector", labels);
        if !fields.is_empty() {
            url.query_pairs_mut().append_pair("fieldSelector", fields);
        }
        let text = call("list pods", self.client.get(url)).await?;
        let pods: Pods = serde_json::from_slice(&text)
            .map_err(|error| format!("cannot list pods: no list of pods: {error}"))?;
        Ok(pods.items)
    }

    /// Ends a pod that may take this long to do it itself.
    pub(super) async fn delete(
        &self,
        namespace: &str,
        pod: &Pod,
        grace: Duration,
    ) -> Result<(), String> {
        let options = json!({
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "gracePeriodSeconds": grace.as_secs(),
            // Another pod by the same name is not meant.
            "preconditions": {"uid": pod.metadata.uid},
        });
        let request = self.client.delete(self.url(namespace, Some(&pod.metadata.name)));
        let request = request.header(CONTENT_TYPE, "application/json").body(options.to_string());
        call("delete the pod", request).await.map(drop)
    }

    fn url(&self, namespace: &str, pod: Option<&str>) -> Url {
        let mut url = self.server.clone();
        let parts = ["api", "v1", "namespaces", namespace, "pods"];
        url.path_segments_mut()
            .expect("https has a path")
            .clear()
            .extend(parts.into_iter().chain(pod));
        url
    }
}

/// A call's answer, or why there is none.
async fn call(what: &str, request: RequestBuilder) -> Result<Vec<u8>, String> {
    let failed = |error: reqwest::Error| format!("cannot {what}: {}", told(&error.without_url()));
    let mut response = request.send().await.map_err(failed)?;
    let status = response.status();
    let mut text = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(failed)? {
        if text.len() + chunk.len() > ANSWER_MAX_BYTES {
            return Err(format!(
                "cannot {what}: the answer is larger than {ANSWER_MAX_BYTES} bytes"
            ));
        }
        text.extend_from_slice(&chunk);
    }
    match status.is_success() {
        true => Ok(text),
        false => Err(format!("cannot {what}: {status}: {}", message(&text))),
    }
}

/// What a `Status` object says, else the beginning of what came.
fn message(text: &[u8]) -> String {
    let status: serde_json::Value = serde_json::from_slice(text).unwrap_or_default();
    let said = String::from_utf8_lossy(text);
    let said = status["message"].as_str().unwrap_or(&said);
    said.chars().filter(|c| !c.is_control()).take(160).collect()
}
