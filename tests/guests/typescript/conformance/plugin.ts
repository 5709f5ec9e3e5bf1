/** Calls every function of the contract: see `tests/conformance/README.md` for the methods. */
import {
  defineModel, type Context, type End, Failure, FetchError, FileError, type Outcome, type Process, type Resource,
  SedgeError, type VersionInfo,
} from "@sedge/sdk";
import { z } from "zod";
// The functions of the contract themselves, for cases that the SDK does not let happen.
import { host, HostError } from "@sedge/sdk/internal";

const Numbered = z.object({ n: z.int() }).describe("A record");

const resources = { record: { description: "A record", schema: Numbered } } as const;
type Cx = Context<{ label?: string | undefined }, typeof resources, "text">;

const Name = z.object({ name: z.string() });
const File = z.object({ folder: z.string(), file: z.string(), text: z.string().optional() });
const Tags = z.record(z.string(), z.string());
const Write = z.object({
  name: z.string(),
  content: z.unknown(),
  spec: z.string().default("record"),
  tags: Tags.default({}),
  lifetime: z.string().optional(),
});
const DataName = z.object({ model: z.string(), name: z.string(), version: z.int().optional() });
const WriteFile = z.object({
  name: z.string(),
  pieces: z.array(z.string()),
  spec: z.string().default("text"),
  lines: z.boolean().default(false),
  media_type: z.string().optional(),
  tags: Tags.default({}),
});
const Delete = z.object({ name: z.string(), version: z.int().optional() });
const Call = z.object({ target: z.string(), method: z.string(), arguments: z.unknown() });
const NameAndCall = z.object({ name: z.string(), call: Call });
const Workflow = z.object({ workflow: z.string(), inputs: z.unknown() });
const Program = z.object({
  name: z.string(),
  arguments: z.array(z.string()).default([]),
  folder: z.string().optional(),
  lines: z.array(z.string()).default([]),
});

/** Returns an error as a result. */
function shown(error: unknown): { error: object } {
  if (error instanceof DOMException && error.name === "TimeoutError") {
    return { error: { code: "timeout" } };
  }
  if (error instanceof FetchError) {
    return { error: { code: error.code } };
  }
  if (!(error instanceof SedgeError)) {
    throw error;
  }
  const hasDetails = error.details !== null && !(error instanceof FileError);
  return { error: hasDetails ? { code: error.code, details: error.details } : { code: error.code } };
}

/** Returns what an action returns, or the error of a function that it calls. */
async function caught(action: () => unknown): Promise<unknown> {
  try {
    return await action();
  } catch (error) {
    return shown(error);
  }
}

/** Returns the metadata of a version as a result. */
function place(info: VersionInfo): object {
  return {
    model: info.model,
    name: info.name,
    kind: info.kind,
    spec: info.spec,
    version: info.version,
    has_time: info.createdAt !== null,
    media_type: info.mediaType,
    size: info.sizeBytes,
    tags: info.tags,
  };
}

function found(resource: Resource | null): unknown {
  return resource === null ? null : { info: place(resource.info), content: resource.content };
}

function outcome(it: Outcome): object {
  return { value: it.value, written: it.written.map(({ name, version }) => ({ name, version })) };
}

async function written(cx: Cx, it: z.output<typeof Write>): Promise<unknown> {
  const lifetime = it.lifetime === undefined ? {} : { lifetime: it.lifetime };
  await cx.write(it.spec as "record", it.content as z.input<typeof Numbered>, { name: it.name, tags: it.tags, ...lifetime });
  return found(await cx.data.latest(it.name));
}

async function readFile(cx: Cx, name: string, of: { model?: string; version?: number } = {}): Promise<unknown> {
  const file = await cx.data.open(name, of);
  return file === null ? null : { info: place(file.info), text: await file.text() };
}

/** Publishes, and returns the versions as a result. */
async function published(cx: Cx): Promise<{ name: string; version: number }[]> {
  return (await cx.data.publish()).map(({ name, version }) => ({ name, version }));
}

/** Reads the record, calls, and writes it. */
async function readAndCall(cx: Cx, { name, call }: z.output<typeof NameAndCall>): Promise<void> {
  await cx.data.latest(name);
  await cx.call(call.target, call.method, call.arguments);
  await cx.write("record", { n: 3 }, { name });
}

