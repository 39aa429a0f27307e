//! An h2 connection, served by hyper, and the ends of it that are ours to see to: of the server, of old age, of
//! idleness.

use std::convert::Infallible;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::Request;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::{ConnectionSettings, FRAME_BYTES, Handler, Phases, STREAM_WINDOW_BYTES};
use crate::http1::Wire;
use crate::incoming::{Incoming, Source};

/// Serves requests until either side ends. Told to end, by the server or by `settings`, it takes no more and those in
/// progress are answered.
pub(super) async fn serve<H: Handler>(
    wire: Wire,
    peer: SocketAddr,
    handler: Arc<H>,
    settings: &ConnectionSettings,
    mut phases: Phases,
) -> hyper::Result<()> {
    let activity = settings.max_idle.map(|_| Arc::<Activity>::default());
    let watched = activity.clone();
    let service = service_fn(move |request: Request<hyper::body::Incoming>| {
        let (handler, activity) = (handler.clone(), activity.clone());
        async move {
            let _running = activity.map(Running::begin);
            let request = request.map(|body| Incoming(Source::Http2(body)));
            Ok::<_, Infallible>(handler.call(request, peer).await)
        }
    });
    let mut connection = pin!(builder(settings).serve_connection(wire.into_io(), service));
    tokio::select! {
        biased;
        ended = connection.as_mut() => return ended,
        () = phases.ending() => {}
        () = age(settings.max_age) => {
            connection.as_mut().graceful_shutdown();
            let grace = settings.max_age_grace.unwrap_or(Duration::MAX);
            return timeout(grace, connection).await.unwrap_or(Ok(()));
        }
        () = idleness(watched.as_deref(), settings.max_idle) => {}
    }
    connection.as_mut().graceful_shutdown();
    connection.await
}

fn builder(settings: &ConnectionSettings) -> http2::Builder<TokioExecutor> {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(settings.streams)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(4 * STREAM_WINDOW_BYTES)
        .max_frame_size(FRAME_BYTES)
        .keep_alive_interval(settings.ping_interval)
        .keep_alive_timeout(settings.ping_timeout);
    builder
}

/// Waits until a connection is old. Those that began together do not end together.
async fn age(max_age: Option<Duration>) {
    match max_age {
        Some(max_age) => sleep(max_age.mul_f64(0.9 + 0.2 * unit())).await,
        None => std::future::pending().await,
    }
}

/// Uniform in 0..1, from the keys that the standard library draws for its maps.
fn unit() -> f64 {
    let bits = RandomState::new().build_hasher().finish() >> 11;
    bits as f64 / (1u64 << 53) as f64
}

/// Waits until a connection has had no request for so long.
async fn idleness(activity: Option<&Activity>, max_idle: Option<Duration>) {
    let (Some(activity), Some(max_idle)) = (activity, max_idle) else {
        return std::future::pending().await;
    };
    loop {
        let end = activity.idle_since().unwrap_or_else(Instant::now) + max_idle;
        if end <= Instant::now() {
            return;
        }
        sleep_until(end).await;
    }
}

/// The requests of a connection.
struct Activity(Mutex<(usize, Instant)>);

impl Default for Activity {
    fn default() -> Self {
        Self(Mutex::new((0, Instant::now())))
    }
}

impl Activity {
    /// Since when there is none, if there is none.
    fn idle_since(&self) -> Option<Instant> {
        let (running, ended) = *self.lock();
        (running == 0).then_some(ended)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, (usize, Instant)> {
        self.0.lock().expect("plain arithmetic cannot panic")
    }
}

/// A request in progress.
struct Running(Arc<Activity>);

impl Running {
    fn begin(activity: Arc<Activity>) -> Self {
        activity.lock().0 += 1;
        Self(activity)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut activity = self.0.lock();
        *activity = (activity.0 - 1, Instant::now());
    }
}
