//! Provisioning templates as a whole: create, describe, list, update, delete.

use super::body::{Purpose, TemplateBody};
use super::stored::TemplateDocument;
use super::versions::check_version;
use crate::page::rows_after;
use crate::registry::{Tags, TagsDocument, put_tags};
use crate::{Page, Things, ThingsError};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// TemplateType of the API.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProvisioningTemplateType {
    /// For devices that ask for it over MQTT.
    #[default]
    FleetProvisioning,
    /// For certificates of a CA that connect.
    JustInTime,
}

impl ProvisioningTemplateType {
    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::FleetProvisioning => "FLEET_PROVISIONING",
            Self::JustInTime => "JITP",
        }
    }

    /// The type of a name on the wire.
    pub fn of_name(name: &str) -> Option<Self> {
        [Self::FleetProvisioning, Self::JustInTime]
            .into_iter()
            .find(|kind| kind.name() == name)
    }

    pub(super) fn purpose(self) -> Purpose {
        match self {
            Self::FleetProvisioning => Purpose::Fleet,
            Self::JustInTime => Purpose::JustInTime,
        }
    }
}

/// A function that is asked before a device is provisioned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProvisioningHook {
    /// The version of the event that it gets; there is one, `2020-04-01`.
    pub payload_version: Option<String>,
    /// The function.
    pub target_arn: String,
}

/// A template as DescribeProvisioningTemplate shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvisioningTemplate {
    /// Template name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// Its type.
    pub kind: ProvisioningTemplateType,
    /// Its description.
    pub description: Option<String>,
    /// The number of the version that counts.
    pub default_version: u32,
    /// The text of that version.
    pub body: String,
    /// Whether devices can use it.
    pub enabled: bool,
    /// The role that provisions.
    pub role_arn: String,
    /// preProvisioningHook.
    pub hook: Option<ProvisioningHook>,
    /// When it was created.
    pub created_ms: u64,
    /// When it was last changed.
    pub modified_ms: u64,
}

/// What CreateProvisioningTemplate is given.
#[derive(Clone, Debug, Default)]
pub struct NewProvisioningTemplate {
    /// Template name.
    pub name: String,
    /// Its type.
    pub kind: ProvisioningTemplateType,
    /// Its description.
    pub description: Option<String>,
    /// The text of version 1.
    pub body: String,
    /// Whether devices can use it.
    pub enabled: bool,
    /// The role that provisions.
    pub role_arn: String,
    /// preProvisioningHook.
    pub hook: Option<ProvisioningHook>,
    /// Its tags.
    pub tags: Tags,
}

/// What UpdateProvisioningTemplate is given; what is `None` stays.
#[derive(Clone, Debug, Default)]
pub struct ProvisioningTemplateUpdate {
    /// New description.
    pub description: Option<String>,
    /// Whether devices can use it.
    pub enabled: Option<bool>,
    /// The number of the version that is to count.
    pub default_version: Option<u32>,
    /// New role.
    pub role_arn: Option<String>,
    /// New preProvisioningHook.
    pub hook: Option<ProvisioningHook>,
    /// Takes the hook away.
    pub remove_hook: bool,
}

impl Things {
    /// CreateProvisioningTemplate.
    ///
    /// # Errors
    /// InvalidRequest (body, hook), ResourceAlreadyExists, LimitExceeded.
    pub fn create_provisioning_template(
        &self,
        new: &NewProvisioningTemplate,
        now_ms: u64,
    ) -> Result<ProvisioningTemplate, ThingsError> {
        check_body(&new.body, new.kind)?;
        check_hook(new.hook.as_ref(), new.kind)?;
        self.change(|state, batch| {
            let name = &new.name;
            if state.provisioning.has_template(name) {
                return Err(ThingsError::ResourceAlreadyExists {
                    message: format!("Template with name {name} already exists"),
                    id: Some(name.clone()),
                    arn: Some(self.template_arn(name)),
                });
            }
            if state.provisioning.templates.len() >= TEMPLATES_MAX {
                return Err(ThingsError::LimitExceeded(format!(
                    "an account has at most {TEMPLATES_MAX} provisioning templates: delete one first"
                )));
            }
            let mut document = TemplateDocument {
                versions: BTreeMap::new(),
                default: 0,
                last: 0,
                kind: new.kind,
                description: new.description.clone(),
                enabled: new.enabled,
                role_arn: new.role_arn.clone(),
                hook: new.hook.clone(),
                created_ms: now_ms,
                modified_ms: now_ms,
            };
            document.add(&new.body, true, now_ms);
            let shown = self.template_shown(name, &document);
            batch.put(name, document);
            put_tags(batch, format_args!("provisioningtemplate/{name}"), &new.tags)?;
            Ok(shown)
        })
    }

