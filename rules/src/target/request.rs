//! A request to an AWS service before it has an address and a signature.

use super::secret::Secret;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method};
use std::fmt::Write;

/// The AWS services that rules call.
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
    /// Amazon CloudWatch metrics and alarms.
    CloudWatch,
    /// AWS Step Functions.
    StepFunctions,
    /// Amazon Timestream for LiveAnalytics, writing.
    Timestream,
    /// Amazon Location Service, trackers.
    Location,
    /// Amazon OpenSearch Service domains, and those of Elasticsearch.
    OpenSearch,
    /// AWS IoT Analytics.
    IotAnalytics,
    /// AWS IoT Events, data.
    IotEvents,
    /// AWS IoT SiteWise.
    IotSiteWise,
    /// AWS Secrets Manager.
    SecretsManager,
    /// Amazon Machine Learning, predictions.
    MachineLearning,
    /// Apache Kafka: brokers of Amazon MSK or of anybody.
    Kafka,
    /// No AWS service: an HTTPS endpoint of anybody.
    Http,
    /// No AWS service: InfluxDB, of Amazon Timestream or of anybody.
    InfluxDb,
}

/// How a service is called in the places where it has a name.
struct Names {
    endpoint_key: &'static str,
    signing: &'static str,
    host: &'static str,
    display: &'static str,
}

const fn names(
    endpoint_key: &'static str,
    signing: &'static str,
    host: &'static str,
    display: &'static str,
) -> Names {
    Names {
        endpoint_key,
        signing,
        host,
        display,
    }
}

impl Service {
    /// Every service whose endpoint can be set, in the order of the documentation.
    pub const ALL: [Self; 19] = [
        Self::S3,
        Self::Lambda,
        Self::Sns,
        Self::Sqs,
        Self::DynamoDb,
        Self::Kinesis,
        Self::Firehose,
        Self::CloudWatchLogs,
        Self::CloudWatch,
        Self::StepFunctions,
        Self::Timestream,
        Self::Location,
        Self::OpenSearch,
        Self::IotAnalytics,
        Self::IotEvents,
        Self::IotSiteWise,
        Self::SecretsManager,
        Self::MachineLearning,
        Self::Kafka,
    ];

    fn names(self) -> Names {
        match self {
            Self::S3 => names("s3", "s3", "s3", "Amazon S3"),
            Self::Lambda => names("lambda", "lambda", "lambda", "AWSLambda"),
            Self::Sns => names("sns", "sns", "sns", "AmazonSNS"),
            Self::Sqs => names("sqs", "sqs", "sqs", "AmazonSQS"),
            Self::DynamoDb => names("dynamodb", "dynamodb", "dynamodb", "AmazonDynamoDBv2"),
            Self::Kinesis => names("kinesis", "kinesis", "kinesis", "AmazonKinesis"),
            Self::Firehose => names("firehose", "firehose", "firehose", "AmazonKinesisFirehose"),
            Self::CloudWatchLogs => names("cloudwatch_logs", "logs", "logs", "AWSLogs"),
            Self::CloudWatch => names("cloudwatch", "monitoring", "monitoring", "AmazonCloudWatch"),
            Self::StepFunctions => names("sfn", "states", "states", "AWSStepFunctions"),
            Self::Timestream => names(
                "timestream_write",
                "timestream",
                "ingest.timestream",
                "AmazonTimestreamWrite",
            ),
            Self::Location => names("location", "geo", "tracking.geo", "AmazonLocation"),
            Self::OpenSearch => names("opensearch", "es", "es", "AmazonOpenSearch"),
            Self::IotAnalytics => names(
                "iotanalytics",
                "iotanalytics",
                "data.iotanalytics",
                "AWSIoTAnalytics",
            ),
            Self::IotEvents => names(
                "iot_events_data",
                "ioteventsdata",
                "data.iotevents",
                "AWSIoTEventsData",
            ),
            Self::IotSiteWise => names(
                "iotsitewise",
                "iotsitewise",
                "data.iotsitewise",
                "AWSIoTSiteWise",
            ),
            Self::SecretsManager => names(
                "secrets_manager",
                "secretsmanager",
                "secretsmanager",
                "AWSSecretsManager",
            ),
            Self::Kafka => names("kafka", "kafka", "kafka", "Apache Kafka"),
            Self::Http => names("http", "", "", "HTTP"),
            Self::InfluxDb => names("influxdb", "", "", "InfluxDB"),
            Self::MachineLearning => names(
                "machine_learning",
                "machinelearning",
                "realtime.machinelearning",
                "AmazonMachineLearning",
            ),
        }
    }

    /// The name in configuration, and in lower case the end of `AWS_ENDPOINT_URL_<SERVICE>` (AWS
    /// SDKs and Tools Reference Guide, "Service-specific endpoints").
    #[must_use]
    pub fn endpoint_key(self) -> &'static str {
        self.names().endpoint_key
    }

    /// The name in a signature's credential scope.
    #[must_use]
    pub fn signing_name(self) -> &'static str {
        self.names().signing
    }

    /// The first labels of the service's host name at AWS, before the region.
    #[must_use]
    pub fn host(self) -> &'static str {
        self.names().host
    }

    /// The name that AWS's error texts carry (`Service: Amazon S3; Status Code: 404; ...`).
    #[must_use]
    pub fn display_name(self) -> &'static str {
        self.names().display
    }
}

/// How a request is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signing {
    /// As the service wants it.
    Own,
    /// Not at all.
    None,
    /// For another region and service.
    As {
        /// The region.
        region: String,
        /// The service, as in a credential scope.
        service: String,
    },
    /// Not signed, but with a token from Secrets Manager in `Authorization`.
    Token {
        /// The word before the token (`Bearer`).
        scheme: &'static str,
        /// Where the token is.
        secret: Secret,
    },
}

/// One call of an AWS operation, as data: tests and `/_thingcore/actions` show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwsRequest {
    /// The service called.
    pub service: Service,
    /// How it is signed.
    pub signing: Signing,
    /// The service's address when the call names one: scheme, host and port.
    pub address: Option<String>,
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
            signing: Signing::Own,
            address: None,
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
        Service::DynamoDb | Service::StepFunctions | Service::Timestream => {
            "application/x-amz-json-1.0"
        }
        _ => "application/x-amz-json-1.1",
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
