"""Lifecycle events: exactly the members that AWS documents, for clients that come, go, fail to
connect, subscribe and unsubscribe."""

import json
import ssl
import uuid

import pytest

from bytes_mqtt import V3, V5, VERSIONS
from harness import arn, policy
from raw_mqtt import Client, client

both = pytest.mark.parametrize("version", VERSIONS.values(), ids=VERSIONS.keys())

COMMON = {"clientId", "timestamp", "eventType", "sessionIdentifier", "principalIdentifier"}
MEMBERS = {
    "connected": COMMON | {"ipAddress", "versionNumber"},
    "disconnected": COMMON | {"clientInitiatedDisconnect", "disconnectReason", "versionNumber"},
    "connect_failed": COMMON | {"connectFailureReason", "ipAddress"},
    "subscribed": COMMON | {"topics"},
    "unsubscribed": COMMON | {"topics"},
}


@pytest.fixture
def watch(server):
    watch = client(server, "watcher", V3, keep_alive=1200)
    watch.subscribe("$aws/events/presence/+/+", "$aws/events/subscriptions/+/+")
    watch.quiet()
    return watch


def event(watch, client_id="c"):
    """The next event of a client, with the members that its type has and no other."""
    while True:
        message = watch.message()
        assert message.qos == 1 and not message.retain
        found = json.loads(message.payload)
        if found["clientId"] != client_id:
            continue
        kind = found["eventType"]
        group = "subscriptions" if kind.endswith("subscribed") else "presence"
        assert message.topic == f"$aws/events/{group}/{kind}/{client_id}"
        assert set(found) - {"thingName"} == MEMBERS[kind], found
        assert found["timestamp"] > 1_600_000_000_000
        assert str(uuid.UUID(found["sessionIdentifier"])) == found["sessionIdentifier"]
        return found


def context(device):
    tls = ssl.create_default_context(cafile=device.ca)
    tls.load_cert_chain(device.cert, device.key)
    return tls


@both
def test_a_visit_has_its_events(server, device, watch, version):
    for number in range(2):
        c = Client(server.mqtts_port, "c", version, context(device)).accepted()
        came = event(watch)
        assert (came["eventType"], came["versionNumber"]) == ("connected", number)
        assert came["ipAddress"] == "127.0.0.1"
        assert came["principalIdentifier"] == device.id
        c.subscribe("a", "$share/g/b/#")
        found = event(watch)
        assert (found["eventType"], found["topics"]) == ("subscribed", ["a", "$share/g/b/#"])
        assert found["sessionIdentifier"] == came["sessionIdentifier"]
        c.unsubscribe("a", "never")
        found = event(watch)
        assert (found["eventType"], found["topics"]) == ("unsubscribed", ["a"])
        c.disconnect()
        gone = event(watch)
        assert gone["disconnectReason"] == "CLIENT_INITIATED_DISCONNECT"
        assert gone["clientInitiatedDisconnect"] is True
        pair = ("sessionIdentifier", "versionNumber", "principalIdentifier")
        assert [gone[each] for each in pair] == [came[each] for each in pair]
        assert "thingName" not in came


def test_version_numbers_begin_anew_after_an_hour(server, watch):
    client(server, "c").disconnect()
    assert [event(watch)["versionNumber"] for _ in range(2)] == [0, 0]
    client(server, "c").disconnect()
    assert [event(watch)["versionNumber"] for _ in range(2)] == [1, 1]
    for _ in range(3):
        server.advance(1201)
        watch.quiet()
    client(server, "c").disconnect()
    assert event(watch)["versionNumber"] == 0


def test_a_thing_is_named_when_its_certificate_is_its_alone(server, device, watch):
    iot = server.client("iot")
    iot.create_thing(thingName="MyThing")
    iot.attach_thing_principal(
        thingName="MyThing", principal=device.arn, thingPrincipalType="EXCLUSIVE_THING"
    )
    Client(server.mqtts_port, "c", V5, context(device)).accepted().disconnect()
    assert [event(watch).get("thingName") for _ in range(2)] == ["MyThing"] * 2


@both
def test_a_refused_connect_has_an_event(server, tmp_path, watch, version):
    device = server.device(tmp_path, policy(("iot:Connect", arn("client", "other"))))
    Client(server.mqtts_port, "c", version, context(device)).closed()
    found = event(watch)
    assert found["eventType"] == "connect_failed"
    assert found["connectFailureReason"] == "AUTHORIZATION_FAILED"
    assert found["principalIdentifier"] == device.id


@both
def test_a_filter_that_is_refused_is_not_among_the_topics(server, tmp_path, watch, version):
    device = server.device(
        tmp_path,
        policy(("iot:Connect", "*"), ("iot:Subscribe", arn("topicfilter", "may"))),
    )
    c = Client(server.mqtts_port, "c", version, context(device)).accepted()
    event(watch)
    c.subscribe("may")
    assert event(watch)["topics"] == ["may"]
    if version == V5:
        assert c.subscribe("may-not") == [0x87]
        c.subscribe("may")
        assert event(watch)["topics"] == ["may"]


@both
def test_client_ids_with_wildcards_have_no_events(server, watch, version):
    for client_id in ("a+", "#"):
        client(server, client_id, version).disconnect()
    client(server, "c", version)
    assert event(watch)["eventType"] == "connected"


@both
def test_a_takeover_is_the_end_of_one_visit_and_the_begin_of_another(server, watch, version):
    first = client(server, "c", version)
    came = event(watch)
    client(server, "c", version)
    first.closed()
    found = [event(watch) for _ in range(2)]
    assert {each["eventType"] for each in found} == {"connected", "disconnected"}
    gone = next(each for each in found if each["eventType"] == "disconnected")
    again = next(each for each in found if each["eventType"] == "connected")
    assert gone["disconnectReason"] == "DUPLICATE_CLIENTID"
    assert gone["clientInitiatedDisconnect"] is False
    assert gone["versionNumber"] == came["versionNumber"] < again["versionNumber"]
    assert gone["sessionIdentifier"] == came["sessionIdentifier"]
