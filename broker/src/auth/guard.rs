//! One caller's decisions.

use super::Granted;
use super::caller::Caller;
use arc_swap::ArcSwap;
use policy::{Decision, Document, Effect, Overlay, Request, VariableMap, Variables, evaluate};
use rustls_pki_types::CertificateDer;
use smallvec::{SmallVec, smallvec};
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
    /// Whom a custom authorizer lets in, held to the policies that it returned.
    Custom(Arc<Granted>),
    /// A client that shows nothing, where that may be: `--anonymous-policy` decides, or everything is
    /// allowed.
    Anonymous,
}

/// What a decision came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) allowed: bool,
    /// Whether a statement denies it, whatever others allow.
    pub(crate) explicit: bool,
    /// Why not, in words for logs and `thingcore tail`; empty when it is allowed.
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
    caller: Caller,
    principal: Arc<str>,
    policies: Policies,
}

/// What decides.
#[derive(Debug)]
enum Policies {
    /// The caller may do everything.
    Everything,
    /// A role session's, or those of anonymous clients.
    These(SmallVec<[Arc<Document>; 1]>),
    /// The certificate's, which may change.
    OfCertificate(ArcSwap<Current>),
    /// What a custom authorizer returned last.
    Granted(Arc<Granted>),
}

/// What holds for a certificate until the control plane changes.
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
        let (principal, policies) = match &identity {
            Identity::Certificate { id, .. } => {
                check_status(&things, id)?;
                let current = Current::load(&things, id, facts.client_id);
                let policies = Policies::OfCertificate(ArcSwap::from_pointee(current));
                (Arc::clone(id), policies)
            }
            Identity::Signed { access_key } => signed(&things, access_key, facts.now_ms)?,
            Identity::Custom(granted) => {
                let policies = Policies::Granted(Arc::clone(granted));
                (Arc::clone(&granted.principal), policies)
            }
            Identity::Anonymous => {
                let policies = anonymous.map_or(Policies::Everything, |document| {
                    Policies::These(smallvec![Arc::clone(document)])
                });
                ("".into(), policies)
            }
        };
        Ok(Self {
            things,
            caller: Caller::new(identity, facts),
            principal,
            policies,
        })
    }

    /// A caller that may do nothing, because its identity does not hold any more.
    pub(crate) fn nobody(things: Arc<Things>, identity: Identity, facts: Facts<'_>) -> Self {
        let principal = match &identity {
            Identity::Certificate { id, .. } => Arc::clone(id),
            Identity::Signed { access_key } => access_key.as_str().into(),
            Identity::Custom(granted) => Arc::clone(&granted.principal),
            Identity::Anonymous => "".into(),
        };
        Self {
            things,
            caller: Caller::new(identity, facts),
            principal,
            policies: Policies::These(SmallVec::new()),
        }
    }

    /// What `principal()` of rule SQL and lifecycle events show: the certificate id, or the user
    /// id of the signer.
    pub(crate) fn principal(&self) -> &Arc<str> {
        &self.principal
    }

    /// Who is calling.
    pub(crate) fn identity(&self) -> &Identity {
        &self.caller.identity
    }

    /// Where the caller is.
    pub(crate) fn source_ip(&self) -> IpAddr {
        self.caller.source_ip
    }

    /// The name of this server that the caller asked for (SNI).
    pub(crate) fn server_name(&self) -> Option<&str> {
        self.caller.server_name.as_deref()
    }

    /// Decides one request; `extra` holds the variables that this request alone has
    /// (`iot:ConnectAttributes`, `iot:LastWillTopic`, `iot:Topic`).
    pub(crate) fn decide(&self, action: &str, resource: &str, extra: &dyn Variables) -> Verdict {
        let verdict = self.evaluated(action, resource, extra, |decision, policies| Verdict {
            allowed: decision.is_allowed(),
            explicit: decision.effect == Effect::ExplicitDeny,
            reason: match decision.effect {
                Effect::Allow => String::new(),
                Effect::ExplicitDeny | Effect::ImplicitDeny => {
                    reason(&decision, policies, action, resource)
                }
            },
        });
        verdict.unwrap_or_else(|| Verdict {
            allowed: true,
            explicit: false,
            reason: String::new(),
        })
    }

    /// [`Guard::decide`] without the words: whether the request may go ahead.
    pub(crate) fn allows(&self, action: &str, resource: &str) -> bool {
        let allowed = self.evaluated(action, resource, &(), |decision, _| decision.is_allowed());
        allowed.unwrap_or(true)
    }

    /// Evaluates the policies of this moment; `outcome` is also told how many there are. `None`
    /// when there is nothing to evaluate, because the caller may do everything.
    fn evaluated<T>(
        &self,
        action: &str,
        resource: &str,
        extra: &dyn Variables,
        outcome: impl FnOnce(Decision<'_>, usize) -> T,
    ) -> Option<T> {
        let decide = |policies: &[Arc<Document>], own: &dyn Variables| {
            let own = Overlay {
                over: own,
                base: &self.caller,
            };
            let variables = &Overlay {
                over: extra,
                base: &own,
            };
            let request = Request {
                action,
                resource,
                variables,
            };
            outcome(evaluate(policies, &request), policies.len())
        };
        match &self.policies {
            Policies::Everything => None,
            Policies::These(policies) => Some(decide(policies, &())),
            Policies::Granted(granted) => Some(decide(&granted.policies.load(), &())),
            Policies::OfCertificate(current) => {
                let current = self.renewed(current);
                Some(decide(&current.policies, &current.variables))
            }
        }
    }

    /// The certificate's policies and variables of this moment.
    fn renewed(&self, kept: &ArcSwap<Current>) -> arc_swap::Guard<Arc<Current>> {
        let current = kept.load();
        if current.epoch == self.things.epoch() {
            return current;
        }
        let client_id = self.caller.client_id.as_deref();
        let fresh = Current::load(&self.things, &self.principal, client_id);
        kept.store(Arc::new(fresh));
        kept.load()
    }
}

impl Current {
    fn load(things: &Things, certificate: &str, client_id: Option<&str>) -> Self {
        // Read first: a change in between is seen as one more epoch.
        let epoch = things.epoch();
        let mut variables = VariableMap::new();
        if let Some(client_id) = client_id {
            thing_variables(things, certificate, client_id, &mut variables);
        }
        Self {
            epoch,
            policies: things.policies_of_certificate(certificate, client_id),
            variables,
        }
    }
}

/// Which statement denied, in words.
fn reason(decision: &Decision<'_>, policies: usize, action: &str, resource: &str) -> String {
    let Some(statement) = decision.statement else {
        return format!("none of the {policies} attached policies allows {action} on {resource}");
    };
    let sid = statement.sid.map(|sid| format!(" `{sid}`"));
    let (statement, policy) = (statement.index + 1, statement.policy + 1);
    let sid = sid.unwrap_or_default();
    format!("denied by statement {statement}{sid} of policy {policy}")
}

fn signed(things: &Things, access_key: &str, now_ms: u64) -> Result<(Arc<str>, Policies), Refused> {
    match things.role_session(access_key, now_ms) {
        Some(session) => {
            let policies = Policies::These(session.policies.into());
            Ok((session.user_id.into(), policies))
        }
        // Temporary keys that nobody here gave out, or that are over.
        None if access_key.starts_with("ASIA") => Err(Refused::SessionExpired),
        None => Ok((access_key.into(), Policies::Everything)),
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
