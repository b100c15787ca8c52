"""What a client is told whose packet is refused, to the byte: MQTT 5.0 [4.13.1] and mosquitto's
packet sequences, and AWS's codes where it lists others."""

import pytest

from bytes_mqtt import (
    PINGREQ,
    V5,
    VERSIONS,
    Raw,
    connect,
    packet,
    publish,
    subscribe,
    text,
    unsubscribe,
)
from harness import Server

both = pytest.mark.parametrize("version", VERSIONS.values(), ids=VERSIONS.keys())

MALFORMED, PROTOCOL, FILTER_INVALID, TOPIC_INVALID = 0x81, 0x82, 0x8F, 0x90

REFUSED = {
    "a topic with +": (lambda v: publish("a/+", version=v), MALFORMED, TOPIC_INVALID),
    "a topic with #": (lambda v: publish("#a", version=v), MALFORMED, TOPIC_INVALID),
    "no topic": (lambda v: publish("", version=v), PROTOCOL, PROTOCOL),
    "an empty filter": (lambda v: subscribe("", version=v), MALFORMED, FILTER_INVALID),
    "a second one": (lambda v: subscribe("a", "", version=v), MALFORMED, FILTER_INVALID),
    "a filter with a#": (lambda v: subscribe("a#", version=v), MALFORMED, FILTER_INVALID),
    "no filters": (lambda v: subscribe(version=v), PROTOCOL, PROTOCOL),
    "a share name of +": (lambda v: subscribe("$share/+/a", version=v), PROTOCOL, FILTER_INVALID),
    "one of #": (lambda v: subscribe("$share/#/a", version=v), MALFORMED, FILTER_INVALID),
    "no share name": (lambda v: subscribe("$share//a", version=v), PROTOCOL, FILTER_INVALID),
    "a share alone": (lambda v: subscribe("$share/g", version=v), PROTOCOL, FILTER_INVALID),
    "a share of nothing": (lambda v: subscribe("$share/g/", version=v), PROTOCOL, FILTER_INVALID),
    "no filter to end": (lambda v: unsubscribe("", version=v), MALFORMED, FILTER_INVALID),
    "SUBSCRIBE 0": (lambda v: subscribe("a", packet_id=0, version=v), MALFORMED, MALFORMED),
    "UNSUBSCRIBE 0": (lambda v: unsubscribe("a", packet_id=0, version=v), MALFORMED, MALFORMED),
    "PUBLISH 0": (lambda v: publish("a", qos=1, packet_id=0, version=v), PROTOCOL, PROTOCOL),
    "PUBREC 0": (lambda v: packet(0x50, b"\0\0"), PROTOCOL, PROTOCOL),
}
"""Packets by version, and the DISCONNECT of MQTT 5 by the standard and at AWS."""

PLACES = {
    "client id": (lambda name, v: connect(name, v), 0x85),
    "user name": (lambda name, v: connect(version=v, flags=0x82, payload=text(name)), MALFORMED),
    "topic of the will": (
        lambda name, v: connect(
            version=v, flags=6, payload=(b"\0" if v == V5 else b"") + text(name) + text("x")
        ),
        MALFORMED,
    ),
    "topic": (lambda name, v: publish(name, version=v), None),
    "filter": (lambda name, v: subscribe("a", name, version=v), None),
    "share name": (lambda name, v: subscribe(f"$share/{name}/a", version=v), None),
    "filter to end": (lambda name, v: unsubscribe(name, version=v), None),
}
"""Where a name stands, and the CONNACK code of MQTT 5; without one the connection is open already."""

CONTROL = ["\x01", "\x1f", "\x7f", "\x80", "\x9f", "\ufdd0", "\ufdef", "\ufffe", "\U0010ffff"]


@pytest.fixture(scope="module")
def standard(tmp_path_factory):
    with Server(tmp_path_factory.mktemp("standard"), "--memory", "--profile", "mqtt") as server:
        yield server


@pytest.fixture(scope="module")
def strict(tmp_path_factory):
    flags = ["--memory", "--profile", "mqtt", "--mqtt", "control-characters=false"]
    with Server(tmp_path_factory.mktemp("strict"), *flags) as server:
        yield server


def answer(server, sent, version, connects=True):
    """The packets that come for what is sent until the server closes."""
    with Raw(server.mqtt_port) as raw:
        if connects:
            raw.open("refused", version)
        return raw.send(sent).until_closed()


@both
@pytest.mark.parametrize("what", REFUSED)
def test_what_is_no_packet_is_refused_by_the_code_of_its_fault(standard, running, what, version):
    make, code, at_aws = REFUSED[what]
    told = answer(standard, make(version), version)
    assert told == ([(0xE0, b"%c" % code)] if version == V5 else [])
    # At AWS words follow the code.
    told = [(first, body[0]) for first, body in answer(running, make(version), version)]
    assert told == ([(0xE0, at_aws)] if version == V5 else [])


@both
def test_a_will_whose_topic_has_a_wildcard_is_refused(standard, running, version):
    will = (b"\0" if version == V5 else b"") + text("a/+") + text("x")
    sent = connect(version=version, flags=6, payload=will)
    for server, code in ((standard, MALFORMED), (running, TOPIC_INVALID)):
        told = answer(server, sent, version, connects=False)
        assert told == ([(0x20, b"\0%c\0" % code)] if version == V5 else [])


@both
@pytest.mark.parametrize("place", PLACES)
def test_control_characters_are_malformed_where_they_are_not_wanted(strict, place, version):
    make, connack = PLACES[place]
    for character in CONTROL:
        sent = make(f"to{character}p", version)
        told = answer(strict, sent, version, connects=connack is None)
        expected = (0x20, b"\0%c\0" % connack) if connack else (0xE0, b"%c" % MALFORMED)
        assert told == ([expected] if version == V5 else []), repr(character)


@both
def test_control_characters_are_names_like_others_elsewhere(standard, running, version):
    for server in (standard, running):
        for character in CONTROL:
            name = f"to{character}p"
            with Raw(server.mqtt_port) as raw:
                raw.open(name, version, flags=0x82, payload=text(name))
                assert raw.subscribed(name) == [0]
                raw.send(publish(name, version=version))
                assert raw.message()[0] == name


@both
def test_what_clients_publish_below_sys_reaches_nobody(standard, version):
    """There servers tell of themselves (MQTT 5.0 [4.7.2])."""
    standard.reset()
    with Raw(standard.mqtt_port) as raw:
        raw.open("sys", version)
        assert raw.subscribed("$SYS/#", "$SYSTEM") == [0, 0]
        for qos in (0, 1, 2):
            raw.send(publish("$SYS/broker/uptime", qos=qos, version=version, flags=1))
        raw.send(publish("$SYSTEM", version=version))
        refused = b"\x87" if version == V5 else b""
        assert [raw.next() for _ in range(2)] == [(k, b"\0\1" + refused) for k in (0x40, 0x50)]
        assert raw.message()[0] == "$SYSTEM"
        # Nor is it retained.
        assert raw.subscribed("$SYS/+/uptime") == [0]
        assert raw.send(PINGREQ).next() == (0xD0, b"")


@both
def test_a_will_below_sys_is_refused(standard, version):
    will = (b"\0" if version == V5 else b"") + text("$SYS/a") + text("x")
    sent = connect(version=version, flags=6, payload=will)
    told = answer(standard, sent, version, connects=False)
    assert told == [(0x20, b"\0\x90\0" if version == V5 else b"\0\3")]
