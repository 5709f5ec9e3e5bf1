/** The datastore of a test, in memory. */
import type { HostData, HostFileReader, HostFileWriter } from "../host/host.js";
import { HostError } from "../host/host.js";
import type {
  DataKind, FileOptions, ListFilter, ListPage, MethodKind, QueryOptions, QueryPage, Resource, ResourceOptions, Retention, Tag, TypeInfo,
  VersionInfo, WriteRetention, Written,
} from "../host/wire.js";
import { concat } from "../prelude/blob.js";
import type { Clock } from "./clock.js";
import { NotScripted } from "./not_scripted.js";
import type { Permissions } from "./permissions.js";
import { schemaViolations, sealed } from "./validate.js";

const JSON_BYTES_MAX = 4 << 20;
const PAGE_MAX = 1000;
const LIFETIME = /^(ephemeral|job|workflow|infinite|[1-9][0-9]*(s|m|h|d|w|mo|y))$/;
const KEEP = /^[1-9][0-9]*(s|m|h|d|w|mo|y)?$/;

/** One version of data. */
export interface StoredVersion {
  readonly model: string;
  readonly name: string;
  readonly spec: string;
  readonly kind: DataKind;
  readonly mediaType: string;
  readonly bytes: Uint8Array;
  readonly tags: Readonly<Record<string, string>>;
  readonly lifetime: string | null;
  readonly keep: string | null;
  /** The content as others read it, if it has sensitive values. */
  readonly sealedText: string | null;
  readonly version: number | null;
  readonly createdAtMs: number | null;
}

function key(model: string, name: string): string {
  return JSON.stringify([model, name]);
}

