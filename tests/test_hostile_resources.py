"""Clients that cost: floods, clients that send nothing, slowly, or more than they said, clients that do
not read. Memory stays bounded, and others are served meanwhile. Letters and numbers as in
test_hostile_packets.py."""

import contextlib
import json
import socket
import ssl
import struct
import threading
import time

import pytest

from bytes_mqtt import (
    CONNACK,
    PINGREQ,
    PINGRESP,
    PUBACK,
    SUBACK,
    UNSUBACK,
    V3,
    V5,
    Raw,
    connect,
    packet,
    properties,
    publish,
    rss_mib,
    subscribe,
    text,
    unsubscribe,
    varint,
)
from harness import DEADLINE_S, Server

USER_PROPERTY = b"\x26" + text("k") + text("v")


@pytest.fixture(scope="module", params=["aws", "mqtt"])
def profiled(request, tmp_path_factory):
    """A server of each profile, of which nobody else measures the memory."""
    directory = tmp_path_factory.mktemp(request.param)
    with Server(directory, "--memory", "--profile", request.param) as server:
        server.profile = request.param
        # What is allocated once is not growth.
        works(server)
        yield server


@pytest.fixture
def grows(profiled):
    """Checks that the server's memory has not grown by more than so many MiB."""
    before = rss_mib(profiled)

    def check(most):
        grown = rss_mib(profiled) - before
        assert grown < most, f"{grown:.0f} MiB more"

    return check


def works(server):
    """A client connects and gets what it publishes, soon."""
    began = time.monotonic()
    with Raw(server.mqtt_port) as raw:
        raw.open("works", V5).subscribed("works")
        raw.send(publish("works", version=V5)).message()
    assert time.monotonic() - began < 5


def all_closed(sockets, within):
    """Every socket is closed by the server in time."""
    deadline = time.monotonic() + within
    for one in sockets:
        one.settimeout(max(0.1, deadline - time.monotonic()))
        with contextlib.suppress(ConnectionResetError):
            while one.recv(65536):
                pass


def opened(port, count, head=b""):
    sockets = []
    for _ in range(count):
        one = socket.create_connection(("127.0.0.1", port))
        one.sendall(head)
        sockets.append(one)
    return sockets


def dribble(port, stop):
    """A CONNECT of one byte a second, for as long as the server takes it; how long that was."""
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", port)) as one:
        for byte in connect("slow", payload=b"") * 100:
            try:
                one.sendall(bytes([byte]))
            except OSError:
                break
            if stop.wait(1):
                break
    return time.monotonic() - began


