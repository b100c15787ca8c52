"""Packets that nobody should send, one connection each: the connection ends, or goes on as the
standard says, and nobody else is disturbed. The letters and numbers are those of the project's list
of attacks, most of which were faults of some broker once."""

import random
import struct
from dataclasses import dataclass

import pytest

from bytes_mqtt import (
    CONNACK,
    DISCONNECT,
    PINGREQ,
    PINGRESP,
    SUBACK,
    UNSUBACK,
    V3,
    V5,
    Raw,
    connect,
    packet,
    properties,
    publish,
    subscribe,
    text,
    unsubscribe,
    varint,
)
from harness import Server

CLOSED, LIVES, REFUSED, EITHER = "closed", "lives", "refused", "either"
"""The connection ends; goes on; ends or the filter is refused; or any of these."""


@dataclass
class Case:
    id: str
    bytes: bytes
    expected: str = CLOSED
    """With profile mqtt, and with profile aws if that is not said."""
    aws: str = None
    version: int = V3
    connects: bool = True
    """Whether a CONNECT that is accepted goes before."""

    def __str__(self):
        return f"{self.id} v{self.version}"


def both(id, make, expected=CLOSED, aws=None):
    """The same for both versions."""
    return [Case(id, make(v), expected, aws, v) for v in (V3, V5)]


def first(id, *variants, expected=CLOSED, aws=None, version=V3):
    """Bytes that come instead of a CONNECT."""
    return [Case(id, v, expected, aws, version, connects=False) for v in variants]


def u16(number):
    return struct.pack(">H", number)


USER_PROPERTY = b"\x26" + text("k") + text("v")
WILL = text("w") + text("x")

BEFORE_CONNECT = [
    *first("A01", *(bytes([kind << 4, 0]) for kind in range(16) if kind != 1)),
    *first("A02", *(bytes([kind << 4]) + varint(244 << 20) for kind in range(2, 16))),
    *first("A04", b"\x10\xff\xff\xff\xff\x01", b"\x10\x80\x80\x80\x80\x00"),
    *first("A05", b"\x10" + b"\xff" * 300),
    *first("A09", b"\x10\x0c\xff\xffMQTT\x04\x02\x00\x3c\x00\x00", connect(name="M" * 32000)),
    *first("A10", b"\x10\x07" + connect("abcdef")[2:]),
    *first("A13", packet(0x10, text("MQTT"), b"\x05\x02\0\x3c\xff\xff\xff\xff\x01", text("c"))),
    *first("A13", packet(0x10, text("MQTT"), b"\x05\x02\0\x3c\xff\xff\xff\xff")),
    *first("A14", packet(0x10, text("MQTT"), b"\x05\x02\0\x3c\x70", text("c"))),
    *first("A15", connect("c", V5, props=[b"\x15" + text("GSS"), b"\x16" + text(b"x" * 60000)])),
    *first("A16", b"\xf0\x00", b"\xf0\x02\x18\x00"),
    *first("A17", connect("x" * 65535), expected=LIVES, aws=CLOSED),
    *first("A17", connect("x" * 65535, V5), expected=LIVES, aws=CLOSED, version=V5),
    *first("A18", *(connect(b) for b in (b"a\0b", b"\xed\xa0\x80", b"\xc0\xaf", b"\xff"))),
    *first(
        "A18", *(connect(odd) for odd in ("#", "+", "+/#", "a/b", "*", "'\"", "漢")), expected=LIVES
    ),
    *first("A18", connect("$SYS"), connect("${iot:ClientId}"), expected=LIVES, aws=CLOSED),
    *first("A19", *[connect("", flags=0)] * 3),
    *first("A22", connect("a22"), expected=LIVES),
    *first("A24", *(connect(level=level) for level in (0, 1, 2, 6, 0x84, 255))),
    *first("A24", connect(name="MQIsdp", level=3)),
    *first("A25", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"\x16\x03\x01\x02\x00\x01" + b"x" * 512),
    *first("A25", b"SSH-2.0-OpenSSH_9.6\r\n", bytes(64)),
    *first("A26", connect(flags=3), connect(flags=0x0A), connect(flags=0x22)),
    *first("A26", connect(flags=0x1E, payload=WILL), connect(flags=0x42, payload=text("p"))),
    *first(
        "G01",
        *(connect(flags=6, payload=text(t) + text("x")) for t in ("a/+", "#", "", "a\0", b"\xff")),
    ),
]

