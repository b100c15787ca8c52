// What the server tells of itself: its stream of events, and the record of rule actions.

import { lines, parsed } from "./lines.mjs";

const EVENTS_URL = "/_thingcore/messages?follow=true";
const ACTIONS_URL = "/_thingcore/actions";

/** How long the server may hold a question for actions, in seconds. */
const WAIT_S = 25;

const RETRY_MS_MIN = 500;
const RETRY_MS_MAX = 8_000;

/** Runs `attempt` for ever, later after each failure; `attempt(reset)` says when one went well. */
async function again(attempt, failed) {
  let retryMs = RETRY_MS_MIN;
  for (;;) {
    try {
      await attempt(() => {
        retryMs = RETRY_MS_MIN;
      });
    } catch (why) {
      failed(why);
      await new Promise((resolve) => setTimeout(resolve, retryMs));
      retryMs = Math.min(2 * retryMs, RETRY_MS_MAX);
    }
  }
}

/** Follows the events; `take(lines)` gets them in batches, each a line of JSON, `state(text, kind)` is told. */
export function followEvents(take, state) {
  const follow = async (reset) => {
    const answer = await fetch(EVENTS_URL, { cache: "no-store" });
    if (!answer.ok) {
      throw new Error(`the server answers ${answer.status}`);
    }
    reset();
    state("Following.");
    for await (const batch of lines(answer.body)) {
      take(batch);
    }
    throw new Error("the server has gone");
  };
  return again(follow, () => state("Not connected. Trying again.", "bad"));
}

/**
 * Asks for the actions that ended, for as long as `until()`, a promise, lets it: browsers have six
 * connections for all pages of a server.
 */
export function followActions(take, until) {
  let after = 0;
  const ask = async (reset) => {
    const signal = await until();
    const url = `${ACTIONS_URL}?after=${after}&limit=1000&wait=${WAIT_S}`;
    try {
      const answer = await fetch(url, { cache: "no-store", signal });
      if (!answer.ok) {
        throw new Error(`the server answers ${answer.status}`);
      }
      const { records, next } = parsed(await answer.text());
      reset();
      after = next;
      take(records);
    } catch (why) {
      if (signal.aborted) {
        return;
      }
      // A server that was started again counts from one.
      after = 0;
      throw why;
    }
  };
  return again(ask, () => {});
}
