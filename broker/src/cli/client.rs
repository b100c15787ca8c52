//! A small client of a server's HTTP API, for the commands that talk to one.

use super::Usage;
use anyhow::{Context, bail};
use bytes::Bytes;
use http::header::HOST;
use http::{Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rules::target::{Credentials, sign};
use serde_json::Value;
use std::fmt;

/// One server's API.
pub(crate) struct Client {
    url: String,
    region: String,
    credentials: Credentials,
    http: HttpClient<HttpConnector, Full<Bytes>>,
}

/// A request. The service is what the signature's scope would name; `None` is for the server's
/// own `/_thingcore`.
#[derive(Clone, Debug)]
pub(crate) struct Call<'a> {
    pub(crate) service: Option<&'a str>,
    pub(crate) method: Method,
    /// With the query.
    pub(crate) path: &'a str,
    pub(crate) headers: &'a [(&'a str, &'a str)],
    pub(crate) body: Bytes,
}

impl Default for Call<'_> {
    fn default() -> Self {
        Self {
            service: None,
            method: Method::GET,
            path: "/",
            headers: &[],
            body: Bytes::new(),
        }
    }
}

/// An error of the API, with AWS's name for it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) struct ApiError {
    pub(crate) status: StatusCode,
    /// `ResourceNotFoundException`; empty when the answer has none.
    pub(crate) code: String,
    pub(crate) message: String,
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&*self.code, &*self.message) {
            ("", "") => write!(f, "the server answered {}", self.status),
            ("", message) => write!(f, "{message} ({})", self.status.as_u16()),
            (code, message) => write!(f, "{code}: {message}"),
        }
    }
}

impl Client {
    /// A client of the server at `url`.
    ///
    /// # Errors
    /// An address that is not one of HTTP.
    pub(crate) fn new(url: &str, region: &str) -> Result<Self, Usage> {
        let refused = || Usage(format!("`{url}` is no address: write it as in {DEFAULT}"));
        let uri: Uri = url.parse().map_err(|_| refused())?;
        if uri.scheme_str() != Some("http") || uri.host().is_none_or(str::is_empty) {
            return Err(refused());
        }
        Ok(Self {
            url: url.trim_end_matches('/').to_owned(),
            region: region.to_owned(),
            // A server that does not verify signatures believes any.
            credentials: Credentials::for_emulator("000000000000"),
            http: HttpClient::builder(TokioExecutor::new()).build_http(),
        })
    }

    /// Signs with keys that the server knows.
    pub(crate) fn signing_with(self, credentials: Credentials) -> Self {
        Self {
            credentials,
            ..self
        }
    }

    /// Sends a request once and gives the body of a successful answer.
    ///
    /// # Errors
    /// [`ApiError`] when the server refuses, anything else when it cannot be reached.
    pub(crate) async fn call(&self, call: Call<'_>) -> anyhow::Result<Bytes> {
        let body = self.stream(call).await?;
        Ok(body.collect().await?.to_bytes())
    }

    /// As [`Client::call`], for an answer that comes little by little.
    pub(crate) async fn stream(&self, call: Call<'_>) -> anyhow::Result<Incoming> {
        let url = &self.url;
        let uri: Uri = format!("{url}{}", call.path).parse()?;
        let host = uri.authority().map_or("", |authority| authority.as_str());
        let mut request = Request::builder()
            .method(call.method)
            .header(HOST, host)
            .uri(&uri);
        for (name, value) in call.headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(())?;
        if let Some(service) = call.service {
            let (credentials, region) = (&self.credentials, &self.region);
            sign(&mut request, &call.body, credentials, region, service)
                .map_err(anyhow::Error::msg)?;
        }
        let request = request.map(|()| Full::new(call.body));
        let response = self.http.request(request).await.map_err(|error| {
            if error.is_connect() {
                anyhow::anyhow!(
                    "no server answers at {url}: start one with `thingcore serve`, or name \
                     another with --url"
                )
            } else {
                anyhow::Error::from(error).context(format!("{url} does not answer"))
            }
        })?;
        let (parts, body) = response.into_parts();
        if parts.status.is_success() {
            return Ok(body);
        }
        let body = body.collect().await?.to_bytes();
        let code = parts.headers.get("x-amzn-errortype");
        let code = code.and_then(|code| code.to_str().ok());
        Err(refusal(parts.status, code, &body).into())
    }

    /// As [`Client::call`], for operations that answer in JSON.
    pub(crate) async fn json(&self, call: Call<'_>) -> anyhow::Result<Value> {
        let body = self.call(call).await?;
        if body.is_empty() {
            return Ok(Value::Null);
        }
        let Ok(value) = serde_json::from_slice(&body) else {
            bail!("{} does not answer as thingcore does", self.url);
        };
        Ok(value)
    }
}

const DEFAULT: &str = super::URL_DEFAULT;

fn refusal(status: StatusCode, code: Option<&str>, body: &[u8]) -> ApiError {
    let json: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = String::from_utf8_lossy(body);
    let member = |name: &str| {
        let named = json.get(name).and_then(Value::as_str);
        named.or_else(|| between(&text, &format!("<{name}>"), &format!("</{name}>")))
    };
    let code = code.or_else(|| member("Code")).unwrap_or_default();
    let message = member("message").or_else(|| member("Message"));
    ApiError {
        status,
        // `Name:http://...` is how some AWS services send it.
        code: code.split(':').next().unwrap_or_default().to_owned(),
        message: message.unwrap_or_default().to_owned(),
    }
}

fn between<'a>(text: &'a str, from: &str, to: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(from)?;
    rest.split_once(to).map(|(inner, _)| inner)
}

/// A member of an answer that has to be there.
pub(crate) fn text<'a>(answer: &'a Value, path: &[&str]) -> anyhow::Result<&'a str> {
    let found = path.iter().try_fold(answer, |value, name| value.get(name));
    found
        .and_then(Value::as_str)
        .with_context(|| format!("the answer has no `{}`", path.join(".")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(code: Option<&str>, body: &str, expected: &str) {
        let refusal = refusal(StatusCode::CONFLICT, code, body.as_bytes());
        assert_eq!(refusal.to_string(), expected, "{body}");
    }

    #[test]
    fn refusals_are_read_from_json_xml_and_nothing() {
        check(
            Some("ResourceAlreadyExistsException:http://x"),
            r#"{"message":"it is there"}"#,
            "ResourceAlreadyExistsException: it is there",
        );
        check(
            None,
            "<ErrorResponse><Error><Code>EntityAlreadyExists</Code><Message>so it is</Message>",
            "EntityAlreadyExists: so it is",
        );
        check(None, r#"{"message":"no"}"#, "no (409)");
        check(None, "", "the server answered 409 Conflict");
    }

    #[test]
    fn an_address_must_be_of_http() {
        for url in ["", "localhost:9883", "https://a:1", "/x"] {
            assert!(Client::new(url, "us-east-1").is_err(), "{url}");
        }
        assert!(Client::new("http://localhost:9883/", "us-east-1").is_ok());
    }
}
