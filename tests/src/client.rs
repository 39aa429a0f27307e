//! Senders of OTLP that control every byte: one connection, any path, headers and body.

use crate::status::{self, Code};
use crate::{PATIENCE, Signal};
use bytes::{BufMut, Bytes, BytesMut};
use flate2::{Compression, write::GzEncoder};
use http::header::{CONNECTION, CONTENT_ENCODING, CONTENT_TYPE, HOST, RETRY_AFTER, TE};
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::io::Write;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpStream;

/// A failed exchange: the connection broke or the answer took too long.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// What a sender heard, whole.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body; of gRPC the message without its frame, empty when there was none.
    pub body: Bytes,
    /// The trailers; of a gRPC answer without a body its headers.
    pub trailers: HeaderMap,
}

impl Answer {
    /// HTTP: whether it is a success. gRPC answers are judged by [`Answer::code`].
    pub fn is_success(&self) -> bool {
        self.status == 200 && self.code().is_none_or(|code| code == Code::Ok)
    }

    /// gRPC: the status code.
    pub fn code(&self) -> Option<Code> {
        status::code(&self.trailers)
    }

    /// The delay that `Retry-After` (whole seconds) or gRPC's `RetryInfo` asks for.
    pub fn retry_after(&self) -> Option<Duration> {
        let header = self.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        let seconds = header.and_then(|value| value.parse().ok());
        seconds.map(Duration::from_secs).or_else(|| status::retry_delay(&self.trailers))
    }
}

/// One HTTP/1.1 connection.
pub struct HttpClient {
    sender: http1::SendRequest<Full<Bytes>>,
    address: SocketAddr,
    /// The last answer said that it was the last of its connection.
    is_over: bool,
}

impl HttpClient {
    /// Connects.
    ///
    /// # Panics
    /// When nothing listens there.
    pub async fn connect(address: SocketAddr) -> Self {
        Self::try_connect(address).await.expect("the listener that was announced takes connections")
    }

    /// Connects, or says why not.
    ///
    /// # Errors
    /// When nothing listens there or the connection breaks.
    pub async fn try_connect(address: SocketAddr) -> Result<Self, Failure> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(Self { sender, address, is_over: false })
    }

    /// Exports a protobuf body.
    ///
    /// # Panics
    /// When the connection breaks or no answer comes in time.
    pub async fn export(&mut self, signal: Signal, body: impl Into<Bytes>) -> Answer {
        self.try_export(signal, body).await.expect("an export is answered")
    }

    /// Exports a protobuf body over a connection that may break.
    ///
    /// # Errors
    /// When the connection breaks or no answer comes in time.
    pub async fn try_export(
        &mut self,
        signal: Signal,
        body: impl Into<Bytes>,
    ) -> Result<Answer, Failure> {
        let request = Request::post(signal.http_path());
        let request = request.header(CONTENT_TYPE, "application/x-protobuf");
        self.send(request.body(Full::new(body.into()))?).await
    }

    /// Exports a body that was compressed before.
    ///
    /// # Panics
    /// When the connection breaks or no answer comes in time.
    pub async fn export_coded(&mut self, signal: Signal, coding: &str, body: Bytes) -> Answer {
        let request = Request::post(signal.http_path())
            .header(CONTENT_TYPE, "application/x-protobuf")
            .header(CONTENT_ENCODING, coding);
        let request = request.body(Full::new(body)).expect("the coding is a header value");
        self.send(request).await.expect("an export is answered")
    }

    /// Exports OTLP/JSON.
    ///
    /// # Panics
    /// When the connection breaks or no answer comes in time.
    pub async fn export_json(&mut self, signal: Signal, body: impl Into<Bytes>) -> Answer {
        let request = Request::post(signal.http_path()).header(CONTENT_TYPE, "application/json");
        let request = request.body(Full::new(body.into())).expect("the path is one");
        self.send(request).await.expect("an export is answered")
    }

    /// Asks for a page.
    ///
    /// # Panics
    /// When the connection breaks or no answer comes in time.
    pub async fn get(&mut self, path: &str) -> Answer {
        let request = Request::get(path).body(Full::default()).expect("the path is one");
        self.send(request).await.expect("a page is answered")
    }

    /// Sends any request; the `Host` header is added. Where the last answer ended its connection (that of a sender
    /// whose refused body took too long) it goes over a new one.
    ///
    /// # Errors
    /// When the connection breaks or no answer comes in time.
    pub async fn send(&mut self, mut request: Request<Full<Bytes>>) -> Result<Answer, Failure> {
        if self.is_over {
            *self = Self::try_connect(self.address).await?;
        }
        request.headers_mut().insert(HOST, self.address.to_string().parse()?);
        self.sender.ready().await?;
        let exchange = async { collect(self.sender.send_request(request).await?).await };
        let answer = tokio::time::timeout(PATIENCE, exchange).await??;
        self.is_over = answer.headers.get(CONNECTION).is_some_and(|value| value == "close");
        Ok(answer)
    }
}

