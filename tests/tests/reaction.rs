//! Promise: the loop is short. From the breach to the first connection that the kernel drops, seen from the other
//! end of the wire, it takes user space a tick and the kernel itself no time to speak of.
//!
//! Printed, not judged: machines are noisy. Each port is a sample of its own, since a rule rests after it acted.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use medulla_tests::host::{self, IPV4, on_wire};
use medulla_tests::medulla::TELEMETRY;
use medulla_tests::{Host, process, wait_until};
use nix::sys::signal::Signal;
use serde_json::Value;

const PORTS: Range<u16> = 9001..9021;
/// What a late answer takes.
const LATE: Duration = Duration::from_millis(150);
/// Requests at once; the kernel judges by the fifth late answer of the last eight.
const AT_ONCE: usize = 8;
const DECIDING: usize = 5;
/// A connection that is not there by then was dropped: on this wire it takes 0.1 ms.
const DROPPED_AFTER: Duration = Duration::from_millis(50);
/// How long anything may take; far above what is promised.
const BOUND: Duration = Duration::from_secs(5);

fn config(rule: impl Fn(u16) -> String) -> String {
    let rules: String = PORTS.map(rule).collect();
    format!(
        "
receivers: {{ kernel: {{ ports: {:?} }} }}
exporters: {{ debug: {{ verbosity: basic }} }}
reflex:
  kill_file: /nonexistent/kill
  budget: {{ per_host: 1000/h, per_target: 1 }}
  rules:{rules}
service:
  pipelines: {{ metrics: {{ receivers: [kernel], exporters: [debug] }} }}
{TELEMETRY}",
        PORTS.collect::<Vec<_>>()
    )
}

/// The action of every rule.
fn limit(port: u16) -> String {
    format!("rate_limit: {{ port: {port}, rate: 1/s, lease: 60s, floor: 1/s, immediate: true }}")
}

/// Services on all ports, late while this says so.
fn serve() -> Arc<AtomicBool> {
    let late = Arc::<AtomicBool>::default();
    for port in PORTS {
        let listener = TcpListener::bind(on_wire(IPV4, port)).expect("the port is free");
        let late = late.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let late = late.clone();
                std::thread::spawn(move || answer(stream, &late));
            }
        });
    }
    late
}

fn answer(mut stream: TcpStream, late: &AtomicBool) {
    if stream.read(&mut [0; 1024]).is_ok_and(|length| length > 0) {
        if late.load(Ordering::Relaxed) {
            std::thread::sleep(LATE);
        }
        // The customer may be gone.
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    }
}

/// A request that is sent; its answer can be read.
fn ask(port: u16) -> Option<TcpStream> {
    let mut stream = TcpStream::connect_timeout(&on_wire(IPV4, port), DROPPED_AFTER).ok()?;
    stream.write_all(b"GET / HTTP/1.1\r\nhost: shop\r\n\r\n").ok()?;
    Some(stream)
}

/// When the first connection was begun that got no answer.
fn first_dropped(port: u16) -> Instant {
    let begun = Instant::now();
    loop {
        let at = Instant::now();
        if TcpStream::connect_timeout(&on_wire(IPV4, port), DROPPED_AFTER).is_err() {
            return at;
        }
        assert!(begun.elapsed() < BOUND, "port {port} was not limited");
        std::thread::sleep(Duration::from_micros(200));
    }
}

fn show(what: &str, mut lags: Vec<Duration>) {
    lags.sort_unstable();
    let (median, worst) = (lags[lags.len() / 2], lags[lags.len() - 1]);
    println!("{what}: median {median:.1?}, worst of {} {worst:.1?}", lags.len());
}

/// Opens requests until the rule's condition holds; from the one that makes it so to the first drop.
fn user_space(host: &Host, port: u16) -> Duration {
    host.peer().enter(|| {
        let open: Vec<_> = (0..AT_ONCE).map(|_| ask(port).expect("it is not limited")).collect();
        let breach = Instant::now();
        let lag = first_dropped(port).saturating_duration_since(breach);
        drop(open);
        lag
    })
}

/// Late answers until the kernel's condition holds; from the one that makes it so to the first drop.
fn kernel(host: &Host, port: u16) -> Duration {
    host.peer().enter(|| {
        let open: Vec<_> = (0..AT_ONCE).map(|_| ask(port).expect("it is not limited")).collect();
        std::thread::scope(|scope| {
            let dropped = scope.spawn(|| first_dropped(port));
            let read = |mut stream: TcpStream| {
                scope.spawn(move || {
                    let _ = stream.read(&mut [0; 1024]);
                    Instant::now()
                })
            };
            let reading: Vec<_> = open.into_iter().map(read).collect();
            let mut answered: Vec<_> =
                reading.into_iter().map(|thread| thread.join().expect("it reads")).collect();
            answered.sort_unstable();
            let dropped = dropped.join().expect("it was limited");
            dropped.saturating_duration_since(answered[DECIDING - 1])
        })
    })
}

#[test]
fn user_space_needs_a_tick() {
    host::run(|host| {
        let rule = |port| {
            format!(
                "
    - {{ name: 'r{port}', when: 'port[{port}].in_flight >= {AT_ONCE}', mode: act, single_signal: true,
         then: [{}] }}",
                limit(port)
            )
        };
        let agent = host.agent(&config(rule));
        serve().store(true, Ordering::Relaxed);
        wait_until("the windows are full", || agent.is_warm());
        let lags = PORTS.map(|port| user_space(host, port)).collect();
        show("breach -> first dropped SYN, user space, tick 50 ms", lags);
    });
}

#[test]
fn the_kernel_needs_none() {
    host::run(|host| {
        let rule = |port| {
            format!(
                "
    - {{ name: 'k{port}', mode: act, arm: kernel, then: [{}],
         when: 'port[{port}].latency_p99 > Duration(\"100ms\") and port[{port}].in_flight >= 2' }}",
                limit(port)
            )
        };
        let mut agent = host.agent(&config(rule));
        let late = serve();
        let armed = || {
            let rules = agent.view()["rules"].take();
            let rules = rules.as_array().expect("rules").clone();
            let ready = |rule: &Value| {
                let kernel = &rule["kernel"];
                kernel["vetoed"].is_null() && kernel["samples"].as_u64() > Some(64)
            };
            rules.iter().all(ready)
        };
        wait_until("every rule is armed and has learned", || {
            host.peer().enter(|| {
                for port in PORTS.flat_map(|port| [port; 10]) {
                    if let Some(mut stream) = ask(port) {
                        let _ = stream.read(&mut [0; 1024]);
                    }
                }
            });
            armed()
        });
        for process in process::family(agent.process().id()) {
            nix::sys::signal::kill(process, Signal::SIGSTOP).expect("it is ours");
        }
        late.store(true, Ordering::Relaxed);
        let lags = PORTS.map(|port| kernel(host, port)).collect();
        show("deciding answer -> first dropped SYN, kernel, agent stopped", lags);
        for process in process::family(agent.process().id()) {
            nix::sys::signal::kill(process, Signal::SIGCONT).expect("it is ours");
        }
    });
}
