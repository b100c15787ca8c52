//! The threads of the data plane, each with a current-thread runtime of its own. A connection
//! stays on the shard that it was given to.

use std::io;
use std::thread::JoinHandle;
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

/// The shards of one server.
pub(crate) struct Shards {
    shards: Vec<Shard>,
}

struct Shard {
    runtime: Handle,
    /// Dropped to end the thread.
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Shards {
    /// Starts so many threads.
    pub(crate) fn start(count: usize) -> io::Result<Self> {
        let shards = (0..count.max(1))
            .map(Shard::start)
            .collect::<io::Result<_>>()?;
        Ok(Self { shards })
    }

    /// The first shard, which accepts connections.
    pub(crate) fn first(&self) -> &Handle {
        &self.shards[0].runtime
    }

    /// All of them.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Handle> {
        self.shards.iter().map(|shard| &shard.runtime)
    }
}

impl Shard {
    fn start(number: usize) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = std::thread::Builder::new()
            .name(format!("shard-{number}"))
            .spawn(move || {
                // The sender is dropped, never used.
                let _ = runtime.block_on(stopped);
                // Connections end with the runtime.
                runtime.shutdown_background();
            })?;
        Ok(Self {
            runtime: handle,
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl Drop for Shard {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("a shard panicked");
        }
    }
}
