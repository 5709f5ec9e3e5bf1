/** `context` of a swamp method or check. */
import { EMBEDDED } from "../deno/paths.js";
import { engine } from "../host/engine.js";
import { host } from "../host/host.js";
import type { Identity, Level, ResourceOptions } from "../host/wire.js";
import { AbortSignal as Signal } from "../prelude/abort.js";
import { startCall } from "../sdk/calls.js";
import { cancellationSignal } from "../sdk/context.js";
import { SedgeError } from "../sdk/error_base.js";
import { converted } from "../sdk/host_errors.js";
import { fromText, toText } from "../sdk/json.js";
import { absent, dataRepository, definitionRepository, deleteData, queryData, readModelData } from "./repositories.js";
import { modelName, nextVersion, SwampType } from "./records.js";
import type { SwampRetention, WholeModel } from "./shapes.js";

/** What the build has put into the component besides the model. */
export interface Built {
  /** The files of `additionalFiles` of the manifest, by their path. */
  readonly files: Readonly<Record<string, string>>;
  /** The class `Environment` of the package `cel-js`, if it is there. */
  readonly celEnvironment: (new (options: { readonly unlistedVariablesAreDyn: boolean }) => CelEnvironment) | null;
}

interface CelEnvironment {
  registerOperator(signature: string, run: (one: number | bigint, other: number | bigint) => unknown): unknown;
}

const ARITHMETIC: Readonly<Record<string, (one: number, other: number) => number>> = {
  "+": (one, other) => one + other,
  "-": (one, other) => one - other,
  "*": (one, other) => one * other,
  "/": (one, other) => one / other,
  "%": (one, other) => one % other,
};

/** Returns an environment in which all variables are known, and integers and other numbers can be mixed, as in swamp. */
function celEnvironment(of: NonNullable<Built["celEnvironment"]>): CelEnvironment {
  const environment = new of({ unlistedVariablesAreDyn: true });
  for (const [operator, run] of Object.entries(ARITHMETIC)) {
    for (const signature of [`double ${operator} int`, `int ${operator} double`]) {
      environment.registerOperator(signature, (one, other) => run(Number(one), Number(other)));
    }
  }
  return environment;
}

/** Data that a method wrote, as swamp returns it. */
export class DataHandle {
  readonly name: string;
  readonly specName: string;
  readonly kind: "resource" | "file";
  readonly size: number;
  readonly tags: Readonly<Record<string, string>>;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly attributes?: Readonly<Record<string, unknown>>;
  readonly #model: string;

  constructor(of: { model: string; name: string; specName: string; kind: "resource" | "file"; size: number; tags: Record<string, string>; contentType: string; attributes?: Record<string, unknown> }) {
    this.#model = of.model;
    this.name = of.name;
    this.specName = of.specName;
    this.kind = of.kind;
    this.size = of.size;
    this.tags = { type: of.kind, specName: of.specName, ...of.tags };
    this.metadata = { contentType: of.contentType, tags: this.tags, streaming: false };
    if (of.attributes !== undefined) {
      this.attributes = of.attributes;
    }
  }

  get dataId(): string {
    return `${this.#model}/${this.name}`;
  }

  /** The version that the data will probably get. The host decides when the call commits. */
  get version(): number {
    return nextVersion(this.#model, this.name);
  }

  toJSON(): object {
    return { name: this.name, specName: this.specName, kind: this.kind };
  }
}

interface Overrides extends SwampRetention {
  readonly contentType?: string;
  readonly streaming?: boolean;
}

function optionsOf(overrides: Overrides): ResourceOptions {
  return {
    tags: Object.entries(overrides.tags ?? {}).map(([key, value]) => ({ key, value: String(value) })),
    retention: {
      lifetime: overrides.lifetime ?? null,
      keep: overrides.garbageCollection === undefined ? null : String(overrides.garbageCollection),
    },
  };
}

/** `context.logger`: `{name}` in a message stands for a property. */
class Logger {
  readonly #properties: Readonly<Record<string, unknown>>;

  constructor(properties: Readonly<Record<string, unknown>> = {}) {
    this.#properties = properties;
  }

  #write(level: Level, message: unknown, rest: readonly unknown[]): void {
    if (Array.isArray(message)) {
      // A template: logger.info`${n} items`.
      const parts = message.map((text, at) => (at < rest.length ? `${text}${shown(rest[at])}` : text));
      this.#line(level, parts.join(""), this.#properties);
      return;
    }
    const given = typeof message === "object" && message !== null ? message : rest.find((it) => typeof it === "object" && it !== null);
    const properties: Record<string, unknown> = { ...this.#properties, ...(given as Record<string, unknown> | undefined) };
    const template = typeof message === "string" ? message : "";
    const text = template.replace(/\{\{|\}\}|\{([^{}]+)\}/g, (mark, name: string | undefined) => {
      if (name === undefined) {
        return mark.slice(0, 1);
      }
      const value = properties[name.trim()];
      return value === undefined ? mark : shown(value);
    });
    this.#line(level, text, properties);
  }

