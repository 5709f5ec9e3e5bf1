/** What all errors have, and how an error of the contract makes its message and its details. */
import { toText, type Json } from "./json.js";

/** The kind of target that does not exist. */
export type TargetKind = "model" | "method";

/** One place where a value does not fit its schema. */
export interface Violation {
  /** A JSON Pointer (RFC 6901) into the value; empty for the value itself. */
  readonly path: string;
  /** A message for the user. */
  readonly message: string;
}

/** A check that failed before a method ran. */
export interface CheckFailure {
  readonly check: string;
  readonly message: string;
}

/** The base of all errors of this package. */
export class SedgeError extends Error {
  /** A short word for programs, in kebab-case. */
  code: string;
  /** Details for programs. */
  details: Json;

  constructor(code: string, message: string, details: Json = null, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = new.target.name;
    this.code = code;
    this.details = details;
  }
}

export interface FailureOptions {
  /** Details for programs. */
  readonly details?: Json;
  /** Whether the writes of the failed call are committed. */
  readonly keepWrites?: boolean;
  /** The frames of the code that failed, innermost first. By default those of this error. */
  readonly frames?: readonly string[];
  readonly cause?: unknown;
}

/**
 * The error of a method, which the author of a plugin throws.
 *
 * The writes of a failed call are discarded, unless `keepWrites` is set.
 */
export class Failure extends SedgeError {
  readonly keepWrites: boolean;
  /** The frames of the code that failed, innermost first, if they are not those of this error. */
  readonly frames: readonly string[];

  constructor(code: string, message: string, options: FailureOptions = {}) {
    super(code, message, options.details ?? null, options.cause);
    this.keepWrites = options.keepWrites ?? false;
    this.frames = options.frames ?? [];
  }
}

/** What the message and the details of an error of the contract are made of. */
export interface ErrorShape {
  readonly name: string;
  readonly code: string;
  /** The message, with `{field}`, `{items|separator}` and `{optional?text before}`. */
  readonly message: string;
  readonly details: readonly { readonly key: string; readonly field?: string; readonly isOptional?: boolean; readonly constant?: string }[];
  /** The name of the payload, if it is no record. */
  readonly field?: string;
}

function shown(value: unknown): string {
  if (typeof value === "object" && value !== null && "message" in value) {
    if ("check" in value) {
      return `the check \`${String(value.check)}\` failed: ${String(value.message)}`;
    }
    const path = "path" in value ? String(value.path) : "";
    return path === "" ? String(value.message) : `${path}: ${String(value.message)}`;
  }
  return String(value);
}

function messageOf(shape: ErrorShape, info: Readonly<Record<string, unknown>>): string {
  return shape.message.replace(/\{(\w+)(?:([|?])([^}]*))?\}/g, (_, name: string, form: string | undefined, text: string | undefined) => {
    const value = info[name];
    if (form === "|") {
      return (value as readonly unknown[]).map(shown).join(text);
    }
    if (form === "?") {
      return value === undefined || value === null ? "" : `${text ?? ""}${shown(value)}`;
    }
    return shown(value);
  });
}

function detailsOf(shape: ErrorShape, info: Readonly<Record<string, unknown>>): Json {
  const details: Record<string, Json> = {};
  for (const it of shape.details) {
    const value = it.constant ?? info[it.field ?? ""];
    if ((value !== undefined && value !== null) || !it.isOptional) {
      details[it.key] = (value ?? null) as Json;
    }
  }
  return Object.keys(details).length === 0 ? null : details;
}

/** An error of the contract. Each case has its own class, and `info` has the members of the case. */
export abstract class ContractError<I extends object = object> extends SedgeError {
  static readonly shape: ErrorShape = { name: "ContractError", code: "error", message: "", details: [] };
  readonly info: Readonly<I>;

  constructor(info: I) {
    const { shape } = new.target;
    const failure = "failure" in info && info.failure instanceof Failure ? info.failure : null;
    if (failure === null) {
      const fields = info as Readonly<Record<string, unknown>>;
      super(shape.code, messageOf(shape, fields), detailsOf(shape, fields));
    } else {
      super(failure.code, failure.message, failure.details);
    }
    this.name = shape.name;
    this.info = info;
  }
}

/** The operator has not granted it. The message says how to grant it. */
export class Denied extends SedgeError {
  constructor(reason: string) {
    super("denied", reason);
  }
}

/** Returns details as JSON text, and whatever cannot be written in it as a text. */
export function detailsText(details: Json): string | null {
  if (details === null || details === undefined) {
    return null;
  }
  try {
    return toText(details);
  } catch {
    return toText({ unreadable: String(details) });
  }
}
