//! What devices ask for.

use super::config::TIMEOUT_MINUTES;
use super::error::JobError;
use super::execution::{Details, ExecutionStatus};
use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::str::FromStr;

/// A request of a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobRequest {
    /// GetPendingJobExecutions.
    Pending,
    /// StartNextPendingJobExecution.
    StartNext(StartNext),
    /// DescribeJobExecution.
    Describe {
        /// The job, or `$next`.
        job: String,
        /// What is wanted.
        describe: DescribeExecution,
    },
    /// UpdateJobExecution.
    Update {
        /// The job.
        job: String,
        /// What has changed.
        update: UpdateExecution,
    },
}

/// Members of StartNextPendingJobExecution.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct StartNext {
    /// What the device has to say.
    pub status_details: Option<BTreeMap<String, String>>,
    /// The step timer.
    #[serde(deserialize_with = "whole")]
    pub step_timeout_in_minutes: Option<i64>,
}

/// Members of DescribeJobExecution.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DescribeExecution {
    /// Which one, the latest if it is not said.
    #[serde(deserialize_with = "whole")]
    pub execution_number: Option<u64>,
    /// With the document unless it is said.
    pub include_job_document: Option<bool>,
}

/// Members of UpdateJobExecution.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct UpdateExecution {
    /// The new status, as it was sent.
    pub status: Option<String>,
    /// What the device has to say; what it said before stays if it is not said.
    pub status_details: Option<BTreeMap<String, String>>,
    /// The version that the device saw.
    #[serde(deserialize_with = "whole")]
    pub expected_version: Option<u64>,
    /// Which one, the latest if it is not said.
    #[serde(deserialize_with = "whole")]
    pub execution_number: Option<u64>,
    /// Whether the answer is to have how it stands.
    pub include_job_execution_state: Option<bool>,
    /// And its document.
    pub include_job_document: Option<bool>,
    /// The step timer.
    #[serde(deserialize_with = "whole")]
    pub step_timeout_in_minutes: Option<i64>,
}

/// Job limits of the AWS General Reference.
const DETAILS_MAX: usize = 10;
const DETAIL_KEY_CHARS_MAX: usize = 128;
const DETAIL_VALUE_CHARS_MAX: usize = 1024;
/// As with shadows.
const CLIENT_TOKEN_BYTES_MAX: usize = 64;
/// Takes the step timer away.
const NO_STEP: i64 = -1;

/// The members of a payload, none if it is empty, and its client token.
///
/// # Errors
/// InvalidJson, InvalidRequest.
pub(super) fn open(payload: &[u8]) -> Result<(Map<String, Value>, Option<String>), JobError> {
    if payload.is_empty() {
        return Ok((Map::new(), None));
    }
    let invalid = |why: &str| JobError::InvalidJson(why.to_owned());
    let text = str::from_utf8(payload).map_err(|_| invalid("The payload is not UTF-8"))?;
    let value = serde_json::from_str(text)
        .map_err(|why| JobError::InvalidJson(format!("The payload is not valid JSON: {why}")))?;
    let Value::Object(mut members) = value else {
        return Err(invalid("The payload is not a JSON object"));
    };
    let token = match members.shift_remove("clientToken") {
        None | Some(Value::Null) => None,
        Some(Value::String(token)) if token.len() <= CLIENT_TOKEN_BYTES_MAX => Some(token),
        Some(_) => {
            let why =
                format!("clientToken must be a text of at most {CLIENT_TOKEN_BYTES_MAX} bytes");
            return Err(JobError::InvalidRequest(why));
        }
    };
    Ok((members, token))
}

/// Reads members as a request's.
///
/// # Errors
/// InvalidRequest.
pub(super) fn members<T: DeserializeOwned>(members: Map<String, Value>) -> Result<T, JobError> {
    serde_json::from_value(Value::Object(members))
        .map_err(|why| JobError::InvalidRequest(format!("The request is not valid: {why}")))
}

/// A whole number, also as text: AWS's Jobs library for Embedded C quotes expectedVersion.
fn whole<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr + DeserializeOwned,
{
    match Option::<Value>::deserialize(deserializer)? {
        None => Ok(None),
        Some(Value::String(text)) => match text.parse() {
            Ok(number) => Ok(Some(number)),
            Err(_) => Err(D::Error::custom(format!("`{text}` is not a whole number"))),
        },
        Some(other) => T::deserialize(other).map(Some).map_err(D::Error::custom),
    }
}

