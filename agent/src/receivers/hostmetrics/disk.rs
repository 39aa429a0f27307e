//! The scraper `disk`: what block devices transferred and how long it took (`/proc/diskstats`).

use components::config::Section;

use super::filter::Filter;
use super::metric::{Metric, on};
use super::reading::{Reading, Scrape, Scraper};

const IO: Metric = Metric::counter(
    ("system.disk.io", "By"),
    &[on("device"), on("direction")],
    "Disk bytes transferred.",
);
const OPERATIONS: Metric = Metric::counter(
    ("system.disk.operations", "{operations}"),
    &[on("device"), on("direction")],
    "Disk operations count.",
);
const IO_TIME: Metric = Metric::counter(
    ("system.disk.io_time", "s"),
    &[on("device")],
    "Time disk spent activated. On Windows, this is calculated as the inverse of disk idle time.",
);
const OPERATION_TIME: Metric = Metric::counter(
    ("system.disk.operation_time", "s"),
    &[on("device"), on("direction")],
    "Time spent in disk operations.",
);
const WEIGHTED: Metric = Metric::counter(
    ("system.disk.weighted_io_time", "s"),
    &[on("device")],
    "Time disk spent activated multiplied by the queue length.",
);
const PENDING: Metric = Metric::sum(
    ("system.disk.pending_operations", "{operations}"),
    &[on("device")],
    "The queue size of pending I/O operations.",
);
const MERGED: Metric = Metric::counter(
    ("system.disk.merged", "{operations}"),
    &[on("device"), on("direction")],
    "The number of disk reads/writes merged into single physical disk access operations.",
);

pub(super) const SCRAPER: Scraper = Scraper {
    name: "disk",
    may_hang: false,
    metrics: &[IO, OPERATIONS, IO_TIME, OPERATION_TIME, WEIGHTED, PENDING, MERGED],
    build,
};

/// The kernel counts in sectors of this size, whatever the device's own.
const SECTOR_BYTES: u64 = 512;

struct Disk {
    devices: Filter,
}

fn build(section: &Section<'_>) -> Box<dyn Scrape> {
    Box::new(Disk { devices: Filter::read(section, "include", "exclude", "devices") })
}

impl Scrape for Disk {
    fn scrape(&mut self, reading: &mut Reading<'_>) {
        let Some(text) = reading.text("proc/diskstats") else { return };
        for device in text.lines().filter_map(Device::parse) {
            if self.devices.passes(device.name) {
                device.add(reading);
            }
        }
    }
}

/// A device since it came.
#[derive(Debug, PartialEq, Eq)]
struct Device<'a> {
    name: &'a str,
    read: Direction,
    write: Direction,
    pending: u64,
    io_ms: u64,
    weighted_ms: u64,
}

#[derive(Debug, PartialEq, Eq)]
struct Direction {
    operations: u64,
    merged: u64,
    sectors: u64,
    ms: u64,
}

impl<'a> Device<'a> {
    /// `254 0 vda READS MERGED SECTORS MS WRITES MERGED SECTORS MS PENDING MS WEIGHTED_MS ...`
    fn parse(line: &'a str) -> Option<Self> {
        let mut words = line.split_ascii_whitespace().skip(2);
        let name = words.next()?;
        let mut number = || words.next()?.parse::<u64>().ok();
        let mut direction = || {
            let (operations, merged) = (number()?, number()?);
            Some(Direction { operations, merged, sectors: number()?, ms: number()? })
        };
        let (read, write) = (direction()?, direction()?);
        let (pending, io_ms, weighted_ms) = (number()?, number()?, number()?);
        Some(Self { name, read, write, pending, io_ms, weighted_ms })
    }

    fn add(&self, reading: &mut Reading<'_>) {
        for (word, direction) in [("read", &self.read), ("write", &self.write)] {
            let key = [self.name, word];
            reading.add(&IO, &key, direction.sectors.saturating_mul(SECTOR_BYTES));
            reading.add(&OPERATIONS, &key, direction.operations);
            reading.add(&OPERATION_TIME, &key, seconds(direction.ms));
            reading.add(&MERGED, &key, direction.merged);
        }
        reading.add(&IO_TIME, &[self.name], seconds(self.io_ms));
        reading.add(&WEIGHTED, &[self.name], seconds(self.weighted_ms));
        reading.add(&PENDING, &[self.name], self.pending);
    }
}

fn seconds(ms: u64) -> f64 {
    ms as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::testing::Bench;
    use super::*;

    const DISKSTATS: &str = "\
   7       0 loop0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0
 254       0 vda 100 5 4096 1500 200 7 8192 2500 3 3000 4000 0 0 0 0 9 9
 254       1 vda1 1 2 3
   8       0 sda 1 0 2 0 0 0 0 0 0 0 0
";

    #[test]
    fn devices_are_told_as_the_filter_lets_them() {
        let bench = Bench::new(&[("proc/diskstats", DISKSTATS)]);
        bench.check(
            "disk: { include: { devices: [vda], match_type: strict } }",
            &[
                "system.disk.io{device=vda,direction=read} 2097152",
                "system.disk.io{device=vda,direction=write} 4194304",
                "system.disk.operations{device=vda,direction=read} 100",
                "system.disk.operations{device=vda,direction=write} 200",
                "system.disk.io_time{device=vda} 3.0",
                "system.disk.operation_time{device=vda,direction=read} 1.5",
                "system.disk.operation_time{device=vda,direction=write} 2.5",
                "system.disk.weighted_io_time{device=vda} 4.0",
                "system.disk.pending_operations{device=vda} 3",
                "system.disk.merged{device=vda,direction=read} 5",
                "system.disk.merged{device=vda,direction=write} 7",
            ],
        );
        let others = bench
            .scraper("disk: { exclude: { devices: ['^loop', vda], match_type: regexp } }")
            .look();
        assert!(others.iter().all(|line| line.contains("device=sda")), "{others:?}");
        assert_eq!(others.len(), 11);
    }

    proptest! {
        #[test]
        fn hostile_lines_never_panic(line in "([0-9]{1,21}|vda| |.){0,60}") {
            let _ = Device::parse(&line);
        }
    }
}
