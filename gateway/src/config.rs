//! What a gateway is made of, and what it runs without a configuration.

use components::config::catalog::any_keys;
use components::config::shared::SHARED;
use components::config::{Catalog, Class, Kind, OwnSection, Stability};
use components::process::Program;

/// The gateway as a program.
pub const PROGRAM: Program = Program {
    name: "medulla-gateway",
    default_config: DEFAULT,
    catalog: Catalog { kinds: &[SHARED, OWN], sections: SECTIONS },
    extra_bytes: 0,
};

const AGENT: &str = "medulla-agent";

const OWN: &[Kind] = &[
    Kind::elsewhere(Class::Receiver, "kernel", AGENT),
    Kind::elsewhere(Class::Receiver, "reflex", AGENT),
    Kind::planned(Class::Exporter, "store"),
];

const SECTIONS: &[OwnSection] = &[
    planned("store"),
    planned("query"),
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
