/**
 * What the SDK needs of its surroundings: the interfaces of the contract, and what web APIs are made of.
 *
 * In a component it is the engine (`../border.ts`), and in a test the doubles of `../testing`.
 */
import type {
  Definition, End, FileOptions, Identity, JsonText, Level, ListFilter, ListPage, ModelFilter, ModelPage, Outcome,
  Pair, QueryOptions, QueryPage, Resource, ResourceOptions, RunOutcome, StartOptions, VersionInfo, Written,
} from "./wire.js";

/** An error of the contract as the host returns it. Functions of `Host` throw it. */
export class HostError extends Error {
  /** The name of the case, or empty if the error is only a text. */
  readonly tag: string;
  /** The payload of the case, or the text. */
  readonly val: unknown;

  constructor(tag: string, val: unknown) {
    super(typeof val === "string" ? val : tag);
    this.name = "HostError";
    this.tag = tag;
    this.val = val;
  }
}

/** Something was used while the plugin is built, when there is no call. */
export class NoCall extends Error {
  constructor(message: string) {
    super(message);
    this.name = "NoCall";
  }
}

export interface HostFileWriter {
  write(bytes: Uint8Array): void;
  finish(): void;
  drop(): void;
}

export interface HostFileReader {
  info(): VersionInfo;
  /** Returns an empty array at the end. */
  read(bytesMax: number): Uint8Array;
  drop(): void;
}

export interface HostData {
  writeResource(spec: string, name: string, content: JsonText, options: ResourceOptions): void;
  createFile(spec: string, name: string, options: FileOptions): HostFileWriter;
  openFile(model: string, name: string, version: number | null): HostFileReader | null;
  readLatest(model: string, name: string): Resource | null;
  readVersion(model: string, name: string, version: number): Resource | null;
  listVersions(model: string, name: string): readonly VersionInfo[];
  list(model: string, filter: ListFilter): ListPage;
  query(predicate: string, options: QueryOptions): QueryPage;
  delete(name: string, version: number | null): void;
  publish(): readonly Written[];
}

export interface HostPending {
  /** Settles once the call has ended. */
  ended(): Promise<void>;
  /** Returns `null` while the call runs. Throws the `HostError` of a call that failed. */
  get(): Outcome | null;
  cancel(): void;
  drop(): void;
}

export interface HostCalls {
  start(target: string, method: string, args: JsonText): HostPending;
}

/** A stream of bytes from a program, a response or the like. */
export interface HostInput {
  /** Returns `null` at the end. */
  read(): Promise<Uint8Array | null>;
  drop(): void;
}

/** A stream of bytes to a program or of a request. */
export interface HostOutput {
  write(bytes: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

export interface HostProcess {
  readonly stdin: HostOutput | null;
  readonly stdout: HostInput;
  readonly stderr: HostInput;
  ended(): Promise<void>;
  /** Returns `null` while the program runs. Throws the `HostError` of one that did not end by itself. */
  get(): End | null;
  kill(): void;
  drop(): void;
}

export interface HostCommands {
  start(name: string, args: readonly string[], options: StartOptions): HostProcess;
}

export interface HostModels {
  list(filter: ModelFilter): ModelPage;
  get(name: string): Definition;
}

export interface HostSecret {
  placeholder(): string;
  basic(user: string): string;
  reveal(): Uint8Array;
  drop(): void;
}

export interface HostSecrets {
  get(name: string): HostSecret;
}

export interface HostWorkflows {
  run(workflow: string, inputs: JsonText): RunOutcome;
  start(workflow: string, inputs: JsonText): string;
}

export interface HostContext {
  who(): Identity;
  deadlineLeftMs(): number;
  cancelled(): boolean;
  /** Settles once the call is asked to end. */
  cancellation(): Promise<void>;
  folder(name: string): string;
  variable(name: string): string | null;
}

export interface HostLog {
  log(level: Level, message: string, fields: readonly { readonly key: string; readonly value: JsonText }[]): void;
}

export interface HostRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: readonly Pair[];
  readonly body: Uint8Array | AsyncIterable<Uint8Array> | null;
  /** Aborts the request. */
  readonly aborted: { onabort(action: () => void): void } | null;
}

export interface HostResponse {
  readonly status: number;
  readonly headers: readonly Pair[];
  readonly body: HostInput;
}

/** HTTP. The tag of a `HostError` is an error code of `wasi:http`, for example `HTTP-request-denied`. */
export interface HostHttp {
  send(request: HostRequest): Promise<HostResponse>;
}

export interface FileStat {
  readonly kind: "file" | "folder" | "link" | "other";
  readonly size: number;
  readonly modifiedMs: number | null;
}

export interface OpenOptions {
  readonly read?: boolean;
  readonly write?: boolean;
  readonly append?: boolean;
  readonly create?: boolean;
  readonly createNew?: boolean;
  readonly truncate?: boolean;
}

export interface HostFile {
  read(bytesMax: number): Uint8Array;
  write(bytes: Uint8Array): number;
  seek(position: number): void;
  position(): number;
  stat(): FileStat;
  truncate(size: number): void;
  drop(): void;
}

/**
 * Files below a granted folder. Paths begin with the path that `context.folder` returned. The tag of a
 * `HostError` is an error code of `wasi:filesystem`, for example `no-entry`.
 */
export interface HostFiles {
  open(path: string, options: OpenOptions): HostFile;
  stat(path: string, followLinks: boolean): FileStat;
  list(path: string): readonly { readonly name: string; readonly kind: FileStat["kind"] }[];
  createFolder(path: string): void;
  removeFile(path: string): void;
  removeFolder(path: string): void;
  rename(from: string, to: string): void;
}

export interface Host {
  readonly context: HostContext;
  readonly data: HostData;
  readonly calls: HostCalls;
  readonly commands: HostCommands;
  readonly models: HostModels;
  readonly secrets: HostSecrets;
  readonly workflows: HostWorkflows;
  readonly log: HostLog;
  readonly http: HostHttp;
  readonly files: HostFiles;
}

let current: Host | null = null;

/** Returns the host of the call that runs. */
export function host(): Host {
  if (current === null) {
    throw new NoCall("there is no call, and so nothing to read, write or send: move this into a method");
  }
  return current;
}

/** Sets the host of the call that runs, and returns the one before. */
export function setHost(next: Host | null): Host | null {
  const before = current;
  current = next;
  return before;
}
