//! Who sent a batch, as far as it is known: what routing and attributes may be made of besides records.

use std::net::SocketAddr;
use std::sync::Arc;

/// Headers of a request: lower-case name and value, in order of arrival.
pub type Metadata = Vec<(String, String)>;

/// Who sent a batch. Agents and gateways on the way are senders of their own.
#[derive(Clone, Debug, Default)]
pub struct Sender {
    /// Headers kept by `include_metadata`.
    pub metadata: Option<Arc<Metadata>>,
    /// Headers of a gRPC call, kept where the configuration looks at them as such.
    pub grpc: Option<Arc<Metadata>>,
    /// The nearest peer; its port is 0 where the protocol does not tell it.
    pub client: Option<SocketAddr>,
}
