"""MQTT over WebSocket, by paho, with a signature made by botocore."""

import urllib.parse

import pytest
from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from paho.mqtt.client import WebsocketConnectionError

from harness import REGION, arn, policy
from mqtt_client import VERSIONS, Client, plain_client, tls_client

both = pytest.mark.parametrize("version", VERSIONS.values(), ids=VERSIONS.keys())


def signed(scheme, port, service="iotdevicegateway", token=None):
    """The path of /mqtt with a signature in its query, as AWS's SDKs make it."""
    request = AWSRequest("GET", f"{scheme}://localhost:{port}/mqtt")
    SigV4QueryAuth(Credentials("test", "test"), service, REGION, expires=300).add_auth(request)
    url = urllib.parse.urlsplit(request.url)
    # AWS wants the session token behind the signature, not under it.
    more = f"&X-Amz-Security-Token={urllib.parse.quote(token, safe='')}" if token else ""
    return f"{url.path}?{url.query}{more}"


def exchange(client):
    assert client.subscribe("test/topic") == [1]
    for number in range(10):
        assert client.publish("test/topic", f"{number}") == 0
    assert [client.payload() for _ in range(10)] == [f"{number}" for number in range(10)]


@both
@pytest.mark.parametrize("service", ["iotdevicegateway", "iotdata"])
def test_secure_websocket_with_signature(server, version, service):
    client = Client("browser-1", version=version, transport="websockets").tls(ca=server.ca_file)
    client.paho.ws_set_options(signed("https", server.https_port, service))
    with client.connect(server.https_port):
        exchange(client)


def test_a_session_token_may_stand_behind_the_signature(server):
    client = Client("browser-1", transport="websockets").tls(ca=server.ca_file)
    client.paho.ws_set_options(signed("https", server.https_port, token="a/token="))
    with client.connect(server.https_port):
        exchange(client)


def test_websocket_without_tls_on_the_api_port(server):
    client = Client("browser-1", transport="websockets")
    client.paho.ws_set_options(signed("http", server.api_port))
    with client.connect(server.api_port):
        exchange(client)


def test_websocket_and_tcp_clients_meet(server):
    client = Client("browser-1", transport="websockets").tls(ca=server.ca_file)
    client.paho.ws_set_options(signed("https", server.https_port))
    with client.connect(server.https_port), plain_client(server, "device-1") as other:
        client.subscribe("from/device")
        other.subscribe("from/browser")
        other.publish("from/device", "up" * 40_000)
        client.publish("from/browser", "down" * 20_000)
        assert client.payload() == "up" * 40_000
        assert other.payload() == "down" * 20_000


def test_websocket_without_credentials_is_refused(server):
    client = Client("browser-1", transport="websockets").tls(ca=server.ca_file)
    client.paho.ws_set_options("/mqtt")
    with pytest.raises(WebsocketConnectionError):
        client.start(server.https_port)


def test_websocket_with_a_client_certificate_is_held_to_its_policy(server, tmp_path):
    """AWS does not offer this; a client with a certificate gets what the certificate may do."""
    device = server.device(tmp_path, policy(("iot:Connect", arn("client", "ws-*"))))
    client = Client("other", transport="websockets").tls(device)
    client.paho.ws_set_options("/mqtt")
    client.start(server.https_port).closed()
    assert client.connacks.empty()


@both
def test_the_mqtt_port_speaks_mqtt_with_and_without_alpn(server, device, version):
    for alpn in (None, "x-amzn-mqtt-ca"):
        with (
            Client("c", version=version).tls(device, alpn=alpn).connect(server.mqtts_port) as client
        ):
            exchange(client)


@both
@pytest.mark.parametrize("alpn", ["x-amzn-mqtt-ca", None])
def test_the_https_port_speaks_mqtt_by_alpn_or_by_the_first_byte(server, device, version, alpn):
    with Client("c", version=version).tls(device, alpn=alpn).connect(server.https_port) as client:
        exchange(client)


@both
def test_plain_mqtt_is_anonymous_and_allowed_everything(server, version):
    with plain_client(server, "c", version=version) as client:
        exchange(client)


def test_the_newest_connection_of_a_client_id_stays(server, device):
    first = tls_client(server, device, "same")
    with tls_client(server, device, "same") as second:
        first.closed()
        exchange(second)
