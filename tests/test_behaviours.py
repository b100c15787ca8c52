"""How AWS IoT Core behaves, row by row of `data/behaviours.json`: each is acted out on real sockets
by clients of both versions of MQTT, and what the server sends is told in words."""

import base64
import json
import os
import pathlib
import ssl
import struct

import pytest

from bytes_mqtt import (
    CONNACK,
    DISCONNECT,
    PINGREQ,
    PINGRESP,
    PUBACK,
    PUBCOMP,
    PUBLISH,
    PUBREC,
    PUBREL,
    SUBACK,
    UNSUBACK,
    UNSUBSCRIBE,
    V3,
    V5,
    VERSIONS,
    packet,
)
from harness import ALLOW_ALL, DEADLINE_S, arn, policy
from raw_mqtt import (
    AS_PUBLISHED,
    Client,
    Message,
    Will,
    Wire,
    ack_packet,
    client,
    connect_packet,
    publish_packet,
    subscribe_packet,
    unsubscribe_packet,
)

ROWS = json.loads((pathlib.Path(__file__).parent / "data" / "behaviours.json").read_text())
NAMES = {
    CONNACK: "CONNACK",
    PUBLISH: "PUBLISH",
    PUBACK: "PUBACK",
    PUBREC: "PUBREC",
    PUBCOMP: "PUBCOMP",
    SUBACK: "SUBACK",
    UNSUBACK: "UNSUBACK",
    DISCONNECT: "DISCONNECT",
}
PING = PINGREQ


def told(packet):
    """A packet in words."""
    name = NAMES[packet.kind]
    if packet.kind in (SUBACK, UNSUBACK):
        return " ".join([name, *(f"{reason:#04x}" for reason in packet.reasons)])
    if packet.kind == PUBLISH:
        message = Message.of(packet)
        assert not message.dup
        return name + (" retain" if message.retain else "")
    return f"{name} {packet.reason:#04x}"


def outcome(wire, *packets):
    """What the server does about these packets."""
    try:
        wire.send(*packets, PING)
    except OSError:
        pass
    words = []
    while (packet := wire.next()) is not None:
        if packet.kind == PINGRESP:
            return [*words, "stays"]
        words.append(told(packet))
    return [*words, "closed"]


class World:
    """What the rows act with: a server, a device that may do little, and anonymous clients that
    may do everything."""

    def __init__(self, server, directory, start):
        self.server, self.directory, self.start = server, directory, start
        self._device = None

    @property
    def device(self):
        if not self._device:
            self._device = self.server.device(
                self.directory,
                policy(
                    ("iot:Connect", arn("client", "c")),
                    ("iot:Publish", arn("topic", "ok/*")),
                    ("iot:Subscribe", arn("topicfilter", "ok/*")),
                    ("iot:Receive", arn("topic", "ok/yes")),
                ),
            )
        return self._device

    @property
    def tls(self):
        context = ssl.create_default_context(cafile=self.device.ca)
        context.load_cert_chain(self.device.cert, self.device.key)
        return context

    def opened(self, version, client_id="c", tls=False, **connect):
        """What becomes of a CONNECT, and the wire."""
        port = self.server.mqtts_port if tls else self.server.mqtt_port
        wire = Wire(port, version, self.tls if tls else None)
        return outcome(wire, connect_packet(client_id, version, **connect)), wire

    def held(self, version):
        """The device, connected."""
        return Client(self.server.mqtts_port, "c", version, self.tls).accepted()

    def free(self, version, client_id="c", **connect):
        """A client that may do everything."""
        return client(self.server, client_id, version, **connect)


ACTS = {}


def act(function):
    """What a row does has its name."""
    ACTS[function.__name__.replace("_", "-")] = function
    return function


@act
def connect_unauth(world, version):
    return world.opened(version, "other", tls=True)[0]


@act
def connect_will_unauth(world, version):
    return world.opened(version, tls=True, will=Will("no/no"))[0]


@act
def connect_will_qos2(world, version):
    return world.opened(version, will=Will("a", qos=2))[0]


