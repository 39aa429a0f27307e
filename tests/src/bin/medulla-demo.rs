//! The demo of `cargo xtask run --demo`: a small web shop with a real OpenTelemetry SDK, its
//! customers, and a fault.
//!
//! The shop answers `GET /checkout` after a few milliseconds; during the fault it takes a quarter of
//! a second. Customers come at a steady rate, each on a connection of their own, and give up after
//! a second. Each line of output is one moment of the timeline; the last line names a trace.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use clap::Parser;
use opentelemetry::trace::{SpanKind, Status, TraceContextExt, Tracer, TracerProvider};
use opentelemetry::{Context, KeyValue};
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// How long a customer waits.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often a line is printed.
const REPORT: Duration = Duration::from_secs(5);

#[derive(Parser)]
struct Arguments {
    /// Where the shop listens.
    #[arg(long, default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// The agent's OTLP/gRPC endpoint.
    #[arg(long, default_value = "http://127.0.0.1:4317")]
    otlp: String,
    /// Customers per second.
    #[arg(long, default_value_t = 50)]
    rate: u32,
    /// Seconds from the start to the fault.
    #[arg(long, default_value_t = 10)]
    fault_after: u64,
    /// Seconds the fault lasts.
    #[arg(long, default_value_t = 25)]
    fault_for: u64,
    /// Seconds until the end.
    #[arg(long, default_value_t = 55)]
    seconds: u64,
}

/// What the shop and its customers share.
struct Shop {
    tracer: SdkTracer,
    slow: AtomicBool,
    served: AtomicU64,
    given_up: AtomicU64,
    waited_us: AtomicU64,
    orders: AtomicU64,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments = Arguments::parse();
    let provider = telemetry(&arguments.otlp)?;
    let shop = Arc::new(Shop {
        tracer: provider.tracer("shop"),
        slow: AtomicBool::new(false),
        served: AtomicU64::new(0),
        given_up: AtomicU64::new(0),
        waited_us: AtomicU64::new(0),
        orders: AtomicU64::new(0),
    });
    let listener = TcpListener::bind(arguments.listen).await?;
    let address = listener.local_addr()?;
    println!("shop: listening on {address}");
    let app = Router::new().route("/checkout", get(checkout)).with_state(shop.clone());
    let serving = tokio::spawn(async move { axum::serve(listener, app).await });
    tell(&arguments, &shop, address).await;
    serving.abort();
    tokio::task::spawn_blocking(move || provider.shutdown()).await??;
    Ok(())
}

/// A tracer provider that sends to the agent.
fn telemetry(endpoint: &str) -> Result<SdkTracerProvider, Box<dyn std::error::Error>> {
    let exporter = SpanExporter::builder().with_tonic().with_endpoint(endpoint).build()?;
    let resource = opentelemetry_sdk::Resource::builder().with_service_name("shop").build();
    Ok(SdkTracerProvider::builder().with_resource(resource).with_batch_exporter(exporter).build())
}

/// One order: a server span with a child for the payment.
async fn checkout(State(shop): State<Arc<Shop>>) -> String {
    let order = shop.orders.fetch_add(1, Ordering::Relaxed);
    let attributes = vec![
        KeyValue::new("http.request.method", "GET"),
        KeyValue::new("http.route", "/checkout"),
        KeyValue::new("order.number", i64::try_from(order).unwrap_or(i64::MAX)),
    ];
    let span = shop.tracer.span_builder("GET /checkout").with_kind(SpanKind::Server);
    let span = span.with_attributes(attributes).start(&shop.tracer);
    let context = Context::current_with_span(span);
    let payment = shop.tracer.span_builder("charge card").with_kind(SpanKind::Client);
    let payment = payment.start_with_context(&shop.tracer, &context);
    let slow = shop.slow.load(Ordering::Relaxed);
    tokio::time::sleep(Duration::from_millis(if slow { 250 } else { 4 })).await;
    drop(payment);
    let span = context.span();
    if slow {
        span.add_event("payment provider is slow", vec![KeyValue::new("attempt", 1)]);
        span.set_status(Status::error("slow payment"));
    }
    span.set_attribute(KeyValue::new("http.response.status_code", 200));
    span.end();
    format!("{}\n", span.span_context().trace_id())
}

/// Lets customers come, begins and ends the fault, and prints what they see.
async fn tell(arguments: &Arguments, shop: &Arc<Shop>, address: SocketAddr) {
    let begun = Instant::now();
    let mut arrivals = tokio::time::interval(Duration::from_secs(1) / arguments.rate.max(1));
    let mut reports = tokio::time::interval(REPORT);
    let mut customers = JoinSet::new();
    let mut trace = String::new();
    reports.tick().await;
    while begun.elapsed() < Duration::from_secs(arguments.seconds) {
        let second = begun.elapsed().as_secs();
        let fault = arguments.fault_after..arguments.fault_after + arguments.fault_for;
        let slow = fault.contains(&second);
        if shop.slow.swap(slow, Ordering::Relaxed) != slow {
            let what = if slow { "the payment provider becomes slow" } else { "it recovers" };
            println!("{second:>3} s: {what}");
        }
        tokio::select! {
            _ = arrivals.tick() => {
                let shop = shop.clone();
                customers.spawn(async move { visit(&shop, address).await });
            }
            Some(visited) = customers.join_next() => {
                if let Ok(Some(id)) = visited {
                    trace = id;
                }
            }
            _ = reports.tick() => report(shop, second),
        }
    }
    customers.shutdown().await;
    println!("trace {trace}");
}

/// One customer: a connection, a request, an answer with the order's trace id.
async fn visit(shop: &Shop, address: SocketAddr) -> Option<String> {
    let begun = Instant::now();
    let answer = tokio::time::timeout(PATIENCE, exchange(address)).await;
    match answer {
        Ok(Ok(answer)) => {
            shop.served.fetch_add(1, Ordering::Relaxed);
            let waited_us = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
            shop.waited_us.fetch_add(waited_us, Ordering::Relaxed);
            answer.lines().last().map(str::to_owned)
        }
        _ => {
            shop.given_up.fetch_add(1, Ordering::Relaxed);
            None
        }
    }
}

async fn exchange(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(b"GET /checkout HTTP/1.1\r\nhost: shop\r\nconnection: close\r\n\r\n").await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

fn report(shop: &Shop, second: u64) {
    let served = shop.served.swap(0, Ordering::Relaxed);
    let given_up = shop.given_up.swap(0, Ordering::Relaxed);
    let waited_us = shop.waited_us.swap(0, Ordering::Relaxed);
    let mean_ms = waited_us as f64 / 1000.0 / served.max(1) as f64;
    println!("{second:>3} s: {served} orders, {mean_ms:.0} ms on average, {given_up} gave up");
}
