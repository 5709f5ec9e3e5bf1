/** Definitions of models, secrets and folders. */
import { engine } from "../host/engine.js";
import { host, type FileStat, type HostFile, HostError, type HostSecret } from "../host/host.js";
import type { Definition as WireDefinition, ModelFilter as WireFilter, ModelPage } from "../host/wire.js";
import { concat } from "../prelude/blob.js";
import { wireTags, type Tags } from "./data.js";
import { SedgeError } from "./error_base.js";
import { converted, granted } from "./host_errors.js";
import { fromText, type Json } from "./json.js";

const PAGE_NAMES = 500;
const PIECE_BYTES = 256 << 10;

/** The definition of a model. */
export interface Definition {
  readonly name: string;
  /** `null` if the definition gives the model no id. */
  readonly id: string | null;
  readonly type: string;
  readonly typeVersion: string | null;
  readonly description: string | null;
  readonly tags: Tags;
  /**
   * The global arguments as they are written. A text with `${{` is an expression, a secret reads `[secret NAME]`, and
   * a sensitive value `[sensitive]`. `null` if the host does not know which values are sensitive.
   */
  readonly globalArguments: Readonly<Record<string, Json>> | null;
}

/** A definition that cannot be read. */
export interface UnreadableDefinition {
  readonly name: string;
  /** Why it cannot be read, for the user. */
  readonly unreadable: string;
}

function definition(it: WireDefinition): Definition {
  const text = it.globalArguments ?? null;
  return {
    name: it.name,
    id: it.id ?? null,
    type: it.type,
    typeVersion: it.typeVersion ?? null,
    description: it.description ?? null,
    tags: Object.fromEntries(it.tags.map(({ key, value }) => [key, value])),
    globalArguments: text === null ? null : (fromText(text) as Record<string, Json>),
  };
}

export interface ModelFilter {
  /** What the name begins with. */
  readonly prefix?: string;
  readonly type?: string;
  readonly tags?: Tags;
}

/** The definitions of models that the plugin may read. */
export class Models {
  /** Returns the definition of a model, by its name or its id. */
  async get(name: string): Promise<Definition> {
    return definition(converted("models-error", () => host().models.get(name), { name }));
  }

  /** Lists definitions, sorted by name, and those that cannot be read. */
  async *list(filter: ModelFilter = {}): AsyncGenerator<Definition | UnreadableDefinition, undefined> {
    let after: string | null = null;
    do {
      const wire: WireFilter = { prefix: filter.prefix ?? "", type: filter.type ?? null, tags: wireTags(filter.tags), after, countMax: PAGE_NAMES };
      const page: ModelPage = converted("models-error", () => host().models.list(wire));
      yield* page.models.map((it) => ("ok" in it ? definition(it.ok) : { name: it.err.name, unreadable: it.err.reason }));
      after = page.next ?? null;
    } while (after !== null);
    return undefined;
  }
}

/** A secret that the plugin may use. As a text it is a placeholder, which the host replaces in requests. */
export class Secret {
  readonly name: string;
  readonly #secret: HostSecret;

  constructor(name: string, secret: HostSecret) {
    this.name = name;
    this.#secret = secret;
  }

  /** The placeholder, for a path, a query, the value of a header, or a body. */
  toString(): string {
    return this.#secret.placeholder();
  }

  toJSON(): string {
    return this.toString();
  }

  [Symbol.toPrimitive](): string {
    return this.toString();
  }

  /** Returns the value of the header `authorization` for HTTP Basic. */
  basic(user: string): string {
    return `Basic ${this.#secret.basic(user)}`;
  }

  /** Returns the value itself, if that was granted. Throws `Denied` otherwise. */
  revealBytes(): Uint8Array {
    return granted(() => this.#secret.reveal());
  }

  /** Returns the value itself as a text, if that was granted. Throws `Denied` otherwise. */
  reveal(): string {
    return engine().text.decode(this.revealBytes(), false);
  }
}

/** Returns a secret that the plugin requests. */
export function secret(name: string): Secret {
  return new Secret(name, converted("secret-error", () => host().secrets.get(name)));
}

/** An error of a file in a folder. */
export class FileError extends SedgeError {
  /** What happened, as `wasi:filesystem` names it: `no-entry`, `access`, `exist`, `is-directory`, … */
  readonly reason: string;

