// An MQTT 5 client over WebSocket that connects again by itself. It knows no page: socket, timers
// and chance are given to it.

import { joined, Malformed } from "./bytes.mjs";
import { encode, Stream } from "./packets.mjs";
import { inWords, isRefusal } from "./reasons.mjs";

/** The largest packet that is taken, as CONNECT tells the server. */
const PACKET_BYTES_MAX = 16 * 1024 * 1024;

/** How long the server may take to let a client in. */
const CONNECT_MS = 10_000;

const RETRY_MS_MIN = 250;
const RETRY_MS_MAX = 8_000;

/** Of MQTT's reasons, those after which connecting again would only disturb somebody. */
const SESSION_TAKEN_OVER = 0x8e;

/** The server said no: `code` is its reason, the message has it in words. */
export class Refused extends Error {
  constructor(code, properties) {
    super(inWords(code, properties));
    this.code = code;
  }
}

/** The connection ended, or was not there, before the server answered. */
export class Unanswered extends Error {}

export class Client {
  #options;
  #on;
  #socket = null;
  #stream;
  #isConnected = false;
  #isWanted = false;
  /** Promises by packet id. */
  #waiting = new Map();
  #lastId = 0;
  /** What the piece that is being read is to be answered with. */
  #pubacks = [];
  #receiveMaximum = 65_535;
  #inflight = 0;
  #attempts = 0;
  #timers = {};
  #pingIsOpen = false;

