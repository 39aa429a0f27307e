//! How connections end, by their settings, over real sockets.

use std::time::Duration;

use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

const PATIENCE: Duration = Duration::from_secs(20);
const SOON: Duration = Duration::from_millis(100);

/// Answers once the gate has a permit for it.
struct Gated(Arc<Semaphore>);

impl Handler for Gated {
    async fn call(&self, request: Request<Incoming>, _: SocketAddr) -> Response<Body> {
        if request.uri().path() == "/gated" {
            self.0.acquire().await.expect("the gate is not closed").forget();
        }
        Response::new(Body::full("answer"))
    }
}

fn server(settings: ConnectionSettings) -> (Server, Arc<Semaphore>) {
    let socket = StdListener::bind("127.0.0.1:0").expect("loopback has a free port");
    socket.set_nonblocking(true).expect("a socket need not block");
    let gate = Arc::new(Semaphore::new(0));
    let handler = Arc::new(Gated(gate.clone()));
    let connections = Arc::new(Semaphore::new(10));
    let server = Server::start_with(settings, Arc::new(socket), connections, handler);
    (server.expect("a listener is served"), gate)
}

async fn in_time<T>(future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future).await.expect("it does not take that long")
}

/// An h2 connection, and its end.
async fn connect(
    server: &Server,
) -> (http2::SendRequest<Body>, tokio::task::JoinHandle<hyper::Result<()>>) {
    let stream = TcpStream::connect(server.address()).await.expect("the server listens");
    let builder = http2::Builder::new(TokioExecutor::new()).timer(TokioTimer::new()).clone();
    let (sender, connection) = builder.handshake(TokioIo::new(stream)).await.expect("it is h2");
    (sender, tokio::spawn(connection))
}

async fn ask(
    mut sender: http2::SendRequest<Body>,
    path: &str,
) -> hyper::Result<Response<hyper::body::Incoming>> {
    let request = Request::post(format!("http://x{path}")).body(Body::empty());
    sender.send_request(request.expect("a request")).await
}

#[tokio::test]
async fn an_old_h2_connection_is_told_to_go_and_its_requests_end() {
    let max_age = Some(SOON);
    let (server, gate) = server(ConnectionSettings { max_age, ..ConnectionSettings::default() });
    let (sender, ended) = connect(&server).await;
    let told = async {
        while ask(sender.clone(), "/").await.is_ok() {}
        // It is old by now, and waits for its request.
        gate.add_permits(1);
    };
    let (answer, ()) = in_time(async { tokio::join!(ask(sender.clone(), "/gated"), told) }).await;
    assert_eq!(answer.expect("it was in progress").status(), 200);
    in_time(ended).await.expect("no panic").expect("an orderly end");
}

#[tokio::test]
async fn a_request_that_lasts_longer_than_the_grace_is_cut_off() {
    let settings = ConnectionSettings {
        max_age: Some(SOON),
        max_age_grace: Some(SOON),
        ..ConnectionSettings::default()
    };
    let (server, _gate) = server(settings);
    let (sender, ended) = connect(&server).await;
    assert!(in_time(ask(sender, "/gated")).await.is_err());
    let _ = in_time(ended).await.expect("no panic");
}

#[tokio::test]
async fn an_idle_h2_connection_ends_and_a_busy_one_does_not() {
    let max_idle = Some(SOON);
    let (server, gate) = server(ConnectionSettings { max_idle, ..ConnectionSettings::default() });
    let (sender, busy) = connect(&server).await;
    let others = async {
        let (_unused, idle) = connect(&server).await;
        in_time(idle).await.expect("no panic").expect("an orderly end");
        gate.add_permits(1);
    };
    let (answer, ()) = tokio::join!(ask(sender.clone(), "/gated"), others);
    assert_eq!(answer.expect("it is older than the idle one").status(), 200);
    in_time(busy).await.expect("no panic").expect("idle at last");
}

#[tokio::test]
async fn requests_beyond_the_streams_of_an_h2_connection_wait() {
    let (server, gate) = server(ConnectionSettings { streams: 1, ..ConnectionSettings::default() });
    let (sender, _ended) = connect(&server).await;
    // The settings have arrived with the first answer.
    in_time(ask(sender.clone(), "/")).await.expect("it is answered");
    let second = async {
        let mut second = std::pin::pin!(ask(sender.clone(), "/"));
        assert!(timeout(SOON, second.as_mut()).await.is_err(), "there is one at a time");
        gate.add_permits(1);
        second.await
    };
    let both = async { tokio::join!(ask(sender.clone(), "/gated"), second) };
    let (first, second) = in_time(both).await;
    assert!(first.is_ok() && second.is_ok());
}

/// What comes back over HTTP/1 until the server ends the connection.
async fn until_end(server: &Server, text: &[u8]) -> String {
    let mut stream = TcpStream::connect(server.address()).await.expect("the server listens");
    stream.write_all(text).await.expect("the server reads");
    let mut all = Vec::new();
    in_time(stream.read_to_end(&mut all)).await.expect("nothing is reset");
    String::from_utf8(all).expect("answers are text")
}

#[tokio::test]
async fn http1_connections_end_as_they_are_told() {
    let usual = ConnectionSettings::default;
    let request = b"GET / HTTP/1.1\r\n\r\n";
    let (idle, _) = server(ConnectionSettings { idle_timeout: SOON, ..usual() });
    let answer = until_end(&idle, request).await;
    assert!(answer.ends_with("answer") && !answer.contains("connection: close"), "{answer}");
    let (slow, _) = server(ConnectionSettings { head_timeout: SOON, ..usual() });
    assert_eq!(until_end(&slow, b"GET / HTTP/1.1\r\nhost: ").await, "", "the head never ends");
    assert_eq!(until_end(&slow, b"").await, "", "nor does the first begin");
    let (single, _) = server(ConnectionSettings { keep_alives: false, ..usual() });
    let answer = until_end(&single, &request.repeat(2)).await;
    assert_eq!(answer.matches("HTTP/1.1 200").count(), 1);
    assert!(answer.contains("connection: close\r\n"), "{answer}");
}

#[tokio::test]
async fn the_end_of_a_server_lets_h2_requests_end() {
    let (server, gate) = server(ConnectionSettings::default());
    let (sender, ended) = connect(&server).await;
    in_time(ask(sender.clone(), "/")).await.expect("it is answered");
    let stops = async {
        let stop = server.stop(Instant::now() + PATIENCE, false);
        let release = async { gate.add_permits(1) };
        tokio::join!(stop, release);
    };
    let (answer, ()) = in_time(async { tokio::join!(ask(sender.clone(), "/gated"), stops) }).await;
    assert_eq!(answer.expect("it was in progress").status(), 200);
    in_time(ended).await.expect("no panic").expect("an orderly end");
}
