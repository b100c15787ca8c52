//! `sns`: publishes the result to a topic or an endpoint (developer guide, "SNS rule action").

use super::action::{ActionRefused, Sends};
use super::params::Params;
use super::rendered::{Effect, Input, Permission, Rendered, Unrenderable};
use super::text::Text;
use crate::target::{Service, query_form};

struct Sns {
    role_arn: String,
    target_arn: Text,
    json: bool,
}

pub(super) fn parse(params: &mut Params<'_>) -> Result<Box<dyn Sends>, ActionRefused> {
    Ok(Box::new(Sns {
        role_arn: params.role_arn()?,
        target_arn: params.checked("targetArn", |arn| region_of(arn).map(|_| ()))?,
        json: params.choice("messageFormat", &["RAW", "JSON"])? == Some("JSON"),
    }))
}

/// The region of `arn:aws:sns:REGION:ACCOUNT:NAME`.
fn region_of(arn: &str) -> Result<&str, String> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    match parts.as_slice() {
        ["arn", _, "sns", region, account, name]
            if !region.is_empty() && !account.is_empty() && !name.is_empty() =>
        {
            Ok(region)
        }
        _ => Err(format!(
            "`{arn}` is not the ARN of an SNS topic or endpoint"
        )),
    }
}

impl Sends for Sns {
    fn render(&self, input: &mut Input<'_, '_>) -> Result<Rendered, Unrenderable> {
        let arn = input.text(&self.target_arn)?;
        let with_arn = |refused| Unrenderable {
            resource: arn.clone(),
            ..refused
        };
        let message = input.payload_text().map_err(with_arn)?;
        let target = if arn.contains(":endpoint/") {
            "TargetArn"
        } else {
            "TopicArn"
        };
        let mut form = vec![
            ("Action", "Publish"),
            ("Version", "2010-03-31"),
            (target, &arn),
            ("Message", message),
        ];
        if self.json {
            form.push(("MessageStructure", "json"));
        }
        let mut request = query_form(Service::Sns, &form);
        request.region = region_of(&arn).ok().map(str::to_owned);
        Ok(Rendered {
            missing: None,
            destination: None,
            batching: None,
            permissions: vec![Permission {
                role_arn: self.role_arn.clone(),
                action: "sns:Publish",
                resource: arn.clone(),
            }],
            details: format!("Action: sns, Target: {arn}"),
            resource: arn,
            effect: Effect::Request(request),
            failure: "Failed to publish SNS message",
        })
    }
}
