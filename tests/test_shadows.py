"""Device shadows by MQTT and HTTP: what the vectors say, and AWS's own shadow client."""

import json
import queue
import time

import pytest
import requests
from awscrt import mqtt as crt
from awsiot import ServiceStreamOptions, V2ServiceException, iotshadow
from botocore.exceptions import ClientError

from device_sdk import OPTIONS, sdk, sdk5
from harness import DEADLINE_S, ROOT, Server, arn, policy
from mqtt_client import V5, plain_client, tls_client
from test_http import Alpn

VECTORS = json.loads((ROOT / "things" / "tests" / "data" / "shadow.json").read_text())["vectors"]


@pytest.fixture(scope="module", params=["memory", "disk"])
def world(request, tmp_path_factory):
    """A server and a client that hears all of its shadow messages, in memory and on disk."""
    directory = tmp_path_factory.mktemp("shadows")
    flags = ["--memory"] if request.param == "memory" else ["--data-dir", directory / "data"]
    with Server(directory, *flags) as server, plain_client(server, "all", version=V5) as client:
        client.subscribe("$aws/things/+/shadow/#")
        yield server, client


@pytest.mark.parametrize("vector", VECTORS, ids=[vector["id"] for vector in VECTORS])
def test_the_vectors(world, vector):
    server, client = world
    thing = f"thing-{time.time_ns()}"
    for step in vector["steps"]:
        messages, answer = perform(server, client, thing, step)
        check_messages(thing, step, messages)
        if "expect_http" in step:
            check_http(thing, step["expect_http"], answer)


def payload(step):
    if "payload_hex" in step:
        return bytes.fromhex(step["payload_hex"])
    if "payload_raw" in step:
        return step["payload_raw"].encode()
    return json.dumps(step.get("payload", {})).encode()


def perform(server, client, thing, step):
    """What the service says after a step, by topic, and what HTTP answers."""
    door, _, operation = step["op"].partition("_")
    base = f"$aws/things/{thing}/shadow/"
    if "shadow" in step:
        base += f"name/{step['shadow']}/"
    answer = None
    if door == "mqtt":
        client.publish(base + operation, payload(step))
        assert client.message().topic == base + operation
    else:
        answer = http(server, thing, operation, step)
    # A further request on another thing is answered last.
    marker = f"$aws/things/{thing}-marker/shadow/get"
    client.publish(marker)
    messages = []
    while (message := client.message()).topic != f"{marker}/rejected":
        if message.topic != marker:
            assert message.topic.startswith(base), message.topic
            messages.append((message.topic.removeprefix(base), json.loads(message.payload)))
    return messages, answer


def http(server, thing, operation, step):
    data = server.client("iot-data")
    named = {"shadowName": step["shadow"]} if "shadow" in step else {}
    try:
        if operation == "list":
            return 200, data.list_named_shadows_for_thing(thingName=thing)
        if operation == "update":
            answer = data.update_thing_shadow(thingName=thing, payload=payload(step), **named)
        else:
            answer = getattr(data, f"{operation}_thing_shadow")(thingName=thing, **named)
        return 200, json.loads(answer["payload"].read())
    except ClientError as error:
        told = error.response
        return told["ResponseMetadata"]["HTTPStatusCode"], told["Error"]


def fits(wanted, found, thing):
    if isinstance(wanted, str):
        if wanted == "<ts>":
            return isinstance(found, int) and abs(found - time.time()) < 60
        if wanted == "<any>":
            return found is not None
        if wanted.startswith("<gt:"):
            return found > int(wanted[4:-1])
        return found == wanted.replace("<thing>", thing)
    if isinstance(wanted, dict):
        same = isinstance(found, dict) and wanted.keys() == found.keys()
        return same and all(fits(wanted[key], found[key], thing) for key in wanted)
    if isinstance(wanted, list):
        same = isinstance(found, list) and len(wanted) == len(found)
        return same and all(fits(a, b, thing) for a, b in zip(wanted, found, strict=True))
    return wanted == found


def absent(document, pointer):
    for name in pointer.strip("/").split("/"):
        if not isinstance(document, dict) or name not in document:
            return True
        document = document[name]
    return False


def check_messages(thing, step, messages):
    wanted = step["expect_messages"]
    assert sorted(topic for topic, _ in messages) == sorted(m["topic_suffix"] for m in wanted)
    for message in wanted:
        (found,) = (body for topic, body in messages if topic == message["topic_suffix"])
        for name, value in message["payload_subset"].items():
            assert fits(value, found.get(name), thing), (name, message, found)
        for pointer in message.get("payload_absent", []):
            assert absent(found, pointer), (pointer, found)


