//! Names of protocols and units, in both directions.

use kernel_abi::layout::{Protocol, Unit};

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
