"""Shared subscriptions: each message to one of the group, and nothing lost with a member."""

import math
import pathlib
import queue
import sys

import pytest

from harness import DEADLINE_S, Process
from mqtt_client import V3, V5, tls_client

FILTER = "$share/consumer/sports/#"
SPORTS = ["sports/tennis", "sports/football", "sports/chess/blitz"]


@pytest.fixture
def consumers(server, device):
    """Three members of the group, of both versions of MQTT."""
    members = [
        tls_client(server, device, f"consumer-{number}", version=version)
        for number, version in enumerate((V3, V5, V3))
    ]
    for member in members:
        assert member.subscribe(FILTER) == [1]
    yield members
    for member in members:
        member.close()


def publish_all(publisher, numbers):
    """Publishes each number at QoS 1 and waits until each is acknowledged."""
    for number in numbers:
        publisher.paho.publish(SPORTS[number % len(SPORTS)], f"{number}", 1)
    for _ in numbers:
        assert publisher.puback() == 0


def drained(client, end):
    """What a client received before the message `end`, which it subscribed to beside."""
    received = []
    while (message := client.message()).topic != end:
        received.append(int(message.payload))
    return received


def test_three_consumers_share_what_one_plain_subscriber_sees_whole(server, device, consumers):
    count = 3000
    plain = tls_client(server, device, "plain")
    plain.subscribe("sports/#")
    for client in (*consumers, plain):
        client.subscribe("end")
    with tls_client(server, device, "publisher") as publisher:
        publish_all(publisher, range(count))
        # What is behind this message on a connection is nothing.
        publisher.publish("end")
    seen = drained(plain, "end")
    shares = [drained(consumer, "end") for consumer in consumers]
    plain.close()

    assert sorted(seen) == list(range(count))
    assert sorted(sum(shares, [])) == list(range(count)), "each message to exactly one consumer"
    mean, deviation = count / 3, math.sqrt(count * (1 / 3) * (2 / 3))
    for share in shares:
        assert abs(len(share) - mean) < 5 * deviation, [len(share) for share in shares]


def test_groups_are_told_apart_by_name_and_filter(server, device):
    filters = ["$share/a/sports/#", "$share/b/sports/#", "$share/a/sports/tennis"]
    clients = [tls_client(server, device, f"c{number}") for number in range(len(filters))]
    for client, filter in zip(clients, filters, strict=True):
        client.subscribe(filter)
    with tls_client(server, device, "publisher") as publisher:
        publisher.publish("sports/tennis", "ace")
    assert [client.payload() for client in clients] == ["ace"] * len(filters)
    for client in clients:
        client.close()


def test_nothing_acknowledged_is_lost_with_a_killed_consumer(server, device, consumers):
    count, acknowledged = 2000, 100
    received = queue.Queue()
    for consumer in consumers:
        consumer.messages = received
    doomed = Process(
        *(sys.executable, pathlib.Path(__file__).with_name("consumer.py")),
        *(server.mqtts_port, device.ca, device.cert, device.key, FILTER, acknowledged),
    )
    with doomed, tls_client(server, device, "publisher") as publisher:
        doomed.line("subscribed")
        publish_all(publisher, range(count // 2))
        # It holds messages that it has not acknowledged, and goes without a word.
        doomed.line("held")
        doomed.kill()
        publish_all(publisher, range(count // 2, count))
    doomed.rest()
    told = [line.split() for line in doomed.seen]
    done = {int(words[1]) for words in told if words[0] == "done"}
    held = {int(words[1]) for words in told if words[0] == "held"}
    assert len(done) == acknowledged and held

    # Each of the others, those that the dead member held among them, comes to a living one.
    missing = set(range(count)) - done
    assert held <= missing
    while missing:
        try:
            missing.discard(int(received.get(timeout=DEADLINE_S).payload))
        except queue.Empty:
            pytest.fail(f"{len(missing)} of {count} acknowledged messages are lost: {missing}")
