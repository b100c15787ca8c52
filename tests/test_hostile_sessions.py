"""Sessions, wills, retained messages and shared subscriptions under clients that make it hard. The
letters and numbers are those of the list of attacks in docs/testing.md, which also says which of them
have their tests elsewhere."""

import threading
import time

import pytest

from bytes_mqtt import PINGREQ, PINGRESP, PUBACK, PUBLISH, V3, V5, VERSIONS, packet, rss_mib, until
from harness import DEADLINE_S, Server
from raw_mqtt import (
    Client,
    Message,
    Will,
    ack_packet,
    client,
    publish_packet,
    subscribe_packet,
    unsubscribe_packet,
)

both = pytest.mark.parametrize("version", VERSIONS.values(), ids=VERSIONS.keys())
NEVER = 0xFFFFFFFF


@pytest.fixture(scope="module", params=["aws", "mqtt"])
def started(request, tmp_path_factory):
    """A server of each profile; what waited is sent at once, as tests/test_stored.py has its pace."""
    directory = tmp_path_factory.mktemp(request.param)
    at_once = ("--mqtt", "stored-per-s=0", "--mqtt", "shared-stored-per-s=0")
    with Server(directory, "--memory", "--profile", request.param, *at_once) as server:
        server.profile = request.param
        yield server


@pytest.fixture
def broker(started):
    started.reset()
    yield started
    assert started.process.poll() is None, started.logged()


def stays(version):
    """The options of a client whose session outlives its connection."""
    return {"clean": False, **({"session_expiry": 3600} if version == V5 else {})}


def lasting(broker, version, client_id="c", **more):
    return client(broker, client_id, version, **stays(version), **more)


def unacknowledged(c, count):
    """The next messages, which are not acknowledged."""
    c.acknowledges = False
    return [c.message() for _ in range(count)]


@pytest.mark.parametrize("versions", [(V5, V5), (V3, V5), (V5, V3)], ids=str)
def test_the_newest_connection_has_the_client_id(broker, versions):
    """F01."""
    old, new = (client(broker, "same", version) for version in versions)
    ends = old.closed()
    assert [end.reason for end in ends] == ([0x8E] if versions[0] == V5 else [])
    assert new.publish("a") < 0x80


@both
def test_a_long_queue_is_taken_over_at_once(broker, version):
    """F03, F05: two thousand messages, from one connection to the next, in order."""
    with lasting(broker, version) as c:
        c.subscribe("a")
    with client(broker, "publisher", V3) as publisher:
        packets = [publish_packet(V3, "a", f"{n}", 1, mid=n + 1) for n in range(2000)]
        for at in range(0, 2000, 100):
            publisher.send(*packets[at : at + 100])
            for _ in range(100):
                publisher.expect(PUBACK)
    began = time.monotonic()
    first = lasting(broker, version)
    begun = unacknowledged(first, 10)
    with lasting(broker, version) as c:
        assert time.monotonic() - began < 3
        assert c.present
        got = [c.message() for _ in range(2000)]
        assert [m.payload for m in got] == [b"%d" % n for n in range(2000)]
        # What was sent before is the same message, by its packet id; AWS sets no DUP.
        assert [m.mid for m in got[:10]] == [m.mid for m in begun]
        assert {m.dup for m in got[:10]} == {broker.profile == "mqtt"}


def test_many_subscriptions_end_with_a_clean_start(broker):
    """F04: as many as the profile allows."""
    count = 50 if broker.profile == "aws" else 500
    with lasting(broker, V5) as c:
        for at in range(0, count, 5):
            assert c.subscribe(*(f"f/{n}" for n in range(at, at + 5))) == [1] * 5
    publisher = client(broker, "publisher", V5)
    publisher.publish("f/1", "while away")
    with client(broker, "c", V5) as c:
        assert not c.present
        publisher.publish("f/2", "afterwards")
        assert c.quiet() == []


