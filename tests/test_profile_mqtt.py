"""`--profile mqtt`: the standard without AWS's deviations."""

import pytest

from mqtt_client import V3, V5, VERSIONS, plain_client

both = pytest.mark.parametrize("version", VERSIONS.values(), ids=VERSIONS.keys())


@pytest.fixture
def standard(own_server):
    return own_server("--memory", "--profile", "mqtt")


@both
def test_qos_2_is_spoken(standard, version):
    with plain_client(standard, "c", version=version) as client:
        assert client.subscribe("test/topic", qos=2) == [2]
        for number in range(10):
            assert client.publish("test/topic", f"{number}", qos=2) == 0
        messages = [client.message() for _ in range(10)]
        assert [m.payload.decode() for m in messages] == [f"{n}" for n in range(10)]
        assert {m.qos for m in messages} == {2}


@both
def test_retained_messages_reach_wildcards_here_and_not_on_aws(server, standard, version):
    for each, expected in ((standard, "state"), (server, "live")):
        with plain_client(each, "c", version=version) as client:
            client.publish("kept/a", "state", retain=True)
            client.subscribe("kept/#")
            client.publish("kept/b", "live")
            assert client.payload() == expected


def test_qos_2_is_refused_by_aws(server):
    client = plain_client(server, "c", version=V5)
    client.paho.publish("test/topic", "x", 2)
    assert client.closed().value == 0x9B
    # A client of 3.1.1 gets no answer, ever.
    with plain_client(server, "d", version=V3) as client:
        client.paho.publish("test/topic", "x", 2)
        client.subscribe("test/topic")
        client.publish("test/topic", "after", qos=1)
        assert client.payload() == "after"
