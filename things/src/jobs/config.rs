//! How a job is rolled out, called off, timed and tried again, with the members of the API.

use crate::ThingsError;
use serde::{Deserialize, Serialize};

/// What a job and a job template can be told besides what is to be done. Its JSON has the members
/// of CreateJob.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct JobConfig {
    /// How links to S3 objects in the document are signed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub presigned_url_config: Option<PresignedUrlConfig>,
    /// How fast things get the job.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job_executions_rollout_config: Option<RolloutConfig>,
    /// When the job is called off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub abort_config: Option<AbortConfig>,
    /// How long an execution may be in progress.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_config: Option<TimeoutConfig>,
    /// How often an execution is tried again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job_executions_retry_config: Option<RetryConfig>,
}

/// presignedUrlConfig.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PresignedUrlConfig {
    /// The role that may read the objects.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role_arn: Option<String>,
    /// How long a link holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_in_sec: Option<u64>,
}

/// jobExecutionsRolloutConfig.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RolloutConfig {
    /// The most things that are told in a minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maximum_per_minute: Option<u64>,
    /// A rate that grows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exponential_rate: Option<ExponentialRate>,
}

/// exponentialRate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExponentialRate {
    /// Things that are told in a minute at first.
    pub base_rate_per_minute: u64,
    /// What the rate is multiplied with each time that the criteria hold.
    pub increment_factor: f64,
    /// When the rate grows.
    pub rate_increase_criteria: RateIncreaseCriteria,
}

/// rateIncreaseCriteria: one of both.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RateIncreaseCriteria {
    /// Each time that so many more things were told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number_of_notified_things: Option<u64>,
    /// Each time that so many more things have succeeded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number_of_succeeded_things: Option<u64>,
}

/// abortConfig.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AbortConfig {
    /// Any of them calls the job off.
    pub criteria_list: Vec<AbortCriteria>,
}

/// One of the criteria for calling a job off.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AbortCriteria {
    /// Which executions count.
    pub failure_type: FailureType,
    /// What is done: `CANCEL` is all that there is.
    pub action: String,
    /// How many of those that were told, of a hundred, may fail.
    pub threshold_percentage: f64,
    /// How many things must have been told before.
    pub min_number_of_executed_things: u64,
}

/// How an execution can fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[allow(missing_docs)] // The names are AWS's.
pub enum FailureType {
    Failed,
    Rejected,
    TimedOut,
    All,
}

/// timeoutConfig.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TimeoutConfig {
    /// Minutes that an execution may be in progress.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_progress_timeout_in_minutes: Option<i64>,
}

/// jobExecutionsRetryConfig.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RetryConfig {
    /// At most one for each way to fail.
    pub criteria_list: Vec<RetryCriteria>,
}

/// How often what failed in one way is tried again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RetryCriteria {
    /// The way to fail.
    pub failure_type: FailureType,
    /// How often.
    pub number_of_retries: u32,
}

impl JobConfig {
    /// What is set here, and what is not as in a template.
    pub(super) fn over(self, template: &Self) -> Self {
        let Self {
            presigned_url_config,
            job_executions_rollout_config,
            abort_config,
            timeout_config,
            job_executions_retry_config,
        } = self;
        let base = template.clone();
        Self {
            presigned_url_config: presigned_url_config.or(base.presigned_url_config),
            job_executions_rollout_config: job_executions_rollout_config
                .or(base.job_executions_rollout_config),
            abort_config: abort_config.or(base.abort_config),
            timeout_config: timeout_config.or(base.timeout_config),
            job_executions_retry_config: job_executions_retry_config
                .or(base.job_executions_retry_config),
        }
    }

