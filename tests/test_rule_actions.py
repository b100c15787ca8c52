"""Rule actions against servers of their kind: moto's, an HTTPS endpoint of our own, and, where
there is no server to be had, the request that AWS's own SDK makes for the same call."""

import http.server
import json
import queue
import ssl
import threading
import time
import urllib.request

import boto3
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

import certificates
from harness import DEADLINE_S, REGION, ROOT, thingcore
from mqtt_client import plain_client

ROLE = "arn:aws:iam::000000000000:role/r"


def aws(service, url):
    """A boto3 client of somebody else's server."""
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    return boto3.client(service, endpoint_url=url, region_name=REGION, **keys)


def make_rule(server, name, sql, *actions, **more):
    payload = {"sql": sql, "awsIotSqlVersion": "2016-03-23", "actions": list(actions), **more}
    server.client("iot").create_topic_rule(ruleName=name, topicRulePayload=payload)


@pytest.fixture
def against_moto(own_server, moto):
    """Runs one action with one message and gives what became of it."""
    # moto's account.
    server = own_server("--memory", "--account-id", "123456789012", AWS_ENDPOINT_URL=moto)
    with plain_client(server, "device") as device:
        last = 0

        def run(action, payload, sql="SELECT * FROM 'in'"):
            nonlocal last
            make_rule(server, "r", sql, action)
            device.publish("in", payload)
            record = server.action("r", after=last)
            server.client("iot").delete_topic_rule(ruleName="r")
            last = record["seq"]
            assert record["outcome"] == "success", record

        yield run


def test_log_events_go_to_a_stream_that_is_made_for_them(against_moto, moto):
    logs = aws("logs", moto)
    logs.create_log_group(logGroupName="rules")
    action = {"cloudwatchLogs": {"roleArn": ROLE, "logGroupName": "rules"}}
    against_moto(action, '{"t":1}')
    now = int(time.time() * 1000)
    events = [{"timestamp": now - 5, "message": "b"}, {"timestamp": now - 9, "message": "a"}]
    action["cloudwatchLogs"]["batchMode"] = True
    against_moto(action, json.dumps({"e": events}), "SELECT VALUE e FROM 'in'")
    [stream] = logs.describe_log_streams(logGroupName="rules")["logStreams"]
    found = logs.get_log_events(logGroupName="rules", logStreamName=stream["logStreamName"])
    assert sorted(e["message"] for e in found["events"]) == ["a", "b", '{"t":1}']


def test_an_alarm_changes_its_state(against_moto, moto):
    alarms = aws("cloudwatch", moto)
    alarms.put_metric_alarm(
        AlarmName="hot",
        MetricName="t",
        Namespace="n",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
        Statistic="Average",
    )
    action = {
        "roleArn": ROLE,
        "alarmName": "hot",
        "stateReason": "t is ${t}",
        "stateValue": "ALARM",
    }
    against_moto({"cloudwatchAlarm": action}, '{"t":31}')
    [alarm] = alarms.describe_alarms(AlarmNames=["hot"])["MetricAlarms"]
    assert (alarm["StateValue"], alarm["StateReason"]) == ("ALARM", "t is 31")


def test_an_execution_is_started_with_the_result(against_moto, moto):
    states = aws("stepfunctions", moto)
    definition = json.dumps({"StartAt": "a", "States": {"a": {"Type": "Succeed"}}})
    states.create_state_machine(name="m", definition=definition, roleArn=ROLE)
    [machine] = states.list_state_machines()["stateMachines"]
    action = {"roleArn": ROLE, "stateMachineName": "m", "executionNamePrefix": "p-"}
    against_moto({"stepFunctions": action}, '{"t":1}')
    [run] = states.list_executions(stateMachineArn=machine["stateMachineArn"])["executions"]
    assert run["name"].startswith("p-")


