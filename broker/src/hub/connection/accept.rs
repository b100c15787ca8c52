//! CONNECT: is it well formed, within the limits, and allowed; then the session opens.

use super::limits::{check_characters, check_limits};
use super::{Connection, Topics};
use crate::auth::{Facts, Guard, Identity};
use crate::budget::{Claim, Held};
use crate::hub::group::random_uuid;
use crate::hub::link::Link;
use crate::hub::quotas;
use crate::hub::sessions::Opening;
use crate::hub::will::StoredWill;
use crate::hub::{Hub, TapEvent};
use crate::net::{Arrival, Credential, Peer, Wire, certificate_id};
use mqtt::codec::{
    self, ConnAck, ConnAckProperties, Connect, DecodeError, ReasonCode, Version, frame,
};
use mqtt::session::OutgoingLimits;
use mqtt::{Profile, QoS};
use policy::{Value, Variables};
use std::sync::Arc;

/// Flow control of a client that names no Receive Maximum (MQTT 5.0 [3.1.2.11.3]).
const RECEIVE_MAXIMUM_DEFAULT: u16 = u16::MAX;

/// A CONNECT that is refused, and how.
pub(super) struct Refusal {
    wire: Wire,
    /// The CONNACK, in the version that it is sent in; `None` closes without one.
    connack: Option<(Version, ReasonCode)>,
}

impl Refusal {
    /// Answers and closes.
    pub(super) async fn answer(self) {
        if let Some((version, reason)) = self.connack {
            let mut packet = Vec::new();
            let ack = ConnAck {
                session_present: false,
                reason,
                properties: ConnAckProperties::default(),
            };
            codec::put_connack(&mut packet, version, &ack);
            // Fresh sockets take a few bytes; one that does not gets none.
            let _ = self.wire.try_write(&packet);
        }
        let _ = tokio::time::timeout(super::LAST_WORDS_TIME, self.wire.close()).await;
    }
}

/// Why not, before it is known how to say so.
enum Why {
    /// The bytes are no CONNECT.
    Decode(DecodeError),
    /// The certificate is not one that may connect: AWS closes without a word, whatever the
    /// version.
    Certificate,
    /// The client is not who it must be, or may not do it: MQTT 3.1.1 clients get no answer from
    /// AWS.
    Refused(Version, ReasonCode),
    /// There is no memory for another session: clients of both versions get an answer, as it is no
    /// fault of theirs.
    Busy(Version),
}

/// Accepts a client whose first packet is in `bytes`, and says how many bytes that was.
pub(super) fn accept(
    hub: &Arc<Hub>,
    arrival: Arrival,
    bytes: &[u8],
) -> Result<(Box<Connection>, usize), Refusal> {
    let Arrival {
        wire,
        peer,
        credential,
    } = arrival;
    match examine(hub, &peer, &credential, bytes) {
        Ok(examined) => Ok(open(hub, wire, &peer, examined)),
        Err(why) => {
            let silent_v3 = hub.profile.refused_connect_silent_v3;
            let connack = match why {
                Why::Decode(error) => {
                    let code = hub.profile.refusal(&error);
                    error.connack_version().map(|version| (version, code))
                }
                Why::Certificate => None,
                Why::Refused(Version::V311, _) if silent_v3 => None,
                Why::Refused(version, code) => Some((version, code)),
                Why::Busy(version) => Some((version, ReasonCode::ServerBusy)),
            };
            Err(Refusal { wire, connack })
        }
    }
}

/// A CONNECT that is accepted.
struct Examined<'a> {
    connect: Connect<'a>,
    client_id: Arc<str>,
    assigned: bool,
    guard: Arc<Guard>,
    /// Bytes of the packet.
    used: usize,
}

