//! The stream under HTTP: what bounds the memory and the time of clients that do not come to the
//! end of a request, or do not take its answer.

use super::turns::{Turn, Turns};
use crate::body::time_for;
use crate::budget::{Budget, Claim, Held};
use parking_lot::Mutex;
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

/// How many connections wait for a request at a time; with one more, the one that has waited
/// longest ends, as it would a little later anyway.
pub(super) const WAITING_MAX: usize = 16_384;

/// How long a client may take for the head of a request, and between two requests.
const HEAD: Duration = Duration::from_secs(60);

/// How long an answer may wait for its reader, who has more time for what it takes meanwhile.
const PATIENCE: Duration = Duration::from_secs(60);

/// A stream that ends when its client stalls, or when there is no memory for the head of its
/// request.
#[derive(Debug)]
pub(super) struct HttpStream<T> {
    stream: T,
    heads: Arc<Heads>,
    blocked: Option<Blocked>,
}

/// The heads of one connection's requests, one after the other: hyper keeps what has come of one
/// and does not say how much that is.
#[derive(Debug)]
pub(super) struct Heads {
    turns: Arc<Turns>,
    budget: Arc<Budget>,
    phase: Mutex<Phase>,
}

#[derive(Debug)]
enum Phase {
    /// So much of a head has come.
    Waiting {
        turn: Turn,
        /// Until when it may take; begins when the connection is next looked at, as this may be
        /// made where there is no runtime.
        timer: Option<Pin<Box<Sleep>>>,
        bytes: usize,
        held: Held,
    },
    /// A request is being answered.
    Answering,
    /// The connection has to end.
    Over,
}

/// A request is being answered for as long as this is there.
#[derive(Debug)]
pub(super) struct Answering(Arc<Heads>);

/// Output that its reader does not take.
#[derive(Debug)]
struct Blocked {
    since: Instant,
    taken: u64,
    timer: Pin<Box<Sleep>>,
}

impl Heads {
    pub(super) fn new(turns: &Arc<Turns>, budget: &Arc<Budget>) -> Arc<Self> {
        Arc::new(Self {
            turns: Arc::clone(turns),
            budget: Arc::clone(budget),
            phase: Mutex::new(Phase::waiting(turns, budget)),
        })
    }

    /// A head is whole; what counts it, and what is to be held until the answer has been given.
    pub(super) fn whole(self: &Arc<Self>) -> (Held, Answering) {
        let held = match std::mem::replace(&mut *self.phase.lock(), Phase::Answering) {
            Phase::Waiting { held, .. } => held,
            Phase::Answering | Phase::Over => Held::of_http(&self.budget),
        };
        (held, Answering(Arc::clone(self)))
    }

    /// Whether the connection may wait no longer, and why not.
    fn over(&self, cx: &mut Context<'_>) -> Option<&'static str> {
        let mut phase = self.phase.lock();
        let why = match &mut *phase {
            Phase::Waiting {
                turn, timer, held, ..
            } => {
                // Before the first read it is not known whether it brings the end of the head.
                if held.is_counted() && self.budget.refuses(Claim::Request) {
                    "no memory for the head of a request"
                } else if turn.is_over(cx) {
                    "too many connections wait for requests, and this one waited longest"
                } else if begun(timer).poll(cx).is_ready() {
                    "no whole head of a request came"
                } else {
                    return None;
                }
            }
            Phase::Answering => return None,
            Phase::Over => "it is over",
        };
        *phase = Phase::Over;
        Some(why)
    }

    /// So many bytes have come.
    fn read(&self, more: usize) {
        if let Phase::Waiting { bytes, held, .. } = &mut *self.phase.lock() {
            *bytes += more;
            held.buffer(*bytes);
        }
    }
}

fn begun(timer: &mut Option<Pin<Box<Sleep>>>) -> Pin<&mut Sleep> {
    let timer = timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(HEAD)));
    timer.as_mut()
}

impl Phase {
    fn waiting(turns: &Arc<Turns>, budget: &Arc<Budget>) -> Self {
        Self::Waiting {
            turn: turns.take(),
            timer: None,
            bytes: 0,
            held: Held::of_http(budget),
        }
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        let heads = &self.0;
        let waiting = Phase::waiting(&heads.turns, &heads.budget);
        *heads.phase.lock() = waiting;
    }
}

impl<T> HttpStream<T> {
    pub(super) fn new(stream: T, heads: &Arc<Heads>) -> Self {
        Self {
            stream,
            heads: Arc::clone(heads),
            blocked: None,
        }
    }

    /// The stream below.
    pub(super) fn into_inner(self) -> T {
        self.stream
    }

