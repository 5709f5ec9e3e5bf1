/** What the script engine does natively, done by node, so that the web APIs of a component run in a test. */
import * as nodeCrypto from "node:crypto";
import * as zlib from "node:zlib";
import type { CodecFormat, EnginePure, HashName, UrlPart, UrlParts } from "../host/engine.js";
import type { Clock } from "./clock.js";

const NodeURL = globalThis.URL;
const NodeTextDecoder = globalThis.TextDecoder;
const NodeTextEncoder = globalThis.TextEncoder;

/** Bytes without Buffer's own methods. */
function plain(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(bytes);
}

function parts(url: URL): UrlParts {
  const { href, origin, protocol, username, password, host, hostname, port, pathname, search, hash } = url;
  return { href, origin, protocol, username, password, host, hostname, port, pathname, search, hash };
}

function parse(text: string, base?: string): UrlParts | null {
  try {
    return parts(new NodeURL(text, base));
  } catch {
    return null;
  }
}

function set(href: string, part: UrlPart, value: string): UrlParts {
  const url = new NodeURL(href);
  url[part] = value;
  return parts(url);
}

/** Returns the length of the beginning of UTF-8 that ends between two characters. */
function complete(bytes: Uint8Array): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back += 1) {
    const byte = bytes[bytes.length - back] ?? 0;
    if (byte >= 0xc0) {
      const need = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
      return need > back ? bytes.length - back : bytes.length;
    }
    if (byte < 0x80) {
      break;
    }
  }
  return bytes.length;
}

function fromBase64(text: string, url = false): Uint8Array<ArrayBuffer> | null {
  const bare = text.replace(/[\t\n\f\r ]/g, "").replace(/={1,2}$/, "");
  const isValid = (url ? /^[A-Za-z0-9+/_-]*$/ : /^[A-Za-z0-9+/]*$/).test(bare) && bare.length % 4 !== 1;
  return isValid ? plain(Buffer.from(bare, "base64")) : null;
}

const NODE_HASHES: Readonly<Record<HashName, string>> = { "SHA-1": "sha1", "SHA-256": "sha256", "SHA-384": "sha384", "SHA-512": "sha512", MD5: "md5" };

function aesGcm(encrypt: boolean, key: Uint8Array, iv: Uint8Array, data: Uint8Array, additional: Uint8Array): Uint8Array<ArrayBuffer> | null {
  const name = key.length === 16 ? "aes-128-gcm" : "aes-256-gcm";
  if (encrypt) {
    const cipher = nodeCrypto.createCipheriv(name, key, iv).setAAD(additional);
    return plain(Buffer.concat([cipher.update(data), cipher.final(), cipher.getAuthTag()]));
  }
  try {
    const cipher = nodeCrypto.createDecipheriv(name, key, iv).setAAD(additional);
    cipher.setAuthTag(data.subarray(data.length - 16));
    return plain(Buffer.concat([cipher.update(data.subarray(0, data.length - 16)), cipher.final()]));
  } catch {
    return null;
  }
}

function codec(format: CodecFormat, compress: boolean): (bytes: Uint8Array) => Uint8Array {
  switch (format) {
    case "gzip":
      return compress ? zlib.gzipSync : zlib.gunzipSync;
    case "deflate":
      return compress ? zlib.deflateSync : zlib.inflateSync;
    case "deflate-raw":
      return compress ? zlib.deflateRawSync : zlib.inflateRawSync;
  }
}

/** Returns the engine of a test. */
export function nodeEngine(clock: Clock): EnginePure {
  const codecs = new Map<number, { readonly run: (bytes: Uint8Array) => Uint8Array; readonly pieces: Uint8Array[] }>();
  const digests = new Map<number, nodeCrypto.Hash>();
  const digestOf = (handle: number): nodeCrypto.Hash => {
    const found = digests.get(handle);
    if (found === undefined) {
      throw new TypeError("there is no such digest");
    }
    return found;
  };
  let lastHandle = 0;
  return {
    text: {
      encode: (text) => new NodeTextEncoder().encode(text),
      encodeInto: (text, target) => new NodeTextEncoder().encodeInto(text, target),
      decode: (bytes, fatal) => new NodeTextDecoder("utf-8", { fatal, ignoreBOM: true }).decode(bytes),
      complete,
    },
    url: { parse, set },
    base64: {
      encode: (bytes, url = false) => Buffer.from(bytes).toString(url ? "base64url" : "base64"),
      decode: fromBase64,
    },
    crypto: {
      digest: (name, bytes) => plain(nodeCrypto.createHash(NODE_HASHES[name]).update(bytes).digest()),
      start(name) {
        lastHandle += 1;
        digests.set(lastHandle, nodeCrypto.createHash(NODE_HASHES[name]));
        return lastHandle;
      },
      push: (handle, bytes) => void digestOf(handle).update(bytes),
      finish(handle) {
        const found = plain(digestOf(handle).digest());
        digests.delete(handle);
        return found;
      },
      hmac: (name, key, bytes) => plain(nodeCrypto.createHmac(NODE_HASHES[name], key).update(bytes).digest()),
      equal: (one, other) => one.length === other.length && nodeCrypto.timingSafeEqual(one, other),
      pbkdf2: (name, password, salt, iterations, length) => plain(nodeCrypto.pbkdf2Sync(password, salt, iterations, length, NODE_HASHES[name])),
      aesGcm,
    },
    codec: {
      start(format, compress) {
        lastHandle += 1;
        codecs.set(lastHandle, { run: codec(format, compress), pieces: [] });
        return lastHandle;
      },
      push(handle, bytes) {
        codecs.get(handle)?.pieces.push(bytes.slice());
        return new Uint8Array(0);
      },
      finish(handle) {
        const it = codecs.get(handle);
        codecs.delete(handle);
        if (it === undefined) {
          throw new TypeError("there is no such codec");
        }
        try {
          return plain(it.run(Buffer.concat(it.pieces)));
        } catch (error) {
          throw new TypeError(error instanceof Error ? error.message : String(error));
        }
      },
    },
    clock: { monotonicMs: () => clock.elapsed },
    random: (n) => plain(nodeCrypto.randomBytes(n)),
    timerStart: (ms, callback) => clock.timerStart(ms, callback),
    timerStop: (id) => clock.timerStop(id),
    abort(thrown) {
      throw thrown;
    },
    drop: () => undefined,
    version: "test",
  };
}
