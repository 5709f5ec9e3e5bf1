/**
 * Where a path of a swamp model is in Sedge: in a folder that the plugin requests.
 *
 * The sidecar says which path is which folder (`"paths": {"/var/lib/app": "state"}`). A path whose first part is the
 * name of a requested folder (`state/x.json`) is in that folder as well.
 */
import { host, HostError } from "../host/host.js";
import { notGranted } from "./errors.js";

interface Mapping {
  readonly prefix: string;
  readonly folder: string;
}

const mappings: Mapping[] = [];
const folders = new Set<string>();

/** What the path of a file begins with that is in the component itself: `context.extensionFile`. */
export const EMBEDDED = "/sedge-extension/";

const embedded = new Map<string, string>();

/** Sets the files that are in the component itself. */
export function setEmbedded(files: Readonly<Record<string, string>>): void {
  for (const [path, text] of Object.entries(files)) {
    embedded.set(EMBEDDED + path, text);
  }
}

/** Returns a file that is in the component itself. */
export function embeddedText(path: string): string | undefined {
  return embedded.get(path);
}

/** Sets what the sidecar says. */
export function setPaths(paths: Readonly<Record<string, string>>, requested: Iterable<string>): void {
  for (const [prefix, folder] of Object.entries(paths)) {
    mappings.push({ prefix: normal(prefix), folder });
  }
  // The longest prefix has precedence.
  mappings.sort((one, other) => other.prefix.length - one.prefix.length);
  for (const name of requested) {
    folders.add(name);
  }
}

/** Returns a path without `.` and `..`. */
export function normal(path: string): string {
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === ".." && parts.length > 0 && parts.at(-1) !== "..") {
      parts.pop();
    } else if (part !== "" && part !== ".") {
      parts.push(part);
    }
  }
  return (path.startsWith("/") ? "/" : "") + parts.join("/");
}

/** Returns the path of a URL or a text. */
export function pathText(path: unknown): string {
  if (typeof path === "string") {
    return path.startsWith("file://") ? decodeURIComponent(path.slice("file://".length)) : path;
  }
  const href = (path as { href?: unknown } | null)?.href;
  return typeof href === "string" ? pathText(href) : String(path);
}

/** Returns the folder of a path, and the rest of the path. */
function place(path: string): { folder: string; rest: string } | null {
  const wanted = normal(path);
  for (const { prefix, folder } of mappings) {
    if (wanted === prefix || wanted.startsWith(prefix === "/" ? "/" : `${prefix}/`)) {
      return { folder, rest: wanted.slice(prefix.length) };
    }
  }
  const [first = "", ...rest] = wanted.split("/");
  return folders.has(first) ? { folder: first, rest: rest.join("/") } : null;
}

/** Returns a path for the functions of the host. Throws an error that says how to get there. */
export function hostPath(path: string): string {
  const found = place(path);
  if (found === null) {
    throw notGranted(
      `the plugin may not use \`${path}\`: no folder that it requests has this path; add a folder, and its path under ` +
        '`paths`, to `sedge.permissions.json`: {"folder": "NAME", "access": "read", "reason": "…"}',
    );
  }
  try {
    const root = host().context.folder(found.folder);
    const rest = found.rest.replace(/^\/+/, "");
    return rest === "" ? root : `${root}/${rest}`;
  } catch (error) {
    throw error instanceof HostError ? notGranted(error.message) : error;
  }
}

/** Returns the path of the folder for temporary files. */
export function temporaryFolder(): string {
  if (!folders.has("tmp")) {
    throw notGranted(
      "the plugin requests no folder for temporary files; add it to `sedge.permissions.json`: " +
        '{"folder": "tmp", "access": "write", "reason": "temporary files"}',
    );
  }
  return "tmp";
}
