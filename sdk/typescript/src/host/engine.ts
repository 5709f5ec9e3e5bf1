/**
 * The functions of the script engine (`engine/`), which it passes to the first module of the bundle.
 *
 * A test has others (`../testing/engine.ts`), so that the same web APIs run in node.
 */
import type {
  Definition, End, FileOptions, Identity, JsonText, Level, ListFilter, ListPage, ModelFilter, Outcome, Pair,
  QueryOptions, QueryPage, Resource, ResourceOptions, RunOutcome, StartOptions, UnreadableDefinition, VersionInfo,
  Written,
} from "./wire.js";

/** A resource of the host, a stream, a file and so on. */
export type Handle = number;

export interface UrlParts {
  readonly href: string;
  readonly origin: string;
  readonly protocol: string;
  readonly username: string;
  readonly password: string;
  readonly host: string;
  readonly hostname: string;
  readonly port: string;
  readonly pathname: string;
  readonly search: string;
  readonly hash: string;
}

export type UrlPart = Exclude<keyof UrlParts, "origin">;

export type HashName = "SHA-1" | "SHA-256" | "SHA-384" | "SHA-512" | "MD5";
export type CodecFormat = "gzip" | "deflate" | "deflate-raw";

/** What works at any time, also while the plugin is built. */
export interface EnginePure {
  readonly text: {
    encode(text: string): Uint8Array<ArrayBuffer>;
    encodeInto(text: string, target: Uint8Array): { read: number; written: number };
    decode(bytes: Uint8Array, fatal: boolean): string;
    /** Returns the length of the beginning that ends between two characters. */
    complete(bytes: Uint8Array): number;
  };
  readonly url: {
    parse(text: string, base?: string): UrlParts | null;
    set(href: string, part: UrlPart, value: string): UrlParts;
  };
  readonly base64: {
    encode(bytes: Uint8Array, url?: boolean): string;
    decode(text: string, url?: boolean): Uint8Array<ArrayBuffer> | null;
  };
  readonly crypto: {
    digest(algorithm: HashName, bytes: Uint8Array): Uint8Array<ArrayBuffer>;
    /** Starts a digest piece by piece. `finish` drops the handle. */
    start(algorithm: HashName): Handle;
    push(digest: Handle, bytes: Uint8Array): void;
    finish(digest: Handle): Uint8Array<ArrayBuffer>;
    hmac(algorithm: HashName, key: Uint8Array, bytes: Uint8Array): Uint8Array<ArrayBuffer>;
    equal(one: Uint8Array, other: Uint8Array): boolean;
    pbkdf2(algorithm: HashName, password: Uint8Array, salt: Uint8Array, iterations: number, length: number): Uint8Array<ArrayBuffer>;
    aesGcm(encrypt: boolean, key: Uint8Array, iv: Uint8Array, data: Uint8Array, additional: Uint8Array): Uint8Array<ArrayBuffer> | null;
  };
  readonly codec: {
    start(format: CodecFormat, compress: boolean): Handle;
    push(codec: Handle, bytes: Uint8Array): Uint8Array<ArrayBuffer>;
    finish(codec: Handle): Uint8Array<ArrayBuffer>;
  };
  readonly clock: { monotonicMs(): number };
  random(n: number): Uint8Array<ArrayBuffer>;
  timerStart(ms: number, callback: () => void): number;
  timerStop(id: number): void;
  /** Ends the export that runs, as if it had thrown this. */
  abort(thrown: unknown): void;
  drop(handle: Handle): void;
  readonly version: string;
}

/** A result inside of a list, as the engine has it. */
export type EngineResult<T, E> = { readonly tag: "ok"; readonly val: T } | { readonly tag: "err"; readonly val: E };

/** A file or folder, as the engine has it. */
export interface EngineStat {
  readonly type: string;
  readonly size: number;
  readonly modifiedMs: number | null;
}

