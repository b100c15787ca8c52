//! SUBSCRIBE and UNSUBSCRIBE (MQTT 5.0 sections 3.8 and 3.10).

use super::error::DecodeError;
use super::frame::{Frame, Version};
use super::primitives::{Reader, put_binary, put_packet};
use super::properties::{Place, Properties};
use crate::message::QoS;

/// A request for messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subscribe<'a> {
    /// What the SUBACK answers.
    pub packet_id: u16,
    /// MQTT 5 properties; the subscription identifier is among them.
    pub properties: Properties<'a>,
    /// Validated filters and options in wire form.
    filters: &'a [u8],
}

/// One filter of a SUBSCRIBE with its options (MQTT 5.0 section 3.8.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubscribeFilter<'a> {
    /// The filter as sent, `$share/...` included.
    pub filter: &'a str,
    /// The highest QoS that the client wants.
    pub qos: QoS,
    /// Not to be sent what the client publishes itself.
    pub no_local: bool,
    /// To be sent RETAIN as it was published.
    pub retain_as_published: bool,
    /// When retained messages are sent.
    pub retain_handling: RetainHandling,
}

/// When a subscription is sent retained messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetainHandling {
    /// At every SUBSCRIBE.
    Send,
    /// When the subscription is new.
    SendIfNew,
    /// Never.
    DoNotSend,
}

impl<'a> Subscribe<'a> {
    /// The filters in the order sent.
    pub fn filters(&self) -> impl Iterator<Item = SubscribeFilter<'a>> + use<'a> {
        let mut reader = Reader::new(self.filters);
        std::iter::from_fn(move || {
            // Options were validated for MQTT 5; those of 3.1.1 are a subset.
            if reader.is_empty() {
                None
            } else {
                filter(&mut reader, Version::V5).ok()
            }
        })
    }
}

pub(super) fn decode_subscribe<'a>(
    frame: &Frame<'a>,
    version: Version,
) -> Result<Subscribe<'a>, DecodeError> {
    frame.require_flags(2)?;
    let mut reader = Reader::new(frame.body);
    let packet_id = request_id(&mut reader)?;
    let properties = match version {
        Version::V311 => Properties::default(),
        Version::V5 => Properties::read(&mut reader, Place::Subscribe)?,
    };
    let filters = reader.rest();
    if filters.is_empty() {
        return Err(DecodeError::Protocol("a SUBSCRIBE without filters"));
    }
    while !reader.is_empty() {
        filter(&mut reader, version)?;
    }
    Ok(Subscribe {
        packet_id,
        properties,
        filters,
    })
}

fn filter<'a>(
    reader: &mut Reader<'a>,
    version: Version,
) -> Result<SubscribeFilter<'a>, DecodeError> {
    let filter = reader.text()?;
    check_filter(filter)?;
    let options = reader.u8()?;
    let reserved = if version == Version::V5 { 0xC0 } else { 0xFC };
    if options & reserved != 0 {
        return Err(DecodeError::Malformed("reserved subscription options"));
    }
    let qos = match options & 3 {
        0 => QoS::AtMostOnce,
        1 => QoS::AtLeastOnce,
        2 => QoS::ExactlyOnce,
        _ => return Err(DecodeError::QosThree),
    };
    let retain_handling = match options >> 4 & 3 {
        0 => RetainHandling::Send,
        1 => RetainHandling::SendIfNew,
        2 => RetainHandling::DoNotSend,
        _ => return Err(DecodeError::Protocol("retain handling 3")),
    };
    let no_local = options & 4 != 0;
    // [MQTT-3.8.3-4].
    if no_local && filter.starts_with("$share/") {
        return Err(DecodeError::Protocol("No Local on a shared subscription"));
    }
    let retain_as_published = options & 8 != 0;
    Ok(SubscribeFilter {
        filter,
        qos,
        no_local,
        retain_as_published,
        retain_handling,
    })
}

/// The packet identifier of a request. The standard names no code for 0 ([MQTT-2.2.1-3]); as at
/// mosquitto it makes a request malformed, and an acknowledgement a protocol error.
fn request_id(reader: &mut Reader<'_>) -> Result<u16, DecodeError> {
    reader.packet_id().map_err(|error| match error {
        DecodeError::Protocol(why) => DecodeError::Malformed(why),
        other => other,
    })
}

/// A filter's form (MQTT 5.0 section 4.7): at least one character, `#` alone in the last level,
/// `+` alone in its level; the same behind `$share/NAME/`, whose name has no wildcard.
fn check_filter(filter: &str) -> Result<(), DecodeError> {
    check_wildcards(filter)?;
    let Some(shared) = filter.strip_prefix("$share/") else {
        return Ok(());
    };
    match shared.split_once('/') {
        Some((name, rest)) if !name.is_empty() && !name.contains('+') && !rest.is_empty() => Ok(()),
        Some(_) | None => Err(DecodeError::ShareName),
    }
}

fn check_wildcards(filter: &str) -> Result<(), DecodeError> {
    if filter.is_empty() {
        return Err(DecodeError::TopicFilter);
    }
    let mut levels = filter.split('/').peekable();
    while let Some(level) = levels.next() {
        let fits = match level {
            "#" => levels.peek().is_none(),
            "+" => true,
            plain => !plain.contains(['+', '#']),
        };
        if !fits {
            return Err(DecodeError::TopicFilter);
        }
    }
    Ok(())
}

/// The end of subscriptions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unsubscribe<'a> {
    /// What the UNSUBACK answers.
    pub packet_id: u16,
    /// MQTT 5 properties.
    pub properties: Properties<'a>,
    /// Validated filters in wire form.
    filters: &'a [u8],
}

impl<'a> Unsubscribe<'a> {
    /// The filters in the order sent.
    pub fn filters(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let mut reader = Reader::new(self.filters);
        std::iter::from_fn(move || {
            if reader.is_empty() {
                None
            } else {
                reader.text().ok()
            }
        })
    }
}

pub(super) fn decode_unsubscribe<'a>(
    frame: &Frame<'a>,
    version: Version,
) -> Result<Unsubscribe<'a>, DecodeError> {
    frame.require_flags(2)?;
    let mut reader = Reader::new(frame.body);
    let packet_id = request_id(&mut reader)?;
    let properties = match version {
        Version::V311 => Properties::default(),
        Version::V5 => Properties::read(&mut reader, Place::Unsubscribe)?,
    };
    let filters = reader.rest();
    if filters.is_empty() {
        return Err(DecodeError::Protocol("an UNSUBSCRIBE without filters"));
    }
    while !reader.is_empty() {
        check_filter(reader.text()?)?;
    }
    Ok(Unsubscribe {
        packet_id,
        properties,
        filters,
    })
}

/// Appends a SUBSCRIBE with plain options.
pub fn put_subscribe(out: &mut Vec<u8>, version: Version, packet_id: u16, filters: &[(&str, QoS)]) {
    put_packet(out, 0x82, |body| {
        body.extend_from_slice(&packet_id.to_be_bytes());
        if version == Version::V5 {
            body.push(0);
        }
        for (filter, qos) in filters {
            put_binary(body, filter.as_bytes());
            body.push(*qos as u8);
        }
    });
}

/// Appends an UNSUBSCRIBE.
pub fn put_unsubscribe(out: &mut Vec<u8>, version: Version, packet_id: u16, filters: &[&str]) {
    put_packet(out, 0xA2, |body| {
        body.extend_from_slice(&packet_id.to_be_bytes());
        if version == Version::V5 {
            body.push(0);
        }
        for filter in filters {
            put_binary(body, filter.as_bytes());
        }
    });
}
