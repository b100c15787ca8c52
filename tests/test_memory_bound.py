"""The bound over everything that is kept for clients, whatever holds it: what is refused when it is
reached, what goes on, and that it ends when the memory is given back."""

import contextlib
import json
import urllib.error
import urllib.request

import pytest

from bytes_mqtt import (
    DISCONNECT,
    PUBACK,
    PUBREC,
    V3,
    V5,
    Raw,
    connect,
    publish,
    rss_mib,
    text,
    until,
    varint,
)

MIB = 1 << 20
BOUND = 8 * MIB
QUOTA_EXCEEDED, SERVER_BUSY, SERVER_UNAVAILABLE_V3 = 0x97, 0x89, 3
MESSAGE = bytes(3500)
"""Small enough to come in one piece: a packet that does not ends the connection."""


@pytest.fixture
def bounded(own_server):
    """A server with little memory for clients."""
    return own_server("--memory", "--profile", "mqtt", "--buffer-memory", "8MiB")


def metric(server, name):
    lines = server.admin("metrics").decode().splitlines()
    [value] = [line.rsplit(" ", 1)[1] for line in lines if line.rsplit(" ", 1)[0] == name]
    return int(value)


def held(server):
    return metric(server, "thingcore_buffered_bytes")


def refused(server, claim):
    return metric(server, f'thingcore_memory_refused_total{{claim="{claim}"}}')


def away(server, client_id, *filters):
    """A client with a session that stays, which is gone."""
    with Raw(server.mqtt_port) as raw:
        raw.open(client_id, V3, flags=0).subscribed(*filters, options=1)


def puback(raw):
    """The reason code of the next PUBACK."""
    _, body = raw.next_of(PUBACK)
    return body[2] if len(body) > 2 else 0


def fill(server, topic="queue"):
    """Publishes for a client that is away until the server takes no more; how many it took."""
    with Raw(server.mqtt_port) as raw:
        raw.open("filler", V5)
        for count in range(10_000):
            raw.send(publish(topic, MESSAGE, 1, count + 1, V5))
            if puback(raw) == QUOTA_EXCEEDED:
                return count
    raise AssertionError("the server took everything")


def test_queues_end_at_the_bound(bounded):
    """Messages for a client that is away are refused; clients that are there go on at QoS 0."""
    before = rss_mib(bounded)
    with Raw(bounded.mqtt_port) as raw, Raw(bounded.mqtt_port) as old:
        raw.open("there", V5).subscribed("live")
        old.open("old", V3)
        away(bounded, "away", "queue")
        assert BOUND // len(MESSAGE) * 0.8 < fill(bounded) <= BOUND // len(MESSAGE)
        assert held(bounded) >= BOUND
        assert rss_mib(bounded) - before < 3 * BOUND / MIB
        # MQTT 3.1.1 has no other answer than the end.
        assert old.send(publish("queue", b"x", 1)).until_closed() == []
        for version, code in (V5, SERVER_BUSY), (V3, SERVER_UNAVAILABLE_V3):
            with Raw(bounded.mqtt_port) as new:
                [(first, body)] = new.send(connect("new", version)).until_closed()
                assert (first, body[1]) == (0x20, code)
        raw.send(publish("live", b"still", version=V5))
        assert raw.message()[:2] == ("live", b"still")
        counts = {claim: refused(bounded, claim) for claim in ("publish", "session")}
        assert counts == {"publish": 2, "session": 2}
    until(lambda: "--buffer-memory" in bounded.logged(), "nothing in the log")


def test_qos_2_is_refused_before_it_is_received(bounded):
    """What was received before is acknowledged still, and an id that was refused is free."""
    pubrec = lambda raw: raw.next_of(PUBREC)[1][2:3]
    away(bounded, "away", "queue")
    with Raw(bounded.mqtt_port) as raw:
        raw.open("exactly", V5)
        raw.send(publish("queue", b"early", 2, 1, V5))
        assert pubrec(raw) == b""
        fill(bounded)
        raw.send(publish("queue", b"early", 2, 1, V5, flags=8))
        assert pubrec(raw) == b""
        for _ in range(2):
            raw.send(publish("queue", b"late", 2, 2, V5))
            assert pubrec(raw) == bytes([QUOTA_EXCEEDED])
    # A client of MQTT 3.1.1 sends it again when it is back, and it counts then.
    bounded.reset()
    away(bounded, "away", "queue")
    with Raw(bounded.mqtt_port) as old:
        old.open("old", V3, flags=0)
        fill(bounded)
        assert old.send(publish("queue", b"x", 2, 7)).until_closed() == []
    with Raw(bounded.mqtt_port) as raw:
        # Its queue is given up, and there is memory again.
        raw.open("away", V3)
    with Raw(bounded.mqtt_port) as old, Raw(bounded.mqtt_port) as receiver:
        receiver.open("receiver", V3).subscribed("queue")
        old.open("old", V3, flags=0).send(publish("queue", b"x", 2, 7, flags=8))
        assert pubrec(old) == b""
        assert receiver.message()[1] == b"x"


