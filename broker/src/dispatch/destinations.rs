//! Topic rule destinations: whether actions may send to them, and how their owners are asked.

use crate::world::World;
use http::{HeaderName, HeaderValue};
use rules::actions::{Destination, InfluxInstance};
use rules::delivery::Destinations;
use rules::target::{AwsRequest, SendFailure, Service, Signing};
use serde_json::{Value, json};
use std::sync::Arc;
use things::{DestinationStatus, RoleDecision, Things, TopicRuleDestination};

/// The kind whose owner confirms it himself.
const HTTP: &str = "httpUrlConfiguration";

/// What the role of a VPC destination must allow (developer guide, "Apache Kafka", requirements).
const NETWORK_ACTIONS: [&str; 8] = [
    "ec2:CreateNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:CreateNetworkInterfacePermission",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeSubnets",
    "ec2:DescribeVpcs",
    "ec2:DescribeVpcAttribute",
    "ec2:DescribeSecurityGroups",
];

/// Decides by the destinations of the control plane.
pub(crate) struct StoredDestinations(pub(crate) Arc<Things>);

impl Destinations for StoredDestinations {
    fn enabled(&self, destination: &Destination) -> Result<Value, String> {
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
            DestinationStatus::Enabled => Ok(found.configuration),
            DestinationStatus::InProgress if found.kind == HTTP => Err(format!(
                "the destination {arn} is not confirmed yet: follow the enableUrl of the message \
                 that it was sent"
            )),
            DestinationStatus::InProgress => {
                Err(format!("the destination {arn} is still being checked"))
            }
            DestinationStatus::Disabled => Err(format!("the destination {arn} is disabled")),
            DestinationStatus::Error => Err(format!(
                "the destination {arn} could not be confirmed: set its status to IN_PROGRESS to \
                 try again"
            )),
        }
    }
}

/// How it is found out whether a destination is the caller's.
pub(crate) enum Check {
    /// Its owner is sent this message, and has the word.
    Owner(AwsRequest),
    /// The InfluxDB is asked this; success is enough.
    Instance(AwsRequest),
    /// Nothing more is to be found out.
    Passed,
}

impl Check {
    /// What is to be done for a destination.
    ///
    /// # Errors
    /// It cannot be enabled, in words.
    pub(crate) fn of(world: &World, destination: &TopicRuleDestination) -> Result<Self, String> {
        let configuration = &destination.configuration;
        match destination.kind.as_str() {
            HTTP => confirmation(world, destination)
                .map(Self::Owner)
                .map_err(|failure| failure.message),
            "influxDBConfiguration" => {
                InfluxInstance::of(configuration).map(|one| Self::Instance(one.validation()))
            }
            _ => check_network(world, configuration).map(|()| Self::Passed),
        }
    }
}

/// There is no VPC here: what is checked is that the role may do what AWS does with it
/// (developer guide, "Virtual private cloud (VPC) destinations").
fn check_network(world: &World, configuration: &Value) -> Result<(), String> {
    let role_arn = configuration["roleArn"].as_str().unwrap_or_default();
    for action in NETWORK_ACTIONS {
        match world.things.authorize_role_for(role_arn, action, "*", None) {
            RoleDecision::Allowed => {}
            RoleDecision::UnknownRole if !world.config.iam_strict => {}
            RoleDecision::UnknownRole => {
                return Err(format!("role {role_arn} does not exist here"));
            }
            RoleDecision::Denied(reason) => return Err(reason),
        }
    }
    Ok(())
}

/// The message that asks for a destination (developer guide, "Confirming HTTP action
/// destinations").
///
/// # Errors
/// An address that nothing can be sent to.
fn confirmation(
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