@act
def connect_will_bad_topic(world, version):
    return world.opened(version, will=Will("$aws/unknown"))[0]


@act
def connect_bad_clientid(world, version):
    return world.opened(version, "x" * 129)[0] + world.opened(version, "$GEN/x")[0]


@act
def connect_empty_clientid(world, version):
    if version == V3:
        return world.opened(version, "")[0]
    assigned = world.free(version, "").connack.properties["assigned_client_id"]
    assert assigned.startswith("$GEN/")
    return ["CONNACK 0x00", "stays"] + world.opened(version, assigned)[0]


@act
def connect_cert_unknown(world, version):
    iot = world.server.client("iot")
    iot.update_certificate(certificateId=world.device.id, newStatus="INACTIVE")
    return world.opened(version, tls=True)[0]


@act
def connect_throttle(world, version):
    world.server = world.start("--memory", "--enforce-quotas")
    world.opened(version)[1].close()
    return world.opened(version)[0]


@act
def connect_max_packet_small(world, version):
    return world.opened(version, props={"maximum_packet_size": 511})[0]


@act
def connect_second(world, version):
    return outcome(world.free(version), connect_packet("c", version))


@act
def connect_level_unknown(world, version):
    return outcome(Wire(world.server.mqtt_port), connect_packet("c", 3))


@act
def before_connack(world, version):
    wire = Wire(world.server.mqtt_port, version)
    return outcome(
        wire,
        connect_packet("c", version),
        subscribe_packet(version, 1, [("a", 1)]),
        publish_packet(version, "a", "x"),
    )


@act
def takeover(world, version):
    old = world.free(version)
    world.free(version)
    return [told(p) for p in old.closed()] + ["closed"]


@act
def publish_unauth_q0(world, version):
    return outcome(world.held(version), publish_packet(version, "no"))


@act
def publish_unauth_q1(world, version):
    return outcome(world.held(version), publish_packet(version, "no", qos=1, mid=1))


@act
def publish_retain_unauth(world, version):
    return outcome(world.held(version), publish_packet(version, "ok/a", "x", 1, True, mid=1))


@act
def publish_retain_reserved(world, version):
    topic = "$aws/things/t/shadow/update"
    words = []
    for qos in (1, 0):
        publish = publish_packet(version, topic, "{}", qos, True, mid=1)
        words += outcome(world.free(version), publish)
    return words


@act
def publish_q2(world, version):
    return outcome(world.free(version), publish_packet(version, "a", "x", 2, mid=1))


@act
def publish_bad_topic(world, version):
    long, deep, reserved = "x" * 257, "1/2/3/4/5/6/7/8/9", "$unknown/a"
    words = []
    for qos, topics in ((1, (long, deep, reserved)), (0, (long, "a/+", reserved))):
        for topic in topics:
            words += outcome(world.free(version), publish_packet(version, topic, "x", qos, mid=1))
    return words


@act
def publish_too_large(world, version):
    largest = b"x" * (128 * 1024)
    fits = outcome(world.free(version), publish_packet(version, "a", largest))
    assert fits == ["stays"]
    return outcome(world.free(version), publish_packet(version, "a", largest + b"x"))


@act
def publish_rate(world, version):
    world.server = world.start("--memory", "--enforce-quotas")
    observer = world.free(version, "observer")
    observer.subscribe("a", qos=1)
    observer.acknowledges = True
    a = world.free(version)
    a.send(*(publish_packet(version, "a", f"{n}", 1, mid=n) for n in range(1, 301)))
    a.send(PING)
    reasons = []
    while (packet := a.next()).kind != PINGRESP:
        reasons.append(packet.reason)
    # A second's worth, and what the bucket has got meanwhile.
    accepted = reasons.count(0)
    assert 100 <= accepted < 250, accepted
    assert len(observer.quiet()) >= 100
    rest = len(reasons) - accepted
    assert rest in (0, 300 - accepted)
    end = "the rest is refused with 0x97" if rest else "the rest is not acknowledged"
    assert set(reasons) <= {0, 0x97}
    return ["a second's worth is delivered", end, "stays"]


