//! Topic rule destinations: addresses whose owner agreed to get what rules send (developer guide,
//! "HTTP action destinations", "Managing VPC destinations").

use crate::page::rows_after;
use crate::plane::Change;
use crate::registry::set;
use crate::state::State;
use crate::store::{Batch, Document};
use crate::{Page, Things, ThingsError};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use uuid::Uuid;

/// AWS General Reference, "AWS IoT Core rules engine limits and quotas".
const DESTINATIONS_MAX: usize = 1000;

/// What a destination may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum DestinationStatus {
    /// It waits to be confirmed.
    InProgress,
    /// Actions may send to it.
    Enabled,
    /// It was switched off.
    Disabled,
    /// It could not be confirmed.
    Error,
}

impl DestinationStatus {
    /// The word of the API.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::InProgress => "IN_PROGRESS",
            Self::Enabled => "ENABLED",
            Self::Disabled => "DISABLED",
            Self::Error => "ERROR",
        }
    }
}

/// A topic rule destination.
#[derive(Clone, Debug, PartialEq)]
pub struct TopicRuleDestination {
    /// Its ARN.
    pub arn: String,
    /// The member of `destinationConfiguration` that describes it (`httpUrlConfiguration`).
    pub kind: String,
    /// What is in that member.
    pub configuration: Value,
    /// What it may be used for.
    pub status: DestinationStatus,
    /// Why it has that status.
    pub status_reason: Option<String>,
    /// When it was created.
    pub created_ms: u64,
    /// When its status changed.
    pub updated_ms: u64,
    /// What confirms it.
    pub token: String,
}

/// A destination as it is stored, under the end of its ARN (`http/ID`).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct DestinationDocument {
    kind: String,
    configuration: Value,
    status: DestinationStatus,
    status_reason: Option<String>,
    created_ms: u64,
    updated_ms: u64,
    token: String,
}

/// All destinations.
#[derive(Debug, Default)]
pub(crate) struct Destinations {
    by_key: BTreeMap<String, DestinationDocument>,
}

impl Document for DestinationDocument {
    const TABLE: &'static str = "destination";

    fn place(state: &mut State, key: &str, document: Option<Self>) {
        set(&mut state.destinations.by_key, key, document);
    }
}

/// The kinds: their members in the API and in their ARNs.
const KINDS: [(&str, &str); 3] = [
    ("httpUrlConfiguration", "http"),
    ("vpcConfiguration", "vpc"),
    ("influxDBConfiguration", "influxdb"),
];

