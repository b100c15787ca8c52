//! The roles of rules and of provisioning, as they were created on this server.

use parking_lot::Mutex;
use rules::delivery::{Denied, Roles};
use std::collections::HashSet;
use std::sync::Arc;
use things::{RoleDecision, Things};

/// Role ARNs that a warning is kept for; beyond that warnings repeat.
const WARNED_MAX: usize = 10_000;

/// Decides by the roles of the control plane.
pub(crate) struct StoredRoles {
    things: Arc<Things>,
    /// Refuse roles that were not created here.
    strict: bool,
    warned: Mutex<HashSet<String>>,
}

impl StoredRoles {
    /// Roles of this control plane; `strict` refuses all others.
    pub(crate) fn new(things: Arc<Things>, strict: bool) -> Self {
        Self {
            things,
            strict,
            warned: Mutex::default(),
        }
    }
}

impl Roles for StoredRoles {
    fn authorize(
        &self,
        rule: &str,
        role_arn: &str,
        action: &str,
        resource: &str,
    ) -> Result<(), Denied> {
        let (region, account_id) = (self.things.region(), self.things.account_id());
        let rule_arn = format!("arn:aws:iot:{region}:{account_id}:rule/{rule}");
        self.decide(&rule_arn, role_arn, action, resource)
    }
}

impl StoredRoles {
    /// Whether a role may do something on behalf of a rule or template, by its ARN.
    pub(crate) fn decide(
        &self,
        source_arn: &str,
        role_arn: &str,
        action: &str,
        resource: &str,
    ) -> Result<(), Denied> {
        let source = Some(source_arn);
        let decision = self
            .things
            .authorize_role_for(role_arn, action, resource, source);
        match decision {
            RoleDecision::Allowed => Ok(()),
            RoleDecision::Denied(reason) => Err(Denied { reason }),
            RoleDecision::UnknownRole if self.strict => Err(Denied {
                reason: format!(
                    "role {role_arn} does not exist here: create it with `aws iam create-role`, \
                     or start the server without --iam strict"
                ),
            }),
            RoleDecision::UnknownRole => {
                self.warn_once(role_arn);
                Ok(())
            }
        }
    }

    fn warn_once(&self, role_arn: &str) {
        let mut warned = self.warned.lock();
        if warned.len() >= WARNED_MAX {
            warned.clear();
        }
        if warned.insert(role_arn.to_owned()) {
            tracing::warn!(
                ?role_arn,
                "role was not created here and is taken to allow everything"
            );
        }
    }
}
