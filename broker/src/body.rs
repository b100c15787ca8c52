//! The bodies of HTTP requests, read within limits of size, time and memory.

use crate::budget::{Budget, Claim, Held};
use axum::body::Body;
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body as _, Frame, SizeHint};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep_until};

/// How long a client may take to send a body, whatever its size.
const PATIENCE: Duration = Duration::from_secs(30);

/// What it must send in each second beyond that, in bytes. A device on a slow radio does.
const BYTES_PER_S: f64 = 4096.0;

/// Why a body is not read to its end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BodyRefused {
    #[error("the request body has more than {0} bytes")]
    TooLarge(usize),
    #[error(
        "the request body did not arrive in time: {} seconds and one more for each {BYTES_PER_S} \
         bytes",
        PATIENCE.as_secs()
    )]
    TooSlow,
    #[error("the request body broke off: {0}")]
    BrokeOff(String),
    #[error("the server has no memory for the request body now")]
    NoMemory,
}

/// A whole body, and the memory that it takes.
#[derive(Debug)]
pub(crate) struct Received {
    bytes: Vec<u8>,
    held: Held,
}

impl Received {
    /// The body, and what counts it for as long as the request is answered.
    pub(crate) fn apart(self) -> (Bytes, Held) {
        (self.bytes.into(), self.held)
    }

    /// The body, which is counted until its last copy is dropped.
    pub(crate) fn kept(self) -> Bytes {
        self.held.with(self.bytes)
    }
}

/// Reads a body of at most so many bytes. It is copied out of the connection's buffers, which may
/// be much larger than what came in them.
///
/// # Errors
/// See [`BodyRefused`].
pub(crate) async fn read(
    body: Body,
    bytes_max: usize,
    budget: &Arc<Budget>,
) -> Result<Received, BodyRefused> {
    let too_large = || BodyRefused::TooLarge(bytes_max);
    let mut received = Received {
        bytes: Vec::new(),
        held: Held::of_http(budget),
    };
    if body.size_hint().lower() > bytes_max as u64 {
        return Err(too_large());
    }
    let announced = body.size_hint().upper().unwrap_or(u64::MAX);
    let announced = usize::try_from(announced).unwrap_or(usize::MAX);
    let mut body = Paced::new(body);
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else {
            continue;
        };
        if data.len() > bytes_max - received.bytes.len() {
            return Err(too_large());
        }
        make_room(&mut received.bytes, data.len(), announced);
        received.bytes.extend_from_slice(&data);
        let capacity = received.bytes.capacity();
        received.held.buffer(capacity);
        if received.held.is_counted() && budget.refuses(Claim::Request) {
            return Err(BodyRefused::NoMemory);
        }
    }
    received.bytes.shrink_to_fit();
    received.held.buffer(received.bytes.capacity());
    Ok(received)
}

/// Makes room for more bytes, twice as much as there was, but not for more than was announced.
fn make_room(bytes: &mut Vec<u8>, more: usize, announced: usize) {
    let needed = bytes.len() + more;
    if needed > bytes.capacity() {
        let room = bytes.capacity().saturating_mul(2).min(announced);
        bytes.reserve_exact(room.max(needed) - bytes.len());
    }
}

/// A body that ends with an error when it comes too slowly.
pub(crate) struct Paced {
    body: Body,
    began: Instant,
    /// When it is given up, unless more comes.
    timer: Pin<Box<Sleep>>,
    bytes: u64,
}

impl Paced {
    pub(crate) fn new(body: Body) -> Self {
        let began = Instant::now();
        Self {
            body,
            began,
            timer: Box::pin(sleep_until(began + PATIENCE)),
            bytes: 0,
        }
    }
}

/// The time that so many bytes may take.
#[expect(clippy::cast_precision_loss, reason = "a rough time")]
pub(crate) fn time_for(patience: Duration, bytes: u64) -> Duration {
    patience + Duration::from_secs_f64(bytes as f64 / BYTES_PER_S)
}

