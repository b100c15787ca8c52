"""WebSocket and TLS: frames, handshakes, signatures and certificates that are not what they should be.
The letters and numbers are those of the list of attacks in docs/testing.md."""

import base64
import contextlib
import datetime
import socket
import ssl
import struct
import urllib.parse

import pytest
from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from cryptography.hazmat.primitives.asymmetric import ec

from bytes_mqtt import PINGREQ, V3, V5, connect, publish, rss_mib, subscribe
from certificates import certificate, key_pem, pem
from harness import ALLOW_ALL, DEADLINE_S, REGION, Device, Server
from raw_mqtt import client

PROTOCOL_ERROR, UNSUPPORTED_DATA, TOO_BIG = 1002, 1003, 1009
BINARY, CLOSE, PING, PONG = 2, 8, 9, 10
HEADERS = {
    "host": "localhost",
    "upgrade": "websocket",
    "connection": "Upgrade",
    "sec-websocket-version": "13",
    "sec-websocket-key": base64.b64encode(bytes(16)).decode(),
    "sec-websocket-protocol": "mqtt",
}


def frame(payload, opcode=BINARY, fin=True, masked=True, announced=None):
    """A frame of a client; `announced` is the length that it claims."""
    length = len(payload) if announced is None else announced
    mask = 0x80 if masked else 0
    head = bytes([opcode | (0x80 if fin else 0)])
    if length < 126:
        head += bytes([mask | length])
    elif length < 1 << 16:
        head += bytes([mask | 126]) + struct.pack("!H", length)
    else:
        head += bytes([mask | 127]) + struct.pack("!Q", length)
    # A mask of zeros leaves the bytes as they are.
    return head + (bytes(4) if masked else b"") + payload


class WebSocket:
    """A WebSocket on which anything can be sent."""

    def __init__(self, port, target="/mqtt", method="GET", tls=None, extra=b"", **changed):
        self.socket = socket.create_connection(("127.0.0.1", port), DEADLINE_S)
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_hostname="localhost")
        changed = {name.replace("_", "-"): value for name, value in changed.items()}
        headers = {k: v for k, v in (HEADERS | changed).items() if v is not None}
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self.send(f"{method} {target} HTTP/1.1\r\n{lines}".encode() + extra + b"\r\n")
        self.held = b""
        self.status = self._status()

    def _status(self):
        """The status of the answer; `None` when there is none."""
        while b"\r\n\r\n" not in self.held:
            if not self._read():
                return None
        head, self.held = self.held.split(b"\r\n\r\n", 1)
        return int(head.split()[1])

    def _read(self):
        try:
            read = self.socket.recv(65536)
        except (ConnectionError, ssl.SSLError):
            read = b""
        self.held += read
        return read

    def send(self, *parts):
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.socket.sendall(b"".join(parts))
        return self

    def frame(self):
        """The next frame of the server, opcode and payload; `None` at the end."""
        while True:
            held = self.held
            if len(held) >= 2:
                length, at = held[1], 2
                if length == 126 and len(held) >= 4:
                    length, at = struct.unpack("!H", held[2:4])[0], 4
                if length < 126 or at > 2:
                    if len(held) >= at + length:
                        self.held = held[at + length :]
                        return held[0] & 15, held[at : at + length]
            if not self._read():
                return None

    def packet(self):
        """The next whole packet; one of this server comes in a frame of its own."""
        while found := self.frame():
            if found[0] == BINARY:
                return found[1]
        return None

    def closed(self):
        """The code that the server closes with."""
        while found := self.frame():
            if found[0] == CLOSE:
                return struct.unpack("!H", found[1][:2])[0]
        return None

    def open(self, client_id="ws", version=V3):
        assert self.status == 101
        self.send(frame(connect(client_id, version)))
        assert self.packet()[3] == 0
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()


def works(server):
    client(server, "works").publish("works")


