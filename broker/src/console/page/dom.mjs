// Elements of the page. Whatever comes from elsewhere becomes text, never markup.

/** An element with a class, its attributes and its children: elements, texts, or `null`s. */
export function element(tag, className, ...children) {
  const made = document.createElement(tag);
  if (className) {
    made.className = className;
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

/** A button of a toolbar or a list. */
export function button(text, onClick, label = text) {
  const made = element("button", "", text);
  made.type = "button";
  made.setAttribute("aria-label", label);
  made.addEventListener("click", onClick);
  return made;
}

export function byId(id) {
  return document.getElementById(id);
}

/** A time of day as `12:34:56`. */
export function clock(time) {
  const two = (number) => `${number}`.padStart(2, "0");
  return [time.getHours(), time.getMinutes(), time.getSeconds()].map(two).join(":");
}

/** A time as `12:34:56.789`, with its date as the title. */
export function timeOf(ms) {
  const time = new Date(ms);
  const fraction = `${time.getMilliseconds()}`.padStart(3, "0");
  const made = element("time", "", `${clock(time)}.${fraction}`);
  made.dateTime = time.toISOString();
  made.title = made.dateTime;
  return made;
}

/** Says something under a form; `kind` is `good`, `bad` or nothing. */
export function say(output, text, kind = "") {
  output.textContent = text;
  output.dataset.kind = kind;
}

/** Hands a file to the person in front of the page. */
export function download(name, text) {
  const url = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  // The browser has its own hold on the data by then.
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}

/** At most this many rows are in the page, whatever is kept. */
const ROWS_MAX = 1000;

/** At least this long between two renderings, and so many times as long as the last one took. */
const REST_MS = 100;
const REST_TIMES = 3;

/**
 * Shows a ring's items as rows, newest first. Items may come by the thousand a second: rows are
 * made in batches, once for each frame at most, and only for what is still kept by then.
 */
export class Rows {
  #list;
  #make;
  #keeps;
  #ring = null;
  #shown = 0;
  #planned = false;
  /** When the next rendering may be. */
  #nextMs = 0;
  #after;
  isPaused = false;

  /** `make(item)` gives a row, `keeps(item)` says whether it has one, `after()` is told. */
  constructor(list, make, { keeps = () => true, after = () => {} } = {}) {
    this.#list = list;
    this.#make = make;
    this.#keeps = keeps;
    this.#after = after;
  }

  /** Shows another ring, or the same one anew. */
  show(ring) {
    this.#ring = ring;
    this.#shown = 0;
    this.#list.replaceChildren();
    this.#render();
  }

  /** What came since is shown soon. */
  update() {
    if (this.#planned) {
      return;
    }
    this.#planned = true;
    const wait = Math.max(0, this.#nextMs - performance.now());
    setTimeout(() => requestAnimationFrame(() => this.#renderIfWanted()), wait);
  }

  #renderIfWanted() {
    this.#planned = false;
    const isVisible = this.#list.offsetParent !== null;
    if (isVisible && !this.isPaused) {
      this.#render();
    } else {
      this.#after();
    }
  }

  /** How many items came that are not shown while this is paused. */
  get waiting() {
    return this.#ring && this.isPaused ? this.#ring.total - this.#shown : 0;
  }

  #render() {
    if (!this.#ring) {
      return this.#after();
    }
    const beganMs = performance.now();
    const fresh = document.createDocumentFragment();
    let count = 0;
    for (const { serial, item } of this.#ring.newest(this.#shown)) {
      if (count < ROWS_MAX && this.#keeps(item)) {
        const row = this.#make(item);
        row.dataset.serial = serial;
        fresh.append(row);
        count += 1;
      }
    }
    this.#list.prepend(fresh);
    this.#shown = this.#ring.total;
    this.#trim();
    const endedMs = performance.now();
    this.#nextMs = endedMs + Math.max(REST_MS, REST_TIMES * (endedMs - beganMs));
    return this.#after();
  }

  #trim() {
    const rows = this.#list.children;
    while (
      rows.length > ROWS_MAX ||
      (rows.length > 0 && Number(this.#list.lastElementChild.dataset.serial) < this.#ring.oldest)
    ) {
      this.#list.lastElementChild.remove();
    }
  }
}
