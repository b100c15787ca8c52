//! Domain configurations: names under which devices reach the endpoints, and how.

use crate::page::rows_after;
use crate::registry::{Tags, TagsDocument, put_tags, set};
use crate::state::State;
use crate::store::Document;
use crate::{Page, Things, ThingsError};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

/// A domain configuration as DescribeDomainConfiguration shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct DomainConfiguration {
    /// Domain configuration name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// Whether it is in use.
    pub enabled: bool,
    /// When that last changed.
    pub status_changed_ms: u64,
    /// The other members as they were given, under their API names: `domainName`,
    /// `serverCertificateArns`, `authorizerConfig`, `serviceType`, `tlsConfig` and so on.
    pub members: Map<String, Value>,
}

/// What UpdateDomainConfiguration is given.
#[derive(Clone, Debug, Default)]
pub struct DomainConfigurationUpdate {
    /// Domain configuration name.
    pub name: String,
    /// Whether it is in use; `None` leaves it.
    pub enabled: Option<bool>,
    /// Takes `authorizerConfig` away.
    pub remove_authorizer: bool,
    /// Members in place of those that are there.
    pub members: Map<String, Value>,
}

/// A domain configuration as it is stored.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct DomainConfigurationDocument {
    id: String,
    pub(super) enabled: bool,
    status_changed_ms: u64,
    pub(super) members: Map<String, Value>,
}

impl Document for DomainConfigurationDocument {
    const TABLE: &'static str = "domain-configuration";

    fn place(state: &mut State, key: &str, document: Option<Self>) {
        set(&mut state.account.domain_configurations, key, document);
    }
}

impl Things {
    /// CreateDomainConfiguration; it is in use from the start.
    ///
    /// # Errors
    /// ResourceAlreadyExists, InvalidRequest (a second configuration for one domain).
    pub fn create_domain_configuration(
        &self,
        name: &str,
        members: &Map<String, Value>,
        tags: &Tags,
        now_ms: u64,
    ) -> Result<DomainConfiguration, ThingsError> {
        self.change(|state, batch| {
            let all = &state.account.domain_configurations;
            if let Some(there) = all.get(name) {
                return Err(ThingsError::ResourceAlreadyExists {
                    message: "Domain configuration with given name already exists.".to_owned(),
                    id: Some(name.to_owned()),
                    arn: Some(self.domain_configuration_arn(name, there)),
                });
            }
            let domain = members.get("domainName");
            let same = |document: &DomainConfigurationDocument| {
                domain.is_some() && document.members.get("domainName") == domain
            };
            if let Some((other, _)) = all.iter().find(|(_, document)| same(document)) {
                return Err(ThingsError::InvalidRequest(format!(
                    "the domain is in the domain configuration {other} already: delete that one first"
                )));
            }
            let id = Uuid::new_v4().simple().to_string();
            let document = DomainConfigurationDocument {
                id: id[..5].to_owned(),
                enabled: true,
                status_changed_ms: now_ms,
                members: members.clone(),
            };
            let resource = format!("domainconfiguration/{name}/{}", document.id);
            let shown = self.domain_configuration_shown(name, &document);
            batch.put(name, document);
            put_tags(batch, resource, tags)?;
            Ok(shown)
        })
    }

    /// DescribeDomainConfiguration.
    ///
    /// # Errors
    /// ResourceNotFound.
    pub fn domain_configuration(&self, name: &str) -> Result<DomainConfiguration, ThingsError> {
        let state = self.state();
        find(&state, name).map(|document| self.domain_configuration_shown(name, document))
    }

    /// ListDomainConfigurations, in order of name.
    pub fn list_domain_configurations(
        &self,
        service_type: Option<&str>,
        after: Option<&str>,
        limit: usize,
    ) -> Page<DomainConfiguration> {
        let state = self.state();
        let of_type = |document: &DomainConfigurationDocument| {
            let found = document.members.get("serviceType").and_then(Value::as_str);
            service_type.is_none_or(|wanted| found.unwrap_or("DATA") == wanted)
        };
        let rows = rows_after(&state.account.domain_configurations, after)
            .filter(|(_, document)| of_type(document))
            .map(|(name, document)| {
                (
                    name.clone(),
                    self.domain_configuration_shown(name, document),
                )
            });
        Page::take(rows, limit)
    }

    /// UpdateDomainConfiguration.
    ///
    /// # Errors
    /// ResourceNotFound.
    pub fn update_domain_configuration(
        &self,
        update: &DomainConfigurationUpdate,
        now_ms: u64,
    ) -> Result<DomainConfiguration, ThingsError> {
        self.change(|state, batch| {
            let mut document = find(state, &update.name)?.clone();
            if let Some(enabled) = update
                .enabled
                .filter(|enabled| *enabled != document.enabled)
            {
                document.enabled = enabled;
                document.status_changed_ms = now_ms;
            }
            if update.remove_authorizer {
                document.members.shift_remove("authorizerConfig");
            }
            document.members.extend(update.members.clone());
            let shown = self.domain_configuration_shown(&update.name, &document);
            batch.put(&update.name, document);
            Ok(shown)
        })
    }

    /// DeleteDomainConfiguration.
    ///
    /// # Errors
    /// ResourceNotFound; InvalidRequest while it is enabled.
    pub fn delete_domain_configuration(&self, name: &str) -> Result<(), ThingsError> {
        self.change(|state, batch| {
            let document = find(state, name)?;
            if document.enabled {
                return Err(ThingsError::InvalidRequest(format!(
                    "The domain configuration {name} cannot be deleted while it is ENABLED: set its status to DISABLED first"
                )));
            }
            let id = &document.id;
            batch.remove::<TagsDocument>(&format!("domainconfiguration/{name}/{id}"));
            batch.remove::<DomainConfigurationDocument>(name);
            Ok(())
        })
    }

    fn domain_configuration_arn(
        &self,
        name: &str,
        document: &DomainConfigurationDocument,
    ) -> String {
        let id = &document.id;
        self.place()
            .iot(format_args!("domainconfiguration/{name}/{id}"))
    }

    fn domain_configuration_shown(
        &self,
        name: &str,
        document: &DomainConfigurationDocument,
    ) -> DomainConfiguration {
        DomainConfiguration {
            name: name.to_owned(),
            arn: self.domain_configuration_arn(name, document),
            enabled: document.enabled,
            status_changed_ms: document.status_changed_ms,
            members: document.members.clone(),
        }
    }
}

fn find<'s>(state: &'s State, name: &str) -> Result<&'s DomainConfigurationDocument, ThingsError> {
    state
        .account
        .domain_configurations
        .get(name)
        .ok_or_else(|| {
            ThingsError::ResourceNotFound("The specified resource does not exist.".to_owned())
        })
}
