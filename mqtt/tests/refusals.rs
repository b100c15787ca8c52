//! What is refused, and the reason codes that say so: those of the standard, and AWS's.

use mqtt::Profile;
use mqtt::codec::{ReasonCode, Version, decode, frame};
use mqtt::topic::{TopicError, check_publish};

use ReasonCode::{MalformedPacket, ProtocolError, TopicFilterInvalid, TopicNameInvalid};

fn check(version: Version, bytes: &[u8], standard: ReasonCode, aws: ReasonCode) {
    let frame = frame(bytes, usize::MAX)
        .expect("a frame")
        .expect("a whole one");
    let error = decode(&frame, version).expect_err("no packet");
    let found = [Profile::mqtt(), Profile::aws()].map(|profile| profile.refusal(&error));
    assert_eq!(found, [standard, aws], "{bytes:02x?}: {error}");
}

#[test]
fn topics_and_filters_have_codes_of_their_own_at_aws() {
    let v5 = |bytes: &[u8], standard, aws| check(Version::V5, bytes, standard, aws);
    let malformed = |bytes: &[u8], aws| v5(bytes, MalformedPacket, aws);
    malformed(b"\x30\x06\0\x03a/+\0", TopicNameInvalid);
    malformed(b"\x30\x05\0\x02#a\0", TopicNameInvalid);
    v5(b"\x30\x03\0\0\0", ProtocolError, ProtocolError);
    malformed(b"\x82\x06\0\x01\0\0\0\0", TopicFilterInvalid);
    malformed(b"\x82\x08\0\x01\0\0\x02a#\0", TopicFilterInvalid);
    malformed(b"\xa2\x05\0\x01\0\0\0", TopicFilterInvalid);
    malformed(b"\x82\x10\0\x01\0\0\x0a$share/#/p\0", TopicFilterInvalid);
    for share in [&b"$share/+/p"[..], b"$share/p", b"$share/p/", b"$share//p"] {
        let len = u8::try_from(share.len()).expect("short");
        let head = [0x82, len + 6, 0, 1, 0, 0, len];
        let bytes = [&head[..], share, &[0]].concat();
        v5(&bytes, ProtocolError, TopicFilterInvalid);
    }
}

#[test]
fn a_will_s_topic_is_refused_like_any_other() {
    let will = b"\x10\x14\0\x04MQTT\x05\x06\0\0\0\0\0\0\0\x01+\0\x01x";
    check(Version::V5, will, MalformedPacket, TopicNameInvalid);
}

#[test]
fn packet_identifier_0_makes_a_request_malformed() {
    let v5 = |bytes: &[u8], code| check(Version::V5, bytes, code, code);
    v5(b"\x82\x07\0\0\0\0\x01a\0", MalformedPacket);
    v5(b"\xa2\x06\0\0\0\0\x01a", MalformedPacket);
    v5(b"\x32\x06\0\x01a\0\0\0", ProtocolError);
    for kind in [b"\x40", b"\x50", b"\x62", b"\x70"] {
        v5(&[&kind[..], b"\x02\0\0"].concat(), ProtocolError);
    }
}

#[test]
fn a_packet_that_is_too_large_has_the_code_that_the_profile_lists() {
    let error = frame(b"\x30\x7f", 100).expect_err("too large");
    for (profile, code) in [
        (Profile::mqtt(), ReasonCode::PacketTooLarge),
        (Profile::aws(), ReasonCode::QuotaExceeded),
    ] {
        assert_eq!(profile.refusal(&error), code);
    }
}

#[test]
fn control_characters_are_allowed_unless_a_profile_says_otherwise() {
    let check = |text: &str, plain: bool| {
        let mut strict = Profile::mqtt();
        strict
            .set("control-characters", "false")
            .expect("a setting");
        assert_eq!(strict.allows_characters(text), plain, "{text:?}");
        for lenient in [Profile::mqtt(), Profile::aws()] {
            assert!(lenient.allows_characters(text), "{text:?}");
        }
    };
    for control in ["\u{1}", "\u{1f}", "\u{7f}", "\u{80}", "\u{9f}"] {
        check(control, false);
    }
    for noncharacter in ["\u{fdd0}", "\u{fdef}", "\u{fffe}", "\u{ffff}", "\u{10fffe}"] {
        check(noncharacter, false);
    }
    for plain in [
        "",
        " ",
        "~",
        "\u{a0}",
        "\u{fdcf}",
        "\u{fdf0}",
        "\u{fffd}",
        "\u{feff}",
        "\u{10fffd}",
    ] {
        check(plain, true);
    }
}

#[test]
fn topics_below_sys_are_the_server_s() {
    let check = |topic: &str, standard: Result<(), TopicError>| {
        let found = [Profile::mqtt(), Profile::aws()].map(|profile| check_publish(topic, &profile));
        assert_eq!(found, [standard, Err(TopicError::Reserved)], "{topic}");
    };
    check("$SYS/broker/uptime", Err(TopicError::Server));
    check("$SYS/", Err(TopicError::Server));
    check("$SYS", Ok(()));
    check("$SYSTEM/a", Ok(()));
}
