//! What an agent is made of, its own settings, and what it runs without a configuration.

use std::time::Duration;

use components::config::catalog::any_keys;
use components::config::shared::SHARED;
use components::config::{
    Catalog, Class, Code, Config, Field, Kind, OwnSection, Section, Stability,
};
use components::process::Program;
use otlp::Signal;

use crate::receivers::hostmetrics::Settings as HostMetrics;
use crate::reflex::settings;

/// The agent as a program.
pub const PROGRAM: Program = Program {
    name: "medulla-agent",
    default_config: DEFAULT,
    catalog: Catalog { kinds: &[SHARED, OWN], sections: SECTIONS, check_whole: settings::check },
    extra_bytes: 4 << 20,
};

/// Cgroups of one receiver.
const CGROUPS_MAX: usize = 256;

const GATEWAY: &str = "medulla-gateway";

const OWN: &[Kind] = &[
    Kind::stable(Class::Receiver, "kernel", kernel).carrying(&[Signal::Metrics]),
    Kind::stable(Class::Receiver, "hostmetrics", host_metrics)
        .carrying(&[Signal::Metrics])
        .aliased(&["host_metrics"]),
    Kind::stable(Class::Receiver, "reflex", no_keys).carrying(&[Signal::Logs]),
    Kind::elsewhere(Class::Exporter, "store", GATEWAY),
];

const SECTIONS: &[OwnSection] = &[
    OwnSection { name: "limits", stability: Stability::Stable, check: limits },
    OwnSection { name: "reflex", stability: Stability::Stable, check: reflex },
    elsewhere("store"),
    elsewhere("query"),
    elsewhere("fleet"),
];

const fn elsewhere(name: &'static str) -> OwnSection {
    OwnSection { name, stability: Stability::Elsewhere(GATEWAY), check: any_keys }
}

const DEFAULT: &str = "\
receivers:
  otlp:
    protocols:
      grpc: { endpoint: 127.0.0.1:4317 }
      http: { endpoint: 127.0.0.1:4318 }
  kernel: {}
processors:
  batch: {}
exporters:
  otlp_grpc:
    endpoint: ${env:MEDULLA_GATEWAY:-127.0.0.1:14317}
    tls: { insecure: true }
extensions:
  health_check: { endpoint: 127.0.0.1:13133 }
service:
  extensions: [health_check]
  pipelines:
    traces: { receivers: [otlp], processors: [batch], exporters: [otlp_grpc] }
    metrics: { receivers: [otlp, kernel], processors: [batch], exporters: [otlp_grpc] }
    logs: { receivers: [otlp], processors: [batch], exporters: [otlp_grpc] }
";

/// Most ports that are watched: the kernel's slots but the one that means none.
const WATCHES_MAX: usize = kernel_abi::layout::WATCHES_MAX as usize - 1;

/// Settings of the receiver `kernel`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kernel {
    /// Interfaces to cover; `auto` among them stands for the rule of the contract.
    pub interfaces: Vec<String>,
    /// Ports whose latency is sampled.
    pub ports: Vec<u16>,
    /// Those of them whose first exchange is a TLS handshake.
    pub tls_ports: Vec<u16>,
    /// How often metrics are made.
    pub collection_interval: Duration,
    /// Whether latency is sampled at all.
    pub latency: bool,
    /// Cgroups whose CPU time is reported, by their paths under the hierarchy's root.
    pub cgroups: Vec<String>,
    /// Whether answers are looked into for an HTTP/1 status.
    pub http_status: bool,
    /// Whether waits for a CPU are timed while the host is busy.
    pub run_queue: bool,
}

impl Kernel {
    /// Reads the section.
    pub fn read(section: &Section<'_>) -> Self {
        let mut ports = ports(section, "ports");
        let tls_ports = self::ports(section, "tls_ports");
        ports.extend(
            tls_ports.iter().copied().filter(|port| !ports.contains(port)).collect::<Vec<_>>(),
        );
        if ports.len() > WATCHES_MAX {
            let message = format!("{} ports, expected at most {WATCHES_MAX}", ports.len());
            section.error("ports", Code::TooLarge, message);
        }
        let interfaces: Vec<String> =
            section.list("interfaces").iter().filter_map(interface).collect();
        Self {
            interfaces: match section.has("interfaces") {
                true => interfaces,
                false => vec!["auto".to_owned()],
            },
            ports,
            tls_ports,
            collection_interval: section.duration_in(
                "collection_interval",
                Duration::from_secs(1),
                Duration::from_millis(100)..=Duration::from_secs(3600),
            ),
            latency: section.bool("latency", true),
            cgroups: cgroups(section),
            http_status: section.bool("http_status", false),
            run_queue: section.bool("run_queue", false),
        }
    }

    /// The settings of the first receiver `kernel` that a pipeline uses, else the defaults.
    pub fn of(config: &Config) -> Self {
        let used = |id| config.pipelines.iter().any(|pipeline| pipeline.receivers.contains(id));
        let mut receivers = config.receivers.iter().filter(|section| section.kind.name == "kernel");
        match receivers.find(|section| used(&section.id)) {
            Some(section) => section.read(Self::read),
            None => Self {
                interfaces: vec!["auto".to_owned()],
                ports: Vec::new(),
                tls_ports: Vec::new(),
                collection_interval: Duration::from_secs(1),
                latency: true,
                cgroups: Vec::new(),
                http_status: false,
                run_queue: false,
            },
        }
    }
}

/// Settings of the section `limits`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Ports never limited, besides 22 and our own.
    pub protected: Vec<u16>,
    /// Longest lease.
    pub max_lease: Duration,
}

impl Limits {
    /// Reads the section.
    pub fn read(section: &Section<'_>) -> Self {
        let day = crate::limits::LEASE_MAX;
        Self {
            protected: ports(section, "protected"),
            max_lease: section.duration_in("max_lease", day, Duration::from_secs(1)..=day),
        }
    }
}

fn ports(section: &Section<'_>, key: &'static str) -> Vec<u16> {
    let port =
        |field: &Field<'_>| field.u64_in(1..=65_535).and_then(|port| u16::try_from(port).ok());
    section.list(key).iter().filter_map(port).collect()
}

fn cgroups(section: &Section<'_>) -> Vec<String> {
    let path = |field: &Field<'_>| {
        let path = field.string()?;
        let is_inside = !path.split('/').any(|part| part == "..");
        if path.is_empty() || !is_inside {
            field.error(
                Code::BadValue,
                format!("{path:?}, expected a cgroup's path such as /system.slice"),
            );
            return None;
        }
        Some(path)
    };
    let paths: Vec<String> = section.list("cgroups").iter().filter_map(path).collect();
    if paths.len() > CGROUPS_MAX {
        let message = format!("{} cgroups, expected at most {CGROUPS_MAX}", paths.len());
        section.error("cgroups", Code::TooLarge, message);
    }
    paths
}

fn interface(field: &Field<'_>) -> Option<String> {
    let name = field.string()?;
    if name.is_empty()
        || name.len() > crate::keeper::orders::NAME_BYTES
        || name.contains(['/', ' '])
    {
        field.error(Code::BadValue, format!("{name:?}, expected auto or an interface's name"));
        return None;
    }
    Some(name)
}

fn host_metrics(section: &Section<'_>) {
    HostMetrics::read(section);
}

fn kernel(section: &Section<'_>) {
    Kernel::read(section);
}

fn limits(section: &Section<'_>) {
    Limits::read(section);
}

fn reflex(section: &Section<'_>) {
    settings::Settings::read(section);
}

fn no_keys(_: &Section<'_>) {}