# L01, L03: where frames begin and end means nothing to MQTT.
STREAMS = {
    "a frame shorter than its packet": lambda whole: [frame(whole[:3]), frame(whole[3:])],
    "a byte a frame": lambda whole: [frame(bytes([byte])) for byte in whole],
    "many packets in a frame": lambda whole: [frame(whole + PINGREQ * 3)],
    "a message in fragments": lambda whole: [
        frame(whole[:2], fin=False),
        frame(whole[2:4], 0, fin=False),
        frame(b"", 0, fin=False),
        frame(whole[4:], 0),
    ],
    "a ping between fragments": lambda whole: [
        frame(whole[:2], fin=False),
        frame(b"there?", PING),
        frame(whole[2:], 0),
    ],
    "an empty frame": lambda whole: [frame(b""), frame(whole)],
    "a pong that nobody asked for": lambda whole: [frame(b"x", PONG), frame(whole)],
}


@pytest.mark.parametrize("make", STREAMS.values(), ids=STREAMS.keys())
def test_frames_are_a_stream(server, make):
    with WebSocket(server.api_port).open() as ws:
        ws.send(frame(subscribe("a")))
        assert ws.packet()[0] == 0x90
        ws.send(*make(publish("a", b"payload")))
        while (packet := ws.packet()) and packet[0] == 0xD0:
            pass
        assert packet == publish("a", b"payload")


# L02, with the code that the connection closes with.
BROKEN = {
    "text": (frame(PINGREQ, 1), UNSUPPORTED_DATA),
    "unmasked": (frame(PINGREQ, masked=False), PROTOCOL_ERROR),
    "of 2^63 bytes": (frame(b"", announced=1 << 63), PROTOCOL_ERROR),
    "of 2^62 bytes": (frame(b"", announced=1 << 62), TOO_BIG),
    "of 1 GiB": (frame(b"", announced=1 << 30), TOO_BIG),
    "a control frame in fragments": (frame(b"", PING, fin=False), PROTOCOL_ERROR),
    "a control frame of 126 bytes": (frame(bytes(126), PING), PROTOCOL_ERROR),
    "a reserved opcode": (frame(b"", 3), PROTOCOL_ERROR),
    "a reserved control opcode": (frame(b"", 0xB), PROTOCOL_ERROR),
    "a continuation of nothing": (frame(b"", 0), PROTOCOL_ERROR),
    "reserved bits": (frame(PINGREQ, BINARY | 0x40), PROTOCOL_ERROR),
}


@pytest.mark.parametrize("bytes_, code", BROKEN.values(), ids=BROKEN.keys())
@pytest.mark.parametrize("connected", [True, False], ids=["connected", "before CONNECT"])
def test_a_frame_that_is_none_ends_the_connection(server, bytes_, code, connected):
    before = rss_mib(server)
    with WebSocket(server.api_port) as ws:
        if connected:
            ws.open()
        ws.send(bytes_, bytes(1000))
        assert ws.closed() == code
    assert rss_mib(server) - before < 16
    works(server)


def test_frames_that_never_end_are_bounded(server):
    """L01: what is not a whole packet yet is held to the profile's size of a packet."""
    before = rss_mib(server)
    with WebSocket(server.api_port).open(version=V5) as ws:
        ws.send(frame(b"\x30\xff\xff\xff\x7f"), *[frame(bytes(60_000))] * 20)
        assert ws.packet()[:1] == b"\xe0"
        ws.closed()
    with WebSocket(server.api_port) as ws:
        ws.send(frame(b"\x10\xff\xff\xff\x7f\0\4MQTT"), *[frame(bytes(60_000))] * 20)
        while ws.frame():
            pass
    assert rss_mib(server) - before < 16


