//! Community ID, version 1: a hash of a network flow that is the same in both directions.

use std::net::IpAddr;

use sha1::{Digest, Sha1};

use crate::function::Args;
use crate::{RunError, Value, json};

/// One end of the flow. The order of ends is that of addresses, the shorter first, then of ports.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct End {
    address_bytes: usize,
    address: Vec<u8>,
    port: u16,
}

pub(super) fn id<'a>(args: &Args<'a>) -> Result<Value<'a>, RunError> {
    let ends = [end(args, 0)?, end(args, 2)?];
    let protocol = protocol(if args.has(4) { args.str(4)? } else { "TCP" })?;
    let seed = if args.has(5) { within(args.int(5)?, "seed")? } else { 0 };
    let [source, destination] = ends;
    let (first, second) =
        if source <= destination { (source, destination) } else { (destination, source) };
    let mut hash = Sha1::new();
    hash.update(seed.to_be_bytes());
    hash.update(&first.address);
    hash.update(&second.address);
    hash.update([protocol, 0]);
    hash.update(first.port.to_be_bytes());
    hash.update(second.port.to_be_bytes());
    Ok(Value::text(format!("1:{}", json::base64(&hash.finalize()))))
}

fn end(args: &Args<'_>, index: usize) -> Result<End, RunError> {
    let text = args.str(index)?;
    let address: IpAddr =
        text.parse().map_err(|_| RunError::new(format!("{text:?} is no IP address")))?;
    let address = match address.to_canonical() {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    };
    Ok(End { address_bytes: address.len(), address, port: within(args.int(index + 1)?, "port")? })
}

fn within(number: i64, what: &str) -> Result<u16, RunError> {
    let message = || RunError::new(format!("the {what} {number} is not between 0 and 65535"));
    u16::try_from(number).map_err(|_| message())
}

fn protocol(name: &str) -> Result<u8, RunError> {
    match name {
        "ICMP" => Ok(1),
        "TCP" => Ok(6),
        "UDP" => Ok(17),
        "RSVP" => Ok(46),
        "ICMP6" => Ok(58),
        "SCTP" => Ok(132),
        other => Err(RunError::new(format!("{other:?} is no protocol that has a community id"))),
    }
}
