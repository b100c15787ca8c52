"""Tables of calls to the AWS API: steps with what each must answer, and values that stand for
placeholders.

In parameters and expectations `%a` to `%z` are names of their own for each run, `%doc` is a policy
document, `%csr`, `%selfsigned`, `%ca` and `%verif` are PEMs, and `$name` is what an earlier step
saved."""

import json
import re
import uuid

from cryptography.hazmat.primitives.asymmetric import ec, rsa

import certificates
from certificates import certificate, pem
from harness import ALLOW_ALL


class Values:
    """What stands for the placeholders of one table."""

    def __init__(self, iot):
        self.iot, self.values, self.saved = iot, {}, {}

    def placeholder(self, name):
        if name not in self.values:
            self.values[name] = self.make(name)
        return self.values[name]

    def make(self, name):
        if name == "doc":
            return json.dumps(ALLOW_ALL)
        if name == "csr":
            return certificates.request("device", rsa.generate_private_key(65537, 2048))
        key = ec.generate_private_key(ec.SECP256R1())
        if name.startswith("selfsigned"):
            subject = f"leaf {uuid.uuid4()}"
            return pem(certificate(subject, subject, key, key, ca=False))
        if name.startswith("ca"):
            subject = f"ca {uuid.uuid4()}"
            self.values[f"{name} key"], self.values[f"{name} name"] = key, subject
            return pem(certificate(subject, subject, key, key))
        if name == "verif":
            self.placeholder("ca")
            code = self.iot.get_registration_code()["registrationCode"]
            return pem(certificate(code, self.values["ca name"], key, self.values["ca key"]))
        return f"{name}_{uuid.uuid4().hex[:12]}"

    def fill(self, value):
        if isinstance(value, dict):
            return {self.fill(key): self.fill(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.fill(item) for item in value]
        if not isinstance(value, str):
            return value
        if value.startswith("$") and value[1:] in self.saved:
            return self.saved[value[1:]]
        known = r"%(doc|csr|selfsigned\d*|ca\d*|verif|[a-z])(?![A-Za-z_])"
        filled = re.sub(known, lambda match: self.placeholder(match[1]), value)
        for name in sorted(self.saved, key=len, reverse=True):
            filled = filled.replace(f"${name}", str(self.saved[name]))
        return filled


def member(body, path):
    for name in path.split("."):
        if isinstance(body, list):
            body = body[int(name)] if name.isdigit() and int(name) < len(body) else None
        else:
            body = (body or {}).get(name)
    return body


def run(client, steps, values):
    """Makes the calls in order by one of the clients in `aws_clients`; yields each with its
    outcome, and checks it once the caller has seen it."""
    for step in steps:
        params = values.fill(step["params"])
        outcome = client.call(step.get("service", "iot"), step["op"], params)
        yield step, outcome
        check(step, values, outcome)
        for name, path in step.get("save", {}).items():
            values.saved[name] = member(outcome.body, path)


def check(step, values, outcome):
    expect, where = step["expect"], (step, outcome)
    if "error" in expect:
        assert expect["error"] == "*" or outcome.error in expect["error"].split("|"), where
    else:
        assert outcome.error is None, where
    if "status" in expect and outcome.status is not None:
        assert outcome.status == expect["status"], where
    if "message_contains" in expect:
        assert values.fill(expect["message_contains"]) in outcome.body["Message"], where
    body = outcome.body
    for kind in ("subset", "contains_path"):
        for path, wanted in expect.get(kind, {}).items():
            assert member(body, path) == values.fill(wanted), (path, *where)
    for kind in ("regex", "regex_path"):
        for path, wanted in expect.get(kind, {}).items():
            assert re.search(values.fill(wanted), member(body, path)), (path, *where)
    for path in expect.get("present", []):
        assert member(body, path) is not None, (path, *where)
    for path in expect.get("absent", []):
        assert member(body, path) is None, (path, *where)
    for path, wanted in expect.get("not_equal", {}).items():
        assert member(body, path) != values.fill(wanted), (path, *where)
    for path, wanted in expect.get("length", {}).items():
        assert len(member(body, path)) == wanted, (path, *where)
