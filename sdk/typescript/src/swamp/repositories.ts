/** `dataRepository`, `definitionRepository` and queries of swamp. */
import { host, HostError } from "../host/host.js";
import type { Definition as WireDefinition, ModelFilter, ModelPage, QueryOptions, QueryPage, VersionId, VersionInfo } from "../host/wire.js";
import { DataDenied } from "../sdk/error_table.js";
import { Failure } from "../sdk/error_base.js";
import { contractError, converted } from "../sdk/host_errors.js";
import { fromText } from "../sdk/json.js";
import { translated } from "./query.js";
import { contentOf, ifThere, listed, modelName, recordOf, swampData, SwampType, typeOf, type DataRecord, type SwampData } from "./records.js";

const PAGE_NAMES = 500;

/** Returns an error that names a member of swamp's context that Sedge does not have. */
export function absent(member: string, instead: string): Failure {
  return new Failure("not-supported", `\`context.${member}\` is not supported: ${instead}`, { keepWrites: true });
}

function ownModelOnly(member: string, model: string): void {
  const own = host().context.who().model;
  if (model !== own) {
    throw absent(member, `a model changes only its own data, and \`${model}\` is another model than \`${own}\``);
  }
}

function versionOf(info: readonly VersionInfo[], version: number | undefined): VersionInfo | undefined {
  return version === undefined ? info.at(-1) : info.find((it) => it.version === version);
}

interface GlobalData {
  readonly data: SwampData;
  readonly modelType: SwampType;
  readonly modelId: string;
}

function definitions(filter: Partial<ModelFilter> = {}): WireDefinition[] {
  const found: WireDefinition[] = [];
  let after: string | null = null;
  do {
    const wire: ModelFilter = { prefix: "", type: null, tags: [], after, countMax: PAGE_NAMES, ...filter };
    const page: ModelPage = converted("models-error", () => host().models.list(wire));
    found.push(...page.models.flatMap((it) => ("ok" in it ? [it.ok] : [])));
    after = page.next ?? null;
  } while (after !== null);
  return found;
}

function allData(type: string | null): GlobalData[] {
  return definitions(type === null ? {} : { type }).flatMap((it) =>
    [...ifThere(() => [...listed(it.name)], [])].map((info) => ({ data: swampData(info), modelType: new SwampType(it.type), modelId: it.name })),
  );
}

/** `context.dataRepository`. The type of a model is not needed to find it, because names are unique. */
export const dataRepository = {
  namespace: "",

  async findAllForModel(_type: unknown, modelId: unknown): Promise<SwampData[]> {
    return this.findAllForModelSync(_type, modelId);
  },

  findAllForModelSync(_type: unknown, modelId: unknown): SwampData[] {
    return ifThere(() => [...listed(modelName(modelId))].map(swampData), []);
  },

  async findAllGlobal(): Promise<GlobalData[]> {
    return allData(null);
  },

  async findAllForType(type: unknown): Promise<GlobalData[]> {
    return allData(String(type));
  },

  async findBySpec(model: unknown, spec: string): Promise<DataRecord[]> {
    return readModelData(String(model), spec);
  },

  async findByName(_type: unknown, modelId: unknown, name: string, version?: number): Promise<SwampData | null> {
    return this.findByNameSync(_type, modelId, name, version);
  },

  findByNameSync(_type: unknown, modelId: unknown, name: string, version?: number): SwampData | null {
    const model = modelName(modelId);
    const found = ifThere(() => (version === undefined ? latest(model, name) : versionOf(versions(model, name), version)), undefined);
    return found === undefined ? null : swampData(found);
  },

  async listVersions(_type: unknown, modelId: unknown, name: string): Promise<number[]> {
    return this.listVersionsSync(_type, modelId, name);
  },

  listVersionsSync(_type: unknown, modelId: unknown, name: string): number[] {
    return ifThere(() => versions(modelName(modelId), name).flatMap((it) => (it.version === null ? [] : [it.version])), []);
  },

  getLatestVersionSync(_type: unknown, modelId: unknown, name: string): number | null {
    return this.findByNameSync(_type, modelId, name)?.version ?? null;
  },

  async getContent(_type: unknown, modelId: unknown, name: string, version?: number): Promise<Uint8Array | null> {
    return this.getContentSync(_type, modelId, name, version);
  },

  getContentSync(_type: unknown, modelId: unknown, name: string, version?: number): Uint8Array | null {
    const model = modelName(modelId);
    return ifThere(() => contentOf(model, name, committed(model, name, version)), null);
  },

  async *stream(_type: unknown, modelId: unknown, name: string, version?: number): AsyncGenerator<Uint8Array> {
    const content = this.getContentSync(_type, modelId, name, version);
    if (content !== null) {
      yield content;
    }
  },

  async delete(_type: unknown, modelId: unknown, name: string, version?: number): Promise<void> {
    ownModelOnly("dataRepository.delete", modelName(modelId));
    deleteData(name, version ?? null);
  },

  nextId: (): string => crypto.randomUUID(),

  save: (): never => {
    throw absent("dataRepository.save", "write by `context.writeResource` or `context.createFileWriter`");
  },
  append: (): never => {
    throw absent("dataRepository.append", "write lines by `context.createFileWriter`");
  },
  rename: (): never => {
    throw absent("dataRepository.rename", "a user renames data: sedge data rename");
  },
  getPath: (): never => {
    throw absent("dataRepository.getPath", "data is no file that a plugin can open; read it by `getContent`");
  },
  getContentPath: (): never => {
    throw absent("dataRepository.getContentPath", "data is no file that a plugin can open; read it by `getContent`");
  },
  allocateVersion: (): never => {
    throw absent("dataRepository.allocateVersion", "write by `context.createFileWriter`");
  },
  finalizeVersion: (): never => {
    throw absent("dataRepository.finalizeVersion", "write by `context.createFileWriter`");
  },
  collectGarbage: (): never => {
    throw absent("dataRepository.collectGarbage", "the host removes versions by their retention");
  },
  removeLatestMarker: (): never => {
    throw absent("dataRepository.removeLatestMarker", "delete the data by `context.deleteResource`");
  },
};