def test_records_are_written_to_timestream(against_moto, moto):
    client = aws("timestream-write", moto)
    client.create_database(DatabaseName="db")
    client.create_table(DatabaseName="db", TableName="t")
    action = {
        "roleArn": ROLE,
        "databaseName": "db",
        "tableName": "t",
        "dimensions": [{"name": "device", "value": "${clientId()}"}],
    }
    against_moto({"timestream": action}, '{"t":21.5,"on":true}')


def test_secrets_and_items_are_fetched_by_sql(own_server, moto):
    aws("secretsmanager", moto).create_secret(Name="s", SecretString='{"user":"u"}')
    tables = aws("dynamodb", moto)
    tables.create_table(
        TableName="devices",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    )
    item = {"id": {"S": "lamp"}, "room": {"S": "hall"}, "n": {"N": "7"}}
    tables.put_item(TableName="devices", Item=item)
    server = own_server("--memory", AWS_ENDPOINT_URL=moto)
    server.client("iot").create_thing(
        thingName="lamp", attributePayload={"attributes": {"color": "red"}}
    )
    sql = f"""SELECT get_secret('s', 'SecretString', 'user', '{ROLE}') AS user,
        get_dynamodb('devices', 'id', id, '{ROLE}') AS item,
        get_registry_data('DescribeThing', id, '{ROLE}').attributes.color AS color FROM 'in'"""
    make_rule(server, "r", sql, {"republish": {"roleArn": ROLE, "topic": "out"}})
    with plain_client(server, "device") as device:
        device.subscribe("out")
        device.publish("in", '{"id":"lamp"}')
        item = {"id": "lamp", "room": "hall", "n": 7}
        assert json.loads(device.payload()) == {"user": "u", "item": item, "color": "red"}


def test_a_function_answers_sql(server, tmp_path):
    code = tmp_path / "code"
    code.mkdir()
    (code / "app.py").write_text(
        "def handler(event, context):\n    return {'twice': event['n'] * 2}\n"
    )
    added = thingcore(
        *("function", "add", "double", "--handler", "app.handler", "--runtime", "python3"),
        *("--code", code, "--url", server.api_url),
    )
    assert added.returncode == 0, added.stderr
    function = "arn:aws:lambda:us-east-1:000000000000:function:double"
    sql = f"SELECT aws_lambda('{function}', *).twice AS n FROM 'in'"
    make_rule(server, "r", sql, {"republish": {"roleArn": ROLE, "topic": "out"}})
    with plain_client(server, "device") as device:
        device.subscribe("out")
        device.publish("in", '{"n":21}')
        assert json.loads(device.payload()) == {"n": 42}


class Endpoint:
    """A web server that keeps what it is sent, and answers as it is told."""

    def __init__(self, context=None):
        self.requests, self.statuses = queue.Queue(), []

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(handler):
                body = handler.rfile.read(int(handler.headers.get("content-length", 0)))
                headers = {name.lower(): value for name, value in handler.headers.items()}
                self.requests.put((handler.command, handler.path, headers, body))
                status = self.statuses.pop(0) if self.statuses else 200
                handler.send_response(status)
                handler.send_header("content-length", "2")
                handler.end_headers()
                handler.wfile.write(b"{}")

            do_GET = do_POST = do_PUT = answer

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if context:
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]

    def request(self):
        return self.requests.get(timeout=DEADLINE_S)

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def https_endpoint(tmp_path):
    """An HTTPS endpoint, and the CA file that vouches for it."""
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca = certificates.certificate("ca", "ca", ca_key, ca_key)
    own = certificates.server_certificate("localhost", "ca", key, ca_key)
    (tmp_path / "ca.pem").write_text(certificates.pem(ca))
    (tmp_path / "own.pem").write_text(certificates.pem(own) + certificates.key_pem(key))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "own.pem")
    with Endpoint(context) as endpoint:
        yield endpoint, tmp_path / "ca.pem"


