//! The scraper `network`: what interfaces carried, and the host's TCP connections by state.
//!
//! A network namespace sees itself. With a `root_path` it is that of the host's first process.

use components::config::Section;

use super::filter::Filter;
use super::metric::{Metric, on};
use super::reading::{Reading, Scrape, Scraper};
use super::root::Root;

const IO: Metric = Metric::counter(
    ("system.network.io", "By"),
    &[on("device"), on("direction")],
    "The number of bytes transmitted and received.",
);
const PACKETS: Metric = Metric::counter(
    ("system.network.packets", "{packets}"),
    &[on("device"), on("direction")],
    "The number of packets transferred.",
);
const ERRORS: Metric = Metric::counter(
    ("system.network.errors", "{errors}"),
    &[on("device"), on("direction")],
    "The number of errors encountered.",
);
const DROPPED: Metric = Metric::counter(
    ("system.network.dropped", "{packets}"),
    &[on("device"), on("direction")],
    "The number of packets dropped.",
);
const CONNECTIONS: Metric = Metric::sum(
    ("system.network.connections", "{connections}"),
    &[on("protocol"), on("state")],
    "The number of connections.",
);
const CONNTRACK_COUNT: Metric = Metric::sum(
    ("system.network.conntrack.count", "{entries}"),
    &[],
    "The count of entries in conntrack table.",
)
.opt_in();
const CONNTRACK_MAX: Metric = Metric::sum(
    ("system.network.conntrack.max", "{entries}"),
    &[],
    "The limit for entries in the conntrack table.",
)
.opt_in();

const BANDWIDTH: Metric = Metric::sum(
    ("system.network.bandwidth.limit", "By/s"),
    &[on("device")],
    "The speed of the link.",
)
.opt_in();

pub(super) const SCRAPER: Scraper = Scraper {
    name: "network",
    may_hang: false,
    metrics: &[
        IO,
        PACKETS,
        ERRORS,
        DROPPED,
        CONNECTIONS,
        CONNTRACK_COUNT,
        CONNTRACK_MAX,
        BANDWIDTH,
    ],
    build,
};

/// The Collector's words for the states of TCP, in the order of the kernel's numbers from 1.
const STATES: [&str; 11] = [
    "ESTABLISHED",
    "SYN_SENT",
    "SYN_RECV",
    "FIN_WAIT_1",
    "FIN_WAIT_2",
    "TIME_WAIT",
    "CLOSE",
    "CLOSE_WAIT",
    "LAST_ACK",
    "LISTEN",
    "CLOSING",
];
/// The kernel's number of a request that waits for its last packet: its socket is `SYN_RECV` to users.
const NEW_SYN_RECV: usize = 12;
const SYN_RECV: usize = 3;

const BYTES_PER_MEGABIT: u64 = 125_000;

struct Network {
    interfaces: Filter,
}

fn build(section: &Section<'_>) -> Box<dyn Scrape> {
    Box::new(Network { interfaces: Filter::read(section, "include", "exclude", "interfaces") })
}

impl Scrape for Network {
    fn scrape(&mut self, reading: &mut Reading<'_>) {
        let folder = folder(reading.root);
        if reading.wants_any(&[&IO, &PACKETS, &ERRORS, &DROPPED, &BANDWIDTH]) {
            self.interfaces(reading, folder);
        }
        if reading.wants(&CONNECTIONS) {
            connections(reading, folder);
        }
        for (metric, name) in [(&CONNTRACK_COUNT, "count"), (&CONNTRACK_MAX, "max")] {
            if reading.wants(metric) {
                conntrack(reading, metric, name);
            }
        }
    }
}

/// Where the tables of the host's network are.
fn folder(root: &Root) -> &'static str {
    match root.is_other() && root.at("proc/1/net").is_dir() {
        true => "proc/1/net",
        false => "proc/net",
    }
}

impl Network {
    fn interfaces(&self, reading: &mut Reading<'_>, folder: &str) {
        let Some(text) = reading.text(&format!("{folder}/dev")) else { return };
        for interface in text.lines().filter_map(Interface::parse) {
            if self.interfaces.passes(interface.name) {
                interface.add(reading);
                add_bandwidth(reading, interface.name);
            }
        }
    }
}