function versions(model: string, name: string): readonly VersionInfo[] {
  return converted("data-error", () => host().data.listVersions(model, name));
}

/** Returns the latest version, also if it is staged. */
function latest(model: string, name: string): VersionInfo | undefined {
  const file = converted("data-error", () => host().data.openFile(model, name, null));
  if (file === null) {
    return undefined;
  }
  try {
    return file.info();
  } finally {
    file.drop();
  }
}

/** Returns the version to open. A number that is not committed yet is that of the staged version. */
function committed(model: string, name: string, version: number | undefined): number | null {
  if (version === undefined) {
    return null;
  }
  const last = versions(model, name).at(-1)?.version ?? 0;
  return version > last ? null : version;
}

/** Deletes data of the own model. */
export function deleteData(name: string, version: number | null): void {
  try {
    converted("data-error", () => host().data.delete(name, version));
  } catch (error) {
    if (error instanceof DataDenied) {
      throw new Failure("denied", `${error.message}; a method that deletes data is named \`delete\`, \`destroy\` or \`remove\`, or says \`kind: "delete"\``, { keepWrites: true });
    }
    throw error;
  }
}

/** `context.readModelData`. */
export function readModelData(model: string, spec?: string): DataRecord[] {
  const name = modelName(model);
  const type = typeOf(name);
  return ifThere(() => [...listed(name, spec ?? null)].map((it) => recordOf(it, type)), []);
}

/** `context.queryData`: records, or the values of `select`. */
export function queryData(predicate: string, select?: string): unknown[] {
  const found: unknown[] = [];
  let after: VersionId | null = null;
  do {
    const options: QueryOptions = { select: select === undefined ? null : translated(select), allVersions: false, after, countMax: PAGE_NAMES };
    const page: QueryPage = converted("data-error", () => host().data.query(translated(predicate), options));
    for (const it of page.matches) {
      const value = it.value ?? null;
      found.push(select === undefined ? recordOf(it.info, typeOf(it.info.model)) : value === null ? null : fromText(value));
    }
    after = page.next ?? null;
  } while (after !== null);
  return found;
}

/** A definition as swamp has it. */
export interface SwampDefinition {
  readonly id: string;
  readonly name: string;
  readonly version: number;
  readonly type: SwampType;
  readonly tags: Readonly<Record<string, string>>;
  readonly globalArguments: Readonly<Record<string, unknown>>;
}

function swampDefinition(it: WireDefinition): SwampDefinition {
  const text = it.globalArguments ?? null;
  return {
    id: it.id ?? it.name,
    name: it.name,
    version: 1,
    type: new SwampType(it.type),
    tags: Object.fromEntries(it.tags.map(({ key, value }) => [key, value])),
    globalArguments: text === null ? {} : (fromText(text) as Record<string, unknown>),
  };
}

function definitionOf(name: string): SwampDefinition | null {
  try {
    return swampDefinition(host().models.get(name));
  } catch (error) {
    if (error instanceof HostError && error.tag === "not-found") {
      return null;
    }
    throw contractError("models-error", error);
  }
}

function ofType(found: SwampDefinition | null, type: unknown): SwampDefinition | null {
  return found !== null && found.type.equals(String(type)) ? found : null;
}

/** `context.definitionRepository`. */
export const definitionRepository = {
  findById: async (type: unknown, id: unknown): Promise<SwampDefinition | null> => ofType(definitionOf(String(id)), type),
  findByName: async (type: unknown, name: string): Promise<SwampDefinition | null> => ofType(definitionOf(name), type),
  findAll: async (type: unknown): Promise<SwampDefinition[]> => definitions({ type: String(type) }).map(swampDefinition),
  async findByNameGlobal(name: string): Promise<{ definition: SwampDefinition; type: SwampType } | null> {
    const definition = definitionOf(name);
    return definition === null ? null : { definition, type: definition.type };
  },
  async findAllGlobal(): Promise<{ definition: SwampDefinition; type: SwampType }[]> {
    return definitions().map(swampDefinition).map((definition) => ({ definition, type: definition.type }));
  },
  nextId: (): string => crypto.randomUUID(),
  save: (): never => {
    throw absent("definitionRepository.save", "definitions are files of the operator: sedge model create");
  },
  delete: (): never => {
    throw absent("definitionRepository.delete", "definitions are files of the operator: sedge model delete");
  },
  getPath: (): never => {
    throw absent("definitionRepository.getPath", "definitions are files of the operator; read them by `findById`");
  },
};
