"""QoS 2 is exactly once also when the server ends in the midst of it, in good order or killed."""

import pytest

from bytes_mqtt import PUBACK, PUBCOMP, PUBREC, PUBREL, V5, VERSIONS
from raw_mqtt import ack_packet, client, publish_packet

both = pytest.mark.parametrize("version", VERSIONS.values(), ids=VERSIONS.keys())
ends = pytest.mark.parametrize("end", ["stop", "kill"])


@pytest.fixture
def broker(own_server, tmp_path):
    return own_server("--data-dir", tmp_path / "data", "--profile", "mqtt")


def lasting(broker, client_id, version):
    more = {"session_expiry": 3600} if version == V5 else {}
    return client(broker, client_id, version, clean=False, **more)


def restart(broker, end):
    getattr(broker, end)()
    broker.start()


def subscribed(broker, version):
    subscriber = lasting(broker, "subscriber", version)
    assert subscriber.subscribe("t", qos=2) == [2]
    subscriber.disconnect()


@both
@ends
def test_a_message_sent_again_after_a_restart_is_delivered_once(broker, version, end):
    subscribed(broker, version)
    sender = lasting(broker, "sender", version)
    sender.send(publish_packet(version, "t", "once", 2, mid=7))
    sender.expect(PUBREC)
    sender.abort()
    restart(broker, end)
    sender = lasting(broker, "sender", version)
    assert sender.present
    sender.send(publish_packet(version, "t", "once", 2, dup=True, mid=7))
    assert sender.expect(PUBREC).reason == 0
    sender.send(ack_packet(PUBREL, 7))
    assert sender.expect(PUBCOMP).reason == 0
    subscriber = lasting(broker, "subscriber", version)
    assert subscriber.message().payload == b"once"
    assert subscriber.quiet() == []


@both
@ends
def test_a_released_packet_id_is_free_after_a_restart(broker, version, end):
    subscribed(broker, version)
    sender = lasting(broker, "sender", version)
    for payload in ("first", "second"):
        sender.send(publish_packet(version, "t", payload, 2, mid=7))
        sender.expect(PUBREC)
        sender.send(ack_packet(PUBREL, 7))
        sender.expect(PUBCOMP)
        sender.abort()
        restart(broker, end)
        sender = lasting(broker, "sender", version)
    subscriber = lasting(broker, "subscriber", version)
    assert subscriber.payloads(2) == [b"first", b"second"]
    assert subscriber.quiet() == []


@both
@ends
def test_a_receiver_knows_a_message_again_by_its_packet_id(broker, version, end):
    subscribed(broker, version)
    client(broker, "sender", version).publish("t", "once", qos=2)
    subscriber = lasting(broker, "subscriber", version)
    subscriber.acknowledges = False
    mid = subscriber.message().mid
    subscriber.abort()
    restart(broker, end)
    subscriber = lasting(broker, "subscriber", version)
    subscriber.acknowledges = False
    again = subscriber.message()
    assert (again.payload, again.mid) == (b"once", mid)
    subscriber.send(ack_packet(PUBREC, mid))
    assert subscriber.expect(PUBREL).mid == mid
    # The receiver has it now: from here on the message itself must not come again.
    subscriber.abort()
    restart(broker, end)
    subscriber = lasting(broker, "subscriber", version)
    subscriber.acknowledges = False
    assert subscriber.expect(PUBREL).mid == mid
    subscriber.send(ack_packet(PUBCOMP, mid))
    assert subscriber.quiet() == []
    subscriber.abort()
    restart(broker, end)
    subscriber = lasting(broker, "subscriber", version)
    assert subscriber.quiet() == [] and not subscriber.others


@both
@ends
def test_many_messages_arrive_once_each_and_in_order(broker, version, end):
    subscribed(broker, version)
    sender = client(broker, "sender", version)
    expected = [f"{n}".encode() for n in range(40)]
    for payload in expected:
        sender.publish("t", payload, qos=2)
    # The receiver takes them over by and by, in three lives of the server. It keeps what the
    # standard has it keep: the packet ids of messages that are not released.
    held, taken = set(), []
    for stop_after in (13, 29, 40):
        subscriber = lasting(broker, "subscriber", version)
        subscriber.acknowledges = False
        while len(taken) < stop_after or (stop_after == 40 and held):
            if subscriber.messages:
                message = subscriber.messages.popleft()
                if message.mid not in held:
                    held.add(message.mid)
                    taken.append(message.payload)
                subscriber.send(ack_packet(PUBREC, message.mid))
            elif subscriber.others:
                packet = subscriber.others.popleft()
                assert packet.kind == PUBREL
                held.discard(packet.mid)
                subscriber.send(ack_packet(PUBCOMP, packet.mid))
            else:
                assert subscriber._read()
        subscriber.abort()
        restart(broker, end)
    assert taken == expected
    rest = lasting(broker, "subscriber", version)
    assert [m.payload for m in rest.quiet()] == []


@ends
def test_qos_1_and_qos_2_share_packet_ids_without_meeting(broker, end):
    version = V5
    subscribed(broker, version)
    sender = client(broker, "sender", version)
    for n in range(20):
        sender.publish("t", f"{n}", qos=1 + n % 2)
    subscriber = lasting(broker, "subscriber", version)
    subscriber.acknowledges = False
    first = [subscriber.message() for _ in range(20)]
    assert len({m.mid for m in first}) == 20
    subscriber.abort()
    restart(broker, end)
    subscriber = lasting(broker, "subscriber", version)
    subscriber.acknowledges = False
    again = [subscriber.message() for _ in range(20)]
    assert [m.payload for m in again] == [m.payload for m in first]
    assert [m.mid for m in again if m.qos == 2] == [m.mid for m in first if m.qos == 2]
    assert len({m.mid for m in again}) == 20
    for message in again:
        subscriber.send(ack_packet(PUBACK if message.qos == 1 else PUBREC, message.mid))
    for _ in range(10):
        subscriber.send(ack_packet(PUBCOMP, subscriber.expect(PUBREL).mid))
    assert subscriber.quiet() == []
