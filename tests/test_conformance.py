"""What Eclipse Paho's interoperability tests ask of a broker, in our own words: `--profile mqtt`
over real sockets, MQTT 3.1.1 and 5."""

import json

import pytest

from bytes_mqtt import (
    CONNACK,
    CONNECT,
    DISCONNECT,
    PUBACK,
    PUBCOMP,
    PUBREC,
    PUBREL,
    V3,
    V5,
    VERSIONS,
    packet,
)
from harness import NOSUBSCRIBE, Server
from raw_mqtt import (
    AS_PUBLISHED,
    NO_LOCAL,
    RETAIN_IF_NEW,
    RETAIN_NEVER,
    Client,
    Will,
    Wire,
    ack_packet,
    client,
    connect_packet,
    publish_packet,
)

both = pytest.mark.parametrize("version", VERSIONS.values(), ids=VERSIONS.keys())

# The topics of Paho's tests.
A, AB, C, AC, SLASH_A = "TopicA", "TopicA/B", "Topic/C", "TopicA/C", "/TopicA"


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    """One server for this file, with a policy for its anonymous clients that forbids one filter."""
    directory = tmp_path_factory.mktemp("standard")
    (directory / "policy.json").write_text(json.dumps(NOSUBSCRIBE))
    flags = ["--memory", "--profile", "mqtt", "--mqtt", "denied-subscribe=0x80"]
    with Server(directory, *flags, "--anonymous-policy", directory / "policy.json") as server:
        yield server


@pytest.fixture
def broker(running):
    running.reset()
    yield running
    assert running.process.poll() is None, running.logged()


def lasting(broker, client_id, version, **more):
    """A client whose session outlives its connection."""
    if version == V5:
        more.setdefault("session_expiry", 99_999)
    more.setdefault("clean", False)
    return client(broker, client_id, version, **more)


@both
def test_messages_come_back_at_every_qos(broker, version):
    client(broker, "a", version).disconnect()
    a = client(broker, "a", version)
    assert not a.present
    assert a.subscribe(A, qos=2) == [2]
    for qos in (0, 1, 2):
        assert a.publish(A, f"qos {qos}", qos) == 0
    assert [(m.payload, m.qos) for m in (a.message() for _ in range(3))] == [
        (b"qos 0", 0),
        (b"qos 1", 1),
        (b"qos 2", 2),
    ]


@both
def test_a_second_connect_on_a_connection_ends_it(broker, version):
    a = client(broker, "a", version)
    a.send(connect_packet("a", version))
    end = a.ended()
    assert (end.reason if end else None) == (0x82 if version == V5 else None)


@both
@pytest.mark.parametrize("name", ["hj", "MQTTX", "mqtt", ""])
def test_another_protocol_name_is_refused(broker, version, name):
    good = connect_packet("a", version)
    body = good[2:].replace(b"\0\4MQTT", bytes([0, len(name)]) + name.encode(), 1)
    with Wire(broker.mqtt_port, version) as wire:
        wire.send(packet(CONNECT << 4, body))
        assert all(p.kind == CONNACK and p.reason for p in wire.closed())


@both
def test_retained_messages_reach_late_subscribers_and_are_cleared(broker, version):
    user = {"user_property": [("a", "2"), ("c", "3")]} if version == V5 else {}
    a = client(broker, "a", version)
    for qos, topic in enumerate((AB, C, AC)):
        a.publish(topic, f"qos {qos}", qos, retain=True, **user)
    assert a.subscribe("+/+", qos=2) == [2]
    found = [a.message() for _ in range(3)]
    assert sorted(m.qos for m in found) == [0, 1, 2]
    assert all(m.retain for m in found)
    assert all(m.properties.get("user_property") == user.get("user_property") for m in found)
    a.disconnect()
    a = client(broker, "a", version)
    for qos, topic in enumerate((AB, C, AC)):
        a.publish(topic, b"", qos, retain=True)
    a.subscribe("+/+", qos=2)
    assert a.quiet() == []


@both
def test_a_will_is_published_when_its_client_is_lost(broker, version):
    more = {"user_property": [("a", "2"), ("c", "3")]} if version == V5 else {}
    b = client(broker, "b", version)
    b.subscribe(C, qos=2)
    a = client(broker, "a", version, will=Will(C, b"will message", 2, properties=more))
    a.abort()
    message = b.message()
    assert (message.payload, message.qos, message.retain) == (b"will message", 2, False)
    assert message.properties.get("user_property") == more.get("user_property")


