"""The control plane through AWS's SDKs: what the vectors say, and what has a device at its other end."""

import datetime
import json
import uuid

import pytest
import requests
from botocore.exceptions import ClientError

import vectors
from aws_clients import Boto3, JavaScript
from harness import ACCOUNT, ALLOW_ALL, DEADLINE_S, REGION, ROOT, arn, policy
from mqtt_client import V5, plain_client, tls_client
from test_http import Alpn
from vectors import Values

VECTORS = json.loads((ROOT / "broker" / "tests" / "data" / "control.json").read_text())["vectors"]


# Not the CLI: a process for each call takes too long.
@pytest.mark.parametrize(
    "aws_client", [Boto3, JavaScript], ids=lambda kind: kind.name, indirect=True
)
@pytest.mark.parametrize("vector", VECTORS, ids=[vector["id"] for vector in VECTORS])
def test_the_vectors(server, aws_client, vector):
    values = Values(server.client("iot"))
    for step, outcome in vectors.run(aws_client, vector["steps"], values):
        if outcome.error == "NotImplementedException":
            assert "is not implemented by thingcore yet" in outcome.body["Message"]
            pytest.skip(f"{step['op']} is not built")


def test_a_device_gets_credentials_of_a_role_by_its_certificate(own_server, tmp_path):
    # One whose clock no test has moved.
    server = own_server("--memory")
    iot, iam = server.client("iot"), server.client("iam")
    trust = {
        "Version": "2012-10-17",
        "Statement": {
            "Effect": "Allow",
            "Principal": {"Service": "credentials.iot.amazonaws.com"},
            "Action": "sts:AssumeRole",
        },
    }
    role = iam.create_role(RoleName="uploader", AssumeRolePolicyDocument=json.dumps(trust))
    iot.create_role_alias(
        roleAlias="up", roleArn=role["Role"]["Arn"], credentialDurationSeconds=900
    )
    iot.create_role_alias(roleAlias="other", roleArn=role["Role"]["Arn"])
    may = policy(("iot:AssumeRoleWithCertificate", arn("rolealias", "up")))
    device = server.device(tmp_path, may, things=["camera"])
    with requests.Session() as session:
        session.mount("https://", Alpn(device))

        def ask(alias, **headers):
            url = f"https://localhost:{server.https_port}/role-aliases/{alias}/credentials"
            return session.get(url, headers=headers, verify=str(device.ca), timeout=DEADLINE_S)

        for headers in ({}, {"x-amzn-iot-thingname": "camera"}):
            given = ask("up", **headers).json()["credentials"]
            assert given["accessKeyId"].startswith("ASIA")
            assert given.keys() == {"accessKeyId", "secretAccessKey", "sessionToken", "expiration"}
            end = datetime.datetime.fromisoformat(given["expiration"])
            left = end - datetime.datetime.now(datetime.UTC)
            assert datetime.timedelta(minutes=14) < left <= datetime.timedelta(minutes=15)
        assert ask("up", **{"x-amzn-iot-thingname": "stranger"}).status_code == 403
        assert ask("other").status_code == 403
    import boto3

    signed = boto3.client(
        "sts",
        endpoint_url=server.api_url,
        region_name=REGION,
        aws_access_key_id=given["accessKeyId"],
        aws_secret_access_key=given["secretAccessKey"],
        aws_session_token=given["sessionToken"],
    )
    who = signed.get_caller_identity()
    assert who["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/uploader/{device.id}"


def test_registry_events_reach_subscribers_once_they_are_switched_on(server):
    iot = server.client("iot")
    with plain_client(server, "listener", version=V5) as client:
        client.subscribe("$aws/events/thing/+/created", "$aws/events/thingGroupMembership/#")
        iot.create_thing(thingName="before")
        iot.update_event_configurations(
            eventConfigurations={
                "THING": {"Enabled": True},
                "THING_GROUP_MEMBERSHIP": {"Enabled": True},
            }
        )
        iot.create_thing(thingName="lamp")
        message = client.message()
        assert message.topic == "$aws/events/thing/lamp/created"
        event = json.loads(message.payload)
        assert (event["eventType"], event["operation"]) == ("THING_EVENT", "CREATED")
        assert event["accountId"] == ACCOUNT
        assert uuid.UUID(event["eventId"])
        iot.create_thing_group(thingGroupName="g")
        iot.add_thing_to_thing_group(thingName="lamp", thingGroupName="g")
        message = client.message()
        assert message.topic == "$aws/events/thingGroupMembership/thingGroup/g/thing/lamp/added"


def test_searches_see_shadows_and_connections(server):
    iot, data = server.client("iot"), server.client("iot-data")
    iot.update_indexing_configuration(
        thingIndexingConfiguration={
            "thingIndexingMode": "REGISTRY_AND_SHADOW",
            "thingConnectivityIndexingMode": "STATUS",
        }
    )
    for thing in ("lamp-1", "lamp-2"):
        iot.create_thing(thingName=thing)
    body = json.dumps({"state": {"desired": {"on": True}}})
    data.update_thing_shadow(thingName="lamp-1", payload=body)

    def names(query):
        return [thing["thingName"] for thing in iot.search_index(queryString=query)["things"]]

    with plain_client(server, "lamp-2"):
        assert names("connectivity.connected:true") == ["lamp-2"]
        assert names("shadow.hasDelta:true") == ["lamp-1"]
        (found,) = iot.search_index(queryString="thingName:lamp-1")["things"]
        assert json.loads(found["shadow"])["desired"] == {"on": True}
        assert iot.get_thing_connectivity_data(thingName="lamp-2")["connected"]
    with pytest.raises(iot.exceptions.InvalidQueryException):
        iot.search_index(queryString="thingName:*2")


def test_connections_are_shown_listed_and_ended(server):
    data = server.client("iot-data")
    with plain_client(server, "lamp", version=V5) as client:
        client.subscribe("a", "b/#")
        shown = data.get_connection(clientId="lamp", includeSocketInformation=True)
        assert shown["connected"] and shown["keepAliveDuration"] == 60
        assert shown["sourceIp"] == "127.0.0.1"
        listed = data.list_subscriptions(clientId="lamp")["subscriptions"]
        assert listed == [{"topicFilter": "a", "qos": 1}, {"topicFilter": "b/#", "qos": 1}]
        data.delete_connection(clientId="lamp")
        assert client.closed() == "Administrative action"
    with pytest.raises(ClientError) as missing:
        data.delete_connection(clientId="nobody")
    assert missing.value.response["Error"]["Code"] == "ResourceNotFoundException"


def test_authorization_is_tested_without_a_device(server, tmp_path):
    iot = server.client("iot")
    may = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": "iot:Publish", "Resource": arn("topic", "a/*")},
            {"Effect": "Deny", "Action": "iot:Publish", "Resource": arn("topic", "a/secret")},
        ],
    }
    device = server.device(tmp_path, may)

    def decide(topic, **more):
        info = {"actionType": "PUBLISH", "resources": [arn("topic", topic)]}
        answer = iot.test_authorization(principal=device.arn, authInfos=[info], **more)
        (result,) = answer["authResults"]
        return result

    allowed = decide("a/b")
    assert allowed["authDecision"] == "ALLOWED"
    (named,) = allowed["allowed"]["policies"]
    assert decide("a/secret")["authDecision"] == "EXPLICIT_DENY"
    denied = decide("b")
    assert denied["authDecision"] == "IMPLICIT_DENY"
    assert denied["denied"]["implicitDeny"]["policies"] == [named]
    skipped = decide("a/b", policyNamesToSkip=[named["policyName"]])
    assert skipped["authDecision"] == "IMPLICIT_DENY"
    iot.create_policy(policyName="more", policyDocument=json.dumps(ALLOW_ALL))
    assert decide("b", policyNamesToAdd=["more"])["authDecision"] == "ALLOWED"


def test_a_device_loses_its_connection_with_its_certificate(server, tmp_path):
    device = server.device(tmp_path, policy(("iot:*", "*")))
    with tls_client(server, device, "lamp", version=V5) as client:
        iot = server.client("iot")
        iot.update_certificate(certificateId=device.id, newStatus="INACTIVE")
        assert client.closed() == "Not authorized"
