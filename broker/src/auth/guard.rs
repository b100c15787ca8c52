//! One caller's decisions.

use super::certificate_variables::certificate_variables;
use arc_swap::ArcSwap;
use policy::{Decision, Document, Effect, Overlay, Request, VariableMap, Variables, evaluate};
use rustls_pki_types::CertificateDer;
use std::net::IpAddr;
use std::sync::Arc;
use things::{CertificateStatus, Things};

/// Who is calling.
#[derive(Clone, Debug)]
pub(crate) enum Identity {
    /// A client certificate, by id: its AWS IoT policies decide.
    Certificate {
        /// Certificate id.
        id: Arc<str>,
        /// The certificate itself, for the variables of its subject and issuer.
        der: CertificateDer<'static>,
    },
    /// A request signed with an access key. One that AssumeRole gave out is held to its role's
    /// policies; any other is the account's own and may do everything.
    Signed {
        /// The access key id.
        access_key: String,
    },
    /// A client that shows nothing, where that may be: `--anonymous-policy` decides, or everything is
    /// allowed.
    Anonymous,
}

/// What a decision came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) allowed: bool,
    /// Which statement decided, in words for logs and `thingcore tail`.
    pub(crate) reason: String,
}

/// Why somebody is not let in at all; the names are those of AWS's logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    #[error("DEVICE_CERTIFICATE_NOT_REGISTERED")]
    CertificateNotRegistered,
    #[error("DEVICE_CERTIFICATE_INACTIVE")]
    CertificateInactive,
    #[error("DEVICE_CERTIFICATE_REVOKED")]
    CertificateRevoked,
    /// Credentials of AssumeRole that are over.
    #[error("SECURITY_TOKEN_EXPIRED")]
    SessionExpired,
}

/// What a guard knows of its caller besides the identity.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts<'a> {
    /// MQTT alone has one.
    pub(crate) client_id: Option<&'a str>,
    pub(crate) source_ip: IpAddr,
    /// SNI.
    pub(crate) server_name: Option<&'a str>,
    /// The server's clock.
    pub(crate) now_ms: u64,
}

/// Takes decisions for one caller; keeps the caller's policies until the control plane changes.
#[derive(Debug)]
pub(crate) struct Guard {
    things: Arc<Things>,
    identity: Identity,
    client_id: Option<Box<str>>,
    source_ip: IpAddr,
    server_name: Option<Box<str>>,
    principal: Arc<str>,
    /// Everything that holds as long as the caller is there.
    fixed: VariableMap,
    fixed_policies: FixedPolicies,
    current: ArcSwap<Current>,
}

/// Policies that do not come from the registry of certificates.
#[derive(Debug)]
enum FixedPolicies {
    /// The caller may do everything.
    Everything,
    /// A role session's, or those of anonymous clients.
    These(Vec<Arc<Document>>),
    /// The certificate's, which may change.
    OfCertificate(Arc<str>),
}

/// What holds until the control plane changes.
#[derive(Debug)]
struct Current {
    epoch: u64,
    policies: Vec<Arc<Document>>,
    variables: VariableMap,
}

impl Guard {
    /// A caller. `anonymous` is the policy of anonymous clients, `None` allows them everything.
    ///
    /// # Errors
    /// A certificate that is unknown or not active, a role session that is over.
    pub(crate) fn new(
        things: Arc<Things>,
        anonymous: Option<&Arc<Document>>,
        identity: Identity,
        facts: Facts<'_>,
    ) -> Result<Self, Refused> {
        let mut fixed = fixed_variables(facts);
        let (principal, fixed_policies) = match &identity {
            Identity::Certificate { id, der } => {
                check_status(&things, id)?;
                certificate_variables(id, der, &mut fixed);
                (Arc::clone(id), FixedPolicies::OfCertificate(Arc::clone(id)))
            }
            Identity::Signed { access_key } => signed(&things, access_key, facts.now_ms)?,
            Identity::Anonymous => {
                let policies = anonymous.map_or(FixedPolicies::Everything, |document| {
                    FixedPolicies::These(vec![Arc::clone(document)])
                });
                ("".into(), policies)
            }
        };
        let current = Current::load(&things, &fixed_policies, facts.client_id);
        Ok(Self {
            things,
            identity,
            client_id: facts.client_id.map(Box::from),
            source_ip: facts.source_ip,
            server_name: facts.server_name.map(Box::from),
            principal,
            fixed,
            fixed_policies,
            current: ArcSwap::from_pointee(current),
        })
    }

    /// A caller that may do nothing, because its identity does not hold any more.
    pub(crate) fn nobody(things: Arc<Things>, identity: Identity, facts: Facts<'_>) -> Self {
        let principal = match &identity {
            Identity::Certificate { id, .. } => Arc::clone(id),
            Identity::Signed { access_key } => access_key.as_str().into(),
            Identity::Anonymous => "".into(),
        };
        let fixed_policies = FixedPolicies::These(Vec::new());
        let current = Current::load(&things, &fixed_policies, facts.client_id);
        Self {
            things,
            identity,
            client_id: facts.client_id.map(Box::from),
            source_ip: facts.source_ip,
            server_name: facts.server_name.map(Box::from),
            principal,
            fixed: fixed_variables(facts),
            fixed_policies,
            current: ArcSwap::from_pointee(current),
        }
    }

    /// What `principal()` of rule SQL and lifecycle events show: the certificate id, or the user
    /// id of the signer.
    pub(crate) fn principal(&self) -> &Arc<str> {
        &self.principal
    }

    /// Who is calling.
    pub(crate) fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Where the caller is.
    pub(crate) fn source_ip(&self) -> IpAddr {
        self.source_ip
    }