DIRECTION = [
    *(Case("B01", p) for p in (b"\x20\x02\0\0", b"\x90\x03\0\x01\0", b"\xb0\x02\0\x01", b"\xd0\0")),
    *(
        Case("B01", p, version=V5)
        for p in (
            packet(0x20, b"\0\0", properties(b"\x21\0\x0a")),
            packet(0x90, u16(1), properties(USER_PROPERTY), b"\0"),
            packet(0xB0, u16(1), properties(USER_PROPERTY), b"\0"),
            b"\xd0\0",
        )
    ),
    *both("A20", lambda v: connect("second", v)),
    Case("A16", b"\xf0\x00", version=V5),
    Case("B34", b"\xf0\x00"),
    *both("B34", lambda v: b"\x00\x00"),
    *both("B34", lambda v: b"\x00\xff\xff\xff\xff"),
    Case("B27", publish("a", version=V5, props=[b"\x0b\x01"]), version=V5),
]


def cut(whole, at):
    """A packet whose body ends early and whose length says so."""
    head = 2
    assert whole[1] < 128
    return bytes([whole[0], at]) + whole[head : head + at]


PUBLISHES = [
    *both("B02", lambda v: publish("", version=v)),
    *both("B04", lambda v: publish("a/+", version=v)),
    *both("B04", lambda v: publish("a/#", version=v)),
    *both("B05", lambda v: publish("a", qos=3, version=v)),
    *both("B05", lambda v: publish("a", flags=8, version=v)),
    *(Case("B06", cut(publish("topic", qos=1), at)) for at in (0, 1, 2, 5, 7, 8)),
    *(
        Case(
            "B06", cut(publish("topic", b"", 1, version=V5, props=[USER_PROPERTY]), at), version=V5
        )
        for at in (0, 1, 2, 5, 7, 8, 9, 11, 15)
    ),
    *both("B12", lambda v: publish("/" * 65535, version=v), LIVES, CLOSED),
    *(Case("B26", publish("a", version=V5, props=[p]), version=V5) for p in (b"\x23\0\0",)),
    Case("B26", publish("a", version=V5, props=[b"\x23\0\x09"]), LIVES, CLOSED, V5),
    Case("B26", publish("", version=V5, props=[b"\x23\0\x05"]), version=V5),
    Case("B26", publish("a", version=V5, props=[b"\x23\0\x01"] * 2), version=V5),
    *(
        Case("B28", publish("a", version=V5, props=props), version=V5)
        for props in (
            [b"\x01\x02"],
            [b"\x01\x01", b"\x01\x01"],
            [b"\x02\0\0\0\x01"] * 2,
            [b"\x08" + text("a/+")],
            [b"\x03" + text(b"\xff\xff")],
            [b"\x7f\x00"],
            [b"\x11\0\0\0\x01"],
            [b"\x26" + text("k")],
        )
    ),
    Case("B29", publish("a", b"\xff", 1, version=V5, props=[b"\x01\x01"]), EITHER, version=V5),
    *both("B30", lambda v: b"\x30" + varint(250 << 20) + b"x" * 1000),
    *both("B37", lambda v: publish("a", qos=1, packet_id=0, version=v)),
]

# `$dp` is a topic like any other to the standard; what comes below `$SYS` is ignored.
RESERVED = []
for topic in ("$x", "$", "$/", "$SYS/a", "$CONTROL/a", "$dp"):
    RESERVED += both("B03", lambda v, t=topic: publish(t, version=v), LIVES, CLOSED)
RESERVED += both("B03", lambda v: publish("$share/g/t", version=v), EITHER, CLOSED)
RESERVED += both("B03", lambda v: publish("$aws/nothing", version=v), LIVES, CLOSED)
RESERVED += both(
    "K03", lambda v: publish("$aws/events/presence/connected/c", version=v), LIVES, CLOSED
)

