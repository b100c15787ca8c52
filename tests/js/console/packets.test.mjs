// The console's MQTT codec: packets as hexadecimal, both directions, cut anywhere.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Malformed } from "../../../broker/src/console/page/mqtt/bytes.mjs";
import { decode, encode, Stream, utf8 } from "../../../broker/src/console/page/mqtt/packets.mjs";

const bytes = (hex) => Uint8Array.from(Buffer.from(hex.replaceAll(" ", ""), "hex"));
const hex = (found) => Buffer.from(found).toString("hex");

const WRITTEN = [
  [
    { type: "connect", clientId: "c", keepAliveS: 60 },
    "10 0e 0004 4d515454 05 02 003c 00 0001 63",
  ],
  [
    {
      type: "connect",
      clientId: "",
      keepAliveS: 0,
      cleanStart: false,
      properties: { maximumPacketSize: 0x01000000 },
    },
    "10 12 0004 4d515454 05 00 0000 05 27 01000000 0000",
  ],
  [{ type: "publish", topic: "a/b", payload: utf8("hi") }, "30 08 0003 612f62 00 6869"],
  [
    { type: "publish", topic: "a", payload: utf8(""), qos: 1, retain: true, packetId: 258 },
    "33 06 0001 61 0102 00",
  ],
  [
    { type: "publish", topic: "ä", payload: utf8("x"), qos: 1, dup: true, packetId: 1 },
    "3a 08 0002 c3a4 0001 00 78",
  ],
  [
    {
      type: "publish",
      topic: "t",
      payload: utf8(""),
      properties: {
        messageExpiryInterval: 0x80000001,
        contentType: "c",
        responseTopic: "r",
        correlationData: bytes("00ff"),
        userProperties: [
          ["k", "1"],
          ["k", "2"],
        ],
      },
    },
    "30 24 0001 74 20 02 80000001 03 0001 63 08 0001 72 09 0002 00ff" +
      "26 0001 6b 0001 31 26 0001 6b 0001 32",
  ],
  [{ type: "puback", packetId: 7 }, "40 02 0007"],
  [{ type: "puback", packetId: 7, reason: 0x87 }, "40 03 0007 87"],
  [
    {
      type: "subscribe",
      packetId: 1,
      filters: [
        { filter: "a/+", qos: 1 },
        { filter: "$share/g/#", qos: 0 },
      ],
    },
    "82 16 0001 00 0003 612f2b 01 000a 24736861 72652f67 2f23 00",
  ],
  [{ type: "unsubscribe", packetId: 2, filters: ["a", "b"] }, "a2 09 0002 00 0001 61 0001 62"],
  [{ type: "pingreq" }, "c0 00"],
  [{ type: "disconnect" }, "e0 00"],
  [{ type: "disconnect", reason: 4 }, "e0 01 04"],
];

const READ = [
  ["20 03 00 00 00", { type: "connack", sessionPresent: false, reason: 0, properties: {} }],
  [
    "20 0b 01 00 08 21 0064 13 0258 24 01",
    {
      type: "connack",
      sessionPresent: true,
      reason: 0,
      properties: { receiveMaximum: 100, serverKeepAlive: 600, maximumQoS: 1 },
    },
  ],
  [
    "30 08 0003 612f62 00 6869",
    {
      type: "publish",
      topic: "a/b",
      payload: utf8("hi"),
      qos: 0,
      retain: false,
      dup: false,
      packetId: undefined,
      properties: {},
    },
  ],
  [
    "3b 11 0001 74 0005 0b 09 0001 ff 26 0001 6b 0001 76",
    {
      type: "publish",
      topic: "t",
      payload: utf8(""),
      qos: 1,
      retain: true,
      dup: true,
      packetId: 5,
      properties: { correlationData: bytes("ff"), userProperties: [["k", "v"]] },
    },
  ],
  ["40 02 0007", { type: "puback", packetId: 7, reason: 0, properties: {} }],
  ["40 03 0007 10", { type: "puback", packetId: 7, reason: 0x10, properties: {} }],
  [
    "40 08 0007 87 04 1f 0001 78",
    { type: "puback", packetId: 7, reason: 0x87, properties: { reasonString: "x" } },
  ],
  ["90 05 0001 00 01 87", { type: "suback", packetId: 1, properties: {}, reasons: [1, 0x87] }],
  ["b0 04 0001 00 11", { type: "unsuback", packetId: 1, properties: {}, reasons: [0x11] }],
  ["d0 00", { type: "pingresp" }],
  ["e0 00", { type: "disconnect", reason: 0, properties: {} }],
  ["e0 01 8e", { type: "disconnect", reason: 0x8e, properties: {} }],
  [
    "e0 07 90 05 1f 0002 c3a4",
    { type: "disconnect", reason: 0x90, properties: { reasonString: "ä" } },
  ],
];