/** The data of all models, and what the call has staged. */
export class Store {
  readonly #clock: Clock;
  readonly #versions = new Map<string, StoredVersion[]>();
  #staged: StoredVersion[] = [];
  #deleted: { readonly name: string; readonly version: number | null }[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(version: StoredVersion): Written {
    const of = key(version.model, version.name);
    const before = this.#versions.get(of) ?? [];
    const number = (before.at(-1)?.version ?? 0) + 1;
    this.#versions.set(of, [...before, { ...version, version: number, createdAtMs: this.#clock.nowMs() }]);
    return { name: version.name, version: number };
  }

  stage(version: StoredVersion): void {
    this.#staged.push(version);
  }

  stageDeletion(name: string, version: number | null): void {
    this.#deleted.push({ name, version });
  }

  commit(model: string): Written[] {
    const written = this.#staged.map((it) => this.add(it));
    for (const { name, version } of this.#deleted) {
      const of = key(model, name);
      const kept = version === null ? [] : this.versions(model, name).filter((it) => it.version !== version);
      if (kept.length === 0) {
        this.#versions.delete(of);
      } else {
        this.#versions.set(of, kept);
      }
    }
    this.discard();
    return written;
  }

  discard(): void {
    this.#staged = [];
    this.#deleted = [];
  }

  versions(model: string, name: string): StoredVersion[] {
    return this.#versions.get(key(model, name)) ?? [];
  }

  latest(model: string, name: string): StoredVersion | undefined {
    return this.#staged.findLast((it) => it.model === model && it.name === name) ?? this.versions(model, name).at(-1);
  }

  names(model: string): string[] {
    const committed = [...this.#versions.values()].flatMap((it) => (it[0]?.model === model ? [it[0].name] : []));
    return [...new Set([...committed, ...this.#staged.filter((it) => it.model === model).map((it) => it.name)])].sort();
  }

  hasModel(model: string): boolean {
    return [...this.#versions.values()].some((it) => it[0]?.model === model);
  }
}

function info(it: StoredVersion): VersionInfo {
  return {
    model: it.model, name: it.name, kind: it.kind, spec: it.spec, version: it.version, createdAtMs: it.createdAtMs,
    mediaType: it.mediaType, size: it.bytes.length, tags: Object.entries(it.tags).map(([name, value]) => ({ key: name, value })),
  };
}

function hasControl(text: string): boolean {
  return /[\u0000-\u001f\u007f-\u009f]/.test(text);
}

function checkName(name: string, tags: readonly Tag[]): void {
  const refuse = (text: string): never => {
    throw new HostError("invalid-name", text);
  };
  const size = Buffer.byteLength(name);
  if (size < 1 || size > 255 || hasControl(name)) {
    refuse(`${JSON.stringify(name)} is not a data name: it takes 1 to 255 bytes of text without control characters`);
  }
  for (const { key: of, value } of tags) {
    if (Buffer.byteLength(of) < 1 || Buffer.byteLength(of) > 100 || hasControl(of)) {
      refuse(`${JSON.stringify(of)} is not a tag's key: it takes 1 to 100 bytes without control characters`);
    }
    if (Buffer.byteLength(value) > 255 || hasControl(value)) {
      refuse(`the value of the tag \`${of}\` is longer than 255 bytes, or has control characters`);
    }
  }
}

function checkRetention({ lifetime, keep }: WriteRetention): void {
  if (lifetime !== null && !LIFETIME.test(lifetime)) {
    throw new HostError("invalid-retention", `\`${lifetime}\` is not a lifetime`);
  }
  if (keep !== null && !KEEP.test(keep)) {
    throw new HostError("invalid-retention", `\`${keep}\` is not a number of versions or time to keep`);
  }
}

/** A result that a test has scripted for a query. */
export interface ScriptedMatch {
  readonly version: StoredVersion;
  readonly value: unknown;
}

/** The double of the interface `data`. */
export class FakeData implements HostData {
  /** The kind of the method that runs. `null` in a check. */
  kind: MethodKind | null = null;
  method = "";
  readonly queries = new Map<string, ScriptedMatch[]>();
  readonly models = new Set<string>();
  readonly #model: string;
  readonly #info: TypeInfo;
  readonly #permissions: Permissions;
  readonly #store: Store;
  readonly #warn: (text: string) => void;

  constructor(model: string, of: TypeInfo, permissions: Permissions, store: Store, warn: (text: string) => void) {
    this.#model = model;
    this.#info = of;
    this.#permissions = permissions;
    this.#store = store;
    this.#warn = warn;
    this.models.add(model);
  }

  #writes(): void {
    if (this.kind === null || this.kind === "read") {
      throw new HostError("read-only", null);
    }
  }

  #mayRead(model: string): void {
    if (model === this.#model) {
      return;
    }
    const denial = this.#permissions.denialOfName("models", `read the data of \`${model}\``, model);
    if (denial !== null) {
      throw new HostError("denied", denial);
    }
    if (!this.models.has(model) && !this.#store.hasModel(model)) {
      throw new HostError("model-not-found", model);
    }
  }

  /** Returns a version as this model reads it. */
  #seen(it: StoredVersion): Uint8Array {
    return it.sealedText !== null && it.model !== this.#model ? new Uint8Array(Buffer.from(it.sealedText)) : it.bytes;
  }

  writeResource(spec: string, name: string, content: string, options: ResourceOptions): void {
    this.#writes();
    const known = this.#info.resources.find((it) => it.name === spec);
    if (known === undefined) {
      throw new HostError("undeclared", spec);
    }
    checkName(name, options.tags);
    checkRetention(options.retention);
    const bytes = new Uint8Array(Buffer.from(content));
    if (bytes.length > JSON_BYTES_MAX) {
      throw new HostError("limit", { name: "json-bytes", value: JSON_BYTES_MAX });
    }
    const value = JSON.parse(content) as unknown;
    const found = schemaViolations(known.schema, value);
    if (found.length > 0 && known.onViolation === "refuse") {
      throw new HostError("invalid-content", found);
    }
    for (const it of found) {
      this.#warn(`\`${name}\` does not fit the schema of \`${spec}\`: ${it.path === "" ? "" : `${it.path}: `}${it.message}`);
    }
    const sealedText = JSON.stringify(sealed(known.schema, value));
    const version = { spec, name, kind: "resource" as const, mediaType: "application/json", bytes, sealedText: sealedText === JSON.stringify(value) ? null : sealedText };
    this.#stage(version, options, known.retention);
  }

  #stage(of: Pick<StoredVersion, "spec" | "name" | "kind" | "mediaType" | "bytes" | "sealedText">, options: ResourceOptions, spec: Retention): void {
    this.#store.stage({
      ...of,
      model: this.#model,
      tags: { ...Object.fromEntries(spec.tags), ...Object.fromEntries(options.tags.map((it) => [it.key, it.value])) },
      lifetime: options.retention.lifetime ?? spec.lifetime,
      keep: options.retention.keep ?? spec.keep,
      version: null,
      createdAtMs: null,
    });
  }

  createFile(spec: string, name: string, options: FileOptions): HostFileWriter {
    this.#writes();
    const known = this.#info.files.find((it) => it.name === spec);
    if (known === undefined) {
      throw new HostError("undeclared", spec);
    }
    checkName(name, options.tags);
    checkRetention(options.retention);
    const mediaType = options.mediaType ?? known.mediaType;
    if (!/^[\w.+-]+\/[\w.+-]+(;.*)?$/.test(mediaType)) {
      throw new HostError("invalid-name", `\`${mediaType}\` is not a media type`);
    }
    const pieces: Uint8Array[] = [];
    let isFinished = false;
    const open = (): void => {
      if (isFinished) {
        throw new HostError("finished", null);
      }
    };
    return {
      write: (bytes) => {
        open();
        pieces.push(bytes.slice(), ...(options.lines ? [new Uint8Array([0x0a])] : []));
      },
      finish: () => {
        open();
        isFinished = true;
        this.#stage({ spec, name, kind: "file", mediaType, bytes: concat(pieces), sealedText: null }, options, known.retention);
      },
      drop: () => undefined,
    };
  }

  openFile(model: string, name: string, version: number | null): HostFileReader | null {
    this.#mayRead(model);
    const found = version === null ? this.#store.latest(model, name) : this.#store.versions(model, name).find((it) => it.version === version);
    if (found === undefined) {
      return null;
    }
    const bytes = this.#seen(found);
    let at = 0;
    return {
      info: () => info(found),
      read: (max) => {
        const piece = bytes.slice(at, at + max);
        at += piece.length;
        return piece;
      },
      drop: () => undefined,
    };
  }

  #resource(found: StoredVersion | undefined): Resource | null {
    return found === undefined || found.kind === "file" ? null : { info: info(found), content: Buffer.from(this.#seen(found)).toString() };
  }

  readLatest(model: string, name: string): Resource | null {
    this.#mayRead(model);
    return this.#resource(this.#store.latest(model, name));
  }

  readVersion(model: string, name: string, version: number): Resource | null {
    this.#mayRead(model);
    return this.#resource(this.#store.versions(model, name).find((it) => it.version === version));
  }

  listVersions(model: string, name: string): VersionInfo[] {
    this.#mayRead(model);
    return this.#store.versions(model, name).map(info);
  }

  list(model: string, filter: ListFilter): ListPage {
    this.#mayRead(model);
    const found = this.#store.names(model).flatMap((name) => {
      const it = this.#store.latest(model, name);
      const isMatch =
        it !== undefined && name.startsWith(filter.prefix) && (filter.after === null || name > filter.after) &&
        (filter.spec === null || filter.spec === it.spec) && filter.tags.every((tag) => it.tags[tag.key] === tag.value);
      return isMatch ? [info(it)] : [];
    });
    const versions = found.slice(0, Math.min(filter.countMax, PAGE_MAX));
    return { versions, next: versions.length < found.length ? (versions.at(-1)?.name ?? null) : null };
  }

  query(predicate: string, options: QueryOptions): QueryPage {
    const found = this.queries.get(predicate);
    if (found === undefined) {
      throw new NotScripted(`the method queries ${JSON.stringify(predicate)}; a test has no CEL, so script the result: test.onQuery(${JSON.stringify(predicate)}, […])`);
    }
    const matches = found.map((it) => ({ info: info(it.version), value: options.select === null ? null : JSON.stringify(it.value) }));
    return { matches, looked: matches.length, faults: null, next: null };
  }

  delete(name: string, version: number | null): void {
    if (this.kind !== "delete") {
      throw new HostError("denied", `\`${this.method}\` may not delete data: it is of kind \`${this.kind ?? "check"}\`, not \`delete\``);
    }
    this.#store.stageDeletion(name, version);
  }

  publish(): Written[] {
    this.#writes();
    return this.#store.commit(this.#model);
  }
}
