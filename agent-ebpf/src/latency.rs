//! Request latency: from the first byte of a request at ingress to the first byte of its answer at
//! egress, for each connection of a watched port.
//!
//! Only segments with new bytes count, told by sequence numbers: retransmissions and keep-alive
//! probes open and close nothing. A connection has one open request; pipelined requests therefore
//! count as one, and HTTP/2 gives the time to the next byte sent. A connection begins with its SYN,
//! or when it is first seen, and ends with our FIN or either side's RST. More than `FLOWS_MAX`
//! connections push out the least recently used; an open request among those stays in flight, and an
//! answer on a connection that is not remembered counts as a lost sample.

use crate::maps::{FLOWS, LATENCIES};
use crate::packet::{ACK, FIN, Packet, RST, SYN};
use crate::reflex;
use aya_ebpf::helpers::bpf_ktime_get_ns;
use aya_ebpf::programs::TcContext;
use kernel_abi::histogram;
use kernel_abi::layout::{Exchange, Flow, Latency, Port};

/// `HTTP/1.1 200`.
const STATUS_LINE: usize = 12;

/// A segment to a watched port that the limiter let through.
#[inline(always)]
pub fn arrive(port: Port, packet: &Packet) {
    let begins = packet.flags & (SYN | ACK) == SYN;
    if !begins && packet.payload == 0 && packet.flags & RST == 0 {
        return;
    }
    let Some(latency) = latency(port) else { return };
    let flow = Flow {
        remote: packet.source_address,
        local: packet.destination_address,
        remote_port: packet.source,
        local_port: packet.destination,
    };
    if begins {
        begin(port, packet, &flow, latency);
    } else if packet.flags & RST != 0 {
        latency.resets += 1;
        end(port, &flow, latency);
    } else {
        request(port, packet, &flow, latency);
    }
}

/// A segment from a watched port.
#[inline(always)]
pub fn leave(port: Port, packet: &Packet, context: &TcContext) {
    if packet.payload == 0 && packet.flags & (FIN | RST) == 0 {
        return;
    }
    let Some(latency) = latency(port) else { return };
    let flow = Flow {
        remote: packet.destination_address,
        local: packet.source_address,
        remote_port: packet.destination,
        local_port: packet.source,
    };
    if packet.payload > 0 {
        answer(port, packet, context, &flow, latency);
    }
    if packet.flags & (FIN | RST) != 0 {
        if packet.flags & RST != 0 {
            latency.resets += 1;
        }
        end(port, &flow, latency);
    }
}

#[inline(always)]
fn latency<'a>(port: Port) -> Option<&'a mut Latency> {
    of_slot(u32::from(port.watch))
}

/// What this CPU has counted in a slot.
#[inline(always)]
pub fn of_slot<'a>(slot: u32) -> Option<&'a mut Latency> {
    let latency = LATENCIES.get_ptr_mut(slot)?;
    // SAFETY: this CPU's own value, which nothing else on this CPU holds while we run.
    Some(unsafe { &mut *latency })
}

#[inline(always)]
fn exchange<'a>(flow: &Flow) -> Option<&'a mut Exchange> {
    let exchange = FLOWS.get_ptr_mut(flow)?;
    // SAFETY: the element stays memory of the map even when it is evicted meanwhile; then a sample
    // of a connection that nobody uses is lost. Segments of one connection are handled in turn.
    Some(unsafe { &mut *exchange })
}

/// A SYN: a connection begins, unless it is the same SYN again.
#[inline(always)]
fn begin(port: Port, packet: &Packet, flow: &Flow, latency: &mut Latency) {
    let next_in = packet.sequence.wrapping_add(1);
    if let Some(old) = exchange(flow) {
        if old.next_in == next_in {
            return;
        }
        abandon(port, old, latency);
    }
    let flags = if port.flags & Port::TLS != 0 { Exchange::HANDSHAKE } else { 0 };
    let exchange = Exchange { opened_ns: 0, next_in, next_out: 0, flags, reserved: 0 };
    match FLOWS.insert(flow, exchange, 0) {
        Ok(()) => latency.connections += 1,
        Err(_) => latency.lost += 1,
    }
}

/// Bytes that came: they open a request unless one is open or they have been here before.
#[inline(always)]
fn request(port: Port, packet: &Packet, flow: &Flow, latency: &mut Latency) {
    let next_in = packet.sequence.wrapping_add(packet.payload);
    // SAFETY: a helper without arguments.
    let now_ns = unsafe { bpf_ktime_get_ns() };
    let Some(exchange) = exchange(flow) else {
        let first = Exchange { opened_ns: now_ns, next_in, next_out: 0, flags: 0, reserved: 0 };
        match FLOWS.insert(flow, first, 0) {
            Ok(()) => open(port, latency),
            Err(_) => latency.lost += 1,
        }
        return;
    };
    let is_joined = exchange.flags & Exchange::JOINED != 0;
    if !is_joined && !is_after(next_in, exchange.next_in) {
        // A keep-alive probe repeats one byte at most.
        latency.retransmits += u64::from(packet.payload > 1);
        return;
    }
    exchange.next_in = next_in;
    exchange.flags &= !Exchange::JOINED;
    if exchange.opened_ns == 0 {
        exchange.opened_ns = now_ns;
        if exchange.flags & Exchange::HANDSHAKE == 0 {
            open(port, latency);
        }
    }
}