@both
def test_a_will_is_published_after_the_keep_alive_and_not_after_disconnect(broker, version):
    b = client(broker, "b", version, keep_alive=0)
    b.subscribe(SLASH_A, qos=2)
    client(broker, "left", version, will=Will(SLASH_A, b"no")).disconnect()
    a = client(broker, "a", version, keep_alive=5, will=Will(SLASH_A, b"keepalive expiry"))
    broker.advance(7)
    assert a.quiet() == []
    broker.advance(8)
    end = a.ended()
    assert (end.reason if end else None) == (0x8D if version == V5 else None)
    assert b.message().payload == b"keepalive expiry"
    assert b.quiet() == []


def test_an_empty_client_id_needs_a_clean_session_in_v3(broker):
    refused = Client(broker.mqtt_port, "", V3, clean=False)
    assert refused.connack.reason == 2
    assert refused.closed() == []
    client(broker, "", V3).disconnect()


@pytest.mark.parametrize("clean", [False, True])
def test_an_empty_client_id_is_assigned_one_in_v5(broker, clean):
    a = client(broker, "", V5, clean=clean)
    assigned = a.connack.properties["assigned_client_id"]
    assert assigned
    assert client(broker, "", V5).connack.properties["assigned_client_id"] != assigned
    # It is a client id like any other.
    client(broker, assigned, V5)
    assert a.ended().reason == 0x8E


@both
def test_messages_wait_for_a_client_that_is_away(broker, version):
    a = lasting(broker, "a", version, clean=version == V5)
    a.subscribe("+/+", qos=2)
    a.disconnect()
    b = client(broker, "b", version)
    for qos, topic in enumerate((AB, C, AC)):
        b.publish(topic, f"qos {qos}", qos)
    a = lasting(broker, "a", version)
    assert a.present
    assert a.payloads(2) == [b"qos 1", b"qos 2"]
    assert a.quiet() == []


@both
def test_overlapping_subscriptions_give_one_message_at_the_highest_qos(broker, version):
    a = client(broker, "a", version)
    a.subscribe(("TopicA/#", 2), ("TopicA/+", 1))
    a.publish(AC, "overlapping topic filters", qos=2)
    assert a.message().qos == 2
    assert a.quiet() == []


@both
def test_what_was_not_acknowledged_is_sent_again(broker, version):
    b = lasting(broker, "b", version)
    b.subscribe("TopicA/#", qos=2)
    b.acknowledges = False
    b.publish(AB, "1", qos=1)
    mid = b.mid()
    b.send(publish_packet(version, AC, "2", 2, mid=mid))
    b.expect(PUBREC)
    first = [b.message(), b.message()]
    assert not any(m.dup for m in first)
    b.abort()
    b = lasting(broker, "b", version)
    assert b.present
    again = [b.message(), b.message()]
    assert [(m.payload, m.mid, m.dup) for m in again] == [(m.payload, m.mid, True) for m in first]
    # The half of the other direction is where it was as well.
    b.send(ack_packet(PUBREL, mid))
    assert b.expect(PUBCOMP).reason == 0


@both
def test_a_released_message_is_not_sent_again_and_its_pubrel_is(broker, version):
    b = lasting(broker, "b", version)
    b.subscribe(A, qos=2)
    b.acknowledges = False
    a = client(broker, "a", version)
    a.publish(A, "once", qos=2)
    mid = b.message().mid
    b.send(ack_packet(PUBREC, mid))
    assert b.expect(PUBREL).mid == mid
    b.abort()
    b = lasting(broker, "b", version)
    b.acknowledges = False
    assert b.expect(PUBREL).mid == mid
    b.send(ack_packet(PUBCOMP, mid))
    assert b.quiet() == []


@both
def test_a_qos_2_message_sent_twice_is_delivered_once(broker, version):
    b = client(broker, "b", version)
    b.subscribe(A, qos=2)
    a = lasting(broker, "a", version)
    mid = a.mid()
    a.send(publish_packet(version, A, "once", 2, mid=mid))
    a.expect(PUBREC)
    a.abort()
    a = lasting(broker, "a", version)
    a.send(publish_packet(version, A, "once", 2, dup=True, mid=mid))
    a.expect(PUBREC)
    a.send(ack_packet(PUBREL, mid))
    a.expect(PUBCOMP)
    assert b.message().payload == b"once"
    assert b.quiet() == []