def check_http(thing, wanted, answer):
    status, body = answer
    assert status == wanted["status"], body
    for name, value in wanted.get("payload_subset", {}).items():
        assert fits(value, body.get(name), thing), (name, body)
    for name, value in wanted.get("unordered", {}).items():
        assert sorted(body[name]) == sorted(value)
    if "error_type" in wanted:
        assert body["Code"] == wanted["error_type"]
    if "message" in wanted:
        assert body["Message"] == wanted["message"].replace("<thing>", thing)


def shadow_document(**sections):
    return json.dumps({"state": sections})


def test_policies_decide_who_may_ask_and_who_may_hear(server, tmp_path):
    """Requests need iot:Publish, answers iot:Receive, like every other message."""
    base = "$aws/things/lamp/shadow"
    may = policy(
        ("iot:Connect", "*"),
        ("iot:Publish", arn("topic", f"{base}/get")),
        ("iot:Subscribe", arn("topicfilter", f"{base}/*")),
        ("iot:Receive", arn("topic", f"{base}/get/*")),
    )
    device = server.device(tmp_path, may)
    with tls_client(server, device, "lamp", version=V5) as client:
        client.subscribe(f"{base}/get/+", f"{base}/update/+")
        assert client.publish(f"{base}/update", shadow_document(reported={"on": True})) == 0x87
        data = server.client("iot-data")
        data.update_thing_shadow(thingName="lamp", payload=shadow_document(desired={"on": True}))
        client.publish(f"{base}/get", "{}")
        message = client.message()
        assert message.topic == f"{base}/get/accepted"
        assert json.loads(message.payload)["state"] == {
            "desired": {"on": True},
            "delta": {"on": True},
        }


def test_a_device_uses_its_shadow_over_https_with_its_certificate(server, tmp_path):
    may = policy(
        ("iot:GetThingShadow", arn("thing", "lamp")),
        ("iot:UpdateThingShadow", [arn("thing", "lamp"), arn("thing", "lamp/colour")]),
    )
    device = server.device(tmp_path, may)
    url = f"https://localhost:{server.https_port}/things/lamp/shadow"
    with requests.Session() as session:
        session.mount("https://", Alpn(device))
        options = {"verify": str(device.ca), "timeout": DEADLINE_S}
        body = shadow_document(reported={"on": False})
        assert session.post(url, data=body, **options).json()["version"] == 1
        assert session.get(url, **options).json()["state"] == {"reported": {"on": False}}
        named = {"params": {"name": "colour"}, **options}
        assert session.post(url, data=body, **named).status_code == 200
        for refused in (session.get(url, **named), session.delete(url, **options)):
            assert refused.status_code == 403
            assert refused.headers["x-amzn-errortype"].rstrip(":") == "ForbiddenException"


def test_a_publish_over_http_asks_the_shadow_too(server):
    with plain_client(server, "listener") as client:
        client.subscribe("$aws/things/lamp/shadow/update/accepted")
        topic, body = "$aws/things/lamp/shadow/update", shadow_document(reported={"on": True})
        server.client("iot-data").publish(topic=topic, qos=1, payload=body)
        assert json.loads(client.payload())["version"] == 1


def test_rules_see_the_messages_of_the_service(server):
    server.client("iot").create_topic_rule(
        ruleName="changes",
        topicRulePayload={
            "sql": "SELECT current.state.reported.on AS on FROM '$aws/things/+/shadow/update/documents'",
            "actions": [
                {"republish": {"topic": "changes", "roleArn": "arn:aws:iam::000000000000:role/r"}}
            ],
        },
    )
    with plain_client(server, "listener") as client:
        client.subscribe("changes")
        client.publish("$aws/things/lamp/shadow/update", shadow_document(reported={"on": 7}))
        assert client.payload() == '{"on":7}'


def test_lists_of_named_shadows_come_in_pages(server):
    data = server.client("iot-data")
    for name in "cab":
        body = shadow_document(reported={})
        data.update_thing_shadow(thingName="lamp", shadowName=name, payload=body)
    first = data.list_named_shadows_for_thing(thingName="lamp", pageSize=2)
    assert first["results"] == ["a", "b"]
    more = {"pageSize": 2, "nextToken": first["nextToken"]}
    second = data.list_named_shadows_for_thing(thingName="lamp", **more)
    assert second["results"] == ["c"]
    assert "nextToken" not in second


