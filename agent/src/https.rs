//! What every HTTP client of the agent has: our cryptography, no redirects, errors with their causes.

use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder};

/// A client to be told the rest.
pub(crate) fn client() -> ClientBuilder {
    // The second call in a process changes nothing.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder().redirect(Policy::none())
}

/// An error with all that is behind it.
pub(crate) fn told(error: &dyn std::error::Error) -> String {
    let behind = std::iter::successors(error.source(), |error| error.source());
    behind.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
