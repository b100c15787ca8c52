"""Messages that a publisher sends at once reach everyone as if they had come one by one."""

import pytest

from bytes_mqtt import V3, V5, Raw, publish

VERSIONS = pytest.mark.parametrize("version", [V3, V5], ids=["v311", "v5"])
RULE = {
    "sql": "SELECT n FROM 'runs/ruled'",
    "actions": [
        {"republish": {"topic": "runs/republished", "roleArn": "arn:aws:iam::000000000000:role/r"}}
    ],
}


def numbered(count, topic, version, padding=0):
    """Messages with a number each, of different lengths."""
    payloads = [str(n).encode() + b" " * (n % 7 + padding) for n in range(count)]
    return payloads, [publish(topic, payload, version=version) for payload in payloads]


def opened(server, name, version, *filters, **options):
    client = Raw(server.mqtt_port).open(name, version)
    if filters:
        client.subscribed(*filters, **options)
    return client


@pytest.fixture
def server(own_server):
    return own_server("--memory", "--profile", "mqtt")


@VERSIONS
@pytest.mark.parametrize("count, padding", [(300, 0), (300, 2000), (30, 20_000)])
def test_all_receivers_get_all_of_them_in_order(server, version, count, padding):
    same, other = (V3, V5) if version == V3 else (V5, V3)
    receivers = [
        opened(server, "same", same, "runs/#"),
        opened(server, "other", other, "runs/+"),
        opened(server, "identified", V5, "runs/a", props=[b"\x0b", b"\x2a"]),
        opened(server, "qos-1", version, "runs/a", options=1),
    ]
    payloads, packets = numbered(count, "runs/a", version, padding)
    with opened(server, "publisher", version) as publisher:
        publisher.send(*packets).ping()
        for receiver in receivers:
            got = [receiver.message() for _ in payloads]
            assert [payload for _, payload, _, _ in got] == payloads
            assert {(topic, first) for topic, _, _, first in got} == {("runs/a", 0x30)}


@VERSIONS
def test_what_differs_in_more_than_the_payload_is_kept_apart(server, version):
    receiver = opened(server, "receiver", version, "runs/#", options=1)
    publisher = opened(server, "publisher", version)
    packets = [
        publish("runs/a", b"1", version=version),
        publish("runs/a", b"2", version=version),
        publish("runs/ab", b"3", version=version),
        publish("runs/a", b"4", qos=1, packet_id=9, version=version),
        publish("runs/a", b"5", version=version, flags=1),
        publish("runs/a", b"6", version=version),
        publish("runs/a", b"", version=version),
        publish("runs/a", b"7", version=version),
    ]
    publisher.send(*packets).ping()
    got = [receiver.message() for _ in packets]
    assert [payload for _, payload, _, _ in got] == [b"1", b"2", b"3", b"4", b"5", b"6", b"", b"7"]
    assert [topic for topic, _, _, _ in got] == ["runs/a"] * 2 + ["runs/ab"] + ["runs/a"] * 5
    assert [first >> 1 & 3 for *_, first in got] == [0, 0, 0, 1, 0, 0, 0, 0]
    kept = opened(server, "kept", version)
    kept.subscribed("runs/#")
    _, payload, _, first = kept.message()
    assert (payload, first) == (b"5", 0x31)


def test_a_message_too_large_for_a_receiver_takes_no_other_with_it(server):
    props = [b"\x27" + (40).to_bytes(4, "big")]
    receiver = Raw(server.mqtt_port).open("receiver", V5, props=props)
    receiver.subscribed("runs/a")
    publisher = opened(server, "publisher", V5)
    payloads = [b"1", b"2", b"x" * 100, b"3"]
    publisher.send(*(publish("runs/a", payload, version=V5) for payload in payloads))
    assert [receiver.message()[1] for _ in range(3)] == [b"1", b"2", b"3"]


def test_a_publisher_that_wants_none_of_its_own_gets_none(server):
    publisher = opened(server, "publisher", V5, "runs/a", options=4)
    receiver = opened(server, "receiver", V5, "runs/a")
    payloads, packets = numbered(50, "runs/a", V5)
    publisher.send(*packets, publish("runs/b", b"", version=V5))
    assert [receiver.message()[1] for _ in payloads] == payloads
    # Nothing came before the answer to the ping.
    publisher.send(b"\xc0\0")
    assert publisher.next() == (0xD0, b"")


@VERSIONS
def test_groups_and_rules_have_each_message(server, version):
    server.client("iot").create_topic_rule(ruleName="runs", topicRulePayload=RULE)
    members = [
        opened(server, f"m{n}", version, "$share/g/runs/shared", "runs/end") for n in range(2)
    ]
    republished = opened(server, "republished", version, "runs/republished")
    publisher = opened(server, "publisher", version)
    payloads, packets = numbered(100, "runs/shared", version)
    publisher.send(*packets, publish("runs/end", b"end", version=version))
    shares = [list(iter(lambda m=m: m.message()[1], b"end")) for m in members]
    assert sorted(sum(shares, [])) == sorted(payloads) and all(shares)
    ruled = [publish("runs/ruled", b'{"n": %d}' % n, version=version) for n in range(50)]
    publisher.send(*ruled)
    assert [republished.message()[1] for _ in ruled] == [b'{"n":%d}' % n for n in range(50)]


@VERSIONS
def test_a_message_beyond_the_limit_ends_a_run_and_the_connection(own_server, version):
    server = own_server("--memory")
    receiver = opened(server, "receiver", version, "runs/a")
    publisher = opened(server, "publisher", version)
    _, packets = numbered(5, "runs/a", version)
    publisher.send(*packets, publish("runs/a", b"x" * (128 * 1024 + 1), version=version), *packets)
    publisher.until_closed()
    publisher = opened(server, "publisher", version)
    publisher.send(publish("runs/a", b"end", version=version))
    got = list(iter(lambda: receiver.message()[1].split()[0], b"end"))
    assert got == [b"0", b"1", b"2", b"3", b"4"]


def test_metrics_count_each_message(server):
    receiver = opened(server, "receiver", V3, "runs/a")
    payloads, packets = numbered(100, "runs/a", V3)
    with opened(server, "publisher", V3) as publisher:
        publisher.send(*packets).ping()
        assert [receiver.message()[1] for _ in payloads] == payloads
    metrics = server.admin("metrics").decode()
    for name, count in [
        ("messages_in", 100),
        ("messages_out", 100),
        ("bytes_in", sum(map(len, payloads))),
    ]:
        assert f"thingcore_{name}_total {count}\n" in metrics
