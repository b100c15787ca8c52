"""MQTT byte by byte: packets of any form, right and wrong, and a connection that is read packet by
packet. What says what it means by name is built on it, in raw_mqtt.py."""

import socket
import struct
import time

from harness import DEADLINE_S

V3, V5 = 4, 5
VERSIONS = {"v3.1.1": V3, "v5": V5}

(
    CONNECT,
    CONNACK,
    PUBLISH,
    PUBACK,
    PUBREC,
    PUBREL,
    PUBCOMP,
    SUBSCRIBE,
    SUBACK,
    UNSUBSCRIBE,
    UNSUBACK,
    PINGREQ_TYPE,
    PINGRESP,
    DISCONNECT,
) = range(1, 15)
PINGREQ = bytes([PINGREQ_TYPE << 4, 0])


def varint(number):
    """A number in as many bytes as it needs, seven bits in each."""
    out = b""
    while True:
        number, low = number >> 7, number & 0x7F
        if not number:
            return out + bytes([low])
        out += bytes([low | 0x80])


def text(value):
    """A string, or bytes that claim to be one, with its length."""
    value = value.encode() if isinstance(value, str) else value
    return struct.pack(">H", len(value)) + value


def packet(first, *body):
    body = b"".join(body)
    return bytes([first]) + varint(len(body)) + body


def properties(*parts):
    body = b"".join(parts)
    return varint(len(body)) + body


def connect(
    client_id="hostile",
    version=V3,
    flags=2,
    keep_alive=60,
    props=(),
    payload=b"",
    level=None,
    name="MQTT",
):
    head = text(name) + bytes([version if level is None else level, flags])
    body = struct.pack(">H", keep_alive) + (properties(*props) if version == V5 else b"")
    return packet(0x10, head, body, text(client_id), payload)


def publish(topic, payload=b"x", qos=0, packet_id=1, version=V3, props=(), flags=0):
    """`flags` are the bits beside those of the QoS: 1 is RETAIN, 8 is DUP."""
    parts = [text(topic)]
    if qos:
        parts.append(struct.pack(">H", packet_id))
    if version == V5:
        parts.append(properties(*props))
    return packet(0x30 | qos << 1 | flags, *parts, payload)


def subscribe(*filters, packet_id=1, version=V3, options=0, props=()):
    """Subscribes to filters, or to pairs of filter and options."""
    body = [struct.pack(">H", packet_id)]
    if version == V5:
        body.append(properties(*props))
    pairs = (each if isinstance(each, tuple) else (each, options) for each in filters)
    return packet(0x82, *body, *(text(f) + bytes([o]) for f, o in pairs))


def unsubscribe(*filters, packet_id=1, version=V3):
    props = properties() if version == V5 else b""
    return packet(0xA2, struct.pack(">H", packet_id), props, *(text(f) for f in filters))


class Frames:
    """A connection on which anything can be sent, read packet by packet: first byte and body."""

    def __init__(self, port, tls=None, window=None, host="127.0.0.1"):
        self.socket = socket.socket()
        if window:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.settimeout(DEADLINE_S)
        self.socket.connect((host, port))
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_hostname="localhost")
        self.held = b""

    def send(self, *parts):
        """Sends; a server that has closed already may not take everything."""
        try:
            self.socket.sendall(b"".join(parts))
        except (BrokenPipeError, ConnectionResetError):
            pass
        return self

    def _packet(self):
        held = self.held
        if len(held) < 2:
            return None
        length, shift, at = 0, 0, 1
        while True:
            if at >= len(held):
                return None
            length |= (held[at] & 0x7F) << shift
            shift, at = shift + 7, at + 1
            if not held[at - 1] & 0x80:
                break
        if len(held) < at + length:
            return None
        self.held = held[at + length :]
        return held[0], held[at : at + length]

    def more(self):
        """Waits for more bytes and holds them; false at the end of the connection."""
        try:
            read = self.socket.recv(65536)
        except ConnectionResetError:
            read = b""
        self.held += read
        return bool(read)

    def frame(self):
        """The next packet, first byte and body; None at the end of the connection."""
        while not (found := self._packet()):
            if not self.more():
                return None
        return found

    def reset(self):
        """Ends the connection without a word."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Raw(Frames):
    """A client that says no more than it is told to."""

    next = Frames.frame

    def next_of(self, kind):
        """The next packet of a type; others are skipped."""
        while found := self.next():
            if found[0] >> 4 == kind:
                return found
        raise AssertionError(f"the connection ended without a packet of type {kind}")

    def until_closed(self):
        """All packets until the server closes."""
        return list(iter(self.next, None))

    def open(self, client_id, version=V3, **options):
        """Connects and is accepted."""
        first, body = self.send(connect(client_id, version, **options)).next()
        assert first == 0x20 and body[1] == 0, (first, body)
        self.version, self.session_present = version, bool(body[0])
        return self

    def ping(self):
        """The server answers."""
        self.send(PINGREQ).next_of(PINGRESP)
        return self

    def subscribed(self, *filters, **options):
        """Subscribes; the codes of the SUBACK."""
        self.send(subscribe(*filters, version=self.version, **options))
        _, body = self.next_of(SUBACK)
        return list(body[3:] if self.version == V5 else body[2:])

    def message(self):
        """The next message: topic, payload, packet id, first byte."""
        first, body = self.next_of(PUBLISH)
        end = 2 + struct.unpack(">H", body[:2])[0]
        topic, packet_id = body[2:end].decode(), None
        if first & 6:
            packet_id, end = struct.unpack(">H", body[end : end + 2])[0], end + 2
        if self.version == V5:
            assert body[end] < 128
            end += 1 + body[end]
        return topic, body[end:], packet_id, first

    def ack(self, packet_id):
        return self.send(packet(0x40, struct.pack(">H", packet_id)))


def rss_mib(server):
    """Memory of a server's process."""
    with open(f"/proc/{server.process.pid}/status") as status:
        [line] = [line for line in status if line.startswith("VmRSS:")]
    return int(line.split()[1]) / 1024


def until(condition, what):
    """Waits for something that the server does on its own time."""
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)
