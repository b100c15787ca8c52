"""Requests of rules to services that no server can be had of: they are what AWS's own SDK makes of
the same call, byte for byte, and signed as it signs them."""

import json

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest, AWSResponse
from botocore.credentials import Credentials

from harness import REGION
from mqtt_client import plain_client
from targets import ROLE, Endpoint, aws, make_rule

TIME = 1700000000
MESSAGE = {"t": 21.5, "id": "d 1", "lat": 52.25, "deep": {"a": [1, "ä"]}}
SITEWISE = {
    "entryId": "e",
    "propertyAlias": "/a/b",
    "propertyValues": [
        {
            "value": {"doubleValue": "${t}"},
            "quality": "GOOD",
            "timestamp": {"timeInSeconds": str(TIME), "offsetInNanos": "5"},
        }
    ],
}
LIST = "SELECT VALUE [t, id] FROM 'in'"


def ids(sent):
    """The ids that a batch was given."""
    return [message["messageId"] for message in sent["messages"]]


# Action, name of the service in boto3, the same call, and the SQL; the call gets what was sent, for
# what is chosen at random.
SAME_AS_BOTOCORE = {
    "location": (
        {
            "roleArn": ROLE,
            "trackerName": "t",
            "deviceId": "${id}",
            "latitude": "${lat}",
            "longitude": "13.5",
            "timestamp": {"value": str(TIME), "unit": "SECONDS"},
        },
        "location",
        lambda client, sent: client.batch_update_device_position(
            TrackerName="t",
            Updates=[{"DeviceId": "d 1", "SampleTime": TIME, "Position": [13.5, 52.25]}],
        ),
    ),
    "iotSiteWise": (
        {"roleArn": ROLE, "putAssetPropertyValueEntries": [SITEWISE]},
        "iotsitewise",
        lambda client, sent: client.batch_put_asset_property_value(
            entries=[
                {
                    "entryId": "e",
                    "propertyAlias": "/a/b",
                    "propertyValues": [
                        {
                            "value": {"doubleValue": 21.5},
                            "timestamp": {"timeInSeconds": TIME, "offsetInNanos": 5},
                            "quality": "GOOD",
                        }
                    ],
                }
            ]
        ),
    ),
    "stepFunctions": (
        {"roleArn": ROLE, "stateMachineName": "m"},
        "stepfunctions",
        lambda client, sent: client.start_execution(
            stateMachineArn="arn:aws:states:us-east-1:000000000000:stateMachine:m",
            input='{"t":21.5}',
        ),
    ),
    "timestream": (
        {
            "roleArn": ROLE,
            "databaseName": "db",
            "tableName": "t",
            "dimensions": [{"name": "d", "value": "${id}"}],
            "timestamp": {"value": str(TIME), "unit": "SECONDS"},
        },
        "timestream-write",
        lambda client, sent: client.write_records(
            DatabaseName="db",
            TableName="t",
            CommonAttributes={
                "Dimensions": [{"Name": "d", "Value": "d 1"}],
                "Time": str(TIME),
                "TimeUnit": "SECONDS",
            },
            Records=[{"MeasureName": "t", "MeasureValue": "21.5", "MeasureValueType": "DOUBLE"}],
        ),
    ),
    "kinesis": (
        {"roleArn": ROLE, "streamName": "s", "partitionKey": "p"},
        "kinesis",
        lambda client, sent: client.put_record(
            StreamName="s", Data=b'{"t":21.5}', PartitionKey="p"
        ),
    ),
    "firehose": (
        {"roleArn": ROLE, "deliveryStreamName": "s", "batchMode": True, "separator": "\n"},
        "firehose",
        lambda client, sent: client.put_record_batch(
            DeliveryStreamName="s", Records=[{"Data": b"21.5\n"}, {"Data": b'"d 1"\n'}]
        ),
        LIST,
    ),
    "iotAnalytics": (
        {"roleArn": ROLE, "channelName": "c"},
        "iotanalytics",
        lambda client, sent: client.batch_put_message(
            channelName="c", messages=[{"messageId": ids(sent)[0], "payload": b'{"t":21.5}'}]
        ),
    ),
    "iotAnalytics in batches": (
        {"roleArn": ROLE, "channelName": "c", "batchMode": True},
        "iotanalytics",
        lambda client, sent: client.batch_put_message(
            channelName="c",
            messages=[
                {"messageId": ids(sent)[0], "payload": b"21.5"},
                {"messageId": ids(sent)[1], "payload": b'"d 1"'},
            ],
        ),
        LIST,
    ),
    "iotEvents": (
        {"roleArn": ROLE, "inputName": "i", "messageId": "m-${id}"},
        "iotevents-data",
        lambda client, sent: client.batch_put_message(
            messages=[{"messageId": "m-d 1", "inputName": "i", "payload": b'{"t":21.5}'}]
        ),
    ),
    "iotEvents in batches": (
        {"roleArn": ROLE, "inputName": "i", "batchMode": True},
        "iotevents-data",
        lambda client, sent: client.batch_put_message(
            messages=[
                {"messageId": ids(sent)[0], "inputName": "i", "payload": b"21.5"},
                {"messageId": ids(sent)[1], "inputName": "i", "payload": b'"d 1"'},
            ]
        ),
        LIST,
    ),
}


def sent_by(own_server, action, sql):
    """What an action sends for the message, and the address that it sends to."""
    with Endpoint() as endpoint:
        url = f"http://127.0.0.1:{endpoint.port}"
        server = own_server("--memory", AWS_ENDPOINT_URL=url)
        make_rule(server, "r", sql, json.loads(json.dumps(action).replace("URL", url)))
        with plain_client(server, "device") as device:
            device.publish("in", json.dumps(MESSAGE, ensure_ascii=False))
        assert server.action("r")["outcome"] == "success"
        return endpoint.request(), url


