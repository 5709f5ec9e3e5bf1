/** `Buffer` of `node:buffer`, as far as it is a `Uint8Array` with texts. */
import { engine } from "../host/engine.js";
import { Blob, concat, File } from "../prelude/blob.js";
import { atob, btoa, fromCodes } from "../prelude/text.js";

type Encoding = "utf8" | "utf-8" | "hex" | "base64" | "base64url" | "latin1" | "binary" | "ascii" | "utf16le" | "ucs2";

function bytesOfText(text: string, encoding: string): Uint8Array {
  switch (encoding.toLowerCase()) {
    case "hex":
      return Uint8Array.from(text.match(/[0-9a-f]{2}/gi) ?? [], (it) => Number.parseInt(it, 16));
    case "base64":
    case "base64url":
      return engine().base64.decode(text.replace(/=+$/, ""), true) ?? new Uint8Array(0);
    case "latin1":
    case "binary":
    case "ascii":
      return Uint8Array.from(text, (it) => it.charCodeAt(0) & 0xff);
    case "utf16le":
    case "ucs2":
      return new Uint8Array(Uint16Array.from({ length: text.length }, (_, at) => text.charCodeAt(at)).buffer);
    default:
      return engine().text.encode(text);
  }
}

export class Buffer extends Uint8Array<ArrayBuffer> {
  static #of(bytes: Uint8Array): Buffer {
    return new Buffer(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.byteLength);
  }

  static override from(value: unknown, encodingOrOffset?: unknown, length?: unknown): Buffer {
    if (typeof value === "string") {
      return Buffer.#of(bytesOfText(value, String(encodingOrOffset ?? "utf8")));
    }
    if (value instanceof ArrayBuffer) {
      return new Buffer(value, Number(encodingOrOffset ?? 0), length === undefined ? undefined : Number(length));
    }
    return Buffer.#of(Uint8Array.from(value as ArrayLike<number>));
  }

  static alloc(size: number, fill: string | number = 0): Buffer {
    const buffer = new Buffer(new ArrayBuffer(size));
    if (typeof fill === "number") {
      buffer.fill(fill);
    } else {
      const bytes = engine().text.encode(fill);
      buffer.forEach((_, at) => (buffer[at] = bytes[at % bytes.length] ?? 0));
    }
    return buffer;
  }

  static allocUnsafe(size: number): Buffer {
    return new Buffer(new ArrayBuffer(size));
  }

  static concat(list: readonly Uint8Array[], total?: number): Buffer {
    const all = concat(list);
    return Buffer.#of(total === undefined ? all : all.subarray(0, total));
  }

  static isBuffer(value: unknown): value is Buffer {
    return value instanceof Buffer;
  }

  static isEncoding(name: string): boolean {
    return ["utf8", "utf-8", "hex", "base64", "base64url", "latin1", "binary", "ascii", "utf16le", "ucs2"].includes(String(name).toLowerCase());
  }

  static byteLength(value: string | ArrayBufferView | ArrayBuffer, encoding = "utf8"): number {
    return typeof value === "string" ? bytesOfText(value, encoding).length : value.byteLength;
  }

  static compare(one: Uint8Array, other: Uint8Array): number {
    for (let at = 0; at < Math.min(one.length, other.length); at += 1) {
      const difference = (one[at] ?? 0) - (other[at] ?? 0);
      if (difference !== 0) {
        return Math.sign(difference);
      }
    }
    return Math.sign(one.length - other.length);
  }

  override toString(encoding: Encoding | string = "utf8", start = 0, end = this.length): string {
    const bytes = new Uint8Array(this.buffer, this.byteOffset, this.length).subarray(start, end);
    switch (encoding.toLowerCase()) {
      case "hex":
        return Array.from(bytes, (it) => it.toString(16).padStart(2, "0")).join("");
      case "base64":
        return engine().base64.encode(bytes);
      case "base64url":
        return engine().base64.encode(bytes, true);
      case "latin1":
      case "binary":
      case "ascii":
        return fromCodes(bytes);
      case "utf16le":
      case "ucs2":
        return fromCodes(new Uint16Array(bytes.slice().buffer));
      default:
        return engine().text.decode(bytes, false);
    }
  }

  toJSON(): object {
    return { type: "Buffer", data: Array.from(this) };
  }

  equals(other: Uint8Array): boolean {
    return Buffer.compare(this, other) === 0;
  }

  write(text: string, offset = 0): number {
    const bytes = engine().text.encode(text).subarray(0, this.length - offset);
    this.set(bytes, offset);
    return bytes.length;
  }

  copy(target: Uint8Array, targetStart = 0, start = 0, end = this.length): number {
    const bytes = this.subarray(start, end).subarray(0, target.length - targetStart);
    target.set(bytes, targetStart);
    return bytes.length;
  }

  override slice(start?: number, end?: number): Buffer {
    return Buffer.#of(this.subarray(start, end));
  }
}

export { atob, Blob, btoa, File };
export const constants = { MAX_LENGTH: 2 ** 32, MAX_STRING_LENGTH: 2 ** 29 };
export default { Buffer, Blob, File, atob, btoa, constants };