def test_a_smaller_window_holds_for_what_is_sent_again(broker):
    """F07, F09: of what was in flight no more than the new window at once, then what waits; no packet
    id is given to two messages."""
    with lasting(broker, V5, receive_maximum=20) as c:
        c.subscribe("a")
        publisher = client(broker, "publisher", V5)
        for number in range(30):
            publisher.publish("a", f"{number}")
        first = unacknowledged(c, 20)
    with lasting(broker, V5, receive_maximum=3) as c:
        c.acknowledges = False
        for number in range(30, 40):
            publisher.publish("a", f"{number}")
        flying, got, ids = {}, [], {}
        while len(got) < 40:
            message = c.message()
            assert message.mid not in flying
            flying[message.mid] = message
            assert len(flying) <= 3
            got.append(message.payload)
            ids[message.payload] = message.mid
            if len(flying) == 3 or len(got) == 40:
                c.send(*(ack_packet(PUBACK, mid) for mid in flying))
                flying.clear()
        assert got == [b"%d" % n for n in range(40)]
        assert all(ids[message.payload] == message.mid for message in first)
        assert c.quiet() == []


@both
@pytest.mark.parametrize("end", ["DISCONNECT", "protocol error", "taken over", "cut"])
def test_which_ends_have_a_will(broker, version, end):
    """G02, G05: each but the client's own DISCONNECT."""
    witness = client(broker, "witness", V5)
    witness.subscribe("wills")
    c = client(broker, "c", version, will=Will("wills", b"gone", 1))
    if end == "DISCONNECT":
        c.disconnect()
    elif end == "protocol error":
        c.send(packet(0x90, b"\0\1\0")).closed()
    elif end == "taken over":
        client(broker, "c", version).disconnect()
        c.closed()
    else:
        c.abort()
    if end == "DISCONNECT":
        assert witness.quiet() == []
    else:
        assert witness.message().payload == b"gone"


def test_timers_of_any_size_do_no_harm(broker):
    """H07: each expiry, delay and interval at the ends of its range."""
    numbers = [0, 1, 2, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, NEVER]
    with client(broker, "keeper", V5) as keeper:
        for at, number in enumerate(numbers):
            assert keeper.publish(f"kept/{at}", "x", retain=True, message_expiry=number) < 0x80
    for number in numbers:
        will = Will("kept/will", b"x", 1, True, {"will_delay": number, "message_expiry": number})
        c = client(broker, "c", V5, will=will, session_expiry=number, clean=True)
        c.subscribe("kept/6")
        c.abort()
        with client(broker, "c", V5, clean=False, session_expiry=number, keep_alive=65535) as c:
            c.disconnect(session_expiry=number)
    # The least that AWS knows is a second.
    for seconds in (1, 3600, 10_000_000):
        broker.advance(seconds)
        with client(broker, "late", V5) as late:
            late.subscribe(*(f"kept/{at}" for at in range(len(numbers))))
            lives = {message.topic for message in late.quiet()}
            assert "kept/0" not in lives and ("kept/6" in lives or seconds > 3600)


def test_twenty_thousand_retained_messages_hold_nobody_up(started):
    """H02: for one that does not read them, while others are served."""
    if started.profile == "aws":
        pytest.skip("AWS keeps 5,000 for an account here, and sends none of them to wildcards")
    started.reset()
    before = rss_mib(started)
    with client(started, "keeper", V3) as keeper:
        for at in range(0, 20_000, 1000):
            keeper.send(
                *(
                    publish_packet(V3, f"kept/{n}", bytes(100), 0, True)
                    for n in range(at, at + 1000)
                )
            )
        keeper.quiet()
    slow = client(started, "slow", V3)
    slow.send(*(subscribe_packet(V3, n, [("kept/#", 0)]) for n in range(1, 20)))
    began = time.monotonic()
    with client(started, "other", V5) as other:
        other.subscribe("live")
        for number in range(100):
            assert other.publish("live", f"{number}") == 0
            assert other.message().payload == b"%d" % number
    assert time.monotonic() - began < 10
    assert rss_mib(started) - before < 200
    slow.abort()
    started.reset()


@both
def test_members_of_a_group_get_nothing_retained(broker, version):
    """H03."""
    client(broker, "keeper").publish("kept", "x", retain=True)
    with client(broker, "c", version) as c:
        assert c.subscribe("$share/g/kept") == [1]
        assert c.quiet() == []


@both
@pytest.mark.parametrize("left", ["a", "$share/g/a"])
def test_a_filter_and_its_shared_twin_are_two(broker, version, left):
    """J02: taking one back leaves the other."""
    with client(broker, "c", version) as c, client(broker, "publisher") as publisher:
        c.subscribe("a", "$share/g/a")
        publisher.publish("a", "both")
        assert [m.payload for m in (c.message(), c.message())] == [b"both"] * 2
        [gone] = {"a", "$share/g/a"} - {left}
        assert c.unsubscribe(gone) in ([0], [])
        publisher.publish("a", "one")
        assert [m.payload for m in c.quiet()] == [b"one"]
        c.unsubscribe(left)
        publisher.publish("a", "none")
        assert c.quiet() == []


