//! The agent's end of the socketpair to its keeper.
//!
//! Asking happens once, before the runtime starts; afterwards a thread listens for interfaces that
//! come and go, and for the keeper's end.

use std::collections::BTreeSet;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::orders::{self, Answer, Order, Report};

/// How long loading and attaching may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// A connection to the keeper.
#[derive(Debug)]
pub(crate) struct Link {
    socket: OwnedFd,
}

/// Restarts: orders to the keeper, and what it has answered.
#[derive(Debug)]
pub(crate) struct Restarts {
    socket: OwnedFd,
    answers: Mutex<Vec<(u16, Answer)>>,
}

impl Restarts {
    /// Gives an order.
    pub(crate) fn ask(&self, order: &Order) -> Result<(), String> {
        tell(&self.socket, order)
    }

    /// What has been answered since the last time.
    pub(crate) fn take(&self) -> Vec<(u16, Answer)> {
        std::mem::take(&mut *self.answers.lock().expect("a plain push cannot panic"))
    }

    fn answer(&self, id: u16, answer: Answer) {
        self.answers.lock().expect("a plain push cannot panic").push((id, answer));
    }
}

/// Names of covered interfaces, as the keeper last said.
pub(crate) type Covered = Arc<Mutex<BTreeSet<String>>>;

impl Link {
    /// The link that the keeper gave us as standard input.
    pub(crate) fn from_stdin() -> std::io::Result<Self> {
        Ok(Self { socket: std::io::stdin().as_fd().try_clone_to_owned()? })
    }

    /// Asks for the programs on these interfaces; the maps' descriptors, or why there are none. What the
    /// agent before has left comes first, and goes to `inherited`.
    pub(crate) fn attach(
        &self,
        interfaces: &[String],
        inherited: &mut Vec<(String, OwnedFd)>,
    ) -> Result<Vec<OwnedFd>, String> {
        for name in interfaces {
            self.send(&match name.as_str() {
                "auto" => Order::FollowAuto,
                name => Order::Follow(name.to_owned()),
            })?;
        }
        self.send(&Order::Attach)?;
        loop {
            match self.receive()? {
                (Report::Ready, descriptors) => return Ok(descriptors),
                (Report::Inherited(owner), descriptors) => {
                    inherited.extend(descriptors.into_iter().map(|socket| (owner.clone(), socket)));
                }
                (Report::Failed(reason), _) => return Err(reason),
                (other, _) => return Err(format!("the keeper said {other:?}")),
            }
        }
    }

    /// Listens from now on; what is covered is kept up to date, and restarts can be asked for.
    pub(crate) fn listen(self) -> (Covered, Option<Arc<Restarts>>) {
        let covered = Covered::default();
        let socket = self.socket.try_clone().ok();
        let restarts =
            socket.map(|socket| Arc::new(Restarts { socket, answers: Mutex::default() }));
        let shared = (covered.clone(), restarts.clone());
        std::thread::spawn(move || self.keep(&shared.0, shared.1.as_deref()));
        (covered, restarts)
    }

    fn keep(&self, covered: &Covered, restarts: Option<&Restarts>) {
        loop {
            let report = orders::receive(&self.socket).ok();
            let report = report.and_then(|(bytes, _)| Report::decode(&bytes));
            let mut covered = covered.lock().expect("no code path panics while it holds the names");
            match report {
                Some(Report::Attached(name)) => {
                    tracing::info!("interface {name} is covered");
                    covered.insert(name);
                }
                Some(Report::Detached(name)) => {
                    tracing::info!("interface {name} is gone");
                    covered.remove(&name);
                }
                Some(Report::Answered(id, answer)) => {
                    if let Some(restarts) = restarts {
                        restarts.answer(id, answer);
                    }
                }
                Some(_) => {}
                None => {
                    tracing::warn!("the keeper is gone: new interfaces will not be covered");
                    return;
                }
            }
        }
    }

    fn send(&self, order: &Order) -> Result<(), String> {
        tell(&self.socket, order)
    }

    fn receive(&self) -> Result<(Report, Vec<OwnedFd>), String> {
        let mut polled = [PollFd::new(self.socket.as_fd(), PollFlags::POLLIN)];
        let patience = PollTimeout::try_from(PATIENCE).unwrap_or(PollTimeout::MAX);
        if poll(&mut polled, patience).is_ok_and(|ready| ready == 0) {
            return Err(format!("the keeper said nothing for {} s", PATIENCE.as_secs()));
        }
        let (bytes, descriptors) =
            orders::receive(&self.socket).map_err(|error| format!("the keeper: {error}"))?;
        let report = Report::decode(&bytes).ok_or("the keeper is gone")?;
        Ok((report, descriptors))
    }
}

fn tell(socket: &OwnedFd, order: &Order) -> Result<(), String> {
    orders::send(socket, &order.encode(), &[])
        .map_err(|error| format!("the keeper does not listen: {error}"))
}
