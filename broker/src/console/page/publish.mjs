// The form that publishes.

import { byId, clock, say } from "./dom.mjs";
import { utf8 } from "./mqtt/packets.mjs";
import { inWords } from "./mqtt/reasons.mjs";

/** Lets the form publish through a client. */
export function enablePublishing(client) {
  const form = byId("publish");
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    publish(client, form.elements);
  });
  form.elements.payload.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      form.requestSubmit();
    }
  });
}

async function publish(client, fields) {
  const output = byId("publish-outcome");
  say(output, "");
  const qos = Number(fields.qos.value);
  const topic = fields.topic.value;
  try {
    const message = {
      topic,
      payload: utf8(fields.payload.value),
      qos,
      retain: fields.retain.checked,
      properties: properties(fields),
    };
    const reason = await client.publish(message);
    const acknowledged = reason === 0 ? "acknowledged" : inWords(reason);
    const outcome = qos > 0 ? acknowledged : "QoS 0 is not acknowledged";
    say(output, `Published to ${topic} at ${clock(new Date())}: ${outcome}.`, "good");
  } catch (why) {
    say(output, `Not published. ${why.message}`, "bad");
  }
}

/** Throws what to change in the form. */
function properties(fields) {
  const given = (name) => fields[name].value || undefined;
  const correlation = given("correlationData");
  const expiry = given("expiry");
  const lines = fields.userProperties.value.split("\n").filter((line) => line.trim() !== "");
  return {
    contentType: given("contentType"),
    responseTopic: given("responseTopic"),
    correlationData: correlation && utf8(correlation),
    messageExpiryInterval: expiry && Number(expiry),
    userProperties: lines.map((line) => {
      const found = /^([^:]*):\s?(.*)$/.exec(line);
      if (!found) {
        throw new Error(`The user property "${line}" has no colon: write name: value.`);
      }
      return [found[1].trim(), found[2]];
    }),
  };
}
