//! What OTTL sees of the request around the records of a batch (`otelcol.*`).

use std::sync::Arc;

use ottl::contexts::{Headers, Request};
use pipeline::{Metadata, Sender};

/// The headers that were kept, and the nearest peer.
pub(crate) fn request_of(sender: &Sender) -> Request {
    Request {
        address: sender.client,
        metadata: headers(sender.metadata.as_ref()),
        grpc: headers(sender.grpc.as_ref()),
        ..Request::default()
    }
}

fn headers(kept: Option<&Arc<Metadata>>) -> Headers {
    let kept = kept.into_iter().flat_map(|kept| kept.iter());
    Headers::of(kept.map(|(name, value)| (name.as_str(), value.as_str())))
}
