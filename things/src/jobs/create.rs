//! CreateJob.

use super::config::JobConfig;
use super::document;
use super::job::{Job, JobStatus, Rollout, TargetSelection};
use super::news::JobNews;
use super::schedule::SchedulingConfig;
use super::template::find_template;
use crate::registry::{Tags, put_tags};
use crate::state::State;
use crate::{Things, ThingsError};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What CreateJob is given. Its document comes from one of three places.
#[derive(Clone, Debug, Default)]
pub struct NewJob {
    /// jobId.
    pub id: String,
    /// ARNs of things and thing groups.
    pub targets: Vec<String>,
    /// The document, given or read.
    pub document: Option<String>,
    /// Where it was read from.
    pub document_source: Option<String>,
    /// A template that it comes from, with what else is not given here.
    pub template_arn: Option<String>,
    /// What fills in the blanks of a managed template.
    pub parameters: BTreeMap<String, String>,
    /// What it is for.
    pub description: Option<String>,
    /// Which things it is for.
    pub selection: TargetSelection,
    /// namespaceId.
    pub namespace: Option<String>,
    /// destinationPackageVersions.
    pub package_versions: Vec<String>,
    /// Rollout, abort, timeout, retries, links.
    pub config: JobConfig,
    /// When it begins and ends.
    pub scheduling: Option<SchedulingConfig>,
    /// Its tags.
    pub tags: Tags,
}

/// A job that was created or changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreatedJob {
    /// jobId.
    pub id: String,
    /// Its ARN.
    pub arn: String,
    /// What it is for.
    pub description: Option<String>,
}

/// A document before its blanks were filled in, and what with.
type Blanks = Option<(Arc<str>, BTreeMap<String, String>)>;

/// Targets of one job (AWS General Reference, AWS IoT Device Management quotas).
pub(super) const TARGETS_MAX: usize = 100;

impl Things {
    /// CreateJob. Things get it at once, as far as its rollout and its schedule let them.
    ///
    /// # Errors
    /// ResourceAlreadyExists, ResourceNotFound (target, template), LimitExceeded (targets),
    /// InvalidRequest.
    pub fn create_job(
        &self,
        new: NewJob,
        now_ms: u64,
    ) -> Result<(CreatedJob, JobNews), ThingsError> {
        let (id, tags) = (new.id.clone(), new.tags.clone());
        // Before the targets are looked up, so that no thing joins in between unseen.
        self.state_mut().registry.watch_memberships(true);
        let (created, news) = {
            let state = self.state();
            let (new, blanks) = self.templated(&state, new)?;
            let targets = self.job_targets(&state, &new.targets)?;
            let things = self.things_of_targets(&state, &targets);
            let mut turn = self.jobs().turn(now_ms);
            if turn.kept.jobs.contains_key(&id) {
                return Err(ThingsError::ResourceAlreadyExists {
                    message: format!("Job {id} already exists."),
                    id: Some(id.clone()),
                    arn: Some(self.job_arn(&id)),
                });
            }
            let order = turn.kept.next_order();
            let job = Job {
                blanks,
                ..new.into_job(targets, order, now_ms)?
            };
            let created = self.created_job(&turn.put_job(job));
            turn.put_rollout(
                &id,
                Rollout {
                    waiting: things.into_iter().collect(),
                    ..Rollout::default()
                },
            );
            turn.roll_out(&id);
            turn.complete_if_done(&id);
            (created, turn.finish())
        };
        if !tags.is_empty() {
            self.change(|_, batch| put_tags(batch, format_args!("job/{id}"), &tags))?;
        }
        Ok((created, news))
    }

    /// A new job with what its template says, and the document of a managed template before its
    /// blanks were filled in.
    fn templated(&self, state: &State, mut new: NewJob) -> Result<(NewJob, Blanks), ThingsError> {
        let managed = match &new.template_arn {
            Some(arn) => self.managed_of_arn(arn)?,
            None => None,
        };
        let Some(managed) = managed else {
            if !new.parameters.is_empty() {
                return Err(ThingsError::InvalidRequest(
                    "documentParameters can only be used with AWS managed templates.".to_owned(),
                ));
            }
            return Ok(match &new.template_arn {
                Some(arn) => {
                    let template = find_template(state, self.place(), arn)?;
                    (template.fill(new), None)
                }
                None => (new, None),
            });
        };
        new.document = Some(managed.filled(&new.parameters)?);
        new.description = new.description.or(Some(managed.description.to_owned()));
        let blanks = Some((managed.document.into(), new.parameters.clone()));
        Ok((new, blanks))
    }

    pub(super) fn job_arn(&self, id: &str) -> String {
        self.place().iot(format_args!("job/{id}"))
    }

    pub(super) fn created_job(&self, job: &Job) -> CreatedJob {
        CreatedJob {
            id: job.id.clone(),
            arn: self.job_arn(&job.id),
            description: job.description.clone(),
        }
    }
}

impl NewJob {
    fn into_job(self, targets: Vec<String>, order: u64, now_ms: u64) -> Result<Job, ThingsError> {
        let document = checked_document(
            self.document.as_deref(),
            self.document_source.as_deref(),
            &self.config,
        )?;
        if targets.len() > TARGETS_MAX {
            return Err(ThingsError::LimitExceeded(format!(
                "a job has at most {TARGETS_MAX} targets, this one has {}: use a thing group",
                targets.len()
            )));
        }
        self.config.check()?;
        let continuous = self.selection == TargetSelection::Continuous;
        let scheduling = self.scheduling.as_ref();
        scheduling.map_or(Ok(()), |it| it.check(continuous, now_ms))?;
        let begins_later = scheduling.and_then(SchedulingConfig::start_ms).is_some();
        Ok(Job {
            id: self.id,
            targets,
            selection: self.selection,
            status: if begins_later {
                JobStatus::Scheduled
            } else {
                JobStatus::InProgress
            },
            force_canceled: false,
            reason_code: None,
            comment: None,
            description: self.description,
            document,
            blanks: None,
            document_source: self.document_source,
            template_arn: self.template_arn,
            namespace: self.namespace,
            package_versions: self.package_versions,
            config: self.config,
            scheduling: self.scheduling,
            created_ms: now_ms,
            updated_ms: now_ms,
            completed_ms: None,
            order,
        })
    }
}

/// The document of a job or a template, if it is one.
pub(super) fn checked_document(
    document: Option<&str>,
    source: Option<&str>,
    config: &JobConfig,
) -> Result<Arc<str>, ThingsError> {
    let Some(document) = document else {
        return Err(ThingsError::InvalidRequest(
            "Either job document or job document source must be specified.".to_owned(),
        ));
    };
    document::check(document, source.unwrap_or("request input"))?;
    let role = config.presigned_url_config.as_ref();
    let role = role.and_then(|config| config.role_arn.as_ref());
    if document::has_links(document) && role.is_none() {
        return Err(ThingsError::InvalidRequest(
            "The job document has S3 links to be signed: presignedUrlConfig with a roleArn is \
             required."
                .to_owned(),
        ));
    }
    Ok(document.into())
}
