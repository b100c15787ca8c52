//! The packets of a connected client.

use super::{Connection, End};
use mqtt::codec::{
    self, Ack, DecodeError, Disconnect, Packet, PacketKind, ReasonCode, Version, decode, frame,
};
use std::ops::ControlFlow;

const OUT_OF_STAGE: &str = "an acknowledgement that is not the message's next";

impl Connection {
    /// Acts on every whole packet in `bytes`; says how many bytes that were.
    pub(super) fn packets(&mut self, bytes: &[u8]) -> ControlFlow<End, usize> {
        let mut used = 0;
        let bytes_max = self.hub.profile.packet_bytes;
        loop {
            let frame = match frame(&bytes[used..], bytes_max) {
                Ok(Some(frame)) => frame,
                Ok(None) => return ControlFlow::Continue(used),
                Err(error) => return self.undecodable(&error),
            };
            if frame.kind == PacketKind::PubAck {
                let plain = self.plain_pubacks(&bytes[used..])?;
                if plain > 0 {
                    used += plain;
                    continue;
                }
            }
            used += frame.bytes.len();
            if frame.kind == PacketKind::Publish {
                match codec::decode_publish(&frame, self.version) {
                    Ok(publish) => self.publish(&publish, frame.bytes)?,
                    Err(error) => return self.undecodable(&error),
                }
                continue;
            }
            match decode(&frame, self.version) {
                Ok(packet) => self.packet(&packet)?,
                Err(error) => return self.undecodable(&error),
            }
        }
    }

    fn undecodable<T>(&self, error: &DecodeError) -> ControlFlow<End, T> {
        let client_id = &self.session.client_id;
        tracing::warn!(?client_id, %error, "packet refused");
        // AWS's list of DISCONNECT codes has 0x97 and not 0x95.
        let code = match error {
            DecodeError::TooLarge(_) if self.hub.profile.reserved_topics => {
                ReasonCode::QuotaExceeded
            }
            other => other.reason_code(),
        };
        Self::refuse(code, error.to_string())
    }

    fn packet(&mut self, packet: &Packet<'_>) -> ControlFlow<End> {
        match packet {
            Packet::PubAck(ack) => self.puback(ack),
            Packet::PubRec(ack) => self.pubrec(ack),
            Packet::PubRel(ack) => self.pubrel(ack),
            Packet::PubComp(ack) => self.pubcomp(ack),
            Packet::Subscribe(subscribe) => self.subscribe(subscribe),
            Packet::Unsubscribe(unsubscribe) => self.unsubscribe(unsubscribe),
            Packet::PingReq => {
                self.reply(codec::put_pingresp);
                ControlFlow::Continue(())
            }
            Packet::Disconnect(disconnect) => self.disconnect(disconnect),
            Packet::Publish(_) => ControlFlow::Continue(()),
            Packet::Connect(_) => Self::refuse(ReasonCode::ProtocolError, "a second CONNECT"),
            Packet::Auth(_) => Self::refuse(ReasonCode::ProtocolError, "AUTH is not supported"),
            Packet::ConnAck(_) | Packet::SubAck(_) | Packet::UnsubAck(_) | Packet::PingResp => {
                Self::refuse(ReasonCode::ProtocolError, "a packet that servers send")
            }
        }
    }

    fn puback(&self, ack: &Ack<'_>) -> ControlFlow<End> {
        self.pubacks([ack.packet_id])
    }

    /// Takes all plain PUBACKs at the front at once; says how many bytes they are.
    fn plain_pubacks(&self, bytes: &[u8]) -> ControlFlow<End, usize> {
        const PACKET_BYTES: usize = 4;
        let count = codec::leading_pubacks(bytes).count();
        if count > 0 {
            self.pubacks(codec::leading_pubacks(bytes))?;
        }
        ControlFlow::Continue(count * PACKET_BYTES)
    }

    fn pubacks(&self, ids: impl IntoIterator<Item = u16>) -> ControlFlow<End> {
        let now_ms = self.now_ms;
        let fit = self
            .session
            .with_output(|outbox| outbox.pubacks(ids, now_ms));
        if fit {
            return ControlFlow::Continue(());
        }
        Self::refuse(ReasonCode::ProtocolError, OUT_OF_STAGE)
    }

    /// Ends the connection of a client that acknowledges a message with the packet of another
    /// stage or QoS (MQTT 5.0 [4.3.2] and [4.3.3]). An id that is not in flight is ignored: it may
    /// have been answered twice.
    fn check_stage(&self, known: bool, id: u16) -> ControlFlow<End> {
        if !known && self.session.look(|outbox| outbox.is_in_flight(id)) {
            return Self::refuse(ReasonCode::ProtocolError, OUT_OF_STAGE);
        }
        ControlFlow::Continue(())
    }

    /// QoS 2 does not exist at AWS; its packets are refused there.
    fn check_qos2(&self) -> ControlFlow<End> {
        if self.hub.profile.qos_max < mqtt::QoS::ExactlyOnce {
            return Self::refuse(ReasonCode::ProtocolError, "QoS 2 is not supported");
        }
        ControlFlow::Continue(())
    }

    fn pubrec(&self, ack: &Ack<'_>) -> ControlFlow<End> {
        self.check_qos2()?;
        let (id, refused, now_ms) = (ack.packet_id, ack.reason.is_error(), self.now_ms);
        let known = self
            .session
            .with_output(|outbox| outbox.pubrec(id, refused, now_ms));
        self.check_stage(known, id)?;
        if !known && !refused {
            let version = self.version;
            self.reply(|out| match version {
                Version::V311 => codec::put_pubrel(out, version, id),
                Version::V5 => codec::put_pubrel_unknown(out, version, id),
            });
        }
        ControlFlow::Continue(())
    }

    fn pubrel(&self, ack: &Ack<'_>) -> ControlFlow<End> {
        self.check_qos2()?;
        let (version, id) = (self.version, ack.packet_id);
        let known = self.session.incoming.lock().release(id);
        let reason = if known {
            ReasonCode::Success
        } else {
            ReasonCode::PacketIdentifierNotFound
        };
        self.reply(|out| codec::put_pubcomp(out, version, id, reason));
        ControlFlow::Continue(())
    }

    fn pubcomp(&self, ack: &Ack<'_>) -> ControlFlow<End> {
        self.check_qos2()?;
        let now_ms = self.now_ms;
        let known = self
            .session
            .with_output(|outbox| outbox.pubcomp(ack.packet_id, now_ms));
        self.check_stage(known, ack.packet_id)
    }

    fn disconnect(&mut self, disconnect: &Disconnect<'_>) -> ControlFlow<End> {
        if let Some(asked) = disconnect.properties.session_expiry_s {
            // MQTT 5.0 [3.14.2.2.2].
            if asked > 0 && !self.stays {
                let why = "a session expiry in DISCONNECT where CONNECT had none";
                return Self::refuse(ReasonCode::ProtocolError, why);
            }
            let expiry_s = asked.min(self.hub.profile.session_expiry_max_s);
            let mut state = self.session.state.lock();
            state.expiry_s = expiry_s;
            self.session.record(&state);
        }
        let with_will = disconnect.reason == ReasonCode::DisconnectWithWillMessage;
        ControlFlow::Break(End::Client { with_will })
    }
}
