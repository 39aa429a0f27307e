//! Promise: what nobody touches costs no allocation per record. One request of 1, of 1,000 and of 100,000 log records,
//! all of them as many bytes, goes through the whole pipeline: receiver, filter, transform, exporter.
//!
//! Allocations are counted on the thread of the service alone; sender and backend have threads of their own.
//! Sockets hand over as much as has arrived, so that the count of reads, and of their buffers, differs a
//! little from run to run; the least of several runs counts, and [`NOISE`] is less than one for each of 1,000 records.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc;

use medulla_components::builders::Builders;
use medulla_components::config::Catalog;
use medulla_components::config::catalog::nothing_more;
use medulla_components::config::load::{System, load};
use medulla_components::config::shared::SHARED;
use medulla_components::process::Program;
use medulla_components::service::Service;
use otlp::wire::{put_bytes, put_uint};
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

/// Bytes of each request.
const BODY_BYTES: usize = 3 << 20;
const RUNS: usize = 3;
/// By how much counts may differ.
const NOISE: u64 = 200;

const CONFIG: &str = r#"
receivers: { otlp: { protocols: { http: { endpoint: 127.0.0.1:0 } } } }
processors:
  filter:
    log_conditions:
      - log.attributes["tenant"] == "nobody"
      - resource.attributes["service.name"] == "nobody"
  transform:
    log_statements:
      - set(log.attributes["seen"], Concat(["a", "b"], "-")) where log.severity_number > 20
      - set(log.severity_text, "x") where IsMatch(log.attributes["tenant"], "^no")
      - delete_key(log.attributes, "password")
      - keep_keys(log.attributes, ["tenant", "else"])
exporters: { otlp_http: { endpoint: 'http://BACKEND', compression: none } }
service:
  telemetry: { metrics: { level: none } }
  pipelines: { logs: { receivers: [otlp], processors: [filter, transform], exporters: [otlp_http] } }
"#;

/// A request of [`BODY_BYTES`], give or take the lengths of its parts.
fn request(records: usize) -> Vec<u8> {
    let text = "x".repeat((BODY_BYTES / records).saturating_sub(record("").len()));
    let (mut scope, mut resource, mut request) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..records {
        put_bytes(&mut scope, 2, &record(&text));
    }
    put_bytes(&mut resource, 2, &scope);
    put_bytes(&mut request, 1, &resource);
    request
}

fn record(text: &str) -> Vec<u8> {
    let (mut any, mut entry, mut body, mut record) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    put_uint(&mut record, 2, 9);
    put_bytes(&mut body, 1, text.as_bytes());
    put_bytes(&mut record, 5, &body);
    put_bytes(&mut any, 1, b"acme");
    put_bytes(&mut entry, 1, b"tenant");
    put_bytes(&mut entry, 2, &any);
    put_bytes(&mut record, 6, &entry);
    record
}

/// The headers and the body of the next message on a connection; nothing at its end.
fn message(stream: &mut BufReader<TcpStream>) -> Option<(String, Vec<u8>)> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if stream.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let length = head.to_lowercase();
    let length = length.split("content-length: ").nth(1).and_then(|rest| rest.lines().next());
    let length = length.map_or(0, |length| length.parse().expect("a length"));
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    Some((head, body))
}

/// A backend that takes everything, and tells how many bytes each request had.
fn backend() -> (SocketAddr, mpsc::Receiver<usize>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    let address = listener.local_addr().expect("a bound socket has an address");
    let (tell, told) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let mut stream = BufReader::new(stream);
            while let Some((_, body)) = message(&mut stream) {
                let _ = tell.send(body.len());
                let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
                if stream.get_mut().write_all(answer).is_err() {
                    break;
                }
            }
        }
    });
    (address, told)
}

/// A sender that posts what it is given and says when it has its answer.
struct Sender(mpsc::Sender<(Vec<u8>, oneshot::Sender<String>)>);

impl Sender {
    fn start(to: SocketAddr) -> Self {
        let (give, given) = mpsc::channel::<(Vec<u8>, oneshot::Sender<String>)>();
        std::thread::spawn(move || {
            let mut stream = BufReader::new(TcpStream::connect(to).expect("the receiver listens"));
            for (body, answered) in given {
                let head = format!(
                    "POST /v1/logs HTTP/1.1\r\nhost: test\r\ncontent-type: application/x-protobuf\r\ncontent-length: {}\r\n\r\n",
                    body.len()
                );
                let to = stream.get_mut();
                to.write_all(head.as_bytes()).and_then(|()| to.write_all(&body)).expect("it reads");
                let (head, _) = message(&mut stream).expect("an answer");
                let _ = answered.send(head);
            }
        });
        Self(give)
    }

    /// Allocations of the service until the answer to one request.
    fn count(&self, runtime: &Runtime, body: &[u8]) -> u64 {
        let (answered, answer) = oneshot::channel();
        self.0.send((body.to_vec(), answered)).expect("the sender runs");
        let mut head = None;
        let counted = allocation_counter::measure(|| head = runtime.block_on(answer).ok());
        let head = head.expect("an answer");
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        counted.count_total
    }
}

#[test]
fn untouched_records_cost_no_allocation() {
    let (backend, received) = backend();
    let catalog = Catalog { kinds: &[SHARED], sections: &[], check_whole: nothing_more };
    let text = CONFIG.replace("BACKEND", &backend.to_string());
    let loaded = load(&[], &text, &System, &catalog).expect("the configuration is good");
    let program = Program { name: "test", default_config: "", catalog, extra_bytes: 0 };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime of one thread can be started");
    let service = {
        let _guard = runtime.enter();
        Service::new(program.context(&loaded.config), Builders::shared())
    };
    runtime.block_on(service.apply(&loaded.config)).expect("it starts");
    let [port] = service.context().ports.listening()[..] else {
        panic!("one port, the receiver's")
    };
    let sender = Sender::start(SocketAddr::from(([127, 0, 0, 1], port)));

    let counts = [1, 1_000, 100_000].map(|records| {
        let body = request(records);
        let runs = (0..RUNS).map(|_| {
            let count = sender.count(&runtime, &body);
            assert_eq!(received.recv().expect("the backend runs"), body.len());
            count
        });
        runs.min().expect("at least one run")
    });
    println!("allocations per request of 1, 1,000 and 100,000 records: {counts:?}");
    let least = counts.iter().min().expect("three counts");
    assert!(counts.iter().all(|count| count - least <= NOISE), "{counts:?}");
    runtime.block_on(service.stop());
}