def test_over_http_too(bounded):
    away(bounded, "away", "queue")
    fill(bounded)
    for qos, expected in (1, 429), (0, 200):
        request = urllib.request.Request(
            f"{bounded.api_url}/topics/queue?qos={qos}", method="POST", data=b"x"
        )
        try:
            with urllib.request.urlopen(request) as answer:
                status = answer.status
        except urllib.error.HTTPError as error:
            status = error.code
            assert "memory" in json.loads(error.read())["message"]
        assert status == expected


def test_who_comes_back_gives_the_memory_back(bounded):
    """A client that has a session is let in, gets all that was taken for it, and the rest goes on."""
    away(bounded, "away", "queue")
    count = fill(bounded)
    with Raw(bounded.mqtt_port) as raw:
        raw.open("away", V3, flags=0)
        assert raw.session_present
        for _ in range(count):
            topic, payload, packet_id, _ = raw.message()
            assert (topic, payload) == ("queue", MESSAGE)
            raw.ack(packet_id)
        raw.ping()
        assert held(bounded) < MIB
        with Raw(bounded.mqtt_port) as new:
            new.open("new", V5).send(publish("queue", b"again", 1, version=V5))
            assert puback(new) == 0
        assert raw.message()[1] == b"again"


def test_a_message_for_many_is_held_once(bounded):
    for number in range(50):
        away(bounded, f"away-{number}", "shared/by/all")
    with Raw(bounded.mqtt_port) as raw:
        raw.open("publisher", V5)
        for number in range(200):
            raw.send(publish("shared/by/all", MESSAGE, 1, number + 1, V5))
            assert puback(raw) == 0
    assert 200 * len(MESSAGE) < held(bounded) < 4 * 200 * len(MESSAGE)
    bounded.reset()
    assert held(bounded) < MIB


def test_retained_messages_end_at_the_bound(bounded):
    with Raw(bounded.mqtt_port) as raw:
        raw.open("keeper", V5)
        for count in range(10_000):
            raw.send(publish(f"kept/{count}", MESSAGE, 1, count + 1, V5, flags=1))
            if puback(raw) == QUOTA_EXCEEDED:
                break
        assert BOUND // len(MESSAGE) * 0.8 < count <= BOUND // len(MESSAGE)
        # One at QoS 0 is delivered and not kept; one that clears makes room.
        before = refused(bounded, "retained")
        raw.send(publish("kept/more", MESSAGE, version=V5, flags=1)).ping()
        assert refused(bounded, "retained") == before + 1
        raw.send(
            publish("kept/0", b"", version=V5, flags=1), publish("kept/1", b"", version=V5, flags=1)
        )
        raw.send(publish("kept/more", MESSAGE, 1, 1, V5, flags=1))
        assert puback(raw) < 0x80


def test_packets_that_are_never_whole(bounded):
    """Many clients announce packets that the profile allows, and send all but the end."""
    head = b"\x30" + varint(900_000) + text("part")
    before = rss_mib(bounded)
    with contextlib.ExitStack() as stack:
        clients = []
        for number in range(30):
            raw = stack.enter_context(Raw(bounded.mqtt_port))
            clients.append(raw.open(f"part-{number}", V5))
        for raw in clients:
            raw.send(head, bytes(800_000))
        for raw in clients:
            raw.socket.settimeout(1)
        ended = 0
        for raw in clients:
            with contextlib.suppress(TimeoutError):
                for first, body in raw.until_closed():
                    assert (first, body[0]) == (DISCONNECT << 4, QUOTA_EXCEEDED)
                ended += 1
        # Some fit, the others are told.
        assert 15 <= ended < 30
        assert refused(bounded, "packet") == ended
        assert held(bounded) < 2 * BOUND
        assert rss_mib(bounded) - before < 5 * BOUND / MIB
    until(lambda: held(bounded) < MIB, "what they had sent is still there")


def test_readers_that_do_not_read_share_the_bound(bounded):
    """Forty outputs of a megabyte do not fit: they lose QoS 0, and in the end their connections; who
    reads gets everything."""
    payload = bytes(16_000)
    with contextlib.ExitStack() as stack:
        for number in range(40):
            raw = stack.enter_context(Raw(bounded.mqtt_port, window=4096))
            raw.open(f"stalled-{number}", V5).subscribed("load")
        healthy = stack.enter_context(Raw(bounded.mqtt_port)).open("healthy", V3)
        healthy.subscribed("load")
        publisher = stack.enter_context(Raw(bounded.mqtt_port)).open("publisher", V3)
        for number in range(1000):
            publisher.send(publish("load", number.to_bytes(2, "big") + payload))
            assert int.from_bytes(healthy.message()[1][:2], "big") == number
        # Buffers double, and all of them at once.
        assert held(bounded) < 1.5 * BOUND
        assert metric(bounded, "thingcore_messages_dropped_total") > 0
        # Five seconds later those that stand still lose their connections, and there is room again.
        bounded.advance(6)
        until(lambda: held(bounded) < BOUND / 2, "they hold what they held")
        with Raw(bounded.mqtt_port) as new:
            new.open("new", V5)
        healthy.ping()
