// What people are shown of bytes that nobody vouches for.

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Control characters other than tab and line ends: what has them is not meant to be read. */
const CONTROL = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/;

const HEX_LINE = 16;

/** The text that bytes are in UTF-8; `null` if they are none. */
export function textOf(bytes) {
  try {
    return decoder.decode(bytes);
  } catch {
    return null;
  }
}

/**
 * A payload as `{kind, text, cut}`: `kind` is `json` (indented), `text`, `hex` or `empty`, and
 * `cut` says that `text` is only its beginning, of about `most` characters.
 */
export function shown(bytes, most = 16_384) {
  if (bytes.length === 0) {
    return { kind: "empty", text: "", cut: false };
  }
  const text = textOf(bytes);
  if (text === null || CONTROL.test(text)) {
    const start = bytes.subarray(0, Math.floor(most / 4));
    return { kind: "hex", text: hex(start), cut: start.length < bytes.length };
  }
  const json = indented(text);
  const whole = json ?? text;
  return {
    kind: json === null ? "text" : "json",
    text: whole.slice(0, most),
    cut: whole.length > most,
  };
}

/**
 * A JSON text with a line for each member and element, `null` for a text that is no JSON. Numbers
 * and strings stay as they are written: JavaScript's own would be rounded.
 */
export function indented(text) {
  try {
    JSON.parse(text);
  } catch {
    return null;
  }
  const tokens = text.match(/"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\],:]|[^\s{}[\],:"]+/g);
  let depth = 0;
  const line = () => `\n${"  ".repeat(depth)}`;
  const parts = [];
  for (const [at, token] of tokens.entries()) {
    const isEmpty = "}]".includes(tokens[at + 1]) && "{[".includes(token);
    if ("{[".includes(token)) {
      depth += 1;
      parts.push(token, isEmpty ? "" : line());
    } else if ("}]".includes(token)) {
      depth -= 1;
      parts.push("{[".includes(tokens[at - 1]) ? "" : line(), token);
    } else if (token === ",") {
      parts.push(",", line());
    } else {
      parts.push(token === ":" ? ": " : token);
    }
  }
  return parts.join("");
}

/** Bytes as lines of offset, hexadecimal and what is printable of them in ASCII. */
export function hex(bytes) {
  const lines = [];
  for (let at = 0; at < bytes.length; at += HEX_LINE) {
    const part = [...bytes.subarray(at, at + HEX_LINE)];
    const pairs = part.map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
    const ascii = part.map((byte) => (byte > 31 && byte < 127 ? String.fromCharCode(byte) : "."));
    const offset = at.toString(16).padStart(4, "0");
    lines.push(`${offset}  ${pairs.padEnd(3 * HEX_LINE - 1)}  ${ascii.join("")}`);
  }
  return lines.join("\n");
}

/** Bytes in base64. */
export function base64(bytes) {
  let binary = "";
  for (const byte of bytes) {
    binary += String.fromCharCode(byte);
  }
  return btoa(binary);
}

/** Bytes for a JSON file: as text if they are text. */
export function exported(name, bytes) {
  const text = textOf(bytes);
  return text === null ? { [`${name}_base64`]: base64(bytes) } : { [`${name}_text`]: text };
}
