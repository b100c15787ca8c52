"""The data plane's operations on connections of clients, by boto3: GetConnection,
ListSubscriptions, DeleteConnection, SendDirectMessage."""

import base64
import json
import ssl
import threading

import boto3
import pytest
from botocore.exceptions import ClientError

from bytes_mqtt import PUBACK, V3, V5, VERSIONS
from harness import REGION, arn, policy
from raw_mqtt import Client, Will, ack_packet, client

both = pytest.mark.parametrize("version", VERSIONS.values(), ids=VERSIONS.keys())


@pytest.fixture
def data(server):
    return server.client("iot-data")


def refused(status, call, **arguments):
    """The error of a call that is refused with this status."""
    with pytest.raises(ClientError) as raised:
        call(**arguments)
    response = raised.value.response
    assert response["ResponseMetadata"]["HTTPStatusCode"] == status, response
    return response["Error"]


@both
def test_a_connection_is_shown_while_it_is_there_and_for_half_an_hour(server, data, version):
    refused(404, data.get_connection, clientId="c")
    more = {"session_expiry": 600, "clean": False} if version == V5 else {"clean": False}
    c = client(server, "c", version, keep_alive=60, **more)
    found = data.get_connection(clientId="c")
    assert (found["clientId"], found["connected"], found["cleanSession"]) == ("c", True, False)
    assert found["keepAliveDuration"] == 60
    assert found["sessionExpiry"] == (600 if version == V5 else 3600)
    assert found["connectedSince"] > 1_600_000_000_000
    assert not {"sourceIp", "sourcePort", "disconnectReason", "thingName"} & set(found)
    sockets = data.get_connection(clientId="c", includeSocketInformation=True)
    assert (sockets["sourceIp"], sockets["sourcePort"]) == c.socket.getsockname()
    assert (sockets["targetIp"], sockets["targetPort"]) == c.socket.getpeername()
    c.disconnect()
    gone = data.get_connection(clientId="c", includeSocketInformation=True)
    assert gone["connected"] is False
    assert gone["disconnectReason"] == "CLIENT_INITIATED_DISCONNECT"
    assert gone["disconnectedSince"] >= found["connectedSince"]
    assert "sourceIp" not in gone and "connectedSince" not in gone
    server.advance(29 * 60)
    assert data.get_connection(clientId="c")["connected"] is False
    server.advance(2 * 60)
    assert refused(404, data.get_connection, clientId="c")["Code"] == "ResourceNotFoundException"


def test_the_reason_of_the_last_end_is_shown(server, data):
    for version, reason in ((V3, "CONNECTION_LOST"), (V5, "MQTT_KEEP_ALIVE_TIMEOUT")):
        c = client(server, f"c{version}", version, keep_alive=30)
        if version == V3:
            c.abort()
        else:
            server.advance(46)
            c.closed()
        for _ in range(100):
            found = data.get_connection(clientId=f"c{version}")
            if not found["connected"]:
                break
        assert (found["disconnectReason"], found["cleanSession"]) == (reason, True)


def test_client_ids_are_checked(data):
    assert refused(400, data.get_connection, clientId="$c")["Code"] == "InvalidRequestException"


@both
def test_subscriptions_are_listed_by_page(server, data, version):
    refused(404, data.list_subscriptions, clientId="c")
    c = client(server, "c", version)
    assert data.list_subscriptions(clientId="c")["subscriptions"] == []
    filters = {f"a/{n}": n % 2 for n in range(25)} | {"$share/g/b": 1, "+/c/#": 0}
    for each, qos in filters.items():
        c.subscribe(each, qos=qos)
    first = data.list_subscriptions(clientId="c")
    assert len(first["subscriptions"]) == 20
    pages = data.get_paginator("list_subscriptions").paginate(
        clientId="c", PaginationConfig={"PageSize": 7}
    )
    found = [each for page in pages for each in page["subscriptions"]]
    assert {each["topicFilter"]: each["qos"] for each in found} == filters
    c.unsubscribe("+/c/#")
    everything = data.list_subscriptions(clientId="c", maxResults=200)
    assert len(everything["subscriptions"]) == 26 and "nextToken" not in everything
    refused(400, data.list_subscriptions, clientId="c", nextToken="b3RoZXI=")