# L04: what is no handshake, and its status.
HANDSHAKES = {
    "no subprotocol": ({"sec_websocket_protocol": None}, 400),
    "another subprotocol": ({"sec_websocket_protocol": "soap, chat"}, 400),
    "no key": ({"sec_websocket_key": None}, 400),
    "another version": ({"sec_websocket_version": "12"}, 426),
    "no version": ({"sec_websocket_version": None}, 426),
    "no connection": ({"connection": "keep-alive"}, 400),
    "another method": ({"method": "POST"}, 405),
    "many headers": ({"extra": b"x: y\r\n" * 5000}, 431),
    "a header of 150 KB": ({"extra": b"x: " + b"y" * 150_000 + b"\r\n"}, 431),
}


@pytest.mark.parametrize("changed, status", HANDSHAKES.values(), ids=HANDSHAKES.keys())
def test_what_is_no_handshake_gets_an_error(server, changed, status):
    with WebSocket(server.api_port, **changed) as ws:
        assert ws.status == status
    works(server)


def test_a_header_that_never_ends_is_bounded(server):
    """L04."""
    before = rss_mib(server)
    with socket.create_connection(("127.0.0.1", server.api_port), DEADLINE_S) as one:
        one.sendall(b"GET /mqtt HTTP/1.1\r\nx: ")
        with pytest.raises(ConnectionError):
            for _ in range(4000):
                one.sendall(bytes(b"y" * 65536))
    assert rss_mib(server) - before < 16


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "https://localhost.evil.example"]
)
def test_a_page_of_another_origin_must_sign(server, origin):
    """L06: without TLS and signature only pages of the server's own may connect."""
    with WebSocket(server.api_port, origin=origin) as ws:
        assert ws.status == 403
    own = f"http://localhost:{server.api_port}"
    with WebSocket(server.api_port, origin=own, host=f"localhost:{server.api_port}") as ws:
        assert ws.status == 101
    target = signed(server)
    with WebSocket(
        server.api_port, target, origin=origin, host=f"localhost:{server.api_port}"
    ) as ws:
        assert ws.status == 101


@pytest.fixture(scope="module")
def verifying(tmp_path_factory):
    """A server that verifies signatures."""
    directory = tmp_path_factory.mktemp("verifying")
    keys = directory / "credentials"
    keys.write_text("[default]\naws_access_key_id = KEY\naws_secret_access_key = secret\n")
    with Server(directory, "--memory", "--auth", "verify", "--credentials", keys) as server:
        yield server


def signed(server, key="KEY", secret="secret", region=REGION, service="iotdevicegateway"):
    """The target of a signed handshake."""
    ask = AWSRequest("GET", f"http://localhost:{server.api_port}/mqtt")
    SigV4QueryAuth(Credentials(key, secret), service, region, expires=300).add_auth(ask)
    url = urllib.parse.urlsplit(ask.url)
    return f"{url.path}?{url.query}"


def changed(name, change):
    """A change of one parameter of the query."""

    def of(target):
        path, query = target.split("?")
        pairs = [pair.split("=", 1) for pair in query.split("&")]
        pairs = [(k, change(v) if k == name else v) for k, v in pairs]
        return path + "?" + "&".join(f"{k}={v}" for k, v in pairs if v is not None)

    return of


def flipped(text):
    return text[:-1] + ("0" if text[-1] != "0" else "1")


DATE = "X-Amz-Date"
SIGNATURES = {
    "as it is": (lambda target: target, 101),
    "altered signature": (changed("X-Amz-Signature", flipped), 403),
    "empty signature": (changed("X-Amz-Signature", lambda _: ""), 403),
    "no signature": (changed("X-Amz-Signature", lambda _: None), 403),
    "altered expiry": (changed("X-Amz-Expires", lambda _: "86400"), 403),
    "odd expiry": (changed("X-Amz-Expires", lambda _: "-1"), 403),
    "altered date": (changed(DATE, lambda text: flipped(text[:-1]) + "Z"), 403),
    "odd date": (changed(DATE, lambda _: "20261332T256199Z"), 403),
    "another key": (changed("X-Amz-Credential", lambda text: text.replace("KEY", "YEK")), 403),
    "no scope": (changed("X-Amz-Credential", lambda _: "KEY"), 403),
    "more parameters": (lambda target: target + "&extra=1", 403),
    "signature twice": (lambda target: target + "&X-Amz-Signature=00", 403),
    "credential twice": (lambda target: target + "&X-Amz-Credential=KEY", 403),
    "a header that is not there": (changed("X-Amz-SignedHeaders", lambda _: "host%3Bx-y"), 403),
    "no signed header": (changed("X-Amz-SignedHeaders", lambda _: ""), 403),
}


