//! What a CONNECT must keep to before anyone is asked who sent it.

use mqtt::Profile;
use mqtt::codec::{Connect, DecodeError, ReasonCode, Version, Will};
use mqtt::topic::check_publish;

/// Texts with characters that the profile does not allow make a CONNECT malformed.
pub(super) fn check_characters(
    connect: &Connect<'_>,
    profile: &Profile,
) -> Result<(), DecodeError> {
    let refused = |code, why| match connect.version {
        Version::V311 => Err(DecodeError::Malformed(why)),
        Version::V5 => Err(DecodeError::Connect(code, why)),
    };
    let allowed = |text: &str| profile.allows_characters(text);
    if !allowed(connect.client_id) {
        let code = ReasonCode::ClientIdentifierNotValid;
        return refused(code, "a control character in the client id");
    }
    let code = ReasonCode::MalformedPacket;
    if !connect.username.is_none_or(allowed) {
        return refused(code, "a control character in the user name");
    }
    if !connect.will.as_ref().is_none_or(|will| allowed(will.topic)) {
        return refused(code, "a control character in the topic of the will");
    }
    Ok(())
}

/// The profile's limits on a CONNECT, with what an MQTT 5 client is told.
pub(super) fn check_limits(
    connect: &Connect<'_>,
    profile: &Profile,
) -> Result<(), (ReasonCode, &'static str)> {
    let id = connect.client_id;
    if id.len() > profile.client_id_bytes {
        return Err((ReasonCode::ClientIdentifierNotValid, "client id too long"));
    }
    if id.starts_with('$') && profile.client_id_dollar_refused {
        let why = "client ids that begin with `$` are reserved";
        return Err((ReasonCode::ClientIdentifierNotValid, why));
    }
    if connect.properties.authentication_method.is_some() {
        let why = "enhanced authentication is not supported";
        return Err((ReasonCode::BadAuthenticationMethod, why));
    }
    let packet_min = profile.client_packet_bytes_min;
    let packet = connect.properties.maximum_packet_size;
    if packet.is_some_and(|bytes| (bytes as usize) < packet_min) {
        let why = "Maximum Packet Size below the least that is supported";
        return Err((ReasonCode::ProtocolError, why));
    }
    let user = connect.properties.user_properties.iter();
    if user.map(|(k, v)| k.len() + v.len()).sum::<usize>() > profile.user_property_bytes {
        return Err((ReasonCode::QuotaExceeded, "user properties too large"));
    }
    connect
        .will
        .as_ref()
        .map_or(Ok(()), |will| check_will(will, profile))
}

fn check_will(will: &Will<'_>, profile: &Profile) -> Result<(), (ReasonCode, &'static str)> {
    if will.qos > profile.qos_max {
        return Err((ReasonCode::QosNotSupported, "QoS of the will too high"));
    }
    if check_publish(will.topic, profile).is_err() {
        let why = "the will's topic is not valid or reserved";
        return Err((ReasonCode::TopicNameInvalid, why));
    }
    if will.payload.len() > profile.payload_bytes {
        return Err((ReasonCode::QuotaExceeded, "payload of the will too large"));
    }
    Ok(())
}
