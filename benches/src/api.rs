//! Creates and deletes topic rules through the AWS API of the broker under test.

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use std::env;
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::{Duration, SystemTime};

/// Where the API is and who asks.
pub(crate) struct Api {
    url: String,
    authority: String,
    region: String,
    credentials: Credentials,
}

/// What went wrong with a request.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiError {
    #[error("--api-url `{0}` is no URL like http://127.0.0.1:9883")]
    Url(String),
    #[error("no AWS API at {0}: {1}; --api-url says where it is")]
    Unreachable(String, io::Error),
    #[error("{0} was refused with status {1}: {2}")]
    Refused(String, u16, String),
    #[error("cannot sign a request: {0}")]
    Unsigned(String),
    #[error("{0} does not answer in HTTP; --api-url says where the AWS API is")]
    NotHttp(String),
}

const TIME_OUT: Duration = Duration::from_secs(10);

impl Api {
    pub(crate) fn new(url: &str, region: &str) -> Result<Self, ApiError> {
        let url = url.trim_end_matches('/');
        let authority = url
            .strip_prefix("http://")
            .filter(|rest| !rest.is_empty() && !rest.contains('/'))
            .ok_or_else(|| ApiError::Url(url.to_owned()))?;
        let authority = match authority.rsplit_once(':') {
            Some(_) => authority.to_owned(),
            None => format!("{authority}:80"),
        };
        let of = |name| env::var(name).unwrap_or_else(|_| "test".to_owned());
        let (id, secret) = (of("AWS_ACCESS_KEY_ID"), of("AWS_SECRET_ACCESS_KEY"));
        let token = env::var("AWS_SESSION_TOKEN").ok();
        Ok(Api {
            url: url.to_owned(),
            authority,
            region: region.to_owned(),
            credentials: Credentials::new(id, secret, token, None, "thingcore-bench"),
        })
    }

    /// Creates a rule that republishes what its SQL selects.
    pub(crate) fn create_rule(&self, name: &str, sql: &str, topic: &str) -> Result<(), ApiError> {
        let payload = serde_json::json!({
            "sql": sql,
            "awsIotSqlVersion": "2016-03-23",
            "ruleDisabled": false,
            "actions": [{"republish": {
                "roleArn": "arn:aws:iam::000000000000:role/thingcore-bench",
                "topic": topic,
            }}],
        });
        self.call("POST", &format!("/rules/{name}"), &payload.to_string())
    }

    pub(crate) fn delete_rule(&self, name: &str) -> Result<(), ApiError> {
        self.call("DELETE", &format!("/rules/{name}"), "")
    }

    fn call(&self, method: &str, path: &str, body: &str) -> Result<(), ApiError> {
        let headers = self.signed(method, path, body)?;
        let mut request = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\ncontent-length: {}\r\n\
             content-type: application/json\r\n",
            self.authority,
            body.len()
        );
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        request.push_str("\r\n");
        request.push_str(body);
        let answer = self
            .exchange(request.as_bytes())
            .map_err(|error| ApiError::Unreachable(self.url.clone(), error))?;
        let (status, text) =
            parse_answer(&answer).ok_or_else(|| ApiError::NotHttp(self.url.clone()))?;
        if (200..300).contains(&status) {
            return Ok(());
        }
        let what = format!("{method} {}{path}", self.url);
        Err(ApiError::Refused(what, status, text.trim().to_owned()))
    }

    fn exchange(&self, request: &[u8]) -> io::Result<String> {
        let mut addresses = self.authority.to_socket_addrs()?;
        let address = addresses.next().ok_or(io::ErrorKind::NotFound)?;
        let mut stream = TcpStream::connect_timeout(&address, TIME_OUT)?;
        stream.set_read_timeout(Some(TIME_OUT))?;
        stream.set_write_timeout(Some(TIME_OUT))?;
        stream.write_all(request)?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }

    /// The headers that sign a request.
    fn signed(
        &self,
        method: &str,
        path: &str,
        body: &str,
    ) -> Result<Vec<(String, String)>, ApiError> {
        let failed = |error: &dyn std::fmt::Display| ApiError::Unsigned(error.to_string());
        let identity = self.credentials.clone().into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name("iot")
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()
            .map_err(|error| failed(&error))?
            .into();
        let url = format!("{}{path}", self.url);
        let headers = [("host", self.authority.as_str())];
        let body = SignableBody::Bytes(body.as_bytes());
        let request = SignableRequest::new(method, url, headers.into_iter(), body)
            .map_err(|error| failed(&error))?;
        let (instructions, _) = sign(request, &params)
            .map_err(|error| failed(&error))?
            .into_parts();
        let headers = instructions.headers();
        Ok(headers
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect())
    }
}

/// Status and body.
fn parse_answer(answer: &str) -> Option<(u16, &str)> {
    let status = answer.strip_prefix("HTTP/1.")?.get(2..5)?.parse().ok()?;
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    Some((status, body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_taken_apart() {
        let answer = "HTTP/1.1 409 Conflict\r\na: b\r\n\r\n{\"message\":\"x\"}";
        assert_eq!(parse_answer(answer), Some((409, "{\"message\":\"x\"}")));
        assert_eq!(parse_answer("HTTP/1.1 200 OK"), Some((200, "")));
        assert_eq!(parse_answer("SSH-2.0"), None);
    }

    #[test]
    fn a_wrong_url_is_refused_with_an_example() {
        for url in ["127.0.0.1:9883", "https://x", "http://", "http://x/y"] {
            let error = Api::new(url, "us-east-1")
                .err()
                .map(|error| error.to_string());
            assert!(
                error.is_some_and(|text| text.contains("http://127.0.0.1:9883")),
                "{url}"
            );
        }
    }

    #[test]
    fn requests_are_signed_for_iot() {
        let api = Api::new("http://localhost:9883/", "eu-west-1").unwrap();
        let headers = api.signed("POST", "/rules/r", "{}").unwrap();
        let authorization = headers.iter().find(|(name, _)| name == "authorization");
        let value = &authorization.unwrap().1;
        assert!(value.contains("/eu-west-1/iot/aws4_request"), "{value}");
    }
}
