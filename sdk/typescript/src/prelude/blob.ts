/** `Blob`, `File` and `FormData`. A blob is bytes in memory. */
import { engine } from "../host/engine.js";
import { ReadableStream } from "./streams.js";
import { bytesOf, isBufferSource, type BufferSource } from "./text.js";

export type BlobPart = string | BufferSource | Blob;

function bytesOfPart(part: BlobPart): Uint8Array {
  if (part instanceof Blob) {
    return Blob.bytes(part);
  }
  return isBufferSource(part) ? bytesOf(part) : engine().text.encode(String(part));
}

/** Returns all pieces as one array. */
export function concat(pieces: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(pieces.reduce((n, it) => n + it.length, 0));
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}

export class Blob {
  readonly #bytes: Uint8Array<ArrayBuffer>;
  readonly type: string;

  constructor(parts: Iterable<BlobPart> = [], options: { type?: string } = {}) {
    this.#bytes = concat([...parts].map(bytesOfPart));
    const type = String(options.type ?? "");
    this.type = /^[\x20-\x7e]*$/.test(type) ? type.toLowerCase() : "";
  }

  /** Returns the bytes without a copy. Only this package calls it. */
  static bytes(blob: Blob): Uint8Array<ArrayBuffer> {
    return blob.#bytes;
  }

  get size(): number {
    return this.#bytes.length;
  }

  slice(start?: number, end?: number, type = ""): Blob {
    return new Blob([this.#bytes.slice(start, end)], { type });
  }

  async text(): Promise<string> {
    return engine().text.decode(this.#bytes, false);
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    return this.#bytes.slice().buffer;
  }

  async bytes(): Promise<Uint8Array<ArrayBuffer>> {
    return this.#bytes.slice();
  }

  stream(): ReadableStream<Uint8Array<ArrayBuffer>> {
    const bytes = this.#bytes;
    return new ReadableStream({
      start(controller) {
        if (bytes.length > 0) {
          controller.enqueue(bytes.slice());
        }
        controller.close();
      },
    });
  }

  get [Symbol.toStringTag](): string {
    return "Blob";
  }
}

export class File extends Blob {
  readonly name: string;
  readonly lastModified: number;

  constructor(parts: Iterable<BlobPart>, name: string, options: { type?: string; lastModified?: number } = {}) {
    super(parts, options);
    this.name = String(name);
    this.lastModified = options.lastModified ?? Date.now();
  }

  override get [Symbol.toStringTag](): string {
    return "File";
  }
}

export type FormValue = string | File;

function valueOf(value: unknown, filename?: string): FormValue {
  if (!(value instanceof Blob)) {
    return String(value);
  }
  if (value instanceof File && filename === undefined) {
    return value;
  }
  return new File([value], filename ?? "blob", { type: value.type });
}

export class FormData {
  #entries: [string, FormValue][] = [];

  append(name: string, value: unknown, filename?: string): void {
    this.#entries.push([String(name), valueOf(value, filename)]);
  }

  set(name: string, value: unknown, filename?: string): void {
    const entry: [string, FormValue] = [String(name), valueOf(value, filename)];
    const first = this.#entries.findIndex((it) => it[0] === name);
    if (first < 0) {
      this.#entries.push(entry);
    } else {
      this.#entries = this.#entries.filter((it, at) => it[0] !== name || at === first).map((it, at) => (at === first ? entry : it));
    }
  }

  delete(name: string): void {
    this.#entries = this.#entries.filter((it) => it[0] !== name);
  }

  get(name: string): FormValue | null {
    return this.#entries.find((it) => it[0] === name)?.[1] ?? null;
  }

  getAll(name: string): FormValue[] {
    return this.#entries.filter((it) => it[0] === name).map((it) => it[1]);
  }

  has(name: string): boolean {
    return this.#entries.some((it) => it[0] === name);
  }

  forEach(callback: (value: FormValue, name: string, form: FormData) => void, that?: unknown): void {
    for (const [name, value] of this.#entries) {
      callback.call(that, value, name, this);
    }
  }

  *entries(): IterableIterator<[string, FormValue]> {
    for (const [name, value] of this.#entries) {
      yield [name, value];
    }
  }

  *keys(): IterableIterator<string> {
    for (const [name] of this.#entries) {
      yield name;
    }
  }

  *values(): IterableIterator<FormValue> {
    for (const [, value] of this.#entries) {
      yield value;
    }
  }

  [Symbol.iterator](): IterableIterator<[string, FormValue]> {
    return this.entries();
  }

  get [Symbol.toStringTag](): string {
    return "FormData";
  }
}

function escaped(name: string): string {
  return name.replaceAll("\r", "%0D").replaceAll("\n", "%0A").replaceAll('"', "%22");
}

/** Returns a form as `multipart/form-data`, with its media type. */
export function formToMultipart(form: FormData): { bytes: Uint8Array<ArrayBuffer>; type: string } {
  const boundary = `----sedge-${Array.from(engine().random(12), (it) => it.toString(16).padStart(2, "0")).join("")}`;
  const pieces: Uint8Array[] = [];
  const text = (it: string): void => void pieces.push(engine().text.encode(it));
  for (const [name, value] of form) {
    text(`--${boundary}\r\ncontent-disposition: form-data; name="${escaped(name)}"`);
    if (typeof value === "string") {
      text(`\r\n\r\n${value.replace(/\r\n|\r|\n/g, "\r\n")}\r\n`);
    } else {
      text(`; filename="${escaped(value.name)}"\r\ncontent-type: ${value.type || "application/octet-stream"}\r\n\r\n`);
      pieces.push(Blob.bytes(value));
      text("\r\n");
    }
  }
  text(`--${boundary}--\r\n`);
  return { bytes: concat(pieces), type: `multipart/form-data; boundary=${boundary}` };
}

function indexOf(bytes: Uint8Array, part: Uint8Array, from: number): number {
  for (let at = from; at <= bytes.length - part.length; at += 1) {
    if (part.every((it, n) => bytes[at + n] === it)) {
      return at;
    }
  }
  return -1;
}

/** Reads `multipart/form-data`. Throws a `TypeError` if it is not. */
export function formFromMultipart(bytes: Uint8Array, boundary: string): FormData {
  const form = new FormData();
  const mark = engine().text.encode(`--${boundary}`);
  const blank = engine().text.encode("\r\n\r\n");
  let at = indexOf(bytes, mark, 0);
  while (at >= 0) {
    at += mark.length;
    if (bytes[at] === 0x2d && bytes[at + 1] === 0x2d) {
      return form;
    }
    const headEnd = indexOf(bytes, blank, at);
    const next = indexOf(bytes, mark, at);
    if (headEnd < 0 || next < headEnd) {
      break;
    }
    const head = engine().text.decode(bytes.subarray(at, headEnd), false);
    const content = bytes.slice(headEnd + blank.length, next - 2);
    const name = /name="([^"]*)"/i.exec(head)?.[1];
    const filename = /filename="([^"]*)"/i.exec(head)?.[1];
    if (name === undefined) {
      break;
    }
    if (filename === undefined) {
      form.append(name, engine().text.decode(content, false));
    } else {
      const type = /^content-type:\s*(.+)$/im.exec(head)?.[1]?.trim() ?? "";
      form.append(name, new File([content], filename, { type }));
    }
    at = next;
  }
  throw new TypeError("the body is not multipart/form-data");
}
