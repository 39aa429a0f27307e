//! Protobuf interfaces of programs that are not ours, as messages and clients.
//!
//! Each is written down in a `.proto` file of this crate, only so far as it is used, and compiled by
//! the build script with protox, so that no protoc is needed and nothing generated is kept.

#![forbid(unsafe_code)]

pub mod cri;
