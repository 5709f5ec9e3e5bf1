/** Data: resources and files that a method writes, and those of any model that the plugin may read. */
import type { z } from "zod";
import { engine } from "../host/engine.js";
import { host, type HostFileReader, type HostFileWriter } from "../host/host.js";
import type { DataKind, FileOptions, ListFilter, ListPage, QueryOptions as WireQueryOptions, QueryPage, Tag, VersionId, VersionInfo as WireInfo, WriteRetention } from "../host/wire.js";
import { concat } from "../prelude/blob.js";
import { DataFinished, DataInvalidContent, DataUnexpectedContent } from "./error_table.js";
import { converted } from "./host_errors.js";
import { fromText, NotJson, toText, type Json } from "./json.js";
import { violations, violationsText } from "./schema.js";

/** How many names a page of a list has. */
const PAGE_NAMES = 500;

/** How many bytes are read from a file, and buffered before they are written, at once. */
const PIECE_BYTES = 256 << 10;

/** Tags: texts by key. */
export type Tags = Readonly<Record<string, string>>;

/** The metadata of a version. */
export interface VersionInfo {
  readonly model: string;
  /** The name. It differs from the requested one if the data was renamed. */
  readonly name: string;
  readonly kind: DataKind;
  /** The spec that the version was written for. */
  readonly spec: string;
  /** The version number. `null` while the version is staged. */
  readonly version: number | null;
  /** `null` while the version is staged. */
  readonly createdAt: Date | null;
  readonly mediaType: string;
  readonly sizeBytes: number;
  readonly tags: Tags;
}

/** One version of a resource. */
export interface Resource<T = Json> {
  readonly info: VersionInfo;
  readonly content: T;
}

/** A version that a query found. */
export interface QueryMatch<T = Json> {
  readonly info: VersionInfo;
  /** The value of `select`. `null` if the query has none. */
  readonly value: T;
}

/** A version that a call wrote. */
export interface Written {
  readonly name: string;
  readonly version: number;
}

/** Where data is read, if it is not the own model's. */
export interface OfModel {
  readonly model?: string;
}

export interface ReadOptions<S extends z.ZodType = z.ZodType> extends OfModel {
  /** What the content has to be; without it, any JSON. */
  readonly schema?: S;
}

export interface WriteOptions {
  /** The name of the data; by default the name of its spec. */
  readonly name?: string;
  /** Tags besides those of the spec and of the model. */
  readonly tags?: Tags;
  /** How long this version is retained (`7d`); by default as long as the spec says. */
  readonly lifetime?: string;
  /** How many versions of the name are retained from now on (`10`), or for how long (`30d`). */
  readonly keep?: string | number;
}

export interface FileWriteOptions extends WriteOptions {
  /** The media type; by default that of the spec. */
  readonly mediaType?: string;
}

export interface ListOptions extends OfModel {
  /** What a name begins with. */
  readonly prefix?: string;
  readonly spec?: string;
  readonly tags?: Tags;
}

export interface QueryOptions<S extends z.ZodType = z.ZodType> {
  /** A CEL expression for the `value` of each match. */
  readonly select?: string;
  /** What the value of `select` has to be. */
  readonly schema?: S;
  /** Whether to look at all versions, and not only at the latest of each name. */
  readonly allVersions?: boolean;
}

/** Returns tags in the contract's form. */
export function wireTags(tags: Tags | undefined): Tag[] {
  return Object.entries(tags ?? {}).map(([key, value]) => ({ key, value }));
}

function retention(options: WriteOptions): WriteRetention {
  return { lifetime: options.lifetime ?? null, keep: options.keep === undefined ? null : String(options.keep) };
}

/** Returns metadata of the contract. */
export function versionInfo(it: WireInfo): VersionInfo {
  return {
    model: it.model,
    name: it.name,
    kind: it.kind,
    spec: it.spec,
    version: it.version ?? null,
    createdAt: it.createdAtMs === null || it.createdAtMs === undefined ? null : new Date(it.createdAtMs),
    mediaType: it.mediaType,
    sizeBytes: it.size,
    tags: Object.fromEntries(it.tags.map(({ key, value }) => [key, value])),
  };
}

function ownModel(): string {
  return host().context.who().model;
}

function contentText(content: unknown): string {
  try {
    return toText(content);
  } catch (error) {
    if (error instanceof NotJson) {
      throw new DataInvalidContent({ violations: [{ path: "", message: error.message }] });
    }
    throw error;
  }
}

