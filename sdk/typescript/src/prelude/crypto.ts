/**
 * `crypto`: random values, and of `subtle` what the engine has natively: digests, HMAC, AES-GCM, PBKDF2 and HKDF.
 * Other algorithms end with a `NotSupportedError` that names them.
 */
import { engine, type HashName } from "../host/engine.js";
import { concat } from "./blob.js";
import { DOMException } from "./errors.js";
import { bytesOf, type BufferSource } from "./text.js";

/** The maximum number of random bytes of one call, as in the Web Crypto API. */
const RANDOM_BYTES_MAX = 65_536;

type HashAlgorithm = string | { name: string };

interface Algorithm {
  name: string;
  hash?: HashAlgorithm;
  length?: number;
  iv?: BufferSource;
  additionalData?: BufferSource;
  tagLength?: number;
  salt?: BufferSource;
  info?: BufferSource;
  iterations?: number;
}

const KEY = Symbol("key");

export class CryptoKey {
  readonly type = "secret";
  readonly extractable: boolean;
  readonly algorithm: Readonly<Record<string, unknown>>;
  readonly usages: readonly string[];
  readonly #bytes: Uint8Array;

  constructor(key: symbol, bytes: Uint8Array, algorithm: Record<string, unknown>, extractable: boolean, usages: readonly string[]) {
    if (key !== KEY) {
      throw new TypeError("Illegal constructor: import or generate a key by crypto.subtle");
    }
    this.#bytes = bytes;
    this.algorithm = algorithm;
    this.extractable = extractable;
    this.usages = [...usages];
  }

  /** Returns the bytes of a key. Only this package calls it. */
  static bytes(key: CryptoKey): Uint8Array {
    return key.#bytes;
  }
}

function notSupported(what: string): DOMException {
  return new DOMException(`${what} is not supported; there are SHA-1, SHA-256, SHA-384, SHA-512, HMAC, AES-GCM, PBKDF2 and HKDF`, "NotSupportedError");
}

function normal(algorithm: string | Algorithm): Algorithm {
  const it = typeof algorithm === "string" ? { name: algorithm } : algorithm;
  if (typeof it?.name !== "string") {
    throw new TypeError("the algorithm has no name");
  }
  return { ...it, name: it.name.toUpperCase() };
}

const HASHES: Readonly<Record<string, readonly [HashName, bytes: number, block: number]>> = {
  "SHA-1": ["SHA-1", 20, 64],
  "SHA-256": ["SHA-256", 32, 64],
  "SHA-384": ["SHA-384", 48, 128],
  "SHA-512": ["SHA-512", 64, 128],
};

function hashOf(hash: HashAlgorithm | undefined): readonly [HashName, number, number] {
  const name = String(typeof hash === "string" ? hash : hash?.name).toUpperCase();
  const found = HASHES[name];
  if (found === undefined) {
    throw notSupported(`the hash ${name}`);
  }
  return found;
}

function need(key: CryptoKey, name: string, usage: string): Uint8Array {
  if (key.algorithm["name"] !== name || !key.usages.includes(usage)) {
    throw new DOMException(`the key is not for ${name} and \`${usage}\``, "InvalidAccessError");
  }
  return CryptoKey.bytes(key);
}

function hkdf(hash: HashName, size: number, key: Uint8Array, salt: Uint8Array, info: Uint8Array, length: number): Uint8Array {
  const { hmac } = engine().crypto;
  const pseudo = hmac(hash, salt.length === 0 ? new Uint8Array(size) : salt, key);
  const blocks: Uint8Array[] = [];
  let last = new Uint8Array(0);
  for (let n = 1; blocks.length * size < length; n += 1) {
    last = hmac(hash, pseudo, concat([last, info, Uint8Array.of(n)]));
    blocks.push(last);
  }
  return concat(blocks).subarray(0, length);
}

function fromBase64Url(text: unknown): Uint8Array {
  const bytes = typeof text === "string" ? engine().base64.decode(text, true) : null;
  if (bytes === null) {
    throw new DOMException("the key is no JSON Web Key of a secret key", "DataError");
  }
  return bytes;
}

export class SubtleCrypto {
  async digest(algorithm: HashAlgorithm, data: BufferSource): Promise<ArrayBuffer> {
    return engine().crypto.digest(hashOf(algorithm)[0], bytesOf(data)).buffer;
  }

  async importKey(format: string, keyData: unknown, algorithm: string | Algorithm, extractable: boolean, usages: readonly string[]): Promise<CryptoKey> {
    const it = normal(algorithm);
    if (format !== "raw" && format !== "jwk") {
      throw notSupported(`a key of ${it.name} in the format \`${format}\``);
    }
    const bytes = format === "raw" ? bytesOf(keyData as BufferSource).slice() : fromBase64Url((keyData as { k?: unknown } | null)?.k);
    return this.#key(it, bytes, extractable, usages);
  }

