//! The keys of the receiver: what a Collector's configuration may say, and what is told of mistakes.

use std::time::Duration;

use super::testing::check;

#[test]
fn a_configuration_of_the_collector_is_read() {
    let (settings, errors) = check(
        "
collection_interval: 10s
initial_delay: 0s
timeout: 5s
metadata_collection_interval: 5m
root_path: /hostfs
scrapers:
  cpu:
    metrics:
      system.cpu.time: { attributes: [cpu, state] }
      system.cpu.utilization: { enabled: true, aggregation_strategy: max }
  memory:
  load: { cpu_average: true }
",
    );
    assert_eq!(errors, Vec::<String>::new());
    let names: Vec<&str> = settings.scrapers.iter().map(|chosen| chosen.scraper.name).collect();
    assert_eq!(names, ["cpu", "load", "memory"]);
    assert_eq!(settings.collection_interval, Duration::from_secs(10));
    assert_eq!(
        (settings.initial_delay, settings.timeout),
        (Duration::ZERO, Duration::from_secs(5))
    );
    assert_eq!(settings.root_path, "/hostfs");
}

#[test]
fn defaults_are_the_collectors() {
    let (settings, errors) = check("scrapers: { load: }");
    assert_eq!(errors, Vec::<String>::new());
    assert_eq!(settings.collection_interval, Duration::from_secs(60));
    assert_eq!(settings.initial_delay, Duration::from_secs(1));
    assert_eq!((settings.timeout, settings.root_path.as_str()), (Duration::ZERO, ""));
}

#[test]
fn mistakes_are_named_with_their_place() {
    let of = |yaml: &str| check(yaml).1.join("\n");
    let has = |yaml: &str, expect: &[&str]| {
        let errors = of(yaml);
        expect.iter().for_each(|part| assert!(errors.contains(part), "{part:?} in:\n{errors}"));
    };
    has("collection_interval: 10s", &["receivers.hostmetrics.scrapers: nothing found"]);
    has("scrapers: {}", &["receivers.hostmetrics.scrapers: nothing found"]);
    has("scrapers: { cpus: }", &["receivers.hostmetrics.scrapers.cpus: unknown key"]);
    has("scrapers: { load: , nfs: {} }", &["receivers.hostmetrics.scrapers.nfs: not built in yet"]);
    has(
        "{ root_path: hostfs, scrapers: { load: } }",
        &["root_path: \"hostfs\", expected an absolute"],
    );
    has("{ collection_interval: 0s, scrapers: { load: } }", &["collection_interval: \"0s\""]);
    has(
        "scrapers: { cpu: { metrics: { system.cpu.times: { enabled: true } } } }",
        &["scrapers.cpu.metrics.system.cpu.times: unknown key"],
    );
    has(
        "scrapers: { cpu: { metrics: { system.cpu.time: { attributes: [cpus, state, state], aggregation_strategy: mean } } } }",
        &[
            "attributes[0]: \"cpus\", expected one of cpu, host.cpu.core.id, host.cpu.socket.id, state",
            "attributes: an attribute is listed twice",
            "aggregation_strategy: \"mean\", expected one of avg, max, min, sum",
        ],
    );
    has("scrapers: { load: { cpu_averages: true } }", &["scrapers.load.cpu_averages: unknown key"]);
}
