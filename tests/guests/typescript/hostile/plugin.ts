/**
 * Attacks in TypeScript: code that does not end or needs all memory, prototypes that are changed, functions of the
 * engine that are called with nonsense, errors that are no errors, and texts that are no text.
 */
import { defineModel, Failure, type Context } from "@sedge/sdk";
import { z } from "zod";
// An author can call the functions of the engine, too: everything of a bundle is in one file.
import { engine } from "@sedge/sdk/internal";

/** Where a request would be refused. */
const NOWHERE = "http://127.0.0.1:9/";

/** Taken while the plugin was built, as a thief of a seed would do. */
const stolenRandom = Math.random;
const stolenNow = Date.now;
const builtNumber = Math.random();

/** What the calls of this plugin have left behind. It has to be empty at the beginning of each. */
const left: string[] = [];

const resources = { note: { description: "A text", schema: z.object({ text: z.string() }) } } as const;
type Cx = Context<Record<string, never>, typeof resources, never>;

// The attacks override what is typed, and call what is not.
type Loose = any;
const global = globalThis as Loose;
const lone = "a\udcffb";

function name(error: unknown): string {
  return error instanceof Error ? error.name : typeof error;
}

/** Returns the name of the error of each action, or `ok`. */
function endings(actions: Readonly<Record<string, () => unknown>>): Record<string, string> {
  const found: Record<string, string> = {};
  for (const [key, action] of Object.entries(actions)) {
    try {
      action();
      found[key] = "ok";
    } catch (error) {
      found[key] = name(error);
    }
  }
  return found;
}

function nested(depth: number): unknown {
  let value: unknown = null;
  for (let n = 0; n < depth; n += 1) {
    value = [value];
  }
  return value;
}

/** Functions of the engine that must refuse what they get. Each is called with each of these values. */
const NONSENSE: readonly unknown[] = [
  undefined, null, -1, 0, 1.5, NaN, Infinity, 2 ** 53, 10n ** 30n, "", "x", {}, [], () => undefined, Symbol("s"),
  new Proxy({}, { get: () => { throw new Error("a trap"); } }),
  Object.create(null), new Uint8Array(0), new ArrayBuffer(8), new Date(NaN), Object.freeze([1]),
];

function functionsBelow(of: Loose, path: string, seen: Map<string, Loose>): Map<string, Loose> {
  for (const key of Reflect.ownKeys(of)) {
    const value = of[key];
    const at = `${path}.${String(key)}`;
    if (typeof value === "function") {
      seen.set(at, value);
    } else if (typeof value === "object" && value !== null) {
      functionsBelow(value, at, seen);
    }
  }
  return seen;
}

/** What the host calls. A script can import its own module. */
const EXPORTS = ["check", "describe", "failure", "invoke", "report", "upgrade"];

/** The functions that do what they are asked to with any value. */
const HARMLESS = /\.(abort|onUnhandled|timerStart|timerStop)$/;

/** Recursions through functions of the language. */
const RECURSIONS: Readonly<Record<string, () => unknown>> = {
  sort: () => { const down = (): number => [2, 1].sort(down).length; down(); },
  json: () => { const it: Loose = { toJSON: () => JSON.stringify(it) }; JSON.stringify(it); },
  getter: () => { const it: Loose = { get x() { return this.x; } }; void it.x; },
  proxy: () => { const it: Loose = new Proxy({}, { get: () => it.x }); void it.x; },
  text: () => { const it: Loose = { toString: () => `${it}` }; void `${it}`; },
  replace: () => { const down = (): string => "a".replace("a", down); down(); },
  bind: () => { let it: Loose = () => 1; for (let n = 0; n < 200_000; n += 1) it = it.bind(null); it(); },
  expression: () => new RegExp(`${"(".repeat(100_000)}${")".repeat(100_000)}`),
  source: () => new Function(`return ${"[".repeat(100_000)}${"]".repeat(100_000)}`)(),
  parse: () => JSON.parse(`${"[".repeat(100_000)}${"]".repeat(100_000)}`),
  stringify: () => JSON.stringify(nested(100_000)),
  concat: () => (nested(100_000) as Loose).flat(Infinity),
};

