#!/usr/bin/env python3
"""100 good clients, alone and then beside 1,000 hostile ones: the good ones must lose nothing, and
their 99th percentile must stay below three times what it is without. Needs nothing but Python and a
running server with a plaintext port:

    thingcore serve --memory --mqtt-port 1883 &
    benches/hostile.py 1883 [seconds]

The hostile ones are a third half-open, a third sends garbage, a third sends a CONNECT byte by byte;
whoever is cut off comes back at once. They have a process of their own, so that the good ones' clock
measures the server. Good clients publish at QoS 1, ten times a second each, to a partner who
acknowledges."""

import asyncio
import contextlib
import multiprocessing
import random
import resource
import struct
import sys
import time

PAIRS, HOSTILE, PER_SECOND = 50, 1000, 10


def packet(first, body):
    assert len(body) < 128
    return bytes([first, len(body)]) + body


def text(value):
    return struct.pack(">H", len(value)) + value


def connect(client_id):
    return packet(0x10, text(b"MQTT") + b"\x04\x02\x00\x3c" + text(client_id))


async def read_packet(reader):
    first, length = await reader.readexactly(2)
    return first, await reader.readexactly(length)


async def opened(port, name):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(connect(name))
    first, body = await read_packet(reader)
    assert (first, body[1]) == (0x20, 0), (first, body)
    return reader, writer


async def pair(port, number, seconds, latencies):
    """A publisher and its partner; how many messages were lost."""
    topic = b"good/%d" % number
    reader, writer = await opened(port, b"sub-%d" % number)
    writer.write(packet(0x82, b"\x00\x01" + text(topic) + b"\x01"))
    assert (await read_packet(reader))[0] == 0x90
    _, publisher = await opened(port, b"pub-%d" % number)
    count = seconds * PER_SECOND
    sent = {}

    async def receive():
        seen = set()
        while len(seen) < count:
            first, body = await read_packet(reader)
            if first >> 4 != 3:
                continue
            at = 2 + len(topic)
            writer.write(packet(0x40, body[at : at + 2]))
            message = struct.unpack(">I", body[at + 2 : at + 6])[0]
            latencies.append(time.perf_counter() - sent[message])
            seen.add(message)
        return len(seen)

    receiving = asyncio.create_task(receive())
    for message in range(count):
        await asyncio.sleep(random.expovariate(PER_SECOND))
        sent[message] = time.perf_counter()
        body = text(topic) + struct.pack(">HI", message % 60_000 + 1, message) + b"x" * 32
        publisher.write(packet(0x32, body))
    try:
        return count - await asyncio.wait_for(receiving, 30)
    except (TimeoutError, asyncio.TimeoutError, asyncio.IncompleteReadError):
        return count
    finally:
        writer.close()
        publisher.close()


async def hostile(port, number):
    while True:
        with contextlib.suppress(OSError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                if number % 3 == 0:
                    await reader.read()
                elif number % 3 == 1:
                    writer.write(connect(b"hostile-%d" % number) + random.randbytes(2000))
                    await reader.read()
                    await asyncio.sleep(0.2)
                else:
                    for byte in connect(b"slow-%d" % number):
                        writer.write(bytes([byte]))
                        await asyncio.sleep(1)
                    await reader.read()
            finally:
                writer.close()


async def measure(port, seconds):
    """Lost messages, and the 99th percentile in ms."""
    latencies = []
    lost = await asyncio.gather(*(pair(port, n, seconds, latencies) for n in range(PAIRS)))
    latencies.sort()
    return sum(lost), latencies[len(latencies) * 99 // 100] * 1000


async def all_hostile(port):
    await asyncio.gather(*(hostile(port, n) for n in range(HOSTILE)))


def besiege(port):
    asyncio.run(all_hostile(port))


def main(port, seconds):
    alone = asyncio.run(measure(port, seconds))
    enemies = multiprocessing.Process(target=besiege, args=(port,), daemon=True)
    enemies.start()
    # Until all of them are there.
    time.sleep(2)
    beside = asyncio.run(measure(port, seconds))
    enemies.terminate()
    print(f"{PAIRS * 2} clients alone:          lost {alone[0]}, p99 {alone[1]:.2f} ms")
    print(f"beside {HOSTILE} hostile ones: lost {beside[0]}, p99 {beside[1]:.2f} ms")
    return alone[0] or beside[0] or beside[1] > 3 * alone[1]


if __name__ == "__main__":
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
    asked = [int(argument) for argument in sys.argv[1:]]
    sys.exit(1 if main(asked[0], asked[1] if len(asked) > 1 else 10) else 0)
