/** The web APIs, as they are set as globals. */
import { engine } from "../host/engine.js";
import { AbortController, AbortSignal } from "./abort.js";
import { Blob, File, FormData } from "./blob.js";
import { structuredClone } from "./clone.js";
import { CompressionStream, DecompressionStream } from "./compression.js";
import { Console } from "./console.js";
import { crypto, CryptoKey, SubtleCrypto } from "./crypto.js";
import { DOMException } from "./errors.js";
import { CustomEvent, Event, EventTarget, uncaught } from "./events.js";
import { fetch } from "./fetch.js";
import { Headers } from "./headers.js";
import { Request, Response } from "./request.js";
import {
  ByteLengthQueuingStrategy, CountQueuingStrategy, ReadableStream, ReadableStreamDefaultController,
  ReadableStreamDefaultReader, TransformStream, WritableStream, WritableStreamDefaultController, WritableStreamDefaultWriter,
} from "./streams.js";
import { atob, btoa, TextDecoder, TextDecoderStream, TextEncoder, TextEncoderStream } from "./text.js";
import { clearInterval, clearTimeout, clearImmediate, setImmediate, setInterval, setTimeout } from "./timers.js";
import { URL, URLSearchParams } from "./url.js";

const startedAt = Date.now();

const performance = {
  now: (): number => engine().clock.monotonicMs(),
  timeOrigin: startedAt,
  mark: (): void => undefined,
  measure: (): void => undefined,
  toJSON: (): object => ({ timeOrigin: startedAt }),
};

/** Gives functions and classes the names that they have as globals, because the bundler renames some of them. */
function named<T extends Readonly<Record<string, unknown>>>(of: T): T {
  for (const [name, value] of Object.entries(of)) {
    if (typeof value === "function" && value.name !== name) {
      Object.defineProperty(value, "name", { value: name, configurable: true });
    }
  }
  return of;
}

/** All globals by name. */
export function globals(): Readonly<Record<string, unknown>> {
  return named({
    AbortController, AbortSignal, Blob, ByteLengthQueuingStrategy, CompressionStream, CountQueuingStrategy,
    CryptoKey, CustomEvent, DOMException, DecompressionStream, Event, EventTarget, File, FormData, Headers,
    ReadableStream, ReadableStreamDefaultController, ReadableStreamDefaultReader, Request, Response, SubtleCrypto,
    TextDecoder, TextDecoderStream, TextEncoder, TextEncoderStream, TransformStream, URL, URLSearchParams,
    WritableStream, WritableStreamDefaultController, WritableStreamDefaultWriter,
    atob, btoa, clearImmediate, clearInterval, clearTimeout, console: new Console(), crypto, fetch,
    navigator: { userAgent: "sedge", hardwareConcurrency: 1, language: "en-US" },
    performance, setImmediate, setInterval, setTimeout, structuredClone,
  });
}

/** Sets globals, and returns a function that restores those before. */
export function install(of: Readonly<Record<string, unknown>>): () => void {
  const before = new Map<string, PropertyDescriptor | undefined>();
  for (const [name, value] of Object.entries(of)) {
    before.set(name, Object.getOwnPropertyDescriptor(globalThis, name));
    Object.defineProperty(globalThis, name, { value, writable: true, configurable: true, enumerable: false });
  }
  return () => {
    for (const [name, descriptor] of before) {
      if (descriptor === undefined) {
        Reflect.deleteProperty(globalThis, name);
      } else {
        Object.defineProperty(globalThis, name, descriptor);
      }
    }
  };
}

/** Lets an error of a listener end the call. */
export function reportByEngine(): void {
  uncaught.report = (error) => engine().abort(error);
}
