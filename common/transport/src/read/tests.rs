//! Bodies that come whole, in pieces, slowly, or not at all; under a paused clock.

use std::convert::Infallible;

use http_body::Frame;
use tokio::sync::mpsc;

use super::*;

#[derive(Default)]
struct Purse {
    asked: Vec<usize>,
    limit: usize,
}

impl Grow for Purse {
    fn grow(&mut self, bytes: usize) -> Result<(), Refused> {
        self.asked.push(bytes);
        let sum: usize = self.asked.iter().sum();
        if sum > self.limit { Err(Refused) } else { Ok(()) }
    }
}

fn purse() -> Purse {
    Purse { limit: usize::MAX, ..Purse::default() }
}

/// A body fed by hand, of unknown length.
fn channel() -> (mpsc::Sender<Bytes>, impl Body<Data = Bytes, Error = Infallible> + Unpin + Send) {
    let (sender, mut receiver) = mpsc::channel::<Bytes>(64);
    let stream = futures_like(move |context| receiver.poll_recv(context));
    (sender, stream)
}

fn futures_like(
    poll: impl FnMut(&mut std::task::Context<'_>) -> std::task::Poll<Option<Bytes>> + Unpin + Send,
) -> impl Body<Data = Bytes, Error = Infallible> + Unpin + Send {
    struct Fed<F>(F);
    impl<F> http_body::Body for Fed<F>
    where
        F: FnMut(&mut std::task::Context<'_>) -> std::task::Poll<Option<Bytes>> + Unpin,
    {
        type Data = Bytes;
        type Error = Infallible;
        fn poll_frame(
            mut self: std::pin::Pin<&mut Self>,
            context: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            (self.0)(context).map(|piece| piece.map(|piece| Ok(Frame::data(piece))))
        }
    }
    Fed(poll)
}

#[tokio::test(start_paused = true)]
async fn one_piece_is_not_copied() {
    let piece = Bytes::from(vec![1; 1000]);
    let mut body = crate::http::Body::full(piece.clone());
    let read = read_pieces(&mut body, ReadLimits::of(1000), &mut purse()).await.expect("fits");
    assert_eq!(read.as_ptr(), piece.as_ptr());
}

#[tokio::test(start_paused = true)]
async fn an_announcement_costs_little_and_growth_follows_arrival() {
    let mut purse = purse();
    let pieces = (0..100).map(|_| Bytes::from(vec![1; 10_000]));
    let mut body = crate::http::Body::pieces(pieces);
    read_pieces(&mut body, ReadLimits::of(2 << 20), &mut purse).await.expect("fits");
    assert_eq!(purse.asked[0], FIRST_BYTES);
    assert!(purse.asked.len() < 8, "doubling: {:?}", purse.asked);
    assert_eq!(purse.asked.iter().sum::<usize>(), 1_000_000);
}

#[tokio::test(start_paused = true)]
async fn too_large_is_found_when_announced_or_received() {
    let mut announced = crate::http::Body::full(vec![0; 11]);
    let verdict = read_pieces(&mut announced, ReadLimits::of(10), &mut purse()).await;
    assert_eq!(verdict, Err(ReadError::TooLarge));
    let (sender, mut body) = channel();
    sender.send(Bytes::from(vec![0; 11])).await.expect("room");
    assert_eq!(
        read_pieces(&mut body, ReadLimits::of(10), &mut purse()).await,
        Err(ReadError::TooLarge)
    );
}

#[tokio::test(start_paused = true)]
async fn refusal_ends_the_request() {
    let mut purse = Purse { limit: 100, ..Purse::default() };
    let mut body = crate::http::Body::full(vec![0; 101]);
    assert_eq!(
        read_pieces(&mut body, ReadLimits::of(1000), &mut purse).await,
        Err(ReadError::Refused)
    );
}

#[tokio::test(start_paused = true)]
async fn a_body_that_stalls_is_given_up_after_five_seconds() {
    let (_sender, mut body) = channel();
    let start = Instant::now();
    assert_eq!(
        read_pieces(&mut body, ReadLimits::of(10), &mut purse()).await,
        Err(ReadError::Stalled)
    );
    assert_eq!(start.elapsed(), Duration::from_secs(5));
}

#[tokio::test(start_paused = true)]
async fn a_trickle_is_given_up_after_its_window_and_a_stream_is_not() {
    for (piece_bytes, fast) in [(100, false), (20 << 10, true)] {
        let (sender, mut body) = channel();
        tokio::spawn(async move {
            for _ in 0..65 {
                tokio::time::sleep(Duration::from_secs(1)).await;
                if sender.send(Bytes::from(vec![0; piece_bytes])).await.is_err() {
                    return;
                }
            }
        });
        let start = Instant::now();
        let verdict = read_pieces(&mut body, ReadLimits::of(1 << 30), &mut purse()).await;
        assert_eq!(verdict.is_ok(), fast);
        let seconds = start.elapsed().as_secs();
        assert!(if fast { seconds >= 65 } else { (30..=31).contains(&seconds) }, "{seconds} s");
    }
}