@both
def test_a_forbidden_filter_is_refused_with_0x80(broker, version):
    a = client(broker, "a", version)
    assert a.subscribe(("test/nosubscribe", 2), (A, 2)) == [0x80, 2]
    a.publish(A, "x")
    assert a.message().payload == b"x"


@both
def test_wildcards_in_front_match_no_topic_that_begins_with_a_dollar(broker, version):
    b = client(broker, "b", version)
    b.subscribe(("+/+", 2), ("#", 2), ("$TopicA/C", 1))
    b.publish("$" + AB, "hidden")
    assert b.quiet() == []
    b.publish("$" + AC, "asked for")
    assert b.message().payload == b"asked for"


@both
def test_unsubscribed_topics_are_not_delivered(broker, version):
    b = client(broker, "b", version)
    for topic in (A, AB, C):
        b.subscribe(topic, qos=2)
    expected = [0, 0x11] if version == V5 else []
    assert b.unsubscribe(A, "never/subscribed") == expected
    a = client(broker, "a", version)
    for topic in (A, AB, C):
        a.publish(topic, topic)
    assert b.payloads(2) == [AB.encode(), C.encode()]
    assert b.quiet() == []


@both
def test_subscribing_again_replaces_the_subscription(broker, version):
    a = client(broker, "a", version)
    a.publish(A, "kept", retain=True)
    for qos in (2, 1):
        assert a.subscribe(A, qos=qos) == [qos]
        assert a.message().retain
    a.publish(A, "live", qos=2)
    message = a.message()
    assert (message.payload, message.qos) == (b"live", 1)
    assert a.quiet() == []


@both
def test_a_hash_matches_its_parent_level(broker, version):
    a = client(broker, "a", version)
    a.subscribe("TopicA/#")
    for topic in (A, AB, "TopicA/B/C", "TopicAB", SLASH_A):
        a.publish(topic, topic)
    assert a.payloads(3) == [A.encode(), AB.encode(), b"TopicA/B/C"]
    assert a.quiet() == []


@both
def test_the_same_client_id_takes_the_session_over(broker, version):
    first = lasting(broker, "a", version)
    first.subscribe(A)
    second = lasting(broker, "a", version)
    assert second.present
    end = first.ended()
    assert (end.reason if end else None) == (0x8E if version == V5 else None)
    second.publish(A, "x")
    assert second.message().payload == b"x"


@both
def test_shared_subscriptions_give_each_message_to_one_member(broker, version):
    members = [client(broker, f"m{n}", version) for n in range(3)]
    for member in members:
        assert member.subscribe("$share/group/x", A, qos=1) == [1, 1]
    sender = client(broker, "sender", version)
    for n in range(30):
        sender.publish("x", f"{n}")
    sender.publish(A, "everyone")
    found = [[m.payload for m in member.quiet()] for member in members]
    assert all(each[-1] == b"everyone" for each in found)
    drawn = [payload for each in found for payload in each[:-1]]
    assert sorted(drawn) == sorted(f"{n}".encode() for n in range(30))


# MQTT 5 alone.


def test_the_session_ends_after_its_expiry(broker):
    for expiry, away, present in ((0, 0, False), (5, 2, True), (5, 7, False)):
        a = client(broker, "a", V5, session_expiry=expiry)
        a.subscribe(A, qos=2)
        a.disconnect()
        broker.advance(away)
        a = client(broker, "a", V5, clean=False)
        assert a.present == present, (expiry, away)
        a.disconnect()


def test_disconnect_changes_the_session_expiry(broker):
    a = client(broker, "a", V5, session_expiry=1)
    a.disconnect(session_expiry=5)
    broker.advance(3)
    a = client(broker, "a", V5, clean=False, session_expiry=5)
    assert a.present
    a.disconnect(session_expiry=0)
    assert not client(broker, "a", V5, clean=False).present