@pytest.mark.parametrize("alter, status", SIGNATURES.values(), ids=SIGNATURES.keys())
def test_an_altered_signature_does_not_hold(verifying, alter, status):
    """L05."""
    host = f"localhost:{verifying.api_port}"
    with WebSocket(verifying.api_port, alter(signed(verifying)), host=host) as ws:
        assert ws.status == status


@pytest.mark.parametrize(
    "options, status",
    [
        ({"secret": "other"}, 403),
        ({"key": "OTHER"}, 403),
        ({"region": "eu-west-1"}, 403),
        ({"service": "s3"}, 403),
        ({"service": "iotdata"}, 101),
    ],
    ids=str,
)
def test_a_signature_of_something_else_does_not_hold(verifying, options, status):
    """L05."""
    host = f"localhost:{verifying.api_port}"
    with WebSocket(verifying.api_port, signed(verifying, **options), host=host) as ws:
        assert ws.status == status


@pytest.mark.parametrize("minutes, status", [(-6, 403), (-4, 101), (20, 403), (-3000, 403)])
def test_a_signature_holds_for_its_time(verifying, monkeypatch, minutes, status):
    """L05: this one is for five minutes."""
    then = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=minutes)
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda *_: then.replace(tzinfo=None))
    host = f"localhost:{verifying.api_port}"
    with WebSocket(verifying.api_port, signed(verifying), host=host) as ws:
        assert ws.status == status


def test_another_host_was_signed(verifying):
    """L05: the host is a signed header."""
    with WebSocket(verifying.api_port, signed(verifying), host="elsewhere") as ws:
        assert ws.status == 403


class Strangers:
    """Devices that may not connect, by what is wrong with them, and one that may."""

    def __init__(self, server, directory):
        self.server, self.directory, self.iot = server, directory, server.client("iot")
        self.authority, self.ca = self._authority("My CA")
        verifier = ec.generate_private_key(ec.SECP256R1())
        code = self.iot.get_registration_code()["registrationCode"]
        self.iot.register_ca_certificate(
            caCertificate=pem(self.ca),
            verificationCertificate=pem(certificate(code, "My CA", verifier, self.authority)),
            setAsActive=True,
        )

    def _authority(self, name):
        key = ec.generate_private_key(ec.SECP256R1())
        return key, certificate(name, name, key, key)

    def _device(self, name, issuer, signer, days=(-1, 1)):
        key = ec.generate_private_key(ec.SECP256R1())
        made = certificate(name, issuer, key, signer, days=days)
        folder = self.directory / name
        folder.mkdir()
        (folder / "crt").write_text(pem(made))
        (folder / "key").write_text(key_pem(key))
        return made, Device("", "", folder / "crt", folder / "key", self.server.ca_file)

    def _registered(self, name, status, **options):
        made, device = self._device(name, "My CA", self.authority, **options)
        done = self.iot.register_certificate(
            certificatePem=pem(made), caCertificatePem=pem(self.ca), status="ACTIVE"
        )
        self.server.allow(done["certificateArn"], ALLOW_ALL)
        if status != "ACTIVE":
            self.iot.update_certificate(certificateId=done["certificateId"], newStatus=status)
        return device

    def of(self, kind):
        match kind:
            case "none":
                return None
            case "good":
                return self._registered("good", "ACTIVE")
            case "expired":
                return self._registered("expired", "ACTIVE", days=(-3, -1))
            case "not yet":
                return self._registered("not-yet", "ACTIVE", days=(1, 3))
            case "another authority":
                key, _ = self._authority("Other CA")
                return self._device("other", "Other CA", key)[1]
            case "another authority of the same name":
                key, _ = self._authority("My CA")
                return self._device("same", "My CA", key)[1]
            case "not registered":
                return self._device("unregistered", "My CA", self.authority)[1]
            case "somebody else's":
                # The certificate is good, the key is not its own.
                good = self._registered("stolen", "ACTIVE")
                key = ec.generate_private_key(ec.SECP256R1())
                good.key.write_text(key_pem(key))
                return good
            case status:
                return self._registered(status, status)


