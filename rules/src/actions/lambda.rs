//! `lambda`: invokes a function asynchronously (developer guide, "Lambda rule action"). It has no
//! role: the function's resource policy lets the rules engine in.

use super::action::{ActionRefused, Sends};
use super::params::Params;
use super::rendered::{Effect, Input, Rendered, Unrenderable};
use super::text::Text;
use crate::target::{AwsRequest, Service, encode_segment};
use bytes::Bytes;
use http::{HeaderName, HeaderValue};

struct Lambda {
    function_arn: Text,
}

pub(super) fn parse(params: &mut Params<'_>) -> Result<Box<dyn Sends>, ActionRefused> {
    let check = |arn: &str| FunctionArn::parse(arn).map(|_| ());
    Ok(Box::new(Lambda {
        function_arn: params.checked("functionArn", check)?,
    }))
}

/// `arn:aws:lambda:REGION:ACCOUNT:function:NAME[:QUALIFIER]`, taken apart.
pub(crate) struct FunctionArn<'a> {
    region: &'a str,
    name: &'a str,
    qualifier: Option<&'a str>,
}

impl<'a> FunctionArn<'a> {
    pub(crate) fn parse(arn: &'a str) -> Result<Self, String> {
        let parts: Vec<&str> = arn.split(':').collect();
        let (region, name, qualifier) = match parts.as_slice() {
            ["arn", _, "lambda", region, _, "function", name] => (*region, *name, None),
            ["arn", _, "lambda", region, _, "function", name, qualifier] => {
                (*region, *name, Some(*qualifier))
            }
            _ => return Err(format!("`{arn}` is not the ARN of a Lambda function")),
        };
        let legal = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if region.is_empty() || name.is_empty() || !name.chars().all(legal) {
            return Err(format!("`{arn}` is not the ARN of a Lambda function"));
        }
        Ok(Self {
            region,
            name,
            qualifier,
        })
    }
}

impl FunctionArn<'_> {
    /// The request that invokes it; the kind is `Event` or `RequestResponse`.
    pub(crate) fn invocation(&self, kind: &'static str, payload: Bytes) -> AwsRequest {
        let mut request = AwsRequest::post(Service::Lambda, "application/json", payload);
        request.region = Some(self.region.to_owned());
        request.path = format!(
            "/2015-03-31/functions/{}/invocations",
            encode_segment(self.name)
        );
        request.query = self
            .qualifier
            .map(|q| format!("Qualifier={}", encode_segment(q)));
        request.headers.push((
            HeaderName::from_static("x-amz-invocation-type"),
            HeaderValue::from_static(kind),
        ));
        request
    }
}

impl Sends for Lambda {
    fn render(&self, input: &mut Input<'_, '_>) -> Result<Rendered, Unrenderable> {
        let arn = input.text(&self.function_arn)?;
        let refused = |message: String| Unrenderable {
            message,
            resource: arn.clone(),
        };
        let function = FunctionArn::parse(&arn).map_err(refused)?;
        if serde_json::from_slice::<serde::de::IgnoredAny>(input.payload).is_err() {
            let why = "a Lambda function takes JSON: use encode(*, 'base64')";
            return Err(refused(why.to_owned()));
        }
        let request = function.invocation("Event", input.payload.clone());
        Ok(Rendered {
            missing: None,
            destination: None,
            batching: None,
            permissions: Vec::new(),
            details: format!("Action: lambda, Function: {arn}"),
            resource: arn,
            effect: Effect::Request(request),
            failure: "Failed to invoke lambda function",
        })
    }
}
