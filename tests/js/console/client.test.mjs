// The console's MQTT client on a socket, a clock and chances that the test holds.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Client, Refused, Unanswered } from "../../../broker/src/console/page/mqtt/client.mjs";
import { utf8 } from "../../../broker/src/console/page/mqtt/packets.mjs";

const bytes = (hex) => Uint8Array.from(Buffer.from(hex.replaceAll(" ", ""), "hex"));

class Socket {
  sent = [];
  isClosed = false;

  constructor(url) {
    this.url = url;
  }

  send(packet) {
    this.sent.push(Buffer.from(packet).toString("hex"));
  }

  close() {
    this.isClosed = true;
  }

  open() {
    this.onopen({});
  }

  receive(hex) {
    this.onmessage({ data: bytes(hex).buffer });
  }
}

/** A client with everything that it did. */
class World {
  sockets = [];
  states = [];
  messages = [];
  timers = new Map();
  #timer = 0;

  constructor(options = {}) {
    this.client = new Client({
      address: () => "ws://here/mqtt",
      clientId: "c",
      on: {
        state: (state) => this.states.push(state),
        message: (message) => this.messages.push(message),
      },
      socket: (url) => {
        this.sockets.push(new Socket(url));
        return this.sockets.at(-1);
      },
      later: (run, ms) => {
        this.#timer += 1;
        this.timers.set(this.#timer, { run, ms });
        return this.#timer;
      },
      forget: (timer) => this.timers.delete(timer),
      random: () => 1,
      ...options,
    });
  }

  get socket() {
    return this.sockets.at(-1);
  }

  get names() {
    return this.states.map(({ name }) => name);
  }

  /** Runs the timer that is due in so many milliseconds. */
  async due(ms) {
    const [id, timer] = [...this.timers].find(([, each]) => each.ms === ms) ?? [];
    assert.ok(timer, `no timer in ${ms} ms: ${JSON.stringify([...this.timers.values()])}`);
    this.timers.delete(id);
    timer.run();
    await settled();
  }

  async connect(connack = "20 03 00 00 00") {
    this.client.start();
    await settled();
    this.socket.open();
    this.socket.receive(connack);
    return this;
  }
}

/** Lets promises run that are ready to. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

test("connects, and is connected after the CONNACK alone", async () => {
  const world = new World();
  world.client.start();
  await settled();
  world.socket.open();
  assert.deepEqual(world.socket.sent, ["101300044d5154540502003c052701000000000163"]);
  assert.equal(world.client.isConnected, false);
  world.socket.receive("20 03 00 00 00");
  assert.equal(world.client.isConnected, true);
  assert.deepEqual(world.names, ["connecting", "connected"]);
});

test("a subscription has the answers of its own packet id", async () => {
  const { client, socket } = await new World().connect();
  const first = client.subscribe([{ filter: "a", qos: 1 }]);
  const second = client.subscribe([{ filter: "b", qos: 0 }]);
  socket.receive("90 04 0002 00 87 90 04 0001 00 01");
  assert.deepEqual([await first, await second], [[1], [0x87]]);
  const away = client.unsubscribe(["a"]);
  assert.equal(socket.sent.at(-1), "a206000300000161");
  socket.receive("b0 04 0003 00 00");
  assert.deepEqual(await away, [0]);
});

test("a publish at QoS 1 waits for its PUBACK, and a refusal has words", async () => {
  const { client, socket } = await new World().connect();
  const message = { topic: "t", payload: utf8("x"), qos: 1 };
  const published = client.publish(message);
  socket.receive("40 03 0001 10");
  assert.equal(await published, 0x10);
  const refused = client.publish(message);
  socket.receive("40 08 0002 87 04 1f 0001 78");
  await assert.rejects(refused, (why) => {
    assert.ok(why instanceof Refused);
    assert.equal(why.message, "Not authorized (0x87): x");
    return true;
  });
  assert.equal(await client.publish({ ...message, qos: 0 }), 0);
});

test("no more is in flight than the server takes", async () => {
  const { client } = await new World().connect("20 06 00 00 03 21 0001");
  const message = { topic: "t", payload: utf8("x"), qos: 1 };
  const first = client.publish(message);
  await assert.rejects(client.publish(message), Unanswered);
  client.stop();
  await assert.rejects(first, Unanswered);
});

test("messages are handed on, and acknowledged at QoS 1", async () => {
  const { messages, socket } = await new World().connect();
  socket.receive("30 05 0001 74 00 78 32 07 0001 74 0009 00 79");
  assert.deepEqual(messages.map(({ payload }) => Buffer.from(payload).toString()), ["x", "y"]);
  assert.equal(socket.sent.at(-1), "40020009");
  const before = socket.sent.length;
  socket.receive("32 06 0001 74 0001 00 32 06 0001 74 0002 00");
  assert.deepEqual(socket.sent.slice(before), ["4002000140020002"], "in one piece");
});

test("a DISCONNECT says why to whoever waits, and the client comes back", async () => {
  const world = await new World().connect();
  const asked = world.client.subscribe([{ filter: "a//////////", qos: 1 }]);
  const { socket } = world;
  socket.receive("e0 0a 8f 08 1f 0005 736c617368");
  const words = "Topic filter invalid (0x8f): slash";
  await assert.rejects(asked, { message: words });
  assert.ok(socket.isClosed);
  const { name, why, wasConnected } = world.states.at(-1);
  assert.deepEqual([name, why, wasConnected], ["waiting", words, true]);
  await world.due(250);
  world.socket.open();
  world.socket.receive("20 03 00 00 00");
  assert.equal(world.client.isConnected, true);
});

test("what is not MQTT ends the connection", async () => {
  const world = await new World().connect();
  world.socket.receive("30 03 0009 61");
  assert.match(world.states.at(-1).why, /not MQTT: the packet ends too early/);
});

test("attempts come later and later, and soon again after one that went well", async () => {
  const world = new World();
  world.client.start();
  await settled();
  for (const ms of [250, 500, 1000, 2000, 4000, 8000, 8000]) {
    world.socket.onclose({});
    assert.equal(world.states.at(-1).retryMs, ms);
    await world.due(ms);
  }
  world.socket.open();
  world.socket.receive("20 03 00 00 00");
  world.socket.onclose({});
  assert.equal(world.states.at(-1).retryMs, 250);
});

test("an address that cannot be had is an attempt that failed", async () => {
  const world = new World({ address: () => Promise.reject(new Error("no key")) });
  world.client.start();
  await settled();
  assert.deepEqual([world.states.at(-1).name, world.states.at(-1).why], ["waiting", "no key"]);
});

test("a server that lets nobody in is given up, and so is one that says nothing", async () => {
  const world = new World();
  world.client.start();
  await settled();
  world.socket.open();
  await world.due(10_000);
  assert.equal(world.states.at(-1).why, "the server did not answer");
  await world.due(250);
  world.socket.open();
  world.socket.receive("20 03 00 87 00");
  assert.equal(world.states.at(-1).why, "Not authorized (0x87)");
});

test("a server that does not answer a ping is gone", async () => {
  const world = await new World().connect("20 06 00 00 03 13 0064");
  await world.due(50_000);
  assert.equal(world.socket.sent.at(-1), "c000");
  world.socket.receive("d0 00");
  await world.due(50_000);
  assert.equal(world.client.isConnected, true);
  await world.due(50_000);
  assert.equal(world.states.at(-1).why, "the server has fallen silent");
});

test("a client that was taken over does not fight for its place", async () => {
  const world = await new World().connect();
  world.socket.receive("e0 01 8e");
  assert.deepEqual([world.names.at(-1), world.timers.size], ["stopped", 0]);
});

test("stopping says goodbye and leaves nothing behind", async () => {
  const world = await new World().connect();
  const { socket } = world;
  const asked = world.client.subscribe([{ filter: "a", qos: 0 }]);
  world.client.stop();
  assert.equal(socket.sent.at(-1), "e000");
  assert.ok(socket.isClosed);
  assert.equal(world.timers.size, 0);
  await assert.rejects(asked, Unanswered);
  await assert.rejects(world.client.subscribe([{ filter: "a", qos: 0 }]), Unanswered);
  assert.equal(world.names.at(-1), "stopped");
});

test("a socket that was given up is not listened to", async () => {
  const world = await new World().connect();
  const old = world.socket;
  world.client.stop();
  world.client.start();
  await settled();
  const before = world.states.length;
  old.onclose({});
  old.receive("e0 01 8e");
  assert.equal(world.states.length, before);
});
