"""AWS's own device SDK for Python: MQTT 5 and 3, mutual TLS and WebSocket."""

import contextlib
import queue
import socket
import subprocess
import sys
import threading

import pytest
from awscrt import auth, http, mqtt, mqtt5
from awscrt.exceptions import AwsCrtError
from awsiot import mqtt5_client_builder, mqtt_connection_builder

from harness import DEADLINE_S, EXAMPLES, REGION, environment

TOPIC = "test/topic"


def test_the_tutorials_program_sends_and_receives(server, tutorial_device):
    done = pubsub(server, tutorial_device, "test-1", TOPIC, 10)
    assert done.returncode == 0, done.stdout
    received = [line for line in done.stdout.splitlines() if line.startswith("Received from")]
    assert received == [f"Received from '{TOPIC}': Hello World! [{n + 1}]" for n in range(10)]


def test_the_tutorials_program_is_refused_under_another_client_id(server, tutorial_device):
    done = pubsub(server, tutorial_device, "other-1", TOPIC, 10)
    assert done.returncode == 1
    assert "refused: AWS_ERROR_MQTT_UNEXPECTED_HANGUP" in done.stdout


def pubsub(server, device, client_id, topic, count):
    """Runs the example the way a user does."""
    return subprocess.run(
        [
            *(sys.executable, EXAMPLES / "python" / "pubsub.py"),
            *("--endpoint", "localhost", "--port", str(server.mqtts_port)),
            *("--ca_file", device.ca, "--cert", device.cert, "--key", device.key),
            *("--client_id", client_id, "--topic", topic, "--count", str(count)),
        ],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=2 * DEADLINE_S,
    )


class Sdk5:
    """The SDK's MQTT 5 client with its callbacks turned into events."""

    def __init__(self, builder, client_id, **options):
        self.received, self.lifecycle = queue.Queue(), queue.Queue()
        self.client = builder(
            endpoint="localhost",
            client_id=client_id,
            on_publish_received=lambda data: self.received.put(data.publish_packet),
            on_lifecycle_connection_success=lambda data: self.lifecycle.put(data.connack_packet),
            on_lifecycle_connection_failure=lambda data: self.lifecycle.put(data),
            on_lifecycle_disconnection=lambda data: self.lifecycle.put(data),
            on_lifecycle_stopped=lambda data: self.lifecycle.put("stopped"),
            **options,
        )

    def __enter__(self):
        self.client.start()
        self.outcome = self.lifecycle.get(timeout=DEADLINE_S)
        return self

    def __exit__(self, *_):
        self.client.stop()
        while self.lifecycle.get(timeout=DEADLINE_S) != "stopped":
            pass

    def subscribe(self, topic):
        packet = mqtt5.SubscribePacket([mqtt5.Subscription(topic, mqtt5.QoS.AT_LEAST_ONCE)])
        return self.client.subscribe(packet).result(DEADLINE_S).reason_codes[0]

    def publish(self, topic, payload):
        packet = mqtt5.PublishPacket(qos=mqtt5.QoS.AT_LEAST_ONCE, topic=topic, payload=payload)
        return self.client.publish(packet).result(DEADLINE_S).puback.reason_code

    def exchange(self):
        """Subscribes, publishes ten messages, receives ten."""
        assert self.subscribe(TOPIC) == mqtt5.SubackReasonCode.GRANTED_QOS_1
        for number in range(10):
            assert self.publish(TOPIC, f"{number}") == mqtt5.PubackReasonCode.SUCCESS
        got = [self.received.get(timeout=DEADLINE_S).payload.decode() for _ in range(10)]
        assert got == [f"{number}" for number in range(10)]


def files(device):
    return {
        "cert_filepath": str(device.cert),
        "pri_key_filepath": str(device.key),
        "ca_filepath": str(device.ca),
    }


def mtls5(server, device, client_id, **options):
    options.setdefault("port", server.mqtts_port)
    return Sdk5(mqtt5_client_builder.mtls_from_path, client_id, **files(device), **options)


def test_mqtt5_over_mutual_tls(server, tutorial_device):
    with mtls5(server, tutorial_device, "test-1") as sdk:
        assert sdk.outcome.reason_code == mqtt5.ConnectReasonCode.SUCCESS
        sdk.exchange()


def test_mqtt5_refuses_a_client_id_outside_the_policy(server, tutorial_device):
    with mtls5(server, tutorial_device, "other-1") as sdk:
        assert sdk.outcome.connack_packet.reason_code == mqtt5.ConnectReasonCode.NOT_AUTHORIZED


def test_mqtt5_refuses_topics_outside_the_policy_and_stays(server, tutorial_device):
    with mtls5(server, tutorial_device, "test-1") as sdk:
        assert sdk.publish("test/other", "x") == mqtt5.PubackReasonCode.NOT_AUTHORIZED
        assert sdk.subscribe("test/other") == mqtt5.SubackReasonCode.NOT_AUTHORIZED
        sdk.exchange()
        assert sdk.lifecycle.empty()


