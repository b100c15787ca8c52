//! What this broker allows: AWS IoT Core's rules, or the standard's. Every difference between
//! the two is one field here; nothing else knows which one is in force.
//!
//! "Quotas" is the page "AWS IoT Core endpoints and quotas" of the AWS General Reference, "MQTT"
//! the page of that name in the AWS IoT developer guide.

mod settings;

pub use settings::{SETTINGS, SettingError};

use crate::codec::{DecodeError, ReasonCode, Version};
use crate::message::QoS;
use crate::session::Redelivery;

/// The rules of a broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// Longest client id in bytes (Quotas: 128).
    pub client_id_bytes: usize,
    /// Client ids that begin with `$` are refused; seen at AWS for `$GEN/...`.
    pub client_id_dollar_refused: bool,
    /// Largest payload in bytes (Quotas: 128 KB).
    pub payload_bytes: usize,
    /// Largest packet in bytes (Quotas: 146 KB); the CONNACK's Maximum Packet Size.
    pub packet_bytes: usize,
    /// Smallest Maximum Packet Size that a client may ask for (MQTT: 512).
    pub client_packet_bytes_min: usize,
    /// Keep alive for clients that ask for none, in seconds; 0 for none (Quotas: 1200).
    pub keep_alive_default_s: u16,
    /// Shortest keep alive in seconds (Quotas: 30).
    pub keep_alive_min_s: u16,
    /// Longest keep alive in seconds (Quotas: 1200).
    pub keep_alive_max_s: u16,
    /// Longest keep alive in seconds of clients that are told what they get: MQTT 5's Server Keep
    /// Alive (MQTT 5.0 [3.2.2.3.14]).
    pub server_keep_alive_max_s: u16,
    /// Longest topic or filter in bytes, without `$aws/rules/NAME/` and `$share/NAME/`
    /// (Quotas: 256).
    pub topic_bytes: usize,
    /// Most slashes in a topic or filter, counted likewise (Quotas: 7).
    pub topic_slashes: usize,
    /// Longest share name in characters (Quotas: 128).
    pub share_name_chars: usize,
    /// Control characters and Unicode's non-characters may stand in client ids, user names, topics
    /// and filters; without, a packet with one is malformed, as MQTT allows (MQTT 5.0 [1.5.4]) and
    /// mosquitto has it.
    pub control_characters: bool,
    /// Topics that begin with `$` are reserved for those that AWS documents. Without, those below
    /// `$SYS/` are the server's (MQTT 5.0 [4.7.2]), and a publish there is met as one that policies
    /// forbid.
    pub reserved_topics: bool,
    /// Most filters in one SUBSCRIBE or UNSUBSCRIBE (Quotas: 8).
    pub filters_per_subscribe: usize,
    /// Most subscriptions of one connection (Quotas: 50).
    pub subscriptions_per_connection: usize,
    /// Most messages above QoS 0 that a client may have unacknowledged (Quotas: 100).
    pub inbound_inflight: u16,
    /// Most messages above QoS 0 sent to a client and not acknowledged (Quotas: 100).
    pub outbound_inflight: u16,
    /// Most messages that wait for a client. AWS names a rate and no number.
    pub queued_messages: usize,
    /// Most bytes of payload that wait for a client.
    pub queued_bytes: usize,
    /// Messages a second that a client is sent of those that waited for it, beside what is published
    /// meanwhile; 0 for all at once (Quotas: 10).
    pub stored_per_s: u32,
    /// The same of those that waited for a shared subscription, for each member (MQTT, "Shared
    /// subscriptions": 20).
    pub shared_stored_per_s: u32,
    /// Highest topic alias (Quotas: 8).
    pub topic_alias_maximum: u16,
    /// Most topics for which the broker sets aliases of its own, if the client's Topic Alias
    /// Maximum allows as many. Unknown at AWS.
    pub outgoing_aliases: u16,
    /// Most bytes of user properties in a packet (Quotas: 8 KB).
    pub user_property_bytes: usize,
    /// Longest content type in bytes (Quotas: 256).
    pub content_type_bytes: usize,
    /// Longest correlation data in bytes (Quotas: 8 KB).
    pub correlation_data_bytes: usize,
    /// Shortest message expiry in seconds; lower ones are raised (MQTT: 1).
    pub message_expiry_min_s: u32,
    /// Longest message expiry in seconds; higher ones are lowered (MQTT: 7 days).
    pub message_expiry_max_s: u32,
    /// Longest session expiry in seconds, and that of MQTT 3.1.1 (Quotas: 1 hour).
    pub session_expiry_max_s: u32,
    /// Highest QoS (MQTT: 1).
    pub qos_max: QoS,
    /// A SUBSCRIBE with a QoS above the highest closes the connection instead of being granted
    /// less (MQTT: no SUBACK is sent).
    pub subscribe_qos2_closes: bool,
    /// Subscription identifiers work (MQTT: they do not).
    pub subscription_ids: bool,
    /// `a/#` matches `a` too ([MQTT-4.7.1-2]); not at AWS (MQTT, "Topic filters").
    pub hash_matches_parent: bool,
    /// A filter with wildcards is sent retained messages; not at AWS (MQTT, "Retained messages").
    pub retained_to_wildcards: bool,
    /// Messages on topics that begin with `$` can be retained; not at AWS.
    pub retained_on_reserved: bool,
    /// Most retained messages (Quotas: 500,000).
    pub retained_messages: usize,
    /// Most bytes of retained payloads.
    pub retained_bytes: usize,
    /// Several matching subscriptions of one session give several copies. AWS documents neither;
    /// one copy at the highest QoS is what both versions of the standard allow.
    pub overlapping_copies: bool,
    /// Most messages that wait for a shared subscription (Quotas: 500,000 in an account; here
    /// for each group).
    pub shared_queue_messages: usize,
    /// Messages sent again carry DUP ([MQTT-3.3.1-1]); never at AWS (MQTT).
    pub dup_on_redelivery: bool,
    /// A message at QoS 1 that a connected client does not acknowledge is sent again after so many
    /// seconds, at the least; 0 for never, as MQTT 5.0 [4.4.0-1] has it. AWS does it, and its own
    /// tests of FreeRTOS say that it takes at least 30 seconds (aws/amazon-freertos, pull request
    /// 2517).
    pub redelivery_interval_s: u32,
    /// Seconds for which it is sent again to a client of MQTT 3.1.1, then it is dropped, if it came
    /// through a shared subscription too; 0 for ever (Quotas: 1 hour). Whether AWS counts on when
    /// the client comes back is unknown; here each connection begins anew.
    pub redelivery_max_v3_s: u32,
    /// The same for a client of MQTT 5 (Quotas: 960).
    pub redelivery_max_v5_s: u32,
    /// A refused CONNECT of MQTT 3.1.1 is closed without a CONNACK; seen at AWS.
    pub refused_connect_silent_v3: bool,
    /// A refused filter closes an MQTT 3.1.1 connection; the AWS SDKs' guides to MQTT 5 say so.
    pub refused_subscribe_closes_v3: bool,
    /// What becomes of a publish that policies forbid, MQTT 3.1.1.
    pub denied_publish_v3: Denied,
    /// The same above QoS 0, MQTT 5.
    pub denied_publish_v5: Denied,
    /// The same at QoS 0, MQTT 5, where nothing can be answered. Unknown at AWS.
    pub denied_publish_v5_qos0: Denied,
    /// The PUBACK code of MQTT 5 for a message that nobody is subscribed to; AWS lists no 0x10.
    pub no_subscribers: ReasonCode,
    /// CONNACK has the properties that say what the standard assumes without them.
    pub connack_defaults: bool,
    /// The SUBACK code for a filter that policies forbid, MQTT 5.
    pub denied_subscribe: ReasonCode,
    /// What is no valid topic or filter ends a connection of MQTT 5 with 0x90 or 0x8F, which AWS
    /// lists (MQTT); in the standard these are for topics and filters that are correctly formed,
    /// and the codes 0x81 and 0x82 (MQTT 5.0 [4.13.1]).
    pub ill_formed_topic_codes: bool,
    /// The DISCONNECT code of MQTT 5 for a packet that is too large; AWS lists 0x97 and no 0x95.
    pub packet_too_large: ReasonCode,
    /// DISCONNECT has words beside its code; seen at AWS.
    pub reason_strings: bool,
    /// What becomes of a publish beyond the rate quotas, MQTT 5 above QoS 0. AWS discards it; its
    /// list of PUBACK codes has 0x97.
    pub throttled_publish_v5: Denied,
    /// How long a connection over WebSocket lives that a signature let in, in seconds; 0 for ever
    /// (Quotas: 24 hours).
    pub websocket_lifetime_s: u32,
    /// The UNSUBACK code for a filter that was not subscribed; AWS lists no 0x11.
    pub unsubscribe_unknown: ReasonCode,
}

