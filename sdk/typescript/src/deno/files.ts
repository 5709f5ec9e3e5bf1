/** The file functions of Deno. They do not wait for anything, so each pair of them is one function. */
import { engine } from "../host/engine.js";
import { host, HostError, type FileStat, type HostFile } from "../host/host.js";
import { concat } from "../prelude/blob.js";
import { writeWhole } from "../sdk/outside.js";
import { denoError, notSupported, ofFiles } from "./errors.js";
import { embeddedText, hostPath, pathText, temporaryFolder } from "./paths.js";

const PIECE_BYTES = 256 << 10;

interface WriteOptions {
  append?: boolean;
  create?: boolean;
  createNew?: boolean;
  mode?: number;
}

interface FileInfo {
  readonly isFile: boolean;
  readonly isDirectory: boolean;
  readonly isSymlink: boolean;
  readonly size: number;
  readonly mtime: Date | null;
  readonly atime: null;
  readonly birthtime: null;
  readonly ctime: null;
  readonly mode: null;
  readonly uid: null;
  readonly gid: null;
}

function info(it: FileStat): FileInfo {
  return {
    isFile: it.kind === "file", isDirectory: it.kind === "folder", isSymlink: it.kind === "link", size: it.size,
    mtime: it.modifiedMs === null ? null : new Date(it.modifiedMs),
    atime: null, birthtime: null, ctime: null, mode: null, uid: null, gid: null,
  };
}

function readAll(file: HostFile): Uint8Array<ArrayBuffer> {
  const pieces: Uint8Array[] = [];
  for (let piece = file.read(PIECE_BYTES); piece.length > 0; piece = file.read(PIECE_BYTES)) {
    pieces.push(piece);
  }
  return concat(pieces);
}

function readFileSync(path: unknown): Uint8Array<ArrayBuffer> {
  const at = pathText(path);
  const text = embeddedText(at);
  if (text !== undefined) {
    return engine().text.encode(text);
  }
  const target = hostPath(at);
  return ofFiles("open", at, () => {
    const file = host().files.open(target, { read: true });
    try {
      return readAll(file);
    } finally {
      file.drop();
    }
  });
}

function readTextFileSync(path: unknown): string {
  return engine().text.decode(readFileSync(path), false);
}

function writeFileSync(path: unknown, data: Uint8Array, options: WriteOptions = {}): void {
  const at = pathText(path);
  const target = hostPath(at);
  const { append = false, create = true, createNew = false } = options;
  ofFiles("open", at, () => {
    const file = host().files.open(target, { write: true, append, create, createNew, truncate: !append });
    try {
      writeWhole(file, data);
    } finally {
      file.drop();
    }
  });
}

function writeTextFileSync(path: unknown, text: string, options: WriteOptions = {}): void {
  writeFileSync(path, engine().text.encode(String(text)), options);
}

function statSync(path: unknown): FileInfo {
  const at = pathText(path);
  const target = hostPath(at);
  return info(ofFiles("stat", at, () => host().files.stat(target, true)));
}

function lstatSync(path: unknown): FileInfo {
  const at = pathText(path);
  const target = hostPath(at);
  return info(ofFiles("lstat", at, () => host().files.stat(target, false)));
}

function* readDirSync(path: unknown): Generator<{ name: string; isFile: boolean; isDirectory: boolean; isSymlink: boolean }> {
  const at = pathText(path);
  const target = hostPath(at);
  for (const it of ofFiles("readdir", at, () => host().files.list(target))) {
    yield { name: it.name, isFile: it.kind === "file", isDirectory: it.kind === "folder", isSymlink: it.kind === "link" };
  }
}

async function* readDir(path: unknown): AsyncGenerator<{ name: string; isFile: boolean; isDirectory: boolean; isSymlink: boolean }> {
  yield* readDirSync(path);
}