    /// The name of this server that the caller asked for (SNI).
    pub(crate) fn server_name(&self) -> Option<&str> {
        self.server_name.as_deref()
    }

    /// Decides one request; `extra` holds the variables that this request alone has
    /// (`iot:ConnectAttributes`, `iot:LastWillTopic`, `iot:Topic`).
    pub(crate) fn decide(&self, action: &str, resource: &str, extra: &VariableMap) -> Verdict {
        if matches!(self.fixed_policies, FixedPolicies::Everything) {
            return Verdict {
                allowed: true,
                reason: "no policies apply to this caller".to_owned(),
            };
        }
        self.evaluated(action, resource, extra, |decision, policies| Verdict {
            allowed: decision.is_allowed(),
            reason: reason(&decision, policies, action, resource),
        })
    }

    /// [`Guard::decide`] without the words: whether the request may go ahead.
    pub(crate) fn allows(&self, action: &str, resource: &str) -> bool {
        matches!(self.fixed_policies, FixedPolicies::Everything)
            || self.evaluated(action, resource, &(), |decision, _| decision.is_allowed())
    }

    /// Evaluates the policies of this moment; `outcome` is also told how many there are.
    fn evaluated<T>(
        &self,
        action: &str,
        resource: &str,
        extra: &dyn Variables,
        outcome: impl FnOnce(Decision<'_>, usize) -> T,
    ) -> T {
        let current = self.current();
        let own = Overlay {
            over: &current.variables,
            base: &self.fixed,
        };
        let request = Request {
            action,
            resource,
            variables: &Overlay {
                over: extra,
                base: &own,
            },
        };
        let decision = evaluate(&current.policies, &request);
        outcome(decision, current.policies.len())
    }

    /// The policies and variables of this moment.
    fn current(&self) -> arc_swap::Guard<Arc<Current>> {
        let current = self.current.load();
        if current.epoch == self.things.epoch() {
            return current;
        }
        let fresh = Current::load(
            &self.things,
            &self.fixed_policies,
            self.client_id.as_deref(),
        );
        self.current.store(Arc::new(fresh));
        self.current.load()
    }
}

impl Current {
    fn load(things: &Things, policies: &FixedPolicies, client_id: Option<&str>) -> Self {
        // Read first: a change in between is seen as one more epoch.
        let epoch = things.epoch();
        let mut variables = VariableMap::new();
        let policies = match policies {
            FixedPolicies::Everything => Vec::new(),
            FixedPolicies::These(policies) => policies.clone(),
            FixedPolicies::OfCertificate(id) => {
                if let Some(client_id) = client_id {
                    thing_variables(things, id, client_id, &mut variables);
                }
                things.policies_of_certificate(id, client_id)
            }
        };
        Self {
            epoch,
            policies,
            variables,
        }
    }
}

fn fixed_variables(facts: Facts<'_>) -> VariableMap {
    let mut fixed = VariableMap::new();
    fixed.set("aws:SourceIp", facts.source_ip.to_string());
    if let Some(client_id) = facts.client_id {
        fixed.set("iot:ClientId", client_id);
    }
    if let Some(name) = facts.server_name {
        fixed.set("iot:DomainName", name);
    }
    fixed
}

/// Which statement decided, in words.
fn reason(decision: &Decision<'_>, policies: usize, action: &str, resource: &str) -> String {
    let Some(statement) = decision.statement else {
        return format!("none of the {policies} attached policies allows {action} on {resource}");
    };
    let verb = match decision.effect {
        Effect::Allow => "allowed",
        Effect::ExplicitDeny | Effect::ImplicitDeny => "denied",
    };
    let sid = statement.sid.map(|sid| format!(" `{sid}`"));
    let (statement, policy) = (statement.index + 1, statement.policy + 1);
    let sid = sid.unwrap_or_default();
    format!("{verb} by statement {statement}{sid} of policy {policy}")
}

fn signed(
    things: &Things,
    access_key: &str,
    now_ms: u64,
) -> Result<(Arc<str>, FixedPolicies), Refused> {
    match things.role_session(access_key, now_ms) {
        Some(session) => {
            let policies = FixedPolicies::These(session.policies);
            Ok((session.user_id.into(), policies))
        }
        // Temporary keys that nobody here gave out, or that are over.
        None if access_key.starts_with("ASIA") => Err(Refused::SessionExpired),
        None => Ok((access_key.into(), FixedPolicies::Everything)),
    }
}

fn check_status(things: &Things, id: &str) -> Result<(), Refused> {
    let certificate = things
        .certificate(id)
        .ok_or(Refused::CertificateNotRegistered)?;
    match certificate.status {
        CertificateStatus::Active => Ok(()),
        CertificateStatus::Revoked => Err(Refused::CertificateRevoked),
        CertificateStatus::Inactive
        | CertificateStatus::PendingTransfer
        | CertificateStatus::RegisterInactive
        | CertificateStatus::PendingActivation => Err(Refused::CertificateInactive),
    }
}

/// The thing that the connection acts as ("Thing policy variables" in the AWS IoT developer
/// guide).
fn thing_variables(things: &Things, certificate: &str, client_id: &str, into: &mut VariableMap) {
    let thing = things.connection_thing(certificate, client_id);
    let attached = if thing.is_some() { "true" } else { "false" };
    into.set("iot:Connection.Thing.IsAttached", attached);
    let Some(thing) = thing else { return };
    into.set("iot:Connection.Thing.ThingName", thing.name);
    if let Some(name) = thing.type_name {
        into.set("iot:Connection.Thing.ThingTypeName", name);
    }
    for (name, value) in thing.attributes {
        into.set(&format!("iot:Connection.Thing.Attributes[{name}]"), value);
    }
}
