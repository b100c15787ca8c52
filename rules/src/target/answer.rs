//! What came back from a target, and whether sending again may help.

use super::request::Service;
use bytes::Bytes;
use http::StatusCode;
use serde_json::Value;

/// Beyond this an endpoint's answer ends the tries of an HTTP action.
const HTTP_ANSWER_BYTES_MAX: usize = 16_384;

/// An HTTP answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// `x-amzn-errortype`, where the REST JSON protocol names the error.
    pub error_type: Option<String>,
    /// Whether a function answered that it failed (`x-amz-function-error`).
    pub function_failed: bool,
    /// The body, at most the client's limit.
    pub body: Bytes,
}

/// A request that did not do what it should.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SendFailure {
    /// What went wrong, for the error action's payload.
    pub message: String,
    /// The status, when there was an answer.
    pub status: Option<StatusCode>,
    /// The error's code, when the answer has one.
    pub code: Option<String>,
    /// Whether it is worth another try.
    pub retryable: bool,
}

impl SendFailure {
    /// A failure without an answer: refused connection, time-out, broken TLS. Worth another try.
    #[must_use]
    pub fn unreachable(message: String) -> Self {
        Self {
            message,
            status: None,
            code: None,
            retryable: true,
        }
    }

    /// A failure that no repetition cures.
    #[must_use]
    pub fn permanent(message: String) -> Self {
        Self {
            message,
            status: None,
            code: None,
            retryable: false,
        }
    }
}

impl Answer {
    /// Splits success from failure. A server error, 429 and an error code of throttling are worth
    /// another try (AWS SDKs and Tools Reference Guide, "Retry behavior").
    ///
    /// # Errors
    /// Any status outside 200..=299, and a batch of which not everything was taken.
    pub fn into_result(self, service: Service) -> Result<StatusCode, SendFailure> {
        if self.status.is_success() {
            return match self.left_out() {
                None => Ok(self.status),
                Some(why) => Err(SendFailure {
                    message: format!("not everything was taken: {why}"),
                    status: Some(self.status),
                    code: None,
                    retryable: false,
                }),
            };
        }
        if service == Service::Http {
            return Err(self.refused_by_endpoint());
        }
        let (code, message) = self.error();
        let throttled = code.as_deref().is_some_and(is_throttling);
        let failed_for_now = match service {
            // Its other errors are said to last (developer guide, "InfluxDB").
            Service::InfluxDb => self.status == StatusCode::SERVICE_UNAVAILABLE,
            _ => self.status.is_server_error(),
        };
        let retryable = failed_for_now || self.status == StatusCode::TOO_MANY_REQUESTS || throttled;
        let message = format!(
            "{} (Service: {}; Status Code: {}; Error Code: {})",
            message
                .as_deref()
                .unwrap_or_else(|| self.status.canonical_reason().unwrap_or("error")),
            service.display_name(),
            self.status.as_u16(),
            code.as_deref().unwrap_or("null"),
        );
        Err(SendFailure {
            message,
            status: Some(self.status),
            code,
            retryable,
        })
    }

    /// The failure of an HTTP action, in AWS's words. One whose answer is long is not tried again
    /// (developer guide, "HTTP action").
    fn refused_by_endpoint(&self) -> SendFailure {
        let retryable =
            self.status.is_server_error() || self.status == StatusCode::TOO_MANY_REQUESTS;
        let reason = self.status.canonical_reason().unwrap_or("unknown");
        SendFailure {
            message: format!("StatusCode: {}. Reason: {reason}.", self.status.as_u16()),
            status: Some(self.status),
            code: None,
            retryable: retryable && self.body.len() <= HTTP_ANSWER_BYTES_MAX,
        }
    }

    /// What an answer that is none of an error says of the parts that it does not take.
    fn left_out(&self) -> Option<String> {
        const LISTS: [&str; 4] = [
            "errorEntries",
            "batchPutMessageErrorEntries",
            "BatchPutMessageErrorEntries",
            "Errors",
        ];
        let json: Value = serde_json::from_slice(&self.body).ok()?;
        let count = json.get("FailedPutCount").and_then(Value::as_u64);
        if count.is_some_and(|count| count > 0) {
            return json.get("RequestResponses").map(Value::to_string);
        }
        let mut lists = LISTS.iter().filter_map(|name| json.get(name)?.as_array());
        lists
            .find(|list| !list.is_empty())
            .map(|list| Value::from(list.clone()).to_string())
    }

