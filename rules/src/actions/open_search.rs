//! `openSearch` and the older `elasticsearch`: puts the result into an index as a document
//! (developer guide, "OpenSearch rule action").

use super::action::{ActionRefused, Sends};
use super::params::Params;
use super::rendered::{Effect, Input, Permission, Rendered, Unrenderable};
use super::text::Text;
use crate::target::{AwsRequest, Service, encode_segment};
use http::Method;

struct OpenSearch {
    kind: &'static str,
    role_arn: String,
    endpoint: Text,
    index: Text,
    document_type: Text,
    id: Text,
}

pub(super) fn parse(params: &mut Params<'_>) -> Result<Box<dyn Sends>, ActionRefused> {
    parse_as("openSearch", params)
}

pub(super) fn parse_elasticsearch(
    params: &mut Params<'_>,
) -> Result<Box<dyn Sends>, ActionRefused> {
    parse_as("elasticsearch", params)
}

fn parse_as(kind: &'static str, params: &mut Params<'_>) -> Result<Box<dyn Sends>, ActionRefused> {
    Ok(Box::new(OpenSearch {
        kind,
        role_arn: params.role_arn()?,
        endpoint: params.checked("endpoint", |url| host(url).map(|_| ()))?,
        index: params.text("index")?,
        document_type: params.text("type")?,
        id: params.text("id")?,
    }))
}

/// The host name in a domain's endpoint.
fn host(url: &str) -> Result<&str, String> {
    let refused = || format!("`{url}` is not an http or https address");
    let (scheme, rest) = url.split_once("://").ok_or_else(refused)?;
    let host = rest.split(['/', ':']).next().unwrap_or_default();
    if !matches!(scheme, "http" | "https") || host.is_empty() {
        return Err(refused());
    }
    Ok(host)
}

/// The name in `search-NAME-ID.REGION.es.amazonaws.com`, for the domain's ARN.
fn domain(host: &str) -> &str {
    let label = host.split('.').next().unwrap_or_default();
    let label = label.strip_prefix("search-").unwrap_or(label);
    label.rsplit_once('-').map_or(label, |(name, _)| name)
}

impl Sends for OpenSearch {
    fn render(&self, input: &mut Input<'_, '_>) -> Result<Rendered, Unrenderable> {
        let endpoint = input.text(&self.endpoint)?;
        let in_domain = |refused| Unrenderable {
            resource: endpoint.clone(),
            ..refused
        };
        let index = input.text(&self.index).map_err(in_domain)?;
        let document_type = input.text(&self.document_type).map_err(in_domain)?;
        let id = input.text(&self.id).map_err(in_domain)?;
        let path: Vec<String> = [&index, &document_type, &id]
            .map(|segment| encode_segment(segment))
            .into();
        let mut request = AwsRequest::post(
            Service::OpenSearch,
            "application/json",
            input.payload.clone(),
        );
        request.method = Method::PUT;
        request.path = format!("/{}", path.join("/"));
        request.address = Some(endpoint.trim_end_matches('/').to_owned());
        let name = domain(host(&endpoint).unwrap_or_default());
        let permission = Permission {
            role_arn: self.role_arn.clone(),
            action: "es:ESHttpPut",
            resource: input
                .place
                .arn("es", &format!("domain/{name}/{}", path.join("/"))),
        };
        Ok(Rendered {
            details: format!(
                "Action: {}, Endpoint: {endpoint}, Index: {index}, Type: {document_type}, Id: {id}",
                self.kind
            ),
            ..Rendered::new(
                permission,
                Effect::Request(request),
                "Failed to put OpenSearch document",
                endpoint,
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_domain_is_named_in_its_host() {
        let aws = "search-rooms-1-k2uxnilovkfxdqhk7tqtlgc5ni.us-east-1.es.amazonaws.com";
        assert_eq!(domain(aws), "rooms-1");
        assert_eq!(domain("localhost"), "localhost");
    }

    #[test]
    fn endpoints_are_addresses() {
        assert_eq!(host("https://a.test:9200/x"), Ok("a.test"));
        for wrong in ["a.test", "ftp://a.test", "https://"] {
            assert!(host(wrong).is_err(), "{wrong}");
        }
    }
}
