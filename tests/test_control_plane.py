"""The control plane through boto3: what the vectors say, and what has a device at its other end."""

import datetime
import json
import re
import uuid

import pytest
import requests
from botocore.exceptions import ClientError
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from harness import ACCOUNT, DEADLINE_S, REGION, ROOT, arn, policy
from mqtt_client import V5, plain_client, tls_client
from test_http import Alpn

DATA = ROOT / "broker" / "tests" / "data"
VECTORS = [
    vector
    for file in ("control.json", "errors.json")
    for vector in json.loads((DATA / file).read_text())["vectors"]
]
DOCUMENT = json.dumps(policy(("iot:*", "*")))


def name_of(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def certificate(subject, key, issuer=None, issuer_key=None, ca=False):
    """A certificate, PEM, that lives for a day."""
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name_of(subject))
        .issuer_name(name_of(issuer or subject))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    )
    signed = builder.sign(issuer_key or key, hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.PEM).decode()


# Certificates below `%ca`: whether it is named as the issuer, and whether its key signed.
ISSUED = {
    "verif": (True, True),
    "leaf": (True, True),
    "stranger": (False, True),
    "forged": (True, False),
}


class Values:
    """What stands for the placeholders of one vector."""

    def __init__(self, iot):
        self.iot, self.values, self.saved = iot, {}, {}

    def placeholder(self, name):
        if name not in self.values:
            self.values[name] = self.make(name)
        return self.values[name]

    def make(self, name):
        if name == "doc":
            return DOCUMENT
        if name == "csr":
            key = rsa.generate_private_key(65537, 2048)
            request = x509.CertificateSigningRequestBuilder().subject_name(name_of("device"))
            signed = request.sign(key, hashes.SHA256())
            return signed.public_bytes(serialization.Encoding.PEM).decode()
        key = ec.generate_private_key(ec.SECP256R1())
        if name.startswith("selfsigned"):
            return certificate(f"leaf {uuid.uuid4()}", key)
        if name.startswith("ca"):
            self.values[f"{name} key"] = key
            self.values[f"{name} name"] = f"ca {uuid.uuid4()}"
            return certificate(self.values[f"{name} name"], key, ca=True)
        if name in ISSUED:
            self.placeholder("ca")
            subject = name
            if name != "leaf":
                subject = self.iot.get_registration_code()["registrationCode"]
            named, signing = ISSUED[name]
            issuer = self.values["ca name"] if named else "another"
            return certificate(subject, key, issuer, self.values["ca key"] if signing else key)
        return f"{name}_{uuid.uuid4().hex[:12]}"

    def fill(self, value):
        if isinstance(value, dict):
            return {self.fill(key): self.fill(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.fill(item) for item in value]
        if not isinstance(value, str):
            return value
        if value.startswith("$") and value[1:] in self.saved:
            return self.saved[value[1:]]
        known = r"%(doc|csr|selfsigned\d*|ca\d*|verif|leaf|stranger|forged|[a-z])(?![A-Za-z_])"
        filled = re.sub(known, lambda match: self.placeholder(match[1]), value)
        for name in sorted(self.saved, key=len, reverse=True):
            filled = filled.replace(f"${name}", str(self.saved[name]))
        return filled


def member(body, path):
    for name in path.split("."):
        if isinstance(body, list):
            body = body[int(name)] if name.isdigit() and int(name) < len(body) else None
        else:
            body = (body or {}).get(name)
    return body


def snake(name):
    from botocore import xform_name

    return xform_name(name)


def perform(server, step, values):
    """The error's code, the status, and the answer."""
    client = server.client(step.get("service", "iot"))
    params = values.fill(step["params"])
    try:
        answer = getattr(client, snake(step["op"]))(**params)
        return None, answer["ResponseMetadata"]["HTTPStatusCode"], answer
    except ClientError as error:
        told = error.response
        status = told["ResponseMetadata"]["HTTPStatusCode"]
        return told["Error"]["Code"], status, {**told, **told["Error"]}


def check(step, values, outcome):
    error, status, body = outcome
    expect, where = step["expect"], (step, outcome)
    if "error" in expect:
        assert expect["error"] == "*" or error in expect["error"].split("|"), where
    else:
        assert error is None, where
    if "status" in expect:
        assert status == expect["status"], where
    if "message" in expect:
        assert body["Message"] == values.fill(expect["message"]), where
    if "message_contains" in expect:
        assert values.fill(expect["message_contains"]) in body["Message"], where
    for kind in ("subset", "contains_path"):
        for path, wanted in expect.get(kind, {}).items():
            assert member(body, path) == values.fill(wanted), (path, *where)
    for kind in ("regex", "regex_path"):
        for path, wanted in expect.get(kind, {}).items():
            assert re.search(values.fill(wanted), member(body, path)), (path, *where)
    for path in expect.get("present", []):
        assert member(body, path) is not None, (path, *where)
    for path in expect.get("absent", []):
        assert member(body, path) is None, (path, *where)
    for path, wanted in expect.get("not_equal", {}).items():
        assert member(body, path) != values.fill(wanted), (path, *where)
    for path, wanted in expect.get("length", {}).items():
        assert len(member(body, path)) == wanted, (path, *where)


@pytest.mark.parametrize("vector", VECTORS, ids=[vector["id"] for vector in VECTORS])
def test_the_vectors(server, vector):
    values = Values(server.client("iot"))
    for step in vector["steps"]:
        outcome = perform(server, step, values)
        if outcome[0] == "NotImplementedException":
            assert "is not implemented by thingcore yet" in outcome[2]["Message"]
            pytest.skip(f"{step['op']} is not built")
        check(step, values, outcome)
        for name, path in step.get("save", {}).items():
            values.saved[name] = member(outcome[2], path)


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
    iot.create_policy(policyName="more", policyDocument=DOCUMENT)
    assert decide("b", policyNamesToAdd=["more"])["authDecision"] == "ALLOWED"


def test_a_device_loses_its_connection_with_its_certificate(server, tmp_path):
    device = server.device(tmp_path, policy(("iot:*", "*")))
    with tls_client(server, device, "lamp", version=V5) as client:
        iot = server.client("iot")
        iot.update_certificate(certificateId=device.id, newStatus="INACTIVE")
        assert client.closed() == "Not authorized"
