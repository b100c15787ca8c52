// A stream of bytes as lines of text, and their JSON.

/** Longest line that is taken: the longest payload as JSON, and room. */
const CHARACTERS_MAX = 64 * 1024 * 1024;

/**
 * JSON as a value. Numbers that JavaScript would round stay as they are written, where the browser
 * can keep them (`JSON.rawJSON`): a payload is shown as the device sent it.
 */
export function parsed(text) {
  const rounded = (value, source) =>
    typeof value === "number" && source !== undefined && `${value}` !== source;
  return JSON.parse(text, (_, value, context) =>
    rounded(value, context?.source) && JSON.rawJSON ? JSON.rawJSON(context.source) : value,
  );
}

/** The whole lines of each piece of a `ReadableStream`, as arrays; what is cut waits for its rest. */
export async function* lines(stream) {
  const decoder = new TextDecoder();
  const reader = stream.getReader();
  let rest = [];
  let length = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) {
      return;
    }
    const text = decoder.decode(value, { stream: true });
    const end = text.lastIndexOf("\n");
    if (end < 0) {
      rest.push(text);
      length += text.length;
      if (length > CHARACTERS_MAX) {
        await reader.cancel();
        throw new Error("a line is too long");
      }
      continue;
    }
    const whole = rest.join("") + text.slice(0, end);
    rest = [text.slice(end + 1)];
    length = rest[0].length;
    yield whole.split("\n");
  }
}
