//! The fields of a profile as settings by name, for whoever needs another value than AWS or the
//! standard has.

use super::{Denied, Profile};
use crate::codec::ReasonCode;
use crate::message::QoS;

/// Why a setting is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SettingError {
    /// No field has this name.
    Unknown,
    /// The field cannot have this value; here is what it can have.
    Value(&'static str),
}

/// The value of a setting.
trait Setting: Sized {
    /// What it is, for those who got it wrong.
    const FORM: &'static str;

    fn read(text: &str) -> Option<Self>;
}

macro_rules! numbers {
    ($($type:ty),*) => {$(
        impl Setting for $type {
            const FORM: &'static str = "a whole number within its range";

            fn read(text: &str) -> Option<Self> {
                text.parse().ok()
            }
        }
    )*};
}

numbers!(usize, u16, u32);

impl Setting for bool {
    const FORM: &'static str = "true or false";

    fn read(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

impl Setting for QoS {
    const FORM: &'static str = "0, 1 or 2";

    fn read(text: &str) -> Option<Self> {
        match text {
            "0" => Some(QoS::AtMostOnce),
            "1" => Some(QoS::AtLeastOnce),
            "2" => Some(QoS::ExactlyOnce),
            _ => None,
        }
    }
}

impl Setting for ReasonCode {
    const FORM: &'static str = "a reason code of MQTT 5, such as 0x87";

    fn read(text: &str) -> Option<Self> {
        let code = match text.strip_prefix("0x") {
            Some(digits) => u8::from_str_radix(digits, 16).ok()?,
            None => text.parse().ok()?,
        };
        ReasonCode::from_u8(code)
    }
}

impl Setting for Denied {
    const FORM: &'static str = "close, refuse or ignore";

    fn read(text: &str) -> Option<Self> {
        match text {
            "close" => Some(Denied::Close),
            "refuse" => Some(Denied::Refuse),
            "ignore" => Some(Denied::Ignore),
            _ => None,
        }
    }
}

fn put<T: Setting>(field: &mut T, text: &str) -> Result<(), SettingError> {
    *field = T::read(text).ok_or(SettingError::Value(T::FORM))?;
    Ok(())
}

macro_rules! settings {
    ($($field:ident),* $(,)?) => {
        /// The names of all settings: those of the fields of [`Profile`].
        pub const SETTINGS: &[&str] = &[$(stringify!($field)),*];

        impl Profile {
            /// Sets a field by its name, with `-` for `_` if so written.
            pub fn set(&mut self, name: &str, value: &str) -> Result<(), SettingError> {
                match name.replace('-', "_").as_str() {
                    $(stringify!($field) => put(&mut self.$field, value),)*
                    _ => Err(SettingError::Unknown),
                }
            }
        }
    };
}

settings!(
    client_id_bytes,
    client_id_dollar_refused,
    payload_bytes,
    packet_bytes,
    client_packet_bytes_min,
    keep_alive_default_s,
    keep_alive_min_s,
    keep_alive_max_s,
    server_keep_alive_max_s,
    topic_bytes,
    topic_slashes,
    share_name_chars,
    control_characters,
    reserved_topics,
    filters_per_subscribe,
    subscriptions_per_connection,
    inbound_inflight,
    outbound_inflight,
    queued_messages,
    queued_bytes,
    stored_per_s,
    shared_stored_per_s,
    topic_alias_maximum,
    outgoing_aliases,
    user_property_bytes,
    content_type_bytes,
    correlation_data_bytes,
    message_expiry_min_s,
    message_expiry_max_s,
    session_expiry_max_s,
    qos_max,
    subscribe_qos2_closes,
    subscription_ids,
    hash_matches_parent,
    retained_to_wildcards,
    retained_on_reserved,
    retained_messages,
    retained_bytes,
    overlapping_copies,
    shared_queue_messages,
    dup_on_redelivery,
    redelivery_interval_s,
    redelivery_max_v3_s,
    redelivery_max_v5_s,
    refused_connect_silent_v3,
    refused_subscribe_closes_v3,
    denied_publish_v3,
    denied_publish_v5,
    denied_publish_v5_qos0,
    denied_subscribe,
    no_subscribers,
    connack_defaults,
    ill_formed_topic_codes,
    packet_too_large,
    reason_strings,
    unsubscribe_unknown,
    throttled_publish_v5,
    websocket_lifetime_s,
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_by_name() {
        let check = |name: &str, value: &str, expected: Result<(), SettingError>| {
            assert_eq!(Profile::aws().set(name, value), expected, "{name}={value}");
        };
        check("topic_slashes", "9", Ok(()));
        check("topic-slashes", "9", Ok(()));
        check("topic-slashes", "-1", Err(SettingError::Value(usize::FORM)));
        check(
            "keep-alive-max-s",
            "65536",
            Err(SettingError::Value(u16::FORM)),
        );
        check("overlapping-copies", "true", Ok(()));
        check(
            "overlapping-copies",
            "1",
            Err(SettingError::Value(bool::FORM)),
        );
        check("qos-max", "2", Ok(()));
        check("qos-max", "3", Err(SettingError::Value(QoS::FORM)));
        check("denied-subscribe", "0x80", Ok(()));
        check("denied-subscribe", "128", Ok(()));
        check(
            "denied-subscribe",
            "0xFF",
            Err(SettingError::Value(ReasonCode::FORM)),
        );
        check("denied-publish-v5-qos0", "close", Ok(()));
        check(
            "denied-publish-v5-qos0",
            "drop",
            Err(SettingError::Value(Denied::FORM)),
        );
        check("topic-levels", "8", Err(SettingError::Unknown));
        let mut profile = Profile::aws();
        profile
            .set("overlapping-copies", "true")
            .expect("a setting");
        assert!(profile.overlapping_copies);
    }
}
