//! Requests in which each record has a resource and scope of its own, and back.
//!
//! Resource and scope are copied for each record, so a flat request can be larger than its source by orders:
//! [`flat_bytes`] says beforehand how large. Going back, records whose resource and scope are equal stand
//! together again, in the order of their first ones. Equal are messages of the same fields (schema URL, dropped counts
//! and unknown fields included); the order of attributes does not count. Resources and scopes without
//! a record have no place in a flat request, so they are gone.

use std::collections::HashMap;

use crate::edit::fields::{nested, repeated};
use crate::split::{put_head, without};
use crate::wire::{Fields, Malformed, field_bytes, put_bytes};

/// Fields of a request, a resource's and a scope's message; the same for all signals.
const RESOURCES: u32 = 1;
const SCOPES: u32 = 2;
const RECORDS: u32 = 2;
/// The resource itself in its message, and the scope in its.
const OWNER: u32 = 1;
/// The attributes of a resource, and of a scope.
const RESOURCE_ATTRIBUTES: u32 = 1;
const SCOPE_ATTRIBUTES: u32 = 3;

/// What the request would be with a resource and scope for each record, in bytes.
pub fn flat_bytes(request: &[u8]) -> Result<usize, Malformed> {
    let mut total = 0usize;
    walk(request, |found| {
        total = total.saturating_add(match found {
            Found::Other(raw) => raw.len(),
            Found::Record(record) => record.bytes(),
        });
    })?;
    Ok(total)
}

/// The request with a resource and scope for each record; as large as [`flat_bytes`] says.
pub fn flatten(request: &[u8]) -> Result<Vec<u8>, Malformed> {
    let mut flat = Vec::with_capacity(flat_bytes(request)?);
    walk(request, |found| match found {
        Found::Other(raw) => flat.extend_from_slice(raw),
        Found::Record(record) => record.write(&mut flat),
    })?;
    Ok(flat)
}

/// What a walk over a request comes to.
enum Found<'a> {
    /// A field beside the resources.
    Other(&'a [u8]),
    Record(Lone<'a>),
}

/// A record and what is around it.
struct Lone<'a> {
    resource: &'a [u8],
    scope: &'a [u8],
    record: &'a [u8],
}

impl Lone<'_> {
    fn scope_bytes(&self) -> usize {
        self.scope.len() + field_bytes(self.record.len())
    }

    fn resource_bytes(&self) -> usize {
        self.resource.len() + field_bytes(self.scope_bytes())
    }

    fn bytes(&self) -> usize {
        field_bytes(self.resource_bytes())
    }

    fn write(&self, flat: &mut Vec<u8>) {
        put_head(flat, RESOURCES, self.resource_bytes());
        flat.extend_from_slice(self.resource);
        put_head(flat, SCOPES, self.scope_bytes());
        flat.extend_from_slice(self.scope);
        put_bytes(flat, RECORDS, self.record);
    }
}

fn walk(request: &[u8], mut found: impl FnMut(Found<'_>)) -> Result<(), Malformed> {
    let mut fields = Fields::new(request);
    while let Some(field) = fields.try_next()? {
        if field.number != RESOURCES {
            found(Found::Other(field.raw));
            continue;
        }
        let message = crate::edit::fields::bytes(field.value)?;
        let resource = without(message, SCOPES)?;
        for message in repeated(message, SCOPES) {
            let scope = without(message?, RECORDS)?;
            for record in repeated(message?, RECORDS) {
                let (resource, scope) = (&resource[..], &scope[..]);
                found(Found::Record(Lone { resource, scope, record: record? }));
            }
        }
    }
    Ok(())
}

/// A message and what stands in it, in order.
#[derive(Default)]
struct Groups<T> {
    by_identity: HashMap<Vec<u8>, usize>,
    groups: Vec<(Vec<u8>, T)>,
}

impl<T: Default> Groups<T> {
    /// The content of the group that `around` belongs to.
    fn of(&mut self, around: Vec<u8>, attributes: u32) -> Result<&mut T, Malformed> {
        let index = *self.by_identity.entry(identity(&around, attributes)?).or_insert_with(|| {
            self.groups.push((around, T::default()));
            self.groups.len() - 1
        });
        Ok(&mut self.groups[index].1)
    }
}

/// The request with equal resources joined, and equal scopes in them.
pub fn regroup(request: &[u8]) -> Result<Vec<u8>, Malformed> {
    let mut resources: Groups<Groups<Vec<u8>>> = Groups::default();
    let mut out = Vec::new();
    let mut fields = Fields::new(request);
    while let Some(field) = fields.try_next()? {
        if field.number != RESOURCES {
            out.extend_from_slice(field.raw);
            continue;
        }
        let resource = crate::edit::fields::bytes(field.value)?;
        let scopes = resources.of(without(resource, SCOPES)?, RESOURCE_ATTRIBUTES)?;
        for scope in repeated(resource, SCOPES) {
            let scope = scope?;
            let records = scopes.of(without(scope, RECORDS)?, SCOPE_ATTRIBUTES)?;
            for record in repeated(scope, RECORDS) {
                put_bytes(records, RECORDS, record?);
            }
        }
    }
    for (around, scopes) in resources.groups {
        write_resource(&around, &scopes, &mut out);
    }
    Ok(out)
}

fn write_resource(around: &[u8], scopes: &Groups<Vec<u8>>, out: &mut Vec<u8>) {
    let scope_bytes = |(around, records): &(Vec<u8>, Vec<u8>)| around.len() + records.len();
    let bytes: usize = scopes.groups.iter().map(|scope| field_bytes(scope_bytes(scope))).sum();
    put_head(out, RESOURCES, around.len() + bytes);
    out.extend_from_slice(around);
    for scope in &scopes.groups {
        put_head(out, SCOPES, scope_bytes(scope));
        out.extend_from_slice(&scope.0);
        out.extend_from_slice(&scope.1);
    }
}

/// Bytes that are the same for what is equal: the owner's attributes sorted, then everything else.
fn identity(around: &[u8], attributes: u32) -> Result<Vec<u8>, Malformed> {
    let owner = nested(around, OWNER)?.unwrap_or_default();
    let (mut sorted, mut others) = (Vec::new(), Vec::new());
    let mut fields = Fields::new(&owner);
    while let Some(field) = fields.try_next()? {
        match field.number == attributes {
            true => sorted.push(field.raw),
            false => others.extend_from_slice(field.raw),
        }
    }
    sorted.sort_unstable();
    let mut identity = Vec::with_capacity(around.len());
    // Nothing is as good as an empty message.
    put_bytes(&mut identity, OWNER, &[&sorted.concat()[..], &others].concat());
    identity.extend_from_slice(&without(around, OWNER)?);
    Ok(identity)
}

#[cfg(test)]
mod tests;