function exists(target: string): FileStat | null {
  try {
    return host().files.stat(target, false);
  } catch (error) {
    if (error instanceof HostError) {
      return null;
    }
    throw error;
  }
}

function mkdirSync(path: unknown, options: { recursive?: boolean; mode?: number } = {}): void {
  const at = pathText(path);
  if (!options.recursive) {
    const target = hostPath(at);
    ofFiles("mkdir", at, () => host().files.createFolder(target));
    return;
  }
  const root = hostPath(at);
  const parts = root.split("/");
  const missing: string[] = [];
  for (let n = parts.length; n > 1; n -= 1) {
    const folder = parts.slice(0, n).join("/");
    if (exists(folder) !== null) {
      break;
    }
    missing.unshift(folder);
  }
  for (const folder of missing) {
    ofFiles("mkdir", at, () => host().files.createFolder(folder));
  }
}

function removeTree(target: string): void {
  if (host().files.stat(target, false).kind !== "folder") {
    host().files.removeFile(target);
    return;
  }
  for (const { name } of host().files.list(target)) {
    removeTree(`${target}/${name}`);
  }
  host().files.removeFolder(target);
}

function removeSync(path: unknown, options: { recursive?: boolean } = {}): void {
  const at = pathText(path);
  const target = hostPath(at);
  ofFiles("remove", at, () => {
    if (options.recursive) {
      removeTree(target);
    } else if (host().files.stat(target, false).kind === "folder") {
      host().files.removeFolder(target);
    } else {
      host().files.removeFile(target);
    }
  });
}

function renameSync(from: unknown, to: unknown): void {
  const [one, other] = [pathText(from), pathText(to)];
  const [source, target] = [hostPath(one), hostPath(other)];
  ofFiles("rename", one, () => host().files.rename(source, target));
}

function copyFileSync(from: unknown, to: unknown): void {
  writeFileSync(to, readFileSync(from));
}

interface TemporaryOptions {
  dir?: string;
  prefix?: string;
  suffix?: string;
}

function temporaryName(options: TemporaryOptions): string {
  const random = Array.from(engine().random(6), (it) => it.toString(16).padStart(2, "0")).join("");
  return `${options.dir ?? temporaryFolder()}/${options.prefix ?? ""}${random}${options.suffix ?? ""}`;
}

function makeTempDirSync(options: TemporaryOptions = {}): string {
  const path = temporaryName(options);
  mkdirSync(path);
  return path;
}

function makeTempFileSync(options: TemporaryOptions = {}): string {
  const path = temporaryName(options);
  writeFileSync(path, new Uint8Array(0), { createNew: true });
  return path;
}

function truncateSync(path: unknown, size = 0): void {
  const at = pathText(path);
  const target = hostPath(at);
  ofFiles("truncate", at, () => {
    const file = host().files.open(target, { write: true });
    try {
      file.truncate(size);
    } finally {
      file.drop();
    }
  });
}

/** An open file: `Deno.open`. */
class FsFile {
  readonly #file: HostFile;

  constructor(file: HostFile) {
    this.#file = file;
  }

  readSync(target: Uint8Array): number | null {
    const piece = this.#file.read(target.length);
    target.set(piece);
    return piece.length === 0 && target.length > 0 ? null : piece.length;
  }

  async read(target: Uint8Array): Promise<number | null> {
    return this.readSync(target);
  }

  writeSync(bytes: Uint8Array): number {
    return this.#file.write(bytes);
  }

  async write(bytes: Uint8Array): Promise<number> {
    return this.writeSync(bytes);
  }

  seekSync(offset: number, whence: number): number {
    const base = whence === 0 ? 0 : whence === 1 ? this.#file.position() : this.#file.stat().size;
    this.#file.seek(base + offset);
    return base + offset;
  }

  async seek(offset: number, whence: number): Promise<number> {
    return this.seekSync(offset, whence);
  }

