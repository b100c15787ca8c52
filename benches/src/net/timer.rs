//! Waking up on time: a poll counts in milliseconds, which is too coarse for a paced load.

#[cfg(target_os = "linux")]
mod fine {
    use mio::unix::SourceFd;
    use mio::{Interest, Registry, Token};
    use nix::sys::time::TimeSpec;
    use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
    use std::io;
    use std::os::fd::{AsFd, AsRawFd};
    use std::time::Duration;

    /// A timer that ends a poll. It is edge-triggered, so that nobody has to read it.
    pub(in crate::net) struct Timer {
        timer: TimerFd,
        registered: bool,
    }

    impl Timer {
        pub(in crate::net) fn new() -> io::Result<Self> {
            let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
            Ok(Timer {
                timer: TimerFd::new(ClockId::CLOCK_MONOTONIC, flags)?,
                registered: false,
            })
        }

        /// Lets the next poll end after `wait`, and returns how long it may take at most.
        pub(in crate::net) fn arm(
            &mut self,
            registry: &Registry,
            token: Token,
            wait: Duration,
        ) -> io::Result<Duration> {
            if !self.registered {
                let fd = self.timer.as_fd().as_raw_fd();
                registry.register(&mut SourceFd(&fd), token, Interest::READABLE)?;
                self.registered = true;
            }
            let expiration = Expiration::OneShot(TimeSpec::from(wait));
            self.timer.set(expiration, TimerSetTimeFlags::empty())?;
            Ok(wait + Duration::from_millis(20))
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod fine {
    use mio::{Registry, Token};
    use std::io;
    use std::time::Duration;

    /// Where polls count in nanoseconds there is nothing to do.
    pub(in crate::net) struct Timer;

    impl Timer {
        pub(in crate::net) fn new() -> io::Result<Self> {
            Ok(Timer)
        }

        pub(in crate::net) fn arm(
            &mut self,
            _registry: &Registry,
            _token: Token,
            wait: Duration,
        ) -> io::Result<Duration> {
            Ok(wait)
        }
    }
}

pub(super) use fine::Timer;
