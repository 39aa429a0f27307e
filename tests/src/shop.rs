//! A service in the host's namespace with customers on the other end of the wire, and what can go wrong
//! with it: the fault injector of the tests on reflexes.
//!
//! The service speaks HTTP/1, a connection and a thread for each request, and answers in one write.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::host::{Host, IPV4, on_wire};

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fault {
    /// Every answer takes so long.
    Latency(Duration),
    /// One answer in ten does.
    Spike(Duration),
    /// Every answer takes this much longer for each second that the fault lasts.
    Ramp(Duration),
    /// Every answer is a 500.
    Errors,
    /// Nothing is answered while it lasts.
    Stall,
    /// Customers come ten times as often.
    Flood,
}

/// How long a healthy answer takes.
const HEALTHY: Duration = Duration::from_millis(3);
/// The customers' pace.
const PACE: Duration = Duration::from_millis(25);
const PATIENCE: Duration = Duration::from_secs(1);

#[derive(Default)]
struct State {
    fault: Option<(Fault, Instant)>,
    served: u64,
    /// When an answer was first late, in nanoseconds since 1970.
    late_at_unix_ns: Option<u64>,
}

type Shared = Arc<Mutex<State>>;

/// The service and its customers; both are gone when it is dropped.
pub struct Shop {
    state: Shared,
    open: Arc<AtomicBool>,
}

impl Shop {
    /// Opens on a port of the host; forty customers a second come over the wire.
    ///
    /// # Panics
    /// When the port is taken.
    pub fn open(host: &Host, port: u16) -> Self {
        let state = Shared::default();
        let open = Arc::new(AtomicBool::new(true));
        let listener = TcpListener::bind(on_wire(IPV4, port)).expect("the port is free");
        let serving = state.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = serving.clone();
                std::thread::spawn(move || answer(stream, &state));
            }
        });
        let (going, fault) = (open.clone(), state.clone());
        // The load is a pace, not a wait for something.
        host.peer().spawn(move || {
            while going.load(Ordering::Relaxed) {
                std::thread::spawn(move || visit(port));
                let is_flooded = matches!(lock(&fault).fault, Some((Fault::Flood, _)));
                std::thread::sleep(if is_flooded { PACE / 10 } else { PACE });
            }
        });
        Self { state, open }
    }

    /// Something goes wrong from now on.
    pub fn inject(&self, fault: Fault) {
        lock(&self.state).fault = Some((fault, Instant::now()));
    }

    /// All is well again.
    pub fn heal(&self) {
        lock(&self.state).fault = None;
    }

    /// When an answer was first late by a fault, in nanoseconds since 1970.
    pub fn late_at_unix_ns(&self) -> Option<u64> {
        lock(&self.state).late_at_unix_ns
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        self.open.store(false, Ordering::Relaxed);
        self.heal();
    }
}

fn lock(state: &Shared) -> MutexGuard<'_, State> {
    state.lock().expect("nobody panics while holding the state")
}

fn answer(mut stream: TcpStream, state: &Shared) {
    if !stream.read(&mut [0; 1024]).is_ok_and(|length| length > 0) {
        return;
    }
    let fault = lock(state).fault;
    std::thread::sleep(work(fault, state));
    while lock(state).fault.is_some_and(|(fault, _)| fault == Fault::Stall) {
        std::thread::sleep(PACE);
    }
    let is_error = matches!(fault, Some((Fault::Errors, _)));
    let status = if is_error { "500 Internal Server Error" } else { "200 OK" };
    let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
    // The customer may have given up.
    let _ = stream.write_all(answer.as_bytes());
}

/// How long the work on an answer takes; notes the first that is late.
fn work(fault: Option<(Fault, Instant)>, state: &Shared) -> Duration {
    let mut state = lock(state);
    state.served += 1;
    let late = match fault {
        Some((Fault::Latency(late), _)) => late,
        Some((Fault::Spike(late), _)) if state.served.is_multiple_of(10) => late,
        Some((Fault::Ramp(step), since)) => step.mul_f64(since.elapsed().as_secs_f64()),
        _ => return HEALTHY,
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default() + late;
    let now_ns = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
    state.late_at_unix_ns.get_or_insert(now_ns);
    HEALTHY + late
}

fn visit(port: u16) {
    if let Ok(mut stream) = TcpStream::connect_timeout(&on_wire(IPV4, port), PATIENCE) {
        let _ = stream.set_read_timeout(Some(PATIENCE));
        let _ = stream.write_all(b"GET / HTTP/1.1\r\nhost: shop\r\n\r\n");
        let _ = stream.read(&mut [0; 1024]);
    }
}