#[inline(always)]
fn open(port: Port, latency: &mut Latency) {
    latency.requests += 1;
    if port.flags & Port::ARMED != 0 {
        reflex::opened(port);
    }
}

/// Bytes that leave: the first new ones answer the open request.
#[inline(always)]
fn answer(port: Port, packet: &Packet, context: &TcContext, flow: &Flow, latency: &mut Latency) {
    let next_out = packet.sequence.wrapping_add(packet.payload);
    let Some(exchange) = exchange(flow) else { return join(next_out, flow, latency) };
    if exchange.flags & Exchange::ANSWERED != 0 && !is_after(next_out, exchange.next_out) {
        latency.retransmits += u64::from(packet.payload > 1);
        return;
    }
    exchange.next_out = next_out;
    exchange.flags |= Exchange::ANSWERED;
    let opened_ns = exchange.opened_ns;
    if opened_ns == 0 {
        return;
    }
    exchange.opened_ns = 0;
    if exchange.flags & Exchange::HANDSHAKE != 0 {
        exchange.flags &= !Exchange::HANDSHAKE;
        return;
    }
    if port.flags & Port::HTTP != 0 {
        status(packet, context, latency);
    }
    // SAFETY: a helper without arguments.
    let now_ns = unsafe { bpf_ktime_get_ns() };
    let value_ns = now_ns.saturating_sub(opened_ns);
    sample(value_ns, latency);
    if port.flags & Port::ARMED != 0 {
        reflex::answered(port, flow, value_ns, now_ns);
    }
}

/// An answer to a request that is not remembered: the connection is, from now on, so that it counts once.
#[inline(always)]
fn join(next_out: u32, flow: &Flow, latency: &mut Latency) {
    latency.lost += 1;
    let flags = Exchange::ANSWERED | Exchange::JOINED;
    let exchange = Exchange { opened_ns: 0, next_in: 0, next_out, flags, reserved: 0 };
    // If it cannot be, the next answer counts again.
    let _ = FLOWS.insert(flow, exchange, 0);
}

/// Counts the class of `HTTP/1.x NNN` at the beginning of an answer; anything else is none.
#[inline(always)]
fn status(packet: &Packet, context: &TcContext, latency: &mut Latency) {
    if packet.payload < STATUS_LINE as u32 {
        return;
    }
    let Ok(line) = context.load::<[u8; STATUS_LINE]>(packet.payload_at as usize) else { return };
    let is_http = line[0] == b'H' && line[1] == b'T' && line[2] == b'T' && line[3] == b'P';
    let is_one = line[4] == b'/' && line[5] == b'1' && line[6] == b'.' && line[8] == b' ';
    let class = line[9].wrapping_sub(b'1') as usize;
    if is_http
        && is_one
        && let Some(count) = latency.statuses.get_mut(class)
    {
        *count += 1;
    }
}

/// Adds a sample.
#[inline(always)]
pub fn sample(value_ns: u64, latency: &mut Latency) {
    latency.answered += 1;
    latency.sum_ns += value_ns;
    match histogram::slot(value_ns) {
        // The bound is known to the function; said again where the verifier sees it.
        Some(slot) => {
            if let Some(bucket) = latency.buckets.get_mut(slot) {
                *bucket += 1;
            }
        }
        None => latency.zeros += 1,
    }
}

/// The connection is over.
#[inline(always)]
fn end(port: Port, flow: &Flow, latency: &mut Latency) {
    if let Some(exchange) = exchange(flow) {
        abandon(port, exchange, latency);
        // It is gone already when the other CPU was faster.
        let _ = FLOWS.remove(flow);
    }
}

#[inline(always)]
fn abandon(port: Port, exchange: &Exchange, latency: &mut Latency) {
    if exchange.opened_ns != 0 && exchange.flags & Exchange::HANDSHAKE == 0 {
        latency.abandoned += 1;
        if port.flags & Port::ARMED != 0 {
            reflex::abandoned(port);
        }
    }
}

/// Sequence numbers wrap: after means less than half their range ahead.
#[inline(always)]
fn is_after(next: u32, previous: u32) -> bool {
    next.wrapping_sub(previous).cast_signed() > 0
}
