"""What rules send to in tests: rules with actions, and servers that keep what they are sent."""

import http.server
import queue
import threading
import time

import boto3

from harness import DEADLINE_S, REGION

ROLE = "arn:aws:iam::000000000000:role/r"


def aws(service, url):
    """A boto3 client of somebody else's server."""
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    return boto3.client(service, endpoint_url=url, region_name=REGION, **keys)


def make_rule(server, name, sql, *actions, **more):
    payload = {"sql": sql, "awsIotSqlVersion": "2016-03-23", "actions": list(actions), **more}
    server.client("iot").create_topic_rule(ruleName=name, topicRulePayload=payload)


class Endpoint:
    """A web server that keeps what it is sent, and answers as it is told."""

    def __init__(self, context=None):
        self.requests, self.statuses, self.body = queue.Queue(), [], b"{}"

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(handler):
                body = handler.rfile.read(int(handler.headers.get("content-length", 0)))
                headers = {name.lower(): value for name, value in handler.headers.items()}
                self.requests.put((handler.command, handler.path, headers, body))
                status = self.statuses.pop(0) if self.statuses else 200
                handler.send_response(status)
                handler.send_header("content-length", str(len(self.body)))
                handler.end_headers()
                handler.wfile.write(self.body)

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


def wait_for_status(iot, destination, status):
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        found = iot.get_topic_rule_destination(arn=destination)["topicRuleDestination"]
        if found["status"] == status:
            return found
        time.sleep(0.01)
    raise AssertionError(found)
