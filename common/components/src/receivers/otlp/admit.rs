//! From a request's head to its verdict: permit, read, inflate, check, push, wait.
//!
//! Memory is permitted before it is used. The compressed original stays beside the inflated body
//! while nobody edits it, and both are paid for until the batch ends.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use bytes::Bytes;
use otlp::json::{Reason, read_request};
use pipeline::{
    Ack, Answer, Arrival, Batch, Budget, Inlets, Metadata, Outcome, Packed, PackedCoding, Part,
    Peer, Permit, RefuseReason, Sender, Signal,
};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use transport::coding::{Coding, InflateError, inflate};
use transport::read::{Grow, ReadError, ReadLimits, Refused, read_body};
use transport::{Head, Incoming};

use super::Ledgers;
use crate::red::services::Services;

/// What one protocol's handler admits requests with.
pub(super) struct Admission {
    pub(super) inlets: Arc<Inlets>,
    pub(super) ledgers: Ledgers,
    pub(super) budget: Arc<Budget>,
    pub(super) connections: Arc<Semaphore>,
    pub(super) services: Arc<Services>,
    /// Largest body, received or inflated.
    pub(super) max_bytes: usize,
    pub(super) include_metadata: bool,
    /// Whether the configuration looks at the headers of gRPC calls.
    pub(super) looks_at_calls: Arc<AtomicBool>,
    pub(super) transport: Transport,
}

/// What requests come by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transport {
    Grpc,
    Http,
}

impl Transport {
    /// As it is called in metrics.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Grpc => "grpc",
            Self::Http => "http",
        }
    }
}

/// A request refused before it became a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reject {
    /// The byte budget, or the peer's share, is used up.
    Busy,
    /// Not the message it claims to be.
    Malformed,
    /// Not the JSON that it should be; says where and why.
    NotJson(String),
    /// Not what its coding says.
    Corrupt,
    /// Over the size limit.
    TooLarge,
    /// Too slow, or gone.
    Stalled,
}

impl Reject {
    fn reason(&self) -> RefuseReason {
        match self {
            Self::Busy => RefuseReason::Budget,
            Self::Malformed | Self::NotJson(_) | Self::Corrupt => RefuseReason::Malformed,
            Self::TooLarge => RefuseReason::TooLarge,
            Self::Stalled => RefuseReason::Stalled,
        }
    }
}

/// How a message is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Protobuf,
    /// OTLP: JSON encoding.
    Json,
}

/// How a message came.
#[derive(Clone, Copy, Debug)]
pub(super) struct Form {
    pub(super) format: Format,
    pub(super) coding: Coding,
}

/// The permit of one request, as the transport asks for it.
struct Charge(Permit);

impl Grow for Charge {
    fn grow(&mut self, bytes: usize) -> Result<(), Refused> {
        self.0.grow(bytes).map_err(|_| Refused)
    }
}

/// A request that is being admitted: announced to its pipelines, charged to its peer.
pub(super) struct Request<'a> {
    admission: &'a Admission,
    pub(super) signal: Signal,
    arrival: Arrival,
    charge: Charge,
    sender: Sender,
}

impl Admission {
    /// Announces a request, if any pipeline takes its signal.
    pub(super) fn announce(
        &self,
        signal: Signal,
        head: &Head,
        peer: SocketAddr,
    ) -> Option<Request<'_>> {
        let inlet = self.inlets.of(signal);
        if !inlet.is_connected() {
            return None;
        }
        let charge = Charge(self.budget.permit(Peer::of(peer.ip())));
        let sender = self.sender(head, peer);
        Some(Request { admission: self, signal, arrival: inlet.arrive(), charge, sender })
    }

    fn sender(&self, head: &Head, peer: SocketAddr) -> Sender {
        let is_grpc = self.transport == Transport::Grpc;
        // As in the Collector: over HTTP a client is known by its address alone.
        let port = if is_grpc { peer.port() } else { 0 };
        let client = Some(SocketAddr::new(peer.ip().to_canonical(), port));
        let looks_at_calls = is_grpc && self.looks_at_calls.load(Ordering::Relaxed);
        if !self.include_metadata && !looks_at_calls {
            return Sender { client, ..Sender::default() };
        }
        let kept = Arc::new(metadata(head, self.transport));
        Sender {
            metadata: self.include_metadata.then(|| kept.clone()),
            grpc: looks_at_calls.then_some(kept),
            client,
        }
    }

    /// Counts a request refused whole.
    pub(super) fn count(&self, signal: Signal, reason: RefuseReason) {
        self.ledgers.of(signal).refuse_request(reason);
    }
}