@act
def publish_inflight(world, version):
    a = world.free(version)
    many = [publish_packet(version, "a", "x", 1, mid=n) for n in range(1, 151)]
    words = outcome(a, *many)
    assert set(words[:-1]) == {"PUBACK 0x00"}
    return [f"{len(words) - 1} acknowledged", words[-1]]


@act
def publish_alias(world, version):
    words = []
    for alias in (0, 9):
        words += outcome(world.free(version), publish_packet(version, "a", topic_alias=alias))
    return words


@act
def publish_dup(world, version):
    a = world.free(version)
    a.subscribe("a", qos=1)
    words = outcome(a, publish_packet(version, "a", "x", 1, dup=True, mid=1))
    return sorted(words[:-1]) + words[-1:]


@act
def pubrec_etc(world, version):
    words = []
    for kind in (PUBREC, PUBREL, PUBCOMP):
        words += outcome(world.free(version), ack_packet(kind, 1))
    if version == V5:
        words += outcome(world.free(version), packet(15 << 4, b"\0\0"))
    return words


@act
def subscribe_unauth(world, version):
    return outcome(world.held(version), subscribe_packet(version, 1, [("ok/a", 1), ("no", 1)]))


@act
def subscribe_reserved(world, version):
    filters = [("test/topic1", 1), ("$invalid/reserved/topic", 1)]
    return outcome(world.free(version), subscribe_packet(version, 1, filters))


@act
def subscribe_9(world, version):
    eight = [(f"{n}", 1) for n in range(8)]
    good = outcome(world.free(version), subscribe_packet(version, 1, eight))
    assert good == ["SUBACK" + " 0x01" * 8, "stays"]
    return outcome(world.free(version), subscribe_packet(version, 1, [*eight, ("8", 1)]))


@act
def unsubscribe_9(world, version):
    a = world.free(version)
    a.subscribe("0")
    words = outcome(a, unsubscribe_packet(version, 2, [f"{n}" for n in range(9)]))
    if words == ["stays"]:
        a.publish("0", "still subscribed")
        assert a.message().payload == b"still subscribed"
    return words


@act
def subscribe_51(world, version):
    a = world.free(version)
    for n in range(10):
        assert a.subscribe(*(f"{n}/{m}" for m in range(5))) == [1] * 5
    # A filter that it has is none more.
    assert a.subscribe("0/0") == [1]
    return outcome(a, subscribe_packet(version, 99, [("one/more", 1)]))


@act
def subscribe_q2(world, version):
    return outcome(world.free(version), subscribe_packet(version, 1, [("a", 2)]))


@act
def subscribe_subid(world, version):
    a = world.free(version)
    a.send(subscribe_packet(version, 1, [("a", 1)], subscription_id=1))
    end = a.ended()
    return [told(end), end.properties["reason_string"], "closed"]


@act
def subscribe_same(world, version):
    a = world.free(version)
    a.subscribe("a", qos=1)
    again = subscribe_packet(version, 9, [("a", 1)])
    return outcome(a, again, publish_packet(version, "a", "x"))


@act
def subscribe_overlap(world, version):
    a, b = world.free(version), world.free(version, "b")
    a.subscribe(("a/#", 1), ("a/+", 0), ("a/b", 0))
    b.publish("a/b", "x")
    return [f"PUBLISH qos {m.qos}" for m in a.quiet()] + ["stays"]


@act
def receive_unauth(world, version):
    a, b = world.held(version), world.free(version, "b")
    words = outcome(a, subscribe_packet(version, 1, [("ok/#", 1)]))
    b.publish("ok/no", "x")
    assert a.quiet() == []
    b.publish("ok/yes", "x")
    assert a.message().topic == "ok/yes"
    return words


