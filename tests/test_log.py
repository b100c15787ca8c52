"""The log under hostile input: a line is one event, its fields are what the server says, and there are
not more lines than somebody can keep."""

import base64
import json
import re
import socket
import ssl
import urllib.parse

from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from bytes_mqtt import V3, V5, Raw, connect, packet, publish, subscribe, text, until
from harness import DEADLINE_S, REGION

# What could pass for fields, for another event, or for a command to a terminal.
FORGED = [
    "x forged=1",
    'x" forged=1 y="',
    'x\\" forged=1',
    'x\n2026-01-01T00:00:00Z  INFO forged=1 client_id="admin" \x1b[31mred\x07',
    "x\u2028WARN forged=1\u0085",
    "x\x1b]0;forged=1\x07",
]
QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')


def http(port, target, headers="", tls=None):
    with socket.create_connection(("127.0.0.1", port), DEADLINE_S) as one:
        if tls:
            one = tls.wrap_socket(one, server_hostname="localhost")
        head = f"POST {target} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n{headers}"
        one.sendall(f"{head}content-length: 0\r\n\r\n".encode())
        one.recv(4096)


def upgraded(port, key):
    """A WebSocket by whom that access key names."""
    ask = AWSRequest("GET", f"http://localhost:{port}/mqtt")
    SigV4QueryAuth(Credentials(key, "x"), "iotdevicegateway", REGION).add_auth(ask)
    url = urllib.parse.urlsplit(ask.url)
    nonce = base64.b64encode(bytes(16)).decode()
    head = (
        f"GET {url.path}?{url.query} HTTP/1.1\r\nhost: localhost:{port}\r\nupgrade: websocket\r\n"
        f"connection: upgrade\r\nsec-websocket-version: 13\r\nsec-websocket-key: {nonce}\r\n"
        "sec-websocket-protocol: mqtt\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", port), DEADLINE_S) as one:
        one.sendall(head.encode())
        assert one.recv(4096).startswith(b"HTTP/1.1 101")
        whole = connect("ws")
        one.sendall(bytes([0x82, 0x80 | len(whole)]) + bytes(4) + whole)
        one.recv(4096)


def test_log_lines_cannot_be_forged(own_server, tmp_path):
    """Whatever clients choose stands between quotes, and what would break the line is escaped."""
    server = own_server("--memory", "--profile", "mqtt", THINGCORE_LOG="debug")
    banner = len(server.logged_whole().splitlines())
    iot = server.client("iot")
    rule = {
        "awsIotSqlVersion": "2016-03-23",
        "sql": "SELECT parse_time('yyyy', topic()) AS t FROM 'sql/#'",
        "actions": [],
    }
    iot.create_topic_rule(ruleName="r", topicRulePayload=rule)
    for forged in FORGED:
        with Raw(server.mqtt_port) as raw:
            raw.open(forged, V5)
            raw.subscribed(forged)
            raw.send(publish(forged, forged.encode(), version=V5)).message()
            raw.send(publish("sql/" + forged, forged.encode(), version=V5))
            raw.send(publish("$aws/rules/" + forged, version=V5))
            raw.send(publish("$aws/things/" + forged + "/shadow/get", version=V5)).ping()
            raw.send(publish("a/+" + forged, version=V5)).until_closed()
        with Raw(server.mqtt_port) as raw:
            raw.open(forged, V5)
            raw.send(subscribe("a/#/" + forged, version=V5)).until_closed()
        for bad in (
            connect(forged, V5, level=9),
            connect("c", V5, name=forged),
            connect("c", V5, props=[b"\x15" + text(forged)]),
            connect("c", V5, flags=0x82, payload=text(forged)),
            connect("c", V5, flags=6, payload=b"\0" + text("$x/+" + forged) + text("x")),
            packet(0x10, forged.encode()),
        ):
            with Raw(server.mqtt_port) as raw:
                raw.send(bad, b"\xe0\0").until_closed()
        quoted = urllib.parse.quote(forged, safe="")
        for target in (f"/topics/{quoted}", f"/things/{quoted}", f"/{quoted}?{quoted}={quoted}"):
            http(server.api_port, target)
            http(
                server.api_port, target, f"authorization: AWS4-HMAC-SHA256 Credential={quoted}\r\n"
            )
            http(server.api_port, f"/_thingcore{target}")
        upgraded(server.api_port, forged)
        context = ssl.create_default_context(cafile=server.ca_file)
        context.set_alpn_protocols(["http/1.1"])
        http(server.https_port, f"/topics/{quoted}", tls=context)
    server.stop()
    log = (server.directory / "server.log").read_text()
    server.start()
    assert log.count("forged") > 10 * len(FORGED)
    # Behind what a server says of itself when it starts.
    for line in log.splitlines()[banner:]:
        assert re.match(r"20\d\d-\d\d-\d\dT\S+ +(TRACE|DEBUG|INFO|WARN|ERROR) ", line), line
        assert "forged" not in QUOTED.sub("", line), line
        assert not any(ord(one) < 0x20 or one in "\x7f\x85\u2028\u2029" for one in line), line


def test_log_lines_of_json_cannot_be_forged(own_server):
    server = own_server("--memory", "--profile", "mqtt", "--log-format", "json")
    for forged in FORGED:
        with Raw(server.mqtt_port) as raw:
            raw.open(forged, V5)
    server.stop()
    log = (server.directory / "server.log").read_text()
    server.start()
    lines = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    connected = [line for line in lines if line.get("message") == "connected"]
    assert len(connected) == len(FORGED)
    assert not any("forged" in line for line in lines)


def test_a_flood_of_bad_input_does_not_fill_the_log(own_server):
    """Each kind of bad input a thousand times: lines are left out, and one says how many."""
    server = own_server("--memory")
    with Raw(server.mqtt_port) as raw:
        raw.open("flood", V5)
        for _ in range(1000):
            raw.send(publish("$nothing/of/that/kind", qos=1, version=V5))
        for _ in range(1000):
            raw.send(subscribe("$nothing/of/that/kind", version=V5))
        raw.send(publish("nowhere", qos=1, version=V5)).ping()
    for number in range(1000):
        for bytes_ in (b"\x10\xff\xff\xff\xff\xff", connect(f"n{number}", V3) + b"\x00\x00"):
            with Raw(server.mqtt_port) as raw:
                raw.send(bytes_).until_closed()
    written = len(server.logged_whole().splitlines())
    # Two lines of `connected` and `disconnected` for each good CONNECT, and what is left of the rest.
    assert written < 2 * 1001 + 1500, written

    # The next window says what was left out, with the next line that there is.
    def told():
        with Raw(server.mqtt_port) as raw:
            raw.send(b"\x00\x00").until_closed()
        lines = [line for line in server.logged_whole().splitlines() if "were left out" in line]
        return {line.rsplit("line=", 1)[1] for line in lines}

    expected = {'"topic refused"', '"filter refused"', '"not a CONNECT"'}
    until(lambda: expected <= told(), "nothing is said of what was left out")