const methods: Record<string, readonly [string, (cx: Cx) => unknown]> = {
  // Time.
  spin: ["A loop", () => { for (;;); }],
  spin_promises: ["Promises without an end", async () => { for (;;) await null; }],
  spin_microtasks: ["Microtasks that make others", () => new Promise(() => {
    const again = (): void => queueMicrotask(again);
    again();
  })],
  spin_timers: ["Timers without an end", () => new Promise(() => {
    const again = (): void => void setTimeout(again, 0);
    again();
  })],
  spin_intervals: ["Intervals that make others", () => new Promise(() => {
    const again = (): void => void setInterval(again, 1);
    again();
  })],
  sleep: ["A timer of an hour", () => new Promise((resolve) => setTimeout(resolve, 3_600_000))],
  sleep_long: ["A timer of all times", () => new Promise((resolve) => setTimeout(resolve, Number.MAX_VALUE))],
  wait: ["A promise that nothing resolves", () => new Promise(() => undefined)],
  wait_thenable: ["A result that never calls back", () => ({ then() {} })],
  catch_all: ["A loop that catches everything", () => {
    for (;;) {
      try {
        for (;;);
      } catch {
        continue;
      }
    }
  }],
  finally_loop: ["A loop behind the result", () => {
    try {
      return 1;
    } finally {
      for (;;);
    }
  }],
  regular_expression: ["A regular expression that takes exponential time", () => /^(a+)+$/.test(`${"a".repeat(64)}b`)],
  regular_expression_back: ["The same with references", () => /^(.*?,){30}P\1$/.test("1,".repeat(64))],
  big_number: ["One instruction that takes very long", () => String(7n ** (7n ** 7n) % 10n ** 100_000n)],
  sort: ["A comparison that never agrees", () => { for (;;) Array.from({ length: 100_000 }, (_, n) => n).sort(() => Math.random() - 0.5); }],

  // Memory.
  memory: ["Bytes without an end", () => { const kept = []; for (;;) kept.push(new Uint8Array(1 << 20).fill(1)); }],
  memory_of_objects: ["Objects without an end, and no way out of it", () => {
    const kept: unknown[] = [];
    for (;;) {
      try {
        kept.push([kept]);
      } catch {
        continue;
      }
    }
  }],
  memory_of_text: ["A text that doubles", () => { let text = "xy"; for (;;) text = `${text}${text}${text.at(-1)}`; }],
  memory_of_array: ["An array with a length of its own", () => { const it: Loose = []; it.length = 2 ** 32 - 1; return it.fill(0).length; }],
  memory_of_generators: ["Generators that are not finished", () => {
    const kept: unknown[] = [];
    function* one(): Generator<number> { yield 1; }
    for (;;) { const it = one(); it.next(); kept.push(it); }
  }],
  recursion: ["A function that calls itself", () => { const down = (n: number): number => 1 + down(n + 1); return down(0); }],
  recursion_caught: ["A function that calls itself, and goes on where it failed", () => {
    const down = (): number => {
      try {
        return 1 + down();
      } catch {
        return 0;
      }
    };
    return down() > 10;
  }],
  ...Object.fromEntries(Object.entries(RECURSIONS).map(([key, run]) => [`recursion_${key}`, [`Recursion by ${key}`, run]])),

  // What is pending.
  fetches: ["A million requests at once", () => Promise.all(Array.from({ length: 1_000_000 }, () => fetch(NOWHERE)))],
  fetches_dropped: ["A million requests, each forgotten", async () => {
    for (let n = 0; n < 1_000_000; n += 1) {
      fetch(NOWHERE).catch(() => undefined);
      if (n % 100 === 0) await new Promise((resolve) => setTimeout(resolve, 0));
    }
    return "sent";
  }],
  calls: ["A million calls at once", (cx) => Promise.all(Array.from({ length: 1_000_000 }, () => cx.call(cx.identity.model, "sleep")))],
  timers: ["A million timers", () => new Promise(() => {
    for (let n = 0; n < 1_000_000; n += 1) setTimeout(() => undefined, 3_600_000);
  })],
  promises: ["A million promises that are rejected and not handled", async () => {
    for (let n = 0; n < 1_000_000; n += 1) void Promise.reject(new Error("not handled"));
    return "rejected";
  }],

  // Texts that are no text, and values that are no values.
  bytes_result: ["A result that is no text", () => lone],
  bytes_failure: ["A failure that is no text", () => {
    throw new Failure("bad\udcff", `${lone}\u001b[31m`, { details: { a: "\udcff" } });
  }],
  bytes_everywhere: ["Lines, names and contents that are no text", async (cx) => {
    cx.log.info(`line ${lone}`, { [lone]: lone });
    console.log(lone, { [lone]: [lone] });
    const refused: Record<string, string> = {};
    const actions: Record<string, () => Promise<unknown>> = {
      name: () => cx.write("note", { text: "a" }, { name: lone }),
      tag: () => cx.write("note", { text: "a" }, { name: "tagged", tags: { [lone]: lone } }),
      header: () => fetch(NOWHERE, { headers: { "x-a": "\u0100" } }),
      newline: () => fetch(NOWHERE, { headers: { "x-a": "a\r\nx-b: b" } }),
      method: () => fetch(NOWHERE, { method: "GET / HTTP/1.1\r\nx: y" }),
      url: () => fetch("http://a b/"),
      argument: async () => cx.commands.start("none", ["\u0000", lone]),
    };
    for (const [key, action] of Object.entries(actions)) {
      refused[key] = await action().then(() => "ok", (error: unknown) => name(error));
    }
    return refused;
  }],
  nul_result: ["A result with all small characters", () => Array.from({ length: 32 }, (_, n) => String.fromCharCode(n)).join("")],
  deep_result: ["A result that nests very deep", () => nested(100_000)],
  endless_result: ["A result that contains itself", () => { const it: unknown[] = []; it.push(it); return it; }],
  function_result: ["A result that is no JSON", () => () => 1],
  number_result: ["A number that is no JSON", () => ({ n: NaN, i: -Infinity, z: -0 })],
  bigint_result: ["A number that is too large for JSON", () => 10n ** 30n],
  getter_result: ["A result whose member fails", () => ({ get x() { throw new Error("a getter"); } })],
  large_result: ["A result of 20 MiB", () => "x".repeat(20 << 20)],

  // What is thrown.
  throw_null: ["Null is thrown", () => { throw null; }],
  throw_symbol: ["A symbol is thrown", () => { throw Symbol("a symbol"); }],
  throw_proxy: ["A proxy is thrown that fails at everything", () => {
    const fail = (): never => { throw new Error("again"); };
    throw new Proxy({}, { get: fail, has: fail, ownKeys: fail, getPrototypeOf: fail, getOwnPropertyDescriptor: fail });
  }],
  throw_revoked: ["A revoked proxy is thrown", () => { const { proxy, revoke } = Proxy.revocable({}, {}); revoke(); throw proxy; }],
  throw_getters: ["An error is thrown whose members fail", () => {
    const error = new Error("a message");
    for (const key of ["message", "name", "stack", "cause", "code"]) {
      Object.defineProperty(error, key, { get() { throw error; } });
    }
    throw error;
  }],
  throw_cause: ["An error is thrown that causes itself", () => { const it = new Error("a circle"); it.cause = it; throw it; }],
  throw_large: ["An error is thrown with a message of 10 MiB", () => { throw new Error("x".repeat(10 << 20)); }],
  throw_frames: ["An error is thrown with frames of its own", () => {
    const error = new Error("with frames");
    error.stack = [
      "    at \u001b[31mred\u001b[0m (plugin.js:1:1)",
      `    at far (plugin.js:${"9".repeat(400)}:${"9".repeat(400)})`,
      "    at zero (plugin.js:0:0)",
      "    at minus (plugin.js:-1:-1)",
      "    at ../../../etc/passwd (plugin.js:1)",
      `    at ${lone} (${"x".repeat(1 << 20)}:1:1)`,
      ...Array.from({ length: 10_000 }, (_, n) => `    at many (plugin.js:${n}:1)`),
    ].join("\n");
    throw error;
  }],
  throw_wire: ["An object is thrown that looks like an error of the host", () => { throw { type: "never-ready", tag: { toString: 1 }, val: {} }; }],
  throw_later: ["An error that no one waits for", async () => {
    setTimeout(() => { throw new Error("thrown by a timer"); }, 0);
    await new Promise((resolve) => setTimeout(resolve, 200));
    return "went on";
  }],

  // Prototypes and globals.
  proto_then: ["A `then` for everything", () => {
    const then = Promise.prototype.then;
    (Promise.prototype as Loose).then = function (this: Promise<unknown>, done: Loose, failed: Loose) {
      return then.call(this, (value: unknown) => done?.(`stolen ${String(value)}`), failed);
    };
    return Promise.resolve("a result");
  }],
  proto_object: ["Members of all objects", () => {
    for (const key of ["then", "toJSON", "tag", "val", "type", "code", "message", "details", "stack", "version", "name"]) {
      Object.defineProperty(Object.prototype, key, {
        get() { return undefined; },
        set() { throw new Error(`nothing may be set: ${key}`); },
        configurable: true,
      });
    }
    return { a: 1 };
  }],
  proto_thenable: ["All objects are promises that never end", () => { (Object.prototype as Loose).then = () => undefined; return { a: 1 }; }],
  proto_array: ["All arrays are empty", () => {
    (Array.prototype as Loose)[Symbol.iterator] = function* () {};
    (Array.prototype as Loose).push = () => { throw new Error("no"); };
    (Array.prototype as Loose).map = () => "mapped";
    return [1, 2, 3];
  }],
  proto_json: ["Another JSON", () => { JSON.stringify = (() => "]not JSON[") as Loose; JSON.parse = (() => null) as Loose; return { a: 1 }; }],
  proto_text: ["Another text", () => {
    (String.prototype as Loose).toWellFormed = () => ({});
    (String.prototype as Loose).split = () => { throw new Error("no"); };
    (Error.prototype as Loose).toString = () => { throw new Error("no"); };
    throw new Error("with another text");
  }],
  proto_bytes: ["Other arrays of bytes", async (cx) => {
    Object.defineProperty(Object.getPrototypeOf(Uint8Array.prototype), "length", { get: () => 2 ** 31 });
    Object.defineProperty(Object.getPrototypeOf(Uint8Array.prototype), "buffer", { get: () => new ArrayBuffer(0) });
    await cx.write("note", { text: new TextDecoder().decode(new Uint8Array([97])) });
    return "written";
  }],
  proto_constructor: ["Other classes of the engine", () => {
    for (const key of ["Object", "Array", "Promise", "Error", "TypeError", "Map", "Uint8Array", "Symbol"]) {
      global[key] = class { constructor() { throw new Error("no"); } };
    }
    return { a: 1 };
  }],
  globals_gone: ["Everything global is deleted", () => {
    const { ownKeys, deleteProperty } = Reflect;
    for (const key of ownKeys(global)) deleteProperty(global, key);
    return 1;
  }],
  frozen: ["Everything is frozen", () => { for (const it of [Object.prototype, Array.prototype, Function.prototype, Promise, JSON, globalThis]) Object.freeze(it); return 1; }],
  taint: ["What a call leaves behind", () => {
    left.push("a value");
    global.leftBehind = "a global";
    (Object.prototype as Loose).leftBehind = "a member";
    Math.random = () => 0.5;
    setTimeout(() => left.push("a timer"), 0);
    return left.length;
  }],
  traces: ["What an earlier call has left behind", () => [
    ...left,
    ...("leftBehind" in globalThis ? ["a global"] : []),
    ...("leftBehind" in {} ? ["a member"] : []),
    ...(Math.random === stolenRandom ? [] : ["a function"]),
  ]],

  // The engine.
  reach: ["Ways to the functions of the engine", async () => {
    const ways: Record<string, () => unknown> = {
      global: () => global.__sedge,
      names: () => Reflect.ownKeys(globalThis).find((it) => /sedge|host|wasi|quickjs|^(std|os|bjson|print|gc)$/i.test(String(it))),
      module: async () => Object.keys((await eval('import("plugin.js")')) as object).find((it) => !EXPORTS.includes(it)),
      eval: () => (0, eval)("typeof __sedge === 'undefined' ? undefined : __sedge"),
      made: () => new Function("return this.__sedge")(),
      std: () => global.std ?? global.os ?? global.bjson,
      script: () => global.scriptArgs,
    };
    const found: string[] = [];
    for (const [key, way] of Object.entries(ways)) {
      if ((await way()) !== undefined) found.push(key);
    }
    for (const module of ["std", "os", "bjson", "other.js", "./other.js", "node:fs", "file:///etc/passwd", "data:text/javascript,1"]) {
      await eval(`import(${JSON.stringify(module)})`).then(() => found.push(module), () => undefined);
    }
    return found;
  }],
  nonsense: ["Functions of the engine are called with nonsense", () => {
    const functions = functionsBelow(engine(), "engine", new Map());
    let refused = 0;
    for (const [path, run] of functions) {
      if (HARMLESS.test(path)) continue;
      for (const value of NONSENSE) {
        for (const args of [[], [value], [value, value], [1, value], [value, value, value, value]]) {
          try {
            run(...args);
          } catch {
            refused += 1;
          }
        }
      }
    }
    return { functions: functions.size > 50, refused: refused > 1000 };
  }],
  handles: ["Handles that are guessed, dropped, or of another kind", () => {
    const it = engine() as Loose;
    const codec = it.codec.start("gzip", true);
    it.drop(codec);
    it.drop(codec);
    const other = it.codec.start("gzip", true);
    const found = endings({
      ready: () => it.ready(codec),
      dropped: () => it.codec.push(codec, new Uint8Array(1)),
      kind: () => it.stream.read(other, 10),
      guessed: () => { for (let n = 1; n < 5000; n += 1) if (n !== other) it.data.fileRead(n, 1); },
      zero: () => it.data.fileInfo(0),
      response: () => it.http.response(other),
      finished: () => { it.codec.finish(other); it.codec.finish(other); },
    });
    return found;
  }],
  handles_many: ["More handles than there may be", () => {
    const it = engine() as Loose;
    for (let n = 0; n < 100_000; n += 1) it.codec.start("deflate", true);
  }],
  shifting: ["Values that change while they are read", () => {
    const it = engine() as Loose;
    const buffer = new ArrayBuffer(1 << 16);
    const bytes = new Uint8Array(buffer);
    return endings({
      transfer: () => it.log.log({ toString: () => "info" }, "x", []),
      detached: () => { (buffer as Loose).transfer(0); it.text.decode(bytes, true); },
      detach_inside: () => {
        const inner = new Uint8Array(1 << 16);
        it.data.writeResource("note", { toString() { (inner.buffer as Loose).transfer(0); return "a"; } }, "{}", {});
      },
      resized: () => {
        const grown = new (ArrayBuffer as Loose)(8, { maxByteLength: 1 << 16 });
        const view = new Uint8Array(grown);
        const options = { get tags() { grown.resize(0); return []; } };
        it.data.writeResource("note", "a", new TextDecoder().decode(view), options);
      },
      endless: () => it.log.log("info", "x", { get length() { return 2 ** 53; } }),
      generator: () => it.commands.run("none", { *[Symbol.iterator]() { for (;;) yield "a"; } }),
      reenter: () => it.log.log("info", "x", [{ key: "a", get value() { it.log.log("info", "inside", []); return "1"; } }]),
      encode: () => it.text.encodeInto("é".repeat(1000), bytes.subarray(0, 1)),
      random: () => it.random(2 ** 31),
      pbkdf2: () => it.crypto.pbkdf2("SHA-256", new Uint8Array(1), new Uint8Array(1), 1, 2 ** 31),
    });
  }],
  pbkdf2: ["A derivation that takes very long", () => (engine() as Loose).crypto.pbkdf2("SHA-512", new Uint8Array(1), new Uint8Array(1), 2 ** 31 - 1, 64).length],
  bomb: ["A small text that inflates to much", async () => {
    const zeros = new Blob([new Uint8Array(4 << 20)]);
    let packed = zeros.stream();
    for (let n = 0; n < 2; n += 1) packed = packed.pipeThrough(new CompressionStream("gzip")) as Loose;
    const small = new Uint8Array(await new Response(packed as Loose).arrayBuffer());
    const kept: Uint8Array[] = [];
    for (;;) {
      const once = new Blob([small]).stream().pipeThrough(new DecompressionStream("gzip")).pipeThrough(new DecompressionStream("gzip"));
      kept.push(new Uint8Array(await new Response(once as Loose).arrayBuffer()));
    }
  }],

  // Random numbers.
  numbers: ["Random numbers of all sources, which differ from call to call", () => [
    String(stolenRandom()),
    String(Math.random()),
    Array.from(crypto.getRandomValues(new Uint8Array(8))).join(),
    crypto.randomUUID(),
    String(Array.from({ length: 8 }, (_, n) => n).sort(() => stolenRandom() - 0.5)) + stolenRandom(),
  ]],
  built: ["The number of the build, and the time now", () => ({ built: builtNumber, now: stolenNow() })],
};

export const model = defineModel({
  name: "@test/ts-hostile",
  version: "2026.12.01.1",
  description: "Attacks in TypeScript",
  resources,
  permissions: [
    { http: "http://127.0.0.1:9", reason: "to have many requests pending" },
    { models: "*", reason: "to have many calls pending" },
  ],
  methods: (method) =>
    Object.fromEntries(
      Object.entries(methods).map(([key, [description, run]]) => [
        key,
        method({ kind: "action", description, run: async (cx) => (await run(cx as unknown as Cx)) ?? null }),
      ]),
    ),
});
