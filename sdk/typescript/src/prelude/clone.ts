/** `structuredClone`. */
import { Blob } from "./blob.js";
import { DOMException } from "./errors.js";

const ERRORS: Readonly<Record<string, ErrorConstructor>> = {
  Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError,
};

function refuse(value: unknown): never {
  const shown = typeof value === "function" ? `the function ${value.name || "(anonymous)"}` : typeof value === "symbol" ? "a symbol" : Object.prototype.toString.call(value);
  throw new DOMException(`${shown} could not be cloned`, "DataCloneError");
}

function cloneBuffer(buffer: ArrayBufferLike, seen: Map<object, unknown>): ArrayBufferLike {
  const known = seen.get(buffer);
  if (known !== undefined) {
    return known as ArrayBufferLike;
  }
  const copy = buffer.slice(0);
  seen.set(buffer, copy);
  return copy;
}

function cloneView(view: ArrayBufferView, seen: Map<object, unknown>): ArrayBufferView {
  const buffer = cloneBuffer(view.buffer, seen);
  const Kind = view.constructor as new (buffer: ArrayBufferLike, offset: number, length: number) => ArrayBufferView;
  const length = view instanceof DataView ? view.byteLength : (view as Uint8Array).length;
  return new Kind(buffer, view.byteOffset, length);
}

function cloneError(error: Error, seen: Map<object, unknown>): Error {
  const Kind = ERRORS[error.name] ?? Error;
  const copy = new Kind(error.message);
  seen.set(error, copy);
  if (error.stack !== undefined) {
    copy.stack = error.stack;
  }
  if ("cause" in error) {
    copy.cause = clone(error.cause, seen);
  }
  return copy;
}

function cloneObject(value: object, seen: Map<object, unknown>): unknown {
  if (value instanceof Date) {
    return new Date(value.getTime());
  }
  if (value instanceof RegExp) {
    return new RegExp(value.source, value.flags);
  }
  if (value instanceof Boolean || value instanceof Number || value instanceof String) {
    return Object(value.valueOf());
  }
  if (value instanceof Blob) {
    return value;
  }
  if (value instanceof ArrayBuffer) {
    return cloneBuffer(value, seen);
  }
  if (ArrayBuffer.isView(value)) {
    return cloneView(value, seen);
  }
  if (value instanceof Error) {
    return cloneError(value, seen);
  }
  if (value instanceof Promise || value instanceof WeakMap || value instanceof WeakSet || value instanceof WeakRef) {
    refuse(value);
  }
  return null;
}

function clone(value: unknown, seen: Map<object, unknown>): unknown {
  if (typeof value === "function" || typeof value === "symbol") {
    refuse(value);
  }
  if (typeof value !== "object" || value === null) {
    return value;
  }
  if (seen.has(value)) {
    return seen.get(value);
  }
  if (value instanceof Map) {
    const copy = new Map<unknown, unknown>();
    seen.set(value, copy);
    for (const [key, it] of [...value]) {
      copy.set(clone(key, seen), clone(it, seen));
    }
    return copy;
  }
  if (value instanceof Set) {
    const copy = new Set<unknown>();
    seen.set(value, copy);
    for (const it of [...value]) {
      copy.add(clone(it, seen));
    }
    return copy;
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  const isPlain = prototype === Object.prototype || prototype === Array.prototype;
  const special = isPlain ? null : cloneObject(value, seen);
  if (special !== null) {
    seen.set(value, special);
    return special;
  }
  const copy: Record<string, unknown> | unknown[] = Array.isArray(value) ? new Array(value.length) : {};
  seen.set(value, copy);
  for (const key of Object.keys(value)) {
    const it = clone((value as Record<string, unknown>)[key], seen);
    if (key === "__proto__") {
      Object.defineProperty(copy, key, { value: it, writable: true, enumerable: true, configurable: true });
    } else {
      (copy as Record<string, unknown>)[key] = it;
    }
  }
  return copy;
}

export function structuredClone<T>(value: T): T {
  return clone(value, new Map()) as T;
}
