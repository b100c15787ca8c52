//! The packets of a connected client.

use super::{Connection, End};
use crate::hub::journal::{Exchange, Keeper};
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
                    Ok(publish) => {
                        self.publish(&publish, frame.bytes)?;
                        used += self.publish_run(&frame, &bytes[used..])?;
                    }
                    Err(error) => return self.undecodable(&error),
                }
                continue;
            }
            self.check_direction(frame.kind, bytes[used - frame.bytes.len()])?;
            match decode(&frame, self.version) {
                Ok(packet) => self.packet(&packet)?,
                Err(error) => return self.undecodable(&error),
            }
        }
    }

    /// Refuses what servers send and what is not spoken here, whatever stands in it.
    fn check_direction(&self, kind: PacketKind, first: u8) -> ControlFlow<End> {
        let flags = first & 0x0F;
        match kind {
            PacketKind::SubAck | PacketKind::UnsubAck | PacketKind::PingResp if flags != 0 => {
                let why = "reserved flags in the fixed header";
                Self::refuse(ReasonCode::MalformedPacket, why)
            }
            PacketKind::ConnAck
            | PacketKind::SubAck
            | PacketKind::UnsubAck
            | PacketKind::PingResp => {
                Self::refuse(ReasonCode::ProtocolError, "a packet that servers send")
            }
            PacketKind::Auth => Self::refuse(ReasonCode::ProtocolError, "AUTH is not supported"),
            PacketKind::Connect => Self::refuse(ReasonCode::ProtocolError, "a second CONNECT"),
            PacketKind::Publish
            | PacketKind::PubAck
            | PacketKind::PubRec
            | PacketKind::PubRel
            | PacketKind::PubComp
            | PacketKind::Subscribe
            | PacketKind::Unsubscribe
            | PacketKind::PingReq
            | PacketKind::Disconnect => ControlFlow::Continue(()),
        }
    }

    fn undecodable<T>(&self, error: &DecodeError) -> ControlFlow<End, T> {
        let client_id = &self.session.client_id;
        tracing::warn!(?client_id, %error, "packet refused");
        Self::refuse(self.hub.profile.refusal(error), error.to_string())
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
            // Dealt with before they are decoded.
            Packet::Publish(_)
            | Packet::Connect(_)
            | Packet::Auth(_)
            | Packet::ConnAck(_)
            | Packet::SubAck(_)
            | Packet::UnsubAck(_)
            | Packet::PingResp => ControlFlow::Continue(()),
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
        if let Some(keeper) = self.session.keeper.as_ref().filter(|_| !refused) {
            return self.pubrec_kept(keeper, id);
        }
        let known = self
            .session
            .with_output(|outbox| outbox.pubrec(id, refused, now_ms));
        self.check_stage(known, id)?;
        if !known && !refused {
            let version = self.version;
            self.reply(|out| put_pubrel_unknown(out, version, id));
        }
        ControlFlow::Continue(())
    }

    /// PUBREC in a session that outlives the server: PUBREL goes out once it is on disk that the
    /// client has the message.
    fn pubrec_kept(&self, keeper: &Keeper, id: u16) -> ControlFlow<End> {
        let journal = self.hub.journal.as_ref();
        let together = journal.map(|journal| journal.together());
        let pubrel = self.session.with_output(|outbox| outbox.pubrec_kept(id));
        self.check_stage(pubrel.is_some(), id)?;
        if pubrel.is_some() {
            keeper.begin(Exchange::Released(id));
        }
        drop(together);
        let version = self.version;
        self.answer(move |out| match pubrel {
            Some(pubrel) => out.extend_from_slice(&pubrel),
            None => put_pubrel_unknown(out, version, id),
        });
        ControlFlow::Continue(())
    }

    fn pubrel(&self, ack: &Ack<'_>) -> ControlFlow<End> {
        self.check_qos2()?;
        let (version, id) = (self.version, ack.packet_id);
        let known = self.session.incoming.lock().release(id);
        if let Some(journal) = &self.hub.journal {
            journal.watch();
        }
        // Forgotten for good before the client may use the id again.
        if let Some(keeper) = self.session.keeper.as_ref().filter(|_| known) {
            keeper.complete(Exchange::Received(id));
        }
        let reason = if known {
            ReasonCode::Success
        } else {
            ReasonCode::PacketIdentifierNotFound
        };
        self.answer(move |out| codec::put_pubcomp(out, version, id, reason));
        ControlFlow::Continue(())
    }

    fn pubcomp(&self, ack: &Ack<'_>) -> ControlFlow<End> {
        self.check_qos2()?;
        let now_ms = self.now_ms;
        let known = self
            .session
            .with_output(|outbox| outbox.pubcomp(ack.packet_id, now_ms));
        if let Some(keeper) = self.session.keeper.as_ref().filter(|_| known) {
            keeper.complete(Exchange::Released(ack.packet_id));
        }
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

/// The PUBREL that answers a PUBREC with an unknown packet id.
fn put_pubrel_unknown(out: &mut Vec<u8>, version: Version, id: u16) {
    match version {
        Version::V311 => codec::put_pubrel(out, version, id),
        Version::V5 => codec::put_pubrel_unknown(out, version, id),
    }
}
