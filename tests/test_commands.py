"""The other commands of the binary, as a user types them."""

import base64
import contextlib
import json
import os
import queue
import re
import socket
import time

import pytest

from harness import DEADLINE_S, ROOT, Device, Process, binary, environment, thingcore
from mqtt_client import tls_client

PORTS = ("--mqtts-port=0", "--https-port=0", "--api-port=0")


def test_quickstart_does_the_tutorial(tmp_path):
    done = thingcore("quickstart", *PORTS, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert re.search(r"\b10 messages\b", done.stdout)
    assert "refused" in done.stdout
    [key] = set(re.findall(r"room1/\d{13}\.json", done.stdout))
    assert '"temperature":31.5' in done.stdout.replace(" ", "")
    left = {path.name for path in tmp_path.rglob("*.pem*")} | {
        path.name for path in tmp_path.rglob("*.key")
    }
    assert {"device.pem.crt", "private.pem.key", "public.pem.key", "Amazon-root-CA-1.pem"} <= left
    assert f"  thingcore serve {' '.join(PORTS)}\n" in done.stdout
    assert " -p PORT " in done.stdout
    assert "http://127.0.0.1:PORT/console/" in done.stdout


def test_health_says_whether_the_server_is_ready(server):
    assert thingcore("health", "--url", server.api_url).returncode == 0
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        down = thingcore("health", "--url", f"http://127.0.0.1:{nobody.getsockname()[1]}")
    assert down.returncode == 1
    assert len(down.stderr.splitlines()) == 1


def test_thing_create_leaves_what_a_device_needs(server, tmp_path):
    certs = tmp_path / "certs"
    made = thingcore("thing", "create", "sensor-1", "--certs", certs, "--url", server.api_url)
    assert made.returncode == 0, made.stderr
    files = {path.name for path in certs.iterdir()}
    assert files == {"device.pem.crt", "private.pem.key", "public.pem.key", "Amazon-root-CA-1.pem"}
    assert os.stat(certs / "private.pem.key").st_mode & 0o077 == 0

    device = Device(
        "",
        "",
        certs / "device.pem.crt",
        certs / "private.pem.key",
        certs / "Amazon-root-CA-1.pem",
    )
    tls_client(server, device, "sensor-1").close()
    assert server.client("iot").list_thing_principals(thingName="sensor-1")["principals"]


def test_tail_shows_messages_refusals_and_rules(server, tutorial_device):
    rule = {
        "sql": "SELECT * FROM 'test/topic'",
        "actions": [{"republish": {"roleArn": "arn:aws:iam::000000000000:role/r", "topic": "out"}}],
    }
    server.client("iot").create_topic_rule(ruleName="copy", topicRulePayload=rule)
    with Process(binary(), "tail", "test/#", "--url", server.api_url, env=environment()) as tail:
        until_shown(tail, lambda: server.client("iot-data").publish(topic="test/are-you-there"))
        client = tls_client(server, tutorial_device, "test-1")
        client.publish("test/topic", "hello")
        line = tail.line("hello")
        assert "test/topic" in line and "test-1" in line and "copy" in line
        client.paho.publish("test/other", "no", 1)
        line = tail.line("test/other")
        assert "test-1" in line and "iot:Publish" in line
        client.closed()


def until_shown(tail, nudge):
    """Nudges until the first line comes; `tail` does not tell a pipe that it is ready."""
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        nudge()
        with contextlib.suppress(queue.Empty):
            return tail.lines.get(timeout=0.1)
    raise AssertionError("tail shows nothing")


def lines(values):
    return "".join(json.dumps(value) + "\n" for value in values)


def answers(done):
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_policy_test_decides_every_vector_from_standard_input():
    vectors = json.loads((ROOT / "policy" / "tests" / "data" / "policy.json").read_text())
    requests = [
        {
            "id": vector["id"],
            "policies": vector["policies"],
            "variables": vector["context"]["variables"],
            **({"iam_policies": vector["iam_policies"]} if "iam_policies" in vector else {}),
            **vector["request"],
        }
        for vector in vectors
    ]
    done = thingcore("policy", "test", "--stdin", input=lines(requests))
    assert done.returncode == 0, done.stderr
    got = {answer["id"]: answer["decision"] for answer in answers(done)}
    assert got == {vector["id"]: vector["expect"] for vector in vectors}


def test_policy_test_answers_for_one_request():
    policy = ROOT / "examples" / "tutorial" / "policy.json"
    for client, decision in (("test-1", "allow"), ("other-1", "deny")):
        done = thingcore(
            *("policy", "test", "--policy", policy, "--action", "iot:Connect"),
            *("--resource", f"arn:aws:iot:us-east-1:000000000000:client/{client}"),
        )
        assert (done.returncode, json.loads(done.stdout)["decision"]) == (0, decision)


def test_policy_test_exits_1_for_a_line_that_it_cannot_read():
    done = thingcore("policy", "test", "--stdin", input="{\n")
    assert done.returncode == 1
    assert "error" in answers(done)[0]


MESSAGE = ("id", "sql", "sql_version", "topic", "client_id", "context")
MESSAGE += ("payload", "payload_text", "payload_base64")


def test_rules_test_answers_every_vector_from_standard_input():
    vectors = json.loads((ROOT / "rules" / "tests" / "data" / "sql.json").read_text())
    requests = [{key: vector[key] for key in MESSAGE if key in vector} for vector in vectors]
    done = thingcore("rules", "test", "--stdin", input=lines(requests))
    assert done.returncode == 0, done.stderr
    got = {answer["id"]: answer for answer in answers(done)}
    wrong = [(v["sql"], got[v["id"]]) for v in vectors if not is_as_expected(v, got[v["id"]])]
    assert not wrong


def is_as_expected(vector, answer):
    expect = vector["expect"]
    if expect.get("parse_error"):
        return answer["error"]["line"] >= 1 and answer["error"]["column"] >= 1
    if expect.get("rule_failed"):
        return "error" in answer
    if "output" in expect:
        allowed = [expect["output"], vector.get("alt_output", expect["output"])]
        return answer.get("matched") and answer["output"] in allowed
    if "output_base64" in expect:
        return output_bytes(answer) == base64.b64decode(expect["output_base64"])
    if "match" in expect:  # Regular expressions, for what is of the moment.
        output = answer["output"]
        return all(re.fullmatch(r, str(output[name])) for name, r in expect["match"].items())
    return answer.get("matched") is expect["matched"]


def output_bytes(answer):
    """The output as it would be sent."""
    if "output_base64" in answer:
        return base64.b64decode(answer["output_base64"])
    return answer["output_text"].encode()


def test_rules_test_answers_for_one_message():
    done = thingcore(
        *("rules", "test", "--sql", "SELECT temperature AS t FROM 'a/+' WHERE temperature > 30"),
        *("--topic", "a/b", "--payload", '{"temperature": 31.5}'),
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert (answer["matched"], answer["output"]) == (True, {"t": 31.5})


def test_rules_test_answers_lines_from_standard_input():
    sql, topic = "SELECT temperature FROM 'sensors/room1' WHERE temperature > 30", "sensors/room1"
    case = {"sql": sql, "sql_version": "2016-03-23", "topic": topic}
    requests = [
        {"id": "hot", **case, "payload": {"temperature": 31.5}},
        {"id": "cold", **case, "payload": {"temperature": 29}},
        {"id": "else", **case, "topic": "sensors/room2", "payload": {"temperature": 40}},
        {"id": "wrong", **case, "sql": "SELECT * FORM 'a'", "payload": {}},
    ]
    got = answers(thingcore("rules", "test", "--stdin", input=lines(requests)))
    assert [answer["id"] for answer in got] == ["hot", "cold", "else", "wrong"]
    assert [answer.get("matched") for answer in got[:3]] == [True, False, False]
    assert got[0]["output"] == {"temperature": 31.5}
    assert (got[3]["error"]["line"], got[3]["error"]["column"]) == (1, 10)


def test_rules_test_fills_templates():
    request = {"id": 1, "template": "a/${topic(2)}/${id}", "topic": "x/y", "payload": {"id": 7}}
    for options in [["--stdin"], ["--template", "--stdin"]]:
        done = thingcore("rules", "test", *options, input=lines([request]))
        assert answers(done) == [{"id": 1, "text": "a/y/7"}]
    for options in [
        ["--stdin", "--template", "x"],
        ["--template", "--topic", "a", "--payload", "{}"],
    ]:
        done = thingcore("rules", "test", *options, input="")
        assert (done.returncode, done.stdout) == (64, ""), options


@pytest.mark.parametrize(
    "arguments", [["--help"], ["serve", "--help"], ["quickstart", "--help"], ["--version"]]
)
def test_help_is_there(arguments):
    done = thingcore(*arguments)
    assert done.returncode == 0
    assert done.stdout and not done.stderr


def test_wrong_usage_exits_64_with_one_line():
    for arguments in (["polcy"], ["tail", "a/#/b"], ["thing", "create"]):
        done = thingcore(*arguments)
        assert done.returncode == 64, arguments
        assert len(done.stderr.splitlines()) == 1, done.stderr
