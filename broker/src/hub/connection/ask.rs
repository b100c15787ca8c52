//! Before CONNECT is looked at: whether a custom authorizer lets a client in that has neither
//! certificate nor signature.

use crate::auth::{MqttShown, Showing};
use crate::hub::Hub;
use crate::net::{Arrival, Credential};
use mqtt::codec::{self, frame};

/// Asks a custom authorizer about a client that has neither certificate nor signature.
pub(super) async fn ask_authorizer(hub: &Hub, arrival: &mut Arrival, bytes: &[u8]) {
    let Credential::Custom(http) = &arrival.credential else {
        return;
    };
    let http = http.as_deref().cloned();
    let Some(custom) = hub.custom_auth() else {
        return;
    };
    let frame = frame(bytes, hub.profile.packet_bytes).ok().flatten();
    let connect = frame
        .as_ref()
        .and_then(|frame| codec::decode_connect(frame).ok());
    let Some(connect) = connect else {
        // `accept` says what is wrong with it.
        return;
    };
    let showing = Showing {
        server_name: Some(arrival.peer.server_name.clone().unwrap_or_default()),
        http,
        mqtt: Some(MqttShown {
            client_id: connect.client_id.to_owned(),
            username: connect.username.map(str::to_owned),
            password: connect.password.map(<[u8]>::to_vec),
        }),
    };
    match custom.authenticate(showing, hub.now_ms()).await {
        Ok(granted) => arrival.credential = Credential::Granted(granted),
        Err(reason) => {
            let (client_id, address) = (connect.client_id, arrival.peer.address);
            tracing::warn!(?client_id, %address, reason = reason.to_string(), "a custom authorizer refuses");
        }
    }
}
