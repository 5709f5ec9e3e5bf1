/** What a method can do besides computing. */
import type { z } from "zod";
import { host } from "../host/host.js";
import type { Level } from "../host/wire.js";
import { AbortSignal as Signal } from "../prelude/abort.js";
import { DOMException } from "../prelude/errors.js";
import { PendingCall, startCall, Workflows, type Outcome } from "./calls.js";
import { Commands } from "./commands.js";
import { createFile, Data, writeResource, type FileWriter, type FileWriteOptions, type Tags, type WriteOptions } from "./data.js";
import { granted } from "./host_errors.js";
import { toText } from "./json.js";
import { folder, Models, secret, type Folder, type Secret } from "./outside.js";

/** The resources of a type: the name of each spec with its schema. */
export type ResourceSchemas = Readonly<Record<string, { readonly schema: z.ZodType }>>;

/** The identity of a call. */
export interface Identity {
  readonly model: string;
  /** An id of the model that stays the same when the model gets another name. */
  readonly modelId: string;
  readonly type: string;
  readonly typeVersion: string;
  readonly method: string;
  /** The run that the call belongs to. */
  readonly run: string;
  /** The call: its run and the ordinals of the calls that lead to it, as `k3v9q2x8w1mz/1/2`. */
  readonly call: string;
  /** The workflow step that the call belongs to, or `null`. */
  readonly step: string | null;
  /** The tags of the model's definition. */
  readonly tags: Tags;
}

/** Named values of a line of the log. */
export type LogFields = Readonly<Record<string, unknown>>;

function fieldText(value: unknown): string {
  try {
    return toText(value);
  } catch {
    return toText(String(value));
  }
}

/** The log of the call. */
export class Log {
  #line(level: Level, message: string, fields: LogFields): void {
    host().log.log(level, message, Object.entries(fields).map(([key, value]) => ({ key, value: fieldText(value) })));
  }

  trace(message: string, fields: LogFields = {}): void {
    this.#line("trace", message, fields);
  }

  /** Logs details for users who look for a fault. */
  debug(message: string, fields: LogFields = {}): void {
    this.#line("debug", message, fields);
  }

  info(message: string, fields: LogFields = {}): void {
    this.#line("info", message, fields);
  }

  /** Logs that something may be wrong. */
  warn(message: string, fields: LogFields = {}): void {
    this.#line("warn", message, fields);
  }

  /** Logs that something is wrong. */
  error(message: string, fields: LogFields = {}): void {
    this.#line("error", message, fields);
  }
}

/** Returns the signal of the cancellation of this call. */
export function cancellationSignal(): AbortSignal {
  const signal = Signal.create();
  host().context.cancellation().then(
    () => Signal.fire(signal, new DOMException("the call was cancelled", "AbortError")),
    () => undefined,
  );
  return signal as unknown as AbortSignal;
}

/** What a check can do: everything that reads. */
export class CheckContext<G = unknown> {
  /** The global arguments of the model's definition. */
  readonly globalArguments: G;
  /** Data of any model that the plugin may read. */
  readonly data = new Data();
  /** The definitions of models. */
  readonly models = new Models();
  readonly log = new Log();
  #identity: Identity | null = null;
  #signal: AbortSignal | null = null;

  constructor(globalArguments: G) {
    this.globalArguments = globalArguments;
  }

  /** The identity of this call. */
  get identity(): Identity {
    if (this.#identity === null) {
      const it = host().context.who();
      this.#identity = { ...it, step: it.step ?? null, tags: Object.fromEntries(it.tags) };
    }
    return this.#identity;
  }

  /** The time until the deadline of this call, in milliseconds. */
  get deadlineLeftMs(): number {
    return host().context.deadlineLeftMs();
  }

  /** Whether this call is asked to end. */
  get isCancelled(): boolean {
    return host().context.cancelled();
  }

  /**
   * A signal that is aborted when a user cancels this call: `fetch(url, { signal: cx.signal })`. From its first use
   * on, the host gives the call one second to end by itself.
   */
  get signal(): AbortSignal {
    this.#signal ??= cancellationSignal();
    return this.#signal;
  }

  /** Returns a folder that the plugin requests. Throws `Denied`, whose message says how to grant it. */
  folder(name: string): Folder {
    return folder(name);
  }

  /** Returns an environment variable that the plugin requests, or `null` if it is not set. Throws `Denied`. */
  variable(name: string): string | null {
    return granted(() => host().context.variable(name)) ?? null;
  }

  /** Returns a secret that the plugin requests. Throws `SecretDenied` or `SecretMissing`. */
  secret(name: string): Secret {
    return secret(name);
  }
}

/**
 * What a method can do. HTTP requests are sent by `fetch`, which is global, as are `console`, timers, `URL`, `crypto`
 * and the like.
 */
export class Context<G = unknown, R extends ResourceSchemas = ResourceSchemas, F extends string = string> extends CheckContext<G> {
  /** Programs that the operator pinned. */
  readonly commands = new Commands();
  readonly workflows = new Workflows();

  /** Stages the next version of a resource. Without `name`, it is named like its spec. */
  async write<N extends keyof R & string>(spec: N, content: z.input<R[N]["schema"]>, options: WriteOptions = {}): Promise<void> {
    writeResource(spec, content, options);
  }

  /** Starts the next version of a file. `finish()` stages it; otherwise it is discarded. */
  async createFile(spec: F, options: FileWriteOptions = {}): Promise<FileWriter> {
    return createFile(spec, options, false);
  }

  /** Starts the next version of a file of lines, for example a log: each `write` is a line. */
  async createLines(spec: F, options: FileWriteOptions = {}): Promise<FileWriter> {
    return createFile(spec, options, true);
  }

  /** Writes a whole file. */
  async writeFile(spec: F, content: Uint8Array | string, options: FileWriteOptions = {}): Promise<void> {
    const file = createFile(spec, options, false);
    try {
      await file.write(content);
      await file.finish();
    } finally {
      file.discard();
    }
  }

  /**
   * Calls a method of a model, and waits for the outcome. Throws a `CallError`. The callee runs with its own
   * permissions, and its writes are kept even if this call fails later.
   */
  async call(target: string, method: string, args?: unknown): Promise<Outcome> {
    return startCall(target, method, args).wait();
  }

  /** Starts a call at once. `await` its result, or `cancel()` it. */
  start(target: string, method: string, args?: unknown): PendingCall {
    return startCall(target, method, args);
  }
}
