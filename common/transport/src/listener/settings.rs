//! How long connections live, and how much goes on over one at a time.

use std::time::Duration;

use super::{HEAD_TIMEOUT, STREAMS};

/// The bounds of a server's connections. By default they end when idle for [`HEAD_TIMEOUT`] (HTTP/1) or when they
/// do not answer a ping (h2), at no age.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionSettings {
    /// HTTP/1: how long the head of a request may take from its first byte on.
    pub head_timeout: Duration,
    /// HTTP/1: how long a connection may wait for the next request.
    pub idle_timeout: Duration,
    /// HTTP/1: whether a connection may bring another request.
    pub keep_alives: bool,
    /// h2: requests at a time.
    pub streams: u32,
    /// h2: how long a peer may be silent before it is asked for a sign of life.
    pub ping_interval: Duration,
    /// h2: how long it may take to give one.
    pub ping_timeout: Duration,
    /// h2: how long a connection may be without a request; `None` is for ever.
    pub max_idle: Option<Duration>,
    /// h2: how old a connection becomes, a tenth more or less; then it is told to go, and requests in progress end.
    pub max_age: Option<Duration>,
    /// h2: how long they may take to; `None` is for ever.
    pub max_age_grace: Option<Duration>,
}

impl Default for ConnectionSettings {
    fn default() -> Self {
        Self {
            head_timeout: HEAD_TIMEOUT,
            idle_timeout: HEAD_TIMEOUT,
            keep_alives: true,
            streams: STREAMS,
            ping_interval: HEAD_TIMEOUT,
            ping_timeout: Duration::from_secs(20),
            max_idle: None,
            max_age: None,
            max_age_grace: None,
        }
    }
}
