// What every MQTT.js client here does, in Node.js and in a browser: subscribes to a topic, publishes
// to it, and receives what it published.
"use strict";

async function exchange(mqtt, url, options, { topic, count, qos }) {
  const client = await mqtt.connectAsync(url, { ...options, reconnectPeriod: 0 }, false);
  try {
    const received = [];
    const whole = new Promise((resolve) => {
      client.on("message", (_, payload) => received.push(`${payload}`) === count && resolve());
    });
    const granted = await client.subscribeAsync(topic, { qos });
    for (let number = 0; number < count; number += 1) {
      await client.publishAsync(topic, `${number}`, { qos });
    }
    await whole;
    return { granted: granted.map((each) => each.qos), received };
  } finally {
    await client.endAsync();
  }
}

// Runs what a program was asked for in its first argument, and prints what became of it.
function report(run) {
  const failed = (error) => ({ error: { code: error.code, message: error.message } });
  run(JSON.parse(process.argv[2]))
    .catch(failed)
    .then((told) => console.log(JSON.stringify(told)));
}

module.exports = { exchange, report };