KINDS = [
    "good",
    "none",
    "expired",
    "not yet",
    "another authority",
    "another authority of the same name",
    "not registered",
    "INACTIVE",
    "REVOKED",
]


def context(server, device, alpn=None, version=None):
    tls = ssl.create_default_context(cafile=server.ca_file)
    if device:
        tls.load_cert_chain(device.cert, device.key)
    if alpn:
        tls.set_alpn_protocols([alpn])
    if version:
        tls.maximum_version = version
    return tls


def connack(server, tls, port, websocket):
    """Whether a client gets in."""
    packet = connect("c", V5)
    try:
        if websocket:
            with WebSocket(port, tls=tls) as ws:
                answer = ws.send(frame(packet)).packet() if ws.status == 101 else b""
        else:
            with (
                socket.create_connection(("127.0.0.1", port), DEADLINE_S) as plain,
                tls.wrap_socket(plain, server_hostname="localhost") as one,
            ):
                one.sendall(packet)
                answer = one.recv(1000)
    except (ssl.SSLError, ConnectionError):
        return False
    return bool(answer) and (answer[0], answer[3]) == (0x20, 0)


@pytest.mark.parametrize("kind", KINDS)
def test_a_certificate_means_the_same_at_every_door(server, tmp_path, kind):
    """M02, M04: MQTT by port, by ALPN and by its first byte, and over WebSocket; both versions of TLS."""
    device = Strangers(server, tmp_path).of(kind)
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        for port, alpn, websocket in (
            (server.mqtts_port, None, False),
            (server.https_port, "x-amzn-mqtt-ca", False),
            (server.https_port, None, False),
            (server.https_port, None, True),
            (server.https_port, "http/1.1", True),
        ):
            tls = context(server, device, alpn, version)
            met = connack(server, tls, port, websocket)
            assert met == (kind == "good"), (port, alpn, websocket, version)


# M03: what the ClientHello names, and whether the handshake is good. A name is not looked at, as the
# server has one certificate: which endpoint is meant shows in policies (`iot:DomainName`) alone.
HELLOS = [
    ("mqtts", None, "localhost", True),
    ("mqtts", None, None, True),
    ("mqtts", None, "unknown.example", True),
    ("mqtts", None, "127.0.0.1", True),
    ("mqtts", "x-amzn-mqtt-ca", "localhost", True),
    ("mqtts", "mqtt", None, True),
    ("mqtts", "h2", "localhost", False),
    ("mqtts", "x" * 255, "localhost", False),
    ("https", None, None, True),
    ("https", "x-amzn-mqtt-ca", None, True),
    ("https", "x-amzn-mqtt-ca", "unknown.example", True),
    ("https", "mqtt", "localhost", True),
    ("https", "http/1.1", "localhost", True),
    ("https", "h2", "localhost", False),
    ("https", "unknown", "localhost", False),
]


@pytest.mark.parametrize("port, alpn, name, good", HELLOS)
def test_names_and_protocols_of_a_hello(server, device, port, alpn, name, good):
    tls = context(server, device, alpn)
    tls.check_hostname = False
    port = server.mqtts_port if port == "mqtts" else server.https_port
    with socket.create_connection(("127.0.0.1", port), DEADLINE_S) as plain:
        try:
            with tls.wrap_socket(plain, server_hostname=name) as one:
                assert one.selected_alpn_protocol() == alpn
                met = True
        except ssl.SSLError:
            met = False
    assert met == good