/// What becomes of a publish that policies forbid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// The connection ends.
    Close,
    /// The acknowledgement says so, the connection stays.
    Refuse,
    /// The message vanishes; an acknowledgement says nothing.
    Ignore,
}

impl Profile {
    /// What AWS IoT Core does.
    pub fn aws() -> Self {
        Profile {
            client_id_bytes: 128,
            client_id_dollar_refused: true,
            payload_bytes: 128 * 1024,
            packet_bytes: 146 * 1024,
            client_packet_bytes_min: 512,
            keep_alive_default_s: 1200,
            keep_alive_min_s: 30,
            keep_alive_max_s: 1200,
            server_keep_alive_max_s: 1200,
            topic_bytes: 256,
            topic_slashes: 7,
            share_name_chars: 128,
            control_characters: true,
            reserved_topics: true,
            filters_per_subscribe: 8,
            subscriptions_per_connection: 50,
            inbound_inflight: 100,
            outbound_inflight: 100,
            queued_messages: 100_000,
            queued_bytes: 64 * 1024 * 1024,
            stored_per_s: 10,
            shared_stored_per_s: 20,
            topic_alias_maximum: 8,
            outgoing_aliases: 0,
            user_property_bytes: 8 * 1024,
            content_type_bytes: 256,
            correlation_data_bytes: 8 * 1024,
            message_expiry_min_s: 1,
            message_expiry_max_s: 604_800,
            session_expiry_max_s: 3600,
            qos_max: QoS::AtLeastOnce,
            subscribe_qos2_closes: true,
            subscription_ids: false,
            hash_matches_parent: false,
            retained_to_wildcards: false,
            retained_on_reserved: false,
            retained_messages: 500_000,
            retained_bytes: 1024 * 1024 * 1024,
            overlapping_copies: false,
            shared_queue_messages: 500_000,
            dup_on_redelivery: false,
            redelivery_interval_s: 30,
            redelivery_max_v3_s: 3600,
            redelivery_max_v5_s: 960,
            refused_connect_silent_v3: true,
            refused_subscribe_closes_v3: true,
            denied_publish_v3: Denied::Close,
            denied_publish_v5: Denied::Refuse,
            denied_publish_v5_qos0: Denied::Ignore,
            no_subscribers: ReasonCode::Success,
            connack_defaults: true,
            denied_subscribe: ReasonCode::NotAuthorized,
            ill_formed_topic_codes: true,
            packet_too_large: ReasonCode::QuotaExceeded,
            reason_strings: true,
            throttled_publish_v5: Denied::Refuse,
            websocket_lifetime_s: 86_400,
            unsubscribe_unknown: ReasonCode::Success,
        }
    }

