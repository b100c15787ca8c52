"""What waited for a client comes little by little under `--profile aws`, and at once under the
standard."""

import pytest

from bytes_mqtt import V5, VERSIONS
from raw_mqtt import client

both = pytest.mark.parametrize("version", VERSIONS.values(), ids=VERSIONS.keys())


def lasting(server, client_id, version):
    more = {"session_expiry": 600} if version == V5 else {}
    return client(server, client_id, version, clean=False, **more)


def after_absence(server, version, filter, topic, count):
    """A client that comes back to so many messages, and who published them."""
    away = lasting(server, "a", version)
    away.subscribe(filter)
    away.disconnect()
    publisher = client(server, "b", version)
    for number in range(count):
        publisher.publish(topic, f"{number}")
    return lasting(server, "a", version), publisher


def in_turns(server, receiver):
    """What came until now, and in each second from now until one brings nothing."""
    turns = [receiver.quiet()]
    while turns[-1]:
        server.advance(1)
        turns.append(receiver.quiet())
    return [[message.payload.decode() for message in turn] for turn in turns]


@both
def test_what_waited_comes_ten_a_second_beside_what_is_published(server, version):
    receiver, publisher = after_absence(server, version, "t", "t", 35)
    publisher.publish("t", "live")
    turns = in_turns(server, receiver)
    # A little more than ten if the machine takes its time.
    assert 10 <= len(turns[0]) - 1 < 20
    assert "live" in turns[0]
    assert 3 <= len(turns) - 1 <= 4
    came = [payload for turn in turns for payload in turn if payload != "live"]
    assert came == [f"{number}" for number in range(35)]


@both
def test_what_waited_for_a_group_comes_twenty_a_second(server, version):
    receiver, _ = after_absence(server, version, "$share/g/t", "t", 50)
    turns = in_turns(server, receiver)
    assert 20 <= len(turns[0]) < 40
    came = [payload for turn in turns for payload in turn]
    assert came == [f"{number}" for number in range(50)]


@both
@pytest.mark.parametrize("filter", ["t", "$share/g/t"])
def test_what_waited_comes_at_once_by_the_standard(own_server, version, filter):
    server = own_server("--memory", "--profile", "mqtt")
    receiver, _ = after_absence(server, version, filter, "t", 50)
    assert receiver.payloads(50) == [f"{number}".encode() for number in range(50)]
