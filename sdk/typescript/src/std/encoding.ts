/** `jsr:@std/encoding`: base64 and hex. */
import { engine } from "../host/engine.js";

type Data = string | Uint8Array | ArrayBuffer;

function bytes(data: Data): Uint8Array {
  return typeof data === "string" ? engine().text.encode(data) : data instanceof Uint8Array ? data : new Uint8Array(data);
}

function decoded(text: string, url: boolean): Uint8Array {
  const found = engine().base64.decode(text, url);
  if (found === null) {
    throw new TypeError("the text is not base64");
  }
  return found;
}

export const encodeBase64 = (data: Data): string => engine().base64.encode(bytes(data));
export const decodeBase64 = (text: string): Uint8Array => decoded(text, false);
export const encodeBase64Url = (data: Data): string => engine().base64.encode(bytes(data), true);
export const decodeBase64Url = (text: string): Uint8Array => decoded(text, true);
export const encodeHex = (data: Data): string => Array.from(bytes(data), (it) => it.toString(16).padStart(2, "0")).join("");
export const decodeHex = (text: string): Uint8Array => Uint8Array.from(text.match(/../g) ?? [], (it) => Number.parseInt(it, 16));
