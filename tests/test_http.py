"""The HTTP data plane: publish and retained messages, by signature and by client certificate."""

import asyncio
import json
import ssl

import pytest
import requests
from aiobotocore.session import get_session
from botocore.exceptions import ClientError
from requests.adapters import HTTPAdapter

from harness import DEADLINE_S, REGION, arn, policy
from mqtt_client import V5, plain_client


@pytest.fixture
def watcher(server):
    with plain_client(server, "watcher", version=V5) as client:
        client.subscribe("test/topic")
        yield client


def test_boto3_publishes_to_a_subscriber(server, watcher):
    server.client("iot-data").publish(topic="test/topic", qos=1, payload=b'{"from": "boto3"}')
    assert watcher.payload() == '{"from": "boto3"}'


def test_mqtt5_properties_of_a_publish_by_boto3_arrive(server, watcher):
    server.client("iot-data").publish(
        topic="test/topic",
        qos=1,
        payload=b"x",
        contentType="text/plain",
        responseTopic="answers/1",
        correlationData="Nw==",
        userProperties=json.dumps([{"unit": "celsius"}]),
        messageExpiry=60,
    )
    properties = watcher.message().properties
    assert properties.ContentType == "text/plain"
    assert properties.ResponseTopic == "answers/1"
    assert properties.CorrelationData == b"7"
    assert properties.UserProperty == [("unit", "celsius")]
    assert 0 < properties.MessageExpiryInterval <= 60


def test_aiobotocore_publishes_to_a_subscriber(server, watcher):
    async def publish():
        client = get_session().create_client(
            "iot-data",
            endpoint_url=server.api_url,
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )
        async with client as data:
            await data.publish(topic="test/topic", qos=1, payload=b"from aiobotocore")

    asyncio.run(publish())
    assert watcher.payload() == "from aiobotocore"


def test_the_aws_cli_publishes_to_a_subscriber(server, watcher):
    server.aws(
        "iot-data", "publish", "--topic", "test/topic", "--qos", 1, "--payload", "from the CLI"
    )
    assert watcher.payload() == "from the CLI"


class Alpn(HTTPAdapter):
    """TLS with a client certificate, and a name for ALPN if AWS would want one."""

    def __init__(self, device, name=None):
        self.context = ssl.create_default_context(cafile=device.ca)
        self.context.load_cert_chain(device.cert, device.key)
        if name:
            self.context.set_alpn_protocols([name])
        super().__init__()

    def init_poolmanager(self, *arguments, **options):
        super().init_poolmanager(*arguments, ssl_context=self.context, **options)


def post(server, device, topic, payload, alpn=None):
    with requests.Session() as session:
        session.mount("https://", Alpn(device, alpn))
        url = f"https://localhost:{server.https_port}/topics/{topic}?qos=1"
        return session.post(url, data=payload, timeout=DEADLINE_S, verify=str(device.ca))


@pytest.mark.parametrize("alpn", [None, "x-amzn-http-ca", "http/1.1"])
def test_a_device_publishes_with_its_certificate(server, tutorial_device, watcher, alpn):
    answer = post(server, tutorial_device, "test/topic", b"by https", alpn)
    assert (answer.status_code, answer.json()["message"]) == (200, "OK")
    assert watcher.payload() == "by https"


def test_a_publish_outside_the_policy_is_forbidden(server, tutorial_device, watcher):
    watcher.subscribe("test/#")
    answer = post(server, tutorial_device, "test/other", b"no")
    assert answer.status_code == 403
    assert answer.headers["x-amzn-errortype"].rstrip(":") == "ForbiddenException"
    assert answer.json()["message"]
    watcher.publish("test/end")
    assert watcher.message().topic == "test/end"


def test_a_publish_without_certificate_or_signature_is_refused(server):
    url = f"https://localhost:{server.https_port}/topics/test/topic?qos=1"
    answer = requests.post(url, data=b"no", verify=server.ca_file, timeout=DEADLINE_S)
    assert answer.status_code == 403


def test_retained_messages_are_shown_by_the_api(server):
    data = server.client("iot-data")
    with plain_client(server, "publisher") as publisher:
        publisher.publish("kept/a", "first", retain=True)
        publisher.publish("kept/b", "second", retain=True)
    data.publish(topic="kept/c", qos=1, payload=b"third", retain=True)

    kept = data.get_retained_message(topic="kept/a")
    assert (kept["topic"], kept["payload"], kept["qos"]) == ("kept/a", b"first", 1)
    pages = data.get_paginator("list_retained_messages").paginate(maxResults=1)
    listed = [summary for page in pages for summary in page["retainedTopics"]]
    assert [(m["topic"], m["payloadSize"]) for m in listed] == [
        ("kept/a", 5),
        ("kept/b", 6),
        ("kept/c", 5),
    ]

    data.publish(topic="kept/a", qos=1, payload=b"", retain=True)
    with pytest.raises(ClientError) as missing:
        data.get_retained_message(topic="kept/a")
    assert missing.value.response["Error"]["Code"] == "ResourceNotFoundException"


def test_reading_retained_messages_is_held_to_the_policy(server, tmp_path):
    device = server.device(tmp_path, policy(("iot:GetRetainedMessage", arn("topic", "kept/a"))))
    with plain_client(server, "publisher") as publisher:
        publisher.publish("kept/a", "mine", retain=True)
        publisher.publish("kept/b", "theirs", retain=True)
    with requests.Session() as session:
        session.mount("https://", Alpn(device))
        url = f"https://localhost:{server.https_port}/retainedMessage/kept%2F"
        statuses = [session.get(url + name, timeout=DEADLINE_S).status_code for name in "ab"]
    assert statuses == [200, 403]