impl Things {
    /// CreateTopicRuleDestination. Of HTTP destinations the owner is asked to confirm
    /// (`Change::Destination`); others are enabled at once, since nothing here can ask them.
    ///
    /// # Errors
    /// InvalidRequest, ResourceAlreadyExists for an address that has a destination,
    /// LimitExceeded.
    pub fn create_destination(
        &self,
        configuration: &Value,
        now_ms: u64,
    ) -> Result<TopicRuleDestination, ThingsError> {
        let given = configuration.as_object();
        let mut given = given
            .into_iter()
            .flatten()
            .filter(|(_, value)| !value.is_null());
        let (Some((kind, inner)), None) = (given.next(), given.next()) else {
            return Err(invalid("destinationConfiguration must have one member"));
        };
        let Some((_, label)) = KINDS.iter().find(|(known, _)| known == kind) else {
            return Err(invalid(&format!("`{kind}` is no kind of destination")));
        };
        let key = format!("{label}/{}", Uuid::new_v4());
        self.change(|state, batch| {
            let destinations = &state.destinations.by_key;
            let same =
                |known: &&DestinationDocument| known.kind == *kind && known.configuration == *inner;
            if destinations.values().find(same).is_some() {
                return Err(ThingsError::ResourceAlreadyExists {
                    message: "A destination with this configuration already exists".to_owned(),
                    id: None,
                    arn: None,
                });
            }
            if destinations.len() >= DESTINATIONS_MAX {
                let message = format!("an account has at most {DESTINATIONS_MAX} destinations");
                return Err(ThingsError::LimitExceeded(message));
            }
            let status = match *label {
                "http" => DestinationStatus::InProgress,
                _ => DestinationStatus::Enabled,
            };
            let document = DestinationDocument {
                kind: kind.clone(),
                configuration: inner.clone(),
                status,
                status_reason: None,
                created_ms: now_ms,
                updated_ms: now_ms,
                token: format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple()),
            };
            let shown = self.destination_shown(&key, &document);
            batch.put(&key, document);
            if status == DestinationStatus::InProgress {
                batch.tell(asked(&shown));
            }
            Ok(shown)
        })
    }

    /// GetTopicRuleDestination.
    ///
    /// # Errors
    /// Unauthorized for an unknown one, as AWS has it for rules.
    pub fn destination(&self, arn: &str) -> Result<TopicRuleDestination, ThingsError> {
        let state = self.state();
        let (key, document) = find(&state, arn)?;
        Ok(self.destination_shown(key, document))
    }

    /// ListTopicRuleDestinations.
    pub fn list_destinations(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> Page<TopicRuleDestination> {
        let state = self.state();
        let rows = rows_after(&state.destinations.by_key, after)
            .map(|(key, document)| (key.clone(), self.destination_shown(key, document)));
        Page::take(rows, limit)
    }

    /// The destination of this confirmation URL.
    pub fn http_destination(&self, confirmation_url: &str) -> Option<TopicRuleDestination> {
        let state = self.state();
        let mut known = state.destinations.by_key.iter();
        let found = known.find(|(_, document)| {
            document.kind == "httpUrlConfiguration"
                && document.configuration["confirmationUrl"] == confirmation_url
        });
        found.map(|(key, document)| self.destination_shown(key, document))
    }

    /// UpdateTopicRuleDestination: between ENABLED and DISABLED, and back to IN_PROGRESS, which
    /// asks the owner again.
    ///
    /// # Errors
    /// Unauthorized for an unknown one, InvalidRequest for another transition.
    pub fn update_destination(
        &self,
        arn: &str,
        status: &str,
        now_ms: u64,
    ) -> Result<(), ThingsError> {
        use DestinationStatus::{Disabled, Enabled, InProgress};
        self.change(|state, batch| {
            let (key, known) = find(state, arn)?;
            let status = match (known.status, status) {
                (Enabled | Disabled, "ENABLED") => Enabled,
                (Enabled | Disabled, "DISABLED") => Disabled,
                (_, "IN_PROGRESS") => InProgress,
                (from, to) => {
                    let from = from.name();
                    return Err(invalid(&format!(
                        "a destination that is {from} cannot become {to}: set it to IN_PROGRESS \
                         to have it confirmed"
                    )));
                }
            };
            let mut document = known.changed(status, None, now_ms);
            if status == InProgress && known.kind == "httpUrlConfiguration" {
                document.token = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
                batch.tell(asked(&self.destination_shown(key, &document)));
            } else if status == InProgress {
                document.status = Enabled;
            }
            batch.put(key, document);
            Ok(())
        })
    }

    /// ConfirmTopicRuleDestination: enables what waits for the token. Doing it twice is fine.
    ///
    /// # Errors
    /// InvalidRequest for an unknown token.
    pub fn confirm_destination(&self, token: &str, now_ms: u64) -> Result<(), ThingsError> {
        self.change(|state, batch| {
            let mut known = state.destinations.by_key.iter();
            let (key, document) = known
                .find(|(_, document)| document.token == token)
                .ok_or_else(|| invalid("no destination waits for this confirmation token"))?;
            settle(batch, key, document, |document| {
                document.changed(DestinationStatus::Enabled, None, now_ms)
            });
            Ok(())
        })
    }

    /// Notes that an owner could not be asked, unless he has confirmed meanwhile.
    ///
    /// # Errors
    /// Unauthorized for an unknown one.
    pub fn destination_failed(
        &self,
        arn: &str,
        reason: &str,
        now_ms: u64,
    ) -> Result<(), ThingsError> {
        self.change(|state, batch| {
            let (key, document) = find(state, arn)?;
            settle(batch, key, document, |document| {
                let reason = Some(reason.to_owned());
                document.changed(DestinationStatus::Error, reason, now_ms)
            });
            Ok(())
        })
    }

    /// DeleteTopicRuleDestination.
    ///
    /// # Errors
    /// Unauthorized for an unknown one.
    pub fn delete_destination(&self, arn: &str) -> Result<(), ThingsError> {
        self.change(|state, batch| {
            let (key, _) = find(state, arn)?;
            batch.remove::<DestinationDocument>(key);
            Ok(())
        })
    }

    fn destination_shown(&self, key: &str, document: &DestinationDocument) -> TopicRuleDestination {
        let DestinationDocument {
            kind,
            configuration,
            status,
            status_reason,
            created_ms,
            updated_ms,
            token,
        } = document.clone();
        TopicRuleDestination {
            arn: self.place().iot(format_args!("ruledestination/{key}")),
            kind,
            configuration,
            status,
            status_reason,
            created_ms,
            updated_ms,
            token,
        }
    }
}

impl DestinationDocument {
    fn changed(&self, status: DestinationStatus, reason: Option<String>, now_ms: u64) -> Self {
        Self {
            status,
            status_reason: reason,
            updated_ms: now_ms,
            ..self.clone()
        }
    }
}

/// Makes a change if the destination still waits for its owner.
fn settle(
    batch: &mut Batch,
    key: &str,
    document: &DestinationDocument,
    changed: impl FnOnce(&DestinationDocument) -> DestinationDocument,
) {
    if document.status == DestinationStatus::InProgress {
        batch.put(key, changed(document));
    }
}

fn asked(destination: &TopicRuleDestination) -> Change {
    Change::Destination {
        arn: destination.arn.as_str().into(),
    }
}

fn find<'s>(
    state: &'s State,
    arn: &str,
) -> Result<(&'s str, &'s DestinationDocument), ThingsError> {
    let key = arn.split_once(":ruledestination/").map(|(_, key)| key);
    let found = key.and_then(|key| state.destinations.by_key.get_key_value(key));
    found
        .map(|(key, document)| (key.as_str(), document))
        .ok_or_else(|| {
            ThingsError::Unauthorized(format!(
                "Access to topic rule destination '{arn}' was denied"
            ))
        })
}

fn invalid(why: &str) -> ThingsError {
    ThingsError::InvalidRequest(why.to_owned())
}
