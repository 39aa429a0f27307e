//! How many connections are made, and what requests say, by the settings.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::Response;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Notify;

use super::*;
use crate::incoming::Incoming;
use crate::listener::{Handler, Server};

/// Notes the peers, hosts and `connection` headers of requests, and how many there are at a time; answers together
/// those of one `round`.
#[derive(Default)]
struct Witness {
    seen: Mutex<Vec<(SocketAddr, String, bool)>>,
    running: AtomicUsize,
    most: AtomicUsize,
    round: usize,
    complete: Notify,
}

impl Handler for Witness {
    async fn call(&self, request: Request<Incoming>, peer: SocketAddr) -> Response<Body> {
        let running = self.running.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(running, Ordering::SeqCst);
        let complete = self.complete.notified();
        if running >= self.round {
            self.complete.notify_waiters();
        } else {
            complete.await;
        }
        let host = request.headers().get("host").and_then(|host| host.to_str().ok());
        let host = host.or(request.uri().authority().map(|authority| authority.as_str()));
        let closes = request.headers().get(CONNECTION).is_some_and(|value| value == "close");
        let noted = (peer, host.unwrap_or_default().to_owned(), closes);
        self.seen.lock().expect("not poisoned").push(noted);
        self.running.fetch_sub(1, Ordering::SeqCst);
        Response::new(Body::full("answer"))
    }
}

fn server(round: usize) -> (Server, Arc<Witness>) {
    let socket = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    socket.set_nonblocking(true).expect("a socket need not block");
    let witness = Arc::new(Witness { round, ..Witness::default() });
    let connections = Arc::new(Semaphore::new(100));
    let server = Server::start(Arc::new(socket), connections, witness.clone());
    (server.expect("a listener is served"), witness)
}

/// Sends so many requests, `at_once` at a time; by how many connections they came.
async fn connections(
    settings: ClientSettings,
    protocol: Protocol,
    count: usize,
    at_once: usize,
) -> usize {
    let (server, witness) = server(at_once);
    let client = Client::with(settings, server.address().to_string(), protocol, 1000);
    for _ in 0..count / at_once {
        let mut sending = tokio::task::JoinSet::new();
        for _ in 0..at_once {
            let client = client.clone();
            sending.spawn(async move { client.get("/", HeaderMap::new()).await });
        }
        while let Some(sent) = sending.join_next().await {
            assert_eq!(sent.expect("no panic").expect("it is answered").status, 200);
        }
        // A connection is back among the idle ones when its own task has seen the end of the answer.
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
    }
    let seen = witness.seen.lock().expect("not poisoned");
    let peers: std::collections::HashSet<SocketAddr> = seen.iter().map(|seen| seen.0).collect();
    assert_eq!(seen.len(), count);
    peers.len()
}

#[tokio::test]
async fn connections_are_kept_as_they_are_to_be() {
    let usual = ClientSettings::default;
    let http1 = async |settings, count, at_once| {
        connections(settings, Protocol::Http1, count, at_once).await
    };
    assert_eq!(http1(usual(), 5, 1).await, 1, "one serves all");
    assert_eq!(http1(ClientSettings { keep_alives: false, ..usual() }, 5, 1).await, 5);
    assert_eq!(http1(ClientSettings { max_idle: 0, ..usual() }, 5, 1).await, 5);
    assert_eq!(http1(usual(), 12, 4).await, 4);
    assert!(http1(ClientSettings { max_idle: 1, ..usual() }, 12, 4).await > 4);
    assert_eq!(connections(usual(), Protocol::Http2, 12, 4).await, 1);
}

#[tokio::test]
async fn requests_beyond_the_connections_wait_for_their_turn() {
    let (server, witness) = server(1);
    let settings = ClientSettings { max_connections: Some(2), ..ClientSettings::default() };
    let client = Client::with(settings, server.address().to_string(), Protocol::Http1, 1000);
    let mut sending = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let client = client.clone();
        sending.spawn(async move { client.get("/", HeaderMap::new()).await });
    }
    while let Some(sent) = sending.join_next().await {
        sent.expect("no panic").expect("its turn has come");
    }
    assert!(witness.most.load(Ordering::SeqCst) <= 2);
    let seen = witness.seen.lock().expect("not poisoned");
    let peers: std::collections::HashSet<SocketAddr> = seen.iter().map(|seen| seen.0).collect();
    assert!(peers.len() <= 2, "{peers:?}");
}

