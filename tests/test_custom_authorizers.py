"""Custom authorizers: MQTT, WebSocket and HTTP clients that a function of the account lets in."""

import base64
import json

import pytest
import requests
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from authorizers import CODE, add_function, invoked
from harness import DEADLINE_S
from mqtt_client import V5, Client, plain_client


@pytest.fixture
def function(server, tmp_path):
    return add_function(server, tmp_path)


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
    event = invoked(server)[0]
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


def passwords(server, function):
    server.client("iot").create_authorizer(
        authorizerName="passwords",
        authorizerFunctionArn=function,
        signingDisabled=True,
        status="ACTIVE",
    )
    return client_of(server, "bob?x-amz-customauthorizer-name=passwords", "pass")


def test_the_connection_ends_when_its_time_is_over(own_server, tmp_path):
    """A server of its own: the clock cannot be set back."""
    server = own_server("--memory")
    client = passwords(server, add_function(server, tmp_path))
    with client.connect(server.https_port):
        server.advance(3600)
        assert client.closed() == "Not authorized"


@pytest.mark.parametrize("refused", [False, True], ids=["other-policies", "refused"])
def test_the_function_is_asked_again_when_its_policies_are_over(own_server, tmp_path, refused):
    server = own_server("--memory")
    client = passwords(server, add_function(server, tmp_path))
    client.keep_alive_s = 1200
    with client.connect(server.https_port):
        assert client.publish("room", "before") == 0
        server.advance(299)
        assert client.publish("room", "not yet") == 0
        assert len(invoked(server)) == 1
        # The same function by another name of its code: it allows a client less, or nothing.
        answer = ('"isAuthenticated": password', '"isAuthenticated": not password')
        policy = ("topic/room/secret", "topic/room")
        add_function(server, tmp_path / "later", CODE.replace(*(answer if refused else policy)))
        server.advance(1)
        # Each publish is an event that the server answers with what holds by then.
        while client.publish("room", "after") == 0:
            pass
        if not refused:
            assert client.publish("room/secret", "allowed now") == 0