  /**
   * `address()` gives the URL of each attempt, or a promise of it; `on.state` is told
   * `{name: "connecting"}`, `{name: "connected", connack}`, `{name: "waiting", why, retryMs}` or
   * `{name: "stopped", why}`, and `on.message` each PUBLISH.
   */
  constructor({ address, clientId, on, keepAliveS = 60, ...given }) {
    this.#options = {
      address,
      clientId,
      keepAliveS,
      socket: (url) => new WebSocket(url, "mqtt"),
      later: (run, ms) => setTimeout(run, ms),
      forget: (timer) => clearTimeout(timer),
      random: Math.random,
      ...given,
    };
    this.#on = on;
  }

  get clientId() {
    return this.#options.clientId;
  }

  get isConnected() {
    return this.#isConnected;
  }

  /** Connects, and again whenever the connection ends. At once if it was waiting to. */
  start() {
    this.#isWanted = true;
    if (!this.#socket) {
      this.#connect();
    }
  }

  /** Disconnects and stays so. */
  stop(why = "") {
    this.#isWanted = false;
    if (this.#isConnected) {
      this.#send({ type: "disconnect" });
    }
    this.#end(why);
  }

  /**
   * Subscribes to `[{filter, qos}]`; the reason code of each, refusals among them.
   *
   * Throws `Unanswered`, or `Refused` with the reason for which the server hung up instead.
   */
  async subscribe(filters) {
    const { reasons } = await this.#ask({ type: "subscribe", filters });
    return reasons;
  }

  /** Unsubscribes from filters; the reason code of each. */
  async unsubscribe(filters) {
    const { reasons } = await this.#ask({ type: "unsubscribe", filters });
    return reasons;
  }

  /**
   * Publishes `{topic, payload, qos, retain, properties}`; the reason code, 0 at QoS 0.
   *
   * Throws as `subscribe` does, and `Refused` for a PUBACK that says no.
   */
  async publish(message) {
    if (!message.qos) {
      this.#send({ type: "publish", ...message });
      return 0;
    }
    if (this.#inflight >= this.#receiveMaximum) {
      throw new Unanswered(`${this.#inflight} messages are not acknowledged yet`);
    }
    this.#inflight += 1;
    try {
      const { reason, properties } = await this.#ask({ type: "publish", ...message });
      if (isRefusal(reason)) {
        throw new Refused(reason, properties);
      }
      return reason;
    } finally {
      this.#inflight -= 1;
    }
  }

  #ask(packet) {
    const packetId = this.#freeId();
    this.#send({ ...packet, packetId });
    return new Promise((resolve, reject) => {
      this.#waiting.set(packetId, { resolve, reject });
    });
  }

  #freeId() {
    do {
      this.#lastId = (this.#lastId % 65_535) + 1;
    } while (this.#waiting.has(this.#lastId));
    return this.#lastId;
  }

  #send(packet) {
    if (!this.#isConnected) {
      throw new Unanswered("there is no connection to the server");
    }
    this.#socket.send(encode(packet));
  }

  async #connect() {
    this.#forget("retry");
    const attempt = {};
    this.#socket = attempt;
    this.#on.state({ name: "connecting" });
    let socket;
    try {
      const url = await this.#options.address();
      if (this.#socket !== attempt) {
        return;
      }
      socket = this.#options.socket(url);
    } catch (why) {
      if (this.#socket === attempt) {
        this.#end(why.message);
      }
      return;
    }
    socket.binaryType = "arraybuffer";
    this.#socket = socket;
    this.#stream = new Stream(PACKET_BYTES_MAX);
    this.#later("connect", CONNECT_MS, () => this.#end("the server did not answer"));
    // A socket that was given up speaks into the void.
    const ifCurrent = (run) => (event) => this.#socket === socket && run(event);
    socket.onopen = ifCurrent(() => socket.send(encode(this.#connectPacket())));
    socket.onmessage = ifCurrent(({ data }) => this.#receive(new Uint8Array(data)));
    socket.onclose = ifCurrent(() => this.#end(""));
  }

  #connectPacket() {
    const { clientId, keepAliveS } = this.#options;
    const properties = { maximumPacketSize: PACKET_BYTES_MAX };
    return { type: "connect", clientId, keepAliveS, properties };
  }

  #receive(piece) {
    const socket = this.#socket;
    try {
      // What a piece has to be answered with goes out as one piece.
      for (const packet of this.#stream.push(piece)) {
        if (this.#socket === socket) {
          this.#take(packet);
        }
      }
      if (this.#socket === socket && this.#pubacks.length > 0) {
        const pubacks = this.#pubacks.splice(0);
        const length = pubacks.reduce((sum, { length }) => sum + length, 0);
        socket.send(joined(pubacks, length));
      }
    } catch (why) {
      if (!(why instanceof Malformed)) {
        throw why;
      }
      this.#end(`the server sent what is not MQTT: ${why.message}`);
    }
  }

  #take(packet) {
    switch (packet.type) {
      case "connack":
        return this.#letIn(packet);
      case "publish":
        if (packet.qos === 1) {
          this.#pubacks.push(encode({ type: "puback", packetId: packet.packetId }));
        }
        return this.#on.message(packet);
      case "puback":
      case "suback":
      case "unsuback": {
        const asked = this.#waiting.get(packet.packetId);
        this.#waiting.delete(packet.packetId);
        return asked?.resolve(packet);
      }
      case "pingresp":
        this.#pingIsOpen = false;
        return undefined;
      case "disconnect":
        this.#isWanted &&= packet.reason !== SESSION_TAKEN_OVER;
        return this.#end("", new Refused(packet.reason, packet.properties));
      default:
        throw new Malformed(`${packet.type} has no meaning here`);
    }
  }

  #letIn(connack) {
    this.#forget("connect");
    if (isRefusal(connack.reason)) {
      return this.#end("", new Refused(connack.reason, connack.properties));
    }
    const { serverKeepAlive, receiveMaximum } = connack.properties;
    this.#receiveMaximum = receiveMaximum ?? 65_535;
    this.#isConnected = true;
    this.#attempts = 0;
    this.#pingIsOpen = false;
    this.#ping(((serverKeepAlive ?? this.#options.keepAliveS) * 1000) / 2);
    return this.#on.state({ name: "connected", connack });
  }

  /** Asks for a sign of life twice in each keep alive, so that one may come late. */
  #ping(everyMs) {
    if (everyMs === 0) {
      return;
    }
    this.#later("ping", everyMs, () => {
      if (this.#pingIsOpen) {
        return this.#end("the server has fallen silent");
      }
      this.#pingIsOpen = true;
      this.#send({ type: "pingreq" });
      return this.#ping(everyMs);
    });
  }

  /** Ends the connection or the attempt, and what waited for it; tries again if that is wanted. */
  #end(words, refused = null) {
    const socket = this.#socket;
    const wasConnected = this.#isConnected;
    this.#socket = null;
    this.#isConnected = false;
    this.#pubacks = [];
    for (const name of Object.keys(this.#timers)) {
      this.#forget(name);
    }
    socket?.close?.();
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    const why = refused ?? new Unanswered(words || "the connection ended");
    for (const { reject } of waiting) {
      reject(why);
    }
    const told = { why: refused?.message ?? words, refused, wasConnected };
    if (!this.#isWanted) {
      return this.#on.state({ name: "stopped", ...told });
    }
    const retryMs = this.#backoffMs();
    this.#later("retry", retryMs, () => this.#connect());
    return this.#on.state({ name: "waiting", ...told, retryMs });
  }

  /** Twice as long after each attempt; anything in the upper half, so that clients spread. */
  #backoffMs() {
    const most = Math.min(RETRY_MS_MAX, RETRY_MS_MIN * 2 ** this.#attempts);
    this.#attempts += 1;
    return most * (0.5 + this.#options.random() / 2);
  }

  #later(name, ms, run) {
    this.#forget(name);
    this.#timers[name] = this.#options.later(() => {
      delete this.#timers[name];
      run();
    }, ms);
  }

  #forget(name) {
    if (name in this.#timers) {
      this.#options.forget(this.#timers[name]);
      delete this.#timers[name];
    }
  }
}
