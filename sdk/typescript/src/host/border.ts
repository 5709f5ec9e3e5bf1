/**
 * The host of a component: the functions of the engine as a `Host`.
 *
 * It is the first module of a bundle, because the engine passes its functions to that one only.
 */
import { setEngine, type Engine, type EngineStat, type Handle } from "./engine.js";
import { HostError, NoCall, setHost, type FileStat, type Host, type HostInput, type HostOutput, type HostRequest, type HostResponse } from "./host.js";

/** The maximum number of bytes of a read from a stream. */
const PIECE_BYTES = 64 << 10;

declare global {
  var __sedge: Engine | undefined;
}

interface Thrown {
  readonly type: string;
  readonly tag: string;
  readonly val?: unknown;
}

function isThrown(value: unknown): value is Thrown {
  return typeof value === "object" && value !== null && "type" in value && "tag" in value && !(value instanceof Error);
}

/** Returns what the engine has thrown, with an error of the contract as a `HostError`. */
export function hostErrorOf(thrown: unknown): unknown {
  if (!isThrown(thrown)) {
    return thrown;
  }
  switch (thrown.type) {
    case "denied":
      return new HostError("", thrown.val);
    case "phase-error":
      return new NoCall(String(thrown.val));
    case "handle-error":
      return new Error(thrown.tag === "too-many" ? `the call has too many requests, programs and files open at once: at most ${String(thrown.val)}` : "it is closed already");
    default:
      return new HostError(thrown.tag, thrown.val);
  }
}

function attempt<T>(action: () => T): T {
  try {
    return action();
  } catch (thrown) {
    throw hostErrorOf(thrown);
  }
}

/** Returns an object whose functions throw `HostError`. */
function checked<T extends object>(of: T): T {
  const found: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(of)) {
    found[name] = typeof value === "function" ? (...args: unknown[]) => attempt(() => value(...args)) : value;
  }
  return found as T;
}

function input(engine: Engine, stream: Handle): HostInput {
  let isOpen = true;
  return {
    async read() {
      while (isOpen) {
        const piece = attempt(() => engine.stream.read(stream, PIECE_BYTES));
        if (piece === null || piece.length > 0) {
          return piece;
        }
        await engine.ready(stream);
      }
      return null;
    },
    drop() {
      isOpen = false;
      engine.drop(stream);
    },
  };
}

async function writeAll(engine: Engine, stream: Handle, bytes: Uint8Array): Promise<void> {
  let at = 0;
  while (at < bytes.length) {
    const n = attempt(() => engine.stream.write(stream, bytes.subarray(at)));
    at += n;
    if (n === 0) {
      await engine.ready(stream);
    }
  }
}

async function flush(engine: Engine, stream: Handle): Promise<void> {
  while (!attempt(() => engine.stream.flush(stream))) {
    await engine.ready(stream);
  }
}

function output(engine: Engine, stream: Handle): HostOutput {
  let isOpen = true;
  return {
    write: (bytes) => writeAll(engine, stream, bytes),
    async close() {
      if (!isOpen) {
        return;
      }
      isOpen = false;
      try {
        await flush(engine, stream);
      } finally {
        engine.drop(stream);
      }
    },
  };
}