    /// What the MQTT standard says, with bounds that protect the server.
    pub fn mqtt() -> Self {
        Profile {
            client_id_bytes: 65_535,
            client_id_dollar_refused: false,
            payload_bytes: usize::MAX,
            packet_bytes: 16 * 1024 * 1024,
            client_packet_bytes_min: 1,
            keep_alive_default_s: 0,
            keep_alive_min_s: 0,
            keep_alive_max_s: u16::MAX,
            server_keep_alive_max_s: 60,
            topic_bytes: 65_535,
            topic_slashes: 65_535,
            share_name_chars: 65_535,
            reserved_topics: false,
            filters_per_subscribe: usize::MAX,
            subscriptions_per_connection: usize::MAX,
            inbound_inflight: 1000,
            outbound_inflight: 1000,
            stored_per_s: 0,
            shared_stored_per_s: 0,
            topic_alias_maximum: 100,
            outgoing_aliases: 100,
            user_property_bytes: usize::MAX,
            content_type_bytes: 65_535,
            correlation_data_bytes: 65_535,
            message_expiry_min_s: 0,
            message_expiry_max_s: u32::MAX,
            session_expiry_max_s: u32::MAX,
            qos_max: QoS::ExactlyOnce,
            subscribe_qos2_closes: false,
            subscription_ids: true,
            hash_matches_parent: true,
            retained_to_wildcards: true,
            retained_on_reserved: true,
            dup_on_redelivery: true,
            redelivery_interval_s: 0,
            redelivery_max_v3_s: 0,
            redelivery_max_v5_s: 0,
            refused_connect_silent_v3: false,
            refused_subscribe_closes_v3: false,
            denied_publish_v3: Denied::Ignore,
            no_subscribers: ReasonCode::NoMatchingSubscribers,
            connack_defaults: false,
            ill_formed_topic_codes: false,
            packet_too_large: ReasonCode::PacketTooLarge,
            reason_strings: false,
            websocket_lifetime_s: 0,
            unsubscribe_unknown: ReasonCode::NoSubscriptionExisted,
            ..Profile::aws()
        }
    }

