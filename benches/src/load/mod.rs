//! The loads: which clients there are, what they send, and how each delivery is accounted for.

mod plan;
mod run;

mod connections;
mod retained;

mod flow;
mod receiving;
mod sending;

mod churn;
mod client;
mod course;
mod error;
mod ledger;
mod opener;
mod pace;
mod troubles;

pub(crate) use client::ClientSettings;
pub(crate) use connections::{ConnectionOutcome, ConnectionSettings, run_connections};
pub(crate) use course::{Sample, Watch};
pub(crate) use flow::FlowSettings;
pub(crate) use ledger::Totals;
pub(crate) use plan::{Plan, Subscriber};
pub(crate) use retained::{RetainedOutcome, RetainedSettings, run_retained};
pub(crate) use run::{FlowOutcome, StalledReaders, run_flow};
