//! What a function printed: a bounded log of lines.

use parking_lot::Mutex;
use serde::Serialize;
use std::collections::VecDeque;
use std::time::{SystemTime, UNIX_EPOCH};

/// Lines kept per function.
const LINES_MAX: usize = 2000;
/// Bytes kept of one line.
const LINE_BYTES_MAX: usize = 16 * 1024;

/// Where a line came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Stream {
    /// The handler's standard output.
    Stdout,
    /// The handler's standard error.
    Stderr,
    /// The platform: START, END, REPORT, crashes.
    Platform,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Line {
    /// Counts from 1 without gaps, so that a reader can go on where it stopped.
    pub(crate) seq: u64,
    /// Milliseconds since the epoch.
    pub(crate) time_ms: u64,
    /// Where it came from.
    pub(crate) stream: Stream,
    /// The text without the line end.
    pub(crate) text: String,
}

/// The newest lines of one function.
#[derive(Debug, Default)]
pub(crate) struct Log {
    lines: Mutex<(u64, VecDeque<Line>)>,
}

impl Log {
    /// Appends a line; the oldest goes when there are too many.
    pub(crate) fn push(&self, stream: Stream, mut text: String) {
        if text.len() > LINE_BYTES_MAX {
            let end = (0..=LINE_BYTES_MAX)
                .rev()
                .find(|&i| text.is_char_boundary(i));
            text.truncate(end.unwrap_or(0));
        }
        let mut guard = self.lines.lock();
        let (seq, lines) = &mut *guard;
        *seq += 1;
        lines.push_back(Line {
            seq: *seq,
            time_ms: now_ms(),
            stream,
            text,
        });
        if lines.len() > LINES_MAX {
            lines.pop_front();
        }
    }

    /// The lines after `after`, oldest first, at most `limit`.
    pub(crate) fn after(&self, after: u64, limit: usize) -> Vec<Line> {
        let guard = self.lines.lock();
        guard
            .1
            .iter()
            .filter(|line| line.seq > after)
            .take(limit)
            .cloned()
            .collect()
    }

    /// The end of the log as text, at most `bytes`: what `X-Amz-Log-Type: Tail` returns.
    pub(crate) fn tail(&self, bytes: usize) -> String {
        let guard = self.lines.lock();
        let mut kept: VecDeque<&str> = VecDeque::new();
        let mut size = 0;
        for line in guard.1.iter().rev() {
            size += line.text.len() + 1;
            if size > bytes {
                break;
            }
            kept.push_front(&line.text);
        }
        kept.into_iter().flat_map(|line| [line, "\n"]).collect()
    }
}

/// The real time: it goes into log lines and into deadlines, which handlers compare with theirs.
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
