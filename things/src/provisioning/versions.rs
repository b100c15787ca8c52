//! Versions of a provisioning template: numbered from 1, at most five, one of them the default.

use super::stored::TemplateDocument;
use super::template::check_body;
use crate::{Page, Things, ThingsError};

/// A version as DescribeProvisioningTemplateVersion shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvisioningTemplateVersion {
    /// Its number.
    pub number: u32,
    /// Its text.
    pub body: String,
    /// Whether it is the one that counts.
    pub is_default: bool,
    /// When it was created.
    pub created_ms: u64,
}

/// A row of ListProvisioningTemplateVersions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvisioningTemplateVersionSummary {
    /// Its number.
    pub number: u32,
    /// Whether it is the one that counts.
    pub is_default: bool,
    /// When it was created.
    pub created_ms: u64,
}

impl Things {
    /// CreateProvisioningTemplateVersion; gives the template's ARN and the version.
    ///
    /// # Errors
    /// ResourceNotFound, InvalidRequest, VersionsLimitExceeded.
    pub fn create_provisioning_template_version(
        &self,
        name: &str,
        body: &str,
        set_as_default: bool,
        now_ms: u64,
    ) -> Result<(String, ProvisioningTemplateVersion), ThingsError> {
        self.change(|state, batch| {
            let mut document = state.provisioning.find(name)?.clone();
            check_body(body, document.kind)?;
            if document.versions.len() >= VERSIONS_MAX {
                return Err(ThingsError::VersionsLimitExceeded(format!(
                    "Can't create a template version for the template {name}, the maximum number of template versions has been reached"
                )));
            }
            let number = document.add(body, set_as_default, now_ms);
            let shown = version_shown(name, &document, number)?;
            batch.put(name, document);
            Ok((self.template_arn(name), shown))
        })
    }

    /// DescribeProvisioningTemplateVersion.
    ///
    /// # Errors
    /// ResourceNotFound.
    pub fn provisioning_template_version(
        &self,
        name: &str,
        number: u32,
    ) -> Result<ProvisioningTemplateVersion, ThingsError> {
        let state = self.state();
        version_shown(name, state.provisioning.find(name)?, number)
    }

    /// ListProvisioningTemplateVersions, in order of number.
    ///
    /// # Errors
    /// ResourceNotFound.
    pub fn list_provisioning_template_versions(
        &self,
        name: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<ProvisioningTemplateVersionSummary>, ThingsError> {
        let state = self.state();
        let document = state.provisioning.find(name)?;
        let rows = document.versions.iter().map(|(number, version)| {
            let row = ProvisioningTemplateVersionSummary {
                number: *number,
                is_default: *number == document.default,
                created_ms: version.created_ms,
            };
            // Keys sort as texts.
            (format!("{number:010}"), row)
        });
        Ok(Page::of(rows, after, limit))
    }

    /// DeleteProvisioningTemplateVersion.
    ///
    /// # Errors
    /// ResourceNotFound; InvalidRequest for the default version.
    pub fn delete_provisioning_template_version(
        &self,
        name: &str,
        number: u32,
    ) -> Result<(), ThingsError> {
        self.change(|state, batch| {
            let mut document = state.provisioning.find(name)?.clone();
            check_version(name, &document, number)?;
            if number == document.default {
                return Err(ThingsError::InvalidRequest(format!(
                    "Unable to delete template version {number}, it is the default version"
                )));
            }
            document.versions.remove(&number);
            batch.put(name, document);
            Ok(())
        })
    }
}

fn version_shown(
    name: &str,
    document: &TemplateDocument,
    number: u32,
) -> Result<ProvisioningTemplateVersion, ThingsError> {
    check_version(name, document, number)?;
    let version = &document.versions[&number];
    Ok(ProvisioningTemplateVersion {
        number,
        body: version.body.clone(),
        is_default: number == document.default,
        created_ms: version.created_ms,
    })
}

pub(super) fn check_version(
    name: &str,
    document: &TemplateDocument,
    number: u32,
) -> Result<(), ThingsError> {
    if document.versions.contains_key(&number) {
        return Ok(());
    }
    Err(ThingsError::ResourceNotFound(format!(
        "Unable to find version {number} of template {name}"
    )))
}

/// AWS General Reference, AWS IoT Core quotas.
const VERSIONS_MAX: usize = 5;
