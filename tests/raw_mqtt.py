"""An MQTT client of the tests' own: it says exactly what a test wants and hides no packet."""

import contextlib
import struct
from collections import deque
from dataclasses import dataclass, field

import bytes_mqtt
from bytes_mqtt import (
    CONNACK,
    DISCONNECT,
    PINGREQ,
    PINGRESP,
    PUBACK,
    PUBCOMP,
    PUBLISH,
    PUBREC,
    PUBREL,
    SUBACK,
    UNSUBACK,
    V3,
    V5,
    Frames,
    packet,
    text,
    varint,
)

# Properties of MQTT 5 by name: identifier and type.
PROPERTIES = {
    "payload_format": (0x01, "byte"),
    "message_expiry": (0x02, "long"),
    "content_type": (0x03, "text"),
    "response_topic": (0x08, "text"),
    "correlation_data": (0x09, "data"),
    "subscription_id": (0x0B, "varint"),
    "session_expiry": (0x11, "long"),
    "assigned_client_id": (0x12, "text"),
    "server_keep_alive": (0x13, "short"),
    "authentication_method": (0x15, "text"),
    "authentication_data": (0x16, "data"),
    "request_problem": (0x17, "byte"),
    "will_delay": (0x18, "long"),
    "request_response": (0x19, "byte"),
    "response_information": (0x1A, "text"),
    "reason_string": (0x1F, "text"),
    "receive_maximum": (0x21, "short"),
    "topic_alias_maximum": (0x22, "short"),
    "topic_alias": (0x23, "short"),
    "maximum_qos": (0x24, "byte"),
    "retain_available": (0x25, "byte"),
    "user_property": (0x26, "pair"),
    "maximum_packet_size": (0x27, "long"),
    "wildcard_available": (0x28, "byte"),
    "subscription_ids_available": (0x29, "byte"),
    "shared_available": (0x2A, "byte"),
}
NAMES = {number: (name, kind) for name, (number, kind) in PROPERTIES.items()}
REPEATED = {"user_property", "subscription_id"}


WRITE = {
    "byte": lambda value: struct.pack("!B", value),
    "short": lambda value: struct.pack("!H", value),
    "long": lambda value: struct.pack("!L", value),
    "varint": varint,
    "text": text,
    "data": text,
    "pair": lambda value: text(value[0]) + text(value[1]),
}


def properties(given):
    """Properties in wire form; a list stands for several of one name."""
    out = []
    for name, value in given.items():
        number, kind = PROPERTIES[name]
        for each in value if isinstance(value, list) else [value]:
            out.append(bytes([number]) + WRITE[kind](each))
    return out


class Reader:
    """Reads the body of a packet from front to back."""

    def __init__(self, body):
        self.rest = body

    def take(self, count):
        taken, self.rest = self.rest[:count], self.rest[count:]
        assert len(taken) == count, "the packet ends too early"
        return taken

    def number(self, form):
        return struct.unpack("!" + form, self.take(struct.calcsize("!" + form)))[0]

    def varint(self):
        number = shift = 0
        while True:
            byte = self.number("B")
            number |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return number

    def data(self):
        return self.take(self.number("H"))

    def value(self, kind):
        if kind == "pair":
            return self.data().decode(), self.data().decode()
        if kind == "text":
            return self.data().decode()
        read = {"data": self.data, "varint": self.varint}
        forms = {"byte": "B", "short": "H", "long": "L"}
        return read[kind]() if kind in read else self.number(forms[kind])

    def properties(self):
        inner, found = Reader(self.take(self.varint())), {}
        while inner.rest:
            name, kind = NAMES[inner.varint()]
            value = inner.value(kind)
            if name in REPEATED:
                found.setdefault(name, []).append(value)
            else:
                assert name not in found, f"{name} is there twice"
                found[name] = value
        return found


@dataclass
class Will:
    topic: str
    payload: bytes = b"gone"
    qos: int = 0
    retain: bool = False
    properties: dict = field(default_factory=dict)


def connect_packet(
    client_id, version, clean=True, keep_alive=60, will=None, username=None, props=None
):
    flags, payload = clean << 1, b""
    if will:
        flags |= 4 | will.qos << 3 | will.retain << 5
        if version == V5:
            payload += bytes_mqtt.properties(*properties(will.properties))
        payload += text(will.topic) + text(will.payload)
    if username is not None:
        flags |= 0x80
        payload += text(username)
    props = properties(props or {})
    return bytes_mqtt.connect(client_id, version, flags, keep_alive, props, payload)


def publish_packet(version, topic, payload=b"", qos=0, retain=False, dup=False, mid=0, **props):
    payload = payload.encode() if isinstance(payload, str) else payload
    flags = dup << 3 | retain
    return bytes_mqtt.publish(topic, payload, qos, mid, version, properties(props), flags)


def subscribe_packet(version, mid, filters, **props):
    """`filters` are pairs of filter and options: the QoS, in MQTT 5 with more bits."""
    props = properties(props)
    return bytes_mqtt.subscribe(*filters, packet_id=mid, version=version, props=props)


def unsubscribe_packet(version, mid, filters):
    return bytes_mqtt.unsubscribe(*filters, packet_id=mid, version=version)


def ack_packet(kind, mid):
    return packet(kind << 4 | (2 if kind == PUBREL else 0), struct.pack("!H", mid))


NO_LOCAL, AS_PUBLISHED = 0x04, 0x08
RETAIN_IF_NEW, RETAIN_NEVER = 0x10, 0x20


