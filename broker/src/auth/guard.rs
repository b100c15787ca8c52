//! One caller's decisions.

use policy::VariableMap;
use std::net::IpAddr;
use std::sync::Arc;
use things::Things;

/// Who is calling.
#[derive(Clone, Debug)]
pub(crate) enum Identity {
    /// A client certificate, by id: its AWS IoT policies decide.
    Certificate {
        /// Certificate id.
        id: Arc<str>,
        /// The certificate itself, for the variables of its subject and issuer.
        der: rustls_pki_types::CertificateDer<'static>,
    },
    /// A request signed with an access key. One that AssumeRole gave out is held to its role's
    /// policies; any other is the account's own and may do everything.
    Signed {
        /// The access key id.
        access_key: String,
    },
    /// A client of the plaintext listener: `--anonymous-policy` decides, or everything is
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// DEVICE_CERTIFICATE_NOT_REGISTERED
    CertificateNotRegistered,
    /// DEVICE_CERTIFICATE_INACTIVE
    CertificateInactive,
    /// DEVICE_CERTIFICATE_REVOKED
    CertificateRevoked,
}

/// Takes decisions for one caller; keeps the caller's policies until the control plane changes.
#[derive(Debug)]
pub(crate) struct Guard {}

#[allow(unused_variables)]
impl Guard {
    /// A caller. `client_id` is there for MQTT alone.
    ///
    /// # Errors
    /// A certificate that is unknown or not active.
    pub(crate) fn new(
        things: Arc<Things>,
        anonymous: Option<Arc<policy::Document>>,
        identity: Identity,
        client_id: Option<&str>,
        source_ip: IpAddr,
        server_name: Option<&str>,
    ) -> Result<Self, Refused> {
        todo!()
    }

    /// What `principal()` of rule SQL and lifecycle events show: the certificate id, or the user
    /// id of the signer.
    pub(crate) fn principal(&self) -> &Arc<str> {
        todo!()
    }

    /// Decides one request; `extra` holds the variables that this request alone has
    /// (`iot:ConnectAttributes`, `iot:LastWillTopic`, `iot:Topic`).
    pub(crate) fn decide(&self, action: &str, resource: &str, extra: &VariableMap) -> Verdict {
        todo!()
    }
}
