// One page in Chromium, driven by lines of JSON on standard input: ["fill", SELECTOR, TEXT] and the
// other names in DO, each answered by {"result"} or {"error"}; ["fresh"] is a new page of a browser
// that knows nothing. The argument has "chromium", the program, and "timeoutMs", how long an event may
// take to come.
"use strict";
const { createInterface } = require("node:readline");
const { chromium } = require("playwright-core");
const { FLAGS } = require("./flags.cjs");

const { chromium: program, timeoutMs } = JSON.parse(process.argv[2]);

/** What no page of ours may do: fail, ask somebody else, or run what it was sent. */
let problems = [];

function watch(page) {
  page.on("pageerror", (error) => problems.push(`error: ${error.message}`));
  page.on("dialog", (dialog) => {
    problems.push(`dialog: ${dialog.message()}`);
    dialog.dismiss();
  });
  page.on("console", (message) => {
    // A server that is gone is reported too, by the browser itself.
    if (message.type() === "error" && !/ERR_|WebSocket|Failed to load/.test(message.text())) {
      problems.push(`console: ${message.text()}`);
    }
  });
  page.on("request", (request) => {
    const { protocol, host } = new URL(request.url());
    const own = new URL(page.url()).host;
    if (protocol.startsWith("http") && own && host !== own) {
      problems.push(`request: ${request.url()}`);
    }
  });
}

/** The first value of an expression that is true, looked at whenever the page changes. */
function until(expression) {
  return `new Promise((resolve, reject) => {
    const late = () => reject(new Error(${JSON.stringify(`never: ${expression}`)}));
    const timer = setTimeout(late, ${timeoutMs});
    const look = () => {
      const found = ${expression};
      if (found) {
        clearTimeout(timer);
        observer.disconnect();
        resolve(found);
      }
    };
    const observer = new MutationObserver(look);
    const everything = { attributes: true, characterData: true, childList: true, subtree: true };
    observer.observe(document, everything);
    look();
  })`;
}

async function fresh(browser, old) {
  await old?.context().close();
  problems = [];
  const page = await browser.newPage();
  page.setDefaultTimeout(timeoutMs);
  watch(page);
  return page;
}

const DO = {
  fresh: () => null,
  goto: (page, url) => page.goto(url).then((answer) => answer.status()),
  reload: (page) => page.reload().then(() => null),
  fill: (page, selector, text) => page.fill(selector, text),
  select: (page, selector, value) => page.selectOption(selector, value).then(() => null),
  check: (page, selector, checked) => page.setChecked(selector, checked),
  press: (page, selector, key) => page.press(selector, key),
  click: (page, selector) => page.click(selector),
  text: (page, selector) => page.textContent(selector),
  texts: (page, selector) => page.locator(selector).allTextContents(),
  evaluate: (page, expression) => page.evaluate(expression),
  until: (page, expression) => page.evaluate(until(expression)),
  size: (page, width, height) => page.setViewportSize({ width, height }),
  download: async (page, selector) => {
    const [download] = await Promise.all([page.waitForEvent("download"), page.click(selector)]);
    return { name: download.suggestedFilename(), path: await download.path() };
  },
  problems: () => problems,
};

async function main() {
  const browser = await chromium.launch({ executablePath: program, headless: true, args: FLAGS });
  let page = null;
  console.log(JSON.stringify({ result: "ready" }));
  for await (const line of createInterface({ input: process.stdin })) {
    const [name, ...given] = JSON.parse(line);
    try {
      if (name === "fresh") {
        page = await fresh(browser, page);
      }
      const result = await DO[name](page, ...given);
      console.log(JSON.stringify({ result: result ?? null }));
    } catch (error) {
      console.log(JSON.stringify({ error: error.message }));
    }
  }
  await browser.close();
}

main();
