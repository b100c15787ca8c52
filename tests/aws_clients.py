"""AWS's own clients behind one interface: what a program, or a person at a shell, sees of a call.

Each client makes its calls the way its users do and reports them as an `Outcome`, so that one table
of calls runs through all of them."""

import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass

import pytest
from botocore import xform_name
from botocore.exceptions import ClientError

from harness import ROOT, Process

NODE_MODULES = os.environ.get("THINGCORE_NODE_MODULES", ROOT / ".venv" / "js" / "node_modules")
"""Where test.sh installs what tests/js/package.json names."""


@dataclass
class Outcome:
    """What became of a call. `status` is None for a client that does not tell."""

    status: int | None
    body: dict
    error: str | None = None
    """The error's code."""
    exception: str | None = None
    """The client's own class for it, or how the client itself names the error."""
    expected: str | None = None
    """The class that the client has for errors of this code."""


class Client:
    """A client of one server, who may have to be closed."""

    def __init__(self, server):
        self.server = server

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


class Boto3(Client):
    name = "boto3"

    def call(self, service, operation, params):
        client = self.server.client(service)
        try:
            answer = getattr(client, xform_name(operation))(**params)
        except ClientError as error:
            told = error.response
            code = told["Error"]["Code"]
            return Outcome(
                told["ResponseMetadata"]["HTTPStatusCode"],
                {**told, **told["Error"]},
                code,
                type(error).__name__,
                client.exceptions.from_code(code).__name__,
            )
        for name, value in answer.items():
            if hasattr(value, "read"):
                answer[name] = value.read().decode()
        return Outcome(answer["ResponseMetadata"]["HTTPStatusCode"], answer)

    def pages(self, service, operation, params, page_size):
        paginator = self.server.client(service).get_paginator(xform_name(operation))
        return list(paginator.paginate(**params, PaginationConfig={"PageSize": page_size}))


class Cli(Client):
    """The AWS CLI, version 1, one process a call, with a flag for each member."""

    name = "aws-cli"

    def call(self, service, operation, params):
        command = xform_name(operation, "-")
        flags = [word for name, value in params.items() for word in flag(name, value)]
        # The CLI writes an answer that is bytes alone to a file.
        out = ["/dev/stdout"] if operation.endswith("ThingShadow") else []
        done = self.server.aws_process(service, command, *flags, *out)
        if done.returncode == 0 and out:
            return Outcome(None, {"payload": done.stdout})
        if done.returncode == 0:
            return Outcome(None, json.loads(done.stdout or "{}"))
        told = re.search(
            r"An error occurred \((\w+)\) when calling the (\w+) operation: (.*)", done.stderr, re.S
        )
        assert told and told[2] == operation, done.stderr
        assert done.returncode == 255, done
        # The CLI has no classes; the code stands in its message.
        body = {"Code": told[1], "Message": told[3].strip()}
        return Outcome(None, body, told[1], told[1], told[1])

    def pages(self, service, operation, params, page_size):
        """Page by page, as a person does with `--max-items` and `--starting-token`."""
        command = [service, xform_name(operation, "-")]
        flags = [word for name, value in params.items() for word in flag(name, value)]
        sizes = ["--max-items", page_size]
        # Where AWS's own member has this name, the CLI takes it for a wish to page by hand.
        model = self.server.client(service).meta.service_model.operation_model(operation)
        if "pageSize" not in model.input_shape.members:
            sizes += ["--page-size", page_size]
        pages = [self.server.aws(*command, *flags, *sizes)]
        while token := pages[-1].get("NextToken"):
            pages.append(self.server.aws(*command, *flags, *sizes, "--starting-token", token))
        return pages


def flag(name, value):
    """A member of a request as the CLI takes it."""
    option = f"--{xform_name(name, '-')}"
    if isinstance(value, bool):
        return [option if value else option.replace("--", "--no-", 1)]
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return [option, *value]
    return [option, json.dumps(value) if isinstance(value, dict | list) else value]


class JavaScript(Client):
    """AWS's SDK for JavaScript, version 3, in one Node.js process for all calls."""

    name = "sdk-js"

    def __init__(self, server):
        super().__init__(server)
        self.process = Process(
            *(node(), ROOT / "tests" / "js" / "aws.cjs"),
            env=node_env(self.server.tool_env),
            stdin=subprocess.PIPE,
        )

    def __exit__(self, *_):
        self.process.__exit__()

    def _ask(self, **request):
        stdin = self.process.process.stdin
        stdin.write(json.dumps(request) + "\n")
        stdin.flush()
        # Node.js may warn before the first answer.
        return json.loads(self.process.line('{"'))

    def call(self, service, operation, params):
        told = self._ask(service=service, op=operation, params=params)
        if "error" not in told:
            return Outcome(told["status"], told["body"])
        error = told["error"]
        assert error["service"], f"not an error of the service: {error}"
        modelled = error["modelled"]
        return Outcome(
            told["status"],
            {**error["members"], "Code": error["code"], "Message": error["message"]},
            error["code"],
            error["class"] if error["exported"] else None,
            error["code"] if modelled else error["class"],
        )

    def pages(self, service, operation, params, page_size):
        told = self._ask(service=service, op=operation, params=params, page_size=page_size)
        assert "error" not in told, told
        return told["pages"]


def node():
    """Node.js with the packages; without them the test is skipped, and says how to get them."""
    found = shutil.which("node")
    if not found:
        pytest.skip("node is missing: install Node.js 20 or newer")
    if not os.path.isdir(NODE_MODULES):
        pytest.skip(f"{NODE_MODULES} is missing: ./test.sh installs it if Node.js is 20 or newer")
    return found


def node_env(env):
    """An environment in which programs of tests/js find their packages."""
    region = env.get("AWS_DEFAULT_REGION", "")
    return {**env, "NODE_PATH": str(NODE_MODULES), "AWS_REGION": region, "NODE_NO_WARNINGS": "1"}


CLIENTS = [Boto3, Cli, JavaScript]
