/** Errors of the host as classes. */
import { HostError } from "../host/host.js";
import type { Failure as WireFailure } from "../host/wire.js";
import { Denied, Failure, type ContractError, type ErrorShape } from "./error_base.js";
import { CASES } from "./error_table.js";
import { fromText } from "./json.js";

export type Variant = keyof typeof CASES;

type Case = { readonly shape: ErrorShape } & (new (info: never) => ContractError);

function failureOf(it: WireFailure): Failure {
  const details = it.details === null || it.details === undefined ? null : fromText(it.details);
  return new Failure(it.code, it.message, { details, frames: it.stack ?? [], keepWrites: it.keepWrites ?? false });
}

function infoOf(shape: ErrorShape, val: unknown): object {
  if (shape.field === "failure") {
    return { failure: failureOf(val as WireFailure) };
  }
  const isRecord = typeof val === "object" && val !== null && !Array.isArray(val);
  if (isRecord) {
    return val;
  }
  return shape.field === undefined ? {} : { [shape.field]: val };
}

/** Returns an error of the host as an error of the contract, and any other error as it is. */
export function contractError(variant: Variant, error: unknown, more: object = {}): unknown {
  if (!(error instanceof HostError)) {
    return error;
  }
  if (error.tag === "") {
    return new Denied(String(error.val));
  }
  const cases: Readonly<Record<string, Case>> = CASES[variant];
  const found = cases[error.tag];
  if (found === undefined) {
    return error;
  }
  return new found({ ...more, ...infoOf(found.shape, error.val) } as never);
}

/** Runs something, and throws its errors as errors of the contract. */
export function converted<T>(variant: Variant, action: () => T, more: object = {}): T {
  try {
    return action();
  } catch (error) {
    throw contractError(variant, error, more);
  }
}

/** Runs something that is denied with a text only. */
export function granted<T>(action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw error instanceof HostError ? new Denied(error.message) : error;
  }
}
