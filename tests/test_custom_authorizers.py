"""Custom authorizers: MQTT, WebSocket and HTTP clients that a function of the account lets in."""

import base64
import json

import pytest
import requests
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from harness import ACCOUNT, DEADLINE_S, REGION, thingcore
from mqtt_client import V5, Client, plain_client

CODE = """
import json

def handler(event, context):
    print(json.dumps(event))
    mqtt = event["protocolData"].get("mqtt", {})
    http = event["protocolData"].get("http", {})
    password = mqtt.get("password") or http.get("headers", {}).get("password")
    allow = {"Effect": "Allow", "Action": "iot:*", "Resource": "*"}
    deny = {"Effect": "Deny", "Action": "iot:Publish", "Resource": "arn:aws:iot:*:*:topic/room/secret"}
    return {
        "isAuthenticated": password in ("cGFzcw==", "pass") or event.get("token") == "token",
        "principalId": "somebody",
        "policyDocuments": [{"Version": "2012-10-17", "Statement": [allow, deny]}],
        "disconnectAfterInSeconds": 3600,
        "refreshAfterInSeconds": 300,
    }
"""


@pytest.fixture
def function(server, tmp_path):
    code = tmp_path / "code"
    code.mkdir()
    (code / "app.py").write_text(CODE)
    name, handler = "authorize", "app.handler"
    done = thingcore(
        "function",
        "add",
        name,
        "--handler",
        handler,
        "--runtime",
        "python3",
        "--code",
        code,
        "--url",
        server.api_url,
    )
    assert done.returncode == 0, done.stderr
    return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"


@pytest.fixture
def authorizer(server, function):
    server.client("iot").create_authorizer(
        authorizerName="passwords",
        authorizerFunctionArn=function,
        signingDisabled=True,
        status="ACTIVE",
    )
    return "passwords"


def client_of(server, username, password, **more):
    client = Client("lamp", version=V5, **more).tls(ca=server.ca_file)
    client.paho.username_pw_set(username, password)
    return client


def test_a_password_lets_an_mqtt_client_in_with_the_returned_policies(server, authorizer):
    name = f"bob?x-amz-customauthorizer-name={authorizer}&SDK=test"
    with client_of(server, name, "pass").connect(server.https_port) as client:
        client.subscribe("room")
        assert client.publish("room", "hello") == 0
        assert client.payload() == "hello"
        assert client.publish("room/secret", "no") == 0x87
    logs = json.loads(server.admin("functions/authorize/logs"))["lines"]
    event = json.loads(next(line["text"] for line in logs if "protocolData" in line["text"]))
    assert event["protocols"] == ["tls", "mqtt"]
    assert event["protocolData"]["mqtt"] == {
        "clientId": "lamp",
        "username": name,
        "password": "cGFzcw==",
    }
    assert event["signatureVerified"] is False


def test_a_wrong_password_and_an_unknown_authorizer_are_refused(server, authorizer):
    for name, password in ((authorizer, "wrong"), ("none", "pass")):
        username = f"bob?x-amz-customauthorizer-name={name}"
        client = client_of(server, username, password).start(server.https_port)
        reason, _, _ = client.connacks.get(timeout=DEADLINE_S)
        assert reason == "Not authorized"
        client.close()


@pytest.mark.parametrize("username, password", [(None, None), ("", None), ("", ""), ("bob", None)])
def test_who_shows_nothing_is_refused(server, authorizer, username, password):
    """Also by an authorizer that is asked for want of another; the server goes on."""
    server.client("iot").set_default_authorizer(authorizerName=authorizer)
    client = Client("lamp", version=V5).tls(ca=server.ca_file)
    client.paho.username_pw_set(username, password)
    client.start(server.https_port)
    client.closed()
    assert client.connacks.empty() or client.connacks.get_nowait()[0].value == 0x87
    plain_client(server, "other").close()


def test_the_default_authorizer_is_asked_when_none_is_named(server, authorizer):
    server.client("iot").set_default_authorizer(authorizerName=authorizer)
    with client_of(server, "bob", "pass").connect(server.https_port):
        pass


def test_a_websocket_client_is_let_in(server, authorizer):
    client = client_of(server, "bob", "pass", transport="websockets")
    client.paho.ws_set_options(f"/mqtt?x-amz-customauthorizer-name={authorizer}")
    with client.connect(server.https_port):
        client.subscribe("room")
        client.publish("room", "by websocket")
        assert client.payload() == "by websocket"


def test_a_publish_by_https_is_let_in(server, authorizer):
    def post(topic, password):
        url = f"https://localhost:{server.https_port}/topics/{topic}?qos=1"
        headers = {"x-amz-customauthorizer-name": authorizer, "password": password}
        options = {"verify": server.ca_file, "timeout": DEADLINE_S}
        return requests.post(url, data=b"by https", headers=headers, **options)

    with plain_client(server, "listener") as listener:
        listener.subscribe("room")
        assert post("room", "pass").status_code == 200
        assert listener.payload() == "by https"
    assert post("room", "wrong").status_code == 403
    assert post("room/secret", "pass").status_code == 403


def test_a_token_must_be_signed(server, function):
    key = rsa.generate_private_key(65537, 2048)
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    public = key.public_key().public_bytes(serialization.Encoding.PEM, form).decode()
    iot = server.client("iot")
    iot.create_authorizer(
        authorizerName="tokens",
        authorizerFunctionArn=function,
        tokenKeyName="token",
        tokenSigningPublicKeys={"first": public},
        status="ACTIVE",
    )
    signature = base64.b64encode(key.sign(b"token", padding.PKCS1v15(), hashes.SHA256())).decode()
    tested = iot.test_invoke_authorizer(
        authorizerName="tokens", token="token", tokenSignature=signature
    )
    assert tested["isAuthenticated"] and tested["principalId"] == "somebody"
    assert json.loads(tested["policyDocuments"][0])["Version"] == "2012-10-17"
    with pytest.raises(ClientError):
        iot.test_invoke_authorizer(authorizerName="tokens", token="other", tokenSignature=signature)
    encoded = requests.utils.quote(signature, safe="")
    name = f"?x-amz-customauthorizer-name=tokens&x-amz-customauthorizer-signature={encoded}&token="
    with client_of(server, f"{name}token", None).connect(server.https_port):
        pass
    client = client_of(server, f"{name}stolen", None).start(server.https_port)
    reason, _, _ = client.connacks.get(timeout=DEADLINE_S)
    assert reason == "Not authorized"
    client.close()


def test_the_connection_ends_when_its_time_is_over(own_server, tmp_path):
    """A server of its own: the clock cannot be set back."""
    server = own_server("--memory")
    code = tmp_path / "code"
    code.mkdir()
    (code / "app.py").write_text(CODE)
    thingcore(
        "function",
        "add",
        "authorize",
        "--handler",
        "app.handler",
        "--runtime",
        "python3",
        "--code",
        code,
        "--url",
        server.api_url,
    )
    server.client("iot").create_authorizer(
        authorizerName="passwords",
        authorizerFunctionArn=f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:authorize",
        signingDisabled=True,
        status="ACTIVE",
    )
    client = client_of(server, "bob?x-amz-customauthorizer-name=passwords", "pass")
    with client.connect(server.https_port):
        url = f"{server.api_url}/_thingcore/clock"
        requests.post(url, json={"advance_ms": 3_600_000}, timeout=DEADLINE_S)
        assert client.closed() == "Not authorized"
