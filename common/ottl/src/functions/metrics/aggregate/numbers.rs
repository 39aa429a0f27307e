//! Points of a gauge or sum made fewer where they stand: what stays of a point is copied, not decoded.
//!
//! Done are points whose attributes are texts, numbers, bools and bytes in the form that nearly all have; others are
//! left to the owned records, whose result is the same.

use std::collections::HashMap;

use otlp::Malformed;
use otlp::edit::{Data, fields};
use otlp::wire::{Fields, Value as Wire, put_bytes, put_fixed64, varint, varint_bytes};
use smallvec::SmallVec;

use super::super::message::number_data_point::Value;
use super::super::number::{Aggregation, merged};
use super::is_delta;

/// Fields of `NumberDataPoint`.
const START: u32 = 2;
const TIME: u32 = 3;
const DOUBLE: u32 = 4;
const EXEMPLARS: u32 = 5;
const INT: u32 = 6;
const ATTRIBUTES: u32 = 7;
/// The field of points in a gauge or sum, and of a sum's temporality.
const POINTS: u32 = 1;
const TEMPORALITY: u32 = 2;
/// The field of a metric's metadata.
const METADATA: u32 = 12;

/// A point, taken apart.
struct Point<'p> {
    bytes: &'p [u8],
    attributes: SmallVec<[Attribute<'p>; 8]>,
    value: Option<Value>,
    start_ns: u64,
    time_ns: u64,
}

/// An attribute that stays.
struct Attribute<'p> {
    /// The field as it stands.
    raw: &'p [u8],
    key: &'p [u8],
    any: &'p [u8],
}

/// Points that become one.
struct Group<'p> {
    first: Point<'p>,
    values: SmallVec<[Option<Value>; 8]>,
    start_ns: u64,
    /// The fields of the others' exemplars.
    exemplars: Vec<u8>,
}

/// The metric with only the attributes that `keeps` names; nothing where it has to be done with owned records.
pub(super) fn on_attributes(
    metric: &[u8],
    aggregation: Aggregation,
    keeps: impl Fn(&[u8]) -> bool,
) -> Result<Option<Vec<u8>>, Malformed> {
    let Some((kind @ (Data::Gauge | Data::Sum), data)) = Data::of_metric(metric)? else {
        return Ok(None);
    };
    let temporality = match (kind, fields::last(&data, TEMPORALITY)?) {
        (Data::Sum, Some(Wire::Varint(number))) => number as i32,
        _ => 0,
    };
    let Some(groups) = groups(&data, &keeps, is_delta(temporality))? else { return Ok(None) };
    let (mut points, mut point) = (Vec::with_capacity(data.len()), Vec::new());
    for group in &groups {
        point.clear();
        group.write(aggregation, &mut point)?;
        put_bytes(&mut points, POINTS, &point);
    }
    let (mut new_data, mut field, mut out) = (Vec::new(), Vec::new(), Vec::new());
    fields::replace(&data, &[POINTS], &points, &mut new_data)?;
    put_bytes(&mut field, kind.number(), &new_data);
    let replaced: SmallVec<[u32; 8]> =
        Data::ALL.iter().map(|data| data.number()).chain([METADATA]).collect();
    fields::replace(metric, &replaced, &field, &mut out)?;
    Ok(Some(out))
}

/// The points by attributes, time and, if it counts, start, in the order of the first of each.
fn groups<'p>(
    data: &'p [u8],
    keeps: &impl Fn(&[u8]) -> bool,
    start_counts: bool,
) -> Result<Option<Vec<Group<'p>>>, Malformed> {
    let mut index: HashMap<Vec<u8>, usize> = HashMap::new();
    let mut groups: Vec<Group<'p>> = Vec::new();
    let mut key = Vec::new();
    for point in fields::repeated(data, POINTS) {
        let Some(point) = Point::read(point?, keeps)? else { return Ok(None) };
        key.clear();
        point.write_key(start_counts, &mut key);
        match index.get(&key) {
            Some(group) => groups[*group].take(&point)?,
            None => {
                index.insert(key.clone(), groups.len());
                groups.push(Group::of(point));
            }
        }
    }
    Ok(Some(groups))
}