fn examine<'a>(
    hub: &Hub,
    peer: &Peer,
    credential: &Credential,
    bytes: &'a [u8],
) -> Result<Examined<'a>, Why> {
    let address = peer.address;
    let decoded = frame(bytes, hub.profile.packet_bytes).and_then(|frame| {
        let frame = frame.ok_or(DecodeError::Malformed("the packet ends too early"))?;
        Ok((codec::decode_connect(&frame)?, frame.bytes.len()))
    });
    let (connect, used) = decoded.map_err(|error| {
        tracing::warn!(%address, %error, "not a CONNECT");
        Why::Decode(error)
    })?;
    let version = connect.version;
    check_characters(&connect, &hub.profile).map_err(|error| {
        let client_id = connect.client_id;
        tracing::warn!(?client_id, %address, %error, "CONNECT refused");
        Why::Decode(error)
    })?;
    check_limits(&connect, &hub.profile).map_err(|(code, reason)| {
        let client_id = connect.client_id;
        tracing::warn!(?client_id, %address, reason, "CONNECT refused");
        Why::Refused(version, code)
    })?;
    let assigned = connect.client_id.is_empty();
    let client_id: Arc<str> = if assigned {
        format!("$GEN/{}", random_uuid()).into()
    } else {
        connect.client_id.into()
    };
    hub.quota_connect(&client_id, hub.now_ms())
        .map_err(|_| Why::Refused(version, ReasonCode::QuotaExceeded))?;
    // One who has a session takes what is kept for it, and gives the memory back.
    if hub.sessions.of(&client_id).is_none() && hub.budget.refuses(Claim::Session) {
        return Err(Why::Busy(version));
    }
    let guard = identify(hub, peer, credential, &client_id).map_err(|reason| {
        tracing::warn!(?client_id, %address, reason, "connection not authenticated");
        match credential {
            Credential::Certificate if peer.certificate.is_some() => Why::Certificate,
            Credential::Certificate
            | Credential::Custom(_)
            | Credential::Granted(_)
            | Credential::Anonymous
            | Credential::Signed { .. } => Why::Refused(version, ReasonCode::NotAuthorized),
        }
    })?;
    check_connack(&connect, &hub.profile, &client_id, assigned)?;
    authorize(hub, &connect, &client_id, &guard).map_err(|()| {
        hub.event_connect_failed(&client_id, &guard, address.ip());
        Why::Refused(version, ReasonCode::NotAuthorized)
    })?;
    Ok(Examined {
        connect,
        client_id,
        assigned,
        guard: Arc::new(guard),
        used,
    })
}

/// A client that takes no CONNACK as large as its own gets none (MQTT 5.0 [3.1.2-24]).
fn check_connack(
    connect: &Connect<'_>,
    profile: &Profile,
    client_id: &str,
    assigned: bool,
) -> Result<(), Why> {
    let Some(bytes_max) = connect.properties.maximum_packet_size else {
        return Ok(());
    };
    let packet = connack(connect, profile, false, assigned.then_some(client_id));
    if packet.len() > bytes_max as usize {
        let why = "Maximum Packet Size below that of the CONNACK";
        tracing::warn!(?client_id, bytes_max, "{why}");
        return Err(Why::Decode(DecodeError::Malformed(why)));
    }
    Ok(())
}

