// AWS's Signature Version 4 in the query of a WebSocket's URL.

const encoder = new TextEncoder();
const SERVICE = "iotdevicegateway";
const ALGORITHM = "AWS4-HMAC-SHA256";

/** How long a signed URL is good, in seconds. */
const EXPIRES_S = 300;

/** Whether this page may sign: browsers have SubtleCrypto only on HTTPS and on this machine. */
export function canSign() {
  return globalThis.crypto?.subtle !== undefined;
}

/** A URL signed for `{accessKey, secretKey, sessionToken?}` at a time, a `Date`. */
export async function presigned(url, keys, region, now) {
  const { host, pathname } = new URL(url);
  const time = now.toISOString().replace(/[-:]|\.\d{3}/g, "");
  const scope = `${time.slice(0, 8)}/${region}/${SERVICE}/aws4_request`;
  const query = [
    ["X-Amz-Algorithm", ALGORITHM],
    ["X-Amz-Credential", `${keys.accessKey}/${scope}`],
    ["X-Amz-Date", time],
    ["X-Amz-Expires", `${EXPIRES_S}`],
    ["X-Amz-SignedHeaders", "host"],
  ]
    .map(([name, value]) => `${name}=${encoded(value)}`)
    .join("&");
  const request = ["GET", pathname, query, `host:${host}`, "", "host", await sha256("")];
  const toSign = [ALGORITHM, time, scope, await sha256(request.join("\n"))].join("\n");
  let key = encoder.encode(`AWS4${keys.secretKey}`);
  for (const part of [...scope.split("/"), toSign]) {
    key = await hmac(key, part);
  }
  const signed = `${url}?${query}&X-Amz-Signature=${hexadecimal(key)}`;
  // AWS wants the token behind the signature, not under it.
  const token = keys.sessionToken;
  return token ? `${signed}&X-Amz-Security-Token=${encoded(token)}` : signed;
}

/** Everything but letters, digits and `-_.~` in percent encoding. */
function encoded(text) {
  const more = (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`;
  return encodeURIComponent(text).replace(/[!'()*]/g, more);
}

async function sha256(text) {
  return hexadecimal(await crypto.subtle.digest("SHA-256", encoder.encode(text)));
}

async function hmac(key, text) {
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const imported = await crypto.subtle.importKey("raw", key, algorithm, false, ["sign"]);
  return new Uint8Array(await crypto.subtle.sign("HMAC", imported, encoder.encode(text)));
}

function hexadecimal(bytes) {
  return [...new Uint8Array(bytes)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