def test_a_session_that_was_to_end_cannot_be_kept_by_disconnect(broker):
    a = client(broker, "a", V5, session_expiry=0)
    a.send(packet(DISCONNECT << 4, b"\0\5\x11\0\0\0\5"))
    assert a.ended().reason == 0x82


def test_properties_of_a_message_travel(broker):
    sent = {
        "payload_format": 1,
        "content_type": "My name",
        "response_topic": "answers",
        "correlation_data": b"\x00\xff334",
        "user_property": [("a", "2"), ("c", "3"), ("a", "2")],
    }
    a = client(broker, "a", V5)
    a.subscribe(A, qos=2)
    for qos in (0, 1, 2):
        a.publish(A, b"", qos, **sent)
    for qos in (0, 1, 2):
        message = a.message()
        assert (message.qos, message.properties) == (qos, sent)


def test_messages_expire_and_show_what_is_left(broker):
    b = client(broker, "b", V5, session_expiry=99_999)
    b.subscribe(A, qos=2)
    b.disconnect(session_expiry=999_999_999)
    a = client(broker, "a", V5)
    for qos in (1, 2):
        a.publish(A, "expires", qos, message_expiry=1)
        a.publish(A, "stays", qos, message_expiry=6)
    a.publish(A, "for ever")
    broker.advance(3)
    b = client(broker, "b", V5, clean=False)
    found = [b.message() for _ in range(3)]
    assert [m.payload for m in found] == [b"stays", b"stays", b"for ever"]
    assert [m.properties.get("message_expiry") for m in found] == [3, 3, None] or [
        m.properties.get("message_expiry") for m in found
    ] == [2, 2, None]
    assert b.quiet() == []


def test_a_message_that_has_not_waited_shows_its_whole_expiry(broker):
    a = client(broker, "a", V5)
    a.subscribe(A, qos=1)
    for qos in (0, 1):
        a.publish(A, "live", qos, message_expiry=1)
        assert a.message().properties["message_expiry"] == 1
    a.publish(C, "kept", retain=True, message_expiry=60)
    a.subscribe(C)
    assert a.message().properties["message_expiry"] == 60


def test_retained_messages_expire(broker):
    a = client(broker, "a", V5)
    a.publish(A, "short", retain=True, message_expiry=2)
    a.publish(C, "long", retain=True, message_expiry=60)
    broker.advance(3)
    a.subscribe("#")
    assert a.message().payload == b"long"
    assert a.quiet() == []


def test_no_local_keeps_a_client_s_own_messages_from_it(broker):
    a, b = client(broker, "a", V5), client(broker, "b", V5)
    for each in (a, b):
        each.subscribe((A, 2 | NO_LOCAL))
    a.publish(A, "noLocal test")
    assert b.message().payload == b"noLocal test"
    assert a.quiet() == []


def test_retain_as_published_keeps_the_flag(broker):
    a, b = client(broker, "a", V5), client(broker, "b", V5)
    a.subscribe((A, 2 | AS_PUBLISHED))
    b.subscribe((A, 2))
    for retain in (False, True):
        a.publish(A, "x", retain=retain)
    assert [a.message().retain for _ in range(2)] == [False, True]
    assert [b.message().retain for _ in range(2)] == [False, False]


@pytest.mark.parametrize(
    ("options", "first", "second"), [(0, 3, 3), (RETAIN_IF_NEW, 3, 0), (RETAIN_NEVER, 0, 0)]
)
def test_retain_handling_says_when_retained_messages_are_sent(broker, options, first, second):
    a = client(broker, "a", V5)
    for qos, topic in enumerate((AB, C, AC)):
        a.publish(topic, f"qos {qos}", qos, retain=True)
    for expected in (first, second):
        a.subscribe(("+/+", 2 | options))
        found = a.quiet()
        assert sorted(m.qos for m in found) == list(range(expected))


def test_subscription_identifiers_come_along(broker):
    a, b = client(broker, "a", V5), client(broker, "b", V5)
    a.subscribe(A, qos=2, subscription_id=456_789)
    b.subscribe(A, qos=2, subscription_id=2)
    b.subscribe(f"{A}/#", qos=2, subscription_id=3)
    b.subscribe("+", qos=0)
    for qos in (0, 1, 2):
        b.publish(A, "sub identifier test", qos)
        assert a.message().properties["subscription_id"] == [456_789]
        message = b.message()
        assert sorted(message.properties["subscription_id"]) == [2, 3]
        assert message.qos == qos
    assert b.quiet() == []


