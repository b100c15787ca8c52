// MQTT.js in Node.js. The connection is described by the first argument:
//
//   {"url", "options": {"clientId", "protocolVersion", and "ca", "cert", "key" as files},
//    "sign"?: {"service", "region", "accessKeyId", "secretAccessKey", "sessionToken"?},
//    "topic", "count", "qos"}
//
//   → {"granted": [1], "received": ["0", ...]} or {"error": {"code", "message"}}
"use strict";
const { readFileSync } = require("node:fs");
const mqtt = require("mqtt");
const { exchange, report } = require("./exchange.cjs");
const { presigned } = require("./presign.cjs");

report(async ({ url, options, sign, ...messages }) => {
  for (const name of ["ca", "cert", "key"].filter((each) => each in options)) {
    options[name] = readFileSync(options[name]);
  }
  return exchange(mqtt, sign ? await presigned(url, sign) : url, options, messages);
});
