//! `sqs`: sends the result to a queue (developer guide, "SQS rule action").

use super::action::{ActionRefused, Sends};
use super::params::Params;
use super::rendered::{Effect, Input, Permission, Place, Rendered, Unrenderable};
use super::text::Text;
use crate::target::{Service, query_form};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use std::borrow::Cow;

struct Sqs {
    role_arn: String,
    queue_url: Text,
    use_base64: bool,
}

pub(super) fn parse(params: &mut Params<'_>) -> Result<Box<dyn Sends>, ActionRefused> {
    Ok(Box::new(Sqs {
        role_arn: params.role_arn()?,
        queue_url: params.checked("queueUrl", |url| Queue::parse(url).map(|_| ()))?,
        use_base64: params.flag("useBase64")?,
    }))
}

/// A queue's address, `https://sqs.REGION.amazonaws.com/ACCOUNT/NAME` or an emulator's.
struct Queue<'a> {
    region: Option<&'a str>,
    account: Option<&'a str>,
    name: &'a str,
}

impl<'a> Queue<'a> {
    fn parse(url: &'a str) -> Result<Self, String> {
        let refused = || format!("`{url}` is not the URL of a queue");
        let (scheme, rest) = url.split_once("://").ok_or_else(refused)?;
        let (host, path) = rest.split_once('/').ok_or_else(refused)?;
        let (front, name) = path.rsplit_once('/').unwrap_or(("", path));
        if !matches!(scheme, "http" | "https") || host.is_empty() || name.is_empty() {
            return Err(refused());
        }
        let account = front.rsplit('/').next().filter(|a| a.len() == 12);
        let region = host
            .strip_prefix("sqs.")
            .and_then(|h| h.split_once(".amazonaws.com"));
        Ok(Self {
            region: region.map(|(region, _)| region),
            account,
            name,
        })
    }

    fn arn(&self, place: &Place) -> String {
        let region = self.region.unwrap_or(&place.region);
        let account = self.account.unwrap_or(&place.account_id);
        format!(
            "arn:{}:sqs:{region}:{account}:{}",
            place.partition(),
            self.name
        )
    }
}

impl Sends for Sqs {
    fn render(&self, input: &mut Input<'_, '_>) -> Result<Rendered, Unrenderable> {
        let url = input.text(&self.queue_url)?;
        let refused = |message: String| Unrenderable {
            message,
            resource: url.clone(),
        };
        let queue = Queue::parse(&url).map_err(refused)?;
        let body: Cow<'_, str> = if self.use_base64 {
            BASE64.encode(input.payload).into()
        } else {
            input
                .payload_text()
                .map_err(|why| refused(why.message))?
                .into()
        };
        let form = [
            ("Action", "SendMessage"),
            ("Version", "2012-11-05"),
            ("QueueUrl", url.as_str()),
            ("MessageBody", &body),
        ];
        let mut request = query_form(Service::Sqs, &form);
        request.region = queue.region.map(str::to_owned);
        Ok(Rendered {
            missing: None,
            destination: None,
            batching: None,
            permissions: vec![Permission {
                role_arn: self.role_arn.clone(),
                action: "sqs:SendMessage",
                resource: queue.arn(input.place),
            }],
            details: format!("Action: sqs, Queue: {url}"),
            effect: Effect::Request(request),
            failure: "Failed to send SQS message",
            resource: url,
        })
    }
}
