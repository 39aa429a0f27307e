//! Conversations over a real socket: what is written, how it is cut, and what comes back.

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{Response, StatusCode};
use http_body_util::BodyExt;
use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

use super::*;
use crate::http::Body as Answer;
use crate::listener::Server;
use crate::read::{Grow, ReadLimits, Refused, read_body};

const MAX_BYTES: usize = 1 << 20;
const PATIENCE: Duration = Duration::from_secs(20);

struct Free;

impl Grow for Free {
    fn grow(&mut self, _: usize) -> Result<(), Refused> {
        Ok(())
    }
}

/// Answers with method, path and body; `/skip` reads nothing, `/frames` reads piece by piece, `/never` is not
/// answered and closes the gate when it is dropped.
struct Echo(Arc<Semaphore>);

struct Gate(Arc<Semaphore>);

impl Drop for Gate {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl Handler for Echo {
    async fn call(&self, request: Request<Incoming>, _: SocketAddr) -> Response<Answer> {
        let (head, body) = request.into_parts();
        let body = match head.uri.path() {
            "/skip" => Bytes::new(),
            "/never" => {
                let _gate = Gate(self.0.clone());
                drop(body.collect().await);
                std::future::pending().await
            }
            "/frames" => body.collect().await.map_or_else(
                |error| Bytes::from(error.to_string()),
                |collected| collected.to_bytes(),
            ),
            _ => match read_body(body, ReadLimits::of(MAX_BYTES), &mut Free).await {
                Ok(body) => body,
                Err(error) => Bytes::from(format!("{error:?}")),
            },
        };
        let mut response = Response::new(Answer::pieces([
            Bytes::from(format!("{} {}\n", head.method, head.uri.path())),
            body,
        ]));
        if head.uri.path() == "/nothing" {
            *response.status_mut() = StatusCode::NO_CONTENT;
        }
        response
    }
}

fn server() -> Server {
    gated(Arc::new(Semaphore::new(0)))
}

fn gated(gate: Arc<Semaphore>) -> Server {
    let socket = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    socket.set_nonblocking(true).expect("a socket need not block");
    let connections = Arc::new(Semaphore::new(100));
    Server::start(Arc::new(socket), connections, Arc::new(Echo(gate)))
        .expect("a listener is served")
}

/// Writes `pieces`, each once the one before has surely gone, and ends; everything that comes back, without dates.
async fn converse(address: SocketAddr, pieces: &[&[u8]]) -> String {
    let mut stream = TcpStream::connect(address).await.expect("the server listens");
    stream.set_nodelay(true).expect("a socket has options");
    for piece in pieces {
        // What is refused may be closed before it is written whole.
        let _ = stream.write_all(piece).await;
        tokio::task::yield_now().await;
    }
    let _ = stream.shutdown().await;
    let mut all = Vec::new();
    let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut all)).await;
    read.expect("the server ends").expect("nothing is reset");
    let text = String::from_utf8(all).expect("answers are text");
    text.split_inclusive("\r\n").filter(|line| !line.starts_with("date: ")).collect()
}

#[tokio::test]
async fn what_is_asked_is_answered() {
    let server = server();
    let table: &[(&str, &str)] = &[
        ("GET /a HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\nGET /a\n"),
        ("HEAD /a HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\n"),
        ("GET /nothing HTTP/1.1\r\n\r\n", "HTTP/1.1 204 No Content\r\n\r\n"),
        (
            "GET http://x:1/b?c=d HTTP/1.0\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 7\r\nconnection: close\r\n\r\nGET /b\n",
        ),
        (
            "POST / HTTP/1.1\r\nContent-Length: 3\r\ncontent-length: 3\r\nConnection: x, Close\r\n\r\nabc",
            "HTTP/1.1 200 OK\r\ncontent-length: 10\r\nconnection: close\r\n\r\nPOST /\nabc",
        ),
        // The sender is told to go on, once.
        (
            "POST / HTTP/1.1\r\nContent-Length: 3\r\nExpect: 100-Continue\r\n\r\n",
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 19\r\nconnection: close\r\n\r\n\
             POST /\nDisconnected",
        ),
        // One that has begun is not.
        (
            "POST / HTTP/1.1\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\nabcGET /2 HTTP/1.0\r\nconnection: keep-alive\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nPOST /\nabc\
             HTTP/1.1 200 OK\r\ncontent-length: 7\r\nconnection: keep-alive\r\n\r\nGET /2\n",
        ),
        // What nobody read ends the connection: nothing behind it is taken for a request.
        (
            "POST /skip HTTP/1.1\r\nContent-Length: 30\r\n\r\nGET /secret HTTP/1.1\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 11\r\nconnection: close\r\n\r\nPOST /skip\n",
        ),
        (
            "POST / HTTP/1.1\r\nTransfer-Encoding: Chunked\r\n\r\n3;x=\"y\"\r\nabc\r\n01\r\nd\r\n0\r\nA: b\r\n\r\nGET /2 HTTP/1.1\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\nPOST /\nabcd\
             HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\nGET /2\n",
        ),
    ];
    for (asked, answered) in table {
        assert_eq!(converse(server.address(), &[asked.as_bytes()]).await, *answered, "{asked}");
        let bytes: Vec<&[u8]> = asked.as_bytes().chunks(1).collect();
        if !asked.contains("Expect") {
            assert_eq!(converse(server.address(), &bytes).await, *answered, "{asked} by bytes");
        }
    }
}