/// An interface since it came.
struct Interface<'a> {
    name: &'a str,
    receive: Carried,
    transmit: Carried,
}

struct Carried {
    bytes: u64,
    packets: u64,
    errors: u64,
    dropped: u64,
}

impl<'a> Interface<'a> {
    /// `eth0: BYTES PACKETS ERRORS DROPPED FIFO FRAME COMPRESSED MULTICAST BYTES PACKETS ...`; the two
    /// lines of the heading have no colon.
    fn parse(line: &'a str) -> Option<Self> {
        let (name, rest) = line.rsplit_once(':')?;
        let numbers = rest.split_ascii_whitespace().map(|word| word.parse::<u64>().ok());
        let numbers: Vec<u64> = numbers.take(12).collect::<Option<_>>()?;
        let carried = |first: usize| match numbers.get(first..first + 4)? {
            &[bytes, packets, errors, dropped] => Some(Carried { bytes, packets, errors, dropped }),
            _ => None,
        };
        Some(Self { name: name.trim(), receive: carried(0)?, transmit: carried(8)? })
    }

    fn add(&self, reading: &mut Reading<'_>) {
        for (word, carried) in [("receive", &self.receive), ("transmit", &self.transmit)] {
            let key = [self.name, word];
            reading.add(&IO, &key, carried.bytes);
            reading.add(&PACKETS, &key, carried.packets);
            reading.add(&ERRORS, &key, carried.errors);
            reading.add(&DROPPED, &key, carried.dropped);
        }
    }
}

/// Links that are down and those without a wire have none.
fn add_bandwidth(reading: &mut Reading<'_>, name: &str) {
    if reading.wants(&BANDWIDTH) {
        let speed = reading.root.text(&format!("sys/class/net/{name}/speed")).ok();
        let megabits = speed.and_then(|speed| speed.trim().parse::<u64>().ok());
        if let Some(megabits) = megabits.filter(|megabits| *megabits > 0) {
            reading.add(&BANDWIDTH, &[name], megabits.saturating_mul(BYTES_PER_MEGABIT));
        }
    }
}

fn connections(reading: &mut Reading<'_>, folder: &str) {
    let mut counts = [0_u64; STATES.len()];
    let mut count = |line: &str| {
        if let Some(state) = state(line) {
            counts[state] += 1;
        }
    };
    let seen = reading.root.lines(&format!("{folder}/tcp"), &mut count);
    if reading.or_fault(seen).is_none() {
        return;
    }
    // A host without IPv6 has no such table.
    let _ = reading.root.lines(&format!("{folder}/tcp6"), &mut count);
    for (state, count) in STATES.iter().zip(counts) {
        reading.add(&CONNECTIONS, &["tcp", state], count);
    }
    // The Collector's list has one state more, which Linux does not know.
    reading.add(&CONNECTIONS, &["tcp", "DELETE"], 0_u64);
}

/// `0: 0100007F:841F 00000000:0000 0A ...`: the index of the state in [`STATES`].
fn state(line: &str) -> Option<usize> {
    let word = line.split_ascii_whitespace().nth(3)?;
    let number = usize::from_str_radix(word, 16).ok()?;
    let number = if number == NEW_SYN_RECV { SYN_RECV } else { number };
    number.checked_sub(1).filter(|index| *index < STATES.len())
}