/// Who is there; the words are AWS's `reason` of `Connection.AuthNError`.
fn identify(
    hub: &Hub,
    peer: &Peer,
    credential: &Credential,
    client_id: &str,
) -> Result<Guard, String> {
    let identity = match (credential, &peer.certificate) {
        (Credential::Anonymous, _) => Identity::Anonymous,
        (Credential::Signed { access_key }, _) => Identity::Signed {
            access_key: access_key.clone(),
        },
        (Credential::Certificate, Some(der)) => Identity::Certificate {
            id: certificate_id(der).into(),
            der: der.clone(),
        },
        (Credential::Granted(granted), _) => Identity::Custom(Arc::clone(granted)),
        (Credential::Certificate, None) | (Credential::Custom(_), _) => {
            return Err("NOT_AUTHENTICATED".to_owned());
        }
    };
    let facts = Facts {
        client_id: Some(client_id),
        source_ip: peer.address.ip(),
        server_name: peer.server_name.as_deref(),
        now_ms: hub.now_ms(),
    };
    let certificate = match &identity {
        Identity::Certificate { der, .. } => Some(der.clone()),
        Identity::Signed { .. } | Identity::Custom(_) | Identity::Anonymous => None,
    };
    Guard::new(
        Arc::clone(&hub.things),
        hub.anonymous.as_ref(),
        identity,
        facts,
    )
    .map_err(|refused| {
        if let Some(der) = certificate {
            hub.register_just_in_time(&der, peer.address.ip());
        }
        refused.to_string()
    })
}

/// `iot:Connect`, and for a will `iot:Publish` and `iot:RetainPublish`.
fn authorize(
    hub: &Hub,
    connect: &Connect<'_>,
    client_id: &Arc<str>,
    guard: &Guard,
) -> Result<(), ()> {
    let mut wanted = vec![("iot:Connect", format!("{}client/{client_id}", hub.arn))];
    if let Some(will) = &connect.will {
        let topic = hub.topic_arn(will.topic);
        if will.retain {
            wanted.push(("iot:RetainPublish", topic.clone()));
        }
        wanted.push(("iot:Publish", topic));
    }
    let extra = ConnectVariables::of(hub, connect);
    for (action, resource) in wanted {
        let verdict = guard.decide(action, &resource, &extra);
        if !verdict.allowed {
            let principal = guard.principal();
            hub.refused(
                Some(client_id),
                principal,
                action,
                &resource,
                &verdict.reason,
            );
            return Err(());
        }
    }
    Ok(())
}

/// `iot:ConnectAttributes` and `iot:LastWillTopic` ("Connect policy examples" in the guide).
struct ConnectVariables {
    attributes: Vec<String>,
    will_topic: Option<String>,
}

impl ConnectVariables {
    fn of(hub: &Hub, connect: &Connect<'_>) -> Self {
        let mut attributes = Vec::new();
        if expiry_s(connect, &hub.profile) > 0 {
            attributes.push("PersistentConnect".to_owned());
        }
        if connect.will.is_some() {
            attributes.push("LastWill".to_owned());
        }
        let will = connect.will.as_ref();
        Self {
            attributes,
            will_topic: will.map(|will| hub.topic_arn(will.topic)),
        }
    }
}

impl Variables for ConnectVariables {
    fn value(&self, name: &str) -> Option<Value<'_>> {
        match name {
            "iot:connectattributes" => Some(Value::Many(&self.attributes)),
            "iot:lastwilltopic" => self.will_topic.as_deref().map(Value::One),
            _ => None,
        }
    }
}

/// How long the session stays without a connection, in seconds.
fn expiry_s(connect: &Connect<'_>, profile: &Profile) -> u32 {
    match connect.version {
        Version::V311 if connect.clean_start => 0,
        Version::V311 => profile.session_expiry_max_s,
        Version::V5 => {
            let asked = connect.properties.session_expiry_s.unwrap_or(0);
            asked.min(profile.session_expiry_max_s)
        }
    }
}

