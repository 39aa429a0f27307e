//! Keys that say how a server keeps its connections.

use std::time::Duration;

use transport::listener::ConnectionSettings;

use crate::config::client::LONGEST;
use crate::config::section::Section;

/// Reads `max_concurrent_streams` and `keepalive` of a gRPC server. Zero means the default of gRPC, which is no
/// limit for all but pings; ours answer for 60 s and for [`transport::listener::STREAMS`].
pub(super) fn grpc(section: &Section<'_>) -> ConnectionSettings {
    let mut settings = ConnectionSettings::default();
    let streams = section.u64_in("max_concurrent_streams", 0, 0..=u64::from(u32::MAX));
    if streams > 0 {
        settings.streams = u32::try_from(streams).unwrap_or(u32::MAX);
    }
    let keepalive = section.sub("keepalive");
    let server = keepalive.sub("server_parameters");
    let given = |key| {
        let given = server.duration(key, Duration::ZERO);
        (!given.is_zero()).then(|| given.min(LONGEST))
    };
    settings.max_idle = given("max_connection_idle");
    settings.max_age = given("max_connection_age");
    settings.max_age_grace = given("max_connection_age_grace");
    if let Some(time) = given("time") {
        // As grpc-go has it.
        settings.ping_interval = time.max(Duration::from_secs(1));
    }
    if let Some(timeout) = given("timeout") {
        settings.ping_timeout = timeout;
    }
    // Whoever pings often is not sent away here, so there is nothing to enforce.
    let policy = keepalive.sub("enforcement_policy");
    policy.duration("min_time", Duration::ZERO);
    policy.bool("permit_without_stream", false);
    settings
}

/// Reads `idle_timeout`, `read_header_timeout` and `keep_alives_enabled` of an HTTP server.
pub(super) fn http(section: &Section<'_>) -> ConnectionSettings {
    let usual = ConnectionSettings::default();
    let bounded = |key, usual| {
        let given = section.duration(key, usual);
        if given.is_zero() { LONGEST } else { given.min(LONGEST) }
    };
    ConnectionSettings {
        head_timeout: bounded("read_header_timeout", usual.head_timeout),
        idle_timeout: bounded("idle_timeout", usual.idle_timeout),
        keep_alives: section.bool("keep_alives_enabled", true),
        ..usual
    }
}
