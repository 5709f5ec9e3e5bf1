/** Data of Sedge in the forms that swamp has for it. */
import { engine } from "../host/engine.js";
import { host, HostError } from "../host/host.js";
import type { DataKind, VersionInfo } from "../host/wire.js";
import { concat } from "../prelude/blob.js";
import { contractError, converted } from "../sdk/host_errors.js";
import { fromText } from "../sdk/json.js";

const PIECE_BYTES = 256 << 10;
const PAGE_NAMES = 500;

/** The type of a model as swamp has it: a text, and an object with some forms of it. */
export class SwampType {
  readonly raw: string;
  readonly normalized: string;

  constructor(type: string) {
    this.raw = type;
    this.normalized = type.toLowerCase();
  }

  toDirectoryPath(): string {
    return this.normalized;
  }

  toString(): string {
    return this.normalized;
  }

  toJSON(): string {
    return this.normalized;
  }

  equals(other: unknown): boolean {
    return String(other) === this.normalized;
  }
}

/** Data as swamp's repository returns it. */
export interface SwampData {
  readonly id: string;
  readonly name: string;
  readonly version: number;
  readonly contentType: string;
  readonly size: number;
  readonly createdAt: Date;
  readonly tags: Readonly<Record<string, string>>;
  readonly lifetime: string;
  readonly isLatest: boolean;
  readonly isDeleted: false;
  readonly kind: DataKind;
  readonly specName: string;
}

/** A version with its content, as swamp's queries return it. */
export interface DataRecord {
  readonly id: string;
  readonly name: string;
  readonly version: number;
  readonly isLatest: boolean;
  readonly createdAt: string;
  readonly namespace: string;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly tags: Readonly<Record<string, string>>;
  readonly modelName: string;
  readonly modelId: string;
  readonly modelType: string;
  readonly specName: string;
  readonly dataType: string;
  readonly contentType: string;
  readonly lifetime: string;
  readonly ownerType: string;
  readonly streaming: boolean;
  readonly size: number;
  readonly content: unknown;
  readonly path: string;
  readonly updatedAt: string;
  readonly ownerRef: string;
  readonly workflowRunId: string;
  readonly workflowName: string;
  readonly jobName: string;
  readonly stepName: string;
  readonly source: string;
}

/** Returns the tags with those that swamp adds. */
export function swampTags(info: { readonly spec: string; readonly kind: DataKind; readonly tags: VersionInfo["tags"] }): Record<string, string> {
  return { type: info.kind, specName: info.spec, ...Object.fromEntries(info.tags.map(({ key, value }) => [key, value])) };
}

/** Returns metadata as swamp has it. A version that is staged has the number that it will probably get. */
export function swampData(info: VersionInfo): SwampData {
  return {
    id: `${info.model}/${info.name}`,
    name: info.name,
    version: info.version ?? nextVersion(info.model, info.name),
    contentType: info.mediaType,
    size: info.size,
    createdAt: new Date(info.createdAtMs ?? Date.now()),
    tags: swampTags(info),
    lifetime: "infinite",
    isLatest: true,
    isDeleted: false,
    kind: info.kind,
    specName: info.spec,
  };
}

/** Returns the number that the next committed version of a name gets, if no other call writes it before. */
export function nextVersion(model: string, name: string): number {
  const versions = converted("data-error", () => host().data.listVersions(model, name));
  return (versions.at(-1)?.version ?? 0) + 1;
}

/** Returns the latest version of each name of a model. */
export function* listed(model: string, spec: string | null = null): Generator<VersionInfo, undefined> {
  let after: string | null = null;
  do {
    const filter = { prefix: "", spec, tags: [], after, countMax: PAGE_NAMES };
    const page = converted("data-error", () => host().data.list(model, filter)) as { versions: readonly VersionInfo[]; next: string | null };
    yield* page.versions;
    after = page.next ?? null;
  } while (after !== null);
  return undefined;
}

/** Returns the bytes of a version, or `null`. */
export function contentOf(model: string, name: string, version: number | null): Uint8Array | null {
  const file = converted("data-error", () => host().data.openFile(model, name, version));
  if (file === null) {
    return null;
  }
  try {
    const pieces: Uint8Array[] = [];
    for (let piece = file.read(PIECE_BYTES); piece.length > 0; piece = file.read(PIECE_BYTES)) {
      pieces.push(piece);
    }
    return concat(pieces);
  } finally {
    file.drop();
  }
}

/** Returns a version with its content. */
export function recordOf(info: VersionInfo, type: string): DataRecord {
  const bytes = contentOf(info.model, info.name, info.version ?? null);
  const text = bytes === null ? "" : engine().text.decode(bytes, false);
  const content: unknown = info.kind === "resource" && text !== "" ? fromText(text) : text;
  const isObject = typeof content === "object" && content !== null && !Array.isArray(content);
  const data = swampData(info);
  return {
    ...data,
    createdAt: data.createdAt.toISOString(),
    updatedAt: data.createdAt.toISOString(),
    namespace: "",
    attributes: isObject ? (content as Record<string, unknown>) : {},
    modelName: info.model,
    modelId: info.model,
    modelType: type,
    dataType: info.kind,
    ownerType: "model-method",
    streaming: false,
    content,
    path: "",
    ownerRef: info.model,
    workflowRunId: data.tags["workflowRunId"] ?? "",
    workflowName: data.tags["workflow"] ?? "",
    jobName: data.tags["job"] ?? "",
    stepName: data.tags["step"] ?? "",
    source: "",
  };
}

/** Returns the name of a model, which swamp code gives by its id or its name. */
export function modelName(id: unknown): string {
  const given = String(id ?? "");
  const own = host().context.who();
  if (given === "" || given === own.modelId || given === own.model) {
    return own.model;
  }
  try {
    return host().models.get(given).name;
  } catch (error) {
    if (error instanceof HostError && (error.tag === "not-found" || error.tag === "denied")) {
      return given;
    }
    throw contractError("models-error", error);
  }
}

/** Returns the type of a model, or an empty text if its definition cannot be read. */
export function typeOf(model: string): string {
  const own = host().context.who();
  if (model === own.model) {
    return own.type;
  }
  try {
    return host().models.get(model).type;
  } catch (error) {
    if (error instanceof HostError) {
      return "";
    }
    throw error;
  }
}

/** Runs something, and returns the fallback if there is no such model. */
export function ifThere<T>(action: () => T, otherwise: T): T {
  try {
    return action();
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "model-not-found") {
      return otherwise;
    }
    throw error;
  }
}
