//! ARNs of one account in one region.

use crate::ThingsError;
use std::fmt::Display;

/// What all ARNs of a server have in common.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) region: String,
    pub(crate) account_id: String,
}

impl Place {
    /// The ARN of an AWS IoT resource: `thing/NAME`, `cert/ID`.
    pub(crate) fn iot(&self, resource: impl Display) -> String {
        format!("arn:aws:iot:{}:{}:{resource}", self.region, self.account_id)
    }

    /// The ARN of an IAM resource of the account: `role/NAME`.
    pub(crate) fn iam(&self, resource: impl Display) -> String {
        format!("arn:aws:iam::{}:{resource}", self.account_id)
    }

    /// The resource of an AWS IoT ARN of this region; `None` if it is of something else.
    ///
    /// # Errors
    /// AccessDenied for an AWS IoT ARN of another account.
    pub(crate) fn iot_resource<'a>(&self, arn: &'a str) -> Result<Option<&'a str>, ThingsError> {
        let fields: Vec<&str> = arn.splitn(6, ':').collect();
        let ["arn", _partition, "iot", region, account, resource] = fields[..] else {
            return Ok(None);
        };
        if account != self.account_id {
            return Err(ThingsError::AccessDenied(
                "Cross account not allowed. Please check the account of the resource specified."
                    .to_owned(),
            ));
        }
        Ok((region == self.region).then_some(resource))
    }
}
