//! Results for people: on the terminal while and after a run, and as a page with charts.

mod markdown;
mod progress;
mod table;

mod chart;
pub(crate) mod html;

pub(crate) use markdown::markdown;
pub(crate) use progress::Progress;
pub(crate) use table::{comparison_table, count, run_line, table};
