/** `jsr:@std/async`: waiting. */
import { type AbortSignal, orAborted, sleep } from "../prelude/abort.js";
import { DOMException } from "../prelude/errors.js";

export async function delay(ms: number, options: { signal?: AbortSignal } = {}): Promise<void> {
  await sleep(ms, options.signal ?? null);
}

export async function deadline<T>(promise: Promise<T>, ms: number): Promise<T> {
  return Promise.race([promise, sleep(ms).then((): never => { throw new DOMException("Signal timed out.", "TimeoutError"); })]);
}

export function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return orAborted(promise, signal);
}
