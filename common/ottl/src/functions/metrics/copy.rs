//! Copies of metrics.

use crate::RunError;
use crate::function::{Args, Change, Changed, Unfit};

/// The fields of a metric that a copy may have anew, in the order of the parameters.
const FIELDS: [u32; 3] = [1, 2, 3];

/// `copy_metric(name, description, unit)`. The copy is the metric's bytes with the new texts behind them: of a field
/// that repeats, the last one counts, and what this OTLP does not know is copied too.
pub(super) fn prepare(_: &Args<'_>) -> Result<Change, Unfit> {
    Ok(Box::new(|bytes, args| {
        let mut copy = bytes.to_vec();
        for (index, field) in FIELDS.into_iter().enumerate().filter(|(index, _)| args.has(*index)) {
            put(&mut copy, field, args.str(index)?);
        }
        super::message::decode(&copy).map_err(|error| RunError::new(error.to_string()))?;
        Ok(Changed { record: None, appended: vec![copy] })
    }))
}

fn put(out: &mut Vec<u8>, field: u32, text: &str) {
    prost::encoding::string::encode(field, &text.to_owned(), out);
}