/// One h2 connection that speaks gRPC.
#[derive(Clone)]
pub struct GrpcClient {
    sender: http2::SendRequest<Full<Bytes>>,
    address: SocketAddr,
}

impl GrpcClient {
    /// Connects.
    ///
    /// # Panics
    /// When nothing listens there.
    pub async fn connect(address: SocketAddr) -> Self {
        Self::try_connect(address).await.expect("the listener that was announced takes connections")
    }

    /// Connects, or says why not.
    ///
    /// # Errors
    /// When nothing listens there or the connection breaks.
    pub async fn try_connect(address: SocketAddr) -> Result<Self, Failure> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let io = TokioIo::new(stream);
        let (sender, connection) = http2::handshake(TokioExecutor::new(), io).await?;
        tokio::spawn(connection);
        Ok(Self { sender, address })
    }

    /// Exports one message.
    ///
    /// # Panics
    /// When the connection breaks or no answer comes in time.
    pub async fn export(&mut self, signal: Signal, message: impl AsRef<[u8]>) -> Answer {
        self.try_export(signal, message).await.expect("an export is answered")
    }

    /// Exports one message over a connection that may break.
    ///
    /// # Errors
    /// When the connection breaks or no answer comes in time.
    pub async fn try_export(
        &mut self,
        signal: Signal,
        message: impl AsRef<[u8]>,
    ) -> Result<Answer, Failure> {
        self.call(signal.grpc_path(), None, frame(message.as_ref(), false)).await
    }

    /// Exports one message that was compressed before.
    ///
    /// # Panics
    /// When the connection breaks or no answer comes in time.
    pub async fn export_coded(&mut self, signal: Signal, coding: &str, message: Bytes) -> Answer {
        let frame = frame(&message, true);
        let answer = self.call(signal.grpc_path(), Some(coding), frame).await;
        answer.expect("an export is answered")
    }

    /// Calls any method with any framed body.
    ///
    /// # Errors
    /// When the connection breaks or no answer comes in time.
    pub async fn call(
        &mut self,
        path: &str,
        encoding: Option<&str>,
        body: Bytes,
    ) -> Result<Answer, Failure> {
        let request = self.request(path);
        let request = match encoding {
            Some(encoding) => request.header("grpc-encoding", encoding),
            None => request,
        };
        self.exchange(request.body(Full::new(body))?).await
    }

    /// Calls any method with a deadline of the sender's own, such as `300m` for milliseconds.
    ///
    /// # Errors
    /// When the connection breaks or no answer comes in time.
    pub async fn call_within(
        &mut self,
        path: &str,
        timeout: &str,
        body: Bytes,
    ) -> Result<Answer, Failure> {
        let request = self.request(path).header("grpc-timeout", timeout);
        self.exchange(request.body(Full::new(body))?).await
    }

    fn request(&self, path: &str) -> http::request::Builder {
        Request::post(format!("http://{}{path}", self.address))
            .header(CONTENT_TYPE, "application/grpc")
            .header(TE, "trailers")
    }

    async fn exchange(&mut self, request: Request<Full<Bytes>>) -> Result<Answer, Failure> {
        self.sender.ready().await?;
        let exchange = async { collect(self.sender.send_request(request).await?).await };
        let mut answer = tokio::time::timeout(PATIENCE, exchange).await??;
        answer.body = unframe(&answer.body).map(|(_, message)| message).unwrap_or_default();
        if answer.trailers.is_empty() {
            answer.trailers = answer.headers.clone();
        }
        Ok(answer)
    }
}

/// gRPC: a length-prefixed message.
pub fn frame(message: &[u8], compressed: bool) -> Bytes {
    let mut frame = BytesMut::with_capacity(5 + message.len());
    frame.put_u8(u8::from(compressed));
    frame.put_u32(u32::try_from(message.len()).expect("a test's message is under 4 GiB"));
    frame.put_slice(message);
    frame.freeze()
}

/// gRPC: the compressed flag and the one message of a body; none when it is cut short.
pub fn unframe(body: &Bytes) -> Option<(bool, Bytes)> {
    let (head, _) = body.split_at_checked(5)?;
    let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]);
    let end = 5_usize.checked_add(usize::try_from(length).ok()?)?;
    (body.len() >= end).then(|| (head[0] == 1, body.slice(5..end)))
}

/// Compresses as a sender would.
///
/// # Panics
/// Never: memory takes every write.
pub fn gzip(bytes: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("memory takes every write");
    encoder.finish().expect("memory takes every write").into()
}

/// The same with Zstandard.
///
/// # Panics
/// Never: memory takes every write.
pub fn zstd(bytes: &[u8]) -> Bytes {
    zstd::encode_all(bytes, 3).expect("memory takes every write").into()
}

async fn collect(response: Response<Incoming>) -> Result<Answer, Failure> {
    let (head, body) = response.into_parts();
    let collected = body.collect().await?;
    let trailers = collected.trailers().cloned().unwrap_or_default();
    Ok(Answer {
        status: head.status.as_u16(),
        headers: head.headers,
        body: collected.to_bytes(),
        trailers,
    })
}
