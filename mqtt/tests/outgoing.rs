//! What a client is owed: the window, the queue, redelivery, and what is handed to others.

mod owed;

use mqtt::codec::Version;
use mqtt::session::{Outgoing, OutgoingLimits, Sent};
use owed::{LIMITS, connected, outbound, published, texts};
use std::sync::Arc;

#[test]
fn the_window_is_never_exceeded_and_acknowledgements_open_it_in_order() {
    let (mut outgoing, mut out) = connected();
    let sent: Vec<Sent> = ["a", "b", "c", "d", "e", "f"]
        .map(|text| outgoing.send(outbound(text, None), None, true, 0, &mut out))
        .into();
    let (now, queued) = (Sent::Now, Sent::Queued);
    assert_eq!(sent, [now, now, queued, queued, queued, Sent::Dropped]);
    let first = published(&mut out);
    assert_eq!(texts(&first), ["a", "b"]);
    assert!(outgoing.puback(first[0].0));
    assert!(!outgoing.puback(first[0].0), "an id is acknowledged once");
    outgoing.pump(0, &mut out);
    assert_eq!(texts(&published(&mut out)), ["c"]);
    assert_eq!(outgoing.take_released(), [u64::from(b'a')]);
}

#[test]
fn what_is_not_acknowledged_is_sent_again_under_its_id() {
    for dup in [false, true] {
        let (mut outgoing, mut out) = connected();
        outgoing.send(outbound("a", None), None, true, 0, &mut out);
        let before = published(&mut out);
        outgoing.disconnect();
        assert_eq!(
            outgoing.send(outbound("b", None), None, true, 0, &mut out),
            Sent::Queued
        );
        let limits = OutgoingLimits { dup, ..LIMITS };
        outgoing.connect(limits, 0, &mut out);
        let after = published(&mut out);
        assert_eq!(texts(&after), ["a", "b"]);
        assert_eq!((after[0].0, after[0].1), (before[0].0, dup));
        assert!(!after[1].1, "a first delivery has no DUP");
    }
}

#[test]
fn a_smaller_window_holds_after_a_resume() {
    let (mut outgoing, mut out) = connected();
    for text in ["a", "b", "c"] {
        outgoing.send(outbound(text, None), None, true, 0, &mut out);
    }
    let before: Vec<u16> = published(&mut out).iter().map(|sent| sent.0).collect();
    outgoing.disconnect();
    let limits = OutgoingLimits {
        inflight: 1,
        ..LIMITS
    };
    outgoing.connect(limits, 0, &mut out);
    let mut seen = Vec::new();
    for expected in ["a", "b", "c"] {
        let again = published(&mut out);
        assert_eq!(texts(&again), [expected]);
        seen.push(again[0].0);
        assert!(outgoing.puback(again[0].0));
        outgoing.pump(0, &mut out);
    }
    assert_eq!(seen[..2], before, "unacknowledged messages keep their ids");
    assert_eq!((outgoing.inflight(), outgoing.waiting()), (0, 0));
}

#[test]
fn shared_messages_are_handed_on_and_the_others_stay() {
    let (mut outgoing, mut out) = connected();
    for (text, share) in [("a", None), ("b", Some(1)), ("c", Some(1)), ("d", None)] {
        outgoing.send(outbound(text, share), None, true, 0, &mut out);
    }
    outgoing.disconnect();
    let taken = outgoing.take_shared();
    let payloads: Vec<_> = taken.iter().map(|o| o.message.payload.clone()).collect();
    assert_eq!(payloads, ["b", "c"]);
    assert_eq!((outgoing.inflight(), outgoing.waiting()), (1, 1));
    assert_eq!(outgoing.take_released(), [b'b', b'c'].map(u64::from));
}

#[test]
fn expired_and_oversized_messages_are_skipped() {
    let (mut outgoing, mut out) = connected();
    outgoing.disconnect();
    let mut expiring = outbound("x", None);
    Arc::make_mut(&mut expiring.message).expires_at_ms = Some(10);
    outgoing.send(expiring, None, true, 0, &mut out);
    outgoing.send(outbound(&"y".repeat(300), None), None, true, 0, &mut out);
    outgoing.send(outbound("z", None), None, true, 0, &mut out);
    outgoing.connect(LIMITS, 10, &mut out);
    assert_eq!(texts(&published(&mut out)), ["z"]);
    assert_eq!(outgoing.take_released(), [b'x', b'y'].map(u64::from));
    let large = outbound(&"y".repeat(300), None);
    assert_eq!(
        outgoing.send(large, None, true, 10, &mut out),
        Sent::Dropped
    );
}

