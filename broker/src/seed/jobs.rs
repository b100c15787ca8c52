//! Jobs and job templates of seeds.

use super::SeedError;
use super::calls::{Target, document, text, texts};
use crate::api::Code;
use serde_json::{Map, Value, json};

type Members = Map<String, Value>;

/// A job template; one of that id that is there is replaced, as there is no update.
pub(super) fn template(
    target: &Target<'_>,
    at: &str,
    members: &Members,
) -> Result<Value, SeedError> {
    let create = with_document(members);
    match target.try_call("CreateJobTemplate", create.clone()) {
        Err(error) if error.code == Code::Conflict => {
            let id = json!({"jobTemplateId": text(at, members, "jobTemplateId")?});
            target.call(at, "DeleteJobTemplate", id)?;
            target.call(at, "CreateJobTemplate", create)
        }
        outcome => outcome.map_err(|error| SeedError::refused(at, &error)),
    }
}

/// A job; one of that id that is there is not run again. Targets are ARNs, or what stands at their
/// end: `thing/NAME`, `thinggroup/NAME`.
pub(super) fn job(target: &Target<'_>, at: &str, members: &Members) -> Result<Value, SeedError> {
    let mut create = with_document(members);
    let config = &target.world.config;
    let arn = |name: String| match name.starts_with("arn:") {
        true => name,
        false => format!("arn:aws:iot:{}:{}:{name}", config.region, config.account_id),
    };
    let targets = texts(at, members, "targets")?.into_iter().map(arn);
    create["targets"] = targets.collect::<Vec<_>>().into();
    match target.try_call("CreateJob", create) {
        Err(error) if error.code == Code::ResourceAlreadyExists => {
            let found = error.resource.and_then(|found| found.arn);
            Ok(json!({"jobId": members.get("jobId"), "jobArn": found}))
        }
        outcome => outcome.map_err(|error| SeedError::refused(at, &error)),
    }
}

/// Members whose document may be written as an object.
fn with_document(members: &Members) -> Value {
    let mut members = members.clone();
    if let Some(given) = members.get("document").map(document) {
        members.insert("document".to_owned(), given);
    }
    Value::Object(members)
}