/** All functions of the engine. */
export interface Engine extends EnginePure {
  ready(handle: Handle): Promise<boolean>;
  onUnhandled(callback: (reason: unknown, promise: Promise<unknown>) => void): void;
  readonly context: {
    who(): Identity;
    deadlineLeftMs(): number;
    cancelled(): boolean;
    cancellation(): Handle;
    folder(name: string): string;
    variable(name: string): string | null;
  };
  readonly calls: {
    start(target: string, method: string, args: JsonText): Handle;
    get(pending: Handle): Outcome | null;
    cancel(pending: Handle): void;
  };
  readonly workflows: {
    run(workflow: string, inputs: JsonText): RunOutcome;
    start(workflow: string, inputs: JsonText): string;
  };
  readonly models: {
    list(filter: ModelFilter): { models: readonly EngineResult<Definition, UnreadableDefinition>[]; next: string | null };
    get(name: string): Definition;
  };
  readonly secrets: {
    placeholder(name: string): string;
    basic(name: string, user: string): string;
    reveal(name: string): Uint8Array;
  };
  readonly log: { log(level: Level, message: string, fields: readonly { readonly key: string; readonly value: JsonText }[]): void };
  readonly data: {
    writeResource(spec: string, name: string, content: JsonText, options: ResourceOptions): void;
    createFile(spec: string, name: string, options: FileOptions): Handle;
    fileWrite(file: Handle, bytes: Uint8Array): void;
    fileFinish(file: Handle): void;
    openFile(model: string, name: string, version: number | null): Handle | null;
    fileInfo(file: Handle): VersionInfo;
    fileRead(file: Handle, bytesMax: number): Uint8Array;
    readLatest(model: string, name: string): Resource | null;
    readVersion(model: string, name: string, version: number): Resource | null;
    listVersions(model: string, name: string): readonly VersionInfo[];
    list(model: string, filter: ListFilter): ListPage;
    query(predicate: string, options: QueryOptions): QueryPage;
    delete(name: string, version: number | null): void;
    publish(): readonly Written[];
  };
  readonly commands: {
    start(name: string, args: readonly string[], options: StartOptions): Handle;
    stdin(process: Handle): Handle | null;
    stdout(process: Handle): Handle | null;
    stderr(process: Handle): Handle | null;
    get(process: Handle): End | null;
    kill(process: Handle): void;
  };
  readonly stream: {
    /** Returns nothing yet as an empty array, and the end as `null`. */
    read(stream: Handle, bytesMax: number): Uint8Array | null;
    /** Returns how many bytes were taken. */
    write(stream: Handle, bytes: Uint8Array): number;
    /** Returns whether all is written. */
    flush(stream: Handle): boolean;
  };
  readonly http: {
    send(request: {
      method: string;
      scheme: "http" | "https";
      authority: string;
      pathWithQuery: string;
      headers: readonly Pair[];
      hasBody: boolean;
    }): { response: Handle; body: Handle | null };
    finish(body: Handle): void;
    response(response: Handle): { status: number; headers: readonly Pair[]; body: Handle } | null;
  };
  readonly files: {
    open(path: string, options: { read?: boolean; write?: boolean; append?: boolean; create?: boolean; createNew?: boolean; truncate?: boolean }): Handle;
    read(file: Handle, bytesMax: number): Uint8Array | null;
    write(file: Handle, bytes: Uint8Array): number;
    seek(file: Handle, position: number): void;
    position(file: Handle): number;
    truncate(file: Handle, size: number): void;
    statOpen(file: Handle): EngineStat;
    stat(path: string, followLinks: boolean): EngineStat;
    list(path: string): readonly { readonly name: string; readonly type: string }[];
    createFolder(path: string): void;
    removeFile(path: string): void;
    removeFolder(path: string): void;
    rename(from: string, to: string): void;
  };
}

let current: EnginePure | null = null;

/** Returns the engine. */
export function engine(): EnginePure {
  if (current === null) {
    throw new Error("there is no script engine");
  }
  return current;
}

/** Sets the engine, and returns the one before. */
export function setEngine(next: EnginePure | null): EnginePure | null {
  const before = current;
  current = next;
  return before;
}
