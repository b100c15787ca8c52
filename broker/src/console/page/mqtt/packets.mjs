// The packets of MQTT 5 that a client writes and those that it reads.

import { joined, Malformed, Reader, Writer } from "./bytes.mjs";
import { readProperties, writeProperties } from "./properties.mjs";

const encoder = new TextEncoder();

/** What follows the first byte of each packet that a client writes, and that byte. */
const WRITTEN = {
  connect({ clientId, keepAliveS, cleanStart = true, properties }) {
    const body = new Writer().text("MQTT").u8(5).u8(cleanStart ? 0x02 : 0).u16(keepAliveS);
    return [0x10, writeProperties(body, properties).text(clientId)];
  },
  publish({ topic, payload, qos = 0, retain = false, dup = false, packetId, properties }) {
    const body = new Writer().text(topic);
    if (qos > 0) {
      body.u16(packetId);
    }
    writeProperties(body, properties).put(payload);
    return [0x30 | (dup ? 8 : 0) | (qos << 1) | (retain ? 1 : 0), body];
  },
  puback({ packetId, reason = 0 }) {
    const body = new Writer().u16(packetId);
    return [0x40, reason === 0 ? body : body.u8(reason)];
  },
  subscribe({ packetId, filters, properties }) {
    const body = writeProperties(new Writer().u16(packetId), properties);
    for (const { filter, qos } of filters) {
      body.text(filter).u8(qos);
    }
    return [0x82, body];
  },
  unsubscribe({ packetId, filters, properties }) {
    const body = writeProperties(new Writer().u16(packetId), properties);
    for (const filter of filters) {
      body.text(filter);
    }
    return [0xa2, body];
  },
  pingreq: () => [0xc0, new Writer()],
  disconnect: ({ reason = 0 }) => [0xe0, reason === 0 ? new Writer() : new Writer().u8(reason)],
};

/**
 * A packet as bytes: `{type: "publish", topic, payload, ...}`.
 *
 * Throws `RangeError` for a string that is too long.
 */
export function encode(packet) {
  const [first, body] = WRITTEN[packet.type](packet);
  return new Writer().u8(first).varint(body.length).put(body.bytes()).bytes();
}

/** What is read of each packet that a server sends, by the upper half of its first byte. */
const READ = {
  2(flags, body) {
    const sessionPresent = (body.u8() & 1) === 1;
    const reason = body.u8();
    return { type: "connack", sessionPresent, reason, properties: readProperties(body) };
  },
  3(flags, body) {
    const qos = (flags >> 1) & 3;
    if (qos === 3) {
      throw new Malformed("there is no QoS 3");
    }
    const topic = body.text();
    const packetId = qos > 0 ? body.u16() : undefined;
    const properties = readProperties(body);
    const payload = body.take(body.left);
    const marks = { qos, retain: (flags & 1) === 1, dup: (flags & 8) === 8 };
    return { type: "publish", topic, payload, ...marks, packetId, properties };
  },
  4: (flags, body) => ({ type: "puback", packetId: body.u16(), ...outcome(body) }),
  9: (flags, body) => answers("suback", body),
  11: (flags, body) => answers("unsuback", body),
  13: () => ({ type: "pingresp" }),
  14: (flags, body) => ({ type: "disconnect", ...outcome(body) }),
};

/** A reason and properties, either of which may be left out (3.4.2.1, 3.14.2.1). */
function outcome(body) {
  const reason = body.left > 0 ? body.u8() : 0;
  return { reason, properties: body.left > 0 ? readProperties(body) : {} };
}

function answers(type, body) {
  const packetId = body.u16();
  const properties = readProperties(body);
  return { type, packetId, properties, reasons: [...body.take(body.left)] };
}

/** The packet of a first byte and what comes behind the length; throws `Malformed`. */
export function decode(first, bytes) {
  const read = READ[first >> 4];
  if (!read) {
    throw new Malformed(`a server sends no packet of type ${first >> 4}`);
  }
  const isPublish = first >> 4 === 3;
  if (!isPublish && (first & 0x0f) !== 0) {
    throw new Malformed("reserved bits are set");
  }
  const body = new Reader(bytes);
  const packet = read(first & 0x0f, body);
  if (body.left > 0) {
    throw new Malformed("bytes are left behind the packet");
  }
  return packet;
}

/** Cuts a stream, which comes in pieces of any size, into packets. */
export class Stream {
  #pieces = [];
  #length = 0;
  /** Bytes that the next packet needs at least. */
  #wanted = 2;
  #bytesMax;

  /** `bytesMax` is the largest packet that is taken. */
  constructor(bytesMax) {
    this.#bytesMax = bytesMax;
  }

  /** The packets that are whole with this piece; throws `Malformed`. */
  push(piece) {
    this.#pieces.push(piece);
    this.#length += piece.length;
    if (this.#length < this.#wanted) {
      return [];
    }
    const bytes = joined(this.#pieces, this.#length);
    const packets = [];
    let at = 0;
    for (;;) {
      const { head, size } = this.#measure(bytes.subarray(at));
      this.#wanted = size;
      if (bytes.length - at < size) {
        break;
      }
      packets.push(decode(bytes[at], bytes.subarray(at + head, at + size)));
      at += size;
    }
    this.#pieces = at < bytes.length ? [bytes.subarray(at)] : [];
    this.#length = bytes.length - at;
    return packets;
  }

  /** The length of a packet's head and of the whole, as far as its bytes tell. */
  #measure(bytes) {
    let end = 1;
    while (end < 4 && bytes[end] >= 0x80) {
      end += 1;
    }
    if (end >= bytes.length) {
      return { head: end, size: end + 1 };
    }
    const head = end + 1;
    const size = head + new Reader(bytes.subarray(1, head)).varint();
    if (size > this.#bytesMax) {
      throw new Malformed(`a packet has ${size} bytes, ${this.#bytesMax} are the most`);
    }
    return { head, size };
  }
}

/** Text as a payload. */
export function utf8(text) {
  return encoder.encode(text);
}
