//! Messages and subscriptions as bytes: a form number, fixed fields, then texts and data behind
//! their lengths. Big-endian throughout.

use crate::hub::group::Group;
use crate::hub::subscribers::Subscriber;
use bytes::Bytes;
use mqtt::session::{Outbound, SubscriptionIds};
use mqtt::{Message, QoS};
use std::sync::Arc;

/// Raised with every change to what is below; rows of other forms are skipped.
const FORM: u8 = 2;

/// Stands for a message that does not expire.
const NEVER: u64 = u64::MAX;

/// About how many bytes a message takes.
pub(super) fn message_bytes(message: &Message) -> usize {
    message.topic.len() + message.properties.len() + message.payload.len() + 32
}

/// A retained message.
pub(super) fn retained(message: &Message, last_modified_ms: u64) -> Vec<u8> {
    let mut out = begin(message);
    out.extend_from_slice(&last_modified_ms.to_be_bytes());
    put_message(&mut out, message);
    out
}

/// Reads a retained message and when it was last modified.
pub(super) fn read_retained(bytes: &[u8]) -> Option<(Message, u64)> {
    let mut reader = Reader::begin(bytes)?;
    let last_modified_ms = reader.u64()?;
    Some((reader.message()?, last_modified_ms))
}

/// A message that waits for a member of a shared subscription.
pub(super) fn shared(name: &str, filter: &str, message: &Message) -> Vec<u8> {
    let mut out = begin(message);
    put_data(&mut out, name.as_bytes());
    put_data(&mut out, filter.as_bytes());
    put_message(&mut out, message);
    out
}

/// A shared subscription by name and filter.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Share {
    pub(super) name: Box<str>,
    pub(super) filter: Box<str>,
}

/// Reads a message that waits for a member of a shared subscription.
pub(super) fn read_shared(bytes: &[u8]) -> Option<(Share, Message)> {
    let mut reader = Reader::begin(bytes)?;
    Some((reader.share()?, reader.message()?))
}

/// A message that a session is owed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Owed {
    pub(super) message: Message,
    pub(super) qos: QoS,
    pub(super) retain: bool,
    pub(super) subscription_ids: SubscriptionIds,
    pub(super) share: Option<Share>,
}

/// A delivery.
pub(super) fn owed(outbound: &Outbound<Arc<Group>>) -> Vec<u8> {
    let mut out = begin(&outbound.message);
    out.extend_from_slice(&[outbound.qos as u8, u8::from(outbound.retain)]);
    let ids = outbound.subscription_ids.as_slice();
    out.extend_from_slice(&(ids.len() as u32).to_be_bytes());
    out.extend(ids.iter().flat_map(|id| id.to_be_bytes()));
    out.push(u8::from(outbound.share.is_some()));
    if let Some(group) = &outbound.share {
        put_data(&mut out, group.name.as_bytes());
        put_data(&mut out, group.filter.as_str().as_bytes());
    }
    put_message(&mut out, &outbound.message);
    out
}

/// Reads a delivery.
pub(super) fn read_owed(bytes: &[u8]) -> Option<Owed> {
    let mut reader = Reader::begin(bytes)?;
    let (qos, retain) = (reader.qos()?, reader.flag()?);
    let ids = reader.u32()?;
    let subscription_ids = (0..ids).map(|_| reader.u32()).collect::<Option<_>>()?;
    let share = if reader.flag()? {
        Some(reader.share()?)
    } else {
        None
    };
    Some(Owed {
        message: reader.message()?,
        qos,
        retain,
        subscription_ids,
        share,
    })
}

/// The options of a subscription.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Options {
    pub(super) qos: QoS,
    pub(super) no_local: bool,
    pub(super) retain_as_published: bool,
    pub(super) subscription_id: Option<u32>,
}

/// The options of a subscription as bytes.
pub(super) fn subscription(subscriber: &Subscriber) -> Vec<u8> {
    let flags = [
        FORM,
        subscriber.qos as u8,
        u8::from(subscriber.no_local),
        u8::from(subscriber.retain_as_published),
    ];
    let id = subscriber.subscription_id.unwrap_or(0);
    [flags, id.to_be_bytes()].concat()
}

/// Reads the options of a subscription.
pub(super) fn read_subscription(bytes: &[u8]) -> Option<Options> {
    let mut reader = Reader::begin(bytes)?;
    Some(Options {
        qos: reader.qos()?,
        no_local: reader.flag()?,
        retain_as_published: reader.flag()?,
        subscription_id: Some(reader.u32()?).filter(|id| *id > 0),
    })
}

/// A message alone, as a session's will.
pub(super) fn message(message: &Message) -> Vec<u8> {
    let mut out = begin(message);
    put_message(&mut out, message);
    out
}

/// Reads a message alone.
pub(super) fn read_message(bytes: &[u8]) -> Option<Message> {
    Reader::begin(bytes)?.message()
}

fn begin(message: &Message) -> Vec<u8> {
    let mut out = Vec::with_capacity(message_bytes(message) + 32);
    out.push(FORM);
    out
}