def test_mqtt5_over_alpn_as_the_sdk_does_it_on_port_443(server, tutorial_device):
    """The SDK asks for `x-amzn-mqtt-ca` on port 443 alone; a proxy leads that port here."""
    with tunnel({443: server.https_port}) as proxy:
        options = http.HttpProxyOptions("127.0.0.1", proxy)
        with mtls5(server, tutorial_device, "test-1", port=443, http_proxy_options=options) as sdk:
            assert sdk.outcome.reason_code == mqtt5.ConnectReasonCode.SUCCESS
            sdk.exchange()


def mtls3(server, device, client_id, **options):
    return mqtt_connection_builder.mtls_from_path(
        endpoint="localhost",
        client_id=client_id,
        clean_session=True,
        keep_alive_secs=30,
        **files(device),
        **{"port": server.mqtts_port, **options},
    )


def exchange3(connection):
    received = queue.Queue()
    connection.connect().result(DEADLINE_S)
    qos = mqtt.QoS.AT_LEAST_ONCE
    subscribed, _ = connection.subscribe(
        TOPIC, qos, callback=lambda topic, payload, **_: received.put(payload.decode())
    )
    assert subscribed.result(DEADLINE_S)["qos"] == qos
    for number in range(10):
        connection.publish(TOPIC, f"{number}", qos)[0].result(DEADLINE_S)
    assert [received.get(timeout=DEADLINE_S) for _ in range(10)] == [f"{n}" for n in range(10)]
    connection.disconnect().result(DEADLINE_S)


def test_mqtt3_over_mutual_tls(server, tutorial_device):
    exchange3(mtls3(server, tutorial_device, "test-1"))


def test_mqtt3_over_alpn_as_the_sdk_does_it_on_port_443(server, tutorial_device):
    with tunnel({443: server.https_port}) as proxy:
        options = http.HttpProxyOptions("127.0.0.1", proxy)
        exchange3(mtls3(server, tutorial_device, "test-1", port=443, http_proxy_options=options))


def test_mqtt3_is_hung_up_on_under_a_client_id_outside_the_policy(server, tutorial_device):
    with pytest.raises(AwsCrtError) as refused:
        mtls3(server, tutorial_device, "other-1").connect().result(DEADLINE_S)
    assert refused.value.name == "AWS_ERROR_MQTT_UNEXPECTED_HANGUP"


def test_mqtt3_is_hung_up_on_for_a_topic_outside_the_policy(server, tutorial_device):
    interrupted = queue.Queue()
    connection = mtls3(
        server,
        tutorial_device,
        "test-1",
        on_connection_interrupted=lambda connection, error, **_: interrupted.put(error.name),
    )
    connection.connect().result(DEADLINE_S)
    published, _ = connection.publish("test/other", "x", mqtt.QoS.AT_LEAST_ONCE)
    assert interrupted.get(timeout=DEADLINE_S) == "AWS_ERROR_MQTT_UNEXPECTED_HANGUP"
    connection.disconnect().result(DEADLINE_S)
    # A PUBACK would have made it succeed; the SDK gives up what is open when it disconnects.
    assert isinstance(published.exception(DEADLINE_S), AwsCrtError)


def websocket_options(server):
    keys = auth.AwsCredentialsProvider.new_static("test", "test")
    return {
        "region": REGION,
        "credentials_provider": keys,
        "port": server.https_port,
        "ca_filepath": server.ca_file,
    }


def test_mqtt5_over_websocket_with_signature(server):
    builder = mqtt5_client_builder.websockets_with_default_aws_signing
    with Sdk5(builder, "browser-1", **websocket_options(server)) as sdk:
        assert sdk.outcome.reason_code == mqtt5.ConnectReasonCode.SUCCESS
        sdk.exchange()


def test_mqtt3_over_websocket_with_signature(server):
    builder = mqtt_connection_builder.websockets_with_default_aws_signing
    connection = builder(
        endpoint="localhost",
        client_id="browser-1",
        clean_session=True,
        keep_alive_secs=30,
        **websocket_options(server),
    )
    exchange3(connection)


@contextlib.contextmanager
def tunnel(ports):
    """An HTTP proxy that knows CONNECT alone and leads each of these ports to another one here."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                threading.Thread(target=lead, args=(client,), daemon=True).start()

    def lead(client):
        request = b""
        while b"\r\n\r\n" not in request:
            request += client.recv(4096)
        wanted = int(request.split()[1].rpartition(b":")[2])
        server = socket.create_connection(("127.0.0.1", ports[wanted]))
        client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        pump = threading.Thread(target=copy, args=(server, client), daemon=True)
        pump.start()
        copy(client, server)
        pump.join()
        client.close()
        server.close()

    def copy(source, target):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)

    threading.Thread(target=serve, daemon=True).start()
    yield listener.getsockname()[1]
    listener.close()