  statSync(): FileInfo {
    return info(this.#file.stat());
  }

  async stat(): Promise<FileInfo> {
    return this.statSync();
  }

  truncateSync(size = 0): void {
    this.#file.truncate(size);
  }

  async truncate(size = 0): Promise<void> {
    this.truncateSync(size);
  }

  get readable(): ReadableStream<Uint8Array> {
    const file = this.#file;
    return new ReadableStream<Uint8Array>({
      pull(controller) {
        const piece = file.read(PIECE_BYTES);
        if (piece.length === 0) {
          file.drop();
          controller.close();
        } else {
          controller.enqueue(piece as Uint8Array<ArrayBuffer>);
        }
      },
      cancel: () => file.drop(),
    });
  }

  get writable(): WritableStream<Uint8Array> {
    const file = this.#file;
    return new WritableStream<Uint8Array>({ write: (bytes) => writeWhole(file, bytes), close: () => file.drop() });
  }

  close(): void {
    this.#file.drop();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

function openSync(path: unknown, options: { read?: boolean; write?: boolean; append?: boolean; create?: boolean; createNew?: boolean; truncate?: boolean } = { read: true }): FsFile {
  const at = pathText(path);
  const target = hostPath(at);
  return new FsFile(ofFiles("open", at, () => host().files.open(target, options)));
}

function asynchronous<A extends readonly unknown[], T>(action: (...args: A) => T): (...args: A) => Promise<T> {
  return async (...args) => action(...args);
}

function refused(name: string, instead: string): () => never {
  return () => {
    throw notSupported(`Deno.${name}`, instead);
  };
}

/** All file functions. */
export const files = {
  SeekMode: { Start: 0, Current: 1, End: 2 },
  FsFile,
  readFileSync, readTextFileSync, writeFileSync, writeTextFileSync, statSync, lstatSync, readDirSync, mkdirSync,
  removeSync, renameSync, copyFileSync, makeTempDirSync, makeTempFileSync, truncateSync, openSync, readDir,
  readFile: asynchronous(readFileSync),
  readTextFile: asynchronous(readTextFileSync),
  async writeFile(path: unknown, data: Uint8Array | AsyncIterable<Uint8Array>, options: WriteOptions = {}): Promise<void> {
    if (data instanceof Uint8Array) {
      writeFileSync(path, data, options);
      return;
    }
    let { append = false } = options;
    for await (const piece of data) {
      writeFileSync(path, piece, { ...options, append });
      append = true;
    }
  },
  async writeTextFile(path: unknown, text: string | AsyncIterable<string>, options: WriteOptions = {}): Promise<void> {
    if (typeof text === "string") {
      writeTextFileSync(path, text, options);
      return;
    }
    let { append = false } = options;
    for await (const piece of text) {
      writeTextFileSync(path, piece, { ...options, append });
      append = true;
    }
  },
  stat: asynchronous(statSync),
  lstat: asynchronous(lstatSync),
  mkdir: asynchronous(mkdirSync),
  remove: asynchronous(removeSync),
  rename: asynchronous(renameSync),
  copyFile: asynchronous(copyFileSync),
  makeTempDir: asynchronous(makeTempDirSync),
  makeTempFile: asynchronous(makeTempFileSync),
  truncate: asynchronous(truncateSync),
  open: asynchronous(openSync),
  async create(path: unknown): Promise<FsFile> {
    return openSync(path, { read: true, write: true, create: true, truncate: true });
  },
  async realPath(path: unknown): Promise<string> {
    statSync(path);
    return pathText(path);
  },
  // A granted folder has no modes and owners that a plugin can set.
  async chmod(): Promise<void> {},
  chmodSync(): void {},
  chown: refused("chown", "the operator decides who owns files"),
  symlink: refused("symlink", "write a copy of the file"),
  link: refused("link", "write a copy of the file"),
  watchFs: refused("watchFs", "a call does not wait for changes of files"),
};

export { denoError };
