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

/// Every key of every scraper, as the Collector's documents name them.
const EVERY_KEY: &str = "
collection_interval: 30s
scrapers:
  cpu: { metrics: { system.cpu.physical.count: { enabled: true } } }
  disk:
    include: { devices: [sda, nvme0n1], match_type: strict }
    exclude: { devices: ['^loop'], match_type: regexp }
    metrics: { system.disk.io: { attributes: [device], aggregation_strategy: sum } }
  filesystem:
    include_devices: { devices: [/dev/sda1], match_type: strict }
    exclude_devices: { devices: ['^/dev/loop'], match_type: regexp }
    include_fs_types: { fs_types: [ext4, xfs], match_type: strict }
    exclude_fs_types: { fs_types: [tmpfs], match_type: strict }
    include_mount_points: { mount_points: [/, /data], match_type: strict }
    exclude_mount_points: { mount_points: ['^/(dev|proc|sys)($|/)'], match_type: regexp }
    include_virtual_filesystems: true
    metrics: { system.filesystem.utilization: { enabled: true } }
  load: { cpu_average: true }
  memory: { metrics: { system.memory.utilization: { enabled: true } } }
  network:
    include: { interfaces: ['^eth', '^en'], match_type: regexp }
    exclude: { interfaces: [lo], match_type: strict }
    metrics: { system.network.conntrack.count: { enabled: true } }
  paging: { metrics: { system.paging.utilization: { enabled: true } } }
  processes: {}
  process:
    include: { names: [nginx, postgres], match_type: strict }
    exclude: { names: ['^kworker'], match_type: regexp }
    mute_process_all_errors: false
    mute_process_name_error: true
    mute_process_exe_error: true
    mute_process_io_error: true
    mute_process_user_error: true
    mute_process_cgroup_error: true
    scrape_process_delay: 10s
    metrics: { process.handles: { enabled: false }, process.threads: { enabled: true } }
    resource_attributes: { process.cgroup: { enabled: true }, process.command_line: { enabled: false } }
  system: { metrics: { system.uptime: { enabled: false } } }
";

#[test]
fn every_key_of_the_collector_is_known() {
    let (settings, errors) = check(EVERY_KEY);
    assert_eq!(errors, Vec::<String>::new());
    assert_eq!(settings.scrapers.len(), 10);
}

#[test]
fn each_scraper_names_the_key_that_it_does_not_know() {
    for scraper in super::settings::SCRAPERS {
        let name = scraper.name;
        let (_, errors) = check(&format!("scrapers: {{ {name}: {{ metric: {{}} }} }}"));
        let [error] = &errors[..] else { panic!("{name}: {errors:?}") };
        let expect = format!("receivers.hostmetrics.scrapers.{name}.metric: unknown key");
        assert!(error.starts_with(&expect), "{error}");
        assert!(scraper.metrics.iter().all(|metric| !metric.description.is_empty()));
    }
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