    /// Whether a text has only characters that may stand in names.
    pub fn allows_characters(&self, text: &str) -> bool {
        let is_noncharacter = |c: u32| (0xFDD0..=0xFDEF).contains(&c) || c & 0xFFFE == 0xFFFE;
        self.control_characters
            || !text
                .chars()
                .any(|c| c.is_control() || is_noncharacter(u32::from(c)))
    }

    /// The keep alive that a client gets for the one it asks for, in seconds; 0 for none.
    pub fn keep_alive_s(&self, version: Version, asked_s: u16) -> u16 {
        let max_s = match version {
            Version::V311 => self.keep_alive_max_s,
            Version::V5 => self.keep_alive_max_s.min(self.server_keep_alive_max_s),
        };
        match asked_s {
            0 => self.keep_alive_default_s,
            asked_s => asked_s.max(self.keep_alive_min_s).min(max_s),
        }
    }

    /// The message expiry that a message gets for the one it asks for, in seconds.
    pub fn message_expiry_s(&self, asked_s: u32) -> u32 {
        asked_s.clamp(self.message_expiry_min_s, self.message_expiry_max_s)
    }

    /// When a message is sent again that a connected client does not acknowledge; `None` for never,
    /// and then none is given up either.
    pub fn redelivery(&self, version: Version) -> Option<Redelivery> {
        let max_s = match version {
            Version::V311 => self.redelivery_max_v3_s,
            Version::V5 => self.redelivery_max_v5_s,
        };
        let interval_s = self.redelivery_interval_s;
        (interval_s > 0).then_some(Redelivery { interval_s, max_s })
    }

    /// The reason code for a client of MQTT 5 that sent what is no packet.
    pub fn refusal(&self, error: &DecodeError) -> ReasonCode {
        match error {
            DecodeError::TopicName | DecodeError::WillTopic(_) if self.ill_formed_topic_codes => {
                ReasonCode::TopicNameInvalid
            }
            DecodeError::TopicFilter | DecodeError::ShareName if self.ill_formed_topic_codes => {
                ReasonCode::TopicFilterInvalid
            }
            DecodeError::TooLarge(_) => self.packet_too_large,
            other => other.reason_code(),
        }
    }

    /// What becomes of a publish that policies forbid.
    pub fn denied_publish(&self, version: Version, qos: QoS) -> Denied {
        match (version, qos) {
            (Version::V311, _) => self.denied_publish_v3,
            (Version::V5, QoS::AtMostOnce) => self.denied_publish_v5_qos0,
            (Version::V5, QoS::AtLeastOnce | QoS::ExactlyOnce) => self.denied_publish_v5,
        }
    }
}
