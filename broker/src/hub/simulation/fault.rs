//! Faults that are planted to see the simulation catch them: most in the message core itself, where
//! `planted` asks for them in tests only, two in what it writes.

use crate::net::Mangle;
use std::cell::Cell;

/// A fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::hub) enum Fault {
    /// A message to a session without a connection vanishes.
    LosesWhileAway,
    /// What is in flight is forgotten when the connection ends.
    ForgetsInflight,
    /// One message more is sent than the window allows.
    WindowTooLarge,
    /// Two messages that are written together change places.
    ChangesOrder,
    /// A message is sent with the packet id of the one before.
    UsesIdTwice,
    /// A shared subscription is an ordinary one too.
    SharesWithAll,
    /// What a member of a group leaves behind is not handed on.
    KeepsFromGroup,
    /// QoS 2 packet ids are forgotten between connections.
    ForgetsReceived,
    /// The queue of a session has no limit.
    QueueUnbounded,
    /// Output is kept without limit.
    OutputUnbounded,
    /// The subscriptions of a session that ends stay.
    LeavesSubscriptions,
}

thread_local! {
    static PLANTED: Cell<Option<Fault>> = const { Cell::new(None) };
}

/// Plants a fault on this thread, in place of any other.
pub(super) fn plant(fault: Option<Fault>) {
    PLANTED.set(fault);
}

/// Whether this is the fault that is planted.
pub(in crate::hub) fn planted(fault: Fault) -> bool {
    PLANTED.get() == Some(fault)
}

/// What is to become of the bytes that the server writes.
pub(super) fn mangle() -> Option<Mangle> {
    match PLANTED.get()? {
        Fault::ChangesOrder => Some(change_order),
        Fault::UsesIdTwice => Some(use_id_twice),
        Fault::LosesWhileAway
        | Fault::ForgetsInflight
        | Fault::WindowTooLarge
        | Fault::SharesWithAll
        | Fault::KeepsFromGroup
        | Fault::ForgetsReceived
        | Fault::QueueUnbounded
        | Fault::OutputUnbounded
        | Fault::LeavesSubscriptions => None,
    }
}

/// The packets in bytes that are whole packets, and nothing otherwise.
fn packets(bytes: &[u8]) -> Vec<&[u8]> {
    let (mut found, mut rest) = (Vec::new(), bytes);
    while let Ok(Some(one)) = mqtt::codec::frame(rest, usize::MAX) {
        found.push(one.bytes);
        rest = &rest[one.bytes.len()..];
    }
    if rest.is_empty() { found } else { Vec::new() }
}

fn is_above_qos_0(packet: &[u8]) -> bool {
    packet[0] >> 4 == 3 && packet[0] & 6 != 0
}

fn change_order(bytes: &[u8]) -> Vec<u8> {
    let mut packets = packets(bytes);
    if packets.is_empty() {
        return bytes.to_vec();
    }
    let at = packets
        .windows(2)
        .position(|two| two.iter().all(|packet| is_above_qos_0(packet)));
    if let Some(at) = at {
        packets.swap(at, at + 1);
    }
    packets.concat()
}

fn use_id_twice(bytes: &[u8]) -> Vec<u8> {
    let packets = packets(bytes);
    if packets.is_empty() {
        return bytes.to_vec();
    }
    let mut out = Vec::new();
    let mut last: Option<[u8; 2]> = None;
    for packet in packets {
        let mut packet = packet.to_vec();
        // Packets of up to 127 bytes have one byte of length.
        if is_above_qos_0(&packet) && packet[1] < 0x80 {
            let at = 4 + usize::from(u16::from_be_bytes([packet[2], packet[3]]));
            let own = [packet[at], packet[at + 1]];
            packet[at..at + 2].copy_from_slice(&last.unwrap_or(own));
            last = Some(own);
        }
        out.extend(packet);
    }
    out
}