    /// DescribeProvisioningTemplate.
    ///
    /// # Errors
    /// ResourceNotFound.
    pub fn describe_provisioning_template(
        &self,
        name: &str,
    ) -> Result<ProvisioningTemplate, ThingsError> {
        let state = self.state();
        let document = state.provisioning.find(name)?;
        Ok(self.template_shown(name, document))
    }

    /// ListProvisioningTemplates, in order of name.
    pub fn list_provisioning_templates(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> Page<ProvisioningTemplate> {
        let state = self.state();
        let rows = rows_after(&state.provisioning.templates, after);
        let rows = rows.map(|(name, found)| (name.clone(), self.template_shown(name, found)));
        Page::take(rows, limit)
    }

    /// UpdateProvisioningTemplate.
    ///
    /// # Errors
    /// ResourceNotFound, InvalidRequest.
    pub fn update_provisioning_template(
        &self,
        name: &str,
        update: &ProvisioningTemplateUpdate,
        now_ms: u64,
    ) -> Result<(), ThingsError> {
        if update.remove_hook && update.hook.is_some() {
            return Err(ThingsError::InvalidRequest(
                "a pre-provisioning hook cannot be set and removed at once: give preProvisioningHook or removePreProvisioningHook"
                    .to_owned(),
            ));
        }
        self.change(|state, batch| {
            let mut document = state.provisioning.find(name)?.clone();
            check_hook(update.hook.as_ref(), document.kind)?;
            if let Some(number) = update.default_version {
                check_version(name, &document, number)?;
                document.default = number;
            }
            if update.description.is_some() {
                document.description.clone_from(&update.description);
            }
            if let Some(role_arn) = &update.role_arn {
                document.role_arn.clone_from(role_arn);
            }
            if update.hook.is_some() || update.remove_hook {
                document.hook.clone_from(&update.hook);
            }
            document.enabled = update.enabled.unwrap_or(document.enabled);
            document.modified_ms = now_ms;
            batch.put(name, document);
            Ok(())
        })
    }

    /// DeleteProvisioningTemplate, with all its versions.
    ///
    /// # Errors
    /// ResourceNotFound; DeleteConflict while a CA certificate names it.
    pub fn delete_provisioning_template(&self, name: &str) -> Result<(), ThingsError> {
        self.change(|state, batch| {
            if !state.provisioning.has_template(name) {
                let message = "Unable to delete template, template not found".to_owned();
                return Err(ThingsError::ResourceNotFound(message));
            }
            if let Some(id) = state.certificates.authority_with_template(name) {
                return Err(ThingsError::DeleteConflict(format!(
                    "Unable to delete template {name}: the registration config of CA certificate {id} names it"
                )));
            }
            batch.remove::<TemplateDocument>(name);
            batch.remove::<TagsDocument>(&format!("provisioningtemplate/{name}"));
            Ok(())
        })
    }

    pub(super) fn template_arn(&self, name: &str) -> String {
        self.place()
            .iot(format_args!("provisioningtemplate/{name}"))
    }

    fn template_shown(&self, name: &str, document: &TemplateDocument) -> ProvisioningTemplate {
        ProvisioningTemplate {
            name: name.to_owned(),
            arn: self.template_arn(name),
            kind: document.kind,
            description: document.description.clone(),
            default_version: document.default,
            body: document.default_body().to_owned(),
            enabled: document.enabled,
            role_arn: document.role_arn.clone(),
            hook: document.hook.clone(),
            created_ms: document.created_ms,
            modified_ms: document.modified_ms,
        }
    }
}

/// Refuses a text that is no template of its type.
pub(super) fn check_body(body: &str, kind: ProvisioningTemplateType) -> Result<(), ThingsError> {
    match TemplateBody::parse(body, kind.purpose()) {
        Ok(_) => Ok(()),
        Err(why) => Err(ThingsError::InvalidRequest(why)),
    }
}

/// AWS IoT API reference, CreateProvisioningTemplate: hooks are for fleet provisioning alone.
fn check_hook(
    hook: Option<&ProvisioningHook>,
    kind: ProvisioningTemplateType,
) -> Result<(), ThingsError> {
    let Some(hook) = hook else {
        return Ok(());
    };
    if kind == ProvisioningTemplateType::JustInTime {
        return Err(ThingsError::InvalidRequest(
            "a template of type JITP cannot have a pre-provisioning hook".to_owned(),
        ));
    }
    match hook.payload_version.as_deref() {
        None | Some(HOOK_PAYLOAD_VERSION) => Ok(()),
        Some(other) => Err(ThingsError::InvalidRequest(format!(
            "the payloadVersion of a pre-provisioning hook is `{other}` and must be {HOOK_PAYLOAD_VERSION}"
        ))),
    }
}

/// The one that the developer guide has.
const HOOK_PAYLOAD_VERSION: &str = "2020-04-01";

/// AWS General Reference, AWS IoT Core quotas: fleet provisioning templates per customer.
const TEMPLATES_MAX: usize = 256;
