//! `http`: posts the result to an HTTPS endpoint whose owner has confirmed that he wants it
//! (developer guide, "HTTP action").

use super::action::{ActionRefused, Sends};
use super::params::Params;
use super::rendered::{BatchForm, Batching, Destination, Effect, Input, Rendered, Unrenderable};
use super::text::Text;
use crate::target::{AwsRequest, Service, Signing};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue, Uri};
use serde_json::value::RawValue;
use std::time::Duration;

const HEADERS_MAX: usize = 100;
const HEADER_KEY_BYTES_MAX: usize = 256;
const URL_CHARS_MAX: usize = 2000;

struct Http {
    url: Text,
    confirmation_url: Option<Text>,
    headers: Vec<(HeaderName, Text)>,
    signing: Signing,
    batching: Option<Limits>,
}

/// When a batch is closed: at the first limit that it reaches.
#[derive(Clone, Copy)]
struct Limits {
    open: Duration,
    messages: usize,
    bytes: usize,
    across_topics: bool,
}

pub(super) fn parse(params: &mut Params<'_>) -> Result<Box<dyn Sends>, ActionRefused> {
    let url = params.checked("url", |url| check_url(url).map(|_| ()))?;
    let confirmation_url =
        params.optional_checked("confirmationUrl", |url| check_url(url).map(|_| ()))?;
    let at = |name: &str| format!("{}.{name}", params.path());
    match (confirmation_url.as_ref().map(Text::literal), url.literal()) {
        (None, None) => {
            let why = "is missing: a `url` with a template needs one";
            return Err(ActionRefused::new(&at("confirmationUrl"), why));
        }
        (Some(Some(confirmation)), Some(url)) if !url.starts_with(confirmation) => {
            let why = format!("`{confirmation}` must be the begin of `url`");
            return Err(ActionRefused::new(&at("confirmationUrl"), &why));
        }
        (None | Some(_), _) => {}
    }
    Ok(Box::new(Http {
        url,
        confirmation_url,
        headers: headers(params)?,
        signing: signing(params)?,
        batching: batching(params)?,
    }))
}

fn headers(params: &mut Params<'_>) -> Result<Vec<(HeaderName, Text)>, ActionRefused> {
    let mut headers = Vec::new();
    for mut header in params.objects("headers", HEADERS_MAX)? {
        let key = header.required_string("key")?;
        let name = HeaderName::from_bytes(key.as_bytes()).ok();
        let Some(name) = name.filter(|_| key.len() <= HEADER_KEY_BYTES_MAX) else {
            let why = format!("`{key}` is not the name of a header");
            return Err(ActionRefused::new(&format!("{}.key", header.path()), &why));
        };
        let value = header
            .optional_text("value")?
            .ok_or_else(|| ActionRefused::new(&format!("{}.value", header.path()), "is missing"))?;
        header.finish()?;
        headers.push((name, value));
    }
    Ok(headers)
}

fn signing(params: &mut Params<'_>) -> Result<Signing, ActionRefused> {
    let Some(mut auth) = params.object("auth")? else {
        return Ok(Signing::None);
    };
    let Some(mut sigv4) = auth.object("sigv4")? else {
        auth.finish()?;
        return Ok(Signing::None);
    };
    auth.finish()?;
    // AWS signs with the role's credentials; here with those of the server.
    sigv4.role_arn()?;
    let signing = Signing::As {
        region: sigv4.required_string("signingRegion")?.to_owned(),
        service: sigv4.required_string("serviceName")?.to_owned(),
    };
    sigv4.finish()?;
    Ok(signing)
}

fn batching(params: &mut Params<'_>) -> Result<Option<Limits>, ActionRefused> {
    let enabled = params.flag("enableBatching")?;
    let config = params.object("batchConfig")?;
    if params.is_error_action() && (enabled || config.is_some()) {
        let path = format!("{}.batchConfig", params.path());
        let why = "an error action cannot be batched";
        return Err(ActionRefused::new(&path, why));
    }
    let mut limits = Limits {
        open: Duration::from_millis(20),
        messages: 10,
        bytes: 5120,
        across_topics: false,
    };
    if let Some(mut config) = config {
        if let Some(open_ms) = config.integer("maxBatchOpenMs", 5..=200)? {
            limits.open = Duration::from_millis(open_ms);
        }
        let size = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        if let Some(messages) = config.integer("maxBatchSize", 2..=10)? {
            limits.messages = size(messages);
        }
        if let Some(bytes) = config.integer("maxBatchSizeBytes", 100..=131_072)? {
            limits.bytes = size(bytes);
        }
        limits.across_topics = config.flag("batchAcrossTopics")?;
        config.finish()?;
    }
    Ok(enabled.then_some(limits))
}

