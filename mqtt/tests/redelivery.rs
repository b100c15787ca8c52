//! What a connected client does not acknowledge: sent again in time, and given up.

mod owed;

use Step::{Ack, Away, Back, Denied, Direct, Full, Send, Shared, Tick, Twice};
use mqtt::QoS;
use mqtt::codec::Version;
use mqtt::profile::Profile;
use mqtt::session::{OutgoingLimits, Redelivery};
use owed::{LIMITS, connected, outbound, published, texts};
use std::collections::BTreeMap;

/// What happens to a client's outgoing half.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// A message at QoS 1 is owed.
    Send(&'static str),
    /// The same through a shared subscription.
    Shared(&'static str),
    /// One that is sent at once or not at all.
    Direct(&'static str),
    /// One at QoS 2.
    Twice(&'static str),
    /// The client acknowledges.
    Ack(&'static str),
    /// Time is looked at.
    Tick,
    /// The same with room for one message in the output.
    Full,
    /// The same while the client may have no message but this one.
    Denied(&'static str),
    /// The connection ends, and another begins.
    Away,
    Back,
}

/// Milliseconds, a step, what is written because of it, and what is owed no longer since the last.
type Line = (u64, Step, &'static str, &'static str);

fn check(case: &str, rules: Redelivery, dup: bool, lines: &[Line]) {
    let (mut outgoing, mut out) = connected();
    let limits = OutgoingLimits { dup, ..LIMITS };
    outgoing.connect(limits, 0, &mut out);
    outgoing.settle_up_to(u64::MAX);
    let mut ids = BTreeMap::new();
    for &(now_ms, step, written, released) in lines {
        let told = format!("{case}: {now_ms} {step:?}");
        let mut time = |may: &dyn Fn(&[u8]) -> bool, room: usize, out: &mut Vec<u8>| {
            let overdue = outgoing.is_overdue(rules, now_ms);
            let given_up = outgoing.give_up(rules, now_ms);
            let has_room = |out: &[u8]| out.len() < room;
            let may = |message: &mqtt::Message| may(&message.payload);
            let sent = outgoing.redeliver(rules, may, has_room, now_ms, out);
            assert!(overdue || (given_up.is_empty() && sent == 0), "{told}");
            outgoing.pump(now_ms, out);
        };
        match step {
            Send(text) => {
                let _ = outgoing.send(outbound(text, None), None, true, now_ms, &mut out);
            }
            Shared(text) => {
                let _ = outgoing.send(outbound(text, Some(1)), None, true, now_ms, &mut out);
            }
            Direct(text) => {
                let sent = outgoing.send_now(outbound(text, None), now_ms, &mut out);
                assert!(sent.is_some(), "{told}");
            }
            Twice(text) => {
                let mut outbound = outbound(text, None);
                outbound.qos = QoS::ExactlyOnce;
                let _ = outgoing.send(outbound, None, true, now_ms, &mut out);
            }
            Ack(text) => {
                outgoing.puback(ids[text]);
                outgoing.pump(now_ms, &mut out);
            }
            Tick => time(&|_| true, usize::MAX, &mut out),
            Full => time(&|_| true, 1, &mut out),
            Denied(but) => time(&|payload| payload == but.as_bytes(), usize::MAX, &mut out),
            Away => outgoing.disconnect(),
            Back => outgoing.connect(limits, now_ms, &mut out),
        }
        let found = published(&mut out);
        assert_eq!(texts(&found).concat(), written, "{told}");
        for (id, with_dup, text) in &found {
            let first = !ids.contains_key(&**text);
            assert_eq!(*with_dup, dup && !first, "{told}: {text}");
            let known = *ids.entry(text.clone()).or_insert(*id);
            assert_eq!(*id, known, "{told}: {text}");
        }
        let letter = |number| u8::try_from(number).map(char::from).expect("a letter");
        let gone: String = outgoing.take_released().into_iter().map(letter).collect();
        assert_eq!(gone, released, "{told}");
    }
}

const RULES: Redelivery = Redelivery {
    interval_s: 30,
    max_s: 100,
};

const FOR_EVER: Redelivery = Redelivery { max_s: 0, ..RULES };

#[test]
fn what_is_not_acknowledged_is_sent_again_in_time() {
    let lines: &[Line] = &[
        (0, Send("a"), "a", ""),
        (10_001, Send("b"), "b", ""),
        (29_999, Tick, "", ""),
        (30_000, Tick, "a", ""),
        (30_000, Tick, "", ""),
        // A second that has begun counts as a whole one: never too early.
        (40_001, Tick, "", ""),
        (41_000, Tick, "b", ""),
        (59_999, Tick, "", ""),
        (75_000, Tick, "ab", ""),
        (80_000, Ack("a"), "", "a"),
        (99_999, Tick, "", ""),
        (105_000, Tick, "b", ""),
        (999_000_000, Tick, "b", ""),
    ];
    for dup in [false, true] {
        check("times", FOR_EVER, dup, lines);
    }
}

#[test]
fn what_is_never_acknowledged_is_given_up_and_what_waits_goes_on() {
    check(
        "given up",
        RULES,
        false,
        &[
            (0, Send("a"), "a", ""),
            (50_000, Shared("b"), "b", ""),
            (50_000, Send("c"), "", ""),
            (60_000, Tick, "a", ""),
            (99_999, Tick, "ab", ""),
            (100_000, Tick, "c", "a"),
            (100_000, Ack("a"), "", ""),
            (150_000, Tick, "c", "b"),
            (200_000, Tick, "", "c"),
        ],
    );
    let short = Redelivery {
        interval_s: 30,
        max_s: 10,
    };
    let lines: &[Line] = &[
        (0, Send("a"), "a", ""),
        (9_999, Tick, "", ""),
        (10_000, Tick, "", "a"),
        (30_000, Tick, "", ""),
    ];
    check("shorter than the interval", short, false, lines);
}

#[test]
fn each_connection_begins_anew() {
    check(
        "reconnect",
        RULES,
        true,
        &[
            (0, Send("a"), "a", ""),
            (40_000, Tick, "a", ""),
            (90_000, Away, "", ""),
            (300_000, Tick, "", ""),
            (300_000, Back, "a", ""),
            (329_999, Tick, "", ""),
            (330_000, Tick, "a", ""),
            (399_999, Tick, "a", ""),
            (400_000, Tick, "", "a"),
        ],
    );
}

#[test]
fn only_qos_1_is_sent_again_in_time() {
    check(
        "qos 2",
        RULES,
        false,
        &[
            (0, Twice("a"), "a", ""),
            (0, Direct("b"), "b", ""),
            (30_000, Tick, "b", ""),
            (100_000, Tick, "", "b"),
            (999_000, Tick, "", ""),
        ],
    );
}

#[test]
fn nothing_is_put_into_an_output_without_room() {
    check(
        "room",
        FOR_EVER,
        false,
        &[
            (0, Send("a"), "a", ""),
            (0, Send("b"), "b", ""),
            (30_000, Full, "a", ""),
            (30_000, Full, "b", ""),
            (30_000, Full, "", ""),
        ],
    );
}

#[test]
fn what_may_no_longer_be_had_is_not_sent_again() {
    check(
        "denied",
        RULES,
        false,
        &[
            (0, Send("a"), "a", ""),
            (0, Send("b"), "b", ""),
            (30_000, Denied("b"), "b", ""),
            (30_000, Tick, "", ""),
            (60_000, Tick, "ab", ""),
            (100_000, Denied(""), "", "ab"),
        ],
    );
}

#[test]
fn the_profiles_say_when() {
    let (v3, v5) = (Version::V311, Version::V5);
    let rules = |interval_s, max_s| Some(Redelivery { interval_s, max_s });
    let (aws, mqtt) = (Profile::aws(), Profile::mqtt());
    assert_eq!(aws.redelivery(v3), rules(30, 3600));
    assert_eq!(aws.redelivery(v5), rules(30, 960));
    assert_eq!(mqtt.redelivery(v3), None);
    assert_eq!(mqtt.redelivery(v5), None);
}