RESERVED += both("K02", lambda v: publish("$SYS/a", version=v, flags=1), LIVES, CLOSED)

SUBSCRIBES = [
    *both(
        "B07", lambda v: b"\x82\x80\x08" + subscribe("f" * (1024 - 4 - (v == V5)), version=v)[3:-1]
    ),
    *both("B08", lambda v: packet(0xA2)),
    *both("B08", lambda v: packet(0xA2, b"\0")),
    *both("B08", lambda v: packet(0xA2, u16(1))),
    *both("B08", lambda v: packet(0xA2, u16(1), properties() if v == V5 else b"", b"\0\x05ab")),
    *both("B09", lambda v: subscribe(version=v)),
    *both("B09", lambda v: subscribe("", version=v)),
    *both("B36", lambda v: bytes([0x80]) + subscribe("a", version=v)[1:]),
    *both("B36", lambda v: bytes([0xA0]) + unsubscribe("a", version=v)[1:]),
    *both("B36", lambda v: b"\x60\x02\0\x01"),
    *both("B36", lambda v: b"\x41\x02\0\x01"),
    *both("B36", lambda v: b"\xc1\x00"),
    *both("B36", lambda v: b"\xe1\x00"),
    *both("B37", lambda v: subscribe("a", packet_id=0, version=v)),
    *both("B37", lambda v: unsubscribe("a", packet_id=0, version=v)),
    *both("B38", lambda v: subscribe("a", version=v, options=3)),
    *both("B38", lambda v: subscribe("a", version=v, options=0xC0)),
    *both("B38", lambda v: subscribe("a", version=v, options=0x30)),
    *(Case("B38", subscribe("a", options=bit)) for bit in (4, 8, 0x10, 0x20)),
    *(
        Case("B17", subscribe("a", version=V5, props=props), version=V5)
        for props in ([b"\x0b\x00"], [b"\x0b\xff\xff\xff\xff\x01"], [b"\x0b\x01", b"\x0b\x02"])
    ),
    Case("J05", subscribe("$share/g/a", version=V5, options=4), version=V5),
    *both("B11", lambda v: subscribe("/" * 65535, version=v), EITHER, REFUSED),
    *both("B11", lambda v: subscribe("+/" * 32767 + "#", version=v), EITHER, REFUSED),
    *both("B13", lambda v: subscribe(*["a"] * 10000, version=v), LIVES, CLOSED),
]
for odd in ("a/#/b", "a#", "#a", "a+/", "b/+a", "a/b#", "++", "##"):
    SUBSCRIBES += both("B10", lambda v, f=odd: subscribe(f, version=v), REFUSED)
for odd in ("$share/g", "$share//f", "$share/+/f", "$share/#", "$share/g/", "$share/"):
    SUBSCRIBES += both("J01", lambda v, f=odd: subscribe(f, version=v), REFUSED)

ENDS = [
    *both("B19", lambda v: b"\x40\x02\x12\x34", LIVES),
    *both("B19", lambda v: b"\x50\x02\x12\x34\x62\x02\x12\x34\x70\x02\x12\x34", LIVES, EITHER),
    Case("B31", b"\xe0\x01\x00"),
    Case("B31", packet(0xE0, b"\0", properties(), b"x"), version=V5),
    Case("B31", packet(0xE0, b"\0", properties(b"\x11\0\0\0\x0a")), version=V5),
    *both("B32", lambda v: b"\xe0\x00" + publish("witness", b"behind", version=v)),
]

ALL = [*BEFORE_CONNECT, *DIRECTION, *PUBLISHES, *RESERVED, *SUBSCRIBES, *ENDS]


@pytest.fixture(scope="module")
def standard(tmp_path_factory):
    with Server(tmp_path_factory.mktemp("standard"), "--memory", "--profile", "mqtt") as server:
        yield server


class Witness:
    """A client beside, which goes on as if nothing was."""

    def __init__(self, server):
        self.raw = Raw(server.mqtt_port).open("witness", V5)
        assert self.raw.subscribed("witness") == [0]
        self.count = 0

    def check(self):
        self.count += 1
        payload = str(self.count).encode()
        self.raw.send(publish("witness", payload, version=V5))
        assert self.raw.message()[:2] == ("witness", payload)


