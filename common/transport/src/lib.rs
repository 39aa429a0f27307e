//! Sockets and framing: listeners, HTTP/1 and h2, gRPC messages, compression, client pools.
//!
//! Nothing here knows what OTLP means. Speed decides the form: a body is copied at most once on its
//! way in, and written in the pieces it is kept in on its way out.
#![forbid(unsafe_code)]

pub mod client;
pub mod coding;
pub mod grpc;
pub mod http;
mod http1;
mod incoming;
pub mod listener;
pub mod read;

pub use ::http::request::Parts as Head;
pub use ::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
pub use incoming::{Broken, Incoming};