def test_a_member_that_stalls_does_not_stop_the_group(broker):
    """J04: who reads goes on, and what the other holds is bounded and comes to who reads."""
    before = rss_mib(broker)
    stalled, reads = client(broker, "stalled", V5), client(broker, "reads", V5)
    for member in (stalled, reads):
        member.subscribe("$share/g/a")
    got = set()

    def read():
        while len(got) < 1000:
            got.add(reads.message().payload[:2])

    reader = threading.Thread(target=read)
    reader.start()
    publisher = client(broker, "publisher", V5)
    payload = bytes(20_000)
    for number in range(1000):
        assert publisher.publish("a", number.to_bytes(2, "big") + payload) == 0
    until(lambda: len(got) > 300, "the one that reads gets too little")
    assert rss_mib(broker) - before < 100
    stalled.abort()
    reader.join(DEADLINE_S)
    assert len(got) == 1000


@both
def test_nothing_is_lost_while_members_are_away(broker, version):
    """J06: with a persistent session among them messages wait for one."""
    with lasting(broker, version, "m") as m:
        m.subscribe("$share/g/a")
    with client(broker, "publisher") as publisher:
        for number in range(20):
            publisher.publish("a", f"{number}")
    with lasting(broker, version, "m") as m:
        assert sorted(int(payload) for payload in m.payloads(20)) == list(range(20))


def test_subscriptions_that_come_and_go_under_load(broker):
    """B35: nothing is lost for one that stays, and no acknowledgement is missing."""
    before, stop = rss_mib(broker), threading.Event()
    errors = []

    def comes_and_goes(number):
        filters = ["race", f"$share/g{number % 2}/race", "race/+", "#"]
        try:
            with Client(broker.mqtt_port, f"r{number}", (V3, V5)[number % 2]).accepted() as c:
                while not stop.is_set():
                    c.subscribe(*filters)
                    c.unsubscribe(*filters)
                    c.messages.clear()
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=comes_and_goes, args=(n,)) for n in range(6)]
    with client(broker, "stays", V5) as c, client(broker, "publisher", V5) as publisher:
        c.subscribe("race")
        for thread in threads:
            thread.start()
        try:
            for number in range(1500):
                assert publisher.publish("race", f"{number}") == 0
                assert c.message().payload == b"%d" % number
        finally:
            stop.set()
            for thread in threads:
                thread.join(DEADLINE_S)
    assert errors == []
    assert rss_mib(broker) - before < 64


@both
def test_what_one_is_sent_does_not_keep_one_alive(broker, version):
    """N03: a client that is silent is lost, however much it is sent."""
    silent = client(broker, "silent", version, keep_alive=30, will=Will("wills", b"silent"))
    silent.subscribe("busy", qos=0)
    with client(broker, "busy", V5, keep_alive=1200) as busy:
        busy.subscribe("wills")
        for _ in range(5):
            broker.advance(10)
            busy.publish("busy", "x")
        assert busy.message().payload == b"silent"
    assert silent.messages or silent.closed()


@pytest.mark.parametrize("keep_alive", [2, 30])
@both
def test_who_sends_in_time_is_kept(broker, version, keep_alive):
    """N02."""
    with client(broker, "c", version, keep_alive=keep_alive) as c:
        for _ in range(5):
            broker.advance(keep_alive)
            c.send(PINGREQ).expect(PINGRESP)


def test_unknown_acknowledgements_and_ids_that_are_used_twice(broker):
    """B19, F09: in any order and number, and the next exchange works."""
    with client(broker, "c", V5) as c:
        c.subscribe("a")
        c.send(*(ack_packet(PUBACK, mid) for mid in range(1, 1000)))
        # One id for two publishes at once, and for SUBSCRIBE and UNSUBSCRIBE beside.
        c.send(
            publish_packet(V5, "a", "1", 1, mid=7),
            subscribe_packet(V5, 7, [("b", 0)]),
            publish_packet(V5, "a", "2", 1, mid=7),
            unsubscribe_packet(V5, 7, ["b"]),
        )
        c.send(PINGREQ)
        packets = []
        while (one := c.next()).kind != PINGRESP:
            packets.append(one)
        messages = [Message.of(one).payload for one in packets if one.kind == PUBLISH]
        assert messages == [b"1", b"2"]
