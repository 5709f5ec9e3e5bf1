/** `node:fs/promises`: files below the folders that the plugin requests, as with `Deno.readFile` and its like. */
import { files } from "../deno/files.js";
import { Buffer } from "./buffer.js";

const CODES: Readonly<Record<string, string>> = {
  NotFound: "ENOENT", PermissionDenied: "EACCES", NotCapable: "EACCES", AlreadyExists: "EEXIST", IsADirectory: "EISDIR", NotADirectory: "ENOTDIR",
};

/** Runs a function of files, and throws its errors with the codes of node. */
export function withCodes<T>(action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw error instanceof Error && error.name in CODES ? Object.assign(error, { code: CODES[error.name] }) : error;
  }
}

type Options = string | { readonly encoding?: string | null; readonly flag?: string } | null | undefined;

function encodingOf(options: Options): string | null {
  return (typeof options === "string" ? options : options?.encoding) ?? null;
}

export function readFileSync(path: unknown, options?: Options): Buffer | string {
  const bytes = Buffer.from(withCodes(() => files.readFileSync(path)));
  const encoding = encodingOf(options);
  return encoding === null ? bytes : bytes.toString(encoding);
}

export function writeFileSync(path: unknown, data: string | Uint8Array, options?: Options): void {
  const append = typeof options === "object" && options?.flag === "a";
  withCodes(() => files.writeFileSync(path, typeof data === "string" ? Buffer.from(data) : data, { append }));
}

export function appendFileSync(path: unknown, data: string | Uint8Array): void {
  writeFileSync(path, data, { flag: "a" });
}

export function statSync(path: unknown): object {
  const it = withCodes(() => files.statSync(path));
  return { ...it, mtimeMs: it.mtime?.getTime() ?? 0, isFile: () => it.isFile, isDirectory: () => it.isDirectory, isSymbolicLink: () => it.isSymlink };
}

export function readdirSync(path: unknown): string[] {
  return withCodes(() => [...files.readDirSync(path)]).map((it) => it.name).sort();
}

export function mkdirSync(path: unknown, options: { readonly recursive?: boolean } = {}): void {
  withCodes(() => files.mkdirSync(path, { recursive: options.recursive ?? false }));
}

export function rmSync(path: unknown, options: { readonly recursive?: boolean; readonly force?: boolean } = {}): void {
  try {
    withCodes(() => files.removeSync(path, { recursive: options.recursive ?? false }));
  } catch (error) {
    if (!options.force || (error as { code?: string }).code !== "ENOENT") {
      throw error;
    }
  }
}

export function renameSync(from: unknown, to: unknown): void {
  withCodes(() => files.renameSync(from, to));
}

export function copyFileSync(from: unknown, to: unknown): void {
  withCodes(() => files.copyFileSync(from, to));
}

export function accessSync(path: unknown): void {
  withCodes(() => files.statSync(path));
}

function asynchronous<A extends readonly unknown[], T>(action: (...args: A) => T): (...args: A) => Promise<T> {
  return async (...args) => action(...args);
}

export const readFile = asynchronous(readFileSync);
export const writeFile = asynchronous(writeFileSync);
export const appendFile = asynchronous(appendFileSync);
export const stat = asynchronous(statSync);
export const lstat = stat;
export const readdir = asynchronous(readdirSync);
export const mkdir = asynchronous(mkdirSync);
export const rm = asynchronous(rmSync);
export const unlink = asynchronous((path: unknown) => rmSync(path));
export const rename = asynchronous(renameSync);
export const copyFile = asynchronous(copyFileSync);
export const access = asynchronous(accessSync);
export default { readFile, writeFile, appendFile, stat, lstat, readdir, mkdir, rm, unlink, rename, copyFile, access };
