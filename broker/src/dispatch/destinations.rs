//! Topic rule destinations: whether actions may send to them, and how their owners are asked.

use crate::world::World;
use http::{HeaderName, HeaderValue};
use rules::actions::Destination;
use rules::delivery::Destinations;
use rules::target::{AwsRequest, SendFailure, Service, Signing};
use serde_json::json;
use std::sync::Arc;
use things::{DestinationStatus, Things, TopicRuleDestination};

/// Decides by the destinations of the control plane.
pub(crate) struct StoredDestinations(pub(crate) Arc<Things>);

impl Destinations for StoredDestinations {
    fn check(&self, destination: &Destination) -> Result<(), String> {
        let found = match destination {
            Destination::Http(url) => self.0.http_destination(url).ok_or_else(|| {
                format!(
                    "there is no destination for {url}: create it with `aws iot \
                     create-topic-rule-destination` and confirm it"
                )
            })?,
            Destination::Arn(arn) => self.0.destination(arn).map_err(|why| why.to_string())?,
        };
        let (arn, status) = (&found.arn, found.status);
        match status {
            DestinationStatus::Enabled => Ok(()),
            DestinationStatus::InProgress => Err(format!(
                "the destination {arn} is not confirmed yet: follow the enableUrl of the message \
                 that it was sent"
            )),
            DestinationStatus::Disabled => Err(format!("the destination {arn} is disabled")),
            DestinationStatus::Error => Err(format!(
                "the destination {arn} could not be confirmed: set its status to IN_PROGRESS to \
                 try again"
            )),
        }
    }
}

/// The message that asks for a destination (developer guide, "Confirming HTTP action
/// destinations").
///
/// # Errors
/// An address that nothing can be sent to.
pub(crate) fn confirmation(
    world: &World,
    destination: &TopicRuleDestination,
) -> Result<AwsRequest, SendFailure> {
    let refused = |why: &str| SendFailure::permanent(why.to_owned());
    let url = destination.configuration["confirmationUrl"]
        .as_str()
        .ok_or_else(|| refused("there is no confirmationUrl"))?;
    let token = &destination.token;
    let api_url = world.functions.place().api_url.get();
    let api_url = api_url.map_or("", |url| url.as_str());
    let body = json!({
        "arn": destination.arn,
        "confirmationToken": token,
        "enableUrl": format!("{api_url}/confirmdestination/{token}"),
        "messageType": "DestinationConfirmation",
    });
    let split = url.strip_prefix("https://");
    let rest = split.ok_or_else(|| refused("confirmationUrl must begin with https://"))?;
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let mut request = AwsRequest::post(Service::Http, "application/json", body.to_string());
    request.signing = Signing::None;
    request.address = Some(format!("https://{host}"));
    request.path = format!("/{path}/").replace("//", "/");
    let own = format!("confirmationToken={token}");
    request.query = Some(match query {
        "" => own,
        query => format!("{query}&{own}"),
    });
    let arn = HeaderValue::from_str(&destination.arn).map_err(|why| refused(&why.to_string()))?;
    request.headers.extend([
        (
            HeaderName::from_static("x-amz-rules-engine-message-type"),
            HeaderValue::from_static("DestinationConfirmation"),
        ),
        (
            HeaderName::from_static("x-amz-rules-engine-destination-arn"),
            arn,
        ),
    ]);
    Ok(request)
}