def test_subscriptions_of_a_client_that_is_away_are_listed(server, data):
    c = client(server, "c", V3, clean=False)
    c.subscribe("a")
    c.disconnect()
    found = data.list_subscriptions(clientId="c")["subscriptions"]
    assert found == [{"topicFilter": "a", "qos": 1}]
    server.advance(3601)
    refused(404, data.list_subscriptions, clientId="c")


@both
@pytest.mark.parametrize("prevented", [False, True])
def test_deleting_a_connection_ends_it(server, data, version, prevented):
    observer = client(server, "observer", version)
    observer.subscribe("will", "$aws/events/presence/disconnected/c")
    more = {"session_expiry": 600} if version == V5 else {}
    c = client(server, "c", version, clean=False, will=Will("will", b"gone"), **more)
    data.delete_connection(clientId="c", preventWillMessage=prevented)
    # It is gone when the call returns.
    assert data.get_connection(clientId="c")["connected"] is False
    end = c.ended()
    assert (end.reason if end else None) == (0x98 if version == V5 else None)
    came = {m.topic: m.payload for m in observer.quiet()}
    assert ("will" in came) is not prevented
    event = json.loads(came["$aws/events/presence/disconnected/c"])
    assert event["disconnectReason"] == "API_INITIATED_DISCONNECT"
    assert event["clientInitiatedDisconnect"] is False
    refused(404, data.delete_connection, clientId="c")
    # The session is another matter.
    assert client(server, "c", version, clean=False, **more).present
    data.delete_connection(clientId="c", cleanSession=True)
    assert not client(server, "c", version, clean=False, **more).present


def test_deleting_takes_the_session_of_a_client_that_is_away(server, data):
    client(server, "c", V3, clean=False).disconnect()
    data.delete_connection(clientId="c", cleanSession=True)
    assert not client(server, "c", V3, clean=False).present


@both
def test_a_direct_message_reaches_its_client_alone(server, data, version):
    a, b = client(server, "a", version), client(server, "b", version)
    b.subscribe("#")
    answer = data.send_direct_message(clientId="a", topic="hello", payload=b"you")
    assert answer["message"] == "OK" and answer["traceId"]
    message = a.message()
    assert (message.topic, message.payload, message.qos) == ("hello", b"you", 0)
    assert not message.retain
    assert b.quiet() == []


def test_the_properties_of_a_direct_message_travel(server, data):
    a = client(server, "a", V5)
    data.send_direct_message(
        clientId="a",
        topic="hello",
        payload=b"you",
        contentType="text/plain",
        responseTopic="answers",
        payloadFormatIndicator="UTF8_DATA",
        correlationData=base64.b64encode(b"\0\1").decode(),
        userProperties=json.dumps([{"k": "v"}]),
    )
    assert a.message().properties == {
        "payload_format": 1,
        "content_type": "text/plain",
        "response_topic": "answers",
        "correlation_data": b"\0\1",
        "user_property": [("k", "v")],
    }


def test_a_confirmed_message_waits_for_the_acknowledgement(server, data):
    a = client(server, "a", V5)
    a.acknowledges = False
    answers = []
    call = lambda: answers.append(  # noqa: E731
        data.send_direct_message(clientId="a", topic="t", payload=b"x", confirmation=True)
    )
    thread = threading.Thread(target=call)
    thread.start()
    message = a.message()
    assert message.qos == 1 and not answers
    a.send(ack_packet(PUBACK, message.mid))
    thread.join()
    assert answers[0]["message"] == "OK"
    # Without one the call fails after the timeout.
    error = refused(
        504, data.send_direct_message, clientId="a", topic="t", confirmation=True, timeout=1
    )
    assert error["Code"] == "GatewayTimeoutException"


@pytest.mark.parametrize(
    ("status", "arguments"),
    [
        (404, {"clientId": "nobody"}),
        (400, {"topic": "$aws/things/t/shadow/update"}),
        (400, {"topic": "a/+"}),
        (400, {"topic": "1/2/3/4/5/6/7/8/9"}),
        (400, {"timeout": 0, "confirmation": True}),
        (400, {"timeout": 16, "confirmation": True}),
        (413, {"payload": b"x" * (128 * 1024 + 1)}),
    ],
)
def test_direct_messages_that_cannot_be_are_refused(server, data, status, arguments):
    client(server, "a", V5)
    refused(status, data.send_direct_message, **({"clientId": "a", "topic": "t"} | arguments))