#[tokio::test]
async fn what_is_wrong_or_ambiguous_is_refused() {
    let server = server();
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(head::FIELDS + 1));
    let long = format!("GET / HTTP/1.1\r\na: {}\r\n\r\n", "b".repeat(2 * HEAD_BYTES));
    let table: &[(&str, &str)] = &[
        ("hello\r\n\r\n", "400 Bad Request"),
        ("GET / HTTP/3.1\r\n\r\n", "400 Bad Request"),
        ("GET / HTTP/1.1\r\nna me: x\r\n\r\n", "400 Bad Request"),
        (
            "POST / HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
            "400 Bad Request",
        ),
        ("POST / HTTP/1.1\r\nContent-Length: +3\r\n\r\nabc", "400 Bad Request"),
        ("POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n", "400 Bad Request"),
        (
            "POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nabc",
            "400 Bad Request",
        ),
        ("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400 Bad Request"),
        ("POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", "501 Not Implemented"),
        (
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
            "501 ",
        ),
        (&many, "431 Request Header Fields Too Large"),
        (&long, "431 Request Header Fields Too Large"),
    ];
    for (asked, status) in table {
        let answer = converse(server.address(), &[asked.as_bytes()]).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{asked}: {answer}");
        assert!(answer.contains("connection: close\r\n"), "{asked}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{asked}: {answer}");
    }
}

#[tokio::test]
async fn malformed_chunks_end_the_connection() {
    let server = server();
    for chunks in ["x\r\n", "3\r\nabcd\r\n0\r\n\r\n", "3\r\nab", "ffffffffffffffffff\r\n", "3\nabc"]
    {
        for path in ["/", "/frames"] {
            let asked =
                format!("POST {path} HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}");
            let answer = converse(server.address(), &[asked.as_bytes()]).await;
            let is_told = answer.contains("Disconnected") || answer.contains("the body broke off");
            assert!(is_told && answer.contains("connection: close"), "{chunks:?}: {answer}");
        }
    }
}

#[tokio::test]
async fn a_server_that_stops_closes_idle_connections_and_answers_the_others() {
    let server = server();
    let mut idle = TcpStream::connect(server.address()).await.expect("the server listens");
    let mut busy = TcpStream::connect(server.address()).await.expect("the server listens");
    // An answer shows that the connection is served.
    for stream in [&mut idle, &mut busy] {
        stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await.expect("the server reads");
        stream.readable().await.expect("it answers");
    }
    busy.write_all(b"POST /2 HTTP/1.1\r\ncontent-length: 3\r\n\r\na").await.expect("it reads");
    let stop = server.stop(Instant::now() + PATIENCE, true);
    let ends = async {
        let mut text = String::new();
        idle.read_to_string(&mut text).await.expect("it is closed in order");
        assert_eq!(text.matches("HTTP/1.1 200").count(), 1, "{text}");
        busy.write_all(b"bc").await.expect("it still reads");
        text.clear();
        busy.read_to_string(&mut text).await.expect("it is closed in order");
        assert!(text.ends_with("connection: close\r\n\r\nPOST /2\nabc"), "{text}");
    };
    tokio::time::timeout(PATIENCE, async { tokio::join!(stop, ends) }).await.expect("it stops");
}

