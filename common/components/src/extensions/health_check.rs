//! The extension `health_check`: the Collector's page, `/livez` and `/readyz`.
//!
//! Live means that the process answers. Ready means that every backend took data within the last
//! 30 s, or that nobody has sent any; the answer names the backends that did not.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use pipeline::Stats;
use transport::StatusCode;

use super::serve::{Page, Pages, Serving};
use crate::component::{BoxFuture, BuildError, Context, Extension};
use crate::config::ComponentConfig;
use crate::config::health_check::HealthCheck;
use crate::time::rfc3339;

/// How long a backend may take nothing before the process is not ready.
const PATIENCE: Duration = Duration::from_secs(30);

/// Builds the extension and begins to serve.
pub(crate) fn build(
    config: &ComponentConfig,
    context: &Context,
) -> Result<Arc<dyn Extension>, BuildError> {
    let settings = config.read(HealthCheck::read);
    let refused = |error: String| BuildError::at(config, "endpoint", error);
    let socket = context.ports.bind(config.id.as_str(), &settings.endpoint).map_err(refused)?;
    let pages = Health {
        path: settings.path,
        stats: context.stats.clone(),
        since: SystemTime::now(),
        begun: Instant::now(),
    };
    let serving = Serving::start(config.id.as_str(), socket, pages);
    Ok(Arc::new(serving.map_err(|error| refused(error.to_string()))?))
}

struct Health {
    path: String,
    stats: Arc<Stats>,
    since: SystemTime,
    begun: Instant,
}

impl Pages for Health {
    fn page(&self, path: &str) -> Option<Page> {
        match path {
            "/livez" => Some(text(StatusCode::OK, "ok\n".to_owned())),
            "/readyz" => Some(self.readiness()),
            path if path == self.path => Some(self.status()),
            _ => None,
        }
    }
}

impl Health {
    /// The Collector's `{"status":"Server available",...}`.
    fn status(&self) -> Page {
        let body = serde_json::json!({
            "status": "Server available",
            "upSince": rfc3339(self.since),
            "uptime": format!("{:.3}s", self.begun.elapsed().as_secs_f64()),
        });
        Page { status: StatusCode::OK, kind: "application/json", text: body.to_string() }
    }

    fn readiness(&self) -> Page {
        let mut failing = self.stats.failing_backends();
        failing.retain(|(_, since)| since.elapsed() >= PATIENCE);
        if failing.is_empty() {
            return text(StatusCode::OK, "ok\n".to_owned());
        }
        let mut lines: Vec<String> = failing
            .iter()
            .map(|(id, since)| {
                format!("exporter {id} has delivered nothing for {} s\n", since.elapsed().as_secs())
            })
            .collect();
        lines.sort();
        text(StatusCode::SERVICE_UNAVAILABLE, lines.concat())
    }
}

impl Extension for Serving {
    fn stop(&self, deadline: tokio::time::Instant) -> BoxFuture<'_, ()> {
        Box::pin(Serving::stop(self, deadline))
    }
}

fn text(status: StatusCode, text: String) -> Page {
    Page { status, kind: "text/plain; charset=utf-8", text }
}