impl hyper::body::Body for Paced {
    type Data = Bytes;
    type Error = BodyRefused;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyRefused>>> {
        let frame = match Pin::new(&mut self.body).poll_frame(cx) {
            Poll::Ready(frame) => frame,
            Poll::Pending => {
                let deadline = self.began + time_for(PATIENCE, self.bytes);
                if self.timer.deadline() != deadline {
                    self.timer.as_mut().reset(deadline);
                }
                ready!(self.timer.as_mut().poll(cx));
                return Poll::Ready(Some(Err(BodyRefused::TooSlow)));
            }
        };
        Poll::Ready(match frame {
            Some(Ok(frame)) => {
                self.bytes += frame.data_ref().map_or(0, |data| data.len() as u64);
                Some(Ok(frame))
            }
            Some(Err(why)) => Some(Err(BodyRefused::BrokeOff(why.to_string()))),
            None => None,
        })
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::budget::BUFFER_BYTES_COUNTED;
    use std::convert::Infallible;

    /// So many bytes at each interval, for ever.
    struct Trickle(usize, Duration, Pin<Box<Sleep>>);

    impl Trickle {
        fn new(bytes: usize, interval: Duration) -> Self {
            Self(bytes, interval, Box::pin(tokio::time::sleep(interval)))
        }
    }

    impl hyper::body::Body for Trickle {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            ready!(self.2.as_mut().poll(cx));
            let next = Instant::now() + self.1;
            self.2.as_mut().reset(next);
            Poll::Ready(Some(Ok(Frame::data(vec![7; self.0].into()))))
        }
    }

    fn unbounded() -> Arc<Budget> {
        Budget::new(usize::MAX)
    }

    #[tokio::test]
    async fn a_body_beyond_its_limit_is_refused() {
        let budget = unbounded();
        let whole = read(Body::from("abcd"), 4, &budget).await.unwrap();
        assert_eq!(whole.kept(), "abcd");
        let refused = read(Body::from("abcde"), 4, &budget).await.unwrap_err();
        assert_eq!(refused, BodyRefused::TooLarge(4));
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_trickles_is_given_up_and_one_that_is_slow_is_not() {
        let bytes_max = 500_000;
        for (bytes, every_s, expected, after_s) in [
            (1, 3600, BodyRefused::TooSlow, 30),
            (1, 1, BodyRefused::TooSlow, 30),
            (2048, 1, BodyRefused::TooSlow, 59),
            (4096, 1, BodyRefused::TooLarge(bytes_max), 123),
        ] {
            let began = Instant::now();
            let trickle = Body::new(Trickle::new(bytes, Duration::from_secs(every_s)));
            let refused = read(trickle, bytes_max, &unbounded()).await.unwrap_err();
            assert_eq!(refused, expected, "{bytes} every {every_s} s");
            assert_eq!(
                began.elapsed().as_secs(),
                after_s,
                "{bytes} every {every_s} s"
            );
        }
    }

    #[tokio::test]
    async fn what_is_not_small_is_counted_and_refused() {
        let budget = Budget::new(6 * BUFFER_BYTES_COUNTED);
        let of = |bytes: usize| Body::from(vec![7; bytes]);
        let read = |bytes| read(of(bytes), usize::MAX, &budget);
        let small = read(BUFFER_BYTES_COUNTED - 1).await.unwrap();
        assert_eq!(budget.bytes(), 0);
        let (_, first) = read(BUFFER_BYTES_COUNTED).await.unwrap().apart();
        let second = read(BUFFER_BYTES_COUNTED).await.unwrap().kept();
        assert_eq!(budget.bytes(), 2 * BUFFER_BYTES_COUNTED);
        let refused = read(BUFFER_BYTES_COUNTED).await.unwrap_err();
        assert_eq!(refused, BodyRefused::NoMemory);
        assert!(read(100).await.is_ok());
        drop((small, first, second));
        assert_eq!(budget.bytes(), 0);
        assert!(read(BUFFER_BYTES_COUNTED).await.is_ok());
    }
}
