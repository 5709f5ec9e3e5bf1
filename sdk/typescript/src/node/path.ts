/** `node:path`, with `/` between parts. */

function normalParts(path: string, isAbsolute: boolean): string[] {
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "..") {
      if (parts.length > 0 && parts.at(-1) !== "..") {
        parts.pop();
      } else if (!isAbsolute) {
        parts.push("..");
      }
    } else if (part !== "" && part !== ".") {
      parts.push(part);
    }
  }
  return parts;
}

export const sep = "/";
export const delimiter = ":";

export function isAbsolute(path: string): boolean {
  return path.startsWith("/");
}

export function normalize(path: string): string {
  const absolute = isAbsolute(path);
  const joined = normalParts(path, absolute).join("/");
  const text = (absolute ? "/" : "") + joined;
  return text === "" ? "." : path.endsWith("/") && joined !== "" ? `${text}/` : text;
}

export function join(...paths: string[]): string {
  return normalize(paths.filter((it) => it !== "").join("/"));
}

export function resolve(...paths: string[]): string {
  let resolved = "";
  for (const path of paths.toReversed()) {
    resolved = resolved === "" ? path : `${path}/${resolved}`;
    if (isAbsolute(path)) {
      break;
    }
  }
  const absolute = isAbsolute(resolved);
  return (absolute ? "/" : "") + normalParts(resolved, absolute).join("/") || ".";
}

export function dirname(path: string): string {
  const trimmed = path.replace(/\/+$/, "");
  const at = trimmed.lastIndexOf("/");
  return at < 0 ? "." : at === 0 ? "/" : trimmed.slice(0, at);
}

export function basename(path: string, suffix = ""): string {
  const base = path.replace(/\/+$/, "").split("/").at(-1) ?? "";
  return suffix !== "" && base.endsWith(suffix) && base !== suffix ? base.slice(0, -suffix.length) : base;
}

export function extname(path: string): string {
  const base = basename(path);
  const at = base.lastIndexOf(".");
  return at <= 0 ? "" : base.slice(at);
}

export function relative(from: string, to: string): string {
  const one = normalParts(resolve(from), true);
  const other = normalParts(resolve(to), true);
  let n = 0;
  while (n < one.length && one[n] === other[n]) {
    n += 1;
  }
  return [...one.slice(n).map(() => ".."), ...other.slice(n)].join("/");
}

export interface ParsedPath {
  readonly root: string;
  readonly dir: string;
  readonly base: string;
  readonly ext: string;
  readonly name: string;
}

export function parse(path: string): ParsedPath {
  const base = basename(path);
  const ext = extname(path);
  const dir = dirname(path);
  return { root: isAbsolute(path) ? "/" : "", dir: dir === "." && !path.startsWith(".") ? "" : dir, base, ext, name: ext === "" ? base : base.slice(0, -ext.length) };
}

export function format(it: Partial<ParsedPath>): string {
  const base = it.base ?? (it.name ?? "") + (it.ext ?? "");
  return it.dir ? `${it.dir.replace(/\/$/, "")}/${base}` : (it.root ?? "") + base;
}

/** Returns the path of a URL `file:`. */
export function fromFileUrl(url: string | URL): string {
  return decodeURIComponent(new URL(url).pathname);
}

export function toFileUrl(path: string): URL {
  return new URL(`file://${encodeURI(resolve(path))}`);
}

export const posix = { sep, delimiter, isAbsolute, normalize, join, resolve, dirname, basename, extname, relative, parse, format };
export default { ...posix, posix };
