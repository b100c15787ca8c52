//! A request to an AWS service before it has an address and a signature.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method};
use std::fmt::Write;

/// The AWS services that actions call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Service {
    /// Amazon S3.
    S3,
    /// AWS Lambda.
    Lambda,
    /// Amazon SNS.
    Sns,
    /// Amazon SQS.
    Sqs,
    /// Amazon DynamoDB.
    DynamoDb,
    /// Amazon Kinesis Data Streams.
    Kinesis,
    /// Amazon Data Firehose.
    Firehose,
    /// Amazon CloudWatch Logs.
    CloudWatchLogs,
    /// Amazon CloudWatch metrics.
    CloudWatch,
}

impl Service {
    /// Every service, in the order of the documentation.
    pub const ALL: [Self; 9] = [
        Self::S3,
        Self::Lambda,
        Self::Sns,
        Self::Sqs,
        Self::DynamoDb,
        Self::Kinesis,
        Self::Firehose,
        Self::CloudWatchLogs,
        Self::CloudWatch,
    ];

    /// The name in configuration, and in lower case the end of `AWS_ENDPOINT_URL_<SERVICE>` (AWS
    /// SDKs and Tools Reference Guide, "Service-specific endpoints").
    #[must_use]
    pub fn endpoint_key(self) -> &'static str {
        match self {
            Self::S3 => "s3",
            Self::Lambda => "lambda",
            Self::Sns => "sns",
            Self::Sqs => "sqs",
            Self::DynamoDb => "dynamodb",
            Self::Kinesis => "kinesis",
            Self::Firehose => "firehose",
            Self::CloudWatchLogs => "cloudwatch_logs",
            Self::CloudWatch => "cloudwatch",
        }
    }

    /// The name in a signature's credential scope, which is also the first label of the service's
    /// host name.
    #[must_use]
    pub fn signing_name(self) -> &'static str {
        match self {
            Self::S3 => "s3",
            Self::Lambda => "lambda",
            Self::Sns => "sns",
            Self::Sqs => "sqs",
            Self::DynamoDb => "dynamodb",
            Self::Kinesis => "kinesis",
            Self::Firehose => "firehose",
            Self::CloudWatchLogs => "logs",
            Self::CloudWatch => "monitoring",
        }
    }

    /// The name that AWS's error texts carry (`Service: Amazon S3; Status Code: 404; ...`).
    #[must_use]
    pub fn display_name(self) -> &'static str {
        match self {
            Self::S3 => "Amazon S3",
            Self::Lambda => "AWSLambda",
            Self::Sns => "AmazonSNS",
            Self::Sqs => "AmazonSQS",
            Self::DynamoDb => "AmazonDynamoDBv2",
            Self::Kinesis => "AmazonKinesis",
            Self::Firehose => "AmazonKinesisFirehose",
            Self::CloudWatchLogs => "AWSLogs",
            Self::CloudWatch => "AmazonCloudWatch",
        }
    }
}

/// One call of an AWS operation, as data: tests and `/_thingcore/actions` show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwsRequest {
    /// The service called.
    pub service: Service,
    /// The region of the resource when its ARN names one; otherwise the server's own region.
    pub region: Option<String>,
    /// The HTTP method.
    pub method: Method,
    /// Percent-encoded path; for S3 in path style, `/bucket/key`.
    pub path: String,
    /// Percent-encoded query without the question mark.
    pub query: Option<String>,
    /// Headers that the operation wants, without host, date and signature.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The request body.
    pub body: Bytes,
}

impl AwsRequest {
    /// A POST to `/`, as the query and JSON protocols of AWS have it.
    #[must_use]
    pub fn post(service: Service, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        Self {
            service,
            region: None,
            method: Method::POST,
            path: "/".to_owned(),
            query: None,
            headers: vec![(
                http::header::CONTENT_TYPE,
                HeaderValue::from_static(content_type),
            )],
            body: body.into(),
        }
    }

    /// The path with the query.
    #[must_use]
    pub fn path_and_query(&self) -> String {
        match &self.query {
            Some(query) => format!("{}?{query}", self.path),
            None => self.path.clone(),
        }
    }
}

/// A call in AWS's query protocol: parameters in a form.
#[must_use]
pub fn query_form(service: Service, parameters: &[(&str, &str)]) -> AwsRequest {
    let pairs: Vec<String> = parameters
        .iter()
        .map(|(name, value)| format!("{}={}", encode_segment(name), encode_segment(value)))
        .collect();
    AwsRequest::post(
        service,
        "application/x-www-form-urlencoded; charset=utf-8",
        pairs.join("&"),
    )
}

/// A call in AWS's JSON protocol: the operation in `X-Amz-Target`.
#[must_use]
pub fn json_target(service: Service, target: &'static str, body: &serde_json::Value) -> AwsRequest {
    let version = match service {
        Service::DynamoDb => "application/x-amz-json-1.0",
        Service::S3
        | Service::Lambda
        | Service::Sns
        | Service::Sqs
        | Service::Kinesis
        | Service::Firehose
        | Service::CloudWatchLogs
        | Service::CloudWatch => "application/x-amz-json-1.1",
    };
    let mut request = AwsRequest::post(service, version, body.to_string());
    let name = HeaderName::from_static("x-amz-target");
    request
        .headers
        .push((name, HeaderValue::from_static(target)));
    request
}

/// Percent-encodes everything but unreserved characters, as SigV4 wants (RFC 3986 section 2.3).
#[must_use]
pub fn encode_segment(text: &str) -> String {
    encode(text, false)
}

/// As `encode_segment`, but keeps slashes.
#[must_use]
pub fn encode_path(text: &str) -> String {
    encode(text, true)
}

fn encode(text: &str, keep_slash: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) || (keep_slash && byte == b'/') {
            out.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_but_unreserved_characters_is_encoded() {
        assert_eq!(encode_segment("a/b c+ü~"), "a%2Fb%20c%2B%C3%BC~");
        assert_eq!(encode_path("room 1/$x.json"), "room%201/%24x.json");
    }
}