fn conntrack(reading: &mut Reading<'_>, metric: &Metric, name: &str) {
    let path = format!("proc/sys/net/netfilter/nf_conntrack_{name}");
    let Some(text) = reading.text(&path) else { return };
    match text.trim().parse::<u64>() {
        Ok(number) => reading.add(metric, &[], number),
        Err(_) => reading.malformed(&path),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::testing::Bench;
    use super::*;

    const DEV: &str = "\
Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo: 100 2 0 0 0 0 0 0 100 2 0 0 0 0 0 0
eth0:1:1297772981   54177    1    2    9     9          9         9  3338870   34746    3    4    0     0       0          0
";
    const TCP: &str = "\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:07E8 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1678 1
   1: 0100007F:841F 0100007F:1234 01 00000000:00000000 00:00000000 00000000     0        0 1 1
   2: 0100007F:841F 0100007F:1235 0C 00000000:00000000 00:00000000 00000000     0        0 1 1
   3: 0100007F:841F 0100007F:1235 FF 00000000:00000000 00:00000000 00000000     0        0 1 1
";
    const ONLY_CONNECTIONS: &str = "network: { exclude: { interfaces: [.*], match_type: regexp } }";

    #[test]
    fn interfaces_are_told_as_the_filter_lets_them() {
        let bench = Bench::new(&[
            ("proc/net/dev", DEV),
            ("sys/class/net/eth0:1/speed", "1000\n"),
            ("sys/class/net/lo/speed", "-1\n"),
        ]);
        bench.check(
            "network: { include: { interfaces: [eth, lo], match_type: regexp }, \
             metrics: { system.network.bandwidth.limit: { enabled: true }, system.network.io: { enabled: false }, \
             system.network.errors: { enabled: false }, system.network.dropped: { enabled: false }, \
             system.network.packets: { enabled: false }, system.network.connections: { enabled: false } } }",
            &["system.network.bandwidth.limit{device=eth0:1} 125000000"],
        );
        bench.check(
            "network: { include: { interfaces: [eth], match_type: regexp }, \
             metrics: { system.network.connections: { enabled: false } } }",
            &[
                "system.network.io{device=eth0:1,direction=receive} 1297772981",
                "system.network.io{device=eth0:1,direction=transmit} 3338870",
                "system.network.packets{device=eth0:1,direction=receive} 54177",
                "system.network.packets{device=eth0:1,direction=transmit} 34746",
                "system.network.errors{device=eth0:1,direction=receive} 1",
                "system.network.errors{device=eth0:1,direction=transmit} 3",
                "system.network.dropped{device=eth0:1,direction=receive} 2",
                "system.network.dropped{device=eth0:1,direction=transmit} 4",
            ],
        );
    }

    #[test]
    fn connections_of_both_families_are_counted_by_state() {
        let bench =
            Bench::new(&[("proc/net/dev", DEV), ("proc/net/tcp", TCP), ("proc/net/tcp6", TCP)]);
        let counted = bench.scraper(ONLY_CONNECTIONS).look();
        let of = |state: &str, count: u64| {
            let line = format!("system.network.connections{{protocol=tcp,state={state}}} {count}");
            assert!(counted.contains(&line), "{line}: {counted:?}");
        };
        of("LISTEN", 2);
        of("ESTABLISHED", 2);
        of("SYN_RECV", 2);
        of("TIME_WAIT", 0);
        of("DELETE", 0);
        assert_eq!(counted.len(), 12);
        let alone = Bench::new(&[("proc/1/net/dev", DEV), ("proc/1/net/tcp", TCP)]);
        let counted = alone.scraper(ONLY_CONNECTIONS).look();
        assert!(counted.iter().any(|line| line.ends_with("state=LISTEN} 1")), "{counted:?}");
    }

    #[test]
    fn conntrack_is_told_where_it_is_loaded() {
        let yaml = "network: { metrics: { system.network.io: { enabled: false }, \
            system.network.packets: { enabled: false }, system.network.errors: { enabled: false }, \
            system.network.dropped: { enabled: false }, system.network.connections: { enabled: false }, \
            system.network.conntrack.count: { enabled: true }, system.network.conntrack.max: { enabled: true } } }";
        let folder = "proc/sys/net/netfilter";
        let bench = Bench::new(&[(&format!("{folder}/nf_conntrack_count"), "7\n")]);
        let mut scraper = bench.scraper(yaml);
        assert_eq!(scraper.look(), ["system.network.conntrack.count{} 7"]);
        assert!(scraper.fault().is_some_and(|fault| fault.contains("nf_conntrack_max")));
    }

    proptest! {
        #[test]
        fn hostile_lines_never_panic(line in "([0-9A-F]{1,21}|eth0:|:| |.){0,60}") {
            let _ = (Interface::parse(&line).is_some(), state(&line));
        }
    }
}