  #key(it: Algorithm, bytes: Uint8Array, extractable: boolean, usages: readonly string[]): CryptoKey {
    switch (it.name) {
      case "HMAC":
        return new CryptoKey(KEY, bytes, { name: "HMAC", hash: { name: hashOf(it.hash)[0] }, length: bytes.length * 8 }, extractable, usages);
      case "AES-GCM":
        if (![16, 32].includes(bytes.length)) {
          throw new DOMException("a key of AES-GCM has 128 or 256 bits", "DataError");
        }
        return new CryptoKey(KEY, bytes, { name: "AES-GCM", length: bytes.length * 8 }, extractable, usages);
      case "PBKDF2":
      case "HKDF":
        return new CryptoKey(KEY, bytes, { name: it.name }, false, usages);
      default:
        throw notSupported(it.name);
    }
  }

  async generateKey(algorithm: string | Algorithm, extractable: boolean, usages: readonly string[]): Promise<CryptoKey> {
    const it = normal(algorithm);
    if (it.name !== "HMAC" && it.name !== "AES-GCM") {
      throw notSupported(`making a key of ${it.name}`);
    }
    const length = it.length ?? (it.name === "HMAC" ? hashOf(it.hash)[2] * 8 : 256);
    return this.#key(it, engine().random(length / 8), extractable, usages);
  }

  async exportKey(format: string, key: CryptoKey): Promise<ArrayBuffer | Record<string, unknown>> {
    if (!key.extractable) {
      throw new DOMException("the key is not extractable", "InvalidAccessError");
    }
    const bytes = CryptoKey.bytes(key);
    if (format === "raw") {
      return bytes.slice().buffer as ArrayBuffer;
    }
    if (format === "jwk") {
      return { kty: "oct", k: engine().base64.encode(bytes, true), ext: true, key_ops: [...key.usages] };
    }
    throw notSupported(`the format \`${format}\``);
  }

  async sign(algorithm: string | Algorithm, key: CryptoKey, data: BufferSource): Promise<ArrayBuffer> {
    const { name } = normal(algorithm);
    if (name !== "HMAC") {
      throw notSupported(`signing by ${name}`);
    }
    return this.#mac(key, "sign", data).buffer;
  }

  async verify(algorithm: string | Algorithm, key: CryptoKey, signature: BufferSource, data: BufferSource): Promise<boolean> {
    const { name } = normal(algorithm);
    if (name !== "HMAC") {
      throw notSupported(`verifying by ${name}`);
    }
    return engine().crypto.equal(this.#mac(key, "verify", data), bytesOf(signature));
  }

  #mac(key: CryptoKey, usage: string, data: BufferSource): Uint8Array<ArrayBuffer> {
    const bytes = need(key, "HMAC", usage);
    return engine().crypto.hmac(hashOf(key.algorithm["hash"] as HashAlgorithm)[0], bytes, bytesOf(data));
  }

  async encrypt(algorithm: Algorithm, key: CryptoKey, data: BufferSource): Promise<ArrayBuffer> {
    return this.#gcm(true, algorithm, key, data);
  }

  async decrypt(algorithm: Algorithm, key: CryptoKey, data: BufferSource): Promise<ArrayBuffer> {
    return this.#gcm(false, algorithm, key, data);
  }

  #gcm(isEncrypting: boolean, algorithm: Algorithm, key: CryptoKey, data: BufferSource): ArrayBuffer {
    const it = normal(algorithm);
    if (it.name !== "AES-GCM" || it.iv === undefined) {
      throw notSupported(`${isEncrypting ? "encrypting" : "decrypting"} by ${it.name}`);
    }
    const iv = bytesOf(it.iv);
    if (iv.length !== 12 || (it.tagLength ?? 128) !== 128) {
      throw notSupported("AES-GCM with another nonce than one of 12 bytes, or another tag than one of 128 bits,");
    }
    const bytes = need(key, "AES-GCM", isEncrypting ? "encrypt" : "decrypt");
    const additional = it.additionalData === undefined ? new Uint8Array(0) : bytesOf(it.additionalData);
    const done = engine().crypto.aesGcm(isEncrypting, bytes, iv, bytesOf(data), additional);
    if (done === null) {
      throw new DOMException("the data cannot be decrypted by this key", "OperationError");
    }
    return done.buffer;
  }

  async deriveBits(algorithm: Algorithm, key: CryptoKey, length: number): Promise<ArrayBuffer> {
    return this.#derive(normal(algorithm), key, "deriveBits", length);
  }

  #derive(it: Algorithm, key: CryptoKey, usage: string, length: number): ArrayBuffer {
    const [hash, size] = hashOf(it.hash);
    const salt = bytesOf(it.salt ?? new Uint8Array(0));
    const bytes = need(key, it.name, usage);
    if (it.name === "PBKDF2") {
      return engine().crypto.pbkdf2(hash, bytes, salt, it.iterations ?? 0, length / 8).buffer;
    }
    if (it.name === "HKDF") {
      const info = bytesOf(it.info ?? new Uint8Array(0));
      return hkdf(hash, size, bytes, salt, info, length / 8).slice().buffer as ArrayBuffer;
    }
    throw notSupported(`deriving by ${it.name}`);
  }

  async deriveKey(algorithm: Algorithm, key: CryptoKey, derived: string | Algorithm, extractable: boolean, usages: readonly string[]): Promise<CryptoKey> {
    const of = normal(derived);
    const length = of.length ?? (of.name === "HMAC" ? hashOf(of.hash)[2] * 8 : 256);
    const bytes = new Uint8Array(this.#derive(normal(algorithm), key, "deriveKey", length));
    return this.#key(of, bytes, extractable, usages);
  }
}

function filled<T extends ArrayBufferView>(array: T): T {
  const bytes = bytesOf(array);
  if (bytes.length > RANDOM_BYTES_MAX) {
    throw new DOMException(`at most ${RANDOM_BYTES_MAX} random bytes can be taken at once`, "QuotaExceededError");
  }
  bytes.set(engine().random(bytes.length));
  return array;
}

function uuid(): string {
  const bytes = engine().random(16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = Array.from(bytes, (it) => it.toString(16).padStart(2, "0")).join("");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

export const crypto = {
  subtle: new SubtleCrypto(),
  getRandomValues: filled,
  randomUUID: uuid,
};