def test_a_client_that_is_away_gets_no_direct_message(server, data):
    client(server, "a", V3, clean=False).disconnect()
    refused(404, data.send_direct_message, clientId="a", topic="t", confirmation=True)
    assert client(server, "a", V3, clean=False).quiet() == []


def test_direct_messages_need_the_receiver_s_permission(own_server, tmp_path):
    (tmp_path / "policy.json").write_text(
        json.dumps(policy(("iot:Connect", "*"), ("iot:Receive", arn("topic", "may"))))
    )
    server = own_server("--memory", "--anonymous-policy", tmp_path / "policy.json")
    a, data = client(server, "a", V5), server.client("iot-data")
    refused(403, data.send_direct_message, clientId="a", topic="may-not")
    data.send_direct_message(clientId="a", topic="may", payload=b"x")
    assert a.message().topic == "may"


def assumed(server, *statements):
    """The data plane by a role that may do these."""
    iam, sts = server.client("iam"), server.client("sts")
    trust = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}],
    }
    role = iam.create_role(RoleName="r", AssumeRolePolicyDocument=json.dumps(trust))["Role"]
    document = {"Version": "2012-10-17", "Statement": list(statements)}
    iam.put_role_policy(RoleName="r", PolicyName="p", PolicyDocument=json.dumps(document))
    keys = sts.assume_role(RoleArn=role["Arn"], RoleSessionName="session")["Credentials"]
    return boto3.client(
        "iot-data",
        endpoint_url=server.api_url,
        region_name=REGION,
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys["SessionToken"],
    )


def test_policies_decide_about_each_operation(server):
    open_ones = [client(server, name, V5) for name in ("mine", "other")]
    mine = arn("client", "mine")
    limited = assumed(
        server,
        {
            "Effect": "Allow",
            "Action": ["iot:GetConnection", "iot:ListSubscriptions"],
            "Resource": mine,
            "Condition": {"Bool": {"iot:IncludeSocketInformation": "false"}},
        },
        {"Effect": "Allow", "Action": "iot:ListSubscriptions", "Resource": mine},
        {
            "Effect": "Allow",
            "Action": "iot:SendDirectMessage",
            "Resource": mine,
            "Condition": {"StringEquals": {"iot:Topic": "may"}},
        },
        {"Effect": "Allow", "Action": "iot:DeleteConnection", "Resource": mine},
    )
    assert limited.get_connection(clientId="mine")["connected"]
    refused(403, limited.get_connection, clientId="mine", includeSocketInformation=True)
    refused(403, limited.get_connection, clientId="other")
    # Whether it is there is not told either.
    assert refused(403, limited.get_connection, clientId="nobody")["Code"] == "ForbiddenException"
    assert limited.list_subscriptions(clientId="mine")["subscriptions"] == []
    refused(403, limited.list_subscriptions, clientId="other")
    limited.send_direct_message(clientId="mine", topic="may")
    refused(403, limited.send_direct_message, clientId="mine", topic="may-not")
    refused(403, limited.send_direct_message, clientId="other", topic="may")
    refused(403, limited.delete_connection, clientId="other")
    limited.delete_connection(clientId="mine")
    assert open_ones[0].ended().reason == 0x98
    assert open_ones[1].quiet() == []


def test_a_thing_is_named_for_its_certificate(server, device):
    iot, data = server.client("iot"), server.client("iot-data")
    iot.create_thing(thingName="MyThing")
    iot.attach_thing_principal(thingName="MyThing", principal=device.arn)
    context = ssl.create_default_context(cafile=device.ca)
    context.load_cert_chain(device.cert, device.key)
    for client_id, thing in (("MyThing", "MyThing"), ("another", None)):
        held = Client(server.mqtts_port, client_id, V5, context).accepted()
        assert data.get_connection(clientId=client_id).get("thingName") == thing
        held.close()
