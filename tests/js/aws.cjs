// AWS's SDK for JavaScript, one call a line: reads requests as JSON from standard input and answers
// each on standard output. The packages are found through NODE_PATH.
//
//   {"service": "iot", "op": "CreateThing", "params": {...}}         → {"status", "body"}
//   {"service", "op", "params", "page_size": 2}                      → {"pages": [body...]}
//   what was thrown                                                  → {"status", "error": {...}}
"use strict";
const readline = require("node:readline");

const SERVICES = {
  iot: ["@aws-sdk/client-iot", "IoTClient"],
  "iot-data": ["@aws-sdk/client-iot-data-plane", "IoTDataPlaneClient"],
  "iot-jobs-data": ["@aws-sdk/client-iot-jobs-data-plane", "IoTJobsDataPlaneClient"],
};
const clients = new Map();

function client(service) {
  if (!clients.has(service)) {
    const [module, name] = SERVICES[service];
    const sdk = require(module);
    // Endpoint, region and keys come from the environment, as for any user.
    clients.set(service, { sdk, client: new sdk[name]({ maxAttempts: 1 }) });
  }
  return clients.get(service);
}

// Blobs are text in both directions.
const plain = (_, value) => (value instanceof Uint8Array ? Buffer.from(value).toString() : value);

function params(given) {
  const { payload, ...rest } = given;
  return typeof payload === "string" ? { ...rest, payload: Buffer.from(payload) } : given;
}

async function answer({ service, op, params: given, page_size: pageSize }) {
  const { sdk, client: own } = client(service);
  if (pageSize) {
    const pages = [];
    for await (const page of sdk[`paginate${op}`]({ client: own, pageSize }, params(given))) {
      pages.push(page);
    }
    return { pages };
  }
  const body = await own.send(new sdk[`${op}Command`](params(given)));
  return { status: body.$metadata.httpStatusCode, body };
}

// What a program sees that catches the error: its class, whether that is one the SDK exports, and
// the members that it has by the service's model.
function thrown(service, error) {
  const { sdk } = client(service);
  const base = Object.keys(sdk).find((name) => /^IoT.*ServiceException$/.test(name));
  const { $metadata: metadata, $response: _, ...members } = error;
  return {
    status: metadata?.httpStatusCode ?? null,
    error: {
      class: error.constructor.name,
      exported: error.constructor === sdk[error.constructor.name],
      modelled: error.name in sdk,
      service: error instanceof sdk[base],
      code: error.name,
      message: error.message,
      members,
    },
  };
}

async function main() {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const request = JSON.parse(line);
    const told = await answer(request).catch((error) => thrown(request.service, error));
    process.stdout.write(`${JSON.stringify(told, plain)}\n`);
  }
}

main();