fn open(
    hub: &Arc<Hub>,
    wire: Wire,
    peer: &Peer,
    examined: Examined<'_>,
) -> (Box<Connection>, usize) {
    let Examined {
        connect,
        client_id,
        assigned,
        guard,
        used,
    } = examined;
    let (profile, now_ms) = (&hub.profile, hub.now_ms());
    let keep_alive_s = profile.keep_alive_s(connect.version, connect.keep_alive_s);
    let number = hub.next_number();
    let mut link = Link::new(number, wire, keep_alive_s, now_ms);
    link.quotas = quotas::of_connection(hub, now_ms);
    let lifetime_ms = u64::from(profile.websocket_lifetime_s) * 1000;
    if lifetime_ms > 0 && matches!(guard.identity(), Identity::Signed { .. }) {
        link.ends_ms = now_ms + lifetime_ms;
    }
    let link = Arc::new(link);
    let expiry_s = expiry_s(&connect, profile);
    let opening = Opening {
        client_id: Arc::clone(&client_id),
        version: connect.version,
        clean_start: connect.clean_start,
        expiry_s,
        guard: Arc::clone(&guard),
        limits: limits(&connect, profile),
    };
    let connack = |present| connack(&connect, profile, present, assigned.then_some(&*client_id));
    let session = hub.open_session(&opening, &link, connack, now_ms);
    let principal = guard.principal();
    let address = peer.address;
    tracing::info!(?client_id, ?principal, %address, version = ?connect.version, "connected");
    hub.metrics.connected();
    hub.tell(|| TapEvent::Connected {
        client_id: Arc::clone(&client_id),
        principal: Arc::clone(principal),
        source_ip: Some(address.ip()),
    });
    let visit = hub.event_connected(&session, &link, address.ip());
    let will = connect.will;
    let connection = Connection {
        hub: Arc::clone(hub),
        session,
        link,
        version: connect.version,
        will: will.map(|will| Box::new(StoredWill::new(&will, profile, &hub.budget))),
        stays: expiry_s > 0,
        topics: Topics::new(principal, &client_id, address.ip()),
        visit,
        guard,
        partial: Vec::new(),
        held: Held::new(&hub.budget),
        now_ms,
        pause: None,
    };
    (Box::new(connection), used)
}

fn limits(connect: &Connect<'_>, profile: &Profile) -> OutgoingLimits {
    let receive = connect.properties.receive_maximum;
    let packet = connect.properties.maximum_packet_size;
    let aliases = connect.properties.topic_alias_maximum;
    OutgoingLimits {
        inflight: receive
            .unwrap_or(RECEIVE_MAXIMUM_DEFAULT)
            .min(profile.outbound_inflight),
        queued: profile.queued_messages,
        queued_bytes: profile.queued_bytes,
        stored_per_s: profile.stored_per_s,
        packet_bytes: packet.map_or(usize::MAX, |bytes| bytes as usize),
        dup: profile.dup_on_redelivery,
        topic_aliases: aliases.unwrap_or(0).min(profile.outgoing_aliases),
    }
}

fn connack(
    connect: &Connect<'_>,
    profile: &Profile,
    session_present: bool,
    assigned: Option<&str>,
) -> Vec<u8> {
    let asked = connect.properties.session_expiry_s.unwrap_or(0);
    let given = expiry_s(connect, profile);
    let keep_alive_s = profile.keep_alive_s(connect.version, connect.keep_alive_s);
    let number = |value: usize| u32::try_from(value).ok();
    let said = |flag: bool| Some(flag).filter(|flag| !flag || profile.connack_defaults);
    let properties = ConnAckProperties {
        session_expiry_s: (asked != given).then_some(given),
        assigned_client_id: assigned,
        server_keep_alive_s: (keep_alive_s != connect.keep_alive_s).then_some(keep_alive_s),
        receive_maximum: Some(profile.inbound_inflight),
        maximum_qos: (profile.qos_max < QoS::ExactlyOnce).then_some(profile.qos_max as u8),
        retain_available: said(true),
        maximum_packet_size: number(profile.packet_bytes),
        topic_alias_maximum: Some(profile.topic_alias_maximum),
        wildcard_available: said(true),
        subscription_ids_available: said(profile.subscription_ids),
        shared_available: said(true),
        ..ConnAckProperties::default()
    };
    let ack = ConnAck {
        session_present,
        reason: ReasonCode::Success,
        properties,
    };
    let mut packet = Vec::new();
    codec::put_connack(&mut packet, connect.version, &ack);
    packet
}