    /// Passes on how writing went, unless it has gone nowhere for too long. `taken` says how much
    /// the stream took, or that nothing waits in it any more.
    fn written<R>(
        &mut self,
        outcome: Poll<io::Result<R>>,
        taken: impl FnOnce(&R) -> Option<usize>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<R>> {
        match outcome {
            Poll::Ready(Ok(done)) => {
                match (taken(&done), &mut self.blocked) {
                    (Some(bytes), Some(blocked)) => blocked.taken += bytes as u64,
                    (None, blocked) => *blocked = None,
                    (Some(_), None) => {}
                }
                Poll::Ready(Ok(done))
            }
            Poll::Pending if self.is_stalled(cx) => {
                let why = "the answer is not read";
                Poll::Ready(Err(io::Error::new(ErrorKind::TimedOut, why)))
            }
            Poll::Pending | Poll::Ready(Err(_)) => outcome,
        }
    }

    fn is_stalled(&mut self, cx: &mut Context<'_>) -> bool {
        let blocked = self.blocked.get_or_insert_with(|| {
            let since = Instant::now();
            let timer = Box::pin(sleep_until(since + PATIENCE));
            Blocked {
                since,
                taken: 0,
                timer,
            }
        });
        let deadline = blocked.since + time_for(PATIENCE, blocked.taken);
        if blocked.timer.deadline() != deadline {
            blocked.timer.as_mut().reset(deadline);
        }
        blocked.timer.as_mut().poll(cx).is_ready()
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for HttpStream<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Some(why) = self.heads.over(cx) {
            tracing::debug!(why, "HTTP connection ends");
            // As if the client had closed its side: what is still to be written is.
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        let outcome = Pin::new(&mut self.stream).poll_read(cx, buffer);
        self.heads.read(buffer.filled().len() - before);
        outcome
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for HttpStream<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.written(outcome, |taken| Some(*taken), cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(cx, pieces);
        self.written(outcome, |taken| Some(*taken), cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.stream).poll_flush(cx);
        self.written(outcome, |()| None, cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.written(outcome, |()| None, cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::budget::BUFFER_BYTES_COUNTED;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

    struct Case {
        turns: Arc<Turns>,
        budget: Arc<Budget>,
    }

    impl Case {
        fn new() -> Self {
            Self {
                turns: Turns::new(2),
                budget: Budget::new(4 * BUFFER_BYTES_COUNTED),
            }
        }

        fn open(&self) -> (HttpStream<DuplexStream>, DuplexStream, Arc<Heads>) {
            let (ours, theirs) = duplex(4 * BUFFER_BYTES_COUNTED);
            let heads = Heads::new(&self.turns, &self.budget);
            (HttpStream::new(ours, &heads), theirs, heads)
        }
    }

    async fn kind<R>(outcome: impl Future<Output = io::Result<R>>) -> Option<ErrorKind> {
        outcome.await.err().map(|error| error.kind())
    }

    #[tokio::test]
    async fn who_has_waited_longest_gives_way_and_who_is_answered_does_not() {
        let case = Case::new();
        let (mut answered, mut client, heads) = case.open();
        let (_, answering) = heads.whole();
        let (mut second, _second_client, _) = case.open();
        let (mut third, mut third_client, _) = case.open();
        let (_fourth, _fourth_client, _) = case.open();
        let mut buffer = [0; 1];
        for _ in 0..2 {
            assert_eq!(second.read(&mut buffer).await.unwrap(), 0);
        }
        for (stream, client) in [
            (&mut answered, &mut client),
            (&mut third, &mut third_client),
        ] {
            client.write_all(b"x").await.unwrap();
            assert_eq!(stream.read(&mut buffer).await.unwrap(), 1);
        }
        // From now on it waits as well, and the third has waited longer.
        drop(answering);
        assert_eq!(third.read(&mut buffer).await.unwrap(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_has_its_time_from_the_end_of_the_answer_before_it() {
        let case = Case::new();
        let (mut stream, mut client, heads) = case.open();
        let (_, answering) = heads.whole();
        tokio::time::sleep(3 * HEAD).await;
        drop(answering);
        let began = Instant::now();
        let trickle = async {
            while client.write_all(b"x").await.is_ok() {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        };
        let read = async {
            stream.read_to_end(&mut Vec::new()).await.unwrap();
            let took = began.elapsed();
            drop(stream);
            took
        };
        let (took, ()) = tokio::join!(read, trickle);
        assert_eq!(took, HEAD);
    }

    #[tokio::test]
    async fn the_head_of_a_request_is_counted_until_it_is_answered() {
        let case = Case::new();
        let (mut stream, mut client, heads) = case.open();
        let mut buffer = vec![0; BUFFER_BYTES_COUNTED];
        client.write_all(&buffer).await.unwrap();
        stream.read_exact(&mut buffer).await.unwrap();
        assert_eq!(case.budget.bytes(), BUFFER_BYTES_COUNTED);
        let (head, answering) = heads.whole();
        // The body is counted by who reads it.
        client.write_all(&buffer).await.unwrap();
        stream.read_exact(&mut buffer).await.unwrap();
        assert_eq!(case.budget.bytes(), BUFFER_BYTES_COUNTED);
        drop((head, answering));
        assert_eq!(case.budget.bytes(), 0);
        for _ in 0..2 {
            client.write_all(&buffer).await.unwrap();
            stream.read_exact(&mut buffer).await.unwrap();
        }
        assert_eq!(stream.read(&mut buffer).await.unwrap(), 0);
        assert_eq!(case.budget.bytes(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_nobody_reads_is_given_up_and_a_slow_one_is_not() {
        let case = Case::new();
        let began = Instant::now();
        let (mut stream, mut client, _) = case.open();
        let answer = vec![0; 600_000];
        let stalled = kind(stream.write_all(&answer)).await;
        assert_eq!(stalled, Some(ErrorKind::TimedOut));
        // What the pipe took without being blocked gives no time.
        assert_eq!(began.elapsed(), PATIENCE);
        drop(stream);
        let mut scrap = Vec::new();
        client.read_to_end(&mut scrap).await.unwrap();

        let (mut stream, mut client, _) = case.open();
        let reading = async {
            let (mut left, mut piece) = (answer.len(), vec![0; 5000]);
            while left > 0 {
                tokio::time::sleep(Duration::from_secs(1)).await;
                left -= client.read(&mut piece).await.unwrap();
            }
        };
        let (written, ()) = tokio::join!(stream.write_all(&answer), reading);
        written.unwrap();
        assert!(began.elapsed() >= 3 * PATIENCE);
    }
}
