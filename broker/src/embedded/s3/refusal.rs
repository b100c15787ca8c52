//! S3's error documents.

use crate::body::BodyRefused;
use crate::xml::escaped;
use axum::body::Body;
use axum::response::Response;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};

/// S3's error document.
pub(crate) fn refusal(status: StatusCode, code: &'static str, message: &str) -> Response {
    Refused::new(status, code, message).into_response()
}

/// A request that is answered with S3's error document before s3s sees it.
#[derive(Debug)]
pub(super) struct Refused {
    status: StatusCode,
    code: &'static str,
    message: String,
    bucket: Option<String>,
}

impl Refused {
    pub(super) fn new(status: StatusCode, code: &'static str, message: &str) -> Self {
        Self {
            status,
            code,
            message: message.to_owned(),
            bucket: None,
        }
    }

    pub(super) fn bucket(mut self, bucket: &str) -> Self {
        self.bucket = Some(bucket.to_owned());
        self
    }

    pub(super) fn into_response(self) -> Response {
        let bucket = self.bucket.map(|b| format!("<BucketName>{b}</BucketName>"));
        let body = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{}</Code><Message>{}</Message>{}</Error>",
            self.code,
            escaped(&self.message),
            bucket.unwrap_or_default(),
        );
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = self.status;
        let xml = HeaderValue::from_static("application/xml");
        response.headers_mut().insert(CONTENT_TYPE, xml);
        response
    }
}

impl From<BodyRefused> for Refused {
    /// In the words of S3's list of error codes.
    fn from(refused: BodyRefused) -> Self {
        let (status, code, why) = match &refused {
            BodyRefused::TooLarge(_) => (
                StatusCode::BAD_REQUEST,
                "EntityTooLarge",
                "Your proposed upload exceeds the maximum allowed size",
            ),
            BodyRefused::TooSlow => (
                StatusCode::BAD_REQUEST,
                "RequestTimeout",
                "Your socket connection to the server was not read from or written to within the \
                 timeout period.",
            ),
            BodyRefused::BrokeOff(_) => (
                StatusCode::BAD_REQUEST,
                "IncompleteBody",
                "You did not provide the number of bytes specified by the Content-Length HTTP header.",
            ),
            BodyRefused::NoMemory => (
                StatusCode::SERVICE_UNAVAILABLE,
                "SlowDown",
                "Please reduce your request rate: the server has no memory for the request body now.",
            ),
        };
        Refused::new(status, code, why)
    }
}