/** Reads JSON text by a schema. */
function decoded(text: string, schema: z.ZodType | undefined, info: VersionInfo): unknown {
  const value = fromText(text);
  if (schema === undefined) {
    return value;
  }
  const result = schema.safeParse(value);
  if (result.success) {
    return result.data;
  }
  throw new DataUnexpectedContent({ model: info.model, name: info.name, message: violationsText(violations(result.error)) });
}

/** Stages the next version of a resource. */
export function writeResource(spec: string, content: unknown, options: WriteOptions): void {
  const text = contentText(content);
  converted("data-error", () =>
    host().data.writeResource(spec, options.name ?? spec, text, { tags: wireTags(options.tags), retention: retention(options) }),
  );
}

/** A file that is being written. Small pieces are buffered, and texts are written in UTF-8. */
export class FileWriter {
  #file: HostFileWriter | null;
  #pieces: Uint8Array[] = [];
  #size = 0;
  readonly #isLines: boolean;

  constructor(file: HostFileWriter, isLines: boolean) {
    this.#file = file;
    this.#isLines = isLines;
  }

  #opened(): HostFileWriter {
    if (this.#file === null) {
      throw new DataFinished();
    }
    return this.#file;
  }

  /** Appends bytes, or a text. */
  async write(piece: Uint8Array | string): Promise<void> {
    const file = this.#opened();
    const bytes = typeof piece === "string" ? engine().text.encode(piece) : piece;
    if (this.#isLines) {
      converted("data-error", () => file.write(bytes));
      return;
    }
    this.#pieces.push(bytes === piece ? bytes.slice() : bytes);
    this.#size += bytes.length;
    if (this.#size >= PIECE_BYTES) {
      this.#flush();
    }
  }

  /** Appends all pieces of a stream, for example the body of a response. */
  async writeAll(pieces: AsyncIterable<Uint8Array | string> | Iterable<Uint8Array | string>): Promise<void> {
    for await (const piece of pieces) {
      await this.write(piece);
    }
  }

  #flush(): void {
    const file = this.#opened();
    const bytes = concat(this.#pieces);
    this.#pieces = [];
    this.#size = 0;
    if (bytes.length > 0) {
      converted("data-error", () => file.write(bytes));
    }
  }

  /** Stages the file as the next version, once it is durable. */
  async finish(): Promise<void> {
    this.#flush();
    const file = this.#opened();
    this.#file = null;
    try {
      converted("data-error", () => file.finish());
    } finally {
      file.drop();
    }
  }

  /** Discards the file. */
  discard(): void {
    this.#file?.drop();
    this.#file = null;
    this.#pieces = [];
  }
}

/** A file that is being read. */
export class FileReader implements AsyncIterable<Uint8Array> {
  /** The metadata of the version. */
  readonly info: VersionInfo;
  #file: HostFileReader | null;

  constructor(file: HostFileReader) {
    this.#file = file;
    this.info = versionInfo(file.info());
  }

  /** Reads the next bytes. Returns `null` at the end. */
  async read(): Promise<Uint8Array | null> {
    const file = this.#file;
    if (file === null) {
      return null;
    }
    const piece = converted("data-error", () => file.read(PIECE_BYTES));
    if (piece.length > 0) {
      return piece;
    }
    this.close();
    return null;
  }

  /** Closes the file. It is closed at its end, too. */
  close(): void {
    this.#file?.drop();
    this.#file = null;
  }

  /** Reads to the end. */
  async bytes(): Promise<Uint8Array> {
    const pieces: Uint8Array[] = [];
    for await (const piece of this) {
      pieces.push(piece);
    }
    return concat(pieces);
  }

  /** Reads to the end, as a text in UTF-8. */
  async text(): Promise<string> {
    return engine().text.decode(await this.bytes(), false);
  }