@pytest.fixture(scope="module", params=["mqtt", "aws"])
def profile(request, standard, running):
    """A profile's name, its server, and a witness."""
    server = standard if request.param == "mqtt" else running
    running.reset()
    witness = Witness(server)
    yield request.param, server, witness
    witness.raw.close()
    assert server.process.poll() is None, server.logged()


def outcome(raw, case):
    """What became of the connection, and the packets that came."""
    packets = []
    raw.send(PINGREQ)
    while (found := raw.next()) and found[0] >> 4 != PINGRESP:
        packets.append(found)
    if found:
        codes = [c for first, body in packets if first >> 4 in (SUBACK, UNSUBACK) for c in body[2:]]
        return (REFUSED if any(c >= 0x80 for c in codes) else LIVES), packets
    return CLOSED, packets


@pytest.mark.parametrize("case", ALL, ids=str)
def test_each_is_met_as_the_standard_says(profile, case):
    name, server, witness = profile
    expected = case.aws if case.aws and name == "aws" else case.expected
    with Raw(server.mqtt_port) as raw:
        if case.connects:
            raw.open("hostile", case.version)
        raw.send(case.bytes)
        met, packets = outcome(raw, case)
    allowed = {REFUSED: (REFUSED, CLOSED), EITHER: (REFUSED, CLOSED, LIVES)}
    assert met in allowed.get(expected, (expected,)), packets
    # Whatever is said before the end says so.
    for first_byte, body in packets if met == CLOSED and expected == CLOSED else []:
        if case.version == V5 and first_byte >> 4 == DISCONNECT:
            assert body and body[0] >= 0x80, packets
        if not case.connects and first_byte >> 4 == CONNACK:
            assert body[1] >= (0x80 if case.version == V5 else 1), packets
    witness.check()


def test_random_bytes_behind_a_connect(profile):
    """B33."""
    _, server, witness = profile
    chance = random.Random(33)
    for number in range(400):
        with Raw(server.mqtt_port) as raw:
            raw.open(f"random-{number}", V5 if number % 2 else V3)
            raw.send(chance.randbytes(chance.randrange(1, 200)))
    witness.check()


def test_a_packet_in_pieces_of_one_byte(profile):
    """A22."""
    _, server, _ = profile
    for version in (V3, V5):
        with Raw(server.mqtt_port) as raw:
            for byte in connect("pieces", version) + PINGREQ:
                raw.send(bytes([byte]))
            assert raw.next()[0] == 0x20
            assert raw.next()[0] >> 4 == PINGRESP


def test_a_thousand_packets_in_one_write(profile):
    """A23; AWS's rate of publishes holds with --enforce-quotas alone."""
    _, server, _ = profile
    for version in (V3, V5):
        with Raw(server.mqtt_port) as raw, Raw(server.mqtt_port) as reader:
            reader.open("reader", version).subscribed("a23")
            raw.open("writer", version)
            raw.send(*(publish("a23", b"%d" % n, version=version) for n in range(1000)), PINGREQ)
            raw.next_of(PINGRESP)
            assert [reader.message()[1] for _ in range(1000)] == [b"%d" % n for n in range(1000)]


def test_connect_and_publish_in_one_segment(profile):
    """A21."""
    _, server, witness = profile
    with Raw(server.mqtt_port) as raw:
        raw.send(connect("one", V3), publish("witness", b"with it"), PINGREQ)
        raw.next_of(PINGRESP)
    assert witness.raw.message()[1] == b"with it"


def test_topics_that_begin_with_characters_of_several_bytes(profile):
    """B15, B16."""
    _, server, _ = profile
    with Raw(server.mqtt_port) as raw:
        raw.open("odd", V3)
        for topic in ("é/a", "漢", "😀/b", "/", "//", "a//b", "a/", " "):
            assert raw.subscribed(topic) == [0]
            raw.send(publish(topic, topic.encode()))
            assert raw.message()[:2] == (topic, topic.encode())
