//! Promise: a service under five times its capacity goes on doing useful work behind a rule, does next to none
//! without it, and the limit is gone once the crowd is.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use medulla_tests::host::{self, IPV4, on_wire};
use medulla_tests::medulla::TELEMETRY;
use medulla_tests::{Host, wait_until};

const PORT: u16 = 8080;
const WORKERS: u32 = 4;
/// The work on one request.
const WORK: Duration = Duration::from_millis(40);
/// Requests per second that the workers manage.
const CAPACITY: f64 = WORKERS as f64 * 1000.0 / 40.0;
/// How long a customer waits; what comes later is useless.
const PATIENCE: Duration = Duration::from_secs(1);
/// Half of the capacity; and five times of it.
const CALM: Duration = Duration::from_millis(20);
const CROWD: Duration = Duration::from_millis(2);
/// How long the crowd stays, and after how long the goodput is counted.
const CROWD_LASTS: Duration = Duration::from_secs(30);
const SETTLED_AFTER: Duration = Duration::from_secs(5);

fn config(mode: &str) -> String {
    format!(
        "
receivers: {{ kernel: {{ ports: [{PORT}] }} }}
exporters: {{ debug: {{ verbosity: basic }} }}
reflex:
  kill_file: /nonexistent/kill
  rules:
    - name: shed
      when: port[{PORT}].latency_p99 > Duration(\"100ms\") and port[{PORT}].in_flight > 8
      clear_for: 2s
      mode: {mode}
      then: [{{ rate_limit: {{ port: {PORT}, rate: 92/s, lease: 5s, floor: 50/s, immediate: true }} }}]
service:
  pipelines: {{ metrics: {{ receivers: [kernel], exporters: [debug] }} }}
{TELEMETRY}"
    )
}

/// A service of so many workers, each with one connection at a time, as a classic application server.
fn serve() {
    let listener = Arc::new(TcpListener::bind(on_wire(IPV4, PORT)).expect("the port is free"));
    for _ in 0..WORKERS {
        let listener = listener.clone();
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                if stream.read(&mut [0; 1024]).is_ok_and(|length| length > 0) {
                    std::thread::sleep(WORK);
                    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
                }
            }
        });
    }
}

/// Customers who come whether or not others were served.
struct Customers {
    is_crowd: Arc<AtomicBool>,
    is_over: Arc<AtomicBool>,
    served: Arc<AtomicU64>,
}

impl Drop for Customers {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
    }
}

impl Customers {
    fn come(host: &Host) -> Self {
        let (is_crowd, is_over) = <(Arc<AtomicBool>, Arc<AtomicBool>)>::default();
        let served = Arc::<AtomicU64>::default();
        let (crowd, over, count) = (is_crowd.clone(), is_over.clone(), served.clone());
        host.peer().spawn(move || {
            let mut due = Instant::now();
            while !over.load(Ordering::Relaxed) {
                let count = count.clone();
                std::thread::spawn(move || count.fetch_add(u64::from(visit()), Ordering::Relaxed));
                due += if crowd.load(Ordering::Relaxed) { CROWD } else { CALM };
                std::thread::sleep(due.saturating_duration_since(Instant::now()));
            }
        });
        Self { is_crowd, is_over, served }
    }

    /// Useful answers per second once the service had time to settle under the crowd.
    fn crowd(&self) -> f64 {
        self.is_crowd.store(true, Ordering::Relaxed);
        let mut last = self.served.load(Ordering::Relaxed);
        let mut goodput = Vec::new();
        for _ in 0..CROWD_LASTS.as_secs() {
            std::thread::sleep(Duration::from_secs(1));
            let now = self.served.load(Ordering::Relaxed);
            goodput.push(now - last);
            last = now;
        }
        self.is_crowd.store(false, Ordering::Relaxed);
        println!("useful answers per second: {goodput:?}");
        let settled = &goodput[SETTLED_AFTER.as_secs() as usize..];
        settled.iter().sum::<u64>() as f64 / settled.len() as f64
    }
}

/// Whether a customer was served in time.
fn visit() -> bool {
    let begun = Instant::now();
    let Ok(mut stream) = TcpStream::connect_timeout(&on_wire(IPV4, PORT), PATIENCE) else {
        return false;
    };
    let left = PATIENCE.saturating_sub(begun.elapsed()).max(Duration::from_millis(1));
    let _ = stream.set_read_timeout(Some(left));
    stream.write_all(b"GET / HTTP/1.1\r\nhost: shop\r\n\r\n").is_ok()
        && stream.read(&mut [0; 1024]).is_ok_and(|length| length > 0)
}

/// Goodput under the crowd in a mode of the rule.
fn measure(mode: &'static str) -> f64 {
    let (told, heard) = std::sync::mpsc::channel();
    host::run(move |host| {
        let agent = host.agent(&config(mode));
        serve();
        let customers = Customers::come(host);
        wait_until("the windows are full", || agent.is_warm());
        assert!(agent.limits().is_empty(), "nothing is limited before");
        let goodput = customers.crowd();
        wait_until("the limit is gone", || agent.limits().is_empty());
        println!("{mode}: {goodput:.0} of {CAPACITY} useful answers/s at five times the capacity");
        println!("{}", agent.tell("report").done());
        let _ = told.send(goodput);
    });
    heard.recv().unwrap_or(f64::NAN)
}

#[test]
fn goodput_survives_a_crowd() {
    let (without, with) = (measure("observe"), measure("act"));
    // Without root nothing was measured.
    if !with.is_nan() {
        assert!(with > 2.0 * without, "{with} with the rule, {without} without");
    }
}
