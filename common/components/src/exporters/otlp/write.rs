//! The body of a request: as it came, compressed, or as JSON. What is written here is charged to the byte
//! budget until its last byte is gone.

use bytes::Bytes;
use pipeline::{Batch, Exhausted, Output, Outputs, PackedCoding};
use transport::coding::{Coding, pack};
use transport::read::{Grow, Refused};

use crate::config::otlp_exporter::Encoding;

/// What telemetry shrinks to when it is compressed, at best, as a part of its size, and what it grows to as JSON.
const PACKED_PART: usize = 8;
const JSON_TIMES: usize = 2;

/// Writes bodies.
pub(super) struct Writer {
    pub(super) encoding: Encoding,
    pub(super) compression: Coding,
    /// As zlib and Zstandard count.
    pub(super) level: Option<i32>,
    pub(super) outputs: Outputs,
}

/// Why a body was not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unwritten {
    /// A record cannot be read, so it has no JSON form.
    Malformed,
    /// The budget has no room for it now.
    NoRoom,
}

impl Writer {
    /// The body as it goes out, in pieces, and how it is compressed.
    pub(super) fn write(&self, batch: &Batch) -> Result<(Coding, Vec<Bytes>), Unwritten> {
        let coding = self.compression;
        if self.encoding == Encoding::Json {
            return Ok((coding, vec![self.json(batch, coding)?]));
        }
        if coding == Coding::Identity {
            return Ok((coding, batch.bodies().cloned().collect()));
        }
        if let Some(packed) = as_it_came(batch, coding) {
            return Ok((coding, vec![packed]));
        }
        let mut output = self.outputs.begin(batch.body_bytes() / PACKED_PART)?;
        let packed = pack(coding, self.level, batch.bodies(), &mut Charge(&mut output))?;
        Ok((coding, vec![output.keep(packed)]))
    }

    fn json(&self, batch: &Batch, coding: Coding) -> Result<Bytes, Unwritten> {
        let mut output = self.outputs.begin(batch.body_bytes() * JSON_TIMES)?;
        let request = pack(Coding::Identity, None, batch.bodies(), &mut Charge(&mut output))?;
        let mut json = Vec::new();
        let mut grow = |bytes| output.grow(bytes).is_ok();
        otlp::json::write_request_within(batch.signal, &request, &mut json, &mut grow)?;
        drop(request);
        json.shrink_to_fit();
        let packed = pack(coding, self.level, [&Bytes::from(json)], &mut Charge(&mut output))?;
        Ok(output.keep(packed))
    }
}

/// A batch that is one request, in the compression in which it arrived.
fn as_it_came(batch: &Batch, coding: Coding) -> Option<Bytes> {
    let [only] = &batch.parts[..] else { return None };
    let packed = only.packed.as_ref()?;
    (coding_of_packed(packed.coding) == coding).then(|| packed.bytes.clone())
}

/// An output, as the transport asks for memory.
struct Charge<'a>(&'a mut Output);

impl Grow for Charge<'_> {
    fn grow(&mut self, bytes: usize) -> Result<(), Refused> {
        self.0.grow(bytes).map_err(|_| Refused)
    }
}

impl From<Exhausted> for Unwritten {
    fn from(_: Exhausted) -> Self {
        Self::NoRoom
    }
}

impl From<Refused> for Unwritten {
    fn from(_: Refused) -> Self {
        Self::NoRoom
    }
}

impl From<otlp::json::WriteError> for Unwritten {
    fn from(error: otlp::json::WriteError) -> Self {
        match error {
            otlp::json::WriteError::Malformed => Self::Malformed,
            otlp::json::WriteError::Refused => Self::NoRoom,
        }
    }
}

fn coding_of_packed(coding: PackedCoding) -> Coding {
    match coding {
        PackedCoding::Gzip => Coding::Gzip,
        PackedCoding::Zstd => Coding::Zstd,
    }
}

#[cfg(test)]
mod tests;
