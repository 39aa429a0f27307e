//! Names of protocols and units, in both directions, and rates as they are written.

use kernel_abi::layout::{Protocol, Unit};
use kernel_abi::limit::{BYTES_PER_HOUR_MAX, RATE_PER_HOUR_MIN};

/// A rate as it was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Units per hour.
    pub per_hour: u64,
    /// Written with KiB, MiB or GiB.
    pub in_bytes: bool,
}

/// Every protocol.
pub const PROTOCOLS: [Protocol; 2] = [Protocol::Tcp, Protocol::Udp];
/// Every unit.
pub const UNITS: [Unit; 3] = [Unit::Connections, Unit::Packets, Unit::Bytes];

/// `tcp` or `udp`.
pub fn protocol_name(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Tcp => "tcp",
        Protocol::Udp => "udp",
    }
}

/// `connections`, `packets` or `bytes`.
pub fn unit_name(unit: Unit) -> &'static str {
    match unit {
        Unit::Connections => "connections",
        Unit::Packets => "packets",
        Unit::Bytes => "bytes",
    }
}

/// Reads what [`protocol_name`] writes.
pub fn protocol(name: &str) -> Option<Protocol> {
    PROTOCOLS.into_iter().find(|known| protocol_name(*known) == name)
}

/// Reads what [`unit_name`] writes.
pub fn unit(name: &str) -> Option<Unit> {
    UNITS.into_iter().find(|known| unit_name(*known) == name)
}

/// A whole number, and whether it was written with a unit of bytes.
pub(crate) fn count(text: &str) -> Option<(u64, bool)> {
    let powers = [("KiB", 10), ("MiB", 20), ("GiB", 30)];
    let unit = powers.into_iter().find_map(|(name, power)| Some((text.strip_suffix(name)?, power)));
    let (digits, power) = unit.unwrap_or((text, 0));
    let number: u64 = digits.parse().ok()?;
    Some((number.checked_mul(1 << power)?, power > 0))
}

/// `100/s`, `600/m`, `36000/h`, `10MiB/s`: whole numbers, so that the kernel has them exactly. Which is
/// the highest depends on the unit; the agent knows.
pub fn rate(text: &str) -> Result<Rate, String> {
    let form = || format!("{text:?}, expected a rate such as 100/s, 600/m, 36000/h or 10MiB/s");
    let (number, unit) = text.split_once('/').ok_or_else(form)?;
    let (count, in_bytes) = count(number).ok_or_else(form)?;
    let per_hour = match unit {
        "s" => 3600,
        "m" => 60,
        "h" => 1,
        _ => return Err(form()),
    };
    let per_hour = count.checked_mul(per_hour).ok_or_else(form)?;
    if !(RATE_PER_HOUR_MIN..=BYTES_PER_HOUR_MAX).contains(&per_hour) {
        return Err(format!("{text:?}, expected 1/s to 10000000/s, bytes to 10GiB/s"));
    }
    Ok(Rate { per_hour, in_bytes })
}