#[tokio::test]
async fn a_sender_that_goes_away_ends_its_request() {
    let gate = Arc::new(Semaphore::new(0));
    let server = gated(gate.clone());
    let mut stream = TcpStream::connect(server.address()).await.expect("the server listens");
    let request = b"POST /never HTTP/1.1\r\ncontent-length: 3\r\n\r\nabc and another request";
    stream.write_all(request).await.expect("it reads");
    drop(stream);
    let closed = tokio::time::timeout(PATIENCE, gate.acquire()).await;
    assert!(closed.expect("the handler is dropped").is_err());
}

/// A request in either framing, and what its answer ends with.
fn request(body: &[u8], chunk: usize, is_chunked: bool, path: &str) -> Vec<u8> {
    let mut all = format!("POST {path} HTTP/1.1\r\n").into_bytes();
    if !is_chunked {
        all.extend_from_slice(format!("content-length: {}\r\n\r\n", body.len()).as_bytes());
        all.extend_from_slice(body);
        return all;
    }
    all.extend_from_slice(b"transfer-encoding: chunked\r\n\r\n");
    for part in body.chunks(chunk) {
        all.extend_from_slice(format!("{:x}\r\n", part.len()).as_bytes());
        all.extend_from_slice(part);
        all.extend_from_slice(b"\r\n");
    }
    all.extend_from_slice(b"0\r\n\r\n");
    all
}

/// A request that is nearly right: a good one of which one byte is another.
fn nearly() -> impl Strategy<Value = Vec<u8>> {
    const GOOD: &[u8] = b"POST /v1/traces?a=b HTTP/1.1\r\nhost: x\r\ncontent-length: 12\r\nconnection: keep-alive\r\n\r\nrest";
    (0..GOOD.len(), any::<u8>()).prop_map(|(at, byte)| {
        let mut bytes = GOOD.to_vec();
        bytes[at] = byte;
        bytes
    })
}

proptest! {
    /// A head is taken up to its blank line and no further, or left where it is, or refused.
    #[test]
    fn heads_are_taken_whole(bytes in prop_oneof![prop::collection::vec(any::<u8>(), 0..200), nearly()]) {
        let mut ahead = BytesMut::from(&bytes[..]);
        match Head::take(&mut ahead) {
            Ok(Some(_)) => {
                let taken = &bytes[..bytes.len() - ahead.len()];
                prop_assert!(taken.ends_with(b"\r\n\r\n") || taken.ends_with(b"\n\n") || taken.ends_with(b"\n\r\n"));
                prop_assert_eq!(&bytes[taken.len()..], &ahead[..]);
            }
            Ok(None) => prop_assert_eq!(&ahead[..], &bytes[..]),
            Err(_) => {}
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// However requests are framed and cut, each body comes whole and nothing of one stands in another.
    #[test]
    fn bodies_come_whole(
        bodies in prop::collection::vec((0_usize..300_000, 1_usize..70_000, any::<bool>(), any::<bool>()), 1..5),
        cut in 1_usize..100_000,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let server = server();
            let mut written = Vec::new();
            let mut expected = String::new();
            for (seed, (bytes, chunk, is_chunked, by_frames)) in (b'a'..).zip(&bodies) {
                let body: Vec<u8> = (0..*bytes).map(|at| seed + (at % 23) as u8 % 20).collect();
                let path = if *by_frames { "/frames" } else { "/" };
                written.extend(request(&body, *chunk, *is_chunked, path));
                let text = format!("POST {path}\n{}", String::from_utf8_lossy(&body));
                expected += &format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{text}", text.len());
            }
            let pieces: Vec<&[u8]> = written.chunks(cut).collect();
            let stream = TcpStream::connect(server.address()).await.expect("the server listens");
            let (mut read, mut write) = stream.into_split();
            let writes = async {
                for piece in &pieces {
                    write.write_all(piece).await.expect("the server reads");
                    tokio::task::yield_now().await;
                }
                write.shutdown().await.expect("it can be ended");
            };
            let mut all = String::new();
            let reads = read.read_to_string(&mut all);
            let ((), read) = tokio::join!(writes, reads);
            read.expect("nothing is reset");
            let answered: String = all.split_inclusive("\r\n").filter(|line| !line.starts_with("date: ")).collect();
            assert_eq!(answered, expected);
        });
    }
}
