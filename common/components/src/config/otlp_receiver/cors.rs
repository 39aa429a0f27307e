//! `cors` of a server: which pages of other origins may send to it (the Fetch standard, CORS protocol).

use crate::config::client;
use crate::config::section::Section;

/// Settings of CORS, in the Collector's keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cors {
    /// Origins such as `https://*.example.com`, in lower case; `*` is any.
    pub allowed_origins: Vec<String>,
    /// Names of request headers, in lower case; `*` is any. Never empty.
    pub allowed_headers: Vec<String>,
    /// Names of response headers that pages may read.
    pub exposed_headers: Vec<String>,
    /// Seconds for which a browser remembers what it was allowed; zero says nothing of it, less forbids it.
    pub max_age: i64,
}

/// Headers that are allowed where none are named.
const USUAL_HEADERS: [&str; 3] = ["accept", "content-type", "x-requested-with"];
const YEAR_SECONDS: i64 = 366 * 24 * 3600;

impl Cors {
    /// Reads `cors`; nothing where no origin is allowed, as in the Collector.
    pub fn read(server: &Section<'_>) -> Option<Self> {
        let section = server.sub("cors");
        let lower = |key| -> Vec<String> {
            section.strings(key).iter().map(|text| text.to_ascii_lowercase()).collect()
        };
        let mut allowed_headers = lower("allowed_headers");
        if allowed_headers.is_empty() {
            allowed_headers = USUAL_HEADERS.map(str::to_owned).to_vec();
        }
        let cors = Self {
            allowed_origins: lower("allowed_origins"),
            allowed_headers,
            exposed_headers: client::header_names(&section, "exposed_headers"),
            max_age: section.i64_in("max_age", 0, -1..=YEAR_SECONDS),
        };
        (!cors.allowed_origins.is_empty()).then_some(cors)
    }
}
