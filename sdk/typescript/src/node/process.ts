/** `node:process`: the environment is that of `Deno.env`, and there is no process to change. */
import { host, HostError } from "../host/host.js";
import { engine } from "../host/engine.js";
import { Failure } from "../sdk/error_base.js";

const own = new Map<string, string | undefined>();

function variable(name: string): string | undefined {
  if (own.has(name)) {
    return own.get(name);
  }
  try {
    return host().context.variable(name) ?? undefined;
  } catch (error) {
    if (error instanceof HostError) {
      return undefined;
    }
    throw error;
  }
}

const env = new Proxy<Record<string, string | undefined>>({}, {
  // Modules read it while they are evaluated, when there is no call yet.
  get: (_, name) => {
    try {
      return typeof name === "string" ? variable(name) : undefined;
    } catch {
      return undefined;
    }
  },
  set: (_, name, value) => {
    own.set(String(name), String(value));
    return true;
  },
  deleteProperty: (_, name) => {
    own.set(String(name), undefined);
    return true;
  },
  has: (_, name) => typeof name === "string" && variable(name) !== undefined,
  ownKeys: () => [...own.keys()],
  getOwnPropertyDescriptor: (_, name) => ({ value: variable(String(name)), enumerable: true, configurable: true, writable: true }),
});

function stream(level: "info" | "warn"): object {
  return {
    isTTY: false,
    write: (text: unknown): boolean => {
      host().log.log(level, String(text).trimEnd(), []);
      return true;
    },
  };
}

const nothing = (): object => process;

const process = {
  env,
  argv: ["sedge", "plugin"],
  execArgv: [],
  pid: 0,
  platform: "linux",
  arch: "x64",
  version: "v22.0.0",
  versions: { node: "22.0.0" },
  release: { name: "sedge" },
  exitCode: undefined,
  stdout: stream("info"),
  stderr: stream("warn"),
  cwd: (): string => ".",
  exit: (code = 0): never => {
    throw new Failure("exit", `the model ended itself by process.exit(${code})`);
  },
  nextTick: (callback: (...args: unknown[]) => void, ...args: unknown[]): void => queueMicrotask(() => callback(...args)),
  hrtime: Object.assign((): [number, number] => {
    const ms = engine().clock.monotonicMs();
    return [Math.floor(ms / 1000), (ms % 1000) * 1e6];
  }, { bigint: (): bigint => BigInt(Math.floor(engine().clock.monotonicMs())) * 1_000_000n }),
  uptime: (): number => engine().clock.monotonicMs() / 1000,
  memoryUsage: (): object => ({ rss: 0, heapTotal: 0, heapUsed: 0, external: 0, arrayBuffers: 0 }),
  emitWarning: (text: unknown): void => host().log.log("warn", String(text), []),
  on: nothing, once: nothing, off: nothing, addListener: nothing, removeListener: nothing, removeAllListeners: nothing,
  setMaxListeners: nothing, emit: (): boolean => false, listenerCount: (): number => 0,
};

export default process;
export const { argv, platform, arch, version, versions, stdout, stderr, cwd, exit, nextTick, hrtime } = process;
export { env };
