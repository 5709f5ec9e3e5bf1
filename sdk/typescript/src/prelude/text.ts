/** `TextEncoder`, `TextDecoder`, `atob` and `btoa`. UTF-8 is native; there are UTF-16LE and Latin-1, too. */
import { engine } from "../host/engine.js";
import { DOMException } from "./errors.js";
import { TransformStream } from "./streams.js";

export type BufferSource = ArrayBufferView | ArrayBufferLike;

/** Returns the bytes of a buffer, without a copy. */
export function bytesOf(source: BufferSource): Uint8Array<ArrayBuffer> {
  if (ArrayBuffer.isView(source)) {
    return new Uint8Array(source.buffer as ArrayBuffer, source.byteOffset, source.byteLength);
  }
  if (source instanceof ArrayBuffer || Object.prototype.toString.call(source) === "[object SharedArrayBuffer]") {
    return new Uint8Array(source as ArrayBuffer);
  }
  throw new TypeError("an ArrayBuffer or a view of one was expected");
}

/** Returns whether a value is an `ArrayBuffer` or a view of one. */
export function isBufferSource(value: unknown): value is BufferSource {
  return ArrayBuffer.isView(value) || value instanceof ArrayBuffer;
}

export class TextEncoder {
  get encoding(): string {
    return "utf-8";
  }

  encode(text: string = ""): Uint8Array<ArrayBuffer> {
    return engine().text.encode(String(text));
  }

  encodeInto(text: string, target: Uint8Array): { read: number; written: number } {
    return engine().text.encodeInto(String(text), target);
  }
}

type Encoding = "utf-8" | "utf-16le" | "windows-1252";

const LABELS: Readonly<Record<string, Encoding>> = {
  "utf-8": "utf-8", utf8: "utf-8", "unicode-1-1-utf-8": "utf-8",
  "utf-16le": "utf-16le", "utf-16": "utf-16le", "ucs-2": "utf-16le",
  "iso-8859-1": "windows-1252", latin1: "windows-1252", ascii: "windows-1252", "us-ascii": "windows-1252",
  "windows-1252": "windows-1252", cp1252: "windows-1252", l1: "windows-1252", binary: "windows-1252",
};

/** The characters of windows-1252 from 0x80 to 0x9F. */
const WINDOWS_1252 = "€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ";

const NOTHING = new Uint8Array(0);

function joined(one: Uint8Array, other: Uint8Array): Uint8Array {
  if (one.length === 0) {
    return other;
  }
  const all = new Uint8Array(one.length + other.length);
  all.set(one);
  all.set(other, one.length);
  return all;
}

/** The maximum number of arguments of `String.fromCharCode` at once, because they are on the stack. */
const CODES_MAX = 4096;

/** Returns a text of UTF-16 code units. */
export function fromCodes(codes: Uint8Array | Uint16Array): string {
  let text = "";
  for (let at = 0; at < codes.length; at += CODES_MAX) {
    text += String.fromCharCode(...codes.subarray(at, at + CODES_MAX));
  }
  return text;
}

export class TextDecoder {
  readonly encoding: string;
  readonly fatal: boolean;
  readonly ignoreBOM: boolean;
  #rest: Uint8Array = NOTHING;
  #isBegun = false;

  constructor(label: string = "utf-8", options: { fatal?: boolean; ignoreBOM?: boolean } = {}) {
    const encoding = LABELS[String(label).trim().toLowerCase()];
    if (encoding === undefined) {
      throw new RangeError(`the encoding "${label}" is not supported`);
    }
    this.encoding = encoding;
    this.fatal = Boolean(options.fatal);
    this.ignoreBOM = Boolean(options.ignoreBOM);
  }

  decode(source: BufferSource = NOTHING, options: { stream?: boolean } = {}): string {
    const bytes = joined(this.#rest, bytesOf(source));
    const n = options.stream ? this.#complete(bytes) : bytes.length;
    // The caller may write into its buffer before the next piece.
    this.#rest = n === bytes.length ? NOTHING : bytes.slice(n);
    let text = this.#text(bytes.subarray(0, n));
    if (!this.#isBegun && text.length > 0) {
      this.#isBegun = true;
      if (!this.ignoreBOM && text.charCodeAt(0) === 0xfeff) {
        text = text.slice(1);
      }
    }
    if (!options.stream) {
      this.#isBegun = false;
    }
    return text;
  }

  #complete(bytes: Uint8Array): number {
    if (this.encoding === "utf-8") {
      return engine().text.complete(bytes);
    }
    return this.encoding === "utf-16le" ? bytes.length & ~1 : bytes.length;
  }

  #text(bytes: Uint8Array): string {
    if (this.encoding === "utf-8") {
      return engine().text.decode(bytes, this.fatal);
    }
    if (this.encoding === "utf-16le") {
      const text = fromCodes(Uint16Array.from({ length: bytes.length >> 1 }, (_, at) => (bytes[2 * at] ?? 0) | ((bytes[2 * at + 1] ?? 0) << 8)));
      return bytes.length & 1 ? `${text}\ufffd` : text;
    }
    return fromCodes(bytes).replace(/[\u0080-\u009f]/g, (it) => WINDOWS_1252[it.charCodeAt(0) - 0x80] ?? it);
  }
}

export class TextDecoderStream extends TransformStream<BufferSource, string> {
  readonly encoding: string;

  constructor(label: string = "utf-8", options: { fatal?: boolean; ignoreBOM?: boolean } = {}) {
    const decoder = new TextDecoder(label, options);
    super({
      transform(piece, controller) {
        const text = decoder.decode(piece, { stream: true });
        if (text !== "") {
          controller.enqueue(text);
        }
      },
      flush(controller) {
        const text = decoder.decode();
        if (text !== "") {
          controller.enqueue(text);
        }
      },
    });
    this.encoding = decoder.encoding;
  }
}

export class TextEncoderStream extends TransformStream<string, Uint8Array> {
  readonly encoding = "utf-8";

  constructor() {
    let high = "";
    const encoder = new TextEncoder();
    super({
      transform(piece, controller) {
        let text = high + String(piece);
        const last = text.charCodeAt(text.length - 1);
        // The two halves of a character can be in two pieces.
        high = last >= 0xd800 && last <= 0xdbff ? text.slice(-1) : "";
        text = high === "" ? text : text.slice(0, -1);
        if (text !== "") {
          controller.enqueue(encoder.encode(text));
        }
      },
      flush(controller) {
        if (high !== "") {
          controller.enqueue(encoder.encode("\ufffd"));
        }
      },
    });
  }
}

export function btoa(text: unknown): string {
  const given = String(text);
  const bytes = new Uint8Array(given.length);
  for (let at = 0; at < given.length; at += 1) {
    const code = given.charCodeAt(at);
    if (code > 0xff) {
      throw new DOMException("btoa takes characters up to U+00FF: encode the text first, for example by TextEncoder", "InvalidCharacterError");
    }
    bytes[at] = code;
  }
  return engine().base64.encode(bytes);
}

export function atob(text: unknown): string {
  const bytes = engine().base64.decode(String(text));
  if (bytes === null) {
    throw new DOMException("the text is not base64", "InvalidCharacterError");
  }
  return fromCodes(bytes);
}
