/** `Deno`, as far as models use it. Its permissions are those of the plugin. */
import { engine } from "../host/engine.js";
import { host, HostError, NoCall } from "../host/host.js";
import { inspect } from "../prelude/inspect.js";
import { Failure } from "../sdk/error_base.js";
import { Command } from "./command.js";
import { errors, notGranted, notSupported } from "./errors.js";
import { files } from "./files.js";

/** Variables that the model has set itself. */
const own = new Map<string, string | undefined>();

const env = {
  /** A variable that the plugin does not request is one that is not set: models ask for many that they can do without. */
  get(name: string): string | undefined {
    if (own.has(name)) {
      return own.get(name);
    }
    try {
      return host().context.variable(name) ?? undefined;
    } catch (error) {
      if (error instanceof NoCall) {
        host().log.log("warn", `the variable \`${name}\` is read while the plugin is built, and is not set then: read it in a method`, []);
        return undefined;
      }
      if (error instanceof HostError) {
        // One that it requests, and that was not granted, is worth a warning.
        const level = error.message.includes("does not request it") ? "debug" : "warn";
        host().log.log(level, `${error.message} (the model reads it by Deno.env.get, and gets undefined)`, []);
        return undefined;
      }
      throw error;
    }
  },
  has: (name: string): boolean => env.get(name) !== undefined,
  set: (name: string, value: string): void => void own.set(name, String(value)),
  delete: (name: string): void => void own.set(name, undefined),
  toObject: (): Record<string, string> => Object.fromEntries([...own].filter((it): it is [string, string] => it[1] !== undefined)),
};

function absent(name: string, instead: string): () => never {
  return () => {
    throw notSupported(`Deno.${name}`, instead);
  };
}

function terminal(level: "info" | "warn"): object {
  const writeSync = (bytes: Uint8Array): number => {
    const text = engine().text.decode(bytes, false).trimEnd();
    if (text !== "") {
      host().log.log(level, text, []);
    }
    return bytes.length;
  };
  return { isTerminal: () => false, writeSync, write: async (bytes: Uint8Array) => writeSync(bytes) };
}

/** The version of Deno whose functions these are. */
const VERSION = "2.5.0";

export const Deno: Readonly<Record<string, unknown>> = {
  ...files,
  Command,
  errors,
  env,
  args: [],
  pid: 0,
  ppid: 0,
  noColor: true,
  version: { deno: VERSION, v8: "", typescript: "" },
  build: { os: "linux", arch: "x86_64", target: "x86_64-unknown-linux-gnu", vendor: "unknown", env: "gnu", standalone: false },
  cwd: () => ".",
  chdir: absent("chdir", "use paths below the folders that the plugin requests"),
  hostname: () => "sedge",
  osRelease: () => "",
  osUptime: () => 0,
  homeDir: () => env.get("HOME") ?? null,
  uid: () => null,
  gid: () => null,
  exit: (code = 0) => {
    throw new Failure("exit", `the model ended itself by Deno.exit(${code})`);
  },
  execPath: absent("execPath", "run a command that the operator pinned: new Deno.Command(NAME)"),
  memoryUsage: () => ({ rss: 0, heapTotal: 0, heapUsed: 0, external: 0 }),
  inspect: (value: unknown) => inspect(value, 1),
  unrefTimer: () => undefined,
  refTimer: () => undefined,
  addSignalListener: () => undefined,
  removeSignalListener: () => undefined,
  kill: absent("kill", "call kill() of the process that the model has started"),
  connect: absent("connect", "send requests by fetch"),
  connectTls: absent("connectTls", "send requests by fetch"),
  listen: absent("listen", "a plugin does not accept connections"),
  serve: absent("serve", "a plugin does not accept connections"),
  resolveDns: absent("resolveDns", "send requests by fetch, or run a command that looks names up"),
  createHttpClient: absent("createHttpClient", "fetch has no clients with certificates of their own"),
  permissions: {
    query: async () => ({ state: "granted", partial: false }),
    request: async () => ({ state: "granted", partial: false }),
    querySync: () => ({ state: "granted", partial: false }),
  },
  stdout: terminal("info"),
  stderr: terminal("warn"),
  stdin: { isTerminal: () => false, read: async () => null },
  test: () => undefined,
};

export { notGranted };
