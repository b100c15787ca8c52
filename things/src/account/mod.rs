//! What an account sets up beside its things: role aliases, custom authorizers, domain
//! configurations, and settings of which there is one each.

mod authorizer;
mod domain_configuration;
mod domain_rules;
mod role_alias;
pub(crate) mod setting;

pub(crate) use authorizer::AuthorizerDocument;
pub use authorizer::{Authorizer, AuthorizerUpdate, NewAuthorizer};
pub(crate) use domain_configuration::DomainConfigurationDocument;
pub use domain_configuration::{DomainConfiguration, DomainConfigurationUpdate};
pub use domain_rules::{
    DomainAuthentication, DomainAuthorizer, DomainProtocol, DomainRules, DomainTls,
};
pub(crate) use role_alias::RoleAliasDocument;
pub use role_alias::{DeviceCredentials, NewRoleAlias, RoleAlias};
pub(crate) use setting::SettingDocument;
pub use setting::{Setting, SettingKey};

use std::collections::BTreeMap;

/// All of it.
#[derive(Debug, Default)]
pub(crate) struct Account {
    pub(crate) authorizers: BTreeMap<String, AuthorizerDocument>,
    pub(crate) domain_configurations: BTreeMap<String, DomainConfigurationDocument>,
    pub(crate) role_aliases: BTreeMap<String, RoleAliasDocument>,
    pub(crate) settings: BTreeMap<String, SettingDocument>,
}