/// An https address taken apart: scheme with host, and the rest. AWS allows the ports 443 and
/// 8443 only; a server on one's own machine is rarely on them, so any port is taken.
fn check_url(url: &str) -> Result<(String, Uri), String> {
    let refused = |why: &str| format!("`{url}` {why}");
    if url.chars().count() > URL_CHARS_MAX {
        return Err(format!("must have at most {URL_CHARS_MAX} characters"));
    }
    let uri: Uri = url.parse().map_err(|_| refused("is not an address"))?;
    if uri.scheme_str() != Some("https") {
        return Err(refused("must begin with https://"));
    }
    match uri.authority() {
        Some(authority) if authority.host().starts_with('[') => {
            Err(refused("must have a host name or an IPv4 address"))
        }
        Some(authority) if !authority.host().is_empty() => {
            Ok((format!("https://{authority}"), uri.clone()))
        }
        Some(_) | None => Err(refused("has no host")),
    }
}

impl Http {
    fn headers(
        &self,
        payload: &Bytes,
        input: &mut Input<'_, '_>,
    ) -> Result<Vec<(HeaderName, HeaderValue)>, Unrenderable> {
        let mut headers = Vec::with_capacity(self.headers.len() + 1);
        let own_type = self.headers.iter().any(|(name, _)| name == CONTENT_TYPE);
        if self.batching.is_some() || !own_type {
            let json = serde_json::from_slice::<serde::de::IgnoredAny>(payload).is_ok();
            let kind = match self.batching.is_some() || json {
                true => "application/json",
                false => "application/octet-stream",
            };
            headers.push((CONTENT_TYPE, HeaderValue::from_static(kind)));
        }
        for (name, value) in &self.headers {
            if self.batching.is_some() && name == CONTENT_TYPE {
                continue;
            }
            let value = input.text(value)?;
            let value = HeaderValue::from_str(&value).map_err(|_| {
                Unrenderable::new(format!(
                    "the value of the header `{name}` has control characters"
                ))
            })?;
            headers.push((name.clone(), value));
        }
        Ok(headers)
    }

    /// The message as an element of the array that a batch is.
    fn element(&self, input: &Input<'_, '_>) -> Result<Bytes, Unrenderable> {
        if self.batching.is_none() {
            return Ok(input.payload.clone());
        }
        let text = input.payload_text()?;
        if serde_json::from_str::<&RawValue>(text).is_ok() {
            return Ok(input.payload.clone());
        }
        Ok(serde_json::Value::from(text).to_string().into())
    }
}

impl Sends for Http {
    fn render(&self, input: &mut Input<'_, '_>) -> Result<Rendered, Unrenderable> {
        let url = input.text(&self.url)?;
        let at_url = |message: String| Unrenderable {
            message,
            resource: url.clone(),
        };
        let (address, uri) = check_url(&url).map_err(at_url)?;
        let confirmation = input
            .optional(self.confirmation_url.as_ref())
            .map_err(|refused| at_url(refused.message))?;
        let confirmation = confirmation.unwrap_or_else(|| url.clone());
        if !url.starts_with(&confirmation) {
            let why = format!("`confirmationUrl`: `{confirmation}` is not the begin of the url");
            return Err(at_url(why));
        }
        let body = self
            .element(input)
            .map_err(|refused| at_url(refused.message))?;
        let mut request = AwsRequest::post(Service::Http, "application/json", body);
        request.headers = self
            .headers(input.payload, input)
            .map_err(|refused| at_url(refused.message))?;
        request.address = Some(address);
        request.path = uri.path().to_owned();
        request.query = uri.query().map(str::to_owned);
        request.signing = self.signing.clone();
        let batching = self.batching.map(|limits| Batching {
            open: limits.open,
            messages: limits.messages,
            bytes: limits.bytes,
            across_topics: limits.across_topics,
            form: BatchForm::Array,
            weight: 1,
        });
        Ok(Rendered {
            permissions: Vec::new(),
            resource: url,
            effect: Effect::Request(request),
            failure: "HttpAction failed to make a request to the specified endpoint",
            details: String::new(),
            missing: None,
            destination: Some(Destination::Http(confirmation)),
            batching,
        })
    }

    fn destination_url(&self) -> Option<&str> {
        match &self.confirmation_url {
            Some(url) => url.literal(),
            None => self.url.literal(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_https_with_a_host() {
        for url in ["https://a.test", "https://127.0.0.1:8443/x?y=z"] {
            assert!(check_url(url).is_ok(), "{url}");
        }
        for url in [
            "http://a.test",
            "https://",
            "https://[::1]/",
            "a.test",
            "https://a b",
        ] {
            assert!(check_url(url).is_err(), "{url}");
        }
    }
}
