// The messages of the selected subscription.

import { byId, download, element, Rows, timeOf } from "./dom.mjs";
import { exported, hex, shown, textOf } from "./payload.mjs";

export class Messages {
  #rows;
  #subscription = null;

  /** `onRendered()` is told whenever the page has caught up. */
  constructor(onRendered) {
    this.#rows = new Rows(byId("messages"), row, {
      after: () => {
        this.#describe();
        onRendered();
      },
    });
    byId("pause").addEventListener("click", () => this.#pause());
    byId("clear").addEventListener("click", () => this.#clear());
    byId("export").addEventListener("click", () => this.#export());
  }

  show(subscription) {
    this.#subscription = subscription;
    byId("messages-title").textContent = subscription ? subscription.filter : "Messages";
    for (const id of ["pause", "clear", "export"]) {
      byId(id).disabled = subscription === null;
    }
    this.#rows.show(subscription?.ring ?? null);
  }

  update() {
    this.#rows.update();
  }

  #describe() {
    const { ring, count, keep } = this.#subscription ?? {};
    const isEmpty = !ring || ring.size === 0;
    byId("no-messages").hidden = !isEmpty;
    byId("no-messages").textContent = ring
      ? "No messages yet."
      : "Subscribe to a topic filter; its messages appear here, newest first.";
    const waiting = this.#rows.waiting;
    const paused = this.#rows.isPaused ? ` Paused: ${waiting.toLocaleString("en")} new.` : "";
    byId("messages-count").textContent = isEmpty
      ? paused
      : `${count.toLocaleString("en")} received, the newest ${keep.toLocaleString("en")} are kept.${paused}`;
  }

  #pause() {
    const isPaused = !this.#rows.isPaused;
    this.#rows.isPaused = isPaused;
    byId("pause").setAttribute("aria-pressed", `${isPaused}`);
    byId("pause").textContent = isPaused ? "Resume" : "Pause";
    this.#rows.update();
  }

  #clear() {
    this.#subscription.ring.clear();
    this.#rows.show(this.#subscription.ring);
  }

  #export() {
    const { filter, ring } = this.#subscription;
    const messages = [...ring.newest()].map(({ item }) => whole(item));
    const name = filter.replace(/[^A-Za-z0-9._-]+/g, "-");
    download(`messages-${name}.json`, JSON.stringify({ filter, messages }, null, 2));
  }
}

function row({ topic, payload, qos, retain, dup, properties, timeMs }) {
  const marks = [`QoS ${qos}`, retain && "retained", dup && "dup"].filter(Boolean);
  const head = element(
    "div",
    "head",
    element("span", "topic", topic),
    ...marks.map((mark) => element("span", "mark", mark)),
    timeOf(timeMs),
  );
  const { kind, text, cut } = shown(payload);
  const body = kind === "empty" ? element("p", "hint", "No payload.") : element("pre", kind, text);
  const rest = cut
    ? element("p", "hint", `The beginning of ${payload.length.toLocaleString("en")} bytes; Export has all.`)
    : null;
  return element("li", "message", head, table(properties), body, rest);
}

/** MQTT 5's properties of a message as a list of names and values; `null` without any. */
function table(properties) {
  const { contentType, responseTopic, correlationData, messageExpiryInterval } = properties;
  const lines = [
    ["Content type", contentType],
    ["Response topic", responseTopic],
    ["Correlation data", correlationData && (textOf(correlationData) ?? hex(correlationData))],
    ["Expires in", messageExpiryInterval !== undefined ? `${messageExpiryInterval} s` : undefined],
    ...(properties.userProperties ?? []),
  ].filter(([, value]) => value !== undefined);
  if (lines.length === 0) {
    return null;
  }
  const cells = lines.flatMap(([name, value]) => [element("dt", "", name), element("dd", "", value)]);
  return element("dl", "properties", ...cells);
}

/** A message for a JSON file. */
function whole({ topic, payload, qos, retain, dup, properties, timeMs }) {
  const { correlationData, ...rest } = properties;
  const correlation = correlationData ? exported("correlationData", correlationData) : {};
  return {
    topic,
    time: new Date(timeMs).toISOString(),
    qos,
    retain,
    dup,
    ...exported("payload", payload),
    properties: { ...rest, ...correlation },
  };
}
