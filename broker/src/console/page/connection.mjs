// The page's one connection, and what the page says of it.

import { byId, clock, say } from "./dom.mjs";
import { Client } from "./mqtt/client.mjs";
import { canSign, presigned } from "./sigv4.mjs";

const MQTT_URL = `${location.protocol === "https:" ? "wss:" : "ws:"}//${location.host}/mqtt`;

/** Asks a signed URL over plain HTTP what is wrong with it: a WebSocket is refused in silence. */
async function whyRefused(url) {
  let answer;
  try {
    answer = await fetch(url.replace(/^ws/, "http"), { cache: "no-store" });
  } catch {
    return (
      `thingcore at ${location.host} does not answer. Is "thingcore serve" running? ` +
      "This page connects again by itself."
    );
  }
  const told = await answer.json().catch(() => ({}));
  if (answer.status === 403) {
    return `The server refuses the connection: ${told.message ?? "forbidden"}`;
  }
  return "The server does not take the connection. This page tries again.";
}

export class Connection {
  #settings;
  #keys = null;
  #url = MQTT_URL;
  #listeners;

  /** `listeners.connected()` is told of each connection, `listeners.message(packet)` of messages. */
  constructor(settings, listeners) {
    this.#settings = settings;
    this.#listeners = listeners;
    const random = crypto.getRandomValues(new Uint8Array(4));
    const suffix = [...random].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    this.client = new Client({
      clientId: `console-${suffix}`,
      address: () => this.#address(),
      on: { state: (state) => this.#told(state), message: listeners.message },
    });
    byId("reconnect").addEventListener("click", () => this.client.start());
    byId("notice-close").addEventListener("click", () => this.#notice(""));
    byId("keys").addEventListener("submit", (event) => this.#enter(event));
  }

  /** Connects, after the access key if the server wants one. */
  open() {
    if (this.#settings.signatures !== "verify") {
      return this.client.start();
    }
    byId("keys").hidden = false;
    this.#state("waiting", "Not connected: an access key is needed.");
    if (!canSign()) {
      const why =
        "Browsers sign only on pages of this machine or of HTTPS: open the console as " +
        "http://localhost:PORT/console/, through an SSH tunnel if the server is elsewhere.";
      say(byId("keys-outcome"), why, "bad");
    }
    return undefined;
  }

  #enter(event) {
    event.preventDefault();
    const form = new FormData(event.target);
    const read = (name) => form.get(name).trim();
    this.#keys = {
      accessKey: read("accessKey"),
      secretKey: read("secretKey"),
      sessionToken: read("sessionToken"),
    };
    say(byId("keys-outcome"), "");
    this.client.stop();
    this.client.start();
  }

  async #address() {
    if (this.#keys) {
      this.#url = await presigned(MQTT_URL, this.#keys, this.#settings.region, new Date());
    }
    return this.#url;
  }

  #told(state) {
    const wasWaiting = byId("state").dataset.state === "waiting";
    byId("reconnect").hidden =
      state.name === "connected" || (state.name === "connecting" && !wasWaiting);
    switch (state.name) {
      case "connecting":
        // While nobody answers, the page goes on to say what to do about it.
        if (!wasWaiting) {
          this.#state("connecting", "Connecting");
        }
        return;
      case "connected":
        this.#state("connected", `Connected as ${this.client.clientId}`);
        byId("keys").hidden = true;
        this.#listeners.connected();
        return;
      case "waiting":
        if (state.refused) {
          const time = clock(new Date());
          this.#notice(`The server ended the connection at ${time}: ${state.why}`);
        }
        this.#state("waiting", "Not connected. Connecting again.");
        if (!state.wasConnected && !state.refused) {
          this.#explain();
        }
        return;
      case "stopped":
        this.#state("stopped", state.why ? `Disconnected: ${state.why}` : "Disconnected");
    }
  }

  async #explain() {
    const why = await whyRefused(this.#url);
    if (this.client.isConnected) {
      return;
    }
    this.#state("waiting", why);
    if (why.startsWith("The server refuses")) {
      // The same key, or none, will not be better the next time.
      this.client.stop();
      this.#state("waiting", "Not connected: an access key is needed.");
      byId("keys").hidden = false;
      say(byId("keys-outcome"), why, "bad");
    }
  }

  #state(name, text) {
    const shown = byId("state");
    shown.dataset.state = name;
    if (shown.textContent !== text) {
      shown.textContent = text;
    }
  }

  #notice(text) {
    byId("notice-text").textContent = text;
    byId("notice").hidden = text === "";
  }
}