/// Checks statusDetails.
pub(super) fn check_details(details: Option<&Details>) -> Result<(), JobError> {
    let refused = |why: String| Err(JobError::InvalidRequest(why));
    let Some(details) = details else {
        return Ok(());
    };
    if details.len() > DETAILS_MAX {
        return refused(format!("statusDetails has more than {DETAILS_MAX} entries"));
    }
    for (key, value) in details {
        let word = |c: char| c.is_ascii_alphanumeric() || matches!(c, ':' | '_' | '-');
        if key.is_empty() || key.len() > DETAIL_KEY_CHARS_MAX || !key.chars().all(word) {
            return refused(format!(
                "`{key}` is not a valid key of statusDetails: it must satisfy [a-zA-Z0-9:_-]+ and have at most {DETAIL_KEY_CHARS_MAX} characters"
            ));
        }
        let good = value.chars().all(|c| !c.is_control());
        if value.is_empty() || value.chars().count() > DETAIL_VALUE_CHARS_MAX || !good {
            return refused(format!(
                "the value of `{key}` in statusDetails must have 1 to {DETAIL_VALUE_CHARS_MAX} characters and no control characters"
            ));
        }
    }
    Ok(())
}

/// What a request says about the step timer: nothing, or when it is over, which may be never.
pub(super) fn step_ends_ms(
    minutes: Option<i64>,
    now_ms: u64,
) -> Result<Option<Option<u64>>, JobError> {
    match minutes {
        None => Ok(None),
        Some(NO_STEP) => Ok(Some(None)),
        Some(minutes) if TIMEOUT_MINUTES.contains(&minutes) => {
            Ok(Some(Some(now_ms + minutes.unsigned_abs() * 60_000)))
        }
        Some(minutes) => Err(JobError::InvalidRequest(format!(
            "stepTimeoutInMinutes must be between {} and {}, or {NO_STEP}, it is {minutes}",
            TIMEOUT_MINUTES.start(),
            TIMEOUT_MINUTES.end(),
        ))),
    }
}

/// The status that a device wants to set. Which ones there are is checked before which of them a
/// device may set.
pub(super) fn new_status(status: Option<&str>) -> Result<ExecutionStatus, JobError> {
    let Some(name) = status else {
        let why = "The request does not have a status";
        return Err(JobError::InvalidRequest(why.to_owned()));
    };
    let status = ExecutionStatus::named(name).ok_or_else(|| {
        JobError::InvalidRequest(format!("{name} is not a valid job execution status"))
    })?;
    match status {
        ExecutionStatus::InProgress
        | ExecutionStatus::Succeeded
        | ExecutionStatus::Failed
        | ExecutionStatus::Rejected => Ok(status),
        ExecutionStatus::Queued
        | ExecutionStatus::TimedOut
        | ExecutionStatus::Removed
        | ExecutionStatus::Canceled => Err(JobError::InvalidStateTransition(format!(
            "The status of job execution cannot be changed to be {name}"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn update(value: Value) -> Result<UpdateExecution, JobError> {
        let Value::Object(sent) = value else {
            unreachable!("the cases are objects")
        };
        members(sent)
    }

    #[test]
    fn numbers_may_be_quoted() {
        for version in [json!(3), json!("3")] {
            let read = update(json!({"expectedVersion": version, "executionNumber": null}));
            assert_eq!(read.unwrap().expected_version, Some(3));
        }
        for wrong in [json!(""), json!("x"), json!(-1), json!(1.5), json!({})] {
            assert!(update(json!({"expectedVersion": wrong})).is_err());
        }
    }

    #[test]
    fn a_payload_is_nothing_or_an_object_with_a_token() {
        let code = |payload: &[u8]| open(payload).err().map(|error| error.code());
        assert_eq!(code(b""), None);
        assert_eq!(code(br#"{"clientToken": "t"}"#), None);
        assert_eq!(code(b"{"), Some("InvalidJson"));
        assert_eq!(code(b"[]"), Some("InvalidJson"));
        assert_eq!(code(b"\xff"), Some("InvalidJson"));
        assert_eq!(code(br#"{"clientToken": 1}"#), Some("InvalidRequest"));
        let long = format!(r#"{{"clientToken": "{}"}}"#, "t".repeat(65));
        assert_eq!(code(long.as_bytes()), Some("InvalidRequest"));
    }

    #[test]
    fn status_details_have_bounds() {
        let check = |details: Value, good: bool| {
            let details: Details = serde_json::from_value(details).unwrap();
            assert_eq!(check_details(Some(&details)).is_ok(), good, "{details:?}");
        };
        check(json!({"a:b_c-1": "v"}), true);
        check(json!({"a b": "v"}), false);
        check(json!({"a": ""}), false);
        check(json!({"a": "\n"}), false);
        check(json!({"a": "v".repeat(1025)}), false);
        let many = |count: usize| {
            (0..count)
                .map(|n| (n.to_string(), "v"))
                .collect::<BTreeMap<_, _>>()
        };
        check(json!(many(10)), true);
        check(json!(many(11)), false);
    }

    #[test]
    fn a_step_timer_has_bounds_and_can_be_taken_away() {
        let check = |minutes, expected| assert_eq!(step_ends_ms(minutes, 1).ok(), expected);
        check(None, Some(None));
        check(Some(-1), Some(Some(None)));
        check(Some(1), Some(Some(Some(60_001))));
        check(Some(0), None);
        check(Some(10_081), None);
    }
}
