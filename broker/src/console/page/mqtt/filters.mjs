// Which topics a filter matches (MQTT 5.0, 4.7).

/** The filter of a shared subscription, any other as it is. */
export function unshared(filter) {
  const shared = /^\$share\/[^/]*\/(.*)$/s.exec(filter);
  return shared ? shared[1] : filter;
}

/**
 * Whether a filter matches a topic. `parent` says that `a/#` matches `a`, which it does in the
 * standard and not at AWS.
 */
export function matches(filter, topic, parent = true) {
  const wanted = unshared(filter).split("/");
  const levels = topic.split("/");
  if (topic.startsWith("$") && (wanted[0] === "#" || wanted[0] === "+")) {
    return false;
  }
  for (const [at, level] of wanted.entries()) {
    if (level === "#") {
      return at < levels.length || parent;
    }
    if (at >= levels.length || (level !== "+" && level !== levels[at])) {
      return false;
    }
  }
  return wanted.length === levels.length;
}
