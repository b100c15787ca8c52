//! The AWS API of the broker under test: creates and deletes topic rules, and signs WebSockets.

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    SessionTokenMode, SignableBody, SignableRequest, SignatureLocation, SigningInstructions,
    SigningSettings, sign,
};
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

/// How long the URL of a WebSocket may be used.
const WEBSOCKET_VALID: Duration = Duration::from_secs(300);

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
        Ok(Api {
            url: url.to_owned(),
            authority,
            region: region.to_owned(),
            credentials: credentials(),
        })
    }

    /// Host and port.
    pub(crate) fn authority(&self) -> &str {
        &self.authority
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
    pub(crate) fn signed(
        &self,
        method: &str,
        path: &str,
        body: &str,
    ) -> Result<Vec<(String, String)>, ApiError> {
        let url = format!("{}{path}", self.url);
        let headers = [("host", self.authority.as_str())];
        let body = SignableBody::Bytes(body.as_bytes());
        let request = SignableRequest::new(method, url, headers.into_iter(), body);
        let request = request.map_err(unsigned)?;
        let settings = SigningSettings::default();
        let scope = (self.region.as_str(), "iot");
        let instructions = signature(&self.credentials, scope, settings, request)?;
        let headers = instructions.headers();
        Ok(headers
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect())
    }
}

/// The path of a WebSocket at `host` with a query that signs it, as AWS IoT wants it: the session
/// token, if there is one, comes after the signature.
pub(crate) fn signed_websocket(host: &str, path: &str, region: &str) -> Result<String, ApiError> {
    let mut settings = SigningSettings::default();
    settings.signature_location = SignatureLocation::QueryParams;
    settings.session_token_mode = SessionTokenMode::Exclude;
    settings.expires_in = Some(WEBSOCKET_VALID);
    let headers = [("host", host)].into_iter();
    let url = format!("wss://{host}{path}");
    let request = SignableRequest::new("GET", url, headers, SignableBody::Bytes(b""));
    let request = request.map_err(unsigned)?;
    let scope = (region, "iotdevicegateway");
    let credentials = credentials();
    let instructions = signature(&credentials, scope, settings, request)?;
    let token = credentials.session_token();
    let token = token.map(|token| ("X-Amz-Security-Token", token));
    let query: Vec<String> = (instructions.params().iter())
        .map(|(name, value)| (*name, value.as_ref()))
        .chain(token)
        .map(|(name, value)| format!("{name}={}", percent_encoded(value)))
        .collect();
    Ok(format!("{path}?{}", query.join("&")))
}

/// Text for a query, as signatures are computed over it: all but the unreserved characters encoded.
fn percent_encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                char::from(byte).to_string()
            }
            byte => format!("%{byte:02X}"),
        })
        .collect()
}

/// The keys in the environment.
fn credentials() -> Credentials {
    let of = |name| env::var(name).unwrap_or_else(|_| "test".to_owned());
    let (id, secret) = (of("AWS_ACCESS_KEY_ID"), of("AWS_SECRET_ACCESS_KEY"));
    let token = env::var("AWS_SESSION_TOKEN").ok();
    Credentials::new(id, secret, token, None, "thingcore-bench")
}

fn unsigned(error: impl std::fmt::Display) -> ApiError {
    ApiError::Unsigned(error.to_string())
}

/// Signs for a region and a service.
fn signature(
    credentials: &Credentials,
    (region, service): (&str, &str),
    settings: SigningSettings,
    request: SignableRequest<'_>,
) -> Result<SigningInstructions, ApiError> {
    let identity = credentials.clone().into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name(service)
        .time(SystemTime::now())
        .settings(settings)
        .build()
        .map_err(unsigned)?
        .into();
    let (instructions, _) = sign(request, &params).map_err(unsigned)?.into_parts();
    Ok(instructions)
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
    fn websockets_are_signed_in_their_query() {
        let path = signed_websocket("localhost:8443", "/mqtt", "eu-west-1").unwrap();
        let (path, query) = path.split_once('?').unwrap();
        assert_eq!(path, "/mqtt");
        let names: Vec<&str> = query
            .split('&')
            .filter_map(|pair| Some(pair.split_once('=')?.0))
            .collect();
        for name in ["X-Amz-Credential", "X-Amz-Expires", "X-Amz-Signature"] {
            assert!(names.contains(&name), "{query}");
        }
        assert!(
            query.contains("%2Feu-west-1%2Fiotdevicegateway%2Faws4_request"),
            "{query}"
        );
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