  /** Reads the lines of a text, without their ends. */
  async *lines(): AsyncGenerator<string, undefined> {
    const decoder = new TextDecoder();
    let rest = "";
    for await (const piece of this) {
      const lines = (rest + decoder.decode(piece, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        yield line.endsWith("\r") ? line.slice(0, -1) : line;
      }
    }
    rest += decoder.decode();
    if (rest !== "") {
      yield rest;
    }
    return undefined;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, undefined> {
    try {
      for (let piece = await this.read(); piece !== null; piece = await this.read()) {
        yield piece;
      }
    } finally {
      this.close();
    }
    return undefined;
  }
}

function fileOptions(options: FileWriteOptions, lines: boolean): FileOptions {
  return { mediaType: options.mediaType ?? null, lines, tags: wireTags(options.tags), retention: retention(options) };
}

/** Starts the next version of a file. */
export function createFile(spec: string, options: FileWriteOptions, lines: boolean): FileWriter {
  const file = converted("data-error", () => host().data.createFile(spec, options.name ?? spec, fileOptions(options, lines)));
  return new FileWriter(file, lines);
}

/** Data of any model that the plugin may read. */
export class Data {
  /**
   * Reads the latest version of a resource, including staged ones. Returns `null` if there is none, or if it is a file.
   */
  async latest(name: string, options?: OfModel): Promise<Resource | null>;
  async latest<S extends z.ZodType>(name: string, options: OfModel & { readonly schema: S }): Promise<Resource<z.output<S>> | null>;
  async latest(name: string, options: ReadOptions = {}): Promise<Resource<unknown> | null> {
    const found = converted("data-error", () => host().data.readLatest(options.model ?? ownModel(), name));
    return found === null ? null : resource(found, options.schema);
  }

  /** Reads one committed version of a resource. Returns `null` if there is no such version, or if it is a file. */
  async version(name: string, version: number, options?: OfModel): Promise<Resource | null>;
  async version<S extends z.ZodType>(name: string, version: number, options: OfModel & { readonly schema: S }): Promise<Resource<z.output<S>> | null>;
  async version(name: string, version: number, options: ReadOptions = {}): Promise<Resource<unknown> | null> {
    const found = converted("data-error", () => host().data.readVersion(options.model ?? ownModel(), name, version));
    return found === null ? null : resource(found, options.schema);
  }

  /** Returns the committed versions, oldest first. */
  async versions(name: string, options: OfModel = {}): Promise<VersionInfo[]> {
    return converted("data-error", () => host().data.listVersions(options.model ?? ownModel(), name)).map(versionInfo);
  }

  /** Lists names, sorted, each with its latest version, including staged ones: `for await (const it of …)`. */
  async *list(options: ListOptions = {}): AsyncGenerator<VersionInfo, undefined> {
    const model = options.model ?? ownModel();
    let after: string | null = null;
    do {
      const filter: ListFilter = { prefix: options.prefix ?? "", spec: options.spec ?? null, tags: wireTags(options.tags), after, countMax: PAGE_NAMES };
      const page: ListPage = converted("data-error", () => host().data.list(model, filter));
      yield* page.versions.map(versionInfo);
      after = page.next ?? null;
    } while (after !== null);
    return undefined;
  }

  /**
   * Finds committed versions by a CEL expression, as `sedge data query` does:
   * `for await (const it of cx.data.query('spec == "reading" && attributes.celsius > 20'))`.
   */
  query(predicate: string, options?: Omit<QueryOptions, "schema">): AsyncGenerator<QueryMatch, undefined>;
  query<S extends z.ZodType>(predicate: string, options: QueryOptions<S> & { readonly schema: S }): AsyncGenerator<QueryMatch<z.output<S>>, undefined>;
  async *query(predicate: string, options: QueryOptions = {}): AsyncGenerator<QueryMatch<unknown>, undefined> {
    let after: VersionId | null = null;
    do {
      const wire: WireQueryOptions = { select: options.select ?? null, allVersions: options.allVersions ?? false, after, countMax: PAGE_NAMES };
      const page: QueryPage = converted("data-error", () => host().data.query(predicate, wire));
      for (const it of page.matches) {
        const info = versionInfo(it.info);
        const text = it.value ?? null;
        yield { info, value: text === null ? null : decoded(text, options.schema, info) };
      }
      after = page.next ?? null;
    } while (after !== null);
    return undefined;
  }

  /**
   * Opens a version of a file or resource; without `version`, the latest, including staged ones. Returns `null` if
   * there is none. The bytes of a resource are its JSON text.
   */
  async open(name: string, options: OfModel & { readonly version?: number } = {}): Promise<FileReader | null> {
    const file = converted("data-error", () => host().data.openFile(options.model ?? ownModel(), name, options.version ?? null));
    return file === null ? null : new FileReader(file);
  }

  /** Stages the deletion of a version; without `version`, of all. Only methods of kind `delete` may do that. */
  async delete(name: string, version?: number): Promise<void> {
    converted("data-error", () => host().data.delete(name, version ?? null));
  }

  /**
   * Commits what this call has staged so far, even if the call fails later. After that, the host can no longer roll
   * the call back and retry it if there is a deadlock.
   */
  async publish(): Promise<readonly Written[]> {
    return converted("data-error", () => host().data.publish());
  }
}

function resource(found: { readonly info: WireInfo; readonly content: string }, schema: z.ZodType | undefined): Resource<unknown> {
  const info = versionInfo(found.info);
  return { info, content: decoded(found.content, schema, info) };
}
