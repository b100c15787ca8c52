"""What clients of HTTP can make the server hold: requests that do not come to their end, answers that
nobody reads. HTTP has one half of the memory that is kept for clients, and MQTT goes on beside it."""

import contextlib
import json
import socket

import pytest

from bytes_mqtt import PUBACK, V3, V5, Raw, publish, rss_mib, until
from test_memory_bound import BOUND, MIB, bounded, held, metric, refused

__all__ = ["bounded"]

NO_MEMORY = b"no memory"


class Http:
    """A connection on which a request is sent byte by byte."""

    def __init__(self, port, window=None):
        self.socket = socket.socket()
        if window:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
        self.socket.settimeout(30)
        self.socket.connect(("127.0.0.1", port))

    def send(self, *parts):
        """Sends; a server that has answered already may not take everything."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.socket.sendall(b"".join(parts))
        return self

    def ask(self, method, path, length, *headers, service=None):
        """The head of a request."""
        lines = [f"{method} {path} HTTP/1.1", "host: localhost", f"content-length: {length}"]
        if service:
            scope = f"Credential=A/20260101/us-east-1/{service}/aws4_request"
            signed = f"AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=00"
            lines.append(f"authorization: {signed}")
        return self.send("\r\n".join([*lines, *headers, "", ""]).encode())

    def answer(self):
        """All that comes of the answer until the server closes; what it does not read resets."""
        answer = b""
        with contextlib.suppress(ConnectionResetError):
            while more := self.socket.recv(65536):
                answer += more
        return answer

    def status(self):
        """The status, as soon as it is there; 0 when the connection ended without."""
        with contextlib.suppress(ConnectionResetError):
            return int(self.socket.recv(65536)[9:12] or 0)
        return 0

    def is_answered(self):
        """Whether the server has answered or closed; it has read everything else."""
        self.socket.settimeout(1)
        try:
            self.status()
        except TimeoutError:
            return False
        return True

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()


def held_by_http(server):
    return metric(server, "thingcore_buffered_http_bytes")


def mqtt_goes_on(server):
    with Raw(server.mqtt_port) as raw:
        raw.open("beside", V5).send(publish("beside", bytes(3000), 1, version=V5))
        assert raw.next_of(PUBACK)[1][2] < 0x80


@pytest.fixture
def full(bounded):
    """A server on which HTTP holds all that it may, in bodies that do not come to their end."""
    with contextlib.ExitStack() as stack:
        for size in 900_000, 90_000, 9_000, 4_200:
            before = refused(bounded, "request")
            while refused(bounded, "request") == before:
                http = stack.enter_context(Http(bounded.api_port))
                http.ask("POST", "/things/slow", 1_000_000, service="iot").send(bytes(size))
                until(lambda http=http: not unread(http.socket), "the server does not read")
        yield bounded
    until(lambda: held_by_http(bounded) == 0, "what they had sent is still there")


def unread(connection):
    """Whether bytes are on their way to a server that has not answered."""
    port = connection.getsockname()[1]
    waiting = False
    with open("/proc/net/tcp") as table:
        for line in list(table)[1:]:
            _, ours, theirs, _, queues, *_ = line.split()
            unsent, received = (int(queue, 16) for queue in queues.split(":"))
            if int(ours.split(":")[1], 16) == port:
                if received:
                    return False
                waiting |= unsent > 0
            elif int(theirs.split(":")[1], 16) == port:
                waiting |= received > 0
    return waiting


CHUNKED = "x-amz-content-sha256: STREAMING-UNSIGNED-PAYLOAD-TRAILER"
FORM = "content-type: multipart/form-data; boundary=B"
BODIES = {
    "control plane": (("POST", "/things/t"), "iot", (), 503, b"ServiceUnavailableException:"),
    "data plane": (("POST", "/topics/t?qos=0"), None, (), 503, b"ServiceUnavailableException:"),
    "sts": (("POST", "/"), "sts", (), 503, b"<Code>ServiceUnavailable</Code>"),
    "lambda": (
        ("POST", "/2015-03-31/functions/f/invocations"),
        "lambda",
        (),
        429,
        b"TooManyRequestsException",
    ),
    "s3 in chunks": (("PUT", "/bucket/key"), "s3", (CHUNKED,), 503, b"<Code>SlowDown</Code>"),
    "s3 by a form": (("POST", "/bucket"), "s3", (FORM,), 503, b"<Code>SlowDown</Code>"),
    "s3 documents": (("PUT", "/bucket/key?tagging"), "s3", (), 503, b"<Code>SlowDown</Code>"),
    "admin": (("POST", "/_thingcore/seed"), None, (), 503, NO_MEMORY),
}


def test_each_service_says_in_its_own_words_that_there_is_no_memory(full):
    full.client("s3").create_bucket(Bucket="bucket")
    before = refused(full, "request")
    for name, (request, service, headers, status, words) in BODIES.items():
        with Http(full.api_port) as http:
            http.ask(*request, 10_000, *headers, "connection: close", service=service)
            answer = http.send(bytes(10_000)).answer()
        assert answer.startswith(b"HTTP/1.1 %d " % status), (name, answer)
        assert words in answer, name
    assert refused(full, "request") == before + len(BODIES)
    until(lambda: "--buffer-memory" in full.logged(), "nothing in the log")


def test_what_is_small_and_what_is_not_held_goes_on(full):
    mqtt_goes_on(full)
    iot, s3 = full.client("iot"), full.client("s3")
    iot.create_thing(thingName="small")
    assert iot.describe_thing(thingName="small")["thingName"] == "small"
    s3.create_bucket(Bucket="bucket")
    # An object goes to its file as it comes, and back likewise.
    with Http(full.api_port) as http:
        http.ask("PUT", "/bucket/large", 3_000_000, service="s3").send(b"x" * 3_000_000)
        assert http.status() == 200
    assert s3.get_object(Bucket="bucket", Key="large")["Body"].read() == b"x" * 3_000_000


def test_bodies_that_never_end_share_one_half(bounded):
    """Whichever service they are for."""
    bounded.client("s3").create_bucket(Bucket="bucket")
    before = rss_mib(bounded)
    requests = [
        (("POST", "/things/slow", 1_000_000), {"service": "iot"}),
        (("POST", "/_thingcore/seed", 16_000_000), {}),
        (("PUT", "/bucket/key", 90_000_000, CHUNKED), {"service": "s3"}),
        (("POST", "/bucket", 90_000_000, FORM), {"service": "s3"}),
        (("POST", "/2015-03-31/functions/f/invocations", 6_000_000), {"service": "lambda"}),
    ] * 6
    with contextlib.ExitStack() as stack:
        waiting = 0
        for request, service in requests:
            http = stack.enter_context(Http(bounded.api_port))
            http.ask(*request, **service)
            http.send(bytes(900_000))
            waiting += not http.is_answered()
            assert held_by_http(bounded) < BOUND
        assert 2 <= waiting < len(requests) / 2
        assert refused(bounded, "request") == len(requests) - waiting
        assert rss_mib(bounded) - before < 4 * BOUND / MIB
        mqtt_goes_on(bounded)
    until(lambda: held(bounded) < MIB / 4, "what they had sent is still there")


def test_a_body_in_the_smallest_pieces_takes_what_it_says(bounded):
    """Each piece would keep a buffer of its own."""
    before = rss_mib(bounded)
    with Http(bounded.api_port) as http:
        http.send(
            b"POST /topics/pieces?qos=0 HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n"
        )
        for _ in range(100):
            http.send(b"1\r\nx\r\n" * 1000)
        until(lambda: held_by_http(bounded) >= 100_000, "the server does not count it")
        assert held_by_http(bounded) < 300_000
        assert rss_mib(bounded) - before < 5
        http.send(b"0\r\n\r\n")
        assert http.status() == 200
    until(lambda: held_by_http(bounded) == 0, "it is still held")


def test_heads_that_never_end(bounded):
    head = b"GET /things/slow HTTP/1.1\r\nhost: a\r\nx: " + b"y" * 60_000
    before = rss_mib(bounded)
    with contextlib.ExitStack() as stack:
        open_ = []
        for _ in range(200):
            open_.append(stack.enter_context(Http(bounded.api_port)).send(head))
        until(lambda: refused(bounded, "request") > 0, "the server takes all of them")
        for http in open_:
            until(lambda http=http: not unread(http.socket), "the server does not read")
        assert BOUND / 2 <= held_by_http(bounded) + 64 * 1024 < BOUND
        assert rss_mib(bounded) - before < 4 * BOUND / MIB
        mqtt_goes_on(bounded)
        assert json.loads(bounded.admin("health"))["status"] == "ok"
    until(lambda: held_by_http(bounded) == 0, "they are still held")


def test_answers_that_nobody_reads(own_server):
    """Nine megabytes each, more than the system takes of them; what goes over the half is the last."""
    server = own_server("--memory", "--profile", "mqtt", "--buffer-memory", "48MiB")
    payload = b"\xff" * 100_000
    server.admin("messages?after=0&limit=1")
    with Raw(server.mqtt_port) as raw:
        raw.open("publisher", V3)
        for _ in range(70):
            raw.send(publish("large", payload))
        raw.ping()
    path = "/_thingcore/messages?filter=large&after=0&limit=1000"
    remembered = lambda: json.loads(server.admin(path.removeprefix("/_thingcore/")))["events"]
    until(lambda: len(remembered()) == 70, "not all messages are remembered")
    before = rss_mib(server)
    with contextlib.ExitStack() as stack:
        statuses = []
        for _ in range(6):
            http = stack.enter_context(Http(server.api_port, window=4096))
            statuses.append(http.ask("GET", path, 0).status())
        assert statuses == [200] * 3 + [503] * 3
        assert refused(server, "answer") == 3
        assert rss_mib(server) - before < 120
        mqtt_goes_on(server)
    until(lambda: held_by_http(server) == 0, "they are still held")
    with Http(server.api_port) as http:
        answer = http.ask("GET", path, 0, "connection: close").answer()
    assert len(json.loads(answer.partition(b"\r\n\r\n")[2])["events"]) == 70


def test_followers_that_do_not_read_lose_events(own_server):
    """They are told how much they lost, and nothing of it is kept for them."""
    server = own_server("--memory", "--profile", "mqtt", "--buffer-memory", "128MiB")
    with contextlib.ExitStack() as stack:
        followers = []
        for _ in range(10):
            http = stack.enter_context(Http(server.api_port, window=4096))
            http.ask("GET", "/_thingcore/messages?follow=true", 0)
            assert http.status() == 200
            followers.append(http)
        with Raw(server.mqtt_port) as raw:
            raw.open("publisher", V3)
            for _ in range(600):
                raw.send(publish("large", b"\xff" * 100_000))
            raw.ping()
        until(lambda: held(server) < 8 * MIB, "what they do not read is kept for them")
        [first, *_] = followers
        seen = b""
        while b'"type":"lost"' not in seen:
            more = first.socket.recv(1 << 20)
            assert more, "the stream ended"
            seen = seen[-100:] + more
    until(lambda: held_by_http(server) == 0, "they are still held")


def test_long_topics_are_not_remembered(own_server):
    """The standard has topics of 64 KiB; where each leads is kept for short ones alone."""
    server = own_server("--memory", "--profile", "mqtt")
    with contextlib.ExitStack() as stack:
        before = None
        for client in range(4):
            raw = stack.enter_context(Raw(server.mqtt_port)).open(f"long-{client}", V3)
            for number in range(250):
                raw.send(publish(f"{client}/{number}/" + "x" * 60_000))
                if before is None and number == 20:
                    raw.ping()
                    before = rss_mib(server)
            raw.ping()
        assert rss_mib(server) - before < 20