@act
def receive_q1_retry(world, version):
    more = {"session_expiry": 600} if version == V5 else {}
    a = world.free(version, clean=False, **more)
    a.acknowledges = False
    a.subscribe("a")
    a.publish("a", "x")
    first = a.message()
    # AWS takes at least 30 seconds.
    world.server.advance(20)
    assert a.quiet() == []
    world.server.advance(12)
    words = ["PUBLISH", *outcome(a)]
    world.server.advance(32)
    [third] = a.quiet()
    a.abort()
    a = world.free(version, clean=False, **more)
    for again in (third, a.message()):
        assert (again.payload, again.mid, again.dup) == (b"x", first.mid, False)
    assert a.quiet() == []
    return words


def retained(world, version, filters, options=1):
    """Subscribes where a message is retained."""
    b = world.free(version, "b")
    b.publish("kept/a", "state", retain=True)
    a = world.free(version)
    assert a.subscribe((filters, options)) == [1]
    return a, b


@act
def retained_exact(world, version):
    a, _ = retained(world, version, "kept/a")
    return outcome(a)


@act
def retained_wildcard(world, version):
    words = [outcome(retained(world, version, each)[0]) for each in ("kept/+", "kept/#", "#")]
    assert words[0] == words[1] == words[2]
    return words[0]


@act
def retained_shared(world, version):
    a, b = retained(world, version, "$share/g/kept/a")
    words = outcome(a)
    b.publish("kept/a", "live", retain=True)
    return words + outcome(a)


@act
def retained_live(world, version):
    a, b = world.free(version), world.free(version, "b")
    a.subscribe("kept/a")
    b.publish("kept/a", "live", retain=True)
    words = outcome(a)
    if version == V5:
        c = world.free(version, "c2")
        c.subscribe(("kept/a", 1 | AS_PUBLISHED | 0x20))
        b.publish("kept/a", "live", retain=True)
        assert c.message().retain
    return words


@act
def retained_empty(world, version):
    a, b = world.free(version), world.free(version, "b")
    b.publish("kept/a", "state", retain=True)
    a.subscribe("kept/#")
    b.publish("kept/a", b"", retain=True)
    words = [f"PUBLISH of {len(m.payload)} bytes" for m in a.quiet()]
    late = world.free(version, "late")
    late.subscribe("kept/a")
    return [*words, "stays", *outcome(late)]


@act
def retained_quota(world, version):
    world.server = world.start("--memory", "--mqtt", "retained-messages=1")
    packets = [publish_packet(version, f"{n}", "x", 1, True, mid=n) for n in (1, 2)]
    return outcome(world.free(version), *packets)


@act
def keepalive_timeout(world, version):
    a = world.free(version, keep_alive=30)
    world.server.advance(44)
    assert a.quiet() == []
    world.server.advance(46)
    return [told(p) for p in a.closed()] + ["closed"]


@act
def disconnect_clean(world, version):
    observer = world.free(version, "observer")
    observer.subscribe("will")
    world.free(version, will=Will("will")).disconnect()
    return ["closed", *outcome(observer)]


@act
def disconnect_expiry(world, version):
    return outcome(world.free(version), packet(DISCONNECT << 4, b"\0\5\x11\0\0\0\5"))


@act
def cross_version_session(world, version):
    other = V5 if version == V3 else V3
    props = {V3: {}, V5: {"session_expiry": 600}}
    world.free(other, clean=False, **props[other]).disconnect()
    assert world.free(other, clean=False, **props[other]).present
    resumed = world.free(version, clean=False, **props[version]).present
    return ["the session"] if resumed else ["no session"]


@act
def delete_connection(world, version):
    a = world.free(version)
    world.server.client("iot-data").delete_connection(clientId="c")
    return [told(p) for p in a.closed()] + ["closed"]


@act
def malformed(world, version):
    good = unsubscribe_packet(version, 1, ["a"])
    return outcome(world.free(version), packet(UNSUBSCRIBE << 4, good[2:]))


@act
def websocket_24h(world, version):
    world.server = world.start("--memory", "--mqtt", "websocket-lifetime-s=100")
    watch = watcher(world.server)
    socket = WebSocket(world.server)
    socket.send(connect_packet("c", version, keep_alive=1200))
    assert socket.receive()[0] >> 4 == CONNACK
    world.server.advance(90)
    socket.send(PING)
    assert socket.receive()[0] >> 4 == PINGRESP
    world.server.advance(11)
    assert socket.receive() is None
    assert told_events(watch)[-1] == "WEBSOCKET_TTL_EXPIRATION"
    return ["closed"]


