// The newest of what came, in bounded memory.

/** Keeps the newest `limit` items, and fewer if they have more than `bytesMax` bytes together. */
export class Ring {
  #items = [];
  #first = 0;
  #bytes = 0;
  #bytesMax;
  #limit;
  /** How many items there ever were; the serial of the newest. */
  total = 0;

  constructor(limit, bytesMax = 8 * 1024 * 1024) {
    this.#limit = limit;
    this.#bytesMax = bytesMax;
  }

  get size() {
    return this.#items.length - this.#first;
  }

  set limit(limit) {
    this.#limit = limit;
    this.#trim();
  }

  /** Serial of the oldest item that is kept. */
  get oldest() {
    return this.total - this.size + 1;
  }

  push(item, bytes = 0) {
    this.total += 1;
    this.#items.push({ serial: this.total, item, bytes });
    this.#bytes += bytes;
    this.#trim();
  }

  /** The newest item stays, however large it is. */
  #trim() {
    while (this.size > this.#limit || (this.#bytes > this.#bytesMax && this.size > 1)) {
      this.#bytes -= this.#items[this.#first].bytes;
      this.#items[this.#first] = undefined;
      this.#first += 1;
    }
    // Moves what is left once that is cheaper than the room it takes.
    if (this.#first > 64 && this.#first * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#first);
      this.#first = 0;
    }
  }

  clear() {
    this.#items = [];
    this.#first = 0;
    this.#bytes = 0;
  }

  /** `{serial, item}` of those after a serial, newest first. */
  *newest(after = 0) {
    for (let at = this.#items.length - 1; at >= this.#first; at -= 1) {
      if (this.#items[at].serial <= after) {
        return;
      }
      yield this.#items[at];
    }
  }
}
