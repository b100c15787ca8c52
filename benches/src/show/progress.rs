//! The progress bar, on a terminal only.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{IsTerminal, Write, stderr};

const STEPS: u64 = 1000;

/// Progress of a run on standard error; silent if that is no terminal.
pub(crate) struct Progress {
    bar: ProgressBar,
}

impl Progress {
    pub(crate) fn new(quiet: bool) -> Self {
        let target = if quiet || !stderr().is_terminal() {
            ProgressDrawTarget::hidden()
        } else {
            ProgressDrawTarget::stderr()
        };
        let bar = ProgressBar::with_draw_target(Some(STEPS), target);
        if let Ok(style) = ProgressStyle::with_template("{prefix} [{bar:30}] {msg}") {
            bar.set_style(style);
        }
        Progress { bar }
    }

    /// Names what is run.
    pub(crate) fn begin(&self, name: &str) {
        self.bar.set_prefix(name.to_owned());
        self.bar.set_position(0);
    }

    pub(crate) fn say(&self, what: &'static str) {
        self.bar.set_message(what);
        self.bar.tick();
    }

    /// Shows how much is done, as a share, and how fast it goes.
    pub(crate) fn advance(&self, done: f64, per_s: f64) {
        self.bar.set_position((done * STEPS as f64) as u64);
        self.bar.set_message(format!("{per_s:.0}/s"));
    }

    /// Writes a line that stays.
    pub(crate) fn line(&self, text: &str) {
        if self.bar.is_hidden() {
            // Whoever closed standard error does not want to know.
            let _ = writeln!(stderr(), "{text}");
        } else {
            self.bar.println(text);
        }
    }

    pub(crate) fn clear(&self) {
        self.bar.finish_and_clear();
        self.bar.reset();
    }
}