def test_shadows_survive_a_kill_and_not_a_reset(own_server, tmp_path):
    server = own_server("--data-dir", tmp_path / "data")
    body = shadow_document(desired={"on": True})
    server.client("iot-data").update_thing_shadow(thingName="lamp", payload=body)
    server.kill()
    server.start()
    answer = server.client("iot-data").get_thing_shadow(thingName="lamp")
    assert json.loads(answer["payload"].read())["state"]["delta"] == {"on": True}
    server.reset()
    with pytest.raises(ClientError) as missing:
        server.client("iot-data").get_thing_shadow(thingName="lamp")
    assert missing.value.response["Error"]["Code"] == "ResourceNotFoundException"


def test_the_shadow_client_of_the_device_sdk(server, device):
    qos, heard = crt.QoS.AT_LEAST_ONCE, queue.Queue()
    hear = heard.put

    def subscribe(method, request):
        subscribed, _ = method(request=request, qos=qos, callback=hear)
        subscribed.result(DEADLINE_S)

    def update_of(state, token):
        return iotshadow.UpdateShadowRequest(thing_name="lamp", state=state, client_token=token)

    def next_of(kind):
        answer = heard.get(timeout=DEADLINE_S)
        assert isinstance(answer, kind), answer
        return answer

    with sdk(server, device, "lamp") as connection:
        shadow = iotshadow.IotShadowClient(connection)
        update = iotshadow.UpdateShadowSubscriptionRequest(thing_name="lamp")
        subscribe(shadow.subscribe_to_update_shadow_accepted, update)
        subscribe(shadow.subscribe_to_update_shadow_rejected, update)
        get = iotshadow.GetShadowSubscriptionRequest(thing_name="lamp")
        subscribe(shadow.subscribe_to_get_shadow_accepted, get)
        subscribe(shadow.subscribe_to_get_shadow_rejected, get)
        delta = iotshadow.ShadowDeltaUpdatedSubscriptionRequest(thing_name="lamp")
        subscribe(shadow.subscribe_to_shadow_delta_updated_events, delta)

        request = iotshadow.GetShadowRequest(thing_name="lamp", client_token="first")
        shadow.publish_get_shadow(request, qos).result(DEADLINE_S)
        rejected = next_of(iotshadow.ErrorResponse)
        assert (rejected.code, rejected.client_token) == (404, "first")
        assert rejected.message == "No shadow exists with name: 'lamp'"

        state = iotshadow.ShadowState(reported={"color": "off"}, desired={"color": "red"})
        request = update_of(state, "second")
        shadow.publish_update_shadow(request, qos).result(DEADLINE_S)
        answers = [heard.get(timeout=DEADLINE_S) for _ in range(2)]
        answers.sort(key=lambda answer: type(answer).__name__)
        change, accepted = answers
        assert (change.state, change.version) == ({"color": "red"}, 1)
        assert accepted.client_token == "second"
        assert accepted.state.desired == {"color": "red"}

        state = iotshadow.ShadowState(reported={"color": "red"})
        request = update_of(state, "third")
        shadow.publish_update_shadow(request, qos).result(DEADLINE_S)
        assert next_of(iotshadow.UpdateShadowResponse).version == 2

        request = iotshadow.GetShadowRequest(thing_name="lamp", client_token="fourth")
        shadow.publish_get_shadow(request, qos).result(DEADLINE_S)
        got = next_of(iotshadow.GetShadowResponse)
        assert got.state.reported == got.state.desired == {"color": "red"}
        assert got.state.delta is None
    assert heard.empty()


def test_the_second_shadow_client_of_the_device_sdk(server, device):
    """It subscribes to `get/+` and `update/accepted` by itself, and to streams of events."""
    with sdk5(server, device, "lamp") as client:
        shadow = iotshadow.IotShadowClientV2(client, OPTIONS)
        changes, status = queue.Queue(), queue.Queue()
        options = ServiceStreamOptions(changes.put, status.put)
        request = iotshadow.ShadowDeltaUpdatedSubscriptionRequest(thing_name="lamp")
        stream = shadow.create_shadow_delta_updated_stream(request, options)
        stream.open()
        status.get(timeout=DEADLINE_S)

        state = iotshadow.ShadowState(desired={"color": "red"})
        request = iotshadow.UpdateShadowRequest(thing_name="lamp", state=state)
        assert shadow.update_shadow(request).result(DEADLINE_S).version == 1
        assert changes.get(timeout=DEADLINE_S).state == {"color": "red"}
        got = shadow.get_shadow(iotshadow.GetShadowRequest(thing_name="lamp")).result(DEADLINE_S)
        assert got.state.delta == {"color": "red"}
        shadow.delete_shadow(iotshadow.DeleteShadowRequest(thing_name="lamp")).result(DEADLINE_S)
        with pytest.raises(V2ServiceException) as refused:
            shadow.get_shadow(iotshadow.GetShadowRequest(thing_name="lamp")).result(DEADLINE_S)
        assert refused.value.modeled_error.code == 404
