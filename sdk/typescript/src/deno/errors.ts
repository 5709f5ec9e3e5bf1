/** `Deno.errors`, and which of them an error of a file is. */
import { HostError } from "../host/host.js";
import { Denied } from "../sdk/error_base.js";

function kind(name: string): new (message?: string) => Error {
  const of = {
    [name]: class extends Error {
      constructor(message?: string) {
        super(message);
        this.name = name;
      }
    },
  };
  return of[name] as new (message?: string) => Error;
}

export const errors = Object.fromEntries(
  [
    "NotFound", "PermissionDenied", "ConnectionRefused", "ConnectionReset", "ConnectionAborted", "NotConnected",
    "AddrInUse", "AddrNotAvailable", "BrokenPipe", "AlreadyExists", "InvalidData", "TimedOut", "Interrupted",
    "WriteZero", "UnexpectedEof", "BadResource", "Http", "Busy", "NotSupported", "FilesystemLoop", "IsADirectory",
    "NetworkUnreachable", "NotADirectory", "NotCapable",
  ].map((name) => [name, kind(name)]),
) as Readonly<Record<string, new (message?: string) => Error>>;

const NAMES: Readonly<Record<string, string>> = {
  "no-entry": "NotFound",
  access: "PermissionDenied",
  "not-permitted": "PermissionDenied",
  "read-only": "PermissionDenied",
  exist: "AlreadyExists",
  "is-directory": "IsADirectory",
  "not-directory": "NotADirectory",
  loop: "FilesystemLoop",
  busy: "Busy",
};

const TEXTS: Readonly<Record<string, string>> = {
  "no-entry": "No such file or directory",
  "read-only": "the folder is granted for reading only",
  exist: "File exists",
  "is-directory": "Is a directory",
  "not-directory": "Not a directory",
  "not-empty": "Directory not empty",
};

/** Returns an error of `Deno.errors`. */
export function denoError(name: string, message: string): Error {
  const Kind = errors[name] ?? Error;
  return new Kind(message);
}

/** Runs a function of files, and throws its errors as those of Deno. */
export function ofFiles<T>(what: string, path: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (error instanceof HostError) {
      const text = TEXTS[error.tag] ?? error.tag;
      throw denoError(NAMES[error.tag] ?? "Error", `${text}: ${what} '${path}'`);
    }
    throw error;
  }
}

/** Returns an error of a permission, with the sentence of the host. Its code lets the failure be one of `denied`. */
export function notGranted(reason: string): Error {
  const error = denoError("NotCapable", reason);
  error.cause = new Denied(reason);
  return error;
}

/** Returns an error that names what a plugin cannot do. */
export function notSupported(what: string, instead: string): Error {
  return denoError("NotSupported", `\`${what}\` is not supported in a plugin: ${instead}`);
}
