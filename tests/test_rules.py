"""The tutorial's rules, made by the AWS CLI: S3 with an IAM role, Lambda, SNS."""

import json

import boto3
import pytest

from harness import ACCOUNT, EXAMPLES, REGION, policy, thingcore
from mqtt_client import plain_client

TUTORIAL = EXAMPLES / "tutorial"
ROLE = "sensor-rules"


def document(name):
    return json.loads((TUTORIAL / name).read_text())


def make_role(server, policy):
    iam = server.client("iam")
    trust = json.dumps(document("trust.json"))
    iam.create_role(RoleName=ROLE, AssumeRolePolicyDocument=trust)
    put_role_policy(server, policy)


def put_role_policy(server, policy):
    server.client("iam").put_role_policy(
        RoleName=ROLE, PolicyName="targets", PolicyDocument=json.dumps(policy)
    )


def make_rule(server, name, rule):
    server.client("iot").create_topic_rule(ruleName=name, topicRulePayload=rule)


@pytest.fixture
def sensor(server):
    with plain_client(server, "sensor") as client:
        yield client


@pytest.fixture
def by_cli(server):
    """The tutorial's first rule, with its bucket and role, by the AWS CLI."""
    file = lambda name: f"file://{TUTORIAL}/{name}"
    role = ("--role-name", ROLE)
    server.aws("s3", "mb", "s3://sensor-readings")
    trust = ("--assume-role-policy-document", file("trust.json"))
    server.aws("iam", "create-role", *role, *trust)
    permissions = ("--policy-name", "targets", "--policy-document", file("role-policy.json"))
    server.aws("iam", "put-role-policy", *role, *permissions)
    rule = ("--rule-name", "room1ToS3", "--topic-rule-payload", file("rule-s3.json"))
    server.aws("iot", "create-topic-rule", *rule)


@pytest.fixture
def room1(server, sensor):
    """The same by boto3, which is quicker, and a client that publishes."""
    server.client("s3").create_bucket(Bucket="sensor-readings")
    make_role(server, document("role-policy.json"))
    make_rule(server, "room1ToS3", document("rule-s3.json"))
    return sensor


def reading(temperature):
    return json.dumps({"temperature": temperature, "humidity": 65, "battery": 80})


def test_hot_readings_become_objects_and_others_do_not(server, by_cli, sensor):
    before = server.now_ms()
    sensor.publish("sensors/room1", reading(29))
    sensor.publish("sensors/room1", reading(31.5))
    action = server.action("room1ToS3")
    after = server.now_ms()
    assert (action["outcome"], action["input"]) == (
        "success",
        {"temperature": 31.5, "humidity": 65},
    )

    objects = server.client("s3").list_objects_v2(Bucket="sensor-readings")["Contents"]
    [key] = [entry["Key"] for entry in objects]
    assert key.startswith("room1/") and key.endswith(".json")
    assert before <= int(key.removeprefix("room1/").removesuffix(".json")) <= after
    content = server.aws("s3", "cp", f"s3://sensor-readings/{key}", "-")
    assert content == {"temperature": 31.5, "humidity": 65}


def test_without_the_permission_the_object_is_denied_and_the_error_action_runs(server, room1):
    room1.publish("sensors/room1", reading(31.5))
    first = server.action("room1ToS3")
    assert first["outcome"] == "success"

    less = document("role-policy.json")
    less["Statement"] = [s for s in less["Statement"] if s["Action"] != "s3:PutObject"]
    put_role_policy(server, less)

    room1.subscribe("errors/room1")
    room1.publish("sensors/room1", reading(32))
    denied = server.action("room1ToS3", after=first["seq"], action="s3")
    assert denied["outcome"] == "denied"
    assert "s3:PutObject" in denied["reason"] and "sensor-rules" in denied["reason"]
    told = json.loads(room1.payload())
    assert told["ruleName"] == "room1ToS3"
    assert told["topic"] == "sensors/room1"
    assert told["clientId"] == "sensor"
    assert told["failures"][0]["failedAction"] == "S3Action"
    assert told["failures"][0]["failedResource"] == "sensor-readings"
    recovery = server.action("room1ToS3", after=first["seq"], action="republish")
    assert (recovery["error_action"], recovery["outcome"]) == (True, "success")
    assert len(server.client("s3").list_objects_v2(Bucket="sensor-readings")["Contents"]) == 1


def test_a_role_that_does_not_trust_iot_is_of_no_use(server, room1):
    trust = document("trust.json")
    trust["Statement"][0]["Principal"]["Service"] = "lambda.amazonaws.com"
    server.client("iam").update_assume_role_policy(RoleName=ROLE, PolicyDocument=json.dumps(trust))
    room1.publish("sensors/room1", reading(31.5))
    denied = server.action("room1ToS3", action="s3")
    assert denied["outcome"] == "denied"
    assert "iot.amazonaws.com" in denied["reason"]


