// The activity view: what passed, what was refused and why, what rule actions did.

import { byId, download, element, Rows, timeOf } from "./dom.mjs";
import { followActions, followEvents } from "./feed.mjs";
import { parsed } from "./lines.mjs";
import { Ring } from "./ring.mjs";

/** How many events are kept, and of how many characters together. */
const EVENTS_MAX = 2000;
const CHARACTERS_MAX = 32 * 1024 * 1024;

/** How much of a payload a line shows. */
const PREVIEW = 160;

const KINDS = {
  published: ["message", ""],
  refused: ["refused", "bad"],
  action: ["action", "good"],
  connected: ["connected", "faint"],
  disconnected: ["left", "faint"],
  lost: ["lost", "bad"],
};

/** An event, which is read only if somebody looks at it: a flood has more than anybody sees. */
class Event {
  #line;
  #told = null;

  constructor(line) {
    this.#line = line;
  }

  get told() {
    this.#told ??= parsed(this.#line);
    return this.#told;
  }

  has(text) {
    return this.#line.toLowerCase().includes(text);
  }
}

export class Activity {
  #ring = new Ring(EVENTS_MAX, CHARACTERS_MAX);
  #rows;
  #filter = byId("activity-filter");
  #isShown = false;
  /** Ends the question for actions while nobody looks. */
  #looking = null;
  #onLook = () => {};

  constructor() {
    this.#rows = new Rows(byId("events"), row, {
      keeps: (event) => this.#keeps(event),
      after: () => this.#describe(),
    });
    this.#rows.show(this.#ring);
    this.#filter.addEventListener("input", () => this.#rows.show(this.#ring));
    this.#filter.addEventListener("submit", (event) => event.preventDefault());
    byId("activity-pause").addEventListener("click", () => this.#pause());
    byId("activity-clear").addEventListener("click", () => {
      this.#ring.clear();
      this.#rows.show(this.#ring);
    });
    byId("activity-export").addEventListener("click", () => {
      const events = [...this.#ring.newest()].map(({ item }) => item.told);
      download("activity.json", JSON.stringify(events, null, 2));
    });
    document.addEventListener("visibilitychange", () => this.#look());
  }

  /** Follows the server from now on, whether or not the view is shown. */
  start() {
    const state = (text, kind = "") => {
      byId("activity-state").textContent = text;
      byId("activity-state").dataset.kind = kind;
    };
    followEvents((events) => this.#take(events), state);
    followActions(
      (records) => {
        this.#take(records.map((record) => JSON.stringify({ type: "action", ...record })));
      },
      () => this.#looks(),
    );
  }

  set isShown(isShown) {
    this.#isShown = isShown;
    this.#look();
    this.#rows.update();
  }

  #look() {
    if (this.#isShown && !document.hidden) {
      this.#looking ??= new AbortController();
      this.#onLook();
    } else {
      this.#looking?.abort();
      this.#looking = null;
    }
  }

  /** A promise of the signal that somebody looks, aborted when nobody does any more. */
  async #looks() {
    while (!this.#looking) {
      await new Promise((resolve) => {
        this.#onLook = resolve;
      });
    }
    return this.#looking.signal;
  }

  #take(lines) {
    for (const line of lines) {
      this.#ring.push(new Event(line), 2 * line.length);
    }
    this.#rows.update();
  }

  #keeps(event) {
    const { told } = event;
    const { elements } = this.#filter;
    // The records of actions say more than the events of rules.
    if (told.type === "rule") {
      return false;
    }
    const kinds = { connected: "connection", disconnected: "connection" };
    const box = elements[kinds[told.type] ?? told.type];
    return (box?.checked ?? true) && event.has(elements.text.value.toLowerCase());
  }

  #describe() {
    byId("no-activity").hidden = byId("events").childElementCount > 0;
    const button = byId("activity-pause");
    const waiting = this.#rows.waiting.toLocaleString("en");
    button.textContent = this.#rows.isPaused ? `Resume (${waiting} new)` : "Pause";
  }

  #pause() {
    this.#rows.isPaused = !this.#rows.isPaused;
    byId("activity-pause").setAttribute("aria-pressed", `${this.#rows.isPaused}`);
    this.#rows.update();
  }
}

