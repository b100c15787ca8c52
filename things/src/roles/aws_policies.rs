//! AWS's own managed policies that tutorials attach to roles of rules.

use policy::Document;
use std::sync::{Arc, LazyLock};

/// A managed policy of AWS.
pub(super) struct AwsPolicy {
    /// What follows `arn:aws:iam::aws:policy/`.
    pub(super) resource: &'static str,
    /// Its text, reduced to the services that exist here where AWS's is long.
    pub(super) text: &'static str,
}

impl AwsPolicy {
    /// Its path without the leading slash, and its name.
    pub(super) fn path_and_name(&self) -> (&'static str, &'static str) {
        match self.resource.rfind('/') {
            Some(slash) => self.resource.split_at(slash + 1),
            None => ("", self.resource),
        }
    }

    pub(super) fn compiled(&self) -> Option<Arc<Document>> {
        let at = POLICIES
            .iter()
            .position(|policy| policy.resource == self.resource)?;
        COMPILED.get(at)?.clone()
    }
}

/// A policy by what roles name it by: `aws/` and its resource.
pub(super) fn aws_policy(key: &str) -> Option<&'static AwsPolicy> {
    let resource = key.strip_prefix("aws/")?;
    POLICIES.iter().find(|policy| policy.resource == resource)
}

static COMPILED: LazyLock<Vec<Option<Arc<Document>>>> = LazyLock::new(|| {
    let parse = |policy: &AwsPolicy| Document::parse(policy.text).ok().map(Arc::new);
    POLICIES.iter().map(parse).collect()
});

macro_rules! allow {
    ($resource:literal, $($action:literal),+) => {
        AwsPolicy {
            resource: $resource,
            text: concat!(
                r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["#,
                allow!(@list $($action),+),
                r#"],"Resource":"*"}]}"#
            ),
        }
    };
    (@list $first:literal $(, $rest:literal)*) => {
        concat!("\"", $first, "\"" $(, ",\"", $rest, "\"")*)
    };
}

/// In order of name (AWS managed policy reference guide).
const POLICIES: &[AwsPolicy] = &[
    allow!("AWSIoTConfigAccess", "iot:*"),
    allow!(
        "AWSIoTDataAccess",
        "iot:Connect",
        "iot:Publish",
        "iot:Subscribe",
        "iot:Receive",
        "iot:RetainPublish",
        "iot:GetThingShadow",
        "iot:UpdateThingShadow",
        "iot:DeleteThingShadow",
        "iot:ListNamedShadowsForThing"
    ),
    allow!("AWSIoTFullAccess", "iot:*", "iotjobsdata:*"),
    allow!("AWSLambda_FullAccess", "lambda:*"),
    allow!("AdministratorAccess", "*"),
    allow!("AmazonDynamoDBFullAccess", "dynamodb:*"),
    allow!("AmazonKinesisFirehoseFullAccess", "firehose:*"),
    allow!("AmazonKinesisFullAccess", "kinesis:*"),
    allow!("AmazonS3FullAccess", "s3:*", "s3-object-lambda:*"),
    allow!(
        "AmazonS3ReadOnlyAccess",
        "s3:Get*",
        "s3:List*",
        "s3:Describe*"
    ),
    allow!("AmazonSNSFullAccess", "sns:*"),
    allow!("AmazonSQSFullAccess", "sqs:*"),
    allow!("AmazonTimestreamFullAccess", "timestream:*"),
    allow!("CloudWatchFullAccess", "cloudwatch:*", "logs:*"),
    allow!(
        "CloudWatchLogsFullAccess",
        "logs:*",
        "cloudwatch:GenerateQuery"
    ),
    allow!("PowerUserAccess", "*"),
    allow!(
        "service-role/AWSIoTLogging",
        "logs:CreateLogGroup",
        "logs:CreateLogStream",
        "logs:PutLogEvents",
        "logs:PutMetricFilter",
        "logs:PutRetentionPolicy"
    ),
    allow!(
        "service-role/AWSIoTRuleActions",
        "dynamodb:PutItem",
        "kinesis:PutRecord",
        "iot:Publish",
        "s3:PutObject",
        "sns:Publish",
        "sqs:SendMessage*",
        "cloudwatch:SetAlarmState",
        "cloudwatch:PutMetricData",
        "es:ESHttpPut",
        "firehose:PutRecord"
    ),
    allow!("service-role/AWSIoTThingsRegistration", "iot:*"),
    allow!(
        "service-role/AWSLambdaBasicExecutionRole",
        "logs:CreateLogGroup",
        "logs:CreateLogStream",
        "logs:PutLogEvents"
    ),
    allow!("service-role/AWSLambdaRole", "lambda:InvokeFunction"),
];

#[cfg(test)]
mod tests {
    use super::{COMPILED, POLICIES};

    #[test]
    fn every_policy_can_be_read() {
        for (policy, compiled) in POLICIES.iter().zip(COMPILED.iter()) {
            assert!(compiled.is_some(), "{}", policy.resource);
        }
    }
}
