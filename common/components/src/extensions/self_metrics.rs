//! Our own counters for Prometheus to pull, at `/metrics`.

use std::sync::Arc;

use pipeline::Stats;
use transport::StatusCode;

use super::serve::{Page, Pages};

/// The page `/metrics`.
pub(crate) struct Metrics(pub(crate) Arc<Stats>);

impl Pages for Metrics {
    fn page(&self, path: &str) -> Option<Page> {
        (path == "/metrics").then(|| Page {
            status: StatusCode::OK,
            kind: "text/plain; version=0.0.4; charset=utf-8",
            text: self.0.prometheus(),
        })
    }
}
