//! What goes wrong in a load: the end of it before all clients are ready, part of its report after.

use super::client::ClientSettings;
use super::error::LoadError;
use crate::net::NetError;
use std::fmt::Display;

/// Errors that are kept; more of them say nothing new.
const ERRORS_MAX: usize = 8;

/// The errors of a load.
#[derive(Default)]
pub(super) struct Troubles {
    /// Whether all clients are ready.
    pub(super) under_way: bool,
    pub(super) errors: Vec<String>,
    failure: Option<LoadError>,
}

impl Troubles {
    pub(super) fn report(&mut self, error: String) {
        if self.errors.len() < ERRORS_MAX {
            self.errors.push(error);
        }
    }

    pub(super) fn fail(&mut self, failure: impl Into<LoadError>) {
        let failure = failure.into();
        if self.under_way {
            self.report(failure.to_string());
        } else {
            self.failure.get_or_insert(failure);
        }
    }

    /// A client has lost its connection.
    pub(super) fn lost(&mut self, client: &ClientSettings, name: impl Display, why: NetError) {
        self.fail(LoadError::lost(client.client_id(name), why, self.under_way));
    }

    /// The broker has ended a client's connection by a packet that says why.
    pub(super) fn disconnected(&mut self, client: &ClientSettings, name: impl Display, reason: u8) {
        let client = client.client_id(name);
        self.report(format!(
            "{client}: the broker sent DISCONNECT {reason:#04x}"
        ));
    }

    /// The error that ends the load, if there is one.
    pub(super) fn check(&mut self) -> Result<(), LoadError> {
        self.failure.take().map_or(Ok(()), Err)
    }
}
