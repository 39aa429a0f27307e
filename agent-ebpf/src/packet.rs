//! The few header fields that limits and samples need, with every bound checked for the verifier.
//!
//! Direct packet access; only when the headers are not in the linear part are they pulled there,
//! once. Bounds are checked a whole header at a time: a check of a single byte is folded into a form
//! that the verifier does not take for one.

use aya_ebpf::bindings::__sk_buff;
use aya_ebpf::programs::TcContext;
pub use kernel_abi::layout::Protocol;

/// EtherTypes as the kernel stores them in `skb->protocol`: in network order.
const IPV4: u32 = 0x0800_u16.to_be() as u32;
const IPV6: u32 = 0x86dd_u16.to_be() as u32;

const TCP: u8 = 6;
const UDP: u8 = 17;

/// The longest headers we read: link, IPv4 with options, TCP without.
const HEADERS_MAX: u32 = 14 + 60 + 20;

pub const FIN: u8 = 0x01;
pub const SYN: u8 = 0x02;
pub const RST: u8 = 0x04;
pub const ACK: u8 = 0x10;

/// Why a packet was not looked into.
#[derive(Clone, Copy)]
pub enum Skip {
    /// Neither TCP nor UDP.
    Other,
    /// An IPv4 fragment without a transport header.
    Fragment,
    /// IPv6 extension headers.
    Extension,
    /// A header that ends too early, or contradicts itself.
    Malformed,
    /// The headers are not in the linear part.
    Short,
}

/// A TCP or UDP packet.
pub struct Packet {
    pub protocol: Protocol,
    /// TCP flags, 0 for UDP.
    pub flags: u8,
    pub source: u16,
    pub destination: u16,
    /// Sequence number, 0 for UDP.
    pub sequence: u32,
    /// Bytes after the transport header.
    pub payload: u32,
    /// Where those begin, from the packet's first byte; 0 for UDP.
    pub payload_at: u32,
    /// Network order; IPv4 addresses in the last word.
    pub source_address: [u32; 4],
    pub destination_address: [u32; 4],
}

#[repr(C)]
struct Ipv4 {
    version_length: u8,
    _service: u8,
    total: [u8; 2],
    _identification: [u8; 2],
    fragment: [u8; 2],
    _ttl: u8,
    protocol: u8,
    _checksum: [u8; 2],
    source: u32,
    destination: u32,
}

#[repr(C)]
struct Ipv6 {
    _version: [u8; 4],
    payload: [u8; 2],
    next: u8,
    _hops: u8,
    source: [u32; 4],
    destination: [u32; 4],
}

#[repr(C)]
struct Tcp {
    source: [u8; 2],
    destination: [u8; 2],
    sequence: [u8; 4],
    _acknowledged: [u8; 4],
    offset: u8,
    flags: u8,
    _window: [u8; 2],
    _checksum: [u8; 2],
    _urgent: [u8; 2],
}

#[repr(C)]
struct Udp {
    source: [u8; 2],
    destination: [u8; 2],
    length: [u8; 2],
    _checksum: [u8; 2],
}

/// Parses a packet whose IP header begins after `LINK` bytes.
#[inline(always)]
pub fn parse<const LINK: usize>(context: &TcContext) -> Result<Packet, Skip> {
    match linear::<LINK>(context) {
        Err(Skip::Short) => pulled::<LINK>(context),
        parsed => parsed,
    }
}

/// Brings the headers into the linear part and parses again.
#[inline(always)]
fn pulled<const LINK: usize>(context: &TcContext) -> Result<Packet, Skip> {
    let length = context.len();
    let wanted = if length < HEADERS_MAX { length } else { HEADERS_MAX };
    if context.pull_data(wanted).is_err() {
        return Err(Skip::Malformed);
    }
    linear::<LINK>(context)
}

#[inline(always)]
fn linear<const LINK: usize>(context: &TcContext) -> Result<Packet, Skip> {
    let end = context.data_end();
    let start = context.data() + LINK;
    let skb = context.skb.skb.cast_const();
    // SAFETY: the context is valid for the length of the program.
    match unsafe { (*skb).protocol } {
        IPV4 => ipv4::<LINK>(start, end, skb),
        IPV6 => ipv6::<LINK>(start, end, skb),
        _ => Err(Skip::Other),
    }
}

