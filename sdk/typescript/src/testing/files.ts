/** The granted folders of a test: folders of this machine. */
import * as fs from "node:fs";
import { HostError, type FileStat, type HostFiles, type OpenOptions } from "../host/host.js";

const TAGS: Readonly<Record<string, string>> = {
  ENOENT: "no-entry", EACCES: "access", EPERM: "not-permitted", EEXIST: "exist", EISDIR: "is-directory", ENOTDIR: "not-directory",
  ENOTEMPTY: "not-empty", ELOOP: "loop", EROFS: "read-only",
};

function attempt<T>(action: () => T): T {
  try {
    return action();
  } catch (error) {
    const code = (error as { code?: string }).code ?? "";
    throw code in TAGS ? new HostError(TAGS[code] ?? "io", null) : error;
  }
}

function stat(it: fs.Stats): FileStat {
  const kind = it.isFile() ? "file" : it.isDirectory() ? "folder" : it.isSymbolicLink() ? "link" : "other";
  return { kind, size: it.size, modifiedMs: Math.floor(it.mtimeMs) };
}

function flags(options: OpenOptions): number {
  const { O_RDONLY, O_WRONLY, O_RDWR, O_CREAT, O_EXCL, O_TRUNC, O_APPEND } = fs.constants;
  const writes = options.write === true || options.append === true;
  let all = writes ? (options.read ? O_RDWR : O_WRONLY) : O_RDONLY;
  all |= options.create || options.createNew ? O_CREAT : 0;
  all |= options.createNew ? O_EXCL : 0;
  all |= options.truncate ? O_TRUNC : 0;
  return all | (options.append ? O_APPEND : 0);
}

/** The double of `wasi:filesystem`. A folder that is granted for reading cannot be written. */
export function fakeFiles(mayWrite: (path: string) => boolean): HostFiles {
  const writing = (path: string): void => {
    if (!mayWrite(path)) {
      throw new HostError("read-only", null);
    }
  };
  return {
    open(path, options) {
      if (options.write || options.append || options.create || options.createNew) {
        writing(path);
      }
      const file = attempt(() => fs.openSync(path, flags(options)));
      let at = 0;
      return {
        read(max) {
          const bytes = new Uint8Array(max);
          const n = attempt(() => fs.readSync(file, bytes, 0, max, at));
          at += n;
          return bytes.slice(0, n);
        },
        write(bytes) {
          const n = attempt(() => fs.writeSync(file, bytes, 0, bytes.length, options.append ? null : at));
          at += n;
          return n;
        },
        seek(position) {
          at = position;
        },
        position: () => at,
        stat: () => stat(fs.fstatSync(file)),
        truncate: (size) => fs.ftruncateSync(file, size),
        drop: () => fs.closeSync(file),
      };
    },
    stat: (path, followLinks) => attempt(() => stat(followLinks ? fs.statSync(path) : fs.lstatSync(path))),
    list: (path) => attempt(() => fs.readdirSync(path, { withFileTypes: true })).map((it) => ({ name: it.name, kind: it.isFile() ? "file" : it.isDirectory() ? "folder" : "other" })),
    createFolder(path) {
      writing(path);
      attempt(() => fs.mkdirSync(path));
    },
    removeFile(path) {
      writing(path);
      attempt(() => fs.unlinkSync(path));
    },
    removeFolder(path) {
      writing(path);
      attempt(() => fs.rmdirSync(path));
    },
    rename(from, to) {
      writing(from);
      writing(to);
      attempt(() => fs.renameSync(from, to));
    },
  };
}
