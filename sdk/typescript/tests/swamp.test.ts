/** Models in the manner of swamp. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { swampModel, TestContext } from "@sedge/sdk/testing";
import { z } from "zod";
import { translated } from "../src/swamp/query.js";

interface Handle {
  readonly name: string;
  readonly version: number;
}

// As authors of swamp write it: a structural type of what the model uses.
interface Cx {
  readonly globalArgs: Record<string, unknown>;
  readonly modelType: { toString(): string };
  readonly modelId: string;
  readonly methodName: string;
  readonly unresolvedMethodArgs: Record<string, unknown>;
  readonly definition: { readonly name: string; readonly tags: Record<string, string> };
  readonly logger: { info(message: string, properties?: Record<string, unknown>): void; warning(message: string): void };
  readonly signal: AbortSignal;
  readonly dataRepository: {
    getContent(type: unknown, id: string, name: string, version?: number): Promise<Uint8Array | null>;
    findAllForModel(type: unknown, id: string): Promise<{ name: string; version: number; tags: Record<string, string>; createdAt: Date }[]>;
    listVersions(type: unknown, id: string, name: string): Promise<number[]>;
    save(): void;
    delete(type: unknown, id: string, name: string): Promise<void>;
  };
  readonly definitionRepository: { findByNameGlobal(name: string): Promise<{ definition: { globalArguments: unknown } } | null> };
  readonly vaultService: { get(name: string): unknown };
  writeResource(spec: string, name: string, data: unknown, overrides?: object): Promise<Handle>;
  readResource(name: string): Promise<unknown>;
  deleteResource(name: string): Promise<void>;
  createFileWriter(spec: string, name: string, overrides?: object): { writeLine(line: string): Promise<void>; finalize(): Promise<Handle>; writeText(text: string): Promise<Handle>; getFilePath(): Promise<string> };
  readModelData(name: string, spec?: string): Promise<{ attributes: unknown; specName: string }[]>;
  queryData(predicate: string, select?: string): Promise<unknown[]>;
  runModel(options: object): Promise<{ ok: boolean; error?: { message: string } }>;
}

type Execute = (args: Record<string, unknown>, context: Cx) => unknown;

function method(execute: Execute, more: object = {}): object {
  return { description: "Do it", arguments: z.object({}), execute, ...more };
}

const State = z.object({ id: z.string(), password: z.string().meta({ sensitive: true }).optional() });

const module = {
  model: {
    type: "@acme/servers",
    version: "2026.12.01.1",
    globalArguments: z.object({ url: z.string().default("https://api.example.com"), region: z.string(), size: z.enum(["s", "l"]).optional() }),
    resources: { state: { description: "A server", schema: State, lifetime: "infinite", garbageCollection: 10 } },
    files: { log: { description: "Its log", contentType: "text/plain", lifetime: "7d", garbageCollection: 3 } },
    checks: {
      reachable: { description: "It answers", labels: ["live"], appliesTo: ["create", "get"], execute: async (cx: Cx) => ({ pass: cx.globalArgs["region"] === "eu", errors: ["the region is not eu"] }) },
    },
    upgrades: [{ toVersion: "2026.12.01.1", description: "x", upgradeAttributes: (old: Record<string, unknown>) => ({ ...old, url: "u" }) }],
    methods: {
      create: method(
        async (args, cx) => {
          cx.logger.info("creating {name} in {region}", { name: args["name"], region: args["region"] });
          const handle = await cx.writeResource("state", `state-${String(args["name"])}`, { id: "1", password: "hunter2" }, { lifetime: "1h", garbageCollection: 2, tags: { by: "test" } });
          return { dataHandles: [handle], version: handle.version };
        },
        { arguments: z.object({ name: z.string(), region: z.string() }) },
      ),
      get: method(async (_, cx) => {
        const bytes = await cx.dataRepository.getContent(cx.modelType, cx.modelId, "state-a");
        const all = await cx.dataRepository.findAllForModel(cx.modelType, cx.modelId);
        return {
          read: await cx.readResource("state-a"), same: JSON.parse(new TextDecoder().decode(bytes ?? undefined)),
          names: all.map((it) => `${it.name}@${it.version} ${it.tags["specName"]}`), dated: all[0]?.createdAt instanceof Date,
          versions: await cx.dataRepository.listVersions(cx.modelType, cx.modelId, "state-a"), method: cx.methodName, model: cx.definition.name, type: `${cx.modelType}`,
        };
      }),
      sync: method(async (_, cx) => {
        const writer = cx.createFileWriter("log", "log-a");
        await writer.writeLine("one");
        await writer.writeLine("two");
        return { dataHandles: [await writer.finalize()] };
      }),
      destroy: method(async (_, cx) => cx.deleteResource("state-a")),
      scrub: method(async (_, cx) => cx.deleteResource("state-a")),
      broken: method(async (_, cx) => {
        await cx.writeResource("state", "kept", { id: "1" });
        throw new Error("it broke");
      }),
      atomic: method(
        async (_, cx) => {
          await cx.writeResource("state", "lost", { id: "1" });
          throw new Error("it broke");
        },
        { rollbackOnFailure: true },
      ),
      loose: method(async (_, cx) => cx.writeResource("state", "loose", { id: 5 })),
      others: method(async (_, cx) => ({
        data: (await cx.readModelData("other", "scan")).map((it) => it.attributes),
        none: await cx.readModelData("nowhere"),
        definition: (await cx.definitionRepository.findByNameGlobal("other"))?.definition.globalArguments,
        run: await cx.runModel({ definition: "other", method: "scan", arguments: { deep: true } }),
        query: await cx.queryData('modelName == "servers" && specName == "state"', "attributes.id"),
      })),
      vault: method((_, cx) => cx.vaultService.get("x")),
      save: method((_, cx) => cx.dataRepository.save()),
      file: method(async (_, cx) => cx.createFileWriter("log", "x").getFilePath()),
      follow: method(() => ({ followUpActions: [{ methodName: "get" }] })),
      fetch: method(async (_, cx) => (await fetch(`${String(cx.globalArgs["url"])}/x`)).status),
      deno: method(async (_, cx) => {
        const done = await new Deno.Command("/usr/bin/df", { args: ["-k"], env: { LC_ALL: "C" }, stdout: "piped" }).output();
        const child = new Deno.Command("cat", { stdin: "piped", stdout: "piped" }).spawn();
        const writer = child.stdin.getWriter();
        await writer.write(new TextEncoder().encode("fed"));
        await writer.close();
        const echoed = await child.output();
        await Deno.mkdir("state/deep/er", { recursive: true });
        await Deno.writeTextFile("/var/lib/app/deep/a.txt", "hello");
        const entries: string[] = [];
        for await (const it of Deno.readDir("state/deep")) {
          entries.push(`${it.name}:${it.isFile}`);
        }
        await assert.rejects(Deno.readTextFile("state/none"), (error: Error) => error instanceof Deno.errors.NotFound && /No such file/.test(error.message));
        cx.logger.info("done");
        return {
          code: done.code, out: new TextDecoder().decode(done.stdout), echoed: new TextDecoder().decode(echoed.stdout),
          home: Deno.env.get("HOME"), path: Deno.env.get("PATH") ?? "unset", text: await Deno.readTextFile("state/deep/a.txt"), entries: entries.sort(),
        };
      }),
      etc: method(async () => Deno.readTextFile("/etc/passwd")),
      listen: method(() => Deno.serve()),
    },
  },
};

declare const Deno: {
  Command: new (name: string, options: object) => { output(): Promise<{ code: number; stdout: Uint8Array }>; spawn(): { stdin: WritableStream<Uint8Array>; output(): Promise<{ stdout: Uint8Array }> } };
  env: { get(name: string): string | undefined };
  errors: Record<string, new () => Error> & { NotFound: new () => Error };
  mkdir(path: string, options: object): Promise<void>;
  writeTextFile(path: string, text: string): Promise<void>;
  readTextFile(path: string): Promise<string>;
  readDir(path: string): AsyncIterable<{ name: string; isFile: boolean }>;
  serve(): void;
};

function context(globalArguments: object = { region: "eu" }): TestContext {
  const permissions = [
    { http: "https://api.example.com", reason: "x" }, { models: "*", reason: "x" }, { command: "*", reason: "x" },
    { env: "HOME", reason: "x" }, { folder: "state", access: "write" as const, reason: "x" },
  ];
  return new TestContext(swampModel(module, { description: "Servers", permissions, paths: { "/var/lib/app": "state" } }), { name: "servers", globalArguments });
}

test("description infers kinds, and requires no global arguments", () => {
  const { info } = context();
  const kinds = Object.fromEntries(info.methods.map((it) => [it.name, it.kind]));
  assert.deepEqual([kinds["create"], kinds["get"], kinds["sync"], kinds["destroy"], kinds["scrub"]], ["create", "observe", "action", "delete", "action"]);
  const globals = JSON.parse(info.globalArguments) as { required?: string[]; properties: Record<string, { default?: string }> };
  assert.deepEqual([globals.required, globals.properties["url"]?.default], [undefined, "https://api.example.com"]);
  const create = JSON.parse(info.methods[0]?.arguments ?? "") as { required?: string[] };
  assert.deepEqual(create.required, ["name"], "`region` is a global argument, too");
  assert.deepEqual(info.resources[0]?.retention, { lifetime: "infinite", keep: "10", tags: [] });
  assert.equal(info.resources[0]?.onViolation, "warn");
  assert.deepEqual(info.checks[0]?.appliesTo, ["create"], "`get` observes, so no check runs before it");
});

test("resource is written with the retention of the write, and read back", async () => {
  const it = context();
  assert.deepEqual(await it.run("create", { name: "a" }), { version: 1 });
  const [version] = it.versions("state-a");
  assert.deepEqual([version?.lifetime, version?.keep, version?.tags], ["1h", "2", { by: "test" }]);
  assert.deepEqual(it.seenByOthers("state-a"), { id: "1", password: "[sealed]" });
  assert.equal(it.logs[0]?.message, "creating a in eu");
  const read = { id: "1", password: "hunter2" };
  assert.deepEqual(await it.run("get"), {
    read, same: read, names: ["state-a@1 state"], dated: true, versions: [1], method: "get", model: "servers", type: "@acme/servers",
  });
});

test("lines become a file", async () => {
  const it = context();
  assert.equal(await it.run("sync"), null);
  assert.equal(it.fileText("log-a"), "one\ntwo\n");
});

test("data is deleted by methods of kind delete, and others are told so", async () => {
  const it = context();
  await it.run("create", { name: "a" });
  await assert.rejects(it.run("scrub"), { code: "denied", message: /a method that deletes data is named `delete`, `destroy` or `remove`/ });
  await it.run("destroy");
  assert.deepEqual(it.names(), []);
});

test("writes before an error are kept, unless the method rolls back", async () => {
  const it = context();
  await assert.rejects(it.run("broken"), { code: "failed", message: "it broke" });
  await assert.rejects(it.run("atomic"), { code: "failed" });
  assert.deepEqual(it.names(), ["kept"]);
});

test("content that does not fit is stored with a warning", async () => {
  const it = context();
  await it.run("loose");
  assert.deepEqual(it.content("loose"), { id: 5 });
  assert.match(it.logs[0]?.message ?? "", /`loose` does not fit the schema of `state`: \/id: it has to be a text/);
});

test("other models are read, queried and run", async () => {
  const it = context();
  it.put("scan-1", { n: 1 }, { model: "other", spec: "scan" });
  it.put("plan-1", { n: 2 }, { model: "other", spec: "plan" });
  it.definition("other", "@acme/other", { globalArguments: { a: 1 } });
  it.put("state-x", { id: "7" }, { spec: "state" });
  it.onQuery('model == "servers" && spec == "state"', [["state-x", "7"]]);
  it.onCall("other", "scan", { returns: null });
  assert.deepEqual(await it.run("others"), { data: [{ n: 1 }], none: [], definition: { a: 1 }, run: { ok: true, value: null, resources: [] }, query: ["7"] });
});

test("member that Sedge does not have is named", async () => {
  const it = context();
  for (const [method, message] of [
    ["vault", /`context.vaultService` is not supported: secrets are given to global arguments/],
    ["save", /`context.dataRepository.save` is not supported: write by `context.writeResource`/],
    ["file", /`context.createFileWriter\(\).getFilePath` is not supported/],
    ["follow", /`followUpActions` is not supported: run `get` afterwards/],
  ] as const) {
    await assert.rejects(it.run(method), { code: "not-supported", message });
  }
  await assert.rejects(it.run("listen"), { message: /`Deno.serve` is not supported in a plugin: a plugin does not accept connections/ });
});

test("missing global arguments are a warning, and checks see them", async () => {
  const it = context({});
  it.onHttp("GET", "https://api.example.com/x", { status: 200 });
  assert.equal(await it.run("fetch"), 200);
  assert.match(it.logs[0]?.message ?? "", /does not set `region`, which `@acme\/servers` requires for some of its methods/);
  await assert.rejects(it.check("reachable", "create", { name: "a", region: "us" }), { code: "check-failed", message: "the region is not eu" });
  await context().check("reachable", "create", { name: "a" });
  assert.deepEqual(await it.upgrade("2026.12.01.1", { region: "eu" }), { region: "eu", url: "u" });
});

test("Deno runs commands, reads variables and files", async () => {
  const it = context();
  const folder = mkdtempSync(path.join(tmpdir(), "sedge-"));
  it.folder("state", folder);
  it.variable("HOME", "/root");
  it.onCommand("df", ["-k"], { stdout: "full" });
  it.onCommand("cat", null, (command) => ({ stdout: command.stdin }));
  assert.deepEqual(await it.run("deno"), { code: 0, out: "full", echoed: "fed", home: "/root", path: "unset", text: "hello", entries: ["a.txt:true", "er:false"] });
  assert.equal(readFileSync(path.join(folder, "deep/a.txt"), "utf8"), "hello");
  assert.deepEqual(it.commands[0]?.variables, { LC_ALL: "C" });
  await assert.rejects(it.run("etc"), { code: "denied", message: /may not use `\/etc\/passwd`: no folder that it requests has this path/ });
});

test("extension adds methods, and may not replace any", () => {
  const extension = { type: "@acme/servers", methods: [{ extra: method(() => null) }] };
  const { info } = new TestContext(swampModel({ ...module, extension }));
  assert.equal(info.methods.at(-1)?.name, "extra");
  assert.throws(() => swampModel({ ...module, extension: { type: "@acme/servers", methods: [{ get: method(() => null) }] } }), /adds the method `get`, which the type has already/);
  assert.throws(() => swampModel({ ...module, extension: { type: "@acme/other" } }), /the extension is of the type `@acme\/other`/);
  assert.throws(() => swampModel({ other: 1 }), /exports no model of swamp/);
});

test("report of swamp is made of its subject", async () => {
  interface ReportCx {
    readonly dataRepository: Cx["dataRepository"];
    readonly modelType: unknown;
    readonly modelId: string;
  }
  const report = {
    name: "@acme/server-summary", description: "Sum", scope: "model",
    async execute(cx: ReportCx) {
      const found = await cx.dataRepository.findAllForModel(cx.modelType, cx.modelId);
      const bytes = await cx.dataRepository.getContent(cx.modelType, cx.modelId, found[0]?.name ?? "");
      return { markdown: `# ${found.length}`, json: JSON.parse(new TextDecoder().decode(bytes ?? undefined)) };
    },
  };
  const it = new TestContext(swampModel({ ...module, report }));
  const model = { name: "servers", id: "id-1", type: "@acme/servers", typeVersion: "2026.12.01.1", tags: [] };
  const data = [{ model: "servers", name: "state-a", version: 3, spec: "state", createdAtMs: 0, tags: [], content: { tag: "resource" as const, val: '{"id":"1"}' } }];
  assert.deepEqual(await it.report("acme-server-summary", { tag: "model", val: { model, globalArguments: "{}", data } }), { markdown: "# 1", json: { id: "1" } });
});

test("variables of a query are translated, and texts and members are not", () => {
  assert.equal(
    translated('modelName == "modelName" && specName != \'specName\' && attributes.specName == 1 && dataType == "resource" && isLatest'),
    'model == "modelName" && spec != \'specName\' && attributes.specName == 1 && kind == "resource" && latest',
  );
});