const MALFORMED = [
  ["20 02 00 00", "the properties are missing"],
  ["20 05 00 00 02 21 00", "a property is cut"],
  ["20 04 00 00 01 7f", "an unknown property"],
  ["20 07 00 00 04 24 01 24 01", "a property twice"],
  ["30 03 0002 61", "the topic is cut"],
  ["30 04 0001 ff 00", "the topic is not UTF-8"],
  ["36 06 0001 61 0001 00", "QoS 3"],
  ["41 02 0007", "reserved bits"],
  ["40 01 00", "the packet id is cut"],
  ["10 00", "a CONNECT from a server"],
  ["d0 01 00", "bytes behind the packet"],
  ["30 ff ff ff ff 01", "a length of five bytes"],
  ["30 81 80 80 01", "a packet larger than was asked for"],
];

for (const [packet, expected] of WRITTEN) {
  test(`writes ${packet.type} ${expected}`, () => {
    assert.equal(hex(encode(packet)), expected.replaceAll(" ", ""));
  });
}

for (const [given, expected] of READ) {
  test(`reads ${expected.type} ${given}`, () => {
    const packets = new Stream(1024).push(bytes(given)).map((packet) => plain(packet));
    assert.deepEqual(packets, [plain(expected)]);
  });
}

for (const [given, why] of MALFORMED) {
  test(`refuses ${why}: ${given}`, () => {
    assert.throws(() => new Stream(1024).push(bytes(given)), Malformed);
  });
}

test("packets come whole from pieces cut anywhere", () => {
  const long = { type: "publish", topic: "t", payload: new Uint8Array(300).fill(7) };
  const stream = bytes(READ.map(([given]) => given).join("") + hex(encode(long)));
  const expected = new Stream(1024).push(stream).map(plain);
  assert.equal(expected.length, READ.length + 1);
  for (const size of [1, 2, 3, 5, 7, 64]) {
    const cut = new Stream(1024);
    const found = [];
    for (let at = 0; at < stream.length; at += size) {
      found.push(...cut.push(stream.subarray(at, at + size)).map(plain));
    }
    assert.deepEqual(found, expected, `pieces of ${size}`);
  }
  for (let at = 0; at <= stream.length; at += 1) {
    const cut = new Stream(1024);
    const found = [...cut.push(stream.subarray(0, at)), ...cut.push(stream.subarray(at))];
    assert.deepEqual(found.map(plain), expected, `cut at ${at}`);
  }
});

test("a string of more than 65,535 bytes is refused before it is sent", () => {
  const publish = { type: "publish", topic: "x".repeat(65_536), payload: utf8("") };
  assert.throws(() => encode(publish), RangeError);
});

test("every length is written as it is read", () => {
  for (const size of [0, 123, 124, 16_379, 16_380, 2_097_147, 2_097_148]) {
    const packet = { type: "publish", topic: "t", payload: new Uint8Array(size) };
    const [found] = new Stream(4_000_000).push(encode(packet));
    assert.equal(found.payload.length, size);
  }
});

test("a packet of an unknown type is refused", () => {
  assert.throws(() => decode(0x00, new Uint8Array(0)), Malformed);
});

/** Views of buffers as arrays, which compare by content. */
function plain(value) {
  return JSON.parse(JSON.stringify(value, (_, each) => (ArrayBuffer.isView(each) ? [...each] : each)));
}
