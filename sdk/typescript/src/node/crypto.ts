/** `node:crypto`: random values, hashes and HMAC. */
import { engine, type HashName } from "../host/engine.js";
import { concat } from "../prelude/blob.js";
import { crypto as webcrypto } from "../prelude/crypto.js";
import { Buffer } from "./buffer.js";

const HASHES: Readonly<Record<string, HashName>> = { md5: "MD5", sha1: "SHA-1", sha256: "SHA-256", sha384: "SHA-384", sha512: "SHA-512" };

function hashName(name: string): HashName {
  const found = HASHES[name.toLowerCase().replaceAll("-", "")];
  if (found === undefined) {
    throw new Error(`the hash ${name} is not supported; there are md5, sha1, sha256, sha384 and sha512`);
  }
  return found;
}

function bytes(value: string | Uint8Array): Uint8Array {
  return typeof value === "string" ? engine().text.encode(value) : value;
}

/** A hash of what is passed piece by piece. Nothing of it is kept. */
class Hash {
  readonly #handle: number;

  constructor(name: HashName) {
    this.#handle = engine().crypto.start(name);
  }

  update(value: string | Uint8Array): this {
    engine().crypto.push(this.#handle, bytes(value));
    return this;
  }

  digest(encoding?: string): Buffer | string {
    const done = Buffer.from(engine().crypto.finish(this.#handle));
    return encoding === undefined ? done : done.toString(encoding);
  }
}

class Hmac {
  readonly #end: (all: Uint8Array) => Uint8Array;
  #pieces: Uint8Array[] = [];

  constructor(end: (all: Uint8Array) => Uint8Array) {
    this.#end = end;
  }

  update(value: string | Uint8Array): this {
    this.#pieces.push(bytes(value).slice());
    return this;
  }

  digest(encoding?: string): Buffer | string {
    const done = Buffer.from(this.#end(concat(this.#pieces)));
    return encoding === undefined ? done : done.toString(encoding);
  }
}

export function createHash(name: string): Hash {
  return new Hash(hashName(name));
}

export function createHmac(name: string, key: string | Uint8Array): Hmac {
  const hash = hashName(name);
  const secret = bytes(key);
  return new Hmac((all) => engine().crypto.hmac(hash, secret, all));
}

export function randomBytes(n: number): Buffer {
  return Buffer.from(engine().random(n));
}

export const randomUUID = webcrypto.randomUUID;
export const getRandomValues = webcrypto.getRandomValues;
export const { subtle } = webcrypto;

export function randomInt(low: number, high?: number): number {
  const [from, to] = high === undefined ? [0, low] : [low, high];
  return from + Math.floor(Math.random() * (to - from));
}

export function timingSafeEqual(one: Uint8Array, other: Uint8Array): boolean {
  return engine().crypto.equal(one, other);
}

export { webcrypto };
export default { createHash, createHmac, randomBytes, randomUUID, randomInt, timingSafeEqual, webcrypto, subtle, getRandomValues };