@act
def policy_change(world, version):
    a = world.held(version)
    assert a.publish("ok/a", "x") == 0
    iot = world.server.client("iot")
    for each in iot.list_attached_policies(target=world.device.arn)["policies"]:
        iot.detach_policy(policyName=each["policyName"], target=world.device.arn)
    return outcome(a, publish_packet(version, "ok/a", "x", 1, mid=9))


class WebSocket:
    """MQTT over WebSocket with a signature in the query, which the server takes as it is."""

    def __init__(self, server):
        import socket as sockets

        context = ssl.create_default_context(cafile=server.ca_file)
        plain = sockets.create_connection(("127.0.0.1", server.https_port), timeout=DEADLINE_S)
        self.socket = context.wrap_socket(plain, server_hostname="localhost")
        query = (
            "X-Amz-Algorithm=AWS4-HMAC-SHA256"
            "&X-Amz-Credential=AKID%2F20260101%2Fus-east-1%2Fiotdevicegateway%2Faws4_request"
            "&X-Amz-Date=20260101T000000Z&X-Amz-SignedHeaders=host&X-Amz-Signature=00"
        )
        key = base64.b64encode(os.urandom(16)).decode()
        request = (
            f"GET /mqtt?{query} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Protocol: mqtt\r\n\r\n"
        )
        self.socket.sendall(request.encode())
        self.buffer = b""
        while b"\r\n\r\n" not in self.buffer:
            self._more()
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        assert b" 101 " in head, head

    def _more(self):
        try:
            part = self.socket.recv(4096)
        except (ConnectionResetError, ssl.SSLError):
            part = b""
        self.buffer += part
        return bool(part)

    def send(self, packet):
        assert len(packet) < 126
        mask = b"\0\0\0\0"
        self.socket.sendall(bytes([0x82, 0x80 | len(packet)]) + mask + packet)

    def receive(self):
        """The next binary frame; `None` at the end."""
        while True:
            while len(self.buffer) < 2 or len(self.buffer) < 2 + self.buffer[1]:
                if not self._more():
                    return None
            kind, length = self.buffer[0] & 0x0F, self.buffer[1]
            assert length < 126
            body, self.buffer = self.buffer[2 : 2 + length], self.buffer[2 + length :]
            if kind == 8:
                return None
            if kind == 2:
                return body


def watcher(server):
    """A client that sees what becomes of others."""
    watch = client(server, "watcher", V3, keep_alive=1200)
    for filter in ("disconnected/c", "connect_failed/other", "connect_failed/c"):
        watch.subscribe(f"$aws/events/presence/{filter}")
    return watch


def told_events(watch):
    """How connections ended or failed, in AWS's words."""
    words = []
    for message in watch.quiet():
        event = json.loads(message.payload)
        reason = event.get("disconnectReason")
        words.append(reason or f"{event['eventType']} {event['connectFailureReason']}")
    return words


@pytest.fixture
def world(server, own_server, tmp_path):
    return World(server, tmp_path, lambda *flags: own_server(*flags))


CASES = [
    pytest.param(row, version, id=f"{row['id']}-{name}")
    for row in ROWS
    for name, version in VERSIONS.items()
    if name in row
]


@pytest.mark.parametrize(("row", "version"), CASES)
def test_row(world, row, version):
    name = next(name for name, each in VERSIONS.items() if each == version)
    watch = watcher(world.server)
    assert ACTS[row["id"]](world, version) == row[name]
    event = row.get(f"event {name}") or row.get("event")
    # The row with a server of its own looks for itself.
    if event and "closed" in row[name] and not world_moved(world, watch):
        await_event(watch, event)


def world_moved(world, watch):
    return watch.socket.getpeername()[1] != world.server.mqtt_port