  #line(level: Level, text: string, properties: Readonly<Record<string, unknown>>): void {
    const fields = Object.entries(properties).map(([key, value]) => ({ key, value: jsonOf(value) }));
    host().log.log(level, text, fields);
  }

  trace = (message: unknown, ...rest: unknown[]): void => this.#write("trace", message, rest);
  debug = (message: unknown, ...rest: unknown[]): void => this.#write("debug", message, rest);
  info = (message: unknown, ...rest: unknown[]): void => this.#write("info", message, rest);
  warn = (message: unknown, ...rest: unknown[]): void => this.#write("warn", message, rest);
  warning = (message: unknown, ...rest: unknown[]): void => this.#write("warn", message, rest);
  error = (message: unknown, ...rest: unknown[]): void => this.#write("error", message, rest);
  fatal = (message: unknown, ...rest: unknown[]): void => this.#write("error", message, rest);
  getChild = (): Logger => new Logger(this.#properties);
  with = (properties: Record<string, unknown>): Logger => new Logger({ ...this.#properties, ...properties });
}

/** Returns a value as a part of a message. */
function shown(value: unknown): string {
  if (typeof value === "string") {
    return value;
  }
  if (value instanceof Error) {
    return value.message;
  }
  try {
    return toText(value);
  } catch {
    return String(value);
  }
}

function jsonOf(value: unknown): string {
  try {
    return toText(value instanceof Error ? value.message : value);
  } catch {
    return toText(String(value));
  }
}

/** `context.createFileWriter`. */
class DataWriter {
  readonly name: string;
  readonly #spec: string;
  readonly #overrides: Overrides;
  readonly #model: string;
  #size = 0;
  #file: { write(bytes: Uint8Array): void; finish(): void; drop(): void } | null = null;

  constructor(model: string, spec: string, name: string, overrides: Overrides) {
    this.#model = model;
    this.#spec = spec;
    this.name = name;
    this.#overrides = overrides;
  }

  get dataId(): string {
    return `${this.#model}/${this.name}`;
  }

  #write(bytes: Uint8Array): void {
    converted("data-error", () => {
      this.#file ??= host().data.createFile(this.#spec, this.name, { ...optionsOf(this.#overrides), mediaType: this.#overrides.contentType ?? null, lines: false });
      this.#file.write(bytes);
    });
    this.#size += bytes.length;
  }

  #finish(): DataHandle {
    if (this.#file === null) {
      this.#write(new Uint8Array(0));
    }
    const file = this.#file;
    converted("data-error", () => file?.finish());
    file?.drop();
    this.#file = null;
    return new DataHandle({
      model: this.#model, name: this.name, specName: this.#spec, kind: "file", size: this.#size, tags: { ...this.#overrides.tags },
      contentType: this.#overrides.contentType ?? "application/octet-stream",
    });
  }

  async writeAll(content: Uint8Array): Promise<DataHandle> {
    this.#write(content);
    return this.#finish();
  }

  async writeText(text: string): Promise<DataHandle> {
    return this.writeAll(engine().text.encode(String(text)));
  }

  async writeLine(line: string): Promise<void> {
    this.#write(engine().text.encode(`${line}\n`));
  }

  async writeStream(stream: AsyncIterable<Uint8Array>, options: { onLine?: (line: string) => void } = {}): Promise<DataHandle> {
    const decoder = new TextDecoder();
    let rest = "";
    const lines = (text: string): void => {
      const parts = (rest + text).split("\n");
      rest = parts.pop() ?? "";
      parts.forEach((line) => options.onLine?.(line));
    };
    for await (const piece of stream) {
      this.#write(piece);
      if (options.onLine !== undefined) {
        lines(decoder.decode(piece, { stream: true }));
      }
    }
    if (options.onLine !== undefined) {
      lines(decoder.decode());
      if (rest !== "") {
        options.onLine(rest);
      }
    }
    return this.#finish();
  }

  async getFilePath(): Promise<string> {
    throw absent("createFileWriter().getFilePath", "data is no file that a plugin can open; write it by `writeAll`, `writeLine` or `writeStream`");
  }

  async finalize(): Promise<DataHandle> {
    return this.#finish();
  }
}

interface RunModelOptions {
  readonly definition?: string;
  readonly modelType?: string;
  readonly name?: string;
  readonly method: string;
  readonly arguments?: Record<string, unknown>;
}

/** `context.runModel`. A failure is a result, and nothing is thrown. */
async function runModel(options: RunModelOptions): Promise<object> {
  const target = options.definition ?? options.name;
  try {
    if (target === undefined) {
      throw absent("runModel without a model", "name the model: `{ definition, method }`");
    }
    const outcome = await startCall(modelName(target), options.method, options.arguments ?? {});
    const resources = outcome.written.map(({ name, version }) => ({ name, version, dataId: `${target}/${name}`, specName: name, kind: "resource", size: 0, tags: {}, metadata: {} }));
    return { ok: true, value: outcome.value, resources };
  } catch (error) {
    if (error instanceof SedgeError) {
      return { ok: false, error: { message: error.message, code: error.code } };
    }
    throw error;
  }
}

/** The call that a context is for. */
export interface ContextOf {
  readonly whole: WholeModel;
  readonly built: Built;
  readonly globalArgs: Record<string, unknown>;
  /** The arguments as the caller gave them. */
  readonly given: unknown;
  readonly methodName: string;
  readonly handles: DataHandle[];
}

function writing(of: ContextOf, who: Identity): object {
  return {
    async writeResource(specName: string, name: string, data: Record<string, unknown>, overrides: Overrides = {}): Promise<DataHandle> {
      const text = toText(data);
      converted("data-error", () => host().data.writeResource(specName, name, text, optionsOf(overrides)));
      const handle = new DataHandle({
        model: who.model, name, specName, kind: "resource", size: text.length, tags: { ...of.whole.resources[specName]?.tags, ...overrides.tags },
        contentType: "application/json", attributes: data,
      });
      of.handles.push(handle);
      return handle;
    },
    createFileWriter: (specName: string, name: string, overrides: Overrides = {}): DataWriter => new DataWriter(who.model, specName, name, overrides),
    async deleteResource(name: string): Promise<void> {
      deleteData(name, null);
    },
    runModel,
  };
}

function reading(of: ContextOf, who: Identity): object {
  const tags = Object.fromEntries(who.tags);
  return {
    modelType: new SwampType(who.type),
    modelId: who.modelId,
    methodName: of.methodName,
    definition: { id: who.modelId, name: who.model, version: 1, tags },
    globalArgs: of.globalArgs,
    unresolvedMethodArgs: of.given,
    // The repository is the operator's; a plugin sees the folders that it was granted.
    repoDir: ".",
    tagOverrides: {},
    runtimeTags: {},
    logger: new Logger(),
    dataRepository,
    definitionRepository,
    async readResource(name: string, version?: number): Promise<unknown> {
      const found = converted("data-error", () => (version === undefined ? host().data.readLatest(who.model, name) : host().data.readVersion(who.model, name, version)));
      return found === null ? null : fromText(found.content);
    },
    readModelData: async (model: string, spec?: string): Promise<unknown[]> => readModelData(model, spec),
    queryData: async (predicate: string, select?: string): Promise<unknown[]> => queryData(predicate, select),
    dataQueryService: {
      query: async (predicate: string, options: { select?: string } = {}): Promise<unknown[]> => queryData(predicate, options.select),
      querySync: (predicate: string, options: { select?: string } = {}): unknown[] => queryData(predicate, options.select),
    },
    onEvent: (event: unknown): void => host().log.log("debug", "event", [{ key: "event", value: jsonOf(event) }]),
    extensionFile(path: string): string {
      const found = of.built.files[path];
      if (found === undefined) {
        throw absent(`extensionFile("${path}")`, "the file is not among `additionalFiles` of the manifest");
      }
      return EMBEDDED + path;
    },
    createCelEnvironment(): unknown {
      if (of.built.celEnvironment === null) {
        throw absent("createCelEnvironment", "the plugin was built without the package `cel-js`: npm install cel-js, and build it again");
      }
      return celEnvironment(of.built.celEnvironment);
    },
  };
}

/** What swamp has, and Sedge on purpose does not. */
const ABSENT: Readonly<Record<string, string>> = {
  vaultService: "secrets are given to global arguments: `apiKey: {secret: NAME}` in the definition",
  vaultSecrets: "secrets are given to global arguments: `apiKey: {secret: NAME}` in the definition",
  redactor: "the host redacts the values of secrets",
  outputRepository: "the records of runs are the operator's: sedge run list",
  approveWorkflowGate: "only a user decides at a gate: sedge workflow approve",
  rejectWorkflowGate: "only a user decides at a gate: sedge workflow reject",
  cloudControlClientFactory: "make the client yourself",
};

/** Members that code looks for, and that are not there: `then` of something that is awaited, and the like. */
function isProbe(name: string): boolean {
  return ["then", "toJSON", "constructor", "asymmetricMatch", "nodeType", "$$typeof"].includes(name);
}

/** Returns a context whose unknown members are errors that name them. */
export function contextOf(of: ContextOf, isCheck: boolean): object {
  const who = host().context.who();
  const members = { ...reading(of, who), ...(isCheck ? {} : writing(of, who)) } as Record<string, unknown>;
  let signal: AbortSignal | null = null;
  Object.defineProperty(members, "signal", {
    enumerable: true,
    get: () => (signal ??= isCheck ? (Signal.create() as unknown as AbortSignal) : cancellationSignal()),
  });
  return new Proxy(members, {
    get(target, name) {
      if (typeof name === "symbol" || Reflect.has(target, name) || isProbe(name)) {
        return Reflect.get(target, name);
      }
      const instead = ABSENT[name];
      if (instead === undefined) {
        // Models ask for members that a version of swamp may not have: `if (context.x !== undefined)`.
        return undefined;
      }
      const refuse = (): never => {
        throw absent(name, instead);
      };
      return new Proxy(refuse, { get: (_, member) => (typeof member === "symbol" || isProbe(String(member)) ? undefined : refuse) });
    },
  });
}