def wait_for_status(iot, destination, status):
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        found = iot.get_topic_rule_destination(arn=destination)["topicRuleDestination"]
        if found["status"] == status:
            return found
        time.sleep(0.01)
    raise AssertionError(found)


def test_an_https_endpoint_is_confirmed_and_gets_messages(own_server, https_endpoint):
    endpoint, ca = https_endpoint
    server = own_server("--memory", SSL_CERT_FILE=ca)
    iot = server.client("iot")
    base = f"https://localhost:{endpoint.port}"
    headers = [{"key": "x-device", "value": "${clientId()}"}]
    action = {"url": f"{base}/in/${{kind}}?a=b", "confirmationUrl": base, "headers": headers}
    error = {"republish": {"roleArn": ROLE, "topic": "errors"}}
    make_rule(server, "r", "SELECT t FROM 'in'", {"http": action}, errorAction=error)
    # The rule made its destination, and the owner is asked.
    [destination] = iot.list_topic_rule_destinations()["destinationSummaries"]
    assert destination["httpUrlSummary"] == {"confirmationUrl": base}
    assert destination["status"] == "IN_PROGRESS"
    method, path, sent, body = endpoint.request()
    told = json.loads(body)
    assert (method, path) == ("POST", f"/?confirmationToken={told['confirmationToken']}")
    assert sent["x-amz-rules-engine-message-type"] == "DestinationConfirmation"
    assert sent["x-amz-rules-engine-destination-arn"] == told["arn"] == destination["arn"]
    assert told["messageType"] == "DestinationConfirmation"

    with plain_client(server, "device") as device:
        device.subscribe("errors")
        device.publish("in", '{"t":1,"kind":"k"}')
        refused = json.loads(device.payload())["failures"][0]
        assert refused["failedAction"] == "HttpAction"
        assert "not confirmed" in refused["errorMessage"]

        # The owner follows the link, without credentials.
        with urllib.request.urlopen(told["enableUrl"], timeout=DEADLINE_S) as answer:
            assert answer.status == 200
        wait_for_status(iot, destination["arn"], "ENABLED")
        device.publish("in", '{"t":2,"kind":"k"}')
        method, path, sent, body = endpoint.request()
        assert (method, path, body) == ("POST", "/in/k?a=b", b'{"t":2}')
        assert (sent["x-device"], sent["content-type"]) == ("device", "application/json")
        assert "authorization" not in sent

        # Server errors are tried three times, then the error action has AWS's text.
        endpoint.statuses += [500, 503, 500]
        device.publish("in", '{"t":3,"kind":"k"}')
        failed = json.loads(device.payload())["failures"][0]
        assert failed["failedResource"] == f"{base}/in/k?a=b"
        assert failed["errorMessage"] == (
            "HttpAction failed to make a request to the specified endpoint. "
            "StatusCode: 500. Reason: Internal Server Error."
        )
        assert [endpoint.request()[3] for _ in range(3)] == [b'{"t":3}'] * 3
        # Others are not, and the endpoint gets what comes after.
        endpoint.statuses += [404]
        device.publish("in", '{"t":4,"kind":"k"}')
        assert "StatusCode: 404" in json.loads(device.payload())["failures"][0]["errorMessage"]
        endpoint.request()
        iot.update_topic_rule_destination(arn=destination["arn"], status="DISABLED")
        device.publish("in", '{"t":5,"kind":"k"}')
        assert "disabled" in json.loads(device.payload())["failures"][0]["errorMessage"]
        iot.update_topic_rule_destination(arn=destination["arn"], status="ENABLED")
        device.publish("in", '{"t":6,"kind":"k"}')
        assert endpoint.request()[3] == b'{"t":6}'


