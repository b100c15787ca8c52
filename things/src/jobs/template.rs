//! Job templates: documents and configurations that jobs are made from.

use super::config::JobConfig;
use super::create::{NewJob, checked_document};
use super::schedule::MaintenanceWindow;
use crate::arn::Place;
use crate::page::rows_after;
use crate::registry::{Tags, TagsDocument, put_tags, set};
use crate::state::State;
use crate::store::Document;
use crate::{Page, Things, ThingsError};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A job template as DescribeJobTemplate shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct JobTemplate {
    /// jobTemplateId.
    pub id: String,
    /// Its ARN.
    pub arn: String,
    /// What it is for.
    pub description: String,
    /// The document.
    pub document: Arc<str>,
    /// Where it was read from.
    pub document_source: Option<String>,
    /// Rollout, abort, timeout, retries, links.
    pub config: JobConfig,
    /// When things may be told.
    pub maintenance_windows: Vec<MaintenanceWindow>,
    /// destinationPackageVersions.
    pub package_versions: Vec<String>,
    /// When it was created.
    pub created_ms: u64,
}

/// What CreateJobTemplate is given. Its document comes from a job if it is not given.
#[derive(Clone, Debug, Default)]
pub struct NewJobTemplate {
    /// jobTemplateId.
    pub id: String,
    /// A job that it is made from, with what else is not given here.
    pub job_arn: Option<String>,
    /// The document, given or read.
    pub document: Option<String>,
    /// Where it was read from.
    pub document_source: Option<String>,
    /// What it is for.
    pub description: String,
    /// Rollout, abort, timeout, retries, links.
    pub config: JobConfig,
    /// When things may be told.
    pub maintenance_windows: Vec<MaintenanceWindow>,
    /// destinationPackageVersions.
    pub package_versions: Vec<String>,
    /// Its tags.
    pub tags: Tags,
}

/// A job template as it is stored.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct JobTemplateDocument {
    description: String,
    document: Arc<str>,
    document_source: Option<String>,
    config: JobConfig,
    maintenance_windows: Vec<MaintenanceWindow>,
    package_versions: Vec<String>,
    created_ms: u64,
}

impl Document for JobTemplateDocument {
    const TABLE: &'static str = "job-template";

    fn place(state: &mut State, key: &str, document: Option<Self>) {
        set(&mut state.job_templates, key, document);
    }
}

impl Things {
    /// CreateJobTemplate.
    ///
    /// # Errors
    /// Conflict, ResourceNotFound (job), InvalidRequest.
    pub fn create_job_template(
        &self,
        new: &NewJobTemplate,
        now_ms: u64,
    ) -> Result<JobTemplate, ThingsError> {
        let document = self.new_template(new, now_ms)?;
        self.change(|state, batch| {
            let id = &new.id;
            if state.job_templates.contains_key(id) {
                return Err(ThingsError::Conflict(format!(
                    "Job template {id} already exists."
                )));
            }
            let shown = self.job_template_shown(id, &document);
            batch.put(id, document);
            put_tags(batch, format_args!("jobtemplate/{id}"), &new.tags)?;
            Ok(shown)
        })
    }

    fn new_template(
        &self,
        new: &NewJobTemplate,
        now_ms: u64,
    ) -> Result<JobTemplateDocument, ThingsError> {
        let mut config = new.config.clone();
        let mut document = new.document.clone();
        let mut source = new.document_source.clone();
        let mut windows = new.maintenance_windows.clone();
        if let Some(arn) = &new.job_arn {
            if document.is_some() {
                return Err(ThingsError::InvalidRequest(
                    "Only one of jobArn, document and documentSource can be specified.".to_owned(),
                ));
            }
            let id = arn.rsplit('/').next().unwrap_or_default();
            let job = self.find_job(id)?;
            config = config.over(&job.config);
            document = Some(job.document.to_string());
            source.clone_from(&job.document_source);
            if let Some(scheduling) = job.scheduling.as_ref().filter(|_| windows.is_empty()) {
                windows.clone_from(&scheduling.maintenance_windows);
            }
        }
        config.check()?;
        Ok(JobTemplateDocument {
            description: new.description.clone(),
            document: checked_document(document.as_deref(), source.as_deref(), &config)?,
            document_source: source,
            config,
            maintenance_windows: windows,
            package_versions: new.package_versions.clone(),
            created_ms: now_ms,
        })
    }

    /// DescribeJobTemplate.
    ///
    /// # Errors
    /// ResourceNotFound.
    pub fn job_template(&self, id: &str) -> Result<JobTemplate, ThingsError> {
        let state = self.state();
        find(&state, id).map(|document| self.job_template_shown(id, document))
    }

    /// ListJobTemplates, in order of id.
    pub fn list_job_templates(&self, after: Option<&str>, limit: usize) -> Page<JobTemplate> {
        let state = self.state();
        let rows = rows_after(&state.job_templates, after);
        let rows = rows.map(|(id, document)| (id.clone(), self.job_template_shown(id, document)));
        Page::take(rows, limit)
    }

    /// DeleteJobTemplate.
    ///
    /// # Errors
    /// ResourceNotFound.
    pub fn delete_job_template(&self, id: &str) -> Result<(), ThingsError> {
        self.change(|state, batch| {
            find(state, id)?;
            batch.remove::<JobTemplateDocument>(id);
            batch.remove::<TagsDocument>(&format!("jobtemplate/{id}"));
            Ok(())
        })
    }

    fn job_template_shown(&self, id: &str, document: &JobTemplateDocument) -> JobTemplate {
        let document = document.clone();
        JobTemplate {
            id: id.to_owned(),
            arn: self.place().iot(format_args!("jobtemplate/{id}")),
            description: document.description,
            document: document.document,
            document_source: document.document_source,
            config: document.config,
            maintenance_windows: document.maintenance_windows,
            package_versions: document.package_versions,
            created_ms: document.created_ms,
        }
    }
}

impl JobTemplateDocument {
    /// A new job with what it does not say itself.
    pub(super) fn fill(&self, mut job: NewJob) -> NewJob {
        job.config = job.config.over(&self.config);
        if job.document.is_none() {
            job.document = Some(self.document.to_string());
            job.document_source.clone_from(&self.document_source);
        }
        if job.description.is_none() {
            job.description = Some(self.description.clone());
        }
        if job.package_versions.is_empty() {
            job.package_versions.clone_from(&self.package_versions);
        }
        if !self.maintenance_windows.is_empty() {
            let scheduling = job.scheduling.get_or_insert_default();
            if scheduling.maintenance_windows.is_empty() {
                let windows = &mut scheduling.maintenance_windows;
                windows.clone_from(&self.maintenance_windows);
            }
        }
        job
    }
}

/// The template of an ARN.
pub(super) fn find_template<'s>(
    state: &'s State,
    place: &Place,
    arn: &str,
) -> Result<&'s JobTemplateDocument, ThingsError> {
    let resource = place.iot_resource(arn)?.unwrap_or_default();
    match resource.strip_prefix("jobtemplate/") {
        Some(id) => find(state, id),
        None => Err(ThingsError::ResourceNotFound(format!(
            "Job template {arn} cannot be found."
        ))),
    }
}

fn find<'s>(state: &'s State, id: &str) -> Result<&'s JobTemplateDocument, ThingsError> {
    let found = state.job_templates.get(id);
    found
        .ok_or_else(|| ThingsError::ResourceNotFound(format!("Job template {id} cannot be found.")))
}
