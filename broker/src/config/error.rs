//! Why a configuration is refused.

use super::nearest::nearest;
use std::io;
use std::path::Path;

/// A refusal, in one line that says what to change.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The configuration file cannot be read.
    #[error("cannot read the configuration file `{path}`: {reason}")]
    Unreadable {
        /// The file.
        path: String,
        /// Why.
        reason: io::Error,
    },
    /// The configuration file is not TOML, or a value in it is of another type.
    #[error("`{path}` line {line}: {reason}")]
    Malformed {
        /// The file.
        path: String,
        /// Where, counted from 1.
        line: usize,
        /// What is wrong there.
        reason: String,
    },
    /// A key that no setting has.
    #[error("`{path}`: there is no setting `{key}`: did you mean `{nearest}`?")]
    UnknownKey {
        /// The file.
        path: String,
        /// The key, with its table.
        key: String,
        /// The setting that is spelled most like it.
        nearest: String,
    },
    /// A value that cannot be meant.
    #[error("{0}")]
    Invalid(String),
}

impl ConfigError {
    pub(super) fn account_id(given: &str) -> Self {
        Self::Invalid(format!(
            "`account-id` is `{given}`: it must be twelve digits, such as 000000000000"
        ))
    }

    pub(super) fn region(given: &str) -> Self {
        Self::Invalid(format!(
            "`region` is `{given}`: it must be the name of an AWS region, such as us-east-1"
        ))
    }

    pub(super) fn hostname(given: &str) -> Self {
        Self::Invalid(format!(
            "`hostname` is `{given}`: it must be a DNS name or an address, such as localhost"
        ))
    }

    pub(super) fn no_such_rule(given: &str) -> Self {
        let known = mqtt::profile::SETTINGS
            .iter()
            .map(|name| name.replace('_', "-"));
        let known: Vec<String> = known.collect();
        let nearest = nearest(given, &known).unwrap_or_default();
        Self::Invalid(format!(
            "`mqtt` names `{given}`, and the profiles have no such setting: did you mean `{nearest}`?"
        ))
    }

    pub(super) fn rule_value(name: &str, value: &str, form: &str) -> Self {
        Self::Invalid(format!(
            "`mqtt` sets `{name}` to `{value}`: it must be {form}"
        ))
    }

    pub(super) fn credentials_missing() -> Self {
        Self::Invalid(
            "`auth` is verify, and there are no keys to verify signatures with: name a file with \
             --credentials, such as ~/.aws/credentials"
                .to_owned(),
        )
    }

    pub(super) fn credentials_unused(file: &Path) -> Self {
        Self::Invalid(format!(
            "`credentials` is `{}`, and no signature is verified with it: add --auth verify",
            file.display()
        ))
    }

    pub(super) fn half(given: &'static str, file: &Path, other: &'static str) -> Self {
        Self::Invalid(format!(
            "`{given}` is `{}`, and a certificate goes with its key: name the other file with {other}",
            file.display()
        ))
    }

    pub(super) fn wildcard(given: &str) -> Self {
        Self::Invalid(format!(
            "the first `hostname` is `{given}`: clients are told to connect to it, so name a \
             host without a wildcard before it"
        ))
    }
}
