// The address of an MQTT WebSocket with a Signature Version 4 in its query, made by the signer of
// AWS's SDK. As AWS's device SDKs do, the session token is added after signing.
"use strict";
const { createHash, createHmac } = require("node:crypto");
const { SignatureV4 } = require("@smithy/signature-v4");

// The signer wants a hash with these two methods.
class Sha256 {
  constructor(key) {
    this.hash = key ? createHmac("sha256", key) : createHash("sha256");
  }
  update(data) {
    this.hash.update(data);
  }
  async digest() {
    return this.hash.digest();
  }
}

async function presigned(url, { service, region, accessKeyId, secretAccessKey, sessionToken }) {
  const { protocol, hostname, port, pathname } = new URL(url);
  const credentials = { accessKeyId, secretAccessKey };
  const signer = new SignatureV4({ service, region, credentials, sha256: Sha256 });
  const headers = { host: `${hostname}:${port}` };
  const request = { method: "GET", protocol, hostname, port, path: pathname, headers };
  const { query } = await signer.presign(request, { expiresIn: 300 });
  const more = sessionToken ? { "X-Amz-Security-Token": sessionToken } : {};
  return `${url}?${new URLSearchParams({ ...query, ...more })}`;
}

module.exports = { presigned };