  constructor(reason: string, folder: string, path: string) {
    super("io", `\`${path}\` in the folder \`${folder}\`: ${REASONS[reason] ?? reason}`);
    this.reason = reason;
  }
}

const REASONS: Readonly<Record<string, string>> = {
  "no-entry": "it does not exist",
  access: "access is not permitted",
  "not-permitted": "it is not permitted",
  exist: "it exists already",
  "is-directory": "it is a folder",
  "not-directory": "it is not a folder",
  "not-empty": "the folder is not empty",
  "read-only": "the folder is granted for reading only",
  "insufficient-space": "there is no space left",
  "name-too-long": "the name is too long",
  loop: "it has too many links",
};

/** Something in a folder. */
export interface FolderEntry {
  readonly name: string;
  readonly kind: FileStat["kind"];
}

/** A granted folder. Paths are relative to it and have `/` between their parts. */
export class Folder {
  readonly name: string;
  readonly #path: string;

  constructor(name: string, path: string) {
    this.name = name;
    this.#path = path;
  }

  #do<T>(path: string, action: (path: string) => T): T {
    const relative = path.split("/").filter((it) => it !== "" && it !== ".");
    try {
      return action([this.#path, ...relative].join("/"));
    } catch (error) {
      throw error instanceof HostError ? new FileError(error.tag, this.name, path) : error;
    }
  }

  /** Reads a file. */
  async readBytes(path: string): Promise<Uint8Array> {
    return this.#do(path, (at) => {
      const file = host().files.open(at, { read: true });
      try {
        const pieces: Uint8Array[] = [];
        for (let piece = file.read(PIECE_BYTES); piece.length > 0; piece = file.read(PIECE_BYTES)) {
          pieces.push(piece);
        }
        return concat(pieces);
      } finally {
        file.drop();
      }
    });
  }

  /** Reads a file as a text in UTF-8. */
  async readText(path: string): Promise<string> {
    return engine().text.decode(await this.readBytes(path), false);
  }

  /** Writes a file, and replaces the one that is there. */
  async write(path: string, content: Uint8Array | string, options: { readonly append?: boolean } = {}): Promise<void> {
    const bytes = typeof content === "string" ? engine().text.encode(content) : content;
    const append = options.append ?? false;
    this.#do(path, (at) => {
      const file = host().files.open(at, { write: true, create: true, append, truncate: !append });
      try {
        writeWhole(file, bytes);
      } finally {
        file.drop();
      }
    });
  }

  /** Returns what is known of a file or folder. Returns `null` if there is none. */
  async stat(path: string): Promise<{ readonly kind: FileStat["kind"]; readonly sizeBytes: number; readonly modifiedAt: Date | null } | null> {
    try {
      const it = this.#do(path, (at) => host().files.stat(at, true));
      return { kind: it.kind, sizeBytes: it.size, modifiedAt: it.modifiedMs === null ? null : new Date(it.modifiedMs) };
    } catch (error) {
      if (error instanceof FileError && error.reason === "no-entry") {
        return null;
      }
      throw error;
    }
  }

  /** Returns what is in a folder, sorted by name. */
  async list(path = ""): Promise<FolderEntry[]> {
    const found = this.#do(path, (at) => [...host().files.list(at)]);
    return found.sort((one, other) => (one.name < other.name ? -1 : 1));
  }

  /** Makes a folder, and those above it. */
  async makeFolder(path: string): Promise<void> {
    const parts = path.split("/").filter((it) => it !== "" && it !== ".");
    for (let n = 1; n <= parts.length; n += 1) {
      const at = parts.slice(0, n).join("/");
      if ((await this.stat(at))?.kind !== "folder") {
        this.#do(at, (it) => host().files.createFolder(it));
      }
    }
  }

  /** Removes a file, or an empty folder. */
  async remove(path: string): Promise<void> {
    const it = this.#do(path, (at) => host().files.stat(at, false));
    this.#do(path, (at) => (it.kind === "folder" ? host().files.removeFolder(at) : host().files.removeFile(at)));
  }

  /** Renames a file or a folder. */
  async rename(from: string, to: string): Promise<void> {
    this.#do(from, (one) => this.#do(to, (other) => host().files.rename(one, other)));
  }
}

/** Writes all bytes. */
export function writeWhole(file: HostFile, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) {
    at += file.write(bytes.subarray(at));
  }
}

/** Returns a folder that the plugin requests. */
export function folder(name: string): Folder {
  return new Folder(name, granted(() => host().context.folder(name)));
}
