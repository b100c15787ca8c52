// The console's other parts that need no page: filters, payloads, lines, the ring, signatures.

import assert from "node:assert/strict";
import { test } from "node:test";
import { lines } from "../../../broker/src/console/page/lines.mjs";
import { matches } from "../../../broker/src/console/page/mqtt/filters.mjs";
import { inWords } from "../../../broker/src/console/page/mqtt/reasons.mjs";
import { exported, indented, shown } from "../../../broker/src/console/page/payload.mjs";
import { Ring } from "../../../broker/src/console/page/ring.mjs";
import { presigned } from "../../../broker/src/console/page/sigv4.mjs";

const EXPECTED =
  "ws://localhost:9883/mqtt?X-Amz-Algorithm=AWS4-HMAC-SHA256" +
  "&X-Amz-Credential=AKIDEXAMPLE%2F20260102%2Fus-east-1%2Fiotdevicegateway%2Faws4_request" +
  "&X-Amz-Date=20260102T030405Z" +
  "&X-Amz-Expires=300" +
  "&X-Amz-SignedHeaders=host" +
  "&X-Amz-Signature=fe660537ef632a8a95899cbc18060f7e641d3297dd4f506ee4cbeed30e4ac5c0";

const utf8 = (text) => new TextEncoder().encode(text);

test("filters match as the standard says", () => {
  const cases = [
    ["a/b", "a/b", true],
    ["a/b", "a/bc", false],
    ["a/b", "a/b/c", false],
    ["a/+", "a/b", true],
    ["a/+", "a/", true],
    ["a/+", "a", false],
    ["+/b", "a/b", true],
    ["a/#", "a/b/c", true],
    ["a/#", "a", true],
    ["#", "a/b", true],
    ["#", "$aws/x", false],
    ["+/x", "$aws/x", false],
    ["$aws/#", "$aws/x", true],
    ["$share/g/a/+", "a/b", true],
    ["$share/g/#", "$aws/x", false],
    ["/", "/", true],
    ["+/+", "/", true],
    ["+", "/", false],
  ];
  for (const [filter, topic, expected] of cases) {
    assert.equal(matches(filter, topic), expected, `${filter} ${topic}`);
  }
  assert.equal(matches("a/#", "a", false), false, "not at AWS");
});

test("payloads are shown as JSON, text or hexadecimal", () => {
  const cases = [
    [utf8('{"a":[1,{}],"b":[]}'), "json", '{\n  "a": [\n    1,\n    {}\n  ],\n  "b": []\n}'],
    [utf8("12345678901234567890.10"), "json", "12345678901234567890.10"],
    [utf8('"a\\"b: {"'), "json", '"a\\"b: {"'],
    [utf8("hello"), "text", "hello"],
    [utf8("a\tb\r\n"), "text", "a\tb\r\n"],
    [utf8("\u0000"), "hex", `0000  00${" ".repeat(47)}.`],
    [Uint8Array.of(0xff, 0x41), "hex", `0000  ff 41${" ".repeat(44)}.A`],
    [utf8(""), "empty", ""],
  ];
  for (const [bytes, kind, text] of cases) {
    assert.deepEqual(shown(bytes), { kind, text, cut: false });
  }
  assert.deepEqual(shown(utf8("abcdef"), 4), { kind: "text", text: "abcd", cut: true });
  assert.equal(shown(new Uint8Array(200_000).fill(0xff)).cut, true);
  assert.equal(indented("{"), null);
});

test("a JSON file has payloads that are text as text", () => {
  assert.deepEqual(exported("payload", utf8("ä")), { payload_text: "ä" });
  assert.deepEqual(exported("payload", Uint8Array.of(0xff)), { payload_base64: "/w==" });
});

test("a reason is a name, a number and the server's words", () => {
  assert.equal(inWords(0x87), "Not authorized (0x87)");
  assert.equal(inWords(0x90, { reasonString: "x" }), "Topic name invalid (0x90): x");
  assert.equal(inWords(0xfe), "Reason 0xfe");
});

test("a ring keeps the newest, by number and by bytes", () => {
  const ring = new Ring(100, 1000);
  const items = () => [...ring.newest()].map(({ item }) => item);
  for (let number = 1; number <= 1000; number += 1) {
    ring.push(number);
  }
  assert.equal(ring.total, 1000);
  assert.equal(ring.oldest, 901);
  assert.deepEqual(items().slice(0, 3), [1000, 999, 998]);
  assert.equal(items().length, 100);
  assert.deepEqual([...ring.newest(998)].map(({ serial }) => serial), [1000, 999]);
  ring.limit = 2;
  assert.deepEqual(items(), [1000, 999]);
  ring.push("large", 900);
  ring.push("larger", 5000);
  assert.deepEqual(items(), ["larger"]);
  ring.clear();
  assert.deepEqual(items(), []);
  ring.push("next", 1);
  assert.deepEqual([items(), ring.total, ring.oldest], [["next"], 1003, 1003]);
});

test("lines are whole, however the stream is cut", async () => {
  const whole = utf8("one\nzwei ä\n\nthree\ncut");
  for (let size = 1; size <= whole.length; size += 1) {
    const stream = new ReadableStream({
      start(controller) {
        for (let at = 0; at < whole.length; at += size) {
          controller.enqueue(whole.subarray(at, at + size));
        }
        controller.close();
      },
    });
    const found = [];
    for await (const batch of lines(stream)) {
      found.push(...batch);
    }
    assert.deepEqual(found, ["one", "zwei ä", "", "three"], `pieces of ${size}`);
  }
});

// From botocore's SigV4QueryAuth for the same key, time and URL.
test("a WebSocket's URL is signed as AWS's tools sign it", async () => {
  const keys = { accessKey: "AKIDEXAMPLE", secretKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY" };
  const now = new Date(Date.UTC(2026, 0, 2, 3, 4, 5, 678));
  const url = await presigned("ws://localhost:9883/mqtt", keys, "us-east-1", now);
  assert.equal(url, EXPECTED);
  const withToken = { ...keys, sessionToken: "a/b+c=" };
  assert.equal(
    await presigned("ws://localhost:9883/mqtt", withToken, "us-east-1", now),
    `${EXPECTED}&X-Amz-Security-Token=a%2Fb%2Bc%3D`,
  );
});
