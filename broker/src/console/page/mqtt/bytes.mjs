// MQTT's data types as bytes (MQTT 5.0, 1.5).

/** Bytes that are not what the standard says. */
export class Malformed extends Error {}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

/** Longest string or binary data: its length has two bytes. */
const BYTES_MAX = 65_535;

/** Reads values from bytes; throws `Malformed` where they end too early. */
export class Reader {
  #bytes;
  #at = 0;

  constructor(bytes) {
    this.#bytes = bytes;
  }

  get left() {
    return this.#bytes.length - this.#at;
  }

  /** The next `count` bytes, as a view into the buffer. */
  take(count) {
    if (count > this.left) {
      throw new Malformed("the packet ends too early");
    }
    this.#at += count;
    return this.#bytes.subarray(this.#at - count, this.#at);
  }

  u8() {
    return this.take(1)[0];
  }

  u16() {
    const [high, low] = this.take(2);
    return high * 0x100 + low;
  }

  u32() {
    return this.u16() * 0x1_0000 + this.u16();
  }

  /** A variable byte integer. */
  varint() {
    let value = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.u8();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) {
        return value;
      }
    }
    throw new Malformed("a variable byte integer has more than four bytes");
  }

  binary() {
    return this.take(this.u16());
  }

  text() {
    try {
      return decoder.decode(this.binary());
    } catch (why) {
      throw why instanceof Malformed ? why : new Malformed("a string is not UTF-8");
    }
  }
}

/** Gathers values as bytes. */
export class Writer {
  #parts = [];
  length = 0;

  put(bytes) {
    this.#parts.push(bytes);
    this.length += bytes.length;
    return this;
  }

  u8(value) {
    return this.put(Uint8Array.of(value));
  }

  u16(value) {
    return this.put(Uint8Array.of(value >>> 8, value & 0xff));
  }

  u32(value) {
    return this.u16(Math.floor(value / 0x1_0000)).u16(value % 0x1_0000);
  }

  varint(value) {
    const bytes = [];
    let rest = value;
    do {
      bytes.push((rest % 0x80) + (rest >= 0x80 ? 0x80 : 0));
      rest = Math.floor(rest / 0x80);
    } while (rest > 0);
    return this.put(Uint8Array.from(bytes));
  }

  /** Throws `RangeError` for more than 65,535 bytes. */
  binary(bytes) {
    if (bytes.length > BYTES_MAX) {
      throw new RangeError(`${bytes.length} bytes do not fit: MQTT allows ${BYTES_MAX} there`);
    }
    return this.u16(bytes.length).put(bytes);
  }

  text(text) {
    return this.binary(encoder.encode(text));
  }

  bytes() {
    return joined(this.#parts, this.length);
  }
}

/** Pieces as one, `length` bytes in all. */
export function joined(pieces, length) {
  if (pieces.length === 1) {
    return pieces[0];
  }
  const whole = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}