def test_a_subscription_s_identifier_is_replaced_with_it(broker):
    a = client(broker, "a", V5)
    a.publish(A, "kept", retain=True)
    for number in (1, 268_435_455):
        a.subscribe(A, subscription_id=number)
        assert a.message().properties["subscription_id"] == [number]
    a.subscribe(A)
    assert "subscription_id" not in a.message().properties


def test_a_request_is_answered(broker):
    a, b = client(broker, "a", V5), client(broker, "b", V5)
    for each in (a, b):
        each.subscribe((A, 2 | NO_LOCAL))
    a.publish(A, "request", response_topic=A, correlation_data=b"334")
    request = b.message()
    b.publish(request.properties.pop("response_topic"), "response", **request.properties)
    answer = a.message()
    assert (answer.payload, answer.properties) == (b"response", {"correlation_data": b"334"})


@pytest.mark.parametrize("alias", [0, 65_535])
def test_a_topic_alias_out_of_range_ends_the_connection(broker, alias):
    a = client(broker, "a", V5)
    assert 0 < a.connack.properties["topic_alias_maximum"] < 65_535
    a.send(publish_packet(V5, A, "x", 1, mid=1, topic_alias=alias))
    assert a.ended().reason == 0x94


def test_a_client_s_topic_alias_stands_for_its_topic_until_it_leaves(broker):
    a = client(broker, "a", V5, session_expiry=99_999)
    a.subscribe(A, qos=2)
    a.publish(A, "topic alias 1", topic_alias=1)
    a.publish("", "topic alias 2", topic_alias=1)
    a.publish(C, "elsewhere", topic_alias=1)
    a.publish("", "elsewhere", topic_alias=1)
    a.publish(A, "topic alias 3", topic_alias=1)
    assert a.payloads(3) == [b"topic alias 1", b"topic alias 2", b"topic alias 3"]
    a.disconnect()
    a = client(broker, "a", V5, clean=False)
    a.publish(A, "topic alias 4")
    message = a.message()
    assert message.topic == A
    assert "topic_alias" not in message.properties
    a.send(publish_packet(V5, "", "topic alias 5", 1, mid=9, topic_alias=1))
    assert a.ended().reason in (0x82, 0x94)


def test_the_broker_s_topic_alias_stands_for_the_topic(broker):
    a = client(broker, "a", V5, topic_alias_maximum=1)
    a.subscribe("#", qos=2)
    for qos in (0, 1, 2):
        a.publish(A, f"{qos}", qos)
    a.publish(C, "without")
    found = [a.message() for _ in range(4)]
    assert [m.topic for m in found] == [A, "", "", C]
    assert [m.properties.get("topic_alias") for m in found] == [1, 1, 1, None]


@pytest.mark.parametrize("maximum", [{}, {"topic_alias_maximum": 0}])
def test_a_client_that_takes_no_aliases_gets_none(broker, maximum):
    a = client(broker, "a", V5, **maximum)
    a.subscribe(A, qos=2)
    for qos in (0, 1, 2):
        a.publish(A, f"{qos}", qos)
    found = [a.message() for _ in range(3)]
    assert all(m.topic == A and "topic_alias" not in m.properties for m in found)


def test_packets_that_are_larger_than_the_client_takes_are_not_sent(broker):
    a = client(broker, "a", V5, maximum_packet_size=64)
    a.subscribe(A, qos=2)
    a.publish(A, "." * 32, qos=0)
    for qos in (0, 1, 2):
        a.publish(A, "." * 64, qos)
    a.publish(A, "small")
    assert a.payloads(2) == [b"." * 32, b"small"]
    assert a.quiet() == []


def test_a_packet_that_is_larger_than_the_broker_takes_ends_the_connection(broker):
    a = client(broker, "a", V5)
    maximum = a.connack.properties["maximum_packet_size"]
    a.send(b"\x30" + b"\xff\xff\xff\x7f"[: 4 if maximum > 2**21 else 3])
    assert a.ended().reason == 0x95


