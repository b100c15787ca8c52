"""Rule actions against servers of their kind: moto's and an HTTPS endpoint of our own; and what the
command line says of rules."""

import datetime
import json
import ssl
import time
import urllib.error
import urllib.request

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

import certificates
from harness import DEADLINE_S, ROOT, thingcore
from mqtt_client import plain_client
from targets import ROLE, Endpoint, aws, make_rule, wait_for_status


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


def queue_messages(moto, url):
    """The bodies of the messages that wait in a queue."""
    found = aws("sqs", moto).receive_message(QueueUrl=url, MaxNumberOfMessages=10)
    return [message["Body"] for message in found.get("Messages", [])]


def test_objects_and_messages_are_in_moto(against_moto, moto):
    s3, sqs, sns = aws("s3", moto), aws("sqs", moto), aws("sns", moto)
    s3.create_bucket(Bucket="objects")
    action = {"roleArn": ROLE, "bucketName": "objects", "key": "${topic()}/${n}"}
    against_moto({"s3": action | {"cannedAcl": "public-read"}}, '{"n":1}')
    assert s3.get_object(Bucket="objects", Key="in/1")["Body"].read() == b'{"n":1}'
    grants = s3.get_object_acl(Bucket="objects", Key="in/1")["Grants"]
    assert "READ" in [grant["Permission"] for grant in grants]

    url = sqs.create_queue(QueueName="plain")["QueueUrl"]
    against_moto({"sqs": {"roleArn": ROLE, "queueUrl": url, "useBase64": False}}, '{"n":2}')
    against_moto({"sqs": {"roleArn": ROLE, "queueUrl": url, "useBase64": True}}, '{"n":3}')
    assert sorted(queue_messages(moto, url)) == ["eyJuIjozfQ==", '{"n":2}']

    topic = sns.create_topic(Name="news")["TopicArn"]
    url = sqs.create_queue(QueueName="readers")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn["QueueArn"])
    raw = {"sns": {"roleArn": ROLE, "targetArn": topic, "messageFormat": "RAW"}}
    structured = {"sns": {"roleArn": ROLE, "targetArn": topic, "messageFormat": "JSON"}}
    against_moto(raw, '{"n":4}')
    against_moto(structured, '{"default":"all","sqs":"for queues"}')
    got = [json.loads(body)["Message"] for body in queue_messages(moto, url)]
    assert sorted(got) == ["for queues", '{"n":4}']


def test_items_and_records_are_in_moto(against_moto, moto):
    tables = aws("dynamodb", moto)
    tables.create_table(
        TableName="rows",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[
            {"AttributeName": "id", "KeyType": "HASH"},
            {"AttributeName": "n", "KeyType": "RANGE"},
        ],
        AttributeDefinitions=[
            {"AttributeName": "id", "AttributeType": "S"},
            {"AttributeName": "n", "AttributeType": "N"},
        ],
    )
    keys = {"hashKeyField": "id", "hashKeyValue": "${id}", "rangeKeyField": "n"}
    keys |= {"rangeKeyValue": "${n}", "rangeKeyType": "NUMBER", "payloadField": "all"}
    message = '{"id":"a","n":1,"deep":{"on":true,"l":[1,"x",null]}}'
    against_moto({"dynamoDB": {"roleArn": ROLE, "tableName": "rows"} | keys}, message)
    deep = {"on": {"BOOL": True}, "l": {"L": [{"N": "1"}, {"S": "x"}, {"NULL": True}]}}
    whole = {"id": {"S": "a"}, "n": {"N": "1"}, "deep": {"M": deep}}
    key = {"id": {"S": "a"}, "n": {"N": "1"}}
    assert tables.get_item(TableName="rows", Key=key)["Item"] == key | {"all": {"M": whole}}
    against_moto({"dynamoDBv2": {"roleArn": ROLE, "putItem": {"tableName": "rows"}}}, message)
    assert tables.get_item(TableName="rows", Key=key)["Item"] == whole

    streams = aws("kinesis", moto)
    streams.create_stream(StreamName="stream", ShardCount=1)
    against_moto({"kinesis": {"roleArn": ROLE, "streamName": "stream", "partitionKey": "p"}}, "1")
    [shard] = streams.list_shards(StreamName="stream")["Shards"]
    at = streams.get_shard_iterator(
        StreamName="stream", ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
    )
    [record] = streams.get_records(ShardIterator=at["ShardIterator"])["Records"]
    assert (record["Data"], record["PartitionKey"]) == (b"1", "p")

    s3 = aws("s3", moto)
    s3.create_bucket(Bucket="lake")
    destination = {"RoleARN": ROLE, "BucketARN": "arn:aws:s3:::lake"}
    aws("firehose", moto).create_delivery_stream(
        DeliveryStreamName="hose", S3DestinationConfiguration=destination
    )
    hose = {"roleArn": ROLE, "deliveryStreamName": "hose", "separator": "\n"}
    against_moto({"firehose": hose}, '{"n":1}')
    batch = {"firehose": hose | {"batchMode": True}}
    against_moto(batch, '{"l":[2,"x"]}', "SELECT VALUE l FROM 'in'")
    objects = s3.list_objects_v2(Bucket="lake")["Contents"]
    bodies = [s3.get_object(Bucket="lake", Key=one["Key"])["Body"].read() for one in objects]
    assert b"".join(sorted(bodies)) in (b'2\n"x"\n{"n":1}\n', b'{"n":1}\n2\n"x"\n')

    against_moto(
        {
            "cloudwatchMetric": {
                "roleArn": ROLE,
                "metricNamespace": "Rooms",
                "metricName": "${id}",
                "metricValue": "${n}",
                "metricUnit": "Count",
            }
        },
        '{"id":"heat","n":7.5}',
    )
    now = datetime.datetime.now(datetime.timezone.utc)
    found = aws("cloudwatch", moto).get_metric_statistics(
        Namespace="Rooms",
        MetricName="heat",
        StartTime=now - datetime.timedelta(hours=1),
        EndTime=now + datetime.timedelta(hours=1),
        Period=60,
        Statistics=["Sum"],
        Unit="Count",
    )
    assert [point["Sum"] for point in found["Datapoints"]] == [7.5]


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


def test_sql_is_tried_over_http(server):
    def tried(**line):
        return json.loads(server.admin("sql/test", "POST", line))

    message = {"topic": "a/b", "payload": {"t": 19}}
    hot = "SELECT t FROM 'a/+' WHERE t > 20 AND on"
    assert tried(sql="SELECT t + 1 AS u FROM 'a/+'", **message) == {
        "matched": True,
        "output": {"u": 20},
    }
    reasons = ["WHERE t > 20 is false: 19 and 20", "WHERE on is Undefined"]
    assert tried(sql=hot, **message) == {"matched": False, "reasons": reasons}
    assert tried(template="${t}/${topic(2)}", **message) == {"text": "19/b"}
    error = tried(sql="SELECT uper(t)\nFROM 'a/+'", **message)["error"]
    assert error == {
        "code": "SqlParseException",
        "message": "there is no function `uper`: did you mean `upper`?",
        "line": 1,
        "column": 8,
    }
    functions = json.loads(server.admin("sql/functions"))["functions"]
    [upper] = [function for function in functions if function["name"] == "upper"]
    assert upper["examples"] == [{"call": "upper('hello')", "gives": '"HELLO"'}]
    with pytest.raises(urllib.error.HTTPError) as refused:
        tried(topic="a", payload={})
    assert "missing field `sql` or `template`" in refused.value.read().decode()


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