@dataclass
class Packet:
    """A packet of the server."""

    kind: int
    flags: int
    body: bytes
    version: int

    @property
    def reason(self):
        """Of CONNACK and DISCONNECT; of an acknowledgement 0 if it has none."""
        at = {CONNACK: 1, DISCONNECT: 0}.get(self.kind, 2)
        return self.body[at] if len(self.body) > at else 0

    @property
    def present(self):
        return self.body[0] == 1

    @property
    def properties(self):
        """Of CONNACK and DISCONNECT."""
        reader = Reader(self.body[2 if self.kind == CONNACK else 1 :])
        return reader.properties() if self.version == V5 and reader.rest else {}

    @property
    def mid(self):
        return struct.unpack("!H", self.body[:2])[0]

    @property
    def reasons(self):
        """Of SUBACK and UNSUBACK."""
        reader = Reader(self.body[2:])
        if self.version == V5:
            reader.properties()
        return list(reader.rest)


@dataclass
class Message:
    """A PUBLISH of the server."""

    topic: str
    payload: bytes
    qos: int
    retain: bool
    dup: bool
    mid: int
    properties: dict

    @classmethod
    def of(cls, packet):
        reader = Reader(packet.body)
        topic, qos = reader.data().decode(), packet.flags >> 1 & 3
        mid = reader.number("H") if qos else 0
        found = reader.properties() if packet.version == V5 else {}
        return cls(
            topic, reader.rest, qos, packet.flags & 1 == 1, packet.flags & 8 == 8, mid, found
        )


class Wire(Frames):
    """A connection, packet by packet."""

    def __init__(self, port, version=V3, tls=None, host="127.0.0.1"):
        super().__init__(port, tls, host=host)
        self.version = version

    def next(self):
        """The next packet, `None` at the end of the connection."""
        if (frame := self.frame()) is None:
            return None
        first, body = frame
        return Packet(first >> 4, first & 0x0F, body, self.version)

    def closed(self):
        """Waits for the end; the packets before it."""
        return list(iter(self.next, None))

    def abort(self):
        """Is gone without a word."""
        self.close()


class Client(Wire):
    """A connected client. It acknowledges what it is sent unless a test does that itself."""

    def __init__(self, port, client_id="c", version=V3, tls=None, username=None, **connect):
        super().__init__(port, version, tls)
        self.messages, self.others, self.aliases = deque(), deque(), {}
        self.acknowledges = True
        self.last_mid = 0
        props = {name: connect.pop(name) for name in list(connect) if name in PROPERTIES}
        self.send(connect_packet(client_id, version, username=username, props=props, **connect))
        self.connack = self.next()

    def accepted(self):
        assert self.connack and self.connack.kind == CONNACK, self.connack
        assert self.connack.reason == 0, hex(self.connack.reason)
        return self

    @property
    def present(self):
        return self.connack.present

    def mid(self):
        self.last_mid += 1
        return self.last_mid

    def _read(self):
        """Reads one packet and does what a client does about it."""
        packet = self.next()
        if packet is None:
            return False
        if packet.kind == PUBLISH:
            message = Message.of(packet)
            self.messages.append(message)
            if self.acknowledges and message.qos:
                self.send(ack_packet(PUBACK if message.qos == 1 else PUBREC, message.mid))
        elif packet.kind == PUBREL and self.acknowledges:
            self.send(ack_packet(PUBCOMP, packet.mid))
        else:
            self.others.append(packet)
        return True

    def expect(self, kind):
        """The next packet of a kind that is no message."""
        while not self.others:
            assert self._read(), f"closed instead of packet {kind}"
        packet = self.others.popleft()
        assert packet.kind == kind, packet
        return packet

    def message(self):
        """The next message."""
        while not self.messages:
            assert self._read(), f"closed instead of a message: {self.others}"
        return self.messages.popleft()

    def payloads(self, count):
        return [self.message().payload for _ in range(count)]

    def quiet(self):
        """What came until now: a PINGREQ is answered behind all of it."""
        self.send(PINGREQ)
        # The answers to what is read on the way need a second turn.
        self.expect(PINGRESP)
        came = list(self.messages)
        self.messages.clear()
        return came

    def subscribe(self, *filters, qos=1, **props):
        """Subscribes to filters, or to pairs of filter and options; the reason codes."""
        pairs = [each if isinstance(each, tuple) else (each, qos) for each in filters]
        self.send(subscribe_packet(self.version, self.mid(), pairs, **props))
        return self.expect(SUBACK).reasons

    def unsubscribe(self, *filters):
        self.send(unsubscribe_packet(self.version, self.mid(), filters))
        return self.expect(UNSUBACK).reasons

    def publish(self, topic, payload=b"", qos=1, retain=False, **props):
        """Publishes to the end of the exchange; the reason code."""
        mid = self.mid() if qos else 0
        self.send(publish_packet(self.version, topic, payload, qos, retain, mid=mid, **props))
        if qos == 0:
            return 0
        reason = self.expect(PUBACK if qos == 1 else PUBREC).reason
        if qos == 2 and reason < 0x80:
            self.send(ack_packet(PUBREL, mid))
            self.expect(PUBCOMP)
        return reason

    def disconnect(self, reason=0, **props):
        """Leaves in good order; returns when the server has closed."""
        body = b""
        if self.version == V5 and (reason or props):
            body = bytes([reason]) + bytes_mqtt.properties(*properties(props))
        self.send(packet(DISCONNECT << 4, body))
        with contextlib.suppress(OSError):
            self.closed()
        self.close()

    def ended(self):
        """The server's DISCONNECT behind everything else, `None` without one."""
        rest = [*self.others, *self.closed()]
        last = rest[-1] if rest else None
        return last if last is not None and last.kind == DISCONNECT else None


def client(server, client_id="c", version=V3, **connect):
    """A client without TLS that has been accepted."""
    return Client(server.mqtt_port, client_id, version, **connect).accepted()
