//! A batch: OTLP requests as they arrived, and who is waiting for them.
//!
//! One [`Part`] is one sender's request. Since an OTLP export request is a single repeated field,
//! the concatenation of the parts' bodies is again a valid request: merging copies nothing.

use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use otlp::split::{Limit, split};
use otlp::{Malformed, Signal};

use crate::{Ack, Exhausted, Permit, Sender};

/// The compressed form in which a body arrived, kept while nobody edits it.
#[derive(Clone, Debug)]
pub struct Packed {
    /// How `bytes` are compressed.
    pub coding: PackedCoding,
    /// The compressed body.
    pub bytes: Bytes,
}

/// Compressions in which a body can be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PackedCoding {
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
}

/// One sender's request.
#[derive(Debug)]
pub struct Part {
    /// The request as protobuf, uncompressed.
    pub body: Bytes,
    /// The request as it was compressed by the sender, if it was.
    pub packed: Option<Packed>,
    /// Spans, metric points, log records or profiles in `body`.
    pub records: u64,
    /// The admitted bytes; shared between the branches of a fan-out.
    pub permit: Arc<Permit>,
    /// Who hears what became of it.
    pub ack: Ack,
}

impl Part {
    /// Bytes of memory this part holds.
    pub fn bytes(&self) -> usize {
        self.body.len() + self.packed.as_ref().map_or(0, |packed| packed.bytes.len())
    }

    /// Puts another body in the place of this one, with `records` records. The form in which it came
    /// goes; the permit follows the size, and if it may not, the part stays as it was.
    pub fn rewrite(&mut self, body: Bytes, records: u64) -> Result<(), Exhausted> {
        if body.len() > self.permit.bytes() {
            self.permit = Arc::new(self.permit.beside(body.len())?);
        } else if let Some(permit) = Arc::get_mut(&mut self.permit) {
            permit.shrink_to(body.len());
        }
        (self.body, self.packed, self.records) = (body, None, records);
        Ok(())
    }

    /// Bodies made of this one, each charged to the budget beside it: both are in memory until this one
    /// ends. A body that is the whole request costs nothing more, and keeps the form in which it came.
    pub fn charge(&self, bodies: Vec<(Bytes, u64)>) -> Result<Vec<Slice>, Exhausted> {
        bodies.into_iter().map(|(body, records)| self.slice(body, records)).collect()
    }

    /// The pieces it makes under these limits (see [`otlp::split`]), charged like any body made of it. One
    /// that cannot be read stays whole.
    pub fn pieces(
        &self,
        signal: Signal,
        limits: impl IntoIterator<Item = Limit>,
    ) -> Result<Vec<Slice>, Exhausted> {
        let mut slices = Vec::new();
        let made = split(signal, &self.body, limits, |piece| {
            slices.push(self.slice(piece.body, piece.records)?);
            Ok(())
        });
        match made {
            Ok(()) => Ok(slices),
            Err(Stop::Exhausted) => Err(Exhausted),
            Err(Stop::Malformed) => Ok(vec![self.slice(self.body.clone(), self.records)?]),
        }
    }

    fn slice(&self, body: Bytes, records: u64) -> Result<Slice, Exhausted> {
        if body.len() == self.body.len() && body.as_ptr() == self.body.as_ptr() {
            let (packed, permit) = (self.packed.clone(), self.permit.clone());
            return Ok(Slice { body, packed, records, permit });
        }
        let permit = Arc::new(self.permit.beside(body.len())?);
        Ok(Slice { body, packed: None, records, permit })
    }

    /// Goes several ways, and the sender hears once all have arrived. The slices may share records.
    pub fn divide(self, slices: Vec<Slice>) -> Vec<Self> {
        Self::join(self.ack.split(&counts(&slices)), slices)
    }

    /// Goes in pieces that together hold each record once. The sender hears of all of them in one
    /// answer, as if it had gone whole.
    pub fn cut(self, pieces: Vec<Slice>) -> Vec<Self> {
        Self::join(self.ack.cut(&counts(&pieces)), pieces)
    }

    fn join(acks: Vec<Ack>, slices: Vec<Slice>) -> Vec<Self> {
        let part = |(slice, ack): (Slice, Ack)| {
            let Slice { body, packed, records, permit } = slice;
            Self { body, packed, records, permit, ack }
        };
        slices.into_iter().zip(acks).map(part).collect()
    }

    fn branch(&self, ack: Ack) -> Self {
        Self {
            body: self.body.clone(),
            packed: self.packed.clone(),
            records: self.records,
            permit: self.permit.clone(),
            ack,
        }
    }
}

/// A body made of a part's, before it is a part of its own.
#[derive(Debug)]
pub struct Slice {
    body: Bytes,
    packed: Option<Packed>,
    records: u64,
    permit: Arc<Permit>,
}

fn counts(slices: &[Slice]) -> Vec<u64> {
    slices.iter().map(|slice| slice.records).collect()
}

/// Why a body is not cut.
enum Stop {
    Malformed,
    Exhausted,
}

impl From<Malformed> for Stop {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

impl From<Exhausted> for Stop {
    fn from(_: Exhausted) -> Self {
        Self::Exhausted
    }
}

/// Requests of one signal that travel together.
#[derive(Debug)]
pub struct Batch {
    /// What the records are.
    pub signal: Signal,
    /// The requests, oldest first; never empty.
    pub parts: Vec<Part>,
    /// When the oldest part arrived.
    pub received_at: SystemTime,
    /// Who sent it, and every part of it.
    pub sender: Sender,
}

impl Batch {
    /// Records in all parts.
    pub fn records(&self) -> u64 {
        self.parts.iter().map(|part| part.records).sum()
    }

    /// Bytes of memory that all parts hold.
    pub fn bytes(&self) -> usize {
        self.parts.iter().map(Part::bytes).sum()
    }

    /// Size of the merged request, uncompressed.
    pub fn body_bytes(&self) -> usize {
        self.parts.iter().map(|part| part.body.len()).sum()
    }

    /// The merged request as pieces to be written one after the other.
    pub fn bodies(&self) -> impl ExactSizeIterator<Item = &Bytes> {
        self.parts.iter().map(|part| &part.body)
    }

    /// Takes over the parts of `other`, which has the same signal and sender.
    pub fn merge(&mut self, other: Self) {
        debug_assert_eq!(self.signal, other.signal, "a batch holds one signal");
        self.received_at = self.received_at.min(other.received_at);
        self.parts.extend(other.parts);
    }

    /// One batch per branch over the same bytes; each must be settled.
    pub fn fan_out(self, branches: usize) -> Vec<Self> {
        if branches == 1 {
            return vec![self];
        }
        let mut out: Vec<Self> = (0..branches).map(|_| self.empty_twin()).collect();
        for mut part in self.parts {
            let acks = std::mem::replace(&mut part.ack, Ack::settled()).fan_out(branches);
            for (batch, ack) in out.iter_mut().zip(acks) {
                batch.parts.push(part.branch(ack));
            }
        }
        out
    }

    fn empty_twin(&self) -> Self {
        Self {
            signal: self.signal,
            parts: Vec::with_capacity(self.parts.len()),
            received_at: self.received_at,
            sender: self.sender.clone(),
        }
    }
}
