// MQTT 5's properties (2.2.2) by name.

import { Malformed, Writer, Reader } from "./bytes.mjs";

const PROPERTIES = [
  [0x01, "payloadFormatIndicator", "u8"],
  [0x02, "messageExpiryInterval", "u32"],
  [0x03, "contentType", "text"],
  [0x08, "responseTopic", "text"],
  [0x09, "correlationData", "binary"],
  [0x0b, "subscriptionIdentifier", "varint"],
  [0x11, "sessionExpiryInterval", "u32"],
  [0x12, "assignedClientIdentifier", "text"],
  [0x13, "serverKeepAlive", "u16"],
  [0x15, "authenticationMethod", "text"],
  [0x16, "authenticationData", "binary"],
  [0x17, "requestProblemInformation", "u8"],
  [0x18, "willDelayInterval", "u32"],
  [0x19, "requestResponseInformation", "u8"],
  [0x1a, "responseInformation", "text"],
  [0x1c, "serverReference", "text"],
  [0x1f, "reasonString", "text"],
  [0x21, "receiveMaximum", "u16"],
  [0x22, "topicAliasMaximum", "u16"],
  [0x23, "topicAlias", "u16"],
  [0x24, "maximumQoS", "u8"],
  [0x25, "retainAvailable", "u8"],
  [0x26, "userProperties", "pair"],
  [0x27, "maximumPacketSize", "u32"],
  [0x28, "wildcardSubscriptionAvailable", "u8"],
  [0x29, "subscriptionIdentifierAvailable", "u8"],
  [0x2a, "sharedSubscriptionAvailable", "u8"],
];
const BY_ID = new Map(PROPERTIES.map(([id, name, type]) => [id, { name, type }]));

/** Those that may come more than once: arrays, in their order. */
const REPEATED = new Set(["userProperties", "subscriptionIdentifier"]);

/** Reads properties with the length before them. */
export function readProperties(reader) {
  const inside = new Reader(reader.take(reader.varint()));
  const found = {};
  while (inside.left > 0) {
    const id = inside.varint();
    const property = BY_ID.get(id);
    if (!property) {
      throw new Malformed(`there is no property ${id}`);
    }
    const { name, type } = property;
    const value = type === "pair" ? [inside.text(), inside.text()] : inside[type]();
    if (REPEATED.has(name)) {
      (found[name] ??= []).push(value);
    } else if (name in found) {
      throw new Malformed(`the property ${name} comes twice`);
    } else {
      found[name] = value;
    }
  }
  return found;
}

/** Writes properties with the length before them; those that are undefined are left out. */
export function writeProperties(writer, properties = {}) {
  const inside = new Writer();
  for (const [id, name, type] of PROPERTIES) {
    const given = properties[name];
    const values = given === undefined ? [] : REPEATED.has(name) ? given : [given];
    for (const value of values) {
      inside.varint(id);
      if (type === "pair") {
        inside.text(value[0]).text(value[1]);
      } else {
        inside[type](value);
      }
    }
  }
  return writer.varint(inside.length).put(inside.bytes());
}
