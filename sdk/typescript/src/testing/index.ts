/** Tests of plugins in node, without a host, a repository or a network. */
import * as path from "node:path";
import { setEngine } from "../host/engine.js";
import { HostError, setHost, type Host } from "../host/host.js";
import type { Definition as WireDefinition, Identity, Level, MethodKind, ReportSubject, TypeInfo, Written } from "../host/wire.js";
import { globals, install } from "../prelude/globals.js";
import { Deno } from "../deno/index.js";
import { Failure, SedgeError } from "../sdk/error_base.js";
import { failureOf } from "../sdk/failures.js";
import type { Json } from "../sdk/json.js";
import type { ModelExports } from "../sdk/model.js";
import type { RunOutcome } from "../sdk/calls.js";
import type { WorkflowError } from "../sdk/error_table.js";
import { misfit } from "../sdk/schema.js";
import { SwampPlugin } from "../swamp/adapter.js";
import type { Sidecar } from "../swamp/describe.js";
import { Clock, NeverReady } from "./clock.js";
import { nodeEngine } from "./engine.js";
import { fakeFiles } from "./files.js";
import { NotScripted } from "./not_scripted.js";
import {
  FakeCalls, FakeCommands, FakeHttp, FakeSecrets, FakeWorkflows, type CallScript, type CommandResponder, type MadeCall, type MadeRun,
  type RanCommand, type Responder, type SentRequest,
} from "./outside.js";
import { Permissions, type PermissionKind } from "./permissions.js";
import { FakeData, Store, type StoredVersion } from "./store.js";
import { schemaViolations } from "./validate.js";

export { NotScripted } from "./not_scripted.js";
export { NeverReady } from "./clock.js";
export type { CallScript, CommandResponder, CommandScript, MadeCall, MadeRun, RanCommand, Responder, ScriptedResponse, SentRequest } from "./outside.js";
export type { StoredVersion } from "./store.js";

const START = new Date("2026-01-01T00:00:00Z");
const DEADLINE_MS = 300_000;

/** A line of the call's log. */
export interface LogLine {
  readonly level: Level;
  readonly message: string;
  readonly fields: Readonly<Record<string, Json>>;
}

export interface TestOptions {
  /** The name of the model. */
  readonly name?: string;
  readonly globalArguments?: unknown;
  /** The tags of the model's definition. */
  readonly tags?: Readonly<Record<string, string>>;
  /** The workflow step that the calls belong to. */
  readonly step?: string;
  /** The time at the start. */
  readonly now?: Date;
}

/** Where data of another model is meant. */
export interface OfModel {
  readonly model?: string;
}

export interface PutOptions extends OfModel {
  readonly spec?: string;
  readonly tags?: Readonly<Record<string, string>>;
  /** What the plugins of other models read, if it has sensitive values: the same content with `[sealed]`. */
  readonly sealed?: unknown;
}

/** Returns a swamp model as a plugin, for a `TestContext`. */
export function swampModel(module: Readonly<Record<string, unknown>>, sidecar: Sidecar = {}): SwampPlugin {
  return new SwampPlugin([module], sidecar, {}, { files: {}, celEnvironment: null });
}

/** The tests of one process take turns, because the web APIs are global. */
let turn: Promise<unknown> = Promise.resolve();

/**
 * One model of the type under test, and everything that its methods reach.
 *
 * The clock moves only while the method waits, and then at once: a test with a timer of a minute takes no time.
 * Everything that the type requests is granted, and nothing else.
 */