#[tokio::test]
async fn another_host_can_be_named() {
    for protocol in [Protocol::Http1, Protocol::Http2] {
        let (server, witness) = server(1);
        let authority = Some("collector.example".to_owned());
        let settings =
            ClientSettings { authority, keep_alives: false, ..ClientSettings::default() };
        let client = Client::with(settings, server.address().to_string(), protocol, 1000);
        client.post("/", HeaderMap::new(), Body::empty()).await.expect("it is connected to");
        let seen = witness.seen.lock().expect("not poisoned");
        assert_eq!(seen[0].1, "collector.example");
        assert_eq!(seen[0].2, protocol == Protocol::Http1, "h2 has no such header");
    }
}

/// Answers the requests over `stream` with these frames, one after the other, and reads on.
async fn answer_with(frames: Vec<Vec<u8>>, mut stream: tokio::net::TcpStream) -> io::Result<()> {
    const PREFACE: usize = 24;
    const HEADERS: u8 = 1;
    let mut discarded = vec![0; PREFACE];
    stream.read_exact(&mut discarded).await?;
    // Empty settings.
    stream.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]).await?;
    let mut frames = frames.into_iter();
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).await?;
        discarded.resize(u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize, 0);
        stream.read_exact(&mut discarded).await?;
        if head[3] == HEADERS {
            stream.write_all(&frames.next().expect("no request more than expected")).await?;
        }
    }
}

#[tokio::test]
async fn what_a_server_did_nothing_with_is_sent_once_more() {
    // GOAWAY, the last stream being none; RST_STREAM of the first; `:status: 200` on the second.
    let go_away = |reason| vec![0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, reason];
    let reset = |stream, reason| vec![0, 0, 4, 3, 0, 0, 0, 0, stream, 0, 0, 0, reason];
    let success = vec![0, 0, 1, 1, 5, 0, 0, 0, 3, 0x88];
    let (no_error, internal, refused) = (0, 2, 7);
    let table = [
        (vec![go_away(no_error)], true, 1),
        (vec![go_away(internal)], false, 0),
        (vec![reset(1, refused), success], true, 0),
        (vec![reset(1, refused), reset(3, refused)], false, 0),
        (vec![reset(1, internal)], false, 0),
    ];
    for (frames, is_answered, of_successor) in table {
        let socket = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        socket.set_nonblocking(true).expect("a socket need not block");
        let address = socket.local_addr().expect("bound").to_string();
        let first = socket.try_clone().and_then(tokio::net::TcpListener::from_std);
        let client = Client::new(address, Protocol::Http2, 1000);
        let sending =
            tokio::spawn(async move { client.post("/", HeaderMap::new(), Body::full("x")).await });
        let (stream, _) = first.expect("a listener").accept().await.expect("a connection");
        let answering = tokio::spawn(answer_with(frames.clone(), stream));
        let (witness, turns) = (Arc::new(Witness::default()), Arc::new(Semaphore::new(100)));
        let successor = Server::start(Arc::new(socket), turns, witness.clone());
        let sent = tokio::time::timeout(Duration::from_secs(20), sending).await;
        let sent = sent.expect("in time").expect("no panic");
        let seen = witness.seen.lock().expect("not poisoned").len();
        assert_eq!((sent.is_ok(), seen), (is_answered, of_successor), "{frames:?}");
        drop(successor.expect("a listener is served"));
        answering.abort();
    }
}

#[tokio::test]
async fn a_connection_that_gives_no_sign_of_life_is_given_up() {
    // It listens, and nobody is there.
    let silent = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let address = silent.local_addr().expect("bound").to_string();
    let short = Duration::from_millis(50);
    let ping = Some(Ping { interval: short, timeout: short, while_idle: false });
    let settings = ClientSettings { ping, ..ClientSettings::default() };
    let client = Client::with(settings, address, Protocol::Http2, 1000);
    let sent = client.post("/", HeaderMap::new(), Body::full("x"));
    let sent = tokio::time::timeout(Duration::from_secs(20), sent).await;
    assert!(matches!(sent.expect("it is given up"), Err(SendError::Broken(_))));
}
