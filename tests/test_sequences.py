"""Packets, well formed and not, and the server's exact reaction: `data/sequences.txt`."""

import pathlib

import pytest

from bytes_mqtt import CONNACK
from harness import Server
from raw_mqtt import Wire, connect_packet

TABLE = pathlib.Path(__file__).parent / "data" / "sequences.txt"
PING, PONG = b"\xc0\0", b"\xd0\0"


def rows():
    for number, line in enumerate(TABLE.read_text().splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        version, sent, answered, then, what = (part.strip() for part in line.split("|"))
        answered = b"" if answered == "-" else bytes.fromhex(answered)
        first = version.endswith("!")
        case = (int(version[0]), first, bytes.fromhex(sent), answered, then)
        yield pytest.param(*case, id=f"{number}: {version} {what}")


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    """One server for all rows, which none of them may bring down."""
    with Server(tmp_path_factory.mktemp("sequences"), "--memory", "--profile", "mqtt") as server:
        yield server


def everything(wire):
    """Bytes until the end, or until a PINGREQ is answered."""
    while PONG not in wire.held and wire.more():
        pass
    came, answered, wire.held = wire.held.partition(PONG)
    return came, "stays" if answered else "closed"


@pytest.mark.parametrize(("version", "first", "sent", "answered", "then"), list(rows()))
def test_row(broker, version, first, sent, answered, then):
    with Wire(broker.mqtt_port, version) as wire:
        if not first:
            wire.send(connect_packet("s", version))
            assert wire.next().kind == CONNACK
        # Its own answer is behind everything else; a row that is a PINGREQ has one more.
        wire.send(sent)
        if then == "stays":
            wire.send(PING)
        if sent == PING and then == "stays":
            assert everything(wire) == (b"", "stays")
            answered = b""
        assert everything(wire) == (answered, then)


def test_the_server_has_lived_through_all_of_it(broker):
    assert broker.process.poll() is None, broker.logged()