def test_clients_that_do_not_get_to_the_point_are_closed_in_time(profiled, grows):
    """A03, A06, A07, A08, M01: all at once, and a client beside them works."""
    server, stop = profiled, threading.Event()
    took = []
    slow = threading.Thread(target=lambda: took.append(dribble(server.mqtt_port, stop)))
    slow.start()
    silent = opened(server.mqtt_port, 500)
    begun = opened(server.mqtt_port, 200, connect("begun")[:9])
    huge = opened(server.mqtt_port, 200, b"\x10" + varint(268435455) + b"\0\4MQTT")
    # The first bytes of a ClientHello, and nothing at all, where TLS is spoken.
    hello = opened(server.mqtts_port, 250, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
    hello += opened(server.https_port, 250)
    works(server)
    grows(64)
    # The deadlines are 10 s, from the first moment, and a little for the end.
    all_closed(silent + begun + huge + hello, within=25)
    slow.join(DEADLINE_S)
    stop.set()
    assert took and took[0] < 25
    works(server)


def test_a_packet_is_refused_by_its_head(profiled, grows):
    """A02, B30: what is announced is not allocated, what follows is not kept."""
    for first in (0x30, 0x82, 0xE0, 0x40):
        with Raw(profiled.mqtt_port) as raw:
            raw.send(bytes([first]) + varint(244 << 20), bytes(1 << 20))
            assert raw.until_closed() == []
        with Raw(profiled.mqtt_port) as raw:
            raw.open("large", V5)
            raw.send(bytes([first]) + varint(260_000_000), bytes(10 << 20))
            [(kind, body)] = raw.until_closed()
            assert kind == 0xE0 and body[0] in (0x95, 0x97)
    grows(32)


def test_first_packets_of_clients_that_nobody_knows_yet_are_small(profiled, grows):
    """A first packet may hold all that a CONNECT can, and not what other packets may."""
    head = b"\x10" + varint(15 << 20) + b"\0\4MQTT\5\2\0\x3c"
    with contextlib.ExitStack() as stack:
        for _ in range(20):
            raw = stack.enter_context(Raw(profiled.mqtt_port))
            raw.send(head, bytes(1 << 20))
            raw.until_closed()
        grows(48)


def test_twenty_thousand_user_properties(profiled, grows):
    """A11."""
    began = time.monotonic()
    with Raw(profiled.mqtt_port) as raw:
        raw.send(connect("many", V5, props=[USER_PROPERTY] * 20_000))
        packets = raw.until_closed() if profiled.profile == "aws" else [raw.next()]
    if profiled.profile == "mqtt":
        assert packets[0][0] >> 4 == CONNACK
    assert time.monotonic() - began < 4
    grows(48)


def test_refused_wills_leave_nothing_behind(profiled, grows):
    """A12: a property that a will cannot have."""
    will = properties(b"\x23\0\1") + text("w") + text("x")
    for _ in range(1500):
        with Raw(profiled.mqtt_port) as raw:
            raw.send(connect("will", V5, flags=6, payload=will))
            assert all(body[1] >= 0x80 for _, body in raw.until_closed())
    grows(24)


def test_many_filters_that_match_one_topic(profiled):
    """B14: every mix of `a` and `+`, ten levels deep."""
    if profiled.profile == "aws":
        pytest.skip("AWS has 50 subscriptions a connection and seven slashes a filter")
    with Raw(profiled.mqtt_port) as raw, Raw(profiled.mqtt_port) as other:
        raw.open("many", V3)
        filters = ["/".join("a+"[number >> bit & 1] for bit in range(10)) for number in range(1024)]
        for at in range(0, 1024, 128):
            raw.send(subscribe(*filters[at : at + 128], version=V3))
            raw.next_of(SUBACK)
        other.open("publisher", V3)
        began = time.monotonic()
        for number in range(20):
            other.send(publish("/".join("a" * 10), qos=1, packet_id=number + 1))
            assert other.next()[0] == 0x40
        assert time.monotonic() - began < 4
        for _ in range(20):
            raw.message()


def test_ten_thousand_filters_hold_nobody_up(profiled):
    """B13, B18."""
    with Raw(profiled.mqtt_port) as raw:
        raw.open("filters", V5)
        raw.send(subscribe(*(f"f/{n}" for n in range(10_000)), version=V5))
        works(profiled)
        if profiled.profile == "aws":
            assert raw.until_closed()[-1][1][0] >= 0x80
            return
        _, body = raw.next_of(SUBACK)
        assert len(body) == 2 + 1 + 10_000
        raw.send(*(unsubscribe(f"never/{n}", version=V5) for n in range(1000)))
        assert {raw.next_of(UNSUBACK)[1][3] for _ in range(1000)} == {0x11}


def test_pings_whose_answers_are_not_read(profiled, grows):
    """B24: a client whose output is full is not read."""
    with Raw(profiled.mqtt_port, window=4096) as raw:
        raw.open("pings", V3)
        raw.socket.settimeout(3)
        with contextlib.suppress(TimeoutError):
            raw.socket.sendall(PINGREQ * (15 << 19))
        grows(64)
        works(profiled)


def test_a_receiver_that_does_not_read(profiled, grows):
    """B23: what it cannot take at QoS 0 is dropped, and others get everything."""
    payload = bytes(60_000)
    with (
        Raw(profiled.mqtt_port, window=4096) as stalled,
        Raw(profiled.mqtt_port) as healthy,
        Raw(profiled.mqtt_port) as publisher,
    ):
        stalled.open("stalled", V3).subscribed("load")
        healthy.open("healthy", V3).subscribed("load")
        publisher.open("publisher", V3)
        for number in range(1000):
            publisher.send(publish("load", struct.pack(">H", number) + payload))
            # Read at once, so that it is not slow itself.
            assert struct.unpack(">H", healthy.message()[1][:2])[0] == number
        grows(100)


def test_a_receiver_that_does_not_acknowledge(profiled, grows):
    """B22: a window in flight, the rest in a queue with a limit."""
    payload = bytes(60_000)
    with Raw(profiled.mqtt_port) as silent, Raw(profiled.mqtt_port) as publisher:
        silent.open("silent", V3, flags=0).subscribed("load", options=1)
        publisher.open("publisher", V3)
        for number in range(1000):
            publisher.send(publish("load", payload, 1, number + 1)).next()
        grows(150)
        works(profiled)
    # Not before: the session of a client that stays is bounded, and ends when a clean one begins.
    with Raw(profiled.mqtt_port) as silent:
        silent.open("silent", V3)
        assert not silent.session_present


def test_retained_messages_that_nobody_reads(profiled, grows):
    """B25."""
    with Raw(profiled.mqtt_port) as keeper:
        keeper.open("keeper", V3)
        for number in range(50):
            keeper.send(publish(f"kept/{number}", bytes(20_000), 1, number + 1, flags=1)).next()
        with Raw(profiled.mqtt_port, window=4096) as raw:
            raw.open("greedy", V3)
            raw.socket.settimeout(3)
            with contextlib.suppress(TimeoutError):
                for number in range(300):
                    names = [f"kept/{n}" for n in range(8)]
                    raw.socket.sendall(subscribe("kept/#", *names[1:], packet_id=number + 1))
            grows(100)
            works(profiled)
        for number in range(50):
            keeper.send(publish(f"kept/{number}", b"", 1, number + 1, flags=1)).next()


def test_qos_2_messages_are_stored_once(profiled, grows):
    """B20, B21."""
    if profiled.profile == "aws":
        pytest.skip("AWS refuses QoS 2")
    with Raw(profiled.mqtt_port) as raw, Raw(profiled.mqtt_port) as other:
        other.open("other", V3).subscribed("two")
        raw.open("two", V3)
        for _ in range(5000):
            raw.send(publish("two", bytes(1000), 2, 7)).next_of(5)
        raw.send(packet(0x62, b"\0\7")).next_of(7)
        assert other.message()[0] == "two"
        other.ping()
        assert other.held == b""
    grows(24)
    for version in (V3, V5):
        with Raw(profiled.mqtt_port) as raw:
            raw.open("unreleased", version)
            for number in range(65_535):
                raw.send(publish("two", b"", 2, number + 1, version))
            raw.send(PINGREQ)
            # It ends when there are more than the server takes, or takes them all.
            while (found := raw.next()) and found[0] >> 4 != PINGRESP:
                assert found[0] == 0x50 or found[1][0] == 0x93, found
    grows(48)


def test_sessions_that_are_left_behind_are_freed(profiled, grows):
    """F06, F04."""
    for present in (False, True):
        for number in range(3000):
            with Raw(profiled.mqtt_port) as raw:
                # Persistent first, then clean, which ends it.
                props = [] if present else [b"\x11\xff\xff\xff\xff"]
                raw.send(connect(f"left-{number}", V5, flags=2 * present, props=props))
                _, body = raw.next()
                assert body[:2] == b"\0\0"
                raw.send(b"\xe0\x00")
        grows(96)


def test_one_client_id_from_many_sides(profiled):
    """F02: at the end one connection lives."""
    lives = []

    def connects(thread):
        for number in range(4):
            version = V5 if (thread + number) % 2 else V3
            raw = Raw(profiled.mqtt_port)
            raw.send(connect("fought-for", version, flags=2 * (number % 2)))
            lives.append(raw)

    threads = [threading.Thread(target=connects, args=(n,)) for n in range(60)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE_S)
    assert len(lives) == 240
    # Each is answered and closed but the last, which answers still.
    with Raw(profiled.mqtt_port) as last:
        last.open("fought-for", V5)
        for raw in lives:
            raw.until_closed()
            raw.close()
        last.ping()


def test_three_hundred_wills_at_once(profiled):
    """G04."""
    with Raw(profiled.mqtt_port) as witness:
        witness.open("witness", V3).subscribed("wills", options=1)
        clients = []
        for number in range(300):
            raw = Raw(profiled.mqtt_port)
            raw.open(f"will-{number}", V3, flags=0x0E, payload=text("wills") + text(str(number)))
            clients.append(raw)
        for raw in clients:
            raw.reset()
        seen = set()
        while len(seen) < 300:
            _, payload, packet_id, _ = witness.message()
            assert payload not in seen
            seen.add(payload)
            witness.ack(packet_id)


def test_tls_handshakes_of_others_go_on_beside_stalled_ones(profiled):
    """M01 with as many as a server takes at once."""
    stalled = opened(profiled.mqtts_port, 1100, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
    context = ssl.create_default_context(cafile=profiled.ca_file)
    began = time.monotonic()
    with (
        socket.create_connection(("127.0.0.1", profiled.https_port)) as one,
        context.wrap_socket(one, server_hostname="localhost"),
    ):
        pass
    try:
        with socket.create_connection(("127.0.0.1", profiled.mqtts_port)) as one:
            # Without a certificate it ends in an alert, and soon.
            with context.wrap_socket(one, server_hostname="localhost") as tls:
                tls.recv(1)
    except ssl.SSLError as error:
        assert "CERTIFICATE_REQUIRED" in str(error)
    assert time.monotonic() - began < 5
    for one in stalled:
        one.close()


def test_deep_json_is_refused(profiled):
    """Documents that are nested deeper than anybody means them."""
    deep = {
        "list": "[" * 100_000 + "]" * 100_000,
        "object": '{"a":' * 100_000 + "1" + "}" * 100_000,
    }
    authorization = (
        "AWS4-HMAC-SHA256 Credential=A/20260101/us-east-1/iot/aws4_request, "
        "SignedHeaders=host, Signature=00"
    )
    for body in deep.values():
        for path, sent in (
            ("/things/deep", body),
            ("/policies/deep", json.dumps({"policyDocument": body})),
        ):
            with socket.create_connection(("127.0.0.1", profiled.api_port)) as one:
                head = f"POST {path} HTTP/1.1\r\nhost: a\r\nauthorization: {authorization}\r\n"
                one.sendall(f"{head}content-length: {len(sent)}\r\n\r\n{sent}".encode())
                answer = one.recv(4096)
                assert answer.startswith(b"HTTP/1.1 4"), answer[:200]
    works(profiled)


def test_messages_of_deep_json_harm_no_rule(profiled):
    iot = profiled.client("iot")
    rule = {"sql": "SELECT a.b.c AS x, * FROM 'deep/#' WHERE a.b.c = 1", "actions": []}
    iot.create_topic_rule(ruleName="deep", topicRulePayload=rule)
    with Raw(profiled.mqtt_port) as raw:
        raw.open("deep", V3)
        for body in ("[" * 60_000, '{"a":' * 20_000 + "1" + "}" * 20_000, "1" * 60_000, '"\\u'):
            raw.send(publish("deep/x", body.encode(), 1)).next_of(PUBACK)
    works(profiled)
    iot.delete_topic_rule(ruleName="deep")
