//! Any bytes as a connection: the server answers in HTTP, ends the connection, and goes on.

#![no_main]

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use transport::http::Body;
use transport::listener::{Handler, Server};
use transport::read::{Grow, ReadLimits, Refused, read_body};
use transport::{Incoming, Request, Response};

const MAX_BYTES: usize = 1 << 20;
const PATIENCE: Duration = Duration::from_secs(10);

struct Free;

impl Grow for Free {
    fn grow(&mut self, _: usize) -> Result<(), Refused> {
        Ok(())
    }
}

/// Reads a body and answers with it.
struct Echo;

impl Handler for Echo {
    async fn call(&self, request: Request<Incoming>, _: SocketAddr) -> Response<Body> {
        let read = read_body(request.into_body(), ReadLimits::of(MAX_BYTES), &mut Free).await;
        Response::new(Body::full(read.unwrap_or_default()))
    }
}

fn address() -> SocketAddr {
    static ADDRESS: OnceLock<SocketAddr> = OnceLock::new();
    *ADDRESS.get_or_init(|| {
        let socket = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let address = socket.local_addr().expect("a bound socket has an address");
        socket.set_nonblocking(true).expect("a socket need not block");
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(async {
                let connections = Arc::new(tokio::sync::Semaphore::new(100));
                let _server = Server::start(Arc::new(socket), connections, Arc::new(Echo));
                std::future::pending::<()>().await;
            });
        });
        address
    })
}

/// What comes back for `bytes`.
fn converse(bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address()).expect("the server listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout can be set");
    // The server may refuse before it has read everything.
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(Shutdown::Write);
    let mut answer = Vec::new();
    if let Err(error) = stream.read_to_end(&mut answer) {
        assert_ne!(error.kind(), std::io::ErrorKind::WouldBlock, "the connection never ended");
    }
    answer
}

fuzz_target!(|bytes: &[u8]| {
    let answer = converse(bytes);
    let is_h2 = bytes.starts_with(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    assert!(answer.is_empty() || is_h2 || answer.starts_with(b"HTTP/1.1 "));
    assert!(converse(b"GET / HTTP/1.0\r\n\r\n").starts_with(b"HTTP/1.1 200 OK\r\n"));
});
