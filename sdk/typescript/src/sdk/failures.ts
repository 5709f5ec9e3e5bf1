/** What a thrown value is as the failure of a call. */
import type { Failure as WireFailure } from "../host/wire.js";
import { DOMException } from "../prelude/errors.js";
import { denialIn, FetchError } from "../prelude/fetch_error.js";
import { inspect } from "../prelude/inspect.js";
import { detailsText, Failure, SedgeError } from "./error_base.js";
import { isZodError, misfit, violations } from "./schema.js";

/** Errors that are mistakes of the code, and not something that the author throws. */
const MISTAKES = ["TypeError", "ReferenceError", "RangeError", "SyntaxError", "EvalError", "URIError", "InternalError"];

/** The maximum number of causes that are looked at. */
const CAUSES_MAX = 8;

interface Tagged {
  readonly type: string;
  readonly tag: string;
  readonly val?: unknown;
}

function isTagged(value: unknown): value is Tagged {
  return typeof value === "object" && value !== null && "type" in value && "tag" in value && !(value instanceof Error);
}

/** Returns the error and its causes. */
function* chain(error: unknown): Generator<unknown> {
  let it = error;
  for (let n = 0; n < CAUSES_MAX && it !== undefined && it !== null; n += 1) {
    yield it;
    it = it instanceof Error ? it.cause : undefined;
  }
}

function messageOf(error: Error): string {
  const text = error.message;
  if (error.name === "Error" || error instanceof DOMException) {
    return text === "" ? error.name : text;
  }
  return text === "" ? error.name : `${error.name}: ${text}`;
}

function codeOf(error: Error): string {
  if (error.name === "AbortError") {
    return "cancelled";
  }
  if (error.name === "TimeoutError") {
    return "timeout";
  }
  return MISTAKES.includes(error.name) ? "panic" : "failed";
}

function wire(code: string, message: string, more: Partial<WireFailure> = {}): WireFailure {
  return { code, message: message.toWellFormed(), details: null, stack: [], keepWrites: false, ...more };
}

function ofSedge(error: SedgeError): WireFailure {
  const details = detailsText(error.details);
  if (error instanceof Failure) {
    return wire(error.code, error.message, { details, stack: error.frames, keepWrites: error.keepWrites });
  }
  return wire(error.code, error.message, { details });
}

function ofTagged(it: Tagged): WireFailure {
  if (it.type === "never-ready") {
    return wire("never-ready", "the method waits for something that can never happen");
  }
  const text = typeof it.val === "string" ? `: ${it.val}` : "";
  return wire("panic", `the host returned \`${it.tag}\`${text}`);
}

/** Returns the failure that a thrown value becomes, without its frames: the engine adds those of an `Error`. */
export function failureOf(thrown: unknown): WireFailure {
  if (thrown instanceof SedgeError) {
    return ofSedge(thrown);
  }
  if (isTagged(thrown)) {
    return ofTagged(thrown);
  }
  if (thrown instanceof AggregateError && thrown.errors.length > 0 && thrown.message === "") {
    return failureOf(thrown.errors[0]);
  }
  if (isZodError(thrown)) {
    return ofSedge(misfit("invalid-input", "the values", violations(thrown)));
  }
  if (!(thrown instanceof Error)) {
    const text = typeof thrown === "string" ? thrown : inspect(thrown, 1);
    return wire("failed", text === "" ? "it failed without a message" : text);
  }
  if (thrown instanceof FetchError) {
    return wire(thrown.code, thrown.message);
  }
  // The host adds to a failure with this code what would grant the request.
  const denied = [...chain(thrown)].some((it) => it instanceof FetchError && it.code === "denied") || denialIn(thrown.message) !== undefined;
  return wire(denied ? "denied" : codeOf(thrown), messageOf(thrown));
}
