/** `node:util`, as far as it is about values. */
import { format, inspect } from "../prelude/inspect.js";
import { TextDecoder, TextEncoder } from "../prelude/text.js";

export { format, TextDecoder, TextEncoder };

const inspectCustom = Symbol.for("nodejs.util.inspect.custom");
const shown = Object.assign((value: unknown): string => inspect(value, 1), { custom: inspectCustom });
export { shown as inspect };

export function promisify(action: (...args: unknown[]) => void): (...args: unknown[]) => Promise<unknown> {
  return (...args) =>
    new Promise((resolve, reject) => action(...args, (error: unknown, value: unknown) => (error ? reject(error) : resolve(value))));
}

export function deprecate<T>(action: T): T {
  return action;
}

export function inherits(one: { prototype: object }, other: { prototype: object }): void {
  Object.setPrototypeOf(one.prototype, other.prototype);
}

export function isDeepStrictEqual(one: unknown, other: unknown): boolean {
  return inspect(one, 1) === inspect(other, 1);
}

export const types = {
  isDate: (value: unknown): boolean => value instanceof Date,
  isRegExp: (value: unknown): boolean => value instanceof RegExp,
  isPromise: (value: unknown): boolean => value instanceof Promise,
  isUint8Array: (value: unknown): boolean => value instanceof Uint8Array,
  isTypedArray: (value: unknown): boolean => ArrayBuffer.isView(value) && !(value instanceof DataView),
};

export default { format, inspect: shown, promisify, deprecate, inherits, isDeepStrictEqual, types, TextDecoder, TextEncoder };
