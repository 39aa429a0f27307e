//! The kinds of component that both binaries have, and those planned for both.

use otlp::Signal;

use super::attributes::{Attributes, read_resource};
use super::batch::Batch;
use super::catalog::{Class, Kind};
use super::debug::Debug;
use super::detect::Detect;
use super::file::File;
use super::filter::Filter;
use super::health_check::HealthCheck;
use super::memory_limiter::MemoryLimiter;
use super::otlp_exporter::OtlpExporter;
use super::otlp_receiver::OtlpReceiver;
use super::probabilistic_sampler::ProbabilisticSampler;
use super::routing::Routing;
use super::section::Section;
use super::spanmetrics::SpanMetrics;
use super::transform::Transform;

/// Kinds for the catalogs of both binaries.
pub const SHARED: &[Kind] = &[
    Kind::stable(Class::Receiver, "otlp", otlp_receiver),
    Kind::stable(Class::Processor, "batch", batch),
    Kind::stable(Class::Processor, "memory_limiter", memory_limiter),
    Kind::stable(Class::Processor, "transform", transform),
    Kind::stable(Class::Processor, "filter", filter),
    Kind::stable(Class::Processor, "attributes", attributes),
    Kind::stable(Class::Processor, "resource", resource),
    Kind::stable(Class::Processor, "probabilistic_sampler", probabilistic_sampler)
        .carrying(&[Signal::Traces, Signal::Logs]),
    Kind::stable(Class::Connector, "routing", routing),
    Kind::stable(Class::Connector, "forward", no_keys),
    Kind::stable(Class::Connector, "spanmetrics", spanmetrics)
        .carrying(&[Signal::Traces])
        .giving(&[Signal::Metrics])
        .aliased(&["span_metrics"]),
    Kind::stable(Class::Connector, "detect", detect)
        .carrying(&[Signal::Metrics])
        .giving(&[Signal::Logs]),
    Kind::stable(Class::Exporter, "otlp_grpc", otlp_grpc).aliased(&["otlp"]),
    Kind::stable(Class::Exporter, "otlp_http", otlp_http).aliased(&["otlphttp"]),
    Kind::stable(Class::Exporter, "debug", debug).aliased(&["logging"]),
    Kind::stable(Class::Exporter, "file", file),
    Kind::planned(Class::Exporter, "jaeger").carrying(&[Signal::Traces]),
    Kind::planned(Class::Exporter, "prometheus_remote_write")
        .carrying(&[Signal::Metrics])
        .aliased(&["prometheusremotewrite"]),
    Kind::planned(Class::Exporter, "prometheus").carrying(&[Signal::Metrics]),
    Kind::planned(Class::Exporter, "elasticsearch"),
    Kind::planned(Class::Exporter, "clickhouse"),
    Kind::planned(Class::Exporter, "kafka"),
    Kind::planned(Class::Exporter, "loadbalancing").aliased(&["load_balancing"]),
    Kind::stable(Class::Extension, "health_check", health_check).carrying(&[]),
    Kind::planned(Class::Extension, "file_storage").carrying(&[]),
    Kind::planned(Class::Extension, "bearertokenauth").carrying(&[]),
    Kind::planned(Class::Extension, "basicauth").carrying(&[]),
    Kind::planned(Class::Extension, "opamp").carrying(&[]),
];

fn otlp_receiver(section: &Section<'_>) {
    OtlpReceiver::read(section);
}

// The section may be empty; every key is unknown.
fn no_keys(_section: &Section<'_>) {}

fn batch(section: &Section<'_>) {
    Batch::read(section);
}

fn attributes(section: &Section<'_>) {
    Attributes::read(section);
}

fn resource(section: &Section<'_>) {
    read_resource(section);
}

fn probabilistic_sampler(section: &Section<'_>) {
    ProbabilisticSampler::read(section);
}

fn routing(section: &Section<'_>) {
    Routing::read(section);
}

fn spanmetrics(section: &Section<'_>) {
    SpanMetrics::read(section);
}

fn memory_limiter(section: &Section<'_>) {
    MemoryLimiter::read(section);
}

fn detect(section: &Section<'_>) {
    Detect::read(section);
}

fn transform(section: &Section<'_>) {
    Transform::read(section);
}

fn filter(section: &Section<'_>) {
    Filter::read(section);
}

fn otlp_grpc(section: &Section<'_>) {
    OtlpExporter::read_grpc(section);
}

fn otlp_http(section: &Section<'_>) {
    OtlpExporter::read_http(section);
}

fn debug(section: &Section<'_>) {
    Debug::read(section);
}

fn file(section: &Section<'_>) {
    File::read(section);
}

fn health_check(section: &Section<'_>) {
    HealthCheck::read(section);
}
