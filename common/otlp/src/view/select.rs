//! Copies a trace request without the spans that are not wanted.

use super::{RECORDS, RESOURCES, SCOPES, SpanView, View, bytes};
use crate::wire::{Fields, Malformed, put_bytes};

/// Appends `request` with only the spans that `keep` wants, and says how many there are.
///
/// Everything else is copied as it stands and in order: resource, scope, schema URLs, unknown
/// fields. Scopes and resources without a span that is kept are left out. After an error the end
/// of `out` is undefined.
pub fn select_spans(
    request: &[u8],
    mut keep: impl FnMut(&SpanView<'_>) -> bool,
    out: &mut Vec<u8>,
) -> Result<u64, Malformed> {
    rewrite(request, RESOURCES, out, &mut |resource, out| {
        rewrite(resource, SCOPES, out, &mut |scope, out| spans(scope, &mut keep, out))
    })
}

/// Copies one message and says how many spans it kept.
type Inner<'a> = &'a mut dyn FnMut(&[u8], &mut Vec<u8>) -> Result<u64, Malformed>;

/// Copies `message`, the messages in field `number` through `inner`, which says how many spans it
/// kept; those without any are left out.
fn rewrite(
    message: &[u8],
    number: u32,
    out: &mut Vec<u8>,
    inner: Inner<'_>,
) -> Result<u64, Malformed> {
    let mut kept = 0;
    let mut scratch = Vec::new();
    let mut fields = Fields::new(message);
    while let Some(field) = fields.try_next()? {
        if field.number != number {
            out.extend_from_slice(field.raw);
            continue;
        }
        scratch.clear();
        let here = inner(bytes(field.value)?, &mut scratch)?;
        if here > 0 {
            put_bytes(out, number, &scratch);
            kept += here;
        }
    }
    Ok(kept)
}

fn spans(
    scope: &[u8],
    keep: &mut impl FnMut(&SpanView<'_>) -> bool,
    out: &mut Vec<u8>,
) -> Result<u64, Malformed> {
    let mut kept = 0;
    let mut fields = Fields::new(scope);
    while let Some(field) = fields.try_next()? {
        if field.number == RECORDS {
            if !keep(&SpanView::view(bytes(field.value)?)?) {
                continue;
            }
            kept += 1;
        }
        out.extend_from_slice(field.raw);
    }
    Ok(kept)
}
