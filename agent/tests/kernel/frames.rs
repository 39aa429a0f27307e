//! Frames as they are on the wire, for runs without a network. Checksums are not filled in: nothing
//! below looks at them.

pub(crate) const SYN: u8 = 0x02;
pub(crate) const ACK: u8 = 0x10;
pub(crate) const FIN: u8 = 0x01;
pub(crate) const RST: u8 = 0x04;

/// A TCP segment between two ports.
#[derive(Clone, Copy)]
pub(crate) struct Segment {
    pub(crate) source: u16,
    pub(crate) destination: u16,
    pub(crate) sequence: u32,
    pub(crate) flags: u8,
    pub(crate) payload: usize,
}

pub(crate) fn tcp(segment: Segment) -> Vec<u8> {
    let mut body = Vec::new();
    body.extend(segment.source.to_be_bytes());
    body.extend(segment.destination.to_be_bytes());
    body.extend(segment.sequence.to_be_bytes());
    body.extend([0, 0, 0, 0, 5 << 4, segment.flags, 255, 255, 0, 0, 0, 0]);
    body.resize(20 + segment.payload, 0);
    body
}

pub(crate) fn syn(destination: u16) -> Vec<u8> {
    tcp(Segment { source: 40_000, destination, sequence: 1, flags: SYN, payload: 0 })
}

pub(crate) fn udp(destination: u16) -> Vec<u8> {
    let mut body = Vec::new();
    body.extend(40_000_u16.to_be_bytes());
    body.extend(destination.to_be_bytes());
    body.extend([0, 18, 0, 0]);
    body.resize(18, 0);
    body
}

/// IPv4 with so many words of options; `fragment` is the whole field.
pub(crate) fn ipv4(protocol: u8, options: u8, fragment: u16, body: &[u8]) -> Vec<u8> {
    let header = 20 + 4 * usize::from(options);
    let mut frame = ethernet(0x0800);
    let total = u16::try_from(header + body.len()).unwrap();
    frame.extend([0x45 + options, 0]);
    frame.extend(total.to_be_bytes());
    frame.extend([0, 0]);
    frame.extend(fragment.to_be_bytes());
    frame.extend([64, protocol, 0, 0, 10, 0, 0, 2, 10, 0, 0, 1]);
    frame.resize(14 + header, 1);
    frame.extend(body);
    frame
}

pub(crate) fn ipv6(next: u8, body: &[u8]) -> Vec<u8> {
    let mut frame = ethernet(0x86dd);
    frame.extend([0x60, 0, 0, 0]);
    frame.extend(u16::try_from(body.len()).unwrap().to_be_bytes());
    frame.extend([next, 64]);
    frame.extend([0xfd; 32]);
    frame.extend(body);
    frame
}

fn ethernet(kind: u16) -> Vec<u8> {
    let mut frame = vec![2; 12];
    frame.extend(kind.to_be_bytes());
    frame
}

/// The frame with other bytes at the end of its body.
pub(crate) fn with_payload(mut frame: Vec<u8>, payload: &[u8]) -> Vec<u8> {
    let at = frame.len() - payload.len();
    frame[at..].copy_from_slice(payload);
    frame
}

/// The frame from another IPv4 address.
pub(crate) fn from(mut frame: Vec<u8>, address: [u8; 4]) -> Vec<u8> {
    frame[26..30].copy_from_slice(&address);
    frame
}