def botocore_request(service, url, call, sent):
    """The request that botocore makes, without sending it."""
    client, kept = aws(service, url), []

    class Raw:
        def stream(self, *_, **__):
            yield b"{}"

    def keep(request, **_):
        kept.append(request)
        return AWSResponse(request.url, 200, {"content-type": "application/json"}, Raw())

    # Its own prefixes of host names do not resolve here.
    client.meta.config.inject_host_prefix = False
    client.meta.events.register("before-send", keep)
    call(client, sent)
    [request] = kept
    headers = {
        name.lower(): value.decode() if isinstance(value, bytes) else value
        for name, value in request.headers.items()
    }
    body = request.body or b""
    path = "/" + request.url.split("://", 1)[1].split("/", 1)[1]
    return request.method, path, headers, body.encode() if isinstance(body, str) else body


def respaced(body):
    """JSON with one way to put blanks: botocore has them between tokens, thingcore has none."""
    return json.dumps(json.loads(body), ensure_ascii=False).encode()


def authorization(headers):
    """The parts of an Authorization header."""
    parts = headers["authorization"].removeprefix("AWS4-HMAC-SHA256 ").split(", ")
    return dict(part.split("=", 1) for part in parts)


def check_signature(request, url):
    """The signature is the one that botocore makes for the same bytes at the same time."""
    method, path, headers, body = request
    given = authorization(headers)
    [key, _, region, service, _] = given["Credential"].split("/")
    assert (key, region) == ("test", REGION)
    signed = {name: headers[name] for name in given["SignedHeaders"].split(";")}
    again = AWSRequest(method=method, url=url + path, headers=signed, data=body)
    again.context["timestamp"] = headers["x-amz-date"]
    signer = SigV4Auth(Credentials("test", "test"), service, region)
    text = signer.string_to_sign(again, signer.canonical_request(again))
    assert signer.signature(text, again) == given["Signature"]


@pytest.mark.parametrize("kind", SAME_AS_BOTOCORE)
def test_a_request_is_the_one_that_botocore_makes(own_server, kind):
    action, service, call, *sql = SAME_AS_BOTOCORE[kind]
    [sql] = sql or ["SELECT t FROM 'in'"]
    ours, url = sent_by(own_server, {kind.split()[0]: action}, sql)
    theirs = botocore_request(service, url, call, json.loads(ours[3]))
    assert ours[:2] == theirs[:2]
    for name in ("content-type", "x-amz-target"):
        assert ours[2].get(name) == theirs[2].get(name), name
    assert int(ours[2]["content-length"]) == len(ours[3])
    scope = [
        authorization(headers)["Credential"].split("/")[2:] for _, _, headers, _ in (ours, theirs)
    ]
    assert scope[0] == scope[1]
    assert respaced(ours[3]) == respaced(theirs[3])
    check_signature(ours, url)


@pytest.mark.parametrize("kind", ["openSearch", "elasticsearch"])
def test_a_document_is_put_as_opensearch_has_it(own_server, kind):
    action = {"endpoint": "URL", "index": "rooms", "type": "_doc", "id": "${id}", "roleArn": ROLE}
    ours, url = sent_by(own_server, {kind: action}, "SELECT deep FROM 'in'")
    method, path, headers, body = ours
    # PUT {index}/{type}/{id} (OpenSearch documentation, "Index document").
    assert (method, path) == ("PUT", "/rooms/_doc/d%201")
    assert headers["content-type"] == "application/json"
    assert body == '{"deep":{"a":[1,"ä"]}}'.encode()
    assert authorization(headers)["Credential"].split("/")[3] == "es"
    check_signature(ours, url)


def test_a_prediction_is_asked_for_as_botocore_does(own_server):
    record = {"sensor": "a", "t": "21.5", "deep": {"a": 1}}
    answer = {
        "Prediction": {
            "details": {"PredictiveModelType": "BINARY", "Algorithm": "SGD"},
            "predictedLabel": "1",
            "predictedScores": {"1": 0.87},
        }
    }
    with Endpoint() as endpoint:
        endpoint.body = json.dumps(answer).encode()
        url = f"http://127.0.0.1:{endpoint.port}"
        server = own_server("--memory", AWS_ENDPOINT_URL_MACHINE_LEARNING=url)
        sql = f"SELECT machinelearning_predict('ml-1', '{ROLE}', record) AS p FROM 'in'"
        make_rule(server, "r", sql, {"republish": {"roleArn": ROLE, "topic": "out"}})
        with plain_client(server, "device") as device:
            device.subscribe("out")
            device.publish("in", json.dumps({"record": record}))
            predicted = json.loads(device.payload())["p"]
        ours = endpoint.request()
    assert predicted == answer["Prediction"]
    theirs = botocore_request(
        "machinelearning",
        url,
        lambda client, sent: client.predict(
            MLModelId="ml-1",
            # One level: what is nested is text.
            Record=record | {"deep": '{"a":1}'},
            PredictEndpoint="https://realtime.machinelearning.us-east-1.amazonaws.com",
        ),
        None,
    )
    assert ours[:2] == theirs[:2]
    for name in ("content-type", "x-amz-target"):
        assert ours[2][name] == theirs[2][name]
    assert respaced(ours[3]) == respaced(theirs[3])
    check_signature(ours, url)