#[inline(always)]
fn ipv4<const LINK: usize>(
    start: usize,
    end: usize,
    skb: *const __sk_buff,
) -> Result<Packet, Skip> {
    let ip: &Ipv4 = at(start, end)?;
    if ip.protocol != TCP && ip.protocol != UDP {
        return Err(Skip::Other);
    }
    if u16::from_be_bytes(ip.fragment) & 0x1fff != 0 {
        return Err(Skip::Fragment);
    }
    let header = usize::from(ip.version_length & 0x0f) * 4;
    if header < 20 {
        return Err(Skip::Malformed);
    }
    let total = match u16::from_be_bytes(ip.total) {
        // An aggregate beyond 64 KiB has no length of its own.
        0 => whole::<LINK>(skb),
        total => u32::from(total),
    };
    let body = total.saturating_sub(header as u32);
    let mut packet = transport(start + header, end, (LINK + header) as u32, ip.protocol, body)?;
    packet.source_address = [0, 0, 0, ip.source];
    packet.destination_address = [0, 0, 0, ip.destination];
    Ok(packet)
}

#[inline(always)]
fn ipv6<const LINK: usize>(
    start: usize,
    end: usize,
    skb: *const __sk_buff,
) -> Result<Packet, Skip> {
    let ip: &Ipv6 = at(start, end)?;
    match ip.next {
        TCP | UDP => {}
        // Hop-by-hop, routing, fragment, authentication, destination options, mobility.
        0 | 43 | 44 | 51 | 60 | 135 => return Err(Skip::Extension),
        _ => return Err(Skip::Other),
    }
    let body = match u16::from_be_bytes(ip.payload) {
        0 => whole::<LINK>(skb).saturating_sub(40),
        body => u32::from(body),
    };
    let mut packet = transport(
        start + size_of::<Ipv6>(),
        end,
        (LINK + size_of::<Ipv6>()) as u32,
        ip.next,
        body,
    )?;
    packet.source_address = ip.source;
    packet.destination_address = ip.destination;
    Ok(packet)
}

/// Bytes of the packet from the IP header on.
#[inline(always)]
fn whole<const LINK: usize>(skb: *const __sk_buff) -> u32 {
    // SAFETY: the context is valid for the length of the program.
    unsafe { (*skb).len }.saturating_sub(LINK as u32)
}

/// Parses the transport header, of a body of so many bytes with that header, `at_link` bytes after
/// the packet's first.
#[inline(always)]
fn transport(
    start: usize,
    end: usize,
    at_link: u32,
    protocol: u8,
    body: u32,
) -> Result<Packet, Skip> {
    if protocol == UDP {
        let udp: &Udp = at(start, end)?;
        return Ok(Packet {
            protocol: Protocol::Udp,
            flags: 0,
            source: u16::from_be_bytes(udp.source),
            destination: u16::from_be_bytes(udp.destination),
            sequence: 0,
            payload: body.saturating_sub(8),
            payload_at: 0,
            source_address: [0; 4],
            destination_address: [0; 4],
        });
    }
    let tcp: &Tcp = at(start, end)?;
    Ok(Packet {
        protocol: Protocol::Tcp,
        flags: tcp.flags,
        source: u16::from_be_bytes(tcp.source),
        destination: u16::from_be_bytes(tcp.destination),
        sequence: u32::from_be_bytes(tcp.sequence),
        payload: body.saturating_sub(u32::from(tcp.offset >> 4) * 4),
        payload_at: at_link + u32::from(tcp.offset >> 4) * 4,
        source_address: [0; 4],
        destination_address: [0; 4],
    })
}

/// The header at `start`, if it ends before `end`.
#[inline(always)]
fn at<'a, T>(start: usize, end: usize) -> Result<&'a T, Skip> {
    if start + size_of::<T>() > end {
        return Err(Skip::Short);
    }
    // SAFETY: the bound was checked and the verifier checks it again; headers have no invalid values.
    // An address may lie unaligned, which every kernel that loads this program (x86-64, arm64) takes.
    Ok(unsafe { &*(start as *const T) })
}
