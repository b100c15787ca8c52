"""Sizes that AWS IoT Core allows, each at its edge: what just fits, and one more."""

import pytest

from bytes_mqtt import PUBACK, V3, V5, VERSIONS
from raw_mqtt import Wire, ack_packet, client, connect_packet, publish_packet, subscribe_packet
from test_behaviours import outcome

SHARE = "$share/"


def connect(client_id, **connect):
    return lambda server, version: outcome(
        Wire(server.mqtt_port, version), connect_packet(client_id, version, **connect)
    )


def publish(topic, payload=b"x", **props):
    def act(server, version):
        packet = publish_packet(version, topic, payload, 1, mid=1, **props)
        return outcome(client(server, "c", version), packet)

    return act


def subscribe(*filters):
    def act(server, version):
        pairs = [(each, 1) for each in filters]
        return outcome(client(server, "c", version), subscribe_packet(version, 1, pairs))

    return act


ACK, REFUSED, GRANTED = ["PUBACK 0x00", "stays"], ["PUBACK 0x90", "stays"], ["SUBACK 0x01", "stays"]
CONNECTED, CLOSED = ["CONNACK 0x00", "stays"], ["closed"]
BAD_FILTER, QUOTA = ["SUBACK 0x8f", "stays"], ["DISCONNECT 0x97", "closed"]
KB = 1024

# The key in AWS's list of quotas; what fits; what does not; what is said of each, in MQTT 3.1.1
# and in MQTT 5.
LIMITS = [
    (
        "client_id_size",
        connect("x" * 128),
        connect("x" * 129),
        CONNECTED,
        CLOSED,
        ["CONNACK 0x85", "closed"],
    ),
    (
        "client_id_size in bytes",
        connect("ü" * 64),
        connect("ü" * 64 + "x"),
        CONNECTED,
        CLOSED,
        ["CONNACK 0x85", "closed"],
    ),
    (
        "payload_size",
        publish("a", b"x" * 128 * KB),
        publish("a", b"x" * (128 * KB + 1)),
        ACK,
        CLOSED,
        QUOTA,
    ),
    ("topic_size", publish("x" * 256), publish("x" * 257), ACK, CLOSED, REFUSED),
    ("topic_size in bytes", publish("ü" * 128), publish("ü" * 128 + "x"), ACK, CLOSED, REFUSED),
    (
        "topic_size of a filter",
        subscribe("x" * 256),
        subscribe("x" * 257),
        GRANTED,
        CLOSED,
        BAD_FILTER,
    ),
    (
        "topic_size behind a rule",
        publish("$aws/rules/r/" + "x" * 256),
        publish("$aws/rules/r/" + "x" * 257),
        ACK,
        CLOSED,
        REFUSED,
    ),
    (
        "topic_size behind a share",
        subscribe(SHARE + "g/" + "x" * 256),
        subscribe(SHARE + "g/" + "x" * 257),
        GRANTED,
        CLOSED,
        BAD_FILTER,
    ),
    ("topic_slashes", publish("/" * 7), publish("/" * 8), ACK, CLOSED, REFUSED),
    (
        "topic_slashes of a filter",
        subscribe("+/" * 7 + "#"),
        subscribe("+/" * 8 + "#"),
        GRANTED,
        CLOSED,
        BAD_FILTER,
    ),
    (
        "topic_slashes behind a rule",
        publish("$aws/rules/r/" + "/" * 7),
        publish("$aws/rules/r/" + "/" * 8),
        ACK,
        CLOSED,
        REFUSED,
    ),
    (
        "topic_slashes behind a share",
        subscribe(SHARE + "g/" + "/" * 7),
        subscribe(SHARE + "g/" + "/" * 8),
        GRANTED,
        CLOSED,
        BAD_FILTER,
    ),
    (
        "share_name_size",
        subscribe(SHARE + "g" * 128 + "/a"),
        subscribe(SHARE + "g" * 129 + "/a"),
        GRANTED,
        CLOSED,
        BAD_FILTER,
    ),
    (
        "subscriptions_per_subscribe",
        subscribe(*"abcdefgh"),
        subscribe(*"abcdefghi"),
        ["SUBACK" + " 0x01" * 8, "stays"],
        CLOSED,
        QUOTA,
    ),
    (
        "mqtt5_content_type",
        publish("a", content_type="x" * 256),
        publish("a", content_type="x" * 257),
        ACK,
        None,
        QUOTA,
    ),
    (
        "mqtt5_correlation_data",
        publish("a", correlation_data=b"x" * 8192),
        publish("a", correlation_data=b"x" * 8193),
        ACK,
        None,
        QUOTA,
    ),
    (
        "mqtt5_user_properties_total",
        publish("a", user_property=[("k", "v" * 4095)] * 2),
        publish("a", user_property=[("k", "v" * 4095), ("k", "v" * 4096)]),
        ACK,
        None,
        QUOTA,
    ),
    (
        "mqtt5_topic_alias_max",
        publish("a", topic_alias=8),
        publish("a", topic_alias=9),
        ACK,
        None,
        ["DISCONNECT 0x94", "closed"],
    ),
    (
        "mqtt5_min_client_maximum_packet_size",
        connect("c", props={"maximum_packet_size": 512}),
        connect("c", props={"maximum_packet_size": 511}),
        CONNECTED,
        None,
        ["CONNACK 0x82", "closed"],
    ),
]
CASES = [
    pytest.param(version, *limit[1:4], limit[4 if version == V3 else 5], id=f"{limit[0]}-{name}")
    for limit in LIMITS
    for name, version in VERSIONS.items()
    if limit[4] is not None or version == V5
]


@pytest.mark.parametrize(("version", "fits", "beyond", "good", "bad"), CASES)
def test_limit(server, version, fits, beyond, good, bad):
    assert fits(server, version) == good
    assert beyond(server, version) == bad


@pytest.mark.parametrize(
    ("asked", "given"), [(0, 1200), (1, 30), (29, 30), (30, None), (1200, None), (1201, 1200)]
)
def test_keep_alive_is_held_between_its_bounds(server, asked, given):
    found = client(server, "c", V5, keep_alive=asked).connack.properties
    assert found.get("server_keep_alive") == given
    # MQTT 3.1.1 has the same, and no way to say so.
    c = client(server, "old", V3, keep_alive=asked)
    half = (given or asked) * 1.5
    server.advance(half - 1)
    assert c.quiet() == []
    server.advance(half + 1)
    assert c.closed() == []


@pytest.mark.parametrize("version", VERSIONS.values(), ids=VERSIONS.keys())
def test_a_session_waits_for_an_hour_at_most(server, version):
    more = {"session_expiry": 604_800} if version == V5 else {}
    for away, present in ((3599, True), (3601, False)):
        c = client(server, "c", version, clean=False, **more)
        c.disconnect()
        server.advance(away)
        c = client(server, "c", version, clean=False, **more)
        assert c.present is present
        c.disconnect(**({"session_expiry": 0} if version == V5 else {}))


@pytest.mark.parametrize("version", VERSIONS.values(), ids=VERSIONS.keys())
def test_a_hundred_messages_are_in_flight(server, version):
    c = client(server, "c", version)
    c.acknowledges = False
    c.subscribe("a")
    for n in range(110):
        c.publish("a", f"{n}")
    first = c.quiet()
    assert [m.payload for m in first] == [f"{n}".encode() for n in range(100)]
    c.send(ack_packet(PUBACK, first[0].mid))
    assert c.message().payload == b"100"