/** An event as a line that opens to show everything about it. */
function row({ told }) {
  const [name, tone] = KINDS[told.type] ?? [told.type, "faint"];
  const isBad = told.type === "action" && !["success", "recorded"].includes(told.outcome);
  const kind = element("span", `kind ${isBad ? "bad" : tone}`, name);
  const line = element("summary", "head", timeOf(told.time_ms ?? Date.now()), kind, ...words(told));
  const details = element("details", "", line);
  details.addEventListener("toggle", () => {
    if (details.open && !details.querySelector("pre")) {
      details.append(element("pre", "json", JSON.stringify(told, null, 2)));
    }
  });
  return element("li", `event ${told.type}`, details);
}

const strong = (text) => element("span", "topic", text);
const mark = (text) => element("span", "mark", text);
const faint = (text) => element("span", "hint", text);
const bad = (text) => element("span", "bad", text);

/** What a line says of an event, by its type. */
const WORDS = {
  published: (told) => [
    strong(told.topic),
    faint(`from ${sender(told)}`),
    mark(`QoS ${told.qos}`),
    told.retain ? mark("retained") : null,
    faint(told.deliveries === 0 ? "to nobody" : `to ${count(told.deliveries, "session")}`),
    told.rules.length > 0 ? mark(`rules: ${told.rules.join(", ")}`) : null,
    element("span", "preview", preview(told, "payload")),
  ],
  refused: (told) => [
    strong(`${told.action} on ${resource(told.resource)}`),
    faint(`from ${sender(told)}`),
    bad(told.reason),
  ],
  action: (told) => [
    strong(`${told.rule}: ${told.error_action ? "error action " : ""}${told.action}`),
    outcome(told),
    faint(`for ${told.topic}`),
    told.request ? faint(`${told.request.method} ${told.request.url}`) : null,
    element("span", "preview", preview(told, "input")),
  ],
  connected: (told) => [
    strong(told.client_id),
    faint(`as ${principal(told)}${told.source_ip ? ` from ${told.source_ip}` : ""}`),
  ],
  disconnected: (told) => [strong(told.client_id), faint(told.reason)],
  lost: (told) => [bad(`${count(told.count, "event")}: this page was too slow for them`)],
};

function words(told) {
  // A newer server's event, as it is.
  const found = WORDS[told.type] ?? ((other) => [faint(JSON.stringify(other))]);
  return found(told);
}

function outcome({ outcome: name, reason, status, attempts }) {
  if (name === "success") {
    return element("span", "good", status ? `success, ${status}` : "success");
  }
  if (name === "recorded") {
    return mark("recorded: no endpoint for it");
  }
  const tries = attempts > 1 ? ` after ${attempts} attempts` : "";
  return bad(`${name}${tries}: ${reason}`);
}

function preview(told, name) {
  const value = told[name];
  const binary = told[`${name}_base64`];
  const text =
    value !== undefined
      ? JSON.stringify(value)
      : binary !== undefined
        ? `base64 ${binary}`
        : (told[`${name}_text`] ?? "");
  return text.length > PREVIEW ? `${text.slice(0, PREVIEW)}…` : text;
}

/** The client id, or by what else something came in. */
function sender(told) {
  if (told.client_id) {
    return told.client_id;
  }
  switch (told.protocol) {
    case "server":
      return "the server";
    case "rule":
      return "a rule";
    case undefined:
      return told.principal ? principal(told) : "nobody known";
    default:
      return `${principal(told)} (${told.protocol})`;
  }
}

/** A certificate by the start of its id, anybody else by name. */
function principal({ principal: name }) {
  return /^[0-9a-f]{64}$/i.test(name) ? `certificate ${name.slice(0, 12)}…` : name || "anonymous";
}

/** What an ARN names, without partition, region and account. */
function resource(arn) {
  return arn.startsWith("arn:") ? arn.split(":").slice(5).join(":") : arn;
}

function count(number, what) {
  return `${number.toLocaleString("en")} ${what}${number === 1 ? "" : "s"}`;
}