def await_event(watch, event):
    """The event comes, perhaps after what the row has seen."""
    seen = []
    for _ in range(100):
        seen += told_events(watch)
        if event in seen:
            return
    raise AssertionError(f"no {event} but {seen}")


def test_every_row_is_acted_out_or_a_named_gap():
    acted = {row["id"] for row in ROWS if "gap" not in row}
    assert acted == set(ACTS)
    assert {row["id"] for row in ROWS} - acted == {"connect-auth-failed", "customauth-ttl"}
    for row in ROWS:
        assert row["confidence"] and ("v3.1.1" in row or "v5" in row or "gap" in row)


def test_unknowns_are_settings(own_server):
    """What AWS does not document can be had the other way."""
    server = own_server(
        "--memory", "--mqtt", "overlapping-copies=true", "--mqtt", "topic-slashes=9"
    )
    a = client(server, "a", V5)
    a.subscribe(("a/#", 1), ("a/+", 0))
    a.publish("a/b", "x")
    assert sorted(m.qos for m in a.quiet()) == [0, 1]
    assert a.publish("1/2/3/4/5/6/7/8/9", "x") == 0


def test_wide_open_policies_are_enough_for_a_device(server, tmp_path):
    device = server.device(tmp_path, ALLOW_ALL)
    context = ssl.create_default_context(cafile=device.ca)
    context.load_cert_chain(device.cert, device.key)
    for version in VERSIONS.values():
        a = Client(server.mqtts_port, "c", version, context).accepted()
        assert a.subscribe("a") == [1]
        assert a.publish("a", "x", retain=True) == 0
        assert a.message().payload == b"x"
        a.disconnect()


def test_connack_says_what_aws_allows(server):
    found = client(server, "a", V5, keep_alive=0, session_expiry=10**6).connack.properties
    assert found == {
        "session_expiry": 3600,
        "receive_maximum": 100,
        "maximum_qos": 1,
        "retain_available": 1,
        "maximum_packet_size": 149_504,
        "topic_alias_maximum": 8,
        "wildcard_available": 1,
        "subscription_ids_available": 0,
        "shared_available": 1,
        "server_keep_alive": 1200,
    }
    kept = client(server, "a", V5, keep_alive=60).connack.properties
    assert "server_keep_alive" not in kept and "session_expiry" not in kept
    short = client(server, "a", V5, keep_alive=5).connack.properties
    assert short["server_keep_alive"] == 30


@pytest.mark.parametrize("limit", ["content_type", "correlation_data", "user_property"])
def test_properties_beyond_the_limits_end_the_connection(server, limit):
    sizes = {"content_type": 256, "correlation_data": 8192, "user_property": 8190}

    def of(size):
        return {
            "content_type": "x" * size,
            "correlation_data": b"x" * size,
            "user_property": [("ab", "x" * size)],
        }[limit]

    for extra, expected in ((0, ["PUBACK 0x00", "stays"]), (1, ["DISCONNECT 0x97", "closed"])):
        a = client(server, "a", V5)
        publish = publish_packet(V5, "a", "", 1, mid=1, **{limit: of(sizes[limit] + extra)})
        assert outcome(a, publish) == expected, extra


def test_message_expiry_is_held_between_its_bounds(server):
    b = client(server, "b", V5)
    b.subscribe("a")
    a = client(server, "a", V5)
    for asked, given in ((0, (0, 1)), (10**7, (604_799, 604_800))):
        a.publish("a", "x", message_expiry=asked)
        assert b.message().properties["message_expiry"] in given


def test_mqtt_5_packets_are_at_most_146_kb(server):
    # The length alone says it.
    a = client(server, "a", V5)
    whole = 146 * 1024
    head = struct.pack(
        "!BBBB", 0x30, whole - 4 & 0x7F | 0x80, whole - 4 >> 7 & 0x7F | 0x80, whole - 4 >> 14
    )
    assert len(head) == 4
    a.send(struct.pack("!BBBB", 0x30, head[1] + 1, head[2], head[3]))
    assert a.ended().reason == 0x97