def test_the_server_s_keep_alive_replaces_a_longer_one(broker):
    assert client(broker, "a", V5, keep_alive=120).connack.properties["server_keep_alive"] == 60
    for keep_alive in (0, 30, 60):
        a = client(broker, "a", V5, keep_alive=keep_alive)
        assert "server_keep_alive" not in a.connack.properties


def test_the_client_s_receive_maximum_bounds_what_is_in_flight(broker):
    a = client(broker, "a", V5, receive_maximum=2)
    a.acknowledges = False
    a.subscribe(A, qos=2)
    for n in range(4):
        a.publish(A, f"{n}", qos=1 + n % 2)
    first = a.quiet()
    assert [m.payload for m in first] == [b"0", b"1"]
    a.send(ack_packet(PUBACK, first[0].mid))
    assert a.message().payload == b"2"
    # The second is QoS 2: its place is free after PUBCOMP.
    a.send(ack_packet(PUBREC, first[1].mid))
    a.expect(PUBREL)
    assert a.quiet() == []
    a.send(ack_packet(PUBCOMP, first[1].mid))
    assert a.message().payload == b"3"


def test_more_than_the_broker_s_receive_maximum_ends_the_connection(broker):
    a = client(broker, "a", V5)
    maximum = a.connack.properties["receive_maximum"]
    many = [publish_packet(V5, A, f"{n}", 2, mid=n) for n in range(1, maximum + 2)]
    a.send(*many)
    # Also to a client that answers what it reads on the way.
    for n in range(1, maximum + 1):
        assert a.expect(PUBREC).mid == n
        a.send(ack_packet(PUBREL, n))
    assert a.ended().reason == 0x93


def test_v3_clients_know_no_receive_maximum(broker):
    a = client(broker, "a", V3)
    a.send(*(publish_packet(V3, A, "x", 2, mid=n) for n in range(1, 3001)))
    assert [a.expect(PUBREC).mid for _ in range(3000)] == list(range(1, 3001))


@pytest.mark.parametrize(("delay", "expiry", "due"), [(3, 5, 3), (5, 0, 0), (5, 2, 2)])
def test_a_will_waits_for_its_delay_or_the_end_of_the_session(broker, delay, expiry, due):
    b = client(broker, "b", V5)
    b.subscribe(A, qos=2)
    will = Will(A, b"delayed", properties={"will_delay": delay})
    a = client(broker, "a", V5, session_expiry=expiry, will=will)
    # It is lost, and the broker knows: nothing but the end of the session tells.
    a.send(packet(DISCONNECT << 4, b"\4"))
    a.closed()
    if due:
        broker.advance(due - 1)
        assert b.quiet() == []
        broker.advance(1.5)
    assert b.message().payload == b"delayed"


def test_a_client_that_is_back_in_time_has_no_will(broker):
    b = client(broker, "b", V5)
    b.subscribe(A, qos=2)
    will = Will(A, b"delayed", properties={"will_delay": 3})
    a = client(broker, "a", V5, session_expiry=60, will=will)
    a.send(packet(DISCONNECT << 4, b"\4"))
    a.closed()
    client(broker, "a", V5, clean=False, session_expiry=60)
    broker.advance(10)
    assert b.quiet() == []


def test_a_message_without_subscribers_is_told_so(broker):
    a = client(broker, "a", V5)
    assert a.publish("nobody/listens", "x") == 0x10
    a.subscribe("nobody/listens")
    assert a.publish("nobody/listens", "x") == 0


@pytest.mark.parametrize("kind", [PUBREC, PUBCOMP], ids=["PUBREC for QoS 1", "PUBCOMP for QoS 1"])
@both
def test_an_acknowledgement_of_another_qos_ends_the_connection(broker, version, kind):
    a = client(broker, "a", version)
    a.acknowledges = False
    a.subscribe(A, qos=1)
    a.publish(A, "x")
    a.send(ack_packet(kind, a.message().mid))
    end = a.ended()
    assert (end.reason if end else None) == (0x82 if version == V5 else None)


def test_enhanced_authentication_is_refused(broker):
    a = Client(broker.mqtt_port, "a", V5, authentication_method="SCRAM-SHA-256")
    assert a.connack.reason == 0x8C
    assert a.closed() == []


def test_a_client_that_takes_no_connack_gets_none(broker):
    a = Client(broker.mqtt_port, "a", V5, maximum_packet_size=4)
    assert a.connack is None