impl<'p> Point<'p> {
    /// Takes it apart; nothing where an attribute that stays has another form.
    fn read(bytes: &'p [u8], keeps: &impl Fn(&[u8]) -> bool) -> Result<Option<Self>, Malformed> {
        let attributes = SmallVec::new();
        let mut point = Self { bytes, attributes, value: None, start_ns: 0, time_ns: 0 };
        let mut all = Fields::new(bytes);
        while let Some(field) = all.try_next()? {
            match (field.number, field.value) {
                (ATTRIBUTES, Wire::Bytes(entry)) => {
                    let Some((key, any)) = fields::plain_entry(entry) else { return Ok(None) };
                    if keeps(key) {
                        if !is_text(key) || !is_plain(any) {
                            return Ok(None);
                        }
                        point.attributes.push(Attribute { raw: field.raw, key, any });
                    }
                }
                (START, Wire::Fixed64(ns)) => point.start_ns = ns,
                (TIME, Wire::Fixed64(ns)) => point.time_ns = ns,
                (DOUBLE, Wire::Fixed64(bits)) => {
                    point.value = Some(Value::AsDouble(f64::from_bits(bits)));
                }
                (INT, Wire::Fixed64(bits)) => point.value = Some(Value::AsInt(bits.cast_signed())),
                (START..=INT, _) if field.number != EXEMPLARS => return Err(Malformed),
                (ATTRIBUTES, _) => return Err(Malformed),
                _ => {}
            }
        }
        Ok(Some(point))
    }

    /// Bytes that are equal for points of one group.
    fn write_key(&self, start_counts: bool, key: &mut Vec<u8>) {
        let mut sorted: SmallVec<[&Attribute<'_>; 8]> = self.attributes.iter().collect();
        sorted.sort_by_key(|attribute| attribute.key);
        for attribute in sorted {
            for part in [attribute.key, attribute.any] {
                key.extend(part.len().to_le_bytes());
                key.extend_from_slice(part);
            }
        }
        key.extend(self.time_ns.to_le_bytes());
        key.extend(if start_counts { self.start_ns } else { 0 }.to_le_bytes());
    }
}

impl<'p> Group<'p> {
    fn of(first: Point<'p>) -> Self {
        let (start_ns, values) = (first.start_ns, smallvec::smallvec![first.value]);
        Self { first, values, start_ns, exemplars: Vec::new() }
    }

    fn take(&mut self, point: &Point<'p>) -> Result<(), Malformed> {
        self.values.push(point.value);
        self.start_ns = self.start_ns.min(point.start_ns);
        let mut fields = Fields::new(point.bytes);
        while let Some(field) = fields.next_of(EXEMPLARS)? {
            self.exemplars.extend_from_slice(field.raw);
        }
        Ok(())
    }

    /// Appends the one point: the first, with what stays of its attributes and what was made of all.
    fn write(&self, aggregation: Aggregation, out: &mut Vec<u8>) -> Result<(), Malformed> {
        let mut new = Vec::with_capacity(self.first.bytes.len());
        self.first.attributes.iter().for_each(|attribute| new.extend_from_slice(attribute.raw));
        if self.start_ns != 0 {
            put_fixed64(&mut new, START, self.start_ns);
        }
        match merged(&self.values, aggregation) {
            Some(Value::AsDouble(value)) => put_fixed64(&mut new, DOUBLE, value.to_bits()),
            Some(Value::AsInt(value)) => put_fixed64(&mut new, INT, value.cast_unsigned()),
            None => {}
        }
        fields::replace(self.first.bytes, &[START, DOUBLE, INT, ATTRIBUTES], &new, out)?;
        out.extend_from_slice(&self.exemplars);
        Ok(())
    }
}

/// Whether the bytes of an `AnyValue` are those of every value that is equal to it.
fn is_plain(any: &[u8]) -> bool {
    match any {
        [0x0a, length @ 0..0x80, text @ ..] => usize::from(*length) == text.len() && is_text(text),
        [0x3a, length @ 0..0x80, bytes @ ..] => usize::from(*length) == bytes.len(),
        [0x10, 0 | 1] => true,
        [0x18, number @ ..] => match varint(number) {
            Ok((value, [])) => varint_bytes(value) == number.len(),
            _ => false,
        },
        [0x21, double @ ..] => double.len() == size_of::<f64>(),
        _ => false,
    }
}

fn is_text(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok()
}

#[cfg(test)]
mod tests;