#[test]
fn packet_ids_wrap_around_past_those_in_flight() {
    let (mut outgoing, mut out) = connected();
    let inflight = 16;
    outgoing.connect(OutgoingLimits { inflight, ..LIMITS }, 0, &mut out);
    // Some are never acknowledged: neighbours at first, one more in each lap.
    let mut kept = Vec::new();
    let mut seen = Vec::new();
    for turn in 0..200_000u32 {
        outgoing.send(outbound("n", None), None, true, 0, &mut out);
        let id = published(&mut out)[0].0;
        assert!(id != 0 && !kept.contains(&id));
        if kept.len() < 2 || turn % 65_000 == 10 {
            kept.push(id);
        } else {
            assert!(outgoing.puback(id));
        }
        seen.push(id);
    }
    assert_eq!(outgoing.inflight(), kept.len());
    assert_eq!(seen.iter().max(), Some(&65_535));
}

#[test]
fn what_may_no_longer_be_had_is_dropped() {
    let (mut outgoing, mut out) = connected();
    for text in ["a", "b", "c"] {
        outgoing.send(outbound(text, None), None, true, 0, &mut out);
    }
    outgoing.disconnect();
    outgoing.retain(|message| message.payload != "b");
    assert_eq!((outgoing.inflight(), outgoing.waiting()), (1, 1));
    assert_eq!(outgoing.take_released(), [u64::from(b'b')]);
}

#[test]
fn what_waited_is_sent_at_a_pace_beside_what_comes() {
    let (mut outgoing, mut out) = connected();
    outgoing.disconnect();
    for text in ["a", "b", "c"] {
        outgoing.send(outbound(text, None), None, true, 0, &mut out);
    }
    let limits = OutgoingLimits {
        inflight: 10,
        stored_per_s: 2,
        ..LIMITS
    };
    outgoing.connect(limits, 1000, &mut out);
    assert_eq!(texts(&published(&mut out)), ["a", "b"]);
    assert!(outgoing.has_backlog());
    let live = outgoing.send(outbound("live", None), None, true, 1000, &mut out);
    assert_eq!(live, Sent::Now);
    assert_eq!(texts(&published(&mut out)), ["live"]);
    outgoing.pump(1499, &mut out);
    assert_eq!(texts(&published(&mut out)), [""; 0]);
    outgoing.pump(1500, &mut out);
    assert_eq!(texts(&published(&mut out)), ["c"]);
    assert!(!outgoing.has_backlog());
}

#[test]
fn what_is_left_of_a_backlog_waits_in_its_place() {
    let (mut outgoing, mut out) = connected();
    outgoing.disconnect();
    for text in ["a", "b"] {
        outgoing.send(outbound(text, None), None, true, 0, &mut out);
    }
    let limits = OutgoingLimits {
        inflight: 1,
        stored_per_s: 1,
        ..LIMITS
    };
    outgoing.connect(limits, 0, &mut out);
    outgoing.send(outbound("c", None), None, true, 0, &mut out);
    assert_eq!(texts(&published(&mut out)), ["a"]);
    assert_eq!(outgoing.waiting(), 2);
    outgoing.disconnect();
    assert!(!outgoing.has_backlog());
    outgoing.connect(
        OutgoingLimits {
            inflight: 9,
            ..LIMITS
        },
        0,
        &mut out,
    );
    assert_eq!(texts(&published(&mut out)), ["a", "b", "c"]);
}

#[test]
fn what_the_client_may_no_longer_have_leaves_the_backlog_too() {
    let mut out = Vec::new();
    let mut outgoing = Outgoing::new(Version::V311, LIMITS);
    for text in ["a", "b", "c"] {
        outgoing.send(outbound(text, None), None, true, 0, &mut out);
    }
    let limits = OutgoingLimits {
        inflight: 9,
        stored_per_s: 1,
        ..LIMITS
    };
    outgoing.connect(limits, 0, &mut out);
    assert_eq!(texts(&published(&mut out)), ["a"]);
    let denied = outgoing.take_denied(|message| &*message.payload != b"b");
    assert_eq!(denied.len(), 1);
    outgoing.pump(1000, &mut out);
    assert_eq!(texts(&published(&mut out)), ["c"]);
    assert_eq!(outgoing.waiting(), 0);
}

/// There is one for each of hundreds of thousands of connections.
#[test]
fn what_an_idle_client_takes_is_little() {
    assert!(size_of::<Outgoing<Arc<u8>>>() <= 200);
    let mut out = Vec::new();
    let mut outgoing: Outgoing<u8> = Outgoing::new(Version::V311, LIMITS);
    outgoing.connect(LIMITS, 0, &mut out);
    assert_eq!(outgoing.list_bytes(), 0);
    outgoing.send(outbound("a", None), None, true, 0, &mut out);
    assert!(outgoing.list_bytes() <= 4 * 64);
}
