/** What requests and responses share: a body that is read once. */
import { engine } from "../host/engine.js";
import { Blob, concat, FormData, formFromMultipart, formToMultipart } from "./blob.js";
import { Headers } from "./headers.js";
import { ReadableStream } from "./streams.js";
import { bytesOf, isBufferSource, type BufferSource } from "./text.js";
import { URLSearchParams } from "./url.js";

export type BodyInit = string | BufferSource | Blob | FormData | URLSearchParams | ReadableStream<Uint8Array> | AsyncIterable<Uint8Array>;

/** The content of a body, and the media type that follows from its kind. */
export interface Content {
  readonly bytes: Uint8Array | null;
  readonly stream: ReadableStream<Uint8Array> | null;
  readonly type: string | null;
}

function isAsyncIterable(value: unknown): value is AsyncIterable<Uint8Array> {
  return typeof value === "object" && value !== null && Symbol.asyncIterator in value;
}

/** Returns the content of what was given as a body. */
export function contentOf(body: BodyInit | null | undefined): Content | null {
  if (body === null || body === undefined) {
    return null;
  }
  const whole = (bytes: Uint8Array, type: string | null): Content => ({ bytes, stream: null, type });
  if (body instanceof ReadableStream) {
    if (body.locked || ReadableStream.isDisturbed(body)) {
      throw new TypeError("the stream was read already, or is locked");
    }
    return { bytes: null, stream: body, type: null };
  }
  if (body instanceof Blob) {
    return whole(Blob.bytes(body), body.type === "" ? null : body.type);
  }
  if (body instanceof FormData) {
    const { bytes, type } = formToMultipart(body);
    return whole(bytes, type);
  }
  if (body instanceof URLSearchParams) {
    return whole(engine().text.encode(body.toString()), "application/x-www-form-urlencoded;charset=UTF-8");
  }
  if (isBufferSource(body)) {
    // The caller may change its buffer later.
    return whole(bytesOf(body).slice(), null);
  }
  if (isAsyncIterable(body)) {
    return { bytes: null, stream: ReadableStream.from(body), type: null };
  }
  return whole(engine().text.encode(String(body)), "text/plain;charset=UTF-8");
}

function streamOf(bytes: Uint8Array): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>({
    start(controller) {
      if (bytes.length > 0) {
        controller.enqueue(bytes);
      }
      controller.close();
    },
  });
}

/** The reads of a body. */
export abstract class Body {
  abstract readonly headers: Headers;
  #content: Content | null;
  #stream: ReadableStream<Uint8Array> | null = null;
  #isUsed = false;

  constructor(content: Content | null) {
    this.#content = content;
    this.#stream = content?.stream ?? null;
  }

  /** Returns the content for a copy, and keeps one as well. Only this package calls it. */
  static fork(of: Body): Content | null {
    if (of.bodyUsed || of.#stream?.locked) {
      throw new TypeError("the body was read already, so it cannot be copied");
    }
    const content = of.#content;
    if (content === null || content.stream === null) {
      return content;
    }
    const [one, other] = content.stream.tee();
    of.#content = { ...content, stream: one };
    of.#stream = one;
    return { ...content, stream: other };
  }

  /** Takes the content, for sending it. Only this package calls it. */
  static take(of: Body): Content | null {
    if (of.#content !== null) {
      of.#use();
    }
    return of.#content;
  }

  #use(): void {
    if (this.bodyUsed) {
      throw new TypeError("Body is unusable: it was read already");
    }
    if (this.#stream?.locked) {
      throw new TypeError("Body is unusable: its stream is locked");
    }
    this.#isUsed = this.#content !== null;
  }

  get body(): ReadableStream<Uint8Array> | null {
    if (this.#content === null) {
      return null;
    }
    this.#stream ??= streamOf(this.#isUsed ? new Uint8Array(0) : (this.#content.bytes ?? new Uint8Array(0)));
    return this.#stream;
  }

  get bodyUsed(): boolean {
    return this.#isUsed || (this.#stream !== null && ReadableStream.isDisturbed(this.#stream));
  }

  async #read(): Promise<Uint8Array<ArrayBuffer>> {
    this.#use();
    const content = this.#content;
    if (content === null) {
      return new Uint8Array(0);
    }
    if (this.#stream === null && content.bytes !== null) {
      return content.bytes.slice();
    }
    const pieces: Uint8Array[] = [];
    for await (const piece of this.#stream ?? []) {
      if (!isBufferSource(piece)) {
        throw new TypeError("the stream of a body yields a value that is no Uint8Array");
      }
      pieces.push(bytesOf(piece));
    }
    return concat(pieces);
  }

  async bytes(): Promise<Uint8Array<ArrayBuffer>> {
    return this.#read();
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    return (await this.#read()).buffer;
  }

  async text(): Promise<string> {
    const text = engine().text.decode(await this.#read(), false);
    return text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
  }

  async json(): Promise<unknown> {
    return JSON.parse(await this.text());
  }

  async blob(): Promise<Blob> {
    return new Blob([await this.#read()], { type: this.headers.get("content-type") ?? "" });
  }

  async formData(): Promise<FormData> {
    const type = this.headers.get("content-type") ?? "";
    const boundary = /;\s*boundary="?([^";]+)/i.exec(type)?.[1];
    if (/^multipart\/form-data/i.test(type) && boundary !== undefined) {
      return formFromMultipart(await this.#read(), boundary);
    }
    if (/^application\/x-www-form-urlencoded/i.test(type)) {
      const form = new FormData();
      for (const [name, value] of new URLSearchParams(await this.text())) {
        form.append(name, value);
      }
      return form;
    }
    throw new TypeError(`a body of the type "${type}" is no form`);
  }
}
