// MQTT.js on a page in Chromium, with the argument and the answer of mqtt.cjs; besides, "chromium"
// is the program and "profile" an empty folder.
"use strict";
const { readFileSync } = require("node:fs");
const { createServer } = require("node:http");
const { chromium } = require("playwright-core");
const { FLAGS } = require("./flags.cjs");
const { exchange, report } = require("./exchange.cjs");
const { presigned } = require("./presign.cjs");

// A page of an origin on this machine: browsers do not let those from elsewhere talk to loopback.
function serve() {
  const script = readFileSync(require.resolve("mqtt/dist/mqtt.min"));
  const server = createServer((request, response) => {
    const isScript = request.url === "/mqtt.js";
    response.setHeader("content-type", isScript ? "text/javascript" : "text/html");
    response.end(isScript ? script : "<!doctype html><script src=/mqtt.js></script>");
  });
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server)));
}

report(async ({ url, options, sign, chromium: program, profile, ...messages }) => {
  const server = await serve();
  const browser = await chromium.launchPersistentContext(profile, {
    executablePath: program,
    headless: true,
    args: FLAGS,
    // The page trusts the server as a person does who has imported its root certificate.
    ignoreHTTPSErrors: true,
  });
  try {
    const page = await browser.newPage();
    await page.goto(`http://127.0.0.1:${server.address().port}/`);
    const given = JSON.stringify([sign ? await presigned(url, sign) : url, options, messages]);
    return await page.evaluate(`(${exchange})(mqtt, ...${given})`);
  } finally {
    await browser.close();
    server.close();
  }
});