fn put_message(out: &mut Vec<u8>, message: &Message) {
    out.extend_from_slice(&[message.qos as u8, u8::from(message.retain)]);
    out.extend_from_slice(&message.expires_at_ms.unwrap_or(NEVER).to_be_bytes());
    put_data(out, message.topic.as_bytes());
    put_data(out, &message.properties);
    put_data(out, &message.payload);
}

/// A packet has less than 256 MB, so its parts do.
fn put_data(out: &mut Vec<u8>, data: &[u8]) {
    out.extend_from_slice(&(data.len() as u32).to_be_bytes());
    out.extend_from_slice(data);
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn begin(bytes: &'a [u8]) -> Option<Self> {
        let mut reader = Self(bytes);
        (reader.u8()? == FORM).then_some(reader)
    }

    fn u8(&mut self) -> Option<u8> {
        let (byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*byte)
    }

    fn number<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (number, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*number)
    }

    fn u32(&mut self) -> Option<u32> {
        self.number().map(u32::from_be_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.number().map(u64::from_be_bytes)
    }

    fn flag(&mut self) -> Option<bool> {
        match self.u8()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    fn qos(&mut self) -> Option<QoS> {
        match self.u8()? {
            0 => Some(QoS::AtMostOnce),
            1 => Some(QoS::AtLeastOnce),
            2 => Some(QoS::ExactlyOnce),
            _ => None,
        }
    }

    fn data(&mut self) -> Option<&'a [u8]> {
        let len = self.u32()? as usize;
        let (data, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(data)
    }

    fn text(&mut self) -> Option<&'a str> {
        str::from_utf8(self.data()?).ok()
    }

    fn share(&mut self) -> Option<Share> {
        Some(Share {
            name: self.text()?.into(),
            filter: self.text()?.into(),
        })
    }

    /// A message, which comes last.
    fn message(&mut self) -> Option<Message> {
        let (qos, retain) = (self.qos()?, self.flag()?);
        let expires_at_ms = Some(self.u64()?).filter(|at| *at != NEVER);
        let message = Message {
            topic: self.text()?.into(),
            properties: Bytes::copy_from_slice(self.data()?),
            payload: Bytes::copy_from_slice(self.data()?),
            qos,
            retain,
            expires_at_ms,
        };
        self.0.is_empty().then_some(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages() -> Vec<Message> {
        let plain = Message {
            topic: "a/b".into(),
            payload: Bytes::new(),
            qos: QoS::AtLeastOnce,
            retain: false,
            properties: Bytes::new(),
            expires_at_ms: None,
        };
        let full = Message {
            topic: "ü/$x".into(),
            payload: Bytes::from(vec![0xFF; 300]),
            qos: QoS::ExactlyOnce,
            retain: true,
            properties: Bytes::from_static(&[1, 1]),
            expires_at_ms: Some(1),
        };
        vec![plain, full]
    }

    /// What was written is read again; shortened, lengthened or of another form it is not.
    fn check<T: PartialEq + std::fmt::Debug>(
        bytes: &[u8],
        read: impl Fn(&[u8]) -> Option<T>,
        expected: T,
    ) {
        assert_eq!(read(bytes), Some(expected));
        for len in 0..bytes.len() {
            assert_eq!(read(&bytes[..len]), None, "{len} of {bytes:?}");
        }
        let mut other = bytes.to_vec();
        other[0] += 1;
        assert_eq!(read(&other), None);
        // Any byte may be wrong; none of them is a panic.
        for at in 0..bytes.len() {
            let mut wrong = bytes.to_vec();
            wrong[at] ^= 0xFF;
            let _ = read(&wrong);
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        for it in messages() {
            check(&message(&it), read_message, it.clone());
            check(&retained(&it, 7), read_retained, (it.clone(), 7));
            let share = Share {
                name: "g".into(),
                filter: "a/#".into(),
            };
            check(&shared("g", "a/#", &it), read_shared, (share, it.clone()));
            let mut outbound: Outbound<Arc<Group>> = Outbound {
                message: Arc::new(it.clone()),
                qos: QoS::AtLeastOnce,
                retain: true,
                subscription_ids: SubscriptionIds::None,
                share: None,
                stored: None,
            };
            let mut expected = Owed {
                message: it.clone(),
                qos: QoS::AtLeastOnce,
                retain: true,
                subscription_ids: SubscriptionIds::None,
                share: None,
            };
            check(&owed(&outbound), read_owed, expected);
            outbound.subscription_ids = [268_435_455, 1].into_iter().collect();
            let profile = mqtt::Profile::aws();
            let filter = mqtt::topic::TopicFilter::parse("a/#", &profile).unwrap();
            outbound.share = Some(Group::new("g".into(), filter, &mqtt::Profile::mqtt(), None));
            expected = Owed {
                message: it.clone(),
                qos: QoS::AtLeastOnce,
                retain: true,
                subscription_ids: [268_435_455, 1].into_iter().collect(),
                share: Some(Share {
                    name: "g".into(),
                    filter: "a/#".into(),
                }),
            };
            check(&owed(&outbound), read_owed, expected);
        }
    }
}
