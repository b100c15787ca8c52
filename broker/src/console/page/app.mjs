// Puts the page together.

import { Activity } from "./activity.mjs";
import { Connection } from "./connection.mjs";
import { byId } from "./dom.mjs";
import { Messages } from "./messages.mjs";
import { enablePublishing } from "./publish.mjs";
import { Subscriptions } from "./subscriptions.mjs";

const VIEWS = ["client", "activity"];

/** What the server says of itself; the defaults if it has gone since it sent this page. */
async function settings() {
  const defaults = { region: "us-east-1", signatures: "accept" };
  try {
    const answer = await fetch("settings.json", { cache: "no-store" });
    return answer.ok ? await answer.json() : defaults;
  } catch {
    return defaults;
  }
}

/** Shows the view that the address names. */
function showView() {
  const wanted = location.hash.slice(1);
  const shown = VIEWS.includes(wanted) ? wanted : VIEWS[0];
  for (const view of VIEWS) {
    byId(view).hidden = view !== shown;
    const link = byId(`to-${view}`);
    if (view === shown) {
      link.setAttribute("aria-current", "page");
    } else {
      link.removeAttribute("aria-current");
    }
  }
  activity.isShown = shown === "activity";
  messages?.update();
}

let messages = null;
let subscriptions = null;
const activity = new Activity();
showView();
globalThis.addEventListener("hashchange", showView);
activity.start();

const connection = new Connection(await settings(), {
  connected: () => subscriptions.renew(),
  message: (packet) => {
    // The payload is a view of the piece that it came in, which is not to be kept.
    const payload = packet.payload.slice();
    subscriptions.take({ ...packet, payload, timeMs: Date.now() });
    messages.update();
  },
});
messages = new Messages(() => subscriptions?.showCounts());
subscriptions = new Subscriptions(connection.client, (one) => messages.show(one));
enablePublishing(connection.client);
connection.open();