def test_an_endpoint_that_nobody_vouches_for_is_not_confirmed(own_server, https_endpoint):
    endpoint, _ = https_endpoint
    server = own_server("--memory")
    iot = server.client("iot")
    url = {"httpUrlConfiguration": {"confirmationUrl": f"https://localhost:{endpoint.port}"}}
    made = iot.create_topic_rule_destination(destinationConfiguration=url)["topicRuleDestination"]
    assert "could not be sent" in wait_for_status(iot, made["arn"], "ERROR")["statusReason"]
    with pytest.raises(iot.exceptions.ResourceAlreadyExistsException):
        iot.create_topic_rule_destination(destinationConfiguration=url)
    iot.delete_topic_rule_destination(arn=made["arn"])
    assert iot.list_topic_rule_destinations()["destinationSummaries"] == []


def essence(request):
    """What of a request is the operation's; signature, time and user agent are not."""
    method, path, headers, body = request
    kept = {name: headers.get(name) for name in ("content-type", "x-amz-target")}
    try:
        body = json.loads(body)
    except ValueError:
        body = body.decode()
    service = headers["authorization"].split("Credential=")[1].split("/")[3]
    return method, path, kept, service, body


TIME = 1700000000
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
SAME_AS_BOTOCORE = {
    "location": (
        {
            "location": {
                "roleArn": ROLE,
                "trackerName": "t",
                "deviceId": "${id}",
                "latitude": "${lat}",
                "longitude": "13.5",
                "timestamp": {"value": str(TIME), "unit": "SECONDS"},
            }
        },
        "location",
        lambda client: client.batch_update_device_position(
            TrackerName="t",
            Updates=[{"DeviceId": "d 1", "SampleTime": TIME, "Position": [13.5, 52.25]}],
        ),
    ),
    "iotSiteWise": (
        {"iotSiteWise": {"roleArn": ROLE, "putAssetPropertyValueEntries": [SITEWISE]}},
        "iotsitewise",
        lambda client: client.batch_put_asset_property_value(
            entries=[
                {
                    "entryId": "e",
                    "propertyAlias": "/a/b",
                    "propertyValues": [
                        {
                            "value": {"doubleValue": 21.5},
                            "quality": "GOOD",
                            "timestamp": {"timeInSeconds": TIME, "offsetInNanos": 5},
                        }
                    ],
                }
            ]
        ),
    ),
    "stepFunctions": (
        {"stepFunctions": {"roleArn": ROLE, "stateMachineName": "m"}},
        "stepfunctions",
        lambda client: client.start_execution(
            stateMachineArn="arn:aws:states:us-east-1:000000000000:stateMachine:m",
            input='{"t":21.5}',
        ),
    ),
    "timestream": (
        {
            "timestream": {
                "roleArn": ROLE,
                "databaseName": "db",
                "tableName": "t",
                "dimensions": [{"name": "d", "value": "${id}"}],
                "timestamp": {"value": str(TIME), "unit": "SECONDS"},
            }
        },
        "timestream-write",
        lambda client: client.write_records(
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
        {"kinesis": {"roleArn": ROLE, "streamName": "s", "partitionKey": "p"}},
        "kinesis",
        lambda client: client.put_record(StreamName="s", Data=b'{"t":21.5}', PartitionKey="p"),
    ),
}


@pytest.mark.parametrize("kind", SAME_AS_BOTOCORE)
def test_a_request_is_the_one_that_botocore_makes(own_server, kind):
    action, service, call = SAME_AS_BOTOCORE[kind]
    with Endpoint() as endpoint:
        url = f"http://127.0.0.1:{endpoint.port}"
        server = own_server("--memory", AWS_ENDPOINT_URL=url)
        make_rule(server, "r", "SELECT t FROM 'in'", action)
        with plain_client(server, "device") as device:
            device.publish("in", json.dumps({"t": 21.5, "id": "d 1", "lat": 52.25}))
        assert server.action("r")["outcome"] == "success"
        ours = essence(endpoint.request())
        client = aws(service, url)
        # Its own prefixes of host names do not resolve here, nor does it find an endpoint.
        client.meta.config.inject_host_prefix = False
        client.meta.events.register("before-send", lambda request, **_: keep(endpoint, request))
        call(client)
        assert ours == essence(endpoint.request())


def keep(endpoint, request):
    """Keeps botocore's request without sending it."""
    from botocore.awsrequest import AWSResponse

    headers = {
        name.lower(): value.decode() if isinstance(value, bytes) else value
        for name, value in request.headers.items()
    }
    path = "/" + request.url.split("://", 1)[1].split("/", 1)[1]
    body = request.body or b""
    body = body.encode() if isinstance(body, str) else body
    endpoint.requests.put((request.method, path, headers, body))

    class Raw:
        def stream(self, *_, **__):
            yield b'{"Endpoints":[{"Address":"localhost","CachePeriodInMinutes":9}]}'

    return AWSResponse(request.url, 200, {"content-type": "application/json"}, Raw())


def vectors():
    """Vectors of the SQL that need nothing but a message, with a JSON result."""
    document = json.loads((ROOT / "rules/tests/data/sql.json").read_text())
    all_of_them = document if isinstance(document, list) else document["vectors"]
    plain = {"id", "source", "sql_version", "sql", "topic", "payload", "expect", "derived", "note"}
    chosen = [
        vector
        for vector in all_of_them
        if set(vector) <= plain
        and set(vector["expect"]) == {"matched", "output"}
        and "timestamp" not in vector["sql"].lower()
        and not vector["topic"].startswith("$")
    ]
    return chosen[:: max(1, len(chosen) // 60)][:60]


def close(left, right):
    if isinstance(left, float) or isinstance(right, float):
        return left == pytest.approx(right, rel=1e-9)
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(close(left[k], right[k]) for k in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(close, left, right))
    return left == right


def test_vectors_hold_end_to_end(server):
    chosen = vectors()
    assert len(chosen) >= 50
    iot = server.client("iot")
    wrong = []
    with plain_client(server, "device") as device:
        device.subscribe("results/#")
        for number, vector in enumerate(chosen):
            republish = {"republish": {"roleArn": ROLE, "topic": f"results/{number}"}}
            payload = {"sql": vector["sql"], "actions": [republish]}
            if "sql_version" in vector:
                payload["awsIotSqlVersion"] = vector["sql_version"]
            iot.create_topic_rule(ruleName="v", topicRulePayload=payload)
            device.publish(vector["topic"], json.dumps(vector["payload"]))
            message = device.message()
            assert message.topic == f"results/{number}"
            iot.delete_topic_rule(ruleName="v")
            if not close(json.loads(message.payload), vector["expect"]["output"]):
                wrong.append((vector["id"], message.payload, vector["expect"]["output"]))
    assert wrong == []


def test_a_rule_is_explained(server):
    make_rule(
        server,
        "hot",
        "SELECT t FROM 'in' WHERE t > 20",
        {"republish": {"roleArn": ROLE, "topic": "out"}},
    )
    with plain_client(server, "device") as device:
        device.subscribe("out")
        for t in (19, 21):
            device.publish("in", json.dumps({"t": t}))
        device.payload()
    server.action("hot")
    shown = json.loads(server.admin("rules/hot"))
    assert (shown["matched_topic"], shown["fired"], shown["not_fired"]) == (2, 1, 1)
    assert shown["actions"]["republish"]["success"] == 1
    assert shown["records"][0]["request"]["url"] == "out"
    told = thingcore("rules", "explain", "hot", "--url", server.api_url)
    assert told.returncode == 0, told.stderr
    assert "fired 1, not fired 1" in told.stdout
    assert "in -> republish out success" in told.stdout
    missing = thingcore("rules", "explain", "cold", "--url", server.api_url)
    assert missing.returncode == 1
    assert "no rule `cold`" in missing.stderr


def test_rules_test_says_which_part_of_where_does_not_hold():
    done = thingcore(
        *("rules", "test", "--sql", "SELECT * FROM 'a/+' WHERE t > 20 AND on"),
        *("--topic", "a/b", "--payload", '{"t": 19}'),
    )
    assert json.loads(done.stdout) == {"matched": False}
    assert done.stderr.splitlines() == [
        "WHERE t > 20 is false: 19 and 20",
        "WHERE on is Undefined",
    ]
    done = thingcore(
        *("rules", "test", "--sql", "SELECT * FROM 'a/+'", "--topic", "b", "--payload", "{}"),
    )
    assert done.stderr == "FROM 'a/+' does not match the topic b\n"


class Broken(Endpoint):
    """An endpoint that answers 500, cuts connections, or hangs, until it is mended."""

    def __init__(self):
        super().__init__()
        self.behaviour, self.mended = "500", threading.Event()
        handler = self.server.RequestHandlerClass
        well = handler.answer

        def answer(this):
            if self.behaviour == "500":
                self.statuses.append(500)
            elif self.behaviour == "cut":
                this.close_connection = True
                this.connection.close()
                return
            elif self.behaviour == "hang":
                self.mended.wait(DEADLINE_S)
            well(this)

        handler.do_PUT = answer


@pytest.mark.parametrize("behaviour", ["500", "cut", "hang"])
def test_a_broken_target_costs_publishers_nothing_and_counts_add_up(own_server, behaviour):
    messages = 200
    with Broken() as target:
        target.behaviour = behaviour
        server = own_server("--memory", AWS_ENDPOINT_URL_S3=f"http://127.0.0.1:{target.port}")
        s3 = {"s3": {"roleArn": ROLE, "bucketName": "bucket", "key": "k"}}
        error = {"republish": {"roleArn": ROLE, "topic": "errors"}}
        make_rule(server, "r", "SELECT * FROM 'in'", s3, errorAction=error)
        with plain_client(server, "device") as device:
            device.subscribe("errors", "beside")
            began = time.monotonic()
            for n in range(messages):
                device.publish("in", json.dumps({"n": n}))
            took = time.monotonic() - began
            device.publish("beside", b"x")
            assert took < 5, took
            if behaviour == "hang":
                target.behaviour = "well"
                target.mended.set()
            else:
                # One error for each message that was worked on while the target was broken.
                told = next(m for m in iter(device.message, None) if m.topic == "errors")
                told = json.loads(told.payload)
                assert told["failures"][0]["failedAction"] == "S3Action"
                assert told["failures"][0]["failedResource"] == "bucket"
                target.behaviour = "well"
            deadline = time.monotonic() + DEADLINE_S
            while time.monotonic() < deadline:
                shown = json.loads(server.admin("rules/r"))
                counts = shown["actions"].get("s3", {"success": 0, "failure": 0})
                if shown["fired"] + shown["dropped"] == messages and (
                    counts["success"] + counts["failure"] == shown["fired"]
                ):
                    break
                time.sleep(0.02)
            else:
                raise AssertionError(shown)
            errors = shown["actions"].get("republish", {"error_action_success": 0})
            assert errors["error_action_success"] == counts["failure"]
            assert counts["success"] > 0
            last = server.action(
                "r", after=json.loads(server.admin("actions?limit=1000"))["next"] - 1
            )
            device.publish("in", b"{}")
            assert server.action("r", after=last["seq"])["outcome"] == "success"


def test_a_shadow_is_read_by_sql(server):
    server.client("iot").create_thing(thingName="lamp")
    state = json.dumps({"state": {"reported": {"on": True}}})
    server.client("iot-data").update_thing_shadow(thingName="lamp", payload=state)
    sql = f"SELECT get_thing_shadow(id, '{ROLE}').state.reported.on AS lit FROM 'in'"
    make_rule(server, "r", sql, {"republish": {"roleArn": ROLE, "topic": "out"}})
    with plain_client(server, "device") as device:
        device.subscribe("out")
        device.publish("in", '{"id":"lamp"}')
        assert json.loads(device.payload()) == {"lit": True}
