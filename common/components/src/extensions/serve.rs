//! A small HTTP server for pages of our own: health, metrics.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::time::Instant;
use transport::http::Body;
use transport::listener::{Handler, Server};
use transport::{HeaderValue, Incoming, Method, Request, Response, StatusCode};

/// Connections at a time; pages are small and rarely asked for.
const MAX_CONNECTIONS: usize = 64;

/// Gives a path's page.
pub(crate) trait Pages: Send + Sync + 'static {
    /// The page, or `None` if there is none at this path.
    fn page(&self, path: &str) -> Option<Page>;
}

/// One page.
pub(crate) struct Page {
    pub(crate) status: StatusCode,
    pub(crate) kind: &'static str,
    pub(crate) text: String,
}

/// A page server that runs.
pub(crate) struct Serving(Server);

struct Service<P>(P);

impl Serving {
    /// Serves `pages` and announces the listener under `name`.
    pub(crate) fn start(
        name: &str,
        socket: Arc<TcpListener>,
        pages: impl Pages,
    ) -> std::io::Result<Self> {
        let connections = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        let server = Server::start(socket, connections, Arc::new(Service(pages)))?;
        tracing::info!("listening {name} {}", server.address());
        Ok(Self(server))
    }

    pub(crate) async fn stop(&self, deadline: Instant) {
        self.0.stop(deadline, false).await;
    }
}

impl<P: Pages> Handler for Service<P> {
    async fn call(&self, request: Request<Incoming>, _: SocketAddr) -> Response<Body> {
        if request.method() != Method::GET && request.method() != Method::HEAD {
            return respond(StatusCode::METHOD_NOT_ALLOWED, "text/plain", "expected GET\n".into());
        }
        match self.0.page(request.uri().path()) {
            Some(page) => respond(page.status, page.kind, page.text),
            None => respond(StatusCode::NOT_FOUND, "text/plain", "no such page\n".into()),
        }
    }
}

fn respond(status: StatusCode, kind: &'static str, text: String) -> Response<Body> {
    let mut response = Response::new(Body::full(text));
    *response.status_mut() = status;
    response.headers_mut().insert("content-type", HeaderValue::from_static(kind));
    response
}
