//! Making way: the sockets go to another process, then this one ends and takes nothing with it.
//!
//! Two steps, so that a process that dies in between costs nothing: with [`Request::HandOver`] both hold
//! the sockets and this one goes on as before; with [`Request::Leave`] it writes nothing more (limits,
//! rules, files), answers, and drains what it has accepted while the other one begins.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixListener;
use std::sync::atomic::Ordering;

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, Uid};
use tokio::io::Interest;
use tokio::net::UnixStream;

use super::protocol::{Answer, CONTROL, Request};
use super::serve::Desk;
use crate::descriptors;

/// What a command hears in the moment between two agents.
const BETWEEN: &str = "another agent is taking over, ask again";

impl Desk {
    /// An answer and the descriptors that go with it.
    pub(super) fn answer_to(&self, peer: u32, request: Request) -> (Answer, Vec<OwnedFd>) {
        let takes_over = matches!(request, Request::HandOver {} | Request::Leave {});
        let answer = match request {
            _ if takes_over
                && !Uid::from_raw(peer).is_root()
                && peer != Uid::effective().as_raw() =>
            {
                Answer::usage("only root and the agent's own account take over".to_owned())
            }
            Request::HandOver {} => return self.hand_over(),
            Request::Leave {} => self.leave(),
            Request::Status {} => self.answer(request),
            _ if self.is_leaving() => Answer::failed(BETWEEN.to_owned()),
            request => self.answer(request),
        };
        (answer, Vec::new())
    }

    /// The control socket, to be handed over with the others.
    pub(super) fn listens_on(&self, socket: UnixListener) {
        *self.control.lock().expect("a plain assignment cannot panic") = Some(socket);
    }

    /// Whether another process has the sockets too and this one leaves them to it.
    pub(super) fn has_handed_over(&self) -> bool {
        self.is_leaving() && self.facts().ports.are_handed_over()
    }

    /// Waits until another agent takes over.
    pub(super) async fn left(&self) {
        self.left.notified().await;
    }

    /// After the answer to who takes over: ends as with SIGTERM.
    pub(super) fn end_if_leaving(&self) {
        if self.is_leaving()
            && let Err(error) = kill(Pid::this(), Signal::SIGTERM)
        {
            tracing::error!("cannot end: {error}");
        }
    }

    fn hand_over(&self) -> (Answer, Vec<OwnedFd>) {
        let ports = match self.facts().ports.hand_over() {
            Ok(ports) => ports,
            Err(error) => return (Answer::failed(error.to_string()), Vec::new()),
        };
        let control = self.control.lock().expect("a plain assignment cannot panic");
        let control = control.as_ref().and_then(|socket| socket.try_clone().ok());
        let control = control.map(|socket| (CONTROL.to_owned(), socket.into()));
        let ports = ports.into_iter().map(|(owner, socket)| (owner, socket.into()));
        let all = control.into_iter().chain(ports).take(descriptors::MAX);
        let (sockets, descriptors): (Vec<String>, Vec<OwnedFd>) = all.unzip();
        tracing::info!("{} sockets handed to another agent", sockets.len());
        (Answer { sockets, process: Some(self.status()), ..Answer::default() }, descriptors)
    }

    /// From here on another process writes; the end comes after the answer.
    fn leave(&self) -> Answer {
        tracing::info!("another agent takes over");
        self.leaving.store(true, Ordering::Release);
        self.left.notify_one();
        if let Some(reflex) = self.reflex.get() {
            reflex.leave();
        }
        self.limits().give_up();
        (self.facts().give_up)();
        Answer { process: Some(self.status()), ..Answer::default() }
    }
}

/// Sends the beginning of an answer with its descriptors; how much of it went.
pub(super) async fn send(
    stream: &UnixStream,
    text: &[u8],
    descriptors: &[OwnedFd],
) -> std::io::Result<usize> {
    if descriptors.is_empty() {
        return Ok(0);
    }
    let descriptors: Vec<BorrowedFd<'_>> = descriptors.iter().map(AsFd::as_fd).collect();
    let send = || descriptors::send(stream, text, &descriptors);
    stream.async_io(Interest::WRITABLE, send).await
}
