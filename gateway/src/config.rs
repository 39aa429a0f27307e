//! What a gateway is made of, and what it runs without a configuration.

use components::config::catalog::{any_keys, nothing_more};
use components::config::shared::SHARED;
use components::config::{Catalog, Class, Kind, OwnSection, Section, Stability};
use components::process::Program;

use crate::query::{self, QuerySettings};
use crate::store::{self, StoreSettings};

/// The gateway as a program.
pub const PROGRAM: Program = Program {
    name: "medulla-gateway",
    default_config: DEFAULT,
    catalog: Catalog { kinds: &[SHARED, OWN], sections: SECTIONS, check_whole: nothing_more },
    extra_bytes: STORE_BYTES + ANSWER_BYTES,
};

/// SQLite's page caches: the writer's and each reader's.
const STORE_BYTES: u64 = store::CACHE_BYTES as u64;
/// Answers of the query API: a bounded one as bytes, then as JSON, which is four times as long.
const ANSWER_BYTES: u64 = (query::ANSWERS * store::MAX_ANSWER_BYTES * 5) as u64;

const AGENT: &str = "medulla-agent";

const OWN: &[Kind] = &[
    Kind::elsewhere(Class::Receiver, "kernel", AGENT),
    Kind::elsewhere(Class::Receiver, "hostmetrics", AGENT).aliased(&["host_metrics"]),
    Kind::elsewhere(Class::Receiver, "reflex", AGENT),
    Kind::stable(Class::Exporter, "store", no_keys),
];

const SECTIONS: &[OwnSection] = &[
    OwnSection { name: "store", stability: Stability::Stable, check: store_section },
    OwnSection { name: "query", stability: Stability::Stable, check: query_section },
    planned("fleet"),
    elsewhere("limits"),
    elsewhere("reflex"),
];

const fn planned(name: &'static str) -> OwnSection {
    OwnSection { name, stability: Stability::NotBuiltIn, check: any_keys }
}

const fn elsewhere(name: &'static str) -> OwnSection {
    OwnSection { name, stability: Stability::Elsewhere(AGENT), check: any_keys }
}

/// The exporter `store` has no keys of its own: there is one store.
fn no_keys(_: &Section<'_>) {}

fn store_section(section: &Section<'_>) {
    StoreSettings::read(section);
}

fn query_section(section: &Section<'_>) {
    QuerySettings::read(section);
}

const DEFAULT: &str = "\
receivers:
  otlp:
    protocols:
      grpc: { endpoint: 127.0.0.1:4317 }
      http: { endpoint: 127.0.0.1:4318 }
exporters:
  store: {}
extensions:
  health_check: { endpoint: 127.0.0.1:13133 }
store: {}
query: {}
service:
  extensions: [health_check]
  pipelines:
    traces: { receivers: [otlp], exporters: [store] }
    metrics: { receivers: [otlp], exporters: [store] }
    logs: { receivers: [otlp], exporters: [store] }
";
