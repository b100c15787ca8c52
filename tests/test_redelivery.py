"""A message at QoS 1 that a connected client does not acknowledge: under `--profile aws` it is sent
again from time to time and given up in the end, by the standard it is not."""

import pytest

from bytes_mqtt import V3, V5, VERSIONS
from raw_mqtt import client

both = pytest.mark.parametrize("version", VERSIONS.values(), ids=VERSIONS.keys())

# Seconds for which AWS sends again, by version.
MAX_S = {V3: 3600, V5: 960}

# Little, and the upkeep's second and a slow machine's beside it.
SOON = ("--mqtt", "redelivery-interval-s=5")
SOON += ("--mqtt", "redelivery-max-v3-s=15", "--mqtt", "redelivery-max-v5-s=15")
OVER_S = 20


def silent(server, version, client_id="a"):
    """A client that stays, and acknowledges nothing."""
    more = {"session_expiry": 3600} if version == V5 else {}
    found = client(server, client_id, version, clean=False, keep_alive=1200, **more)
    found.acknowledges = False
    return found


def dropped(server):
    lines = server.admin("metrics").decode().splitlines()
    [line] = [line for line in lines if line.startswith("thingcore_messages_dropped_total ")]
    return int(line.split()[1])


def after(server, seconds, receiver):
    """Payloads and ids of what comes when so many seconds have passed."""
    server.advance(seconds)
    came = receiver.quiet()
    assert not any(message.dup for message in came)
    return [(message.payload, message.mid) for message in came]


@both
def test_what_is_not_acknowledged_is_given_up_and_the_next_one_comes(own_server, version):
    server = own_server("--memory", "--mqtt", "outbound-inflight=1")
    a, b = silent(server, version), client(server, "b", version)
    a.subscribe("t")
    b.publish("t", "first")
    b.publish("t", "next")
    first = a.message()
    quarter_s = MAX_S[version] / 4
    for _ in range(3):
        # Once, however many intervals have passed.
        assert after(server, quarter_s, a) == [(b"first", first.mid)]
    assert dropped(server) == 0
    [(payload, mid)] = after(server, quarter_s + 2, a)
    assert payload == b"next" != first.payload and mid != first.mid
    assert dropped(server) == 1
    assert after(server, 32, a) == [(b"next", mid)]
    assert server.logged().count("not acknowledged, given up") == 1
    a.abort()
    assert after(server, 0, silent(server, version)) == [(b"next", mid)]


@both
def test_what_is_given_up_is_gone_from_the_disk_too(own_server, tmp_path, version):
    server = own_server("--data-dir", tmp_path / "data", *SOON)
    a, b = silent(server, version), client(server, "b", version)
    a.subscribe("t")
    b.publish("t", "gone")
    assert a.message().payload == b"gone"
    assert after(server, OVER_S, a) == []
    b.publish("t", "kept")
    assert a.message().payload == b"kept"
    assert server.stop() == 0

    server.start()
    assert [payload for payload, _ in after(server, 0, silent(server, version))] == [b"kept"]


@both
def test_what_is_given_up_is_not_another_members(own_server, version):
    server = own_server("--memory", *SOON)
    a, b = silent(server, version), client(server, "b", version)
    a.subscribe("$share/g/t")
    b.publish("t", "gone")
    assert a.message().payload == b"gone"
    assert after(server, OVER_S, a) == []
    b.publish("t", "kept")
    assert a.message().payload == b"kept"
    b.subscribe("$share/g/t")
    a.abort()
    assert b.message().payload == b"kept"


@both
def test_the_standard_sends_again_only_who_comes_back(own_server, version):
    server = own_server("--memory", "--profile", "mqtt")
    a = silent(server, version)
    a.subscribe("t")
    a.publish("t", "x")
    first = a.message()
    # MQTT 5's Server Keep Alive is a minute here.
    for _ in range(3):
        assert after(server, 50, a) == []
    a.abort()
    again = silent(server, version).message()
    assert (again.payload, again.mid, again.dup) == (b"x", first.mid, True)
    assert dropped(server) == 0