    /// Checks what the model of the API leaves open.
    pub(super) fn check(&self) -> Result<(), ThingsError> {
        if let Some(minutes) = self.timeout_minutes()
            && !TIMEOUT_MINUTES.contains(&minutes)
        {
            return refused(format!(
                "InProgressTimeoutInMinutes must be between {} and {}, it is {minutes}",
                TIMEOUT_MINUTES.start(),
                TIMEOUT_MINUTES.end(),
            ));
        }
        self.job_executions_rollout_config
            .as_ref()
            .map_or(Ok(()), RolloutConfig::check)?;
        let retries = self.job_executions_retry_config.iter();
        let retries = retries.flat_map(|config| &config.criteria_list);
        let retries: u32 = retries.map(|criteria| criteria.number_of_retries).sum();
        if retries > RETRIES_MAX {
            return refused(format!(
                "the numbers of retries come to {retries}, the most is {RETRIES_MAX}"
            ));
        }
        let aborts = self.abort_config.iter();
        let mut aborts = aborts.flat_map(|config| &config.criteria_list);
        if aborts.any(|criteria| criteria.threshold_percentage <= 0.0) {
            return refused("thresholdPercentage must be greater than 0".to_owned());
        }
        Ok(())
    }

    /// Minutes that an execution may be in progress.
    pub(super) fn timeout_minutes(&self) -> Option<i64> {
        self.timeout_config.as_ref()?.in_progress_timeout_in_minutes
    }

    /// Whether an execution that failed in a way, after so many retries because of it and so many
    /// in all, is tried again.
    pub(super) fn retries(&self, failure: FailureType, of_this_kind: u32, in_all: u32) -> bool {
        let config = self.job_executions_retry_config.iter();
        let mut criteria = config.flat_map(|config| &config.criteria_list);
        criteria.any(|criteria| {
            if criteria.failure_type == FailureType::All {
                in_all < criteria.number_of_retries
            } else {
                criteria.failure_type == failure && of_this_kind < criteria.number_of_retries
            }
        })
    }
}

impl RolloutConfig {
    fn check(&self) -> Result<(), ThingsError> {
        let Some(rate) = &self.exponential_rate else {
            return Ok(());
        };
        let Some(maximum) = self.maximum_per_minute else {
            return refused("maximumPerMinute is required with exponentialRate".to_owned());
        };
        if rate.base_rate_per_minute > maximum {
            return refused("baseRatePerMinute must not be above maximumPerMinute".to_owned());
        }
        let tenths = rate.increment_factor * 10.0;
        let one_digit = (tenths - tenths.round()).abs() < 1e-9;
        if !(1.0..=5.0).contains(&rate.increment_factor) || !one_digit {
            return refused(
                "incrementFactor must be between 1 and 5 with at most one digit after the point"
                    .to_owned(),
            );
        }
        let criteria = &rate.rate_increase_criteria;
        let both = (
            criteria.number_of_notified_things,
            criteria.number_of_succeeded_things,
        );
        match both {
            (Some(_), None) | (None, Some(_)) => Ok(()),
            (Some(_), Some(_)) | (None, None) => refused(
                "rateIncreaseCriteria must have one of numberOfNotifiedThings and numberOfSucceededThings"
                    .to_owned(),
            ),
        }
    }

    /// Things that may be told in the next minute, after so many were told and have succeeded
    /// ("Job rollout rates" in the AWS IoT developer guide).
    pub(super) fn rate(&self, notified: u64, succeeded: u64) -> u64 {
        let maximum = self.maximum_per_minute.unwrap_or(PER_MINUTE_DEFAULT);
        let Some(rate) = &self.exponential_rate else {
            return maximum;
        };
        let criteria = &rate.rate_increase_criteria;
        let steps = |count: u64, every: Option<u64>| every.map_or(0, |every| count / every.max(1));
        let steps = steps(notified, criteria.number_of_notified_things)
            .max(steps(succeeded, criteria.number_of_succeeded_things));
        let factor = rate.increment_factor.powi(steps.min(64) as i32);
        // Both are far below 2^53, and what is above the maximum is cut off.
        let grown = (rate.base_rate_per_minute as f64 * factor).min(maximum as f64);
        (grown as u64).max(1)
    }
}