impl Request<'_> {
    /// Reads the body, which may carry `overhead` bytes of framing.
    pub(super) async fn read(&mut self, body: Incoming, overhead: usize) -> Result<Bytes, Reject> {
        let limits = ReadLimits::of(self.admission.max_bytes.saturating_add(overhead));
        let read = read_body(body, limits, &mut self.charge).await;
        read.map_err(|error| self.reject(error.into()))
    }

    /// Inflates, checks and hands over the message; returns what its sender hears.
    pub(super) async fn finish(
        mut self,
        message: Bytes,
        form: Form,
        deadline: Option<Instant>,
    ) -> Result<Answer, Reject> {
        let mut body = self.inflate(&message, form.coding)?;
        if form.format == Format::Json {
            body = self.protobuf(&body)?;
        }
        let tally = otlp::check(self.signal, &body).map_err(|_| self.reject(Reject::Malformed))?;
        if tally.records == 0 {
            return Ok(Answer { outcome: Outcome::ACCEPTED, accepted: 0 });
        }
        let packed = packed_as(form).map(|coding| Packed { coding, bytes: message.clone() });
        drop(message);
        let ledger = self.admission.ledgers.of(self.signal).clone();
        let (ack, waiter) = Ack::channel(tally.records, ledger, deadline);
        self.push(body, packed, tally.records, ack);
        Ok(waiter.wait().await)
    }

    fn inflate(&mut self, message: &Bytes, coding: Coding) -> Result<Bytes, Reject> {
        let inflated = inflate(coding, message, self.admission.max_bytes, &mut self.charge);
        inflated.map_err(|error| {
            self.reject(match error {
                InflateError::TooLarge => Reject::TooLarge,
                InflateError::Corrupt => Reject::Corrupt,
                InflateError::Refused => Reject::Busy,
            })
        })
    }

    /// Turns OTLP/JSON into protobuf. That is shorter as a rule, and so much is asked for first;
    /// lists of short numbers may become four times as long.
    fn protobuf(&mut self, json: &[u8]) -> Result<Bytes, Reject> {
        const GROWTH_MAX: usize = 4;
        let mut room_bytes = 0;
        for growth in [1, GROWTH_MAX] {
            let wanted = json.len().saturating_mul(growth).min(self.admission.max_bytes);
            let granted = self.charge.grow(wanted - room_bytes);
            granted.map_err(|_| self.reject(Reject::Busy))?;
            room_bytes = wanted;
            let mut body = Vec::with_capacity(room_bytes);
            match read_request(self.signal, json, room_bytes, &mut body) {
                Ok(()) => {
                    body.shrink_to_fit();
                    return Ok(Bytes::from(body));
                }
                Err(error) if error.reason == Reason::TooLarge => {}
                Err(error) => return Err(self.reject(Reject::NotJson(error.to_string()))),
            }
        }
        Err(self.reject(Reject::TooLarge))
    }

    fn push(self, body: Bytes, packed: Option<Packed>, records: u64, ack: Ack) {
        let now = Instant::now();
        if self.signal == Signal::Traces {
            self.admission.services.observe(&body, now);
        }
        let mut permit = self.charge.0;
        permit.shrink_to(body.len() + packed.as_ref().map_or(0, |packed| packed.bytes.len()));
        let part = Part { body, packed, records, permit: Arc::new(permit), ack };
        let batch = Batch {
            signal: self.signal,
            parts: vec![part],
            received_at: SystemTime::now(),
            sender: self.sender,
        };
        self.arrival.push(batch, now);
    }

    fn reject(&self, reject: Reject) -> Reject {
        self.admission.count(self.signal, reject.reason());
        reject
    }
}

impl From<ReadError> for Reject {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::TooLarge => Self::TooLarge,
            ReadError::Refused => Self::Busy,
            ReadError::Stalled | ReadError::Disconnected => Self::Stalled,
        }
    }
}

/// The compression in which a message may go on as it came.
fn packed_as(form: Form) -> Option<PackedCoding> {
    match (form.format, form.coding) {
        (Format::Protobuf, Coding::Gzip) => Some(PackedCoding::Gzip),
        (Format::Protobuf, Coding::Zstd) => Some(PackedCoding::Zstd),
        _ => None,
    }
}

/// The headers that go along with the data; those that are not text stay behind. What HTTP/2 says instead of
/// `host` is there under both names.
fn metadata(head: &Head, transport: Transport) -> Metadata {
    let texts = head.headers.iter().filter_map(|(name, value)| Some((name, value.to_str().ok()?)));
    let mut kept: Metadata =
        texts.map(|(name, value)| (name.as_str().to_owned(), value.to_owned())).collect();
    if let Some(authority) = head.uri.authority() {
        let names = match transport {
            Transport::Grpc => &[":authority", "host"][..],
            Transport::Http => &["host"],
        };
        for name in names.iter().filter(|name| !head.headers.contains_key(**name)) {
            kept.push(((*name).to_owned(), authority.as_str().to_owned()));
        }
    }
    kept
}
