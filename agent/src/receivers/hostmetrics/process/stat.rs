//! What the kernel says of one process: `/proc/PID/stat`, `status` and `io`.

/// The Collector's words for what time was spent on.
pub(super) const STATES: [&str; 3] = ["user", "system", "wait"];

/// `/proc/PID/stat`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Stat {
    /// The first 15 bytes of the name.
    pub(super) comm: String,
    pub(super) parent: u32,
    pub(super) minor_faults: u64,
    pub(super) major_faults: u64,
    /// In the order of [`STATES`].
    pub(super) ticks: [u64; 3],
    pub(super) threads: u64,
    /// Since the host started.
    pub(super) started_ticks: u64,
    pub(super) virtual_bytes: u64,
    pub(super) resident_pages: u64,
}

/// Numbers of the fields of proc(5), from 1.
mod field {
    pub(super) const PARENT: usize = 4;
    pub(super) const MINOR_FAULTS: usize = 10;
    pub(super) const MAJOR_FAULTS: usize = 12;
    pub(super) const USER: usize = 14;
    pub(super) const SYSTEM: usize = 15;
    pub(super) const THREADS: usize = 20;
    pub(super) const STARTED: usize = 22;
    pub(super) const VIRTUAL: usize = 23;
    pub(super) const RESIDENT: usize = 24;
    pub(super) const WAIT: usize = 42;
    /// The first after the name.
    pub(super) const STATE: usize = 3;
}

impl Stat {
    /// `PID (NAME) STATE PARENT ...`; the name may have blanks and parentheses.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (_, rest) = text.split_once('(')?;
        let (comm, rest) = rest.rsplit_once(')')?;
        let words: Vec<&str> = rest.split_ascii_whitespace().collect();
        let number = |field: usize| words.get(field - field::STATE)?.parse::<u64>().ok();
        Some(Self {
            comm: comm.to_owned(),
            parent: u32::try_from(number(field::PARENT)?).ok()?,
            minor_faults: number(field::MINOR_FAULTS)?,
            major_faults: number(field::MAJOR_FAULTS)?,
            ticks: [number(field::USER)?, number(field::SYSTEM)?, number(field::WAIT).unwrap_or(0)],
            threads: number(field::THREADS)?,
            started_ticks: number(field::STARTED)?,
            virtual_bytes: number(field::VIRTUAL)?,
            resident_pages: number(field::RESIDENT)?,
        })
    }
}

/// `/proc/PID/status`; what is not in it is not known.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Status {
    /// The real user.
    pub(super) uid: Option<u32>,
    pub(super) signals_pending: Option<u64>,
    pub(super) voluntary: Option<u64>,
    pub(super) involuntary: Option<u64>,
}

impl Status {
    pub(super) fn parse(text: &str) -> Self {
        let field = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            line?.split_ascii_whitespace().next()
        };
        let signals = |name| {
            let mask = u64::from_str_radix(field(name)?, 16).ok()?;
            Some(u64::from(mask.count_ones()))
        };
        Self {
            uid: field("Uid").and_then(|uid| uid.parse().ok()),
            // To the thread, and to the process as a whole.
            signals_pending: signals("SigPnd").zip(signals("ShdPnd")).map(|(own, all)| own + all),
            voluntary: field("voluntary_ctxt_switches").and_then(|count| count.parse().ok()),
            involuntary: field("nonvoluntary_ctxt_switches").and_then(|count| count.parse().ok()),
        }
    }
}

/// `/proc/PID/io`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Io {
    /// From and to devices, not the page cache.
    pub(super) read_bytes: u64,
    pub(super) write_bytes: u64,
    /// Calls.
    pub(super) reads: u64,
    pub(super) writes: u64,
}

impl Io {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let field = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            line?.trim().parse::<u64>().ok()
        };
        Some(Self {
            read_bytes: field("read_bytes")?,
            write_bytes: field("write_bytes")?,
            reads: field("syscr")?,
            writes: field("syscw")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(in super::super) const STAT: &str = "13856 (a (b) c) R 13845 13845 2797 0 -1 4194304 103 7 5 8 21 34 0 0 \
        20 0 3 0 3779561 3133440 394 18446744073709551615 1 2 3 0 0 0 0 0 0 0 0 0 17 0 0 0 55 0 0 1 2 3 4 5 6 7 0";

    #[test]
    fn numbers_are_found_behind_any_name() {
        let stat = Stat {
            comm: "a (b) c".into(),
            parent: 13845,
            minor_faults: 103,
            major_faults: 5,
            ticks: [21, 34, 55],
            threads: 3,
            started_ticks: 3_779_561,
            virtual_bytes: 3_133_440,
            resident_pages: 394,
        };
        assert_eq!(Stat::parse(STAT), Some(stat));
        assert_eq!(Stat::parse("1 (init) S 0"), None);
        assert_eq!(Stat::parse("1 )init( S 0"), None);
    }

    #[test]
    fn status_and_transfers_are_read() {
        let text = "Name:\tcat\nUid:\t65534\t0\t0\t0\nSigPnd:\t0000000000000003\nShdPnd:\t0000000000004000\n\
            voluntary_ctxt_switches:\t12\nnonvoluntary_ctxt_switches:\t1\n";
        let status = Status {
            uid: Some(65534),
            signals_pending: Some(3),
            voluntary: Some(12),
            involuntary: Some(1),
        };
        assert_eq!(Status::parse(text), status);
        assert_eq!(Status::parse("Uid:\n"), Status::default());
        let text = "rchar: 6976\nwchar: 1\nsyscr: 10\nsyscw: 2\nread_bytes: 4096\nwrite_bytes: 8192\n\
            cancelled_write_bytes: 0\n";
        let io = Io { read_bytes: 4096, write_bytes: 8192, reads: 10, writes: 2 };
        assert_eq!(Io::parse(text), Some(io));
        assert_eq!(Io::parse("read_bytes: 1\n"), None);
    }

    proptest! {
        #[test]
        fn hostile_files_never_panic(text in "(\\(|\\)|Uid:|SigPnd:|read_bytes:|[0-9]{1,21}| |\n|.){0,80}") {
            let _ = (Stat::parse(&text), Status::parse(&text), Io::parse(&text));
        }
    }
}