fn refused<T>(why: String) -> Result<T, ThingsError> {
    Err(ThingsError::InvalidRequest(why))
}

/// Job execution timeout configuration: one minute to seven days.
pub(super) const TIMEOUT_MINUTES: std::ops::RangeInclusive<i64> = 1..=10_080;
/// Job execution retry configuration: both kinds of failure combined.
const RETRIES_MAX: u32 = 10;
/// The rate of a job with a rollout configuration that names none (console, "Set a constant
/// rollout rate").
const PER_MINUTE_DEFAULT: u64 = 1000;

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn config(value: serde_json::Value) -> JobConfig {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn a_rate_grows_with_each_threshold_up_to_the_maximum() {
        let rollout = |criteria: &str| {
            let value = json!({"jobExecutionsRolloutConfig": {"maximumPerMinute": 300,
                "exponentialRate": {"baseRatePerMinute": 50, "incrementFactor": 2.0,
                    "rateIncreaseCriteria": {criteria: 1000}}}});
            config(value).job_executions_rollout_config.unwrap()
        };
        let told = rollout("numberOfNotifiedThings");
        let rates = [0, 999, 1000, 2000, 3000, u64::MAX].map(|count| told.rate(count, 0));
        assert_eq!(rates, [50, 50, 100, 200, 300, 300]);
        assert_eq!(rollout("numberOfSucceededThings").rate(5000, 1000), 100);
        assert_eq!(RolloutConfig::default().rate(5, 5), PER_MINUTE_DEFAULT);
    }

    #[test]
    fn configurations_that_cannot_be_are_refused() {
        let rate = |factor: f64, criteria: serde_json::Value| {
            json!({"jobExecutionsRolloutConfig": {"maximumPerMinute": 100, "exponentialRate":
                {"baseRatePerMinute": 50, "incrementFactor": factor, "rateIncreaseCriteria": criteria}}})
        };
        let one = json!({"numberOfNotifiedThings": 1});
        let cases = [
            (json!({}), true),
            (
                json!({"timeoutConfig": {"inProgressTimeoutInMinutes": 10_080}}),
                true,
            ),
            (
                json!({"timeoutConfig": {"inProgressTimeoutInMinutes": 0}}),
                false,
            ),
            (
                json!({"timeoutConfig": {"inProgressTimeoutInMinutes": 10_081}}),
                false,
            ),
            (rate(1.5, one.clone()), true),
            (rate(1.55, one.clone()), false),
            (rate(5.1, one), false),
            (rate(2.0, json!({})), false),
            (
                rate(
                    2.0,
                    json!({"numberOfNotifiedThings": 1, "numberOfSucceededThings": 1}),
                ),
                false,
            ),
            (
                json!({"jobExecutionsRetryConfig": {"criteriaList": [
                {"failureType": "FAILED", "numberOfRetries": 6},
                {"failureType": "TIMED_OUT", "numberOfRetries": 5}]}}),
                false,
            ),
            (
                json!({"abortConfig": {"criteriaList": [{"failureType": "ALL", "action": "CANCEL",
                "thresholdPercentage": 0.0, "minNumberOfExecutedThings": 1}]}}),
                false,
            ),
        ];
        for (value, good) in cases {
            assert_eq!(config(value.clone()).check().is_ok(), good, "{value}");
        }
    }

    #[test]
    fn retries_are_counted_by_kind_or_all_together() {
        let of = |kind: &str| {
            config(json!({"jobExecutionsRetryConfig": {"criteriaList": [
                {"failureType": kind, "numberOfRetries": 2}]}}))
        };
        assert!(of("FAILED").retries(FailureType::Failed, 1, 5));
        assert!(!of("FAILED").retries(FailureType::Failed, 2, 2));
        assert!(!of("FAILED").retries(FailureType::TimedOut, 0, 0));
        assert!(of("ALL").retries(FailureType::TimedOut, 9, 1));
        assert!(!of("ALL").retries(FailureType::Failed, 0, 2));
    }
}
