"""What a refusal by policy looks like on the wire, for each version of MQTT, by paho."""

import json
import socket
import ssl

import pytest

from harness import DEADLINE_S, arn, policy
from mqtt_client import V3, V5, VERSIONS, Client, plain_client, tls_client

NOT_AUTHORIZED = 0x87
both = pytest.mark.parametrize("version", VERSIONS.values(), ids=VERSIONS.keys())


@both
def test_allowed_messages_pass(server, tutorial_device, version):
    with tls_client(server, tutorial_device, "test-1", version=version) as client:
        assert client.subscribe("test/topic") == [1]
        assert client.publish("test/topic", "hello") == 0
        assert client.payload() == "hello"


def test_v3_connect_is_closed_without_an_answer(server, tutorial_device):
    client = Client("other-1", version=V3).tls(tutorial_device).start(server.mqtts_port)
    client.closed()
    assert client.connacks.empty()


def test_v5_connect_is_told_not_authorized(server, tutorial_device):
    client = Client("other-1", version=V5).tls(tutorial_device).start(server.mqtts_port)
    reason, *_ = client.connacks.get(timeout=DEADLINE_S)
    assert reason.value == NOT_AUTHORIZED
    client.closed()


@pytest.mark.parametrize("qos", [0, 1])
def test_v3_publish_closes_the_connection_without_puback(server, tutorial_device, qos):
    with plain_client(server, "watcher") as watcher:
        watcher.subscribe("test/#")
        client = tls_client(server, tutorial_device, "test-1", version=V3)
        client.paho.publish("test/other", "no", qos)
        client.closed()
        assert qos == 0 or client.pubacks.empty()
        watcher.publish("test/end")
        assert watcher.message().topic == "test/end"


def test_v5_publish_is_told_not_authorized_and_stays(server, tutorial_device):
    with plain_client(server, "watcher") as watcher:
        watcher.subscribe("test/#")
        with tls_client(server, tutorial_device, "test-1", version=V5) as client:
            assert client.publish("test/other", "no") == NOT_AUTHORIZED
            assert client.publish("test/topic", "yes") == 0
        assert watcher.payload() == "yes"


def test_v3_subscribe_closes_the_connection_without_suback(server, tutorial_device):
    client = tls_client(server, tutorial_device, "test-1", version=V3)
    client.paho.subscribe("test/other", 1)
    client.closed()
    assert client.subacks.empty()


def test_v5_subscribe_is_told_not_authorized_and_stays(server, tutorial_device):
    with tls_client(server, tutorial_device, "test-1", version=V5) as client:
        assert client.subscribe("test/other", "test/topic") == [NOT_AUTHORIZED, 1]
        assert client.publish("test/topic", "yes") == 0
        assert client.payload() == "yes"


@both
def test_messages_that_may_not_be_received_are_left_out(server, tmp_path, version):
    only = policy(
        ("iot:Connect", "*"),
        ("iot:Subscribe", arn("topicfilter", "house/#")),
        ("iot:Receive", arn("topic", "house/kitchen")),
    )
    device = server.device(tmp_path, only)
    with tls_client(server, device, "c", version=version) as client, plain_client(server, "p") as p:
        assert client.subscribe("house/#") == [1]
        p.publish("house/bedroom", "secret")
        p.publish("house/kitchen", "open")
        assert client.payload() == "open"


@both
def test_retaining_needs_a_permission_of_its_own(server, tmp_path, version):
    device = server.device(tmp_path, policy(("iot:Connect", "*"), ("iot:Publish", "*")))
    with plain_client(server, "watcher") as watcher:
        watcher.subscribe("kept/#")
        client = tls_client(server, device, "c", version=version)
        if version == V5:
            assert client.publish("kept/a", "no", retain=True) == NOT_AUTHORIZED
        else:
            client.paho.publish("kept/a", "no", 1, retain=True)
            client.closed()
            assert client.pubacks.empty()
        watcher.publish("kept/end")
        assert watcher.message().topic == "kept/end"


@both
def test_a_will_needs_the_permission_to_publish_it(server, tutorial_device, version):
    client = Client("test-1", version=version).tls(tutorial_device)
    client.paho.will_set("test/other", "gone", 1)
    client.start(server.mqtts_port)
    client.closed()
    answers = [] if client.connacks.empty() else [client.connacks.get_nowait()[0].value]
    assert answers == ([NOT_AUTHORIZED] if version == V5 else [])


def test_thing_variables_are_those_of_the_connection(server, tmp_path):
    own = policy(
        ("iot:Connect", arn("client", "${iot:Connection.Thing.ThingName}")),
        ("iot:Publish", arn("topic", "things/${iot:ClientId}/up")),
    )
    device = server.device(tmp_path, own, things=["lamp"])
    with tls_client(server, device, "lamp", version=V5) as client:
        assert client.publish("things/lamp/up") == 0
        assert client.publish("things/door/up") == NOT_AUTHORIZED
    Client("door").tls(device).start(server.mqtts_port).closed()


def test_a_changed_policy_holds_for_the_next_packet(server, tutorial_device):
    iot = server.client("iot")
    name = iot.list_attached_policies(target=tutorial_device.arn)["policies"][0]["policyName"]
    with tls_client(server, tutorial_device, "test-1", version=V5) as client:
        assert client.publish("test/topic") == 0
        connect_only = json.dumps(policy(("iot:Connect", "*")))
        iot.create_policy_version(policyName=name, policyDocument=connect_only, setAsDefault=True)
        assert client.publish("test/topic") == NOT_AUTHORIZED


def test_deactivation_closes_the_live_connection_and_keeps_it_out(server, device):
    iot = server.client("iot")
    client = tls_client(server, device, "c")
    iot.update_certificate(certificateId=device.id, newStatus="INACTIVE")
    client.closed()

    again = Client("c").tls(device).start(server.mqtts_port)
    again.closed()
    assert again.connacks.empty()

    iot.update_certificate(certificateId=device.id, newStatus="ACTIVE")
    tls_client(server, device, "c").close()


def test_a_resumed_tls_session_does_not_let_an_inactive_certificate_in(server, device):
    """TLS resumption skips the certificate's verification; CONNECT must not rely on it."""
    context = ssl.create_default_context(cafile=device.ca)
    context.load_cert_chain(device.cert, device.key)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    address = ("localhost", server.mqtts_port)

    def answer(session=None):
        with socket.create_connection(address, timeout=DEADLINE_S) as plain:
            tls = context.wrap_socket(plain, server_hostname="localhost", session=session)
            tls.sendall(bytes.fromhex("100d00044d51545404020000000163"))
            return tls.recv(4), tls.session

    connack, session = answer()
    assert connack == bytes.fromhex("20020000")
    server.client("iot").update_certificate(certificateId=device.id, newStatus="INACTIVE")
    try:
        assert answer(session)[0] == b""
    except (ssl.SSLError, ConnectionError):
        pass  # Refused in the handshake or cut: also out.
