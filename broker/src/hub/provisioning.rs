//! The door of provisioning for devices: requests on reserved topics, whose answers go to the
//! connection that asked and to nobody else.

use super::origin::Origin;
use super::publication::Publication;
use super::{Hub, flush};
use crate::provisioning::{Asked, Provisioner};
use bytes::Bytes;
use mqtt::{Message, QoS};
use std::sync::Arc;
use tokio::runtime::Handle;

impl Hub {
    /// Sets who provisions devices. Set once.
    pub(crate) fn set_provisioner(&self, provisioner: Provisioner) {
        // A second one is a second server around one core, which nobody makes.
        let _ = self.provisioner.set(Arc::new(provisioner));
    }

    /// Who provisions devices.
    pub(crate) fn provisioner(&self) -> Option<&Arc<Provisioner>> {
        self.provisioner.get()
    }

    /// Answers a request, beside everything else: it takes keys, disks and functions. One that did
    /// not come from an MQTT client is nobody's to answer.
    pub(super) fn answer_provisioning_request(
        &self,
        publication: &Publication<'_>,
        from: Option<u64>,
        origin: &Origin,
    ) {
        let (Some(provisioner), Ok(runtime)) = (self.provisioner(), Handle::try_current()) else {
            return;
        };
        let Some(client_id) = origin.client_id.clone() else {
            return;
        };
        let session = self.sessions.of(&client_id);
        let session = session.filter(|session| Some(session.number) == from);
        let Some(link) = session.and_then(|session| session.link()) else {
            return;
        };
        let principal = &origin.principal;
        let asked = Asked::new(
            publication.topic(),
            publication.payload(),
            &client_id,
            principal,
        );
        let (provisioner, hub) = (Arc::clone(provisioner), self.me.clone());
        runtime.spawn(async move {
            let told = provisioner.answer(asked).await;
            if let (Some(told), Some(hub)) = (told, hub.upgrade()) {
                let payload = Bytes::from(told.payload);
                hub.answer_connection(&client_id, link.number, &told.topic, payload);
                flush::settle(hub.now_ms());
            }
        });
    }

    /// Sends an answer to a client as long as it has the connection that it asked by: answers carry
    /// keys. At QoS 0, as answers of AWS's services are seen to come.
    fn answer_connection(&self, client_id: &str, link: u64, topic: &str, payload: Bytes) {
        let session = self.sessions.of(client_id);
        let current = session.and_then(|session| session.link());
        if current.is_none_or(|current| current.number != link) {
            tracing::debug!(?client_id, topic, "who asked is gone");
            return;
        }
        let message = Arc::new(Message {
            topic: topic.into(),
            payload,
            qos: QoS::AtMostOnce,
            retain: false,
            properties: Bytes::new(),
            expires_at_ms: None,
        });
        if let Err(refused) = self.put_direct(client_id, &message) {
            tracing::warn!(?client_id, topic, %refused, "an answer could not be given");
        }
    }
}