export class TestContext {
  readonly name: string;
  readonly clock: Clock;
  /** The description of the type. */
  readonly info: TypeInfo;
  /** The versions that the last call committed, in the order of its writes. */
  written: readonly Written[] = [];
  readonly #model: ModelExports & { failure?: (thrown: unknown) => ReturnType<typeof failureOf> };
  readonly #globals: string;
  readonly #permissions: Permissions;
  readonly #store: Store;
  readonly #data: FakeData;
  readonly #calls: FakeCalls;
  readonly #workflows: FakeWorkflows;
  readonly #secrets: FakeSecrets;
  readonly #http: FakeHttp;
  readonly #commands: FakeCommands;
  readonly #logs: LogLine[] = [];
  readonly #printed: LogLine[] = [];
  readonly #folders = new Map<string, string>();
  readonly #variables = new Map<string, string>();
  readonly #definitions = new Map<string, WireDefinition>();
  readonly #identity: { -readonly [K in keyof Identity]: Identity[K] };
  readonly #host: Host;
  #cancelledAt = Number.POSITIVE_INFINITY;

  constructor(model: ModelExports, options: TestOptions = {}) {
    this.#model = model;
    this.name = options.name ?? "model";
    this.clock = new Clock(options.now ?? START);
    const before = setEngine(nodeEngine(this.clock));
    this.info = model.describe();
    setEngine(before);
    this.#globals = JSON.stringify(options.globalArguments ?? {});
    this.#identity = {
      model: this.name, modelId: this.name, type: this.info.name, typeVersion: this.info.version, method: "",
      tags: Object.entries(options.tags ?? {}).sort(), run: "k3v9q2x8w1mz", call: "k3v9q2x8w1mz/1", step: options.step ?? null,
    };
    const warn = (message: string): void => void this.#logs.push({ level: "warn", message, fields: {} });
    this.#permissions = new Permissions(this.name, this.info.name, this.info.permissions);
    this.#store = new Store(this.clock);
    this.#data = new FakeData(this.name, this.info, this.#permissions, this.#store, warn);
    this.#calls = new FakeCalls(this.name, this.info, this.#permissions, this.clock);
    this.#workflows = new FakeWorkflows(this.#permissions);
    this.#secrets = new FakeSecrets(this.#permissions);
    this.#http = new FakeHttp(this.clock, this.#permissions, this.#secrets, warn);
    this.#commands = new FakeCommands(this.#permissions, this.clock);
    this.#host = this.#makeHost();
  }

  #makeHost(): Host {
    return {
      context: {
        who: () => this.#identity,
        deadlineLeftMs: () => Math.max(0, DEADLINE_MS - this.clock.elapsed),
        cancelled: () => this.clock.elapsed >= this.#cancelledAt,
        cancellation: async () => {
          if (!Number.isFinite(this.#cancelledAt)) {
            return new Promise(() => undefined);
          }
          await this.clock.wait(Math.max(0, this.#cancelledAt - this.clock.elapsed));
        },
        folder: (name) => this.#folder(name),
        variable: (name) => {
          const denial = this.#permissions.denialOfName("env", `read the variable \`${name}\``, name);
          if (denial !== null) {
            throw new HostError("", denial);
          }
          return this.#variables.get(name) ?? null;
        },
      },
      data: this.#data,
      calls: this.#calls,
      commands: this.#commands,
      models: {
        list: (filter) => {
          const found = [...this.#definitions.values()].filter(
            (it) =>
              this.#mayReadDefinition(it.name) === null && it.name.startsWith(filter.prefix) && (filter.after === null || it.name > filter.after) &&
              (filter.type === null || filter.type === it.type) && filter.tags.every((tag) => it.tags.some((each) => each.key === tag.key && each.value === tag.value)),
          );
          return { models: found.sort((one, other) => (one.name < other.name ? -1 : 1)).map((ok) => ({ ok })), next: null };
        },
        get: (name) => {
          const denial = this.#mayReadDefinition(name);
          if (denial !== null) {
            throw new HostError("denied", denial);
          }
          const found = [...this.#definitions.values()].find((it) => it.name === name || it.id === name);
          if (found === undefined) {
            throw new HostError("not-found", name);
          }
          return found;
        },
      },
      secrets: this.#secrets,
      workflows: this.#workflows,
      log: {
        log: (level, message, fields) => {
          const values = Object.fromEntries(fields.map(({ key, value }) => [key, JSON.parse(value) as Json]));
          this.#logs.push({ level, message, fields: values });
        },
      },
      http: this.#http,
      files: fakeFiles((at) => this.#mayWrite(at)),
    };
  }

  #mayReadDefinition(name: string): string | null {
    return name === this.name ? null : this.#permissions.denialOfName("models", `read the definition of \`${name}\``, name);
  }

  #folder(name: string): string {
    const found = this.#folders.get(name);
    const denial = this.#permissions.denial("files", `use the folder \`${name}\``, (it) => it.name === name);
    if (denial !== null || found === undefined) {
      throw new HostError("", denial ?? `\`${this.name}\` may not use the folder \`${name}\`: no grant allows it`);
    }
    return found;
  }

  #mayWrite(at: string): boolean {
    const inside = (root: string): boolean => at === root || at.startsWith(root + path.sep);
    const names = [...this.#folders].filter(([, root]) => inside(root)).map(([name]) => name);
    const kind = this.#data.kind;
    const changesNothing = kind === null || kind === "read" || kind === "observe";
    return !changesNothing && this.#permissions.requested("files").some((it) => names.includes(it.name) && it.access === "write");
  }

  // Running.

  /**
   * Runs a method, and returns its result as JSON. Throws the `Failure` that the call would end with. What a failed
   * call has written is discarded, as in the host.
   */
  async run(method: string, args: unknown = {}): Promise<Json> {
    const spec = this.info.methods.find((it) => it.name === method);
    if (spec === undefined) {
      throw new Failure("unknown-method", `type \`${this.info.name}\` has no method \`${method}\``);
    }
    const text = this.#checked(args, spec.arguments);
    return this.#turn(method, spec.kind, async () => {
      const result = await this.#model.invoke({ method, arguments: text, globalArguments: this.#globals });
      return JSON.parse(result) as Json;
    });
  }

  /** Runs a check before a call. Throws the `Failure` if the call must not begin. */
  async check(check: string, method: string, args: unknown = {}): Promise<void> {
    const spec = this.info.methods.find((it) => it.name === method);
    const text = spec === undefined ? JSON.stringify(args) : this.#checked(args, spec.arguments);
    await this.#turn(method, null, () => this.#model.check({ check, call: { method, arguments: text, globalArguments: this.#globals } }));
  }

  /** Upgrades global arguments to one version, and returns them. */
  async upgrade(toVersion: string, globalArguments: unknown): Promise<Json> {
    return this.#turn("", null, async () => JSON.parse(await this.#model.upgrade(toVersion, JSON.stringify(globalArguments))) as Json);
  }

  /** Makes a report of a subject in the contract's form. */
  async report(name: string, subject: ReportSubject, leftOut = 0): Promise<{ readonly markdown: string; readonly json: Json }> {
    return this.#turn("", null, async () => {
      const { markdown, json } = await this.#model.report({ name, subject, leftOut });
      return { markdown, json: JSON.parse(json) as Json };
    });
  }

  #checked(args: unknown, schema: string): string {
    const text = JSON.stringify(args);
    const found = schemaViolations(schema, JSON.parse(text));
    if (found.length > 0) {
      throw misfit("invalid-input", "the arguments", found);
    }
    const ofGlobals = schemaViolations(this.info.globalArguments, JSON.parse(this.#globals));
    if (ofGlobals.length > 0) {
      throw misfit("invalid-definition", "the global arguments", ofGlobals);
    }
    return text;
  }

  async #turn<T>(method: string, kind: MethodKind | null, action: () => Promise<T>): Promise<T> {
    const done = turn.then(() => this.#alone(method, kind, action));
    turn = done.catch(() => undefined);
    return done;
  }

  async #alone<T>(method: string, kind: MethodKind | null, action: () => Promise<T>): Promise<T> {
    this.#identity.method = method;
    this.#data.kind = kind;
    this.#data.method = method;
    this.#calls.kind = kind;
    this.#workflows.kind = kind;
    this.#http.isCheck = kind === null;
    this.#commands.isCheck = kind === null;
    this.written = [];
    const restore = this.#enter();
    try {
      const result = await this.clock.drive(action());
      this.written = this.#store.commit(this.name);
      return result;
    } catch (error) {
      throw this.#failed(error);
    } finally {
      this.#store.discard();
      this.clock.clear();
      restore();
    }
  }

  #enter(): () => void {
    const engine = setEngine(nodeEngine(this.clock));
    const host = setHost(this.#host);
    const own = { ...globals(), Date: this.clock.dateClass() };
    const console = this.#console();
    const isSwamp = this.#model instanceof SwampPlugin;
    const restore = install({ ...own, console, ...(isSwamp ? { Deno } : {}) });
    return () => {
      restore();
      setHost(host);
      setEngine(engine);
    };
  }

  /** What the method prints is kept apart from what it logs. */
  #console(): object {
    const line = (level: Level) => (...args: unknown[]): void => void this.#printed.push({ level, message: args.map(String).join(" "), fields: {} });
    return { log: line("info"), info: line("info"), debug: line("debug"), warn: line("warn"), error: line("error"), trace: line("trace") };
  }

  #failed(error: unknown): unknown {
    // A mistake of the test, and not of the method.
    if (error instanceof NotScripted || (error instanceof Error && error.name === "AssertionError")) {
      return error;
    }
    const made = error instanceof NeverReady ? { ...failureOf(error), code: "never-ready", message: error.message } : (this.#model.failure?.(error) ?? failureOf(error));
    if (made.keepWrites) {
      this.written = this.#store.commit(this.name);
    }
    const details = made.details === null ? null : (JSON.parse(made.details) as Json);
    const failure = new Failure(made.code, made.message, { details, keepWrites: made.keepWrites, frames: made.stack, cause: error });
    if (error instanceof SedgeError && error.stack !== undefined) {
      failure.stack = error.stack;
    }
    return failure;
  }

  // Data.

  /** Returns the content of the latest version of a resource, or `null` if there is none. */
  content(name: string, of: OfModel = {}): Json {
    const found = this.#store.latest(of.model ?? this.name, name);
    return found === undefined ? null : (JSON.parse(Buffer.from(found.bytes).toString()) as Json);
  }

  /** Returns the content of the latest version as the plugins of other models read it: sensitive values are `[sealed]`. */
  seenByOthers(name: string): Json {
    const found = this.#store.latest(this.name, name);
    return found === undefined ? null : (JSON.parse(found.sealedText ?? Buffer.from(found.bytes).toString()) as Json);
  }

  /** Returns the bytes of the latest version of a file, or `null` if there is none. */
  fileBytes(name: string, of: OfModel = {}): Uint8Array | null {
    return this.#store.latest(of.model ?? this.name, name)?.bytes ?? null;
  }

  /** Returns the latest version of a file as a text, or `null` if there is none. */
  fileText(name: string, of: OfModel = {}): string | null {
    const bytes = this.fileBytes(name, of);
    return bytes === null ? null : Buffer.from(bytes).toString();
  }

  /** Returns the committed versions of a name, oldest first. */
  versions(name: string, of: OfModel = {}): readonly StoredVersion[] {
    return this.#store.versions(of.model ?? this.name, name);
  }

  /** Returns the names of a model's data, sorted. */
  names(of: OfModel = {}): string[] {
    return this.#store.names(of.model ?? this.name);
  }

  /** Commits a version of a resource, before the method runs. */
  put(name: string, content: unknown, options: PutOptions = {}): void {
    const sealedText = options.sealed === undefined ? null : JSON.stringify(options.sealed);
    this.#put(name, new Uint8Array(Buffer.from(JSON.stringify(content))), options, "application/json", sealedText);
  }

  /** Commits a version of a file, before the method runs. */
  putFile(name: string, content: Uint8Array | string, options: Omit<PutOptions, "sealed"> & { readonly mediaType?: string } = {}): void {
    const bytes = typeof content === "string" ? new Uint8Array(Buffer.from(content)) : content;
    this.#put(name, bytes, options, options.mediaType ?? "application/octet-stream", null, "file");
  }

  #put(name: string, bytes: Uint8Array, options: PutOptions, mediaType: string, sealedText: string | null, kind: "resource" | "file" = "resource"): void {
    this.#store.add({
      model: options.model ?? this.name, name, spec: options.spec ?? name, kind, mediaType, bytes, tags: options.tags ?? {},
      lifetime: null, keep: null, sealedText, version: null, createdAtMs: null,
    });
  }

  /** Scripts a query: the names of this model's data that match, each with the value of `select`. */
  onQuery(predicate: string, results: readonly (readonly [name: string, value?: unknown])[]): void {
    const matches = results.map(([name, value]) => {
      const version = this.#store.latest(this.name, name);
      if (version === undefined) {
        throw new Error(`there is no data \`${name}\`; write it first: test.put("${name}", …)`);
      }
      return { version, value };
    });
    this.#data.queries.set(predicate, matches);
  }

  // What is outside.

  /** Scripts the calls of a method of another model, or of this one. */
  onCall(target: string, method: string, script: CallScript): void {
    this.#data.models.add(target);
    this.#calls.scripts.set(JSON.stringify([target, method]), script);
  }

  /**
   * Scripts the responses to a request, one after the other; the last one answers all further requests. A `*` at the
   * end of the URL stands for any end.
   */
  onHttp(method: string, url: string, ...responders: readonly [Responder, ...Responder[]]): void {
    this.#http.add(method, url, responders);
  }

  /** Scripts a command, with certain arguments or, for `null`, with any. */
  onCommand(name: string, args: readonly string[] | null, script: CommandResponder): void {
    this.#commands.add(name, args, script);
  }

  /** Scripts the run of a workflow. */
  onWorkflow(name: string, outcome: RunOutcome | WorkflowError): void {
    this.#workflows.outcomes.set(name, outcome);
  }

  /** Sets a secret. */
  secret(name: string, value: string | Uint8Array): void {
    this.#secrets.values.set(name, typeof value === "string" ? new Uint8Array(Buffer.from(value)) : value);
  }

  /** Sets an environment variable. */
  variable(name: string, value: string): void {
    this.#variables.set(name, value);
  }

  /** Grants a folder of this machine. */
  folder(name: string, at: string): void {
    this.#folders.set(name, path.resolve(at));
  }

  /** Adds the definition of a model. */
  definition(name: string, type: string, more: { readonly id?: string; readonly tags?: Readonly<Record<string, string>>; readonly globalArguments?: unknown; readonly description?: string } = {}): void {
    this.#data.models.add(name);
    this.#definitions.set(name, {
      name, type, id: more.id ?? null, typeVersion: null, description: more.description ?? null,
      tags: Object.entries(more.tags ?? {}).map(([key, value]) => ({ key, value })), globalArguments: JSON.stringify(more.globalArguments ?? {}),
    });
  }

  /** Grants nothing of a kind any more. */
  refuse(kind: PermissionKind): void {
    this.#permissions.refuse(kind);
  }

  /** Asks the call to end, after some time of the test's clock. */
  cancelAfter(ms: number): void {
    this.#cancelledAt = this.clock.elapsed + ms;
  }

  // What the method did.

  /** The lines of the log, without what the method printed. */
  get logs(): readonly LogLine[] {
    return this.#logs;
  }

  /** What the method printed by `console`. */
  get printed(): readonly LogLine[] {
    return this.#printed;
  }

  /** The requests that were sent, as their servers received them. */
  get requests(): readonly SentRequest[] {
    return this.#http.sent;
  }

  /** The nested calls that were made. */
  get calls(): readonly MadeCall[] {
    return this.#calls.made;
  }

  /** The commands that were run or started. */
  get commands(): readonly RanCommand[] {
    return this.#commands.ran;
  }

  /** The workflows that were run or started. */
  get runs(): readonly MadeRun[] {
    return this.#workflows.made;
  }
}
