//! Messages of one topic that came side by side, as publishers at full speed send them.

use super::frame::{Frame, Version, frame};
use super::publish::{Publish, decode_publish};

/// The first byte of a PUBLISH at QoS 0 without RETAIN.
const PLAIN: u8 = 0x30;

/// PUBLISH packets that stand side by side and differ in their payloads alone: at QoS 0, without
/// RETAIN and properties, all on one topic. A receiver that may have them as they are can have
/// them in one piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublishRun<'a> {
    /// The packets.
    pub bytes: &'a [u8],
    /// How many they are.
    pub packets: usize,
    /// Bytes of the longest packet.
    pub longest: usize,
    /// Bytes of all payloads.
    pub payload_bytes: usize,
    version: Version,
}

impl<'a> PublishRun<'a> {
    /// The packets at the front of `bytes` that differ from `before`, a packet that has been
    /// decoded, in their payloads alone: no more than `bytes_max` bytes, and none with a payload
    /// above `payload_max` bytes. Nothing if there are none.
    #[must_use]
    pub fn behind(
        before: &Frame<'_>,
        bytes: &'a [u8],
        version: Version,
        bytes_max: usize,
        payload_max: usize,
    ) -> Option<Self> {
        let head = head(before, version)?;
        let bytes = &bytes[..bytes.len().min(bytes_max)];
        let mut run = Self {
            bytes: &[],
            packets: 0,
            longest: 0,
            payload_bytes: 0,
            version,
        };
        let mut used = 0;
        while let Ok(Some(packet)) = frame(&bytes[used..], bytes_max)
            && packet.bytes[0] == PLAIN
            && let Some(payload) = packet.body.strip_prefix(head)
            && payload.len() <= payload_max
        {
            used += packet.bytes.len();
            run.packets += 1;
            run.longest = run.longest.max(packet.bytes.len());
            run.payload_bytes += payload.len();
        }
        run.bytes = &bytes[..used];
        Some(run).filter(|run| run.packets > 0)
    }

    /// Their topic.
    #[must_use]
    pub fn topic(&self) -> &'a str {
        self.iter().next().map_or("", |(_, publish)| publish.topic)
    }

    /// The protocol version that its packets are of.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    /// Its packets one by one, as they are and decoded.
    pub fn iter(&self) -> impl Iterator<Item = (&'a [u8], Publish<'a>)> {
        let (mut rest, version) = (self.bytes, self.version);
        std::iter::from_fn(move || {
            let frame = frame(rest, usize::MAX).ok()??;
            rest = &rest[frame.bytes.len()..];
            Some((frame.bytes, decode_publish(&frame, version).ok()?))
        })
    }
}

/// What a packet that can have others behind it has before its payload, the fixed header apart: the
/// topic, and in MQTT 5 that there are no properties.
fn head<'a>(packet: &Frame<'a>, version: Version) -> Option<&'a [u8]> {
    if packet.bytes[0] != PLAIN {
        return None;
    }
    let (length, _) = packet.body.split_first_chunk::<2>()?;
    let topic = 2 + usize::from(u16::from_be_bytes(*length));
    match version {
        Version::V311 => packet.body.get(..topic),
        Version::V5 => packet.body.get(..=topic).filter(|head| head[topic] == 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{PublishBody, PublishHead, put_publish};
    use crate::message::QoS;

    const VERSIONS: [Version; 2] = [Version::V311, Version::V5];

    const HEAD: PublishHead = PublishHead {
        qos: QoS::AtMostOnce,
        dup: false,
        retain: false,
        packet_id: None,
    };

    fn packet(version: Version, head: PublishHead, topic: &str, payload: &[u8]) -> Vec<u8> {
        let body = PublishBody {
            topic,
            payload,
            ..PublishBody::default()
        };
        let mut bytes = Vec::new();
        put_publish(&mut bytes, version, head, &body);
        bytes
    }

    fn plain(version: Version, topic: &str, payload: &[u8]) -> Vec<u8> {
        packet(version, HEAD, topic, payload)
    }

    fn behind<'a>(before: &[u8], bytes: &'a [u8], version: Version) -> Option<PublishRun<'a>> {
        let before = frame(before, 1000).unwrap().unwrap();
        PublishRun::behind(&before, bytes, version, 500, 100)
    }

    #[test]
    fn a_run_ends_where_more_than_the_payload_differs() {
        let retained = PublishHead {
            retain: true,
            ..HEAD
        };
        let at_least_once = PublishHead {
            qos: QoS::AtLeastOnce,
            packet_id: Some(7),
            ..HEAD
        };
        for version in VERSIONS {
            let ends = [
                plain(version, "a/c", b"x"),
                plain(version, "a/bc", b"x"),
                plain(version, "a", b"/b"),
                packet(version, retained, "a/b", b"x"),
                packet(version, at_least_once, "a/b", b"x"),
                plain(version, "a/b", &[b'y'; 101]),
                vec![PLAIN],
                vec![PLAIN, 200],
                vec![PLAIN, 0],
                vec![0xC0, 0],
                vec![],
            ];
            let alike = [
                plain(version, "a/b", b""),
                plain(version, "a/b", &[b'y'; 100]),
            ];
            for end in ends {
                let bytes = [alike.concat(), end].concat();
                let run = behind(&plain(version, "a/b", b"z"), &bytes, version).unwrap();
                assert_eq!((run.bytes, run.packets), (&*alike.concat(), 2));
                assert_eq!((run.longest, run.payload_bytes), (alike[1].len(), 100));
                let packets: Vec<_> = run.iter().map(|(packet, _)| packet).collect();
                assert_eq!(packets, alike);
                assert!(run.iter().all(|(_, publish)| publish.topic == "a/b"));
            }
        }
    }

    #[test]
    fn a_run_has_no_more_bytes_than_it_may() {
        for version in VERSIONS {
            let one = plain(version, "a", &[b'x'; 90]);
            let run = behind(&one, &one.repeat(20), version).map(|run| run.bytes.len());
            assert_eq!(run, Some(500 / one.len() * one.len()));
        }
    }

    #[test]
    fn what_is_more_than_topic_and_payload_has_no_run_behind_it() {
        for version in VERSIONS {
            let head = PublishHead {
                retain: true,
                ..HEAD
            };
            let retained = packet(version, head, "a", b"x");
            assert_eq!(behind(&retained, &retained, version), None);
        }
        let expiring = [PLAIN, 9, 0, 1, b'a', 5, 2, 0, 0, 0, 9];
        assert_eq!(behind(&expiring, &expiring, Version::V5), None);
    }
}
