//! Descriptors that travel from process to process over a Unix socket (unix(7): `SCM_RIGHTS`).

use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use nix::sys::socket::{ControlMessage, ControlMessageOwned, MsgFlags, recvmsg, sendmsg};

/// Most descriptors that come with one message; the kernel's own bound is 253.
pub(crate) const MAX: usize = 128;

/// Sends bytes and descriptors with them; how many bytes went.
pub(crate) fn send(
    socket: &impl AsFd,
    bytes: &[u8],
    descriptors: &[BorrowedFd<'_>],
) -> io::Result<usize> {
    let slices = [IoSlice::new(bytes)];
    let numbers: Vec<RawFd> = descriptors.iter().map(AsRawFd::as_raw_fd).collect();
    let rights = [ControlMessage::ScmRights(&numbers)];
    let rights = if numbers.is_empty() { &rights[..0] } else { &rights[..] };
    let flags = MsgFlags::MSG_NOSIGNAL;
    Ok(sendmsg::<()>(socket.as_fd().as_raw_fd(), &slices, rights, flags, None)?)
}

/// Receives bytes and what came with them; zero bytes mean that the other side is gone.
pub(crate) fn receive(socket: &impl AsFd, bytes: &mut [u8]) -> io::Result<(usize, Vec<OwnedFd>)> {
    let mut space = nix::cmsg_space!([RawFd; MAX]);
    let mut slices = [IoSliceMut::new(bytes)];
    let flags = MsgFlags::MSG_CMSG_CLOEXEC;
    let fd = socket.as_fd().as_raw_fd();
    let received = recvmsg::<()>(fd, &mut slices, Some(&mut space), flags)?;
    let mut descriptors = Vec::new();
    for message in received.cmsgs()? {
        if let ControlMessageOwned::ScmRights(numbers) = message {
            // SAFETY: the kernel made these descriptors for this call and nobody else knows them.
            descriptors.extend(numbers.into_iter().map(|fd| unsafe { OwnedFd::from_raw_fd(fd) }));
        }
    }
    Ok((received.bytes, descriptors))
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn a_descriptor_arrives_as_what_it_was() {
        let (near, far) = UnixStream::pair().expect("a pair can be made");
        let (mut sent, kept) = UnixStream::pair().expect("a pair can be made");
        let count = send(&near, b"x", &[kept.as_fd()]).expect("there is room");
        drop(kept);
        let mut bytes = [0; 8];
        let (received, mut descriptors) = receive(&far, &mut bytes).expect("it was sent");
        assert_eq!((count, received, descriptors.len()), (1, 1, 1));
        let arrived = UnixStream::from(descriptors.remove(0));
        sent.write_all(b"through").expect("the other end is open");
        assert_eq!(receive(&arrived, &mut bytes).expect("it was written").0, 7);
        drop(near);
        assert_eq!(receive(&far, &mut bytes).expect("an end is no error").0, 0);
    }
}
