// The subscriptions: what is asked of the server, kept over a reload, and listed on the left.

import { button, byId, element, say } from "./dom.mjs";
import { inWords, isRefusal } from "./mqtt/reasons.mjs";
import { matches } from "./mqtt/filters.mjs";
import { Unanswered } from "./mqtt/client.mjs";
import { Ring } from "./ring.mjs";

const STORAGE_KEY = "thingcore.subscriptions";
const KEEP_DEFAULT = 100;
const KEEP_MAX = 10_000;

export class Subscriptions {
  #client;
  #onSelect;
  /** By filter, in the order in which they were made. */
  #all = new Map();
  #selected = null;

  /** `onSelect(subscription)` is told what is to be shown, `null` for nothing. */
  constructor(client, onSelect) {
    this.#client = client;
    this.#onSelect = onSelect;
    const form = byId("subscribe");
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit(form);
    });
    form.elements.filters.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !event.shiftKey) {
        event.preventDefault();
        form.requestSubmit();
      }
    });
    for (const { filter, qos, keep } of stored()) {
      this.#put(filter, qos, keep);
    }
    this.#select(this.#all.values().next().value ?? null);
  }

  /** Subscribes to everything again, one by one: it is then known which one the server hates. */
  async renew() {
    for (const subscription of [...this.#all.values()]) {
      const { filter, qos } = subscription;
      try {
        const [reason] = await this.#client.subscribe([{ filter, qos }]);
        subscription.refused = isRefusal(reason) ? inWords(reason) : "";
        show(subscription);
      } catch (why) {
        if (!(why instanceof Unanswered)) {
          this.#remove(subscription);
          say(byId("subscribe-outcome"), `${filter}: ${why.message}`, "bad");
        }
        if (!this.#client.isConnected) {
          // The next connection begins here again.
          return;
        }
      }
    }
  }

  /** Gives a message to each subscription that it belongs to. */
  take(message) {
    const all = [...this.#all.values()];
    const exact = all.filter(({ filter }) => matches(filter, message.topic, false));
    const found = exact.length > 0 ? exact : all.filter(({ filter }) => matches(filter, message.topic));
    const bytes = 256 + 2 * message.topic.length + message.payload.length;
    for (const subscription of found) {
      subscription.count += 1;
      subscription.ring.push(message, bytes);
    }
  }

  /** Shows the counts as they are by now. */
  showCounts() {
    for (const { count, parts } of this.#all.values()) {
      const text = count.toLocaleString("en");
      if (parts.count.textContent !== text) {
        parts.count.textContent = text;
      }
    }
  }

  async #submit(form) {
    const output = byId("subscribe-outcome");
    const filters = form.elements.filters.value.split("\n").filter((line) => line !== "");
    const qos = Number(form.elements.qos.value);
    const keep = Number(form.elements.keep.value);
    if (filters.length === 0) {
      return;
    }
    say(output, "");
    try {
      const reasons = await this.#client.subscribe(filters.map((filter) => ({ filter, qos })));
      const refused = [];
      const made = [];
      for (const [at, filter] of filters.entries()) {
        if (isRefusal(reasons[at])) {
          refused.push(`${filter}: ${inWords(reasons[at])}`);
        } else {
          made.push(this.#put(filter, qos, keep));
        }
      }
      if (made.length > 0) {
        this.#save();
        this.#select(made[0]);
      }
      if (refused.length > 0) {
        say(output, `Refused. ${refused.join("; ")}`, "bad");
      } else {
        say(output, `Subscribed at QoS ${Math.max(...reasons)}.`, "good");
        form.elements.filters.value = "";
      }
    } catch (why) {
      say(output, `Not subscribed. ${why.message}`, "bad");
    }
  }

  #put(filter, qos, keep) {
    const known = this.#all.get(filter);
    if (known) {
      Object.assign(known, { qos, keep, refused: "" });
      known.ring.limit = keep;
      show(known);
      return known;
    }
    const made = { filter, qos, keep, count: 0, ring: new Ring(keep), refused: "" };
    made.parts = parts(filter, {
      select: () => this.#select(made),
      unsubscribe: () => this.#unsubscribe(made),
    });
    show(made);
    this.#all.set(filter, made);
    byId("subscriptions").append(made.parts.item);
    byId("no-subscriptions").hidden = true;
    return made;
  }

  async #unsubscribe(subscription) {
    try {
      await this.#client.unsubscribe([subscription.filter]);
      say(byId("subscribe-outcome"), "");
    } catch (why) {
      if (this.#client.isConnected) {
        return say(byId("subscribe-outcome"), `Not unsubscribed. ${why.message}`, "bad");
      }
      // Without a connection there is no session either that would remember it.
    }
    return this.#remove(subscription);
  }

  #remove(subscription) {
    const { item } = subscription.parts;
    // Whoever goes through the list by keyboard stays in it.
    const hadFocus = item.contains(document.activeElement);
    const beside = item.nextElementSibling ?? item.previousElementSibling;
    item.remove();
    if (hadFocus) {
      (beside?.querySelector("button") ?? byId("subscribe").elements.filters).focus();
    }
    this.#all.delete(subscription.filter);
    byId("no-subscriptions").hidden = this.#all.size > 0;
    this.#save();
    if (this.#selected === subscription) {
      this.#select([...this.#all.values()].at(-1) ?? null);
    }
  }

  #select(subscription) {
    this.#selected = subscription;
    for (const each of this.#all.values()) {
      each.parts.select.setAttribute("aria-pressed", `${each === subscription}`);
    }
    this.#onSelect(subscription);
  }

  #save() {
    const kept = [...this.#all.values()].map(({ filter, qos, keep }) => ({ filter, qos, keep }));
    try {
      localStorage.setItem(STORAGE_KEY, JSON.stringify(kept));
    } catch {
      // A browser that keeps nothing loses them on a reload, which is what it was told to do.
    }
  }
}

/** The elements of a subscription in the list. */
function parts(filter, { select, unsubscribe }) {
  const qos = element("span", "mark");
  const count = element("span", "count", "0");
  const chooser = element("button", "select", element("span", "filter", filter), qos, count);
  chooser.type = "button";
  chooser.addEventListener("click", select);
  const away = button("×", unsubscribe, `Unsubscribe from ${filter}`);
  away.title = "Unsubscribe";
  const refused = element("p", "bad");
  return { item: element("li", "", chooser, away, refused), select: chooser, qos, count, refused };
}

/** Shows what was asked for and what the server said. */
function show({ qos, refused, parts }) {
  parts.qos.textContent = `QoS ${qos}`;
  parts.refused.textContent = refused ? `Refused. ${refused}` : "";
}

/** What an earlier page kept; anything that is not a subscription is left out. */
function stored() {
  let found;
  try {
    found = JSON.parse(localStorage.getItem(STORAGE_KEY));
  } catch {
    return [];
  }
  const isOne = (each) => typeof each?.filter === "string" && each.filter !== "";
  return (Array.isArray(found) ? found : []).filter(isOne).map(({ filter, qos, keep }) => ({
    filter,
    qos: qos === 0 ? 0 : 1,
    keep: Number.isInteger(keep) && keep > 0 && keep <= KEEP_MAX ? keep : KEEP_DEFAULT,
  }));
}