async function ended(engine: Engine, handle: Handle): Promise<void> {
  await engine.ready(handle);
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

async function sendBody(engine: Engine, stream: Handle, body: AsyncIterable<Uint8Array>): Promise<void> {
  try {
    for await (const piece of body) {
      await writeAll(engine, stream, piece);
    }
    await flush(engine, stream);
    attempt(() => engine.http.finish(stream));
  } catch (error) {
    engine.drop(stream);
    throw error;
  }
}

async function send(engine: Engine, request: HostRequest): Promise<HostResponse> {
  const cut = request.url.indexOf("://");
  const end = request.url.indexOf("/", cut + 3);
  const sent = attempt(() =>
    engine.http.send({
      method: request.method,
      scheme: request.url.slice(0, cut) === "http" ? "http" : "https",
      authority: request.url.slice(cut + 3, end),
      pathWithQuery: request.url.slice(end),
      headers: request.headers,
      hasBody: request.body !== null,
    }),
  );
  let stop = () => {
    engine.drop(sent.response);
    if (sent.body !== null) {
      engine.drop(sent.body);
    }
  };
  request.aborted?.onabort(() => stop());
  const failed: unknown[] = [];
  if (sent.body !== null && request.body !== null) {
    const pieces = request.body instanceof Uint8Array ? once(request.body) : request.body;
    // A server may answer before it has read the body, so an error of the body counts only if there is no response.
    sendBody(engine, sent.body, pieces).catch((error: unknown) => {
      failed.push(error);
      if (!(error instanceof HostError)) {
        engine.drop(sent.response);
      }
    });
  }
  for (;;) {
    const isThere = await engine.ready(sent.response);
    if (!isThere) {
      throw failed[0] ?? new HostError("connection-terminated", null);
    }
    const response = attempt(() => engine.http.response(sent.response));
    if (response !== null) {
      const body = input(engine, response.body);
      stop = () => body.drop();
      return { status: response.status, headers: response.headers, body };
    }
  }
}

const KINDS: Readonly<Record<string, FileStat["kind"]>> = {
  "regular-file": "file",
  directory: "folder",
  "symbolic-link": "link",
};

function stat(it: EngineStat): FileStat {
  return { kind: KINDS[it.type] ?? "other", size: it.size, modifiedMs: it.modifiedMs };
}

function files(engine: Engine): Host["files"] {
  const of = checked(engine.files);
  return {
    open(path, options) {
      const file = of.open(path, options);
      return {
        read: (bytesMax) => of.read(file, bytesMax) ?? new Uint8Array(0),
        write: (bytes) => of.write(file, bytes),
        seek: (position) => of.seek(file, position),
        position: () => of.position(file),
        stat: () => stat(of.statOpen(file)),
        truncate: (size) => of.truncate(file, size),
        drop: () => engine.drop(file),
      };
    },
    stat: (path, followLinks) => stat(of.stat(path, followLinks)),
    list: (path) => of.list(path).map((it) => ({ name: it.name, kind: KINDS[it.type] ?? "other" })),
    createFolder: of.createFolder,
    removeFile: of.removeFile,
    removeFolder: of.removeFolder,
    rename: of.rename,
  };
}

function data(engine: Engine): Host["data"] {
  const of = checked(engine.data);
  return {
    writeResource: of.writeResource,
    createFile(spec, name, options) {
      const file = of.createFile(spec, name, options);
      return {
        write: (bytes) => of.fileWrite(file, bytes),
        finish: () => of.fileFinish(file),
        drop: () => engine.drop(file),
      };
    },
    openFile(model, name, version) {
      const file = of.openFile(model, name, version);
      return file === null ? null : {
        info: () => of.fileInfo(file),
        read: (bytesMax) => of.fileRead(file, bytesMax),
        drop: () => engine.drop(file),
      };
    },
    readLatest: of.readLatest,
    readVersion: of.readVersion,
    listVersions: of.listVersions,
    list: of.list,
    query: of.query,
    delete: of.delete,
    publish: of.publish,
  };
}

function commands(engine: Engine): Host["commands"] {
  const of = checked(engine.commands);
  const stream = (handle: Handle | null): HostInput =>
    handle === null ? { read: () => Promise.resolve(null), drop: () => undefined } : input(engine, handle);
  return {
    start(name, args, options) {
      const process = of.start(name, args, options);
      const stdin = of.stdin(process);
      return {
        stdin: stdin === null ? null : output(engine, stdin),
        stdout: stream(of.stdout(process)),
        stderr: stream(of.stderr(process)),
        ended: () => ended(engine, process),
        get: () => of.get(process),
        kill: () => of.kill(process),
        drop: () => engine.drop(process),
      };
    },
  };
}

/** Returns the functions of an engine as a `Host`. */
export function hostOf(engine: Engine): Host {
  const calls = checked(engine.calls);
  const context = checked(engine.context);
  const secrets = checked(engine.secrets);
  const models = checked(engine.models);
  return {
    context: {
      who: context.who,
      deadlineLeftMs: context.deadlineLeftMs,
      cancelled: context.cancelled,
      cancellation: () => ended(engine, context.cancellation()),
      folder: context.folder,
      variable: context.variable,
    },
    data: data(engine),
    calls: {
      start(target, method, args) {
        const pending = calls.start(target, method, args);
        return {
          ended: () => ended(engine, pending),
          get: () => calls.get(pending),
          cancel: () => calls.cancel(pending),
          drop: () => engine.drop(pending),
        };
      },
    },
    commands: commands(engine),
    models: {
      list(filter) {
        const page = models.list(filter);
        return { models: page.models.map((it) => (it.tag === "ok" ? { ok: it.val } : { err: it.val })), next: page.next };
      },
      get: models.get,
    },
    secrets: {
      get(name) {
        // The engine looks the secret up each time; the first look says whether it is there.
        secrets.placeholder(name);
        return {
          placeholder: () => secrets.placeholder(name),
          basic: (user) => secrets.basic(name, user),
          reveal: () => secrets.reveal(name),
          drop: () => undefined,
        };
      },
    },
    workflows: checked(engine.workflows),
    log: checked(engine.log),
    http: { send: (request) => send(engine, request) },
    files: files(engine),
  };
}

function shown(reason: unknown): string {
  return reason instanceof Error ? `${reason.name}: ${reason.message}` : String(reason);
}

/** Takes the functions of the engine, if there is one. */
function take(): void {
  const engine = globalThis.__sedge;
  if (engine === undefined) {
    return;
  }
  Reflect.deleteProperty(globalThis, "__sedge");
  const host = hostOf(engine);
  setEngine(engine);
  setHost(host);
  engine.onUnhandled((reason) => host.log.log("warn", `a promise was rejected, and nothing handles that: ${shown(reason)}`, []));
}

take();