def test_rules_are_shown_switched_replaced_and_deleted(server, room1):
    iot = server.client("iot")
    rule = iot.get_topic_rule(ruleName="room1ToS3")["rule"]
    given = document("rule-s3.json")
    assert (rule["sql"], rule["ruleDisabled"]) == (given["sql"], False)
    assert rule["actions"] == given["actions"]
    assert [r["ruleName"] for r in iot.list_topic_rules()["rules"]] == ["room1ToS3"]

    iot.disable_topic_rule(ruleName="room1ToS3")
    assert iot.get_topic_rule(ruleName="room1ToS3")["rule"]["ruleDisabled"]
    room1.publish("sensors/room1", reading(40))
    iot.enable_topic_rule(ruleName="room1ToS3")
    room1.publish("sensors/room1", reading(41))
    first = server.action("room1ToS3")
    warmer = given | {"sql": given["sql"].replace("30", "50")}
    iot.replace_topic_rule(ruleName="room1ToS3", topicRulePayload=warmer)
    room1.publish("sensors/room1", reading(42))
    room1.publish("sensors/room1", reading(51))
    second = server.action("room1ToS3", after=first["seq"])
    assert [ran["input"]["temperature"] for ran in (first, second)] == [41, 51]

    iot.delete_topic_rule(ruleName="room1ToS3")
    assert iot.list_topic_rules()["rules"] == []


def test_basic_ingest_reaches_the_rule_by_its_name(server, room1):
    room1.publish("$aws/rules/room1ToS3/sensors/room1", reading(31.5))
    assert server.action("room1ToS3")["outcome"] == "success"


def test_an_http_publish_runs_the_rule(server, room1):
    server.client("iot-data").publish(topic="sensors/room1", qos=1, payload=reading(31.5).encode())
    assert server.action("room1ToS3")["outcome"] == "success"


def test_the_function_gets_exactly_the_message(server, tmp_path):
    code = TUTORIAL / "process_sensor_data"
    added = thingcore(
        *("function", "add", "processSensorData", "--handler", "app.handler"),
        *("--runtime", "python3", "--code", code, "--url", server.api_url),
    )
    assert added.returncode == 0, added.stderr
    rule = ("--rule-name", "dataToLambda", "--topic-rule-payload")
    server.aws("iot", "create-topic-rule", *rule, f"file://{TUTORIAL}/rule-lambda.json")
    event = {"temperature": 28.2, "humidity": 65, "deviceId": "device001"}
    with plain_client(server, "device001") as device:
        device.publish("devices/device001/data", json.dumps(event))
    action = server.action("dataToLambda")
    assert (action["outcome"], action["input"]) == ("success", event)

    # The invocation is asynchronous; this one, by the AWS CLI, stands behind it.
    again = ("--function-name", "processSensorData", "--payload", "{}", tmp_path / "out")
    server.aws("lambda", "invoke", *again)
    logs = thingcore("function", "logs", "processSensorData", "--url", server.api_url)
    assert f"reading {json.dumps(event)}" in logs.stdout
    listed = thingcore("function", "list", "--url", server.api_url)
    assert "processSensorData" in listed.stdout


def test_sns_gets_the_result_as_a_message(own_server, moto):
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    target = {"endpoint_url": moto, "region_name": REGION, **keys}
    sns, sqs = boto3.client("sns", **target), boto3.client("sqs", **target)
    topic = sns.create_topic(Name="alarms")["TopicArn"]
    queue = sqs.create_queue(QueueName="alarms")["QueueUrl"]
    attributes = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=attributes["Attributes"]["QueueArn"])

    server = own_server("--memory", AWS_ENDPOINT_URL_SNS=moto)
    make_role(server, policy(("sns:Publish", topic)))
    rule = {
        "sql": "SELECT temperature FROM 'sensors/+' WHERE temperature > 30",
        "actions": [
            {
                "sns": {
                    "roleArn": f"arn:aws:iam::{ACCOUNT}:role/sensor-rules",
                    "targetArn": topic,
                    "messageFormat": "RAW",
                }
            }
        ],
    }
    make_rule(server, "alarm", rule)
    with plain_client(server, "sensor") as sensor:
        sensor.publish("sensors/room2", reading(45))
    action = server.action("alarm")
    assert action["outcome"] == "success", action
    [message] = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=10)["Messages"]
    body = json.loads(message["Body"])
    assert (body["TopicArn"], json.loads(body["Message"])) == (topic, {"temperature": 45})


def test_without_a_target_the_request_is_recorded(server, sensor):
    rule = {
        "sql": "SELECT * FROM 'a'",
        "actions": [
            {
                "sns": {
                    "roleArn": f"arn:aws:iam::{ACCOUNT}:role/unknown",
                    "targetArn": f"arn:aws:sns:{REGION}:{ACCOUNT}:alarms",
                }
            }
        ],
    }
    make_rule(server, "alarm", rule)
    sensor.publish("a", "{}")
    action = server.action("alarm")
    assert action["outcome"] == "recorded"
    assert "Action=Publish" in action["request"]["body_text"]
