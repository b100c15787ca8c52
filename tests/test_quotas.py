"""AWS's rate quotas, which `--enforce-quotas` keeps, and which nothing keeps without it."""

import time

import pytest
from botocore.exceptions import ClientError

from bytes_mqtt import PUBACK, V3, V5, VERSIONS
from raw_mqtt import Client, client, publish_packet

both = pytest.mark.parametrize("version", VERSIONS.values(), ids=VERSIONS.keys())


@pytest.fixture
def strict(own_server):
    return own_server("--memory", "--enforce-quotas")


@both
def test_a_client_id_connects_once_a_second(strict, version):
    client(strict, "a", version).disconnect()
    second = Client(strict.mqtt_port, "a", version)
    reason = second.connack.reason if second.connack else None
    assert reason == (0x97 if version == V5 else None)
    client(strict, "b", version)
    strict.advance(1)
    client(strict, "a", version)
    assert "Connect.ClientIDThrottle" in strict.logged()


@both
def test_a_connection_is_sent_a_hundred_messages_a_second(strict, version):
    watcher = client(strict, "watcher", version)
    watcher.subscribe("a", qos=0)
    # Two publishers, each within its own quota.
    for name in ("a", "b"):
        sender = client(strict, name, version)
        sender.send(*(publish_packet(version, "a", "x") for _ in range(90)))
        sender.quiet()
    assert 100 <= len(watcher.quiet()) < 180
    assert "PublishOut.Throttle" in strict.logged()


def test_what_is_sent_too_fast_is_read_later(strict):
    a = client(strict, "a", V3)
    a.subscribe("end")
    # Two seconds' worth beyond the first.
    began = time.monotonic()
    for _ in range(12):
        a.send(publish_packet(V3, "bulk", b"x" * (128 * 1024)))
    a.publish("end", "last")
    assert a.message().payload == b"last"
    assert time.monotonic() - began > 1.5


@both
def test_a_retained_message_is_replaced_once_a_second(strict, version):
    a = client(strict, "a", version)
    assert a.publish("kept", "1", retain=True) == 0
    mid = a.mid()
    a.send(publish_packet(version, "kept", "2", 1, True, mid=mid))
    if version == V5:
        assert a.expect(PUBACK).reason == 0x97
    a.subscribe("kept")
    assert a.message().payload == b"1"
    strict.advance(1)
    assert a.publish("kept", "3", retain=True) == 0


@both
def test_there_are_a_hundred_groups(strict, version):
    clients = [client(strict, f"{n}", version) for n in range(3)]
    failure = 0x97 if version == V5 else 0x80
    codes = [
        code
        for n, each in enumerate(clients[:2])
        for m in range(10)
        for code in each.subscribe(*(f"$share/g{n}-{m}-{k}/x" for k in range(5)))
    ]
    assert codes == [1] * 100
    assert clients[2].subscribe("$share/more/x") == [failure]
    # A member more is no group more.
    assert clients[2].subscribe("$share/g0-0-0/x") == [1]
    clients[0].unsubscribe("$share/g0-1-0/x")
    assert clients[2].subscribe("$share/more/x") == [1]


def test_operations_on_a_connection_are_throttled(strict):
    data = strict.client("iot-data")
    client(strict, "a", V3)
    data.meta.config.retries = {"max_attempts": 0}
    with pytest.raises(ClientError) as raised:
        for _ in range(2):
            data.delete_connection(clientId="a", cleanSession=True)
    assert raised.value.response["Error"]["Code"] in (
        "ThrottlingException",
        "ResourceNotFoundException",
    )


def test_nothing_is_throttled_without_the_flag(server):
    for version in VERSIONS.values():
        for _ in range(5):
            client(server, "a", version).disconnect()
        a = client(server, "a", version)
        a.subscribe("a")
        a.send(*(publish_packet(version, "a", "x", 1, mid=n) for n in range(1, 501)))
        assert sum(1 for _ in range(500) if a.message()) == 500
        for n in range(5):
            assert a.publish("kept", f"{n}", retain=True) == 0


def test_throttles_are_counted(strict):
    client(strict, "a", V3).disconnect()
    Client(strict.mqtt_port, "a", V3).closed()
    metrics = strict.admin("metrics").decode()
    assert 'thingcore_throttled_total{quota="Connect.ClientIDThrottle"} 1' in metrics
