"""The function of the tests' custom authorizers."""

import json

from harness import ACCOUNT, REGION, thingcore

CODE = """
import json

def handler(event, context):
    print(json.dumps(event))
    mqtt = event["protocolData"].get("mqtt", {})
    http = event["protocolData"].get("http", {})
    password = mqtt.get("password") or http.get("headers", {}).get("password")
    allow = {"Effect": "Allow", "Action": "iot:*", "Resource": "*"}
    deny = {"Effect": "Deny", "Action": "iot:Publish", "Resource": "arn:aws:iot:*:*:topic/room/secret"}
    return {
        "isAuthenticated": password in ("cGFzcw==", "pass") or event.get("token") == "token",
        "principalId": "somebody",
        "policyDocuments": [{"Version": "2012-10-17", "Statement": [allow, deny]}],
        "disconnectAfterInSeconds": 3600,
        "refreshAfterInSeconds": 300,
    }
"""


def add_function(server, folder, code=CODE):
    """Adds the function, or puts other code in its place; its ARN."""
    folder = folder / "code"
    folder.mkdir(parents=True)
    (folder / "app.py").write_text(code)
    flags = ["--handler", "app.handler", "--runtime", "python3", "--code", folder]
    done = thingcore("function", "add", "authorize", *flags, "--url", server.api_url)
    assert done.returncode == 0, done.stderr
    return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:authorize"


def invoked(server):
    """The events that the function was given."""
    lines = json.loads(server.admin("functions/authorize/logs"))["lines"]
    return [json.loads(line["text"]) for line in lines if "protocolData" in line["text"]]
