//! The extension `health_check`.

use super::error::{Code, quote};
use super::quantity::Address;
use super::section::Section;

/// Settings of the extension `health_check`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HealthCheck {
    /// Where to listen, localhost:13133 by default.
    pub endpoint: Address,
    /// The path that answers as the Collector's does, `/` by default.
    pub path: String,
}

impl HealthCheck {
    /// Reads the section.
    pub fn read(section: &Section<'_>) -> Self {
        section.not_built_yet(&["check_collector_pipeline", "response_body"]);
        section.not_built_yet(&[
            "auth",
            "compression_algorithms",
            "cors",
            "idle_timeout",
            "include_metadata",
            "keep_alives_enabled",
            "keepalive",
            "max_request_body_size",
            "middlewares",
            "read_header_timeout",
            "read_timeout",
            "response_headers",
            "tls",
            "write_timeout",
        ]);
        let path = section.string("path", "/");
        if !path.starts_with('/') {
            let message = format!("{}, expected a path such as /health", quote(&path));
            section.error("path", Code::BadValue, message);
        }
        Self { endpoint: section.address("endpoint", "localhost:13133"), path }
    }
}
