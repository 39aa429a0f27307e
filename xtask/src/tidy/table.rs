//! The dependency table of ARCHITECTURE.md as data: who may use whom, under which licence, and what
//! a crate must not know. A crate that is not listed here fails `tidy`, and so does an edge.

/// What the table says of one workspace crate.
#[derive(Debug)]
pub(crate) struct Row {
    /// The package name.
    pub(crate) name: &'static str,
    /// The folder under the root.
    pub(crate) folder: &'static str,
    /// Our crates that it may depend on, in any kind of dependency.
    pub(crate) may_use: &'static [&'static str],
    /// Outside crates that it must not link; tests and build scripts may.
    pub(crate) must_not_know: &'static [&'static str],
    /// The SPDX expression of its `license` field.
    pub(crate) license: &'static str,
    /// Whether its crate root may leave out `#![forbid(unsafe_code)]`.
    pub(crate) may_be_unsafe: bool,
}

const APACHE: &str = "Apache-2.0";
/// The kernel lends some helpers only to programs under a GPL-compatible licence.
const DUAL: &str = "MIT OR GPL-2.0-only";

const KERNEL: &[&str] = &["aya", "aya-log", "aya-ebpf"];
const BELOW_TRANSPORT: &[&str] = &["aya", "axum", "hyper", "hyper-util", "nix", "tonic"];

pub(crate) const TABLE: &[Row] = &[
    Row {
        name: "medulla-kernel-abi",
        folder: "common/kernel-abi",
        may_use: &[],
        must_not_know: &["aya", "bytes", "hyper", "nix", "serde", "tokio"],
        license: DUAL,
        may_be_unsafe: true,
    },
    Row {
        name: "medulla-proto",
        folder: "proto",
        may_use: &[],
        must_not_know: &["aya", "hyper", "nix", "tokio"],
        license: APACHE,
        may_be_unsafe: false,
    },
    Row {
        name: "medulla-otlp",
        folder: "common/otlp",
        may_use: &[],
        must_not_know: &["aya", "http", "hyper", "nix", "tokio", "tonic"],
        license: APACHE,
        may_be_unsafe: false,
    },
    Row {
        name: "medulla-ottl",
        folder: "common/ottl",
        may_use: &["medulla-otlp"],
        must_not_know: &["aya", "http", "hyper", "nix", "tokio", "tonic"],
        license: APACHE,
        may_be_unsafe: false,
    },
    Row {
        name: "medulla-detect",
        folder: "common/detect",
        may_use: &[],
        must_not_know: &["aya", "bytes", "hyper", "nix", "prost", "tokio"],
        license: APACHE,
        may_be_unsafe: false,
    },
    Row {
        name: "medulla-pipeline",
        folder: "common/pipeline",
        may_use: &["medulla-otlp"],
        must_not_know: BELOW_TRANSPORT,
        license: APACHE,
        may_be_unsafe: false,
    },
    Row {
        name: "medulla-transport",
        folder: "common/transport",
        may_use: &[],
        must_not_know: &["aya", "opentelemetry-proto", "prost", "tonic"],
        license: APACHE,
        may_be_unsafe: false,
    },
    Row {
        name: "medulla-components",
        folder: "common/components",
        may_use: &[
            "medulla-detect",
            "medulla-otlp",
            "medulla-ottl",
            "medulla-pipeline",
            "medulla-transport",
        ],
        must_not_know: KERNEL,
        license: APACHE,
        may_be_unsafe: false,
    },
    Row {
        name: "medulla-agent-ebpf",
        folder: "agent-ebpf",
        may_use: &["medulla-kernel-abi"],
        must_not_know: &["tokio"],
        license: DUAL,
        may_be_unsafe: true,
    },
    Row {
        name: "medulla-agent",
        folder: "agent",
        may_use: &[
            "medulla-components",
            "medulla-detect",
            "medulla-kernel-abi",
            "medulla-otlp",
            "medulla-ottl",
            "medulla-pipeline",
            "medulla-proto",
            "medulla-transport",
        ],
        // tonic is for the runtime's socket only; what is received and sent goes over `transport`.
        must_not_know: &[],
        license: APACHE,
        may_be_unsafe: true,
    },
    Row {
        name: "medulla-gateway",
        folder: "gateway",
        may_use: &[
            "medulla-components",
            "medulla-detect",
            "medulla-otlp",
            "medulla-ottl",
            "medulla-pipeline",
            "medulla-transport",
        ],
        must_not_know: KERNEL,
        license: APACHE,
        may_be_unsafe: false,
    },
    Row {
        name: "medulla-tests",
        folder: "tests",
        may_use: &["medulla-otlp", "medulla-proto"],
        must_not_know: KERNEL,
        license: APACHE,
        may_be_unsafe: false,
    },
    Row {
        name: "medulla-xtask",
        folder: "xtask",
        may_use: &[],
        must_not_know: &["tokio"],
        license: APACHE,
        may_be_unsafe: false,
    },
];

/// The row of a package, if it has one.
pub(crate) fn row(name: &str) -> Option<&'static Row> {
    TABLE.iter().find(|row| row.name == name)
}