    /// The error's code and message, from XML (S3, query protocol) or JSON.
    fn error(&self) -> (Option<String>, Option<String>) {
        let text = String::from_utf8_lossy(&self.body);
        let json: Option<Value> = serde_json::from_str(&text).ok();
        let member = |names: &[&str]| {
            let json = json.as_ref()?;
            names
                .iter()
                .find_map(|name| json.get(name)?.as_str().map(str::to_owned))
        };
        let code = self
            .error_type
            .clone()
            .or_else(|| member(&["__type", "code", "Code", "Type"]));
        let code = code
            .map(|code| bare_code(&code))
            .or_else(|| element(&text, "Code"));
        (
            code,
            member(&["message", "Message", "error"]).or_else(|| element(&text, "Message")),
        )
    }
}

/// `com.amazonaws.x#ThrottlingException:http://...` is `ThrottlingException`.
fn bare_code(code: &str) -> String {
    let code = code.split(':').next().unwrap_or_default();
    code.rsplit('#').next().unwrap_or_default().to_owned()
}

/// The text of the first XML element of a name.
fn element(xml: &str, name: &str) -> Option<String> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    let (text, _) = rest.split_once(&format!("</{name}>"))?;
    Some(text.trim().to_owned())
}

fn is_throttling(code: &str) -> bool {
    const CODES: [&str; 6] = [
        "Throttl",
        "TooManyRequests",
        "ProvisionedThroughputExceeded",
        "RequestLimitExceeded",
        "SlowDown",
        "LimitExceededException",
    ];
    CODES.iter().any(|known| code.contains(known))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(
        status: u16,
        error_type: Option<&str>,
        body: &str,
        expected: Result<(), (&str, bool)>,
    ) {
        let answer = Answer {
            status: StatusCode::from_u16(status).unwrap(),
            error_type: error_type.map(str::to_owned),
            function_failed: false,
            body: Bytes::copy_from_slice(body.as_bytes()),
        };
        let got = answer
            .into_result(Service::S3)
            .map(|_| ())
            .map_err(|f| (f.message, f.retryable));
        assert_eq!(
            got,
            expected.map_err(|(m, r)| (m.to_owned(), r)),
            "{status} {body}"
        );
    }

    #[test]
    fn answers_are_told_apart_by_status_and_code() {
        let s3 = "<Error><Code>NoSuchBucket</Code><Message>The specified bucket does not exist</Message></Error>";
        check(200, None, "", Ok(()));
        check(202, None, "", Ok(()));
        check(
            404,
            None,
            s3,
            Err((
                "The specified bucket does not exist (Service: Amazon S3; Status Code: 404; Error Code: NoSuchBucket)",
                false,
            )),
        );
        check(
            400,
            None,
            r#"{"__type":"com.amazonaws.dynamodb#ProvisionedThroughputExceededException","message":"slow"}"#,
            Err((
                "slow (Service: Amazon S3; Status Code: 400; Error Code: ProvisionedThroughputExceededException)",
                true,
            )),
        );
        check(
            404,
            Some("ResourceNotFoundException:http://x"),
            r#"{"Message":"no function"}"#,
            Err((
                "no function (Service: Amazon S3; Status Code: 404; Error Code: ResourceNotFoundException)",
                false,
            )),
        );
        check(
            503,
            None,
            "",
            Err((
                "Service Unavailable (Service: Amazon S3; Status Code: 503; Error Code: null)",
                true,
            )),
        );
        check(
            429,
            None,
            "",
            Err((
                "Too Many Requests (Service: Amazon S3; Status Code: 429; Error Code: null)",
                true,
            )),
        );
        check(
            302,
            None,
            "",
            Err((
                "Found (Service: Amazon S3; Status Code: 302; Error Code: null)",
                false,
            )),
        );
    }
}