/** Runs something of the contract, and returns the case of its error. */
function tagOf(action: () => unknown): string | null {
  try {
    action();
    return null;
  } catch (error) {
    if (error instanceof HostError) {
      return error.tag;
    }
    throw error;
  }
}

function endOf(end: End): object {
  return { ...end };
}

/** Reads a line, with its end. */
async function lineOf(process: Process): Promise<string> {
  const decoder = new TextDecoder();
  let line = "";
  while (!line.endsWith("\n")) {
    const piece = await process.stdout.read();
    if (piece === null) {
      throw new Error("the program has closed its output");
    }
    line += decoder.decode(piece, { stream: true });
  }
  return line;
}

async function collected<T, U>(items: AsyncIterable<T>, pick: (item: T) => U): Promise<U[]> {
  const all: U[] = [];
  for await (const it of items) {
    all.push(pick(it));
  }
  return all;
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (it) => it.toString(16).padStart(2, "0")).join("");
}

export const model = defineModel({
  name: "@test/conformance-typescript",
  version: "2026.12.01.1",
  description: "Calls every function of the contract",
  globalArguments: z.object({ label: z.string().optional() }),
  resources,
  files: { text: { description: "A text", mediaType: "text/plain" } },
  permissions: [
    { models: "*", reason: "to call them" },
    { workflow: "*", reason: "to run them" },
    { http: "http://*:*", reason: "to send requests" },
    { folder: "inbox", reason: "to read it" },
    { folder: "outbox", access: "write", reason: "to write to it" },
    { env: "CARGO_PKG_NAME", reason: "to read it" },
    { env: "SEDGE_CONFORMANCE_UNSET", reason: "to see that it is not set" },
    { secret: "TOKEN", hosts: ["http://*:*"], reason: "to send it" },
    { secret: "MISSING", hosts: ["http://*:*"], reason: "to see that it is missing" },
    { secret: "SHOWN", hosts: ["http://*:*"], reveal: true, reason: "to read it" },
    ...["cat", "sh", "sleep", "unpinned", "broken"].map((command) => ({ command, reason: "to run it" })),
  ],
  upgrades: [
    {
      toVersion: "2026.12.01.1",
      description: "`name` is now `label`",
      run: ({ name, ...rest }) => (name === undefined ? rest : { ...rest, label: name }),
    },
  ],
  checks: {
    agrees: {
      description: "The caller agrees",
      methods: ["checked"],
      labels: ["manners"],
      run(_cx, call) {
        if (call.arguments.agree !== true) {
          throw new Failure("disagreed", "the caller does not agree");
        }
      },
    },
  },
  methods: (method) => ({
    // The surroundings of a call.

    echo: method({
      kind: "action",
      description: "Return a value",
      arguments: z.object({ value: z.unknown() }),
      run: (_cx, { value }) => value,
    }),
    globals: method({
      kind: "read",
      description: "Return the global arguments",
      run: (cx) => ({ label: cx.globalArguments.label ?? null }),
    }),
    who: method({
      kind: "read",
      description: "Return the identity",
      run: ({ identity: it }) => ({
        model: it.model,
        model_id: it.modelId,
        type: it.type,
        type_version: it.typeVersion,
        tags: it.tags,
        method: it.method,
        run: it.run,
        call: it.call,
        step: it.step,
      }),
    }),
    deadline: method({
      kind: "read",
      description: "Return the time until the deadline",
      run: (cx) => ({ left_ms: cx.deadlineLeftMs }),
    }),
    variable: method({
      kind: "read",
      description: "Return a variable",
      arguments: Name,
      run: (cx, { name }) => caught(() => ({ value: cx.variable(name) })),
    }),
    "folder-read": method({
      kind: "read",
      description: "Read a file of a folder",
      arguments: File,
      run: (cx, { folder, file }) => caught(async () => ({ text: await cx.folder(folder).readText(file) })),
    }),
    "folder-write": method({
      kind: "action",
      description: "Write a file of a folder",
      arguments: File,
      run: (cx, { folder: name, file, text }) =>
        caught(async () => {
          const folder = cx.folder(name);
          await folder.write(file, text ?? "");
          return { text: await folder.readText(file) };
        }),
    }),
    log: method({
      kind: "action",
      description: "Write a line of each level",
      run(cx) {
        cx.log.trace("a trace");
        cx.log.debug("some details");
        cx.log.info("some information", { n: 1, list: ["é", null] });
        cx.log.warn("a warning");
        cx.log.error("an error");
        return null;
      },
    }),
    print: method({
      kind: "action",
      description: "Print a line as information, and one as a warning",
      run() {
        console.log("to stdout");
        console.warn("to stderr");
        return null;
      },
    }),
    clock: method({
      kind: "read",
      description: "Look at the clock",
      run: () => ({ is_after_2025: new Date().getUTCFullYear() > 2025 }),
    }),
    random: method({
      kind: "read",
      description: "Return random bytes",
      run: () => hex(crypto.getRandomValues(new Uint8Array(16))),
    }),
    fail: method({
      kind: "action",
      description: "Fail after a write",
      arguments: z.object({
        code: z.string(),
        message: z.string(),
        write: z.string(),
        details: z.json().optional(),
        keep_writes: z.boolean().default(false),
      }),
      async run(cx, it) {
        await cx.write("record", { n: 1 }, { name: it.write });
        throw new Failure(it.code, it.message, { details: it.details ?? null, keepWrites: it.keep_writes });
      },
    }),
    panic: method({
      kind: "action",
      description: "Fail by a fault",
      run() {
        throw new TypeError("a fault in the code");
      },
    }),
    checked: method({
      kind: "action",
      description: "Run if the check succeeds",
      arguments: z.object({ agree: z.boolean() }),
      run: (_cx, { agree }) => agree,
    }),

    // Data.

    write: method({
      kind: "action",
      description: "Write a resource",
      arguments: Write,
      run: (cx, it) => caught(() => written(cx, it)),
    }),
    "write-in-read": method({
      kind: "read",
      description: "Try to write a resource",
      arguments: Write,
      run: (cx, it) => caught(() => written(cx, it)),
    }),
    latest: method({
      kind: "read",
      description: "Read the latest version",
      arguments: DataName,
      run: (cx, { name, model }) => caught(async () => found(await cx.data.latest(name, { model }))),
    }),
    version: method({
      kind: "read",
      description: "Read one version",
      arguments: DataName,
      run: (cx, { name, model, version }) => caught(async () => found(await cx.data.version(name, version ?? 0, { model }))),
    }),
    versions: method({
      kind: "read",
      description: "Return the numbers of the versions",
      arguments: DataName,
      run: (cx, { name, model }) => caught(async () => (await cx.data.versions(name, { model })).map((it) => it.version)),
    }),
    list: method({
      kind: "read",
      description: "List names",
      arguments: z.object({ model: z.string(), prefix: z.string() }),
      run: (cx, it) => caught(() => collected(cx.data.list(it), ({ name }) => name)),
    }),
    "file-write": method({
      kind: "action",
      description: "Write a file in pieces",
      arguments: WriteFile,
      run: (cx, it) =>
        caught(async () => {
          const spec = it.spec as "text";
          const options = { name: it.name, tags: it.tags, ...(it.media_type === undefined ? {} : { mediaType: it.media_type }) };
          const file = it.lines ? await cx.createLines(spec, options) : await cx.createFile(spec, options);
          for (const piece of it.pieces) {
            await file.write(piece);
          }
          await file.finish();
          return readFile(cx, it.name);
        }),
    }),
    "file-read": method({
      kind: "read",
      description: "Read a file",
      arguments: DataName,
      run: (cx, { name, model, version }) =>
        caught(() => readFile(cx, name, { model, ...(version === undefined ? {} : { version }) })),
    }),
    "file-abandon": method({
      kind: "action",
      description: "Start a file, and do not finish it",
      arguments: Name,
      async run(cx, { name }) {
        const file = await cx.createLines("text", { name });
        await file.write("lost");
        return null;
      },
    }),
    "file-finish-twice": method({
      kind: "action",
      description: "Finish a file twice",
      arguments: Name,
      run(_cx, { name }) {
        const file = host().data.createFile("text", name, { mediaType: null, lines: false, tags: [], retention: { lifetime: null, keep: null } });
        file.finish();
        const second = tagOf(() => file.finish());
        const late = tagOf(() => file.write(new Uint8Array([120])));
        return { first: true, second_is_finished: second === "finished", write_is_finished: late === "finished" };
      },
    }),
    delete: method({
      kind: "delete",
      description: "Delete data",
      arguments: Delete,
      run: (cx, { name, version }) => caught(async () => (await cx.data.delete(name, version)) ?? null),
    }),
    "delete-in-action": method({
      kind: "action",
      description: "Try to delete data",
      arguments: Delete,
      run: (cx, { name, version }) => caught(async () => (await cx.data.delete(name, version)) ?? null),
    }),
    publish: method({
      kind: "action",
      description: "Publish, and fail",
      arguments: Name,
      async run(cx, { name }) {
        await cx.write("record", { n: 1 }, { name });
        const details = await published(cx);
        await cx.write("record", { n: 2 }, { name });
        throw new Failure("after-publish", "it failed afterwards", { details });
      },
    }),

    // Nested calls.

    call: method({
      kind: "action",
      description: "Call a method",
      arguments: Call,
      run: (cx, it) => caught(async () => outcome(await cx.call(it.target, it.method, it.arguments))),
    }),
    "call-in-read": method({
      kind: "read",
      description: "Call a method",
      arguments: Call,
      run: (cx, it) => caught(async () => outcome(await cx.call(it.target, it.method, it.arguments))),
    }),
    "call-through": method({
      kind: "action",
      description: "Call a method, and pass its error on",
      arguments: Call,
      run: async (cx, it) => (await cx.call(it.target, it.method, it.arguments)).value,
    }),
    parallel: method({
      kind: "action",
      description: "Start calls, and wait for all",
      arguments: z.object({ calls: z.array(Call) }),
      async run(cx, { calls }) {
        const pending = calls.map((it) => cx.start(it.target, it.method, it.arguments).wait());
        const ended = await Promise.allSettled(pending);
        return ended.map((it) => (it.status === "fulfilled" ? outcome(it.value) : shown(it.reason)));
      },
    }),
    "start-and-drop": method({
      kind: "action",
      description: "Start a call, and drop it",
      arguments: Call,
      run(cx, it) {
        cx.start(it.target, it.method, it.arguments);
        return null;
      },
    }),
    "wait-twice": method({
      kind: "action",
      description: "Wait for a call twice",
      arguments: Call,
      async run(_cx, it) {
        const pending = host().calls.start(it.target, it.method, JSON.stringify(it.arguments));
        await pending.ended();
        const first = pending.get() !== null;
        return { first, second_is_cancelled: tagOf(() => pending.get()) === "cancelled" };
      },
    }),
    "stage-then-call": method({
      kind: "action",
      description: "Stage a record, and call a method",
      arguments: NameAndCall,
      run: (cx, { name, call }) =>
        caught(async () => {
          await cx.write("record", { n: 1 }, { name });
          return outcome(await cx.call(call.target, call.method, call.arguments));
        }),
    }),
    "read-call-write": method({
      kind: "action",
      description: "Read, call, write and publish",
      arguments: NameAndCall,
      run: (cx, it) =>
        caught(async () => {
          await readAndCall(cx, it);
          return published(cx);
        }),
    }),
    "read-call-write-late": method({
      kind: "action",
      description: "Read, call and write",
      arguments: NameAndCall,
      async run(cx, it) {
        await readAndCall(cx, it);
        return null;
      },
    }),
    meet: method({
      kind: "action",
      description: "Get a URL, and then call",
      arguments: z.object({ url: z.string(), target: z.string() }),
      run: (cx, { url, target }) =>
        caught(async () => {
          await (await fetch(url)).text();
          return outcome(await cx.call(target, "echo", { value: "met" }));
        }),
    }),

    // HTTP, secrets, commands and workflows.

    fetch: method({
      kind: "action",
      description: "Send a request",
      arguments: z.object({
        url: z.string(),
        method: z.string().default("GET"),
        headers: Tags.default({}),
        body: z.string().optional(),
        timeout_ms: z.int().optional(),
      }),
      run: (_cx, it) =>
        caught(async () => {
          const response = await fetch(it.url, {
            method: it.method,
            headers: it.headers,
            ...(it.body === undefined ? {} : { body: it.body }),
            ...(it.timeout_ms === undefined ? {} : { signal: AbortSignal.timeout(it.timeout_ms) }),
          });
          const body = await response.text();
          return { status: response.status, content_type: response.headers.get("content-type"), body };
        }),
    }),
    "fetch-first": method({
      kind: "action",
      description: "Read the beginning of a body",
      arguments: z.object({ url: z.string(), bytes: z.int() }),
      run: (_cx, { url, bytes }) =>
        caught(async () => {
          const response = await fetch(url);
          let first = "";
          for await (const piece of response.body!.pipeThrough(new TextDecoderStream())) {
            first += piece;
            if (first.length >= bytes) {
              break;
            }
          }
          return { first: first.slice(0, bytes) };
        }),
    }),
    "fetch-many": method({
      kind: "action",
      description: "Send requests at once",
      arguments: z.object({ authority: z.string(), path: z.string(), count: z.int() }),
      run: (_cx, { authority, path, count }) =>
        caught(async () => {
          const before = performance.now();
          const one = async (): Promise<number> => {
            const response = await fetch(`http://${authority}${path}`);
            await response.arrayBuffer();
            return response.status;
          };
          const statuses = await Promise.all(Array.from({ length: count }, one));
          return { statuses, elapsed_ms: Math.round(performance.now() - before) };
        }),
    }),
    "secret-send": method({
      kind: "action",
      description: "Send a secret",
      arguments: z.object({ name: z.string(), place: z.enum(["header", "basic", "query"]), url: z.string() }),
      run: (cx, { name, place: where, url }) =>
        caught(async () => {
          const secret = cx.secret(name);
          const response = await (where === "header"
            ? fetch(url, { headers: { "x-token": `Bearer ${secret}` } })
            : where === "basic"
              ? fetch(url, { headers: { authorization: secret.basic("me") } })
              : fetch(`${url}?token=${secret}`));
          return { status: response.status };
        }),
    }),
    "secret-get": method({
      kind: "action",
      description: "Get a secret",
      arguments: Name,
      run: (cx, { name }) => caught(() => ({ has_placeholder: cx.secret(name).toString() !== "" })),
    }),
    "secret-reveal": method({
      kind: "action",
      description: "Read a secret",
      arguments: Name,
      run: (cx, { name }) =>
        caught(() => {
          const secret = cx.secret(name);
          return { n_bytes: secret.revealBytes().length, value: secret.reveal() };
        }),
    }),
    command: method({
      kind: "action",
      description: "Run a command",
      arguments: Program.pick({ name: true, arguments: true }).extend({ stdin: z.string().optional() }),
      run: (cx, it) =>
        caught(async () => {
          const options = it.stdin === undefined ? {} : { stdin: it.stdin };
          const { end, stdout, stderr } = await cx.commands.run(it.name, it.arguments, options);
          return { end: endOf(end), stdout: stdout.text(), stderr: stderr.text(), is_cut: stdout.isCut || stderr.isCut };
        }),
    }),
    "workflow-run": method({
      kind: "action",
      description: "Run a workflow",
      arguments: Workflow,
      run: (cx, { workflow, inputs }) =>
        caught(async () => {
          const run = await cx.workflows.run(workflow, inputs);
          switch (run.status) {
            case "succeeded":
              return { succeeded: run.outputs };
            case "failed":
              return { failed: run.steps.map((it) => ({ step: it.step, code: it.code, is_allowed: it.allowed })) };
            case "suspended":
              return { suspended: run.gates };
            case "cancelled":
              return { cancelled: run.reason };
          }
        }),
    }),
    "workflow-start": method({
      kind: "action",
      description: "Start a workflow",
      arguments: Workflow,
      run: (cx, { workflow, inputs }) =>
        caught(async () => ({ has_id: (await cx.workflows.start(workflow, inputs)).length === 12 })),
    }),

    // Queries and definitions.

    query: method({
      kind: "read",
      description: "Find data by a predicate",
      arguments: z.object({ predicate: z.string(), select: z.string() }),
      run: (cx, { predicate, select }) => caught(() => collected(cx.data.query(predicate, { select }), ({ value }) => value)),
    }),
    "list-matching": method({
      kind: "read",
      description: "List data by a filter",
      arguments: z.object({
        model: z.string(),
        prefix: z.string().default(""),
        spec: z.string().optional(),
        tags: Tags.default({}),
      }),
      run: (cx, { spec, ...it }) =>
        caught(() => collected(cx.data.list({ ...it, ...(spec === undefined ? {} : { spec }) }), ({ name }) => name)),
    }),
    models: method({
      kind: "read",
      description: "List models",
      arguments: z.object({ prefix: z.string() }),
      run: (cx, it) => caught(() => collected(cx.models.list(it), ({ name }) => name)),
    }),
    model: method({
      kind: "read",
      description: "Read a definition",
      arguments: Name,
      run: (cx, { name }) =>
        caught(async () => {
          const it = await cx.models.get(name);
          return { name: it.name, type: it.type, tags: it.tags, global_arguments: it.globalArguments };
        }),
    }),
    observe: method({
      kind: "observe",
      description: "Write what it sees",
      arguments: Name,
      run: (cx, { name }) => caught(async () => (await cx.write("record", { n: 1 }, { name })) ?? null),
    }),

    // Event loops.

    cancelled: method({
      kind: "action",
      description: "Look for a cancellation",
      async run(cx) {
        const { signal } = cx;
        await new Promise((resolve) => setTimeout(resolve, 0));
        return { is_cancelled: cx.isCancelled, is_ready: signal.aborted };
      },
    }),
    "call-poll": method({
      kind: "action",
      description: "Poll a call",
      arguments: Call,
      run: (_cx, it) =>
        caught(async () => {
          const pending = host().calls.start(it.target, it.method, JSON.stringify(it.arguments));
          const runs = pending.get() === null;
          await pending.ended();
          const ended = pending.get();
          return {
            runs_at_first: runs,
            outcome: ended === null ? null : { value: JSON.parse(ended.value), written: ended.written },
            is_returned_once: tagOf(() => pending.get()) === "cancelled",
          };
        }),
    }),
    "call-cancel": method({
      kind: "action",
      description: "Cancel a call",
      arguments: Call,
      run: (cx, it) =>
        caught(async () => {
          const pending = cx.start(it.target, it.method, it.arguments);
          pending.cancel();
          return outcome(await pending);
        }),
    }),
    process: method({
      kind: "action",
      description: "Talk with a program",
      arguments: Program,
      run: (cx, it) =>
        caught(async () => {
          const folder = it.folder === undefined ? {} : { folder: it.folder };
          const process = cx.commands.start(it.name, it.arguments, { stdin: true, ...folder });
          const heard: string[] = [];
          for (const line of it.lines) {
            await process.stdin!.write(`${line}\n`);
            heard.push(await lineOf(process));
          }
          const runs = process.get() === null;
          await process.stdin!.close();
          return { heard, runs, end: endOf(await process.wait()) };
        }),
    }),
    "process-output": method({
      kind: "action",
      description: "Read both outputs of a program",
      arguments: Program,
      run: (cx, it) =>
        caught(async () => {
          const process = cx.commands.start(it.name, it.arguments);
          const [stdout, stderr] = await Promise.all([process.stdout.readAll(), process.stderr.readAll()]);
          return { end: endOf(await process.wait()), stdout: stdout.text(), stderr: stderr.text() };
        }),
    }),
    "process-kill": method({
      kind: "action",
      description: "Kill a program",
      arguments: Program,
      run: (cx, it) =>
        caught(async () => {
          const process = cx.commands.start(it.name, it.arguments, { stdin: true });
          process.kill();
          return { end: endOf(await process.wait()) };
        }),
    }),
    "process-many": method({
      kind: "action",
      description: "Start programs until one is refused",
      arguments: z.object({ name: z.string(), count: z.int() }),
      run(cx, { name, count }) {
        const running: Process[] = [];
        try {
          while (running.length < count) {
            running.push(cx.commands.start(name, [], { stdin: true }));
          }
        } catch (error) {
          return { running: running.length, refused: shown(error) };
        }
        return { running: running.length, refused: null };
      },
    }),

    // Limits.

    sleep: method({
      kind: "action",
      description: "Sleep",
      arguments: z.object({ ms: z.int() }),
      async run(_cx, { ms }) {
        await new Promise((resolve) => setTimeout(resolve, ms));
        return null;
      },
    }),
    spin: method({
      kind: "action",
      description: "Compute without end",
      run() {
        for (;;);
      },
    }),
    grow: method({
      kind: "action",
      description: "Use memory without end",
      run() {
        const pieces: Uint8Array[] = [];
        for (;;) {
          pieces.push(new Uint8Array(1 << 20).fill(1));
        }
      },
    }),
    recurse: method({
      kind: "action",
      description: "Call this method again",
      run: async (cx) => (await cx.call(cx.identity.model, "recurse")).value,
    }),
    chatter: method({
      kind: "action",
      description: "Log lines",
      arguments: z.object({ lines: z.int() }),
      run(cx, { lines }) {
        for (let number = 0; number < lines; number += 1) {
          cx.log.info(`line ${number}`);
        }
        return null;
      },
    }),
  }),
});
