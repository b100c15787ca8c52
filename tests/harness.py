"""The server under test, and what tests need to talk to it with other people's tools."""

import json
import os
import pathlib
import queue
import subprocess
import sys
import threading
import time
import urllib.request
from dataclasses import dataclass

import boto3

ROOT = pathlib.Path(__file__).resolve().parent.parent
EXAMPLES = ROOT / "examples"
DEADLINE_S = 30
"""How long a test waits for an event. A failure takes this long, a success never does."""

ACCOUNT, REGION = "000000000000", "us-east-1"


def arn(kind, name):
    """The ARN of an AWS IoT resource on the server under test."""
    return f"arn:aws:iot:{REGION}:{ACCOUNT}:{kind}/{name}"


def binary():
    target = os.environ.get("CARGO_TARGET_DIR", ROOT / "target")
    return os.environ.get("THINGCORE_BIN", str(pathlib.Path(target) / "debug" / "thingcore"))


def environment(**more):
    """Ours without anything that points AWS's tools or the server elsewhere."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "THINGCORE_"))}
    return kept | {key: str(value) for key, value in more.items()}


def thingcore(*arguments, **options):
    """Runs a command of the binary to its end."""
    options.setdefault("env", environment())
    return subprocess.run(
        [binary(), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        **options,
    )


class Process:
    """A process whose lines of standard output are events."""

    def __init__(self, *command, **options):
        options.setdefault("stdin", subprocess.DEVNULL)
        self.process = subprocess.Popen(
            [str(part) for part in command],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            **options,
        )
        self.lines = queue.Queue()
        self.seen = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(line.rstrip("\n"))
        self.lines.put(None)

    def line(self, containing=""):
        """The next line with this text in it; those before are skipped."""
        while (line := self.lines.get(timeout=DEADLINE_S)) is not None:
            self.seen.append(line)
            if containing in line:
                return line
        raise AssertionError(f"no line with {containing!r} in: {self.seen}")

    def rest(self):
        """Every line until the process ends."""
        rest = list(iter(lambda: self.lines.get(timeout=DEADLINE_S), None))
        self.seen += rest
        return rest

    def wait(self):
        return self.process.wait(DEADLINE_S)

    def kill(self):
        self.process.kill()
        self.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.kill()
        self._reader.join()
        self.process.stdout.close()


class Server:
    """`thingcore serve` on ports that the system chose."""

    def __init__(self, directory, *flags, **env):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.flags = flags
        self.env = environment(**env)
        self.process = None
        self.clients = {}

    def start(self, api_port=0):
        ready = self.directory / "ready.json"
        ready.unlink(missing_ok=True)
        self.log = open(self.directory / "server.log", "ab")
        ports = ["--mqtt-port=0", "--mqtts-port=0", "--https-port=0", f"--api-port={api_port}"]
        self.process = subprocess.Popen(
            [binary(), "serve", *ports, "--ready-file", str(ready), *map(str, self.flags)],
            cwd=self.directory,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=subprocess.STDOUT,
        )
        # Waits for the process to end, which it does not, and looks for the file in between.
        deadline = time.monotonic() + DEADLINE_S
        while not (told := read_json(ready)):
            assert time.monotonic() < deadline, f"not ready in {DEADLINE_S} s: {self.logged()}"
            try:
                status = self.process.wait(0.005)
            except subprocess.TimeoutExpired:
                continue
            raise AssertionError(f"exited with {status}: {self.logged()}")
        self.api_url, self.ca_file = told["api_url"], told["ca_file"]
        self.mqtt_port, self.mqtts_port = told["mqtt_port"], told["mqtts_port"]
        self.https_port, self.api_port = told["https_port"], told["api_port"]
        self.endpoint = told["endpoint"]
        self.clients.clear()
        return self

    def logged(self):
        """The end of the log."""
        return self.logged_whole()[-4000:]

    def logged_whole(self):
        return (self.directory / "server.log").read_text(errors="replace")

    def stop(self):
        """Asks the server to end, as a service manager does; its exit status."""
        self.process.terminate()
        status = self.process.wait(DEADLINE_S)
        self.log.close()
        return status

    def kill(self):
        """Ends the server without a word of warning."""
        self.process.kill()
        self.process.wait(DEADLINE_S)
        self.log.close()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        if self.process.poll() is None:
            assert self.stop() == 0, self.logged()

    # What AWS's tools need to know.

    @property
    def tool_env(self):
        return environment(
            AWS_ENDPOINT_URL=self.api_url,
            AWS_ACCESS_KEY_ID="test",
            AWS_SECRET_ACCESS_KEY="test",
            AWS_DEFAULT_REGION=REGION,
            AWS_EC2_METADATA_DISABLED="true",
            AWS_PAGER="",
        )

    def aws(self, *arguments, **options):
        """Runs the AWS CLI; what it printed, parsed where it is JSON."""
        done = self.aws_process(*arguments, **options)
        assert done.returncode == 0, done.stderr
        try:
            return json.loads(done.stdout)
        except ValueError:
            return done.stdout

    def aws_process(self, *arguments, **options):
        return subprocess.run(
            [sys.executable, "-m", "awscli", *map(str, arguments)],
            env=self.tool_env,
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
            **options,
        )

    def client(self, service):
        """A boto3 client."""
        if service not in self.clients:
            self.clients[service] = boto3.client(
                service,
                endpoint_url=self.api_url,
                region_name=REGION,
                aws_access_key_id="test",
                aws_secret_access_key="test",
            )
        return self.clients[service]

    # The server's own doors.

    def admin(self, path, method="GET", body=None):
        request = urllib.request.Request(
            f"{self.api_url}/_thingcore/{path}",
            method=method,
            data=json.dumps(body).encode() if body else None,
        )
        with urllib.request.urlopen(request, timeout=DEADLINE_S) as answer:
            return answer.read()

    def now_ms(self):
        """The server's time, which tests may have moved."""
        return json.loads(self.admin("clock"))["now_ms"]

    def advance(self, seconds):
        """Moves the server's clock forward; what is due then has happened on return."""
        self.admin("clock", "POST", {"advance_ms": int(seconds * 1000)})

    def reset(self):
        self.admin("reset", "POST")

    def action(self, rule, after=0, action=None):
        """The next recorded action of a rule after the record with number `after`."""
        only = f"&action={action}" if action else ""
        path = f"actions?rule={rule}&after={after}&limit=1&wait={DEADLINE_S}{only}"
        records = json.loads(self.admin(path))["records"]
        assert records, f"no action of {rule} after {after}: {self.logged()}"
        return records[0]

    def allow(self, certificate_arn, *policies):
        """Attaches policy documents to a certificate."""
        iot = self.client("iot")
        for number, document in enumerate(policies):
            name = f"{certificate_arn[-8:]}-{number}"
            iot.create_policy(policyName=name, policyDocument=json.dumps(document))
            iot.attach_policy(policyName=name, target=certificate_arn)

    def device(self, directory, *policies, things=()):
        """A device with a certificate of its own, active, with these policy documents."""
        iot = self.client("iot")
        made = iot.create_keys_and_certificate(setAsActive=True)
        self.allow(made["certificateArn"], *policies)
        for thing in things:
            iot.create_thing(thingName=thing)
            iot.attach_thing_principal(thingName=thing, principal=made["certificateArn"])
        folder = pathlib.Path(directory) / made["certificateId"]
        folder.mkdir()
        (folder / "device.pem.crt").write_text(made["certificatePem"])
        (folder / "private.pem.key").write_text(made["keyPair"]["PrivateKey"])
        return Device(
            made["certificateId"],
            made["certificateArn"],
            folder / "device.pem.crt",
            folder / "private.pem.key",
            pathlib.Path(self.ca_file),
        )


@dataclass
class Device:
    """A certificate with its files."""

    id: str
    arn: str
    cert: pathlib.Path
    key: pathlib.Path
    ca: pathlib.Path


# What the tests of Eclipse Paho expect: one filter that nobody may subscribe to.
NOSUBSCRIBE = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Action": "iot:*", "Resource": "*"},
        {
            "Effect": "Deny",
            "Action": "iot:Subscribe",
            "Resource": "arn:aws:iot:*:*:topicfilter/test/nosubscribe",
        },
    ],
}


def policy(*statements):
    """A policy document that allows pairs of actions and resources."""
    allowed = [{"Effect": "Allow", "Action": a, "Resource": r} for a, r in statements]
    return {"Version": "2012-10-17", "Statement": allowed}


ALLOW_ALL = policy(("iot:*", "*"))


def tutorial_policy():
    return json.loads((EXAMPLES / "tutorial" / "policy.json").read_text())


def read_json(path):
    """A JSON file's content; None while it is missing or half written."""
    try:
        return json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return None
