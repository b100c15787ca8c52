"""Targets of rules that are down, slow, failing, hanging, or cutting connections: publishers do not
notice, memory stays bounded, what fails runs the error action, and when the target is well again
deliveries go on. Every message is counted once."""

import http.server
import json
import os
import socket
import threading
import time
from base64 import b64decode

import pytest

from bytes_mqtt import rss_mib, until
from harness import DEADLINE_S
from mqtt_client import plain_client
from targets import ROLE, make_rule

ROUNDS = 5


class Target:
    """An S3 of sorts on a port of its own, which misbehaves until it is mended."""

    def __init__(self, failure):
        self.failure, self.mended, self.got = failure, threading.Event(), []
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.server = None
        if failure != "down":
            self.start()

    def start(self):
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_PUT(handler):
                body = handler.rfile.read(int(handler.headers["content-length"]))
                status = 200 if self.mended.is_set() else self.misbehave(handler)
                if status is None:
                    return
                if status == 200:
                    self.got.append(body)
                handler.send_response(status)
                handler.send_header("content-length", "0")
                handler.end_headers()

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            allow_reuse_address = True

        self.server = Server(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def misbehave(self, handler):
        """The status of an answer, if there is one."""
        if self.failure == "500":
            return 500
        if self.failure == "slow":
            self.mended.wait(0.3)
            return 200
        if self.failure == "hangs":
            self.mended.wait(DEADLINE_S)
            return 200
        handler.close_connection = True
        handler.connection.shutdown(socket.SHUT_RDWR)
        return None

    def mend(self):
        self.mended.set()
        if self.server is None:
            self.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.mended.set()
        if self.server:
            self.server.shutdown()
            self.server.server_close()


def publish_all(device, topic, payloads):
    """How long it takes until all are acknowledged."""
    began = time.monotonic()
    for payload in payloads:
        device.paho.publish(topic, payload, 1)
    for _ in payloads:
        device.puback()
    return time.monotonic() - began


def counts(server):
    return json.loads(server.admin("rules/r"))


def wait_until_seen(server, matched):
    until(lambda: counts(server)["matched_topic"] == matched, "not all were seen")


def worked_off(server, matched):
    """Whether every message has been counted for what became of it."""
    shown = counts(server)
    sent = shown["actions"].get("s3", {"success": 0, "failure": 0})
    return (
        shown["matched_topic"] == matched
        and shown["fired"] + shown["dropped"] == matched
        and sent["success"] + sent["failure"] == shown["fired"]
    )


def report(failure, messages, unruled, took, memory):
    """Appends a line of figures to the file that THINGCORE_REPORT names."""
    if path := os.environ.get("THINGCORE_REPORT"):
        seconds = ", ".join(f"{one:.2f}" for one in took)
        grown = ", ".join(f"{after - memory[0]:.0f}" for after in memory[1:])
        line = f"{failure}: {messages} messages in {seconds} s, without a rule in {unruled:.2f} s; "
        with open(path, "a") as file:
            file.write(f"{line}memory grew by {grown} MiB\n")


# What runs the error action while the target is broken, and its text. One that is slow or hangs only
# fails after its time-out, which rules/tests/delivery.rs has on a clock of its own.
FAILURES = {
    "down": "refused",
    "slow": None,
    "500": "Internal Server Error (Service: Amazon S3; Status Code: 500; Error Code: null)",
    "hangs": None,
    "cuts": "connection closed before message completed",
}


@pytest.mark.parametrize("failure", FAILURES)
def test_a_broken_target_costs_nobody_else_anything(own_server, failure):
    size, messages = 60_000, 1500
    payloads = [json.dumps({"n": n, "pad": "x" * size}) for n in range(messages)]
    with Target(failure) as target:
        server = own_server("--memory", AWS_ENDPOINT_URL_S3=f"http://127.0.0.1:{target.port}")
        s3 = {"s3": {"roleArn": ROLE, "bucketName": "bucket", "key": "k"}}
        error = {"republish": {"roleArn": ROLE, "topic": "errors"}}
        make_rule(server, "r", "SELECT n FROM 'in'", s3, errorAction=error)
        with plain_client(server, "device") as device:
            # What publishing takes where no rule listens.
            unruled = publish_all(device, "nobody", payloads)
            device.subscribe("errors")
            memory, took = [rss_mib(server)], []
            for round in range(ROUNDS):
                took.append(publish_all(device, "in", payloads))
                wait_until_seen(server, (round + 1) * messages)
                memory.append(rss_mib(server))
            report(failure, messages, unruled, took, memory)
            assert max(took) < 3 * unruled + 2, (took, unruled)
            # 2,150 MiB of messages in all. What is offered (64 MiB), what waits for the rule (32 MiB)
            # and what is recorded (32 MiB) is there twice, as message and as request, and the
            # allocator gives memory back late.
            assert max(memory) - memory[0] < 2 * (64 + 32 + 32) + 64, memory
            if text := FAILURES[failure]:
                told = json.loads(device.payload())
                assert set(told) == {
                    *("ruleName", "topic", "cloudwatchTraceId", "clientId", "sourceIp"),
                    *("base64OriginalPayload", "failures"),
                }
                assert (told["ruleName"], told["topic"], told["clientId"]) == ("r", "in", "device")
                assert json.loads(b64decode(told["base64OriginalPayload"]))["pad"] == "x" * size
                [failed] = told["failures"]
                assert (failed["failedAction"], failed["failedResource"]) == ("S3Action", "bucket")
                assert text in failed["errorMessage"]
                assert failed["errorMessage"].endswith("Bucket: bucket, Key: k")
            target.mend()
            until(lambda: worked_off(server, ROUNDS * messages), "messages are missing")
            # What comes now is delivered.
            device.publish("in", '{"n":"after"}')
            until(lambda: worked_off(server, ROUNDS * messages + 1), "the last message is missing")
            until(lambda: b'{"n":"after"}' in target.got, "the target has not got it")
            shown = counts(server)
            sent, errors = shown["actions"]["s3"], shown["actions"].get("republish", {})
            # Those that failed ran the error action once each; those that did not are there.
            assert errors.get("error_action_success", 0) == sent["failure"]
            assert errors.get("error_action_failure", 0) == 0
            # What timed out may have arrived all the same.
            repeated = len(target.got) - sent["success"]
            assert repeated == 0 or (failure == "hangs" and repeated > 0)
            assert (sent["failure"] > 0) == (FAILURES[failure] is not None)
