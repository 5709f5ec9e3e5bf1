/** The authoring API, over the doubles of `TestContext`. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { defineModel, errors, Failure, limits, succeeded, type PermissionDefinition } from "@sedge/sdk";
import { NotScripted, TestContext } from "@sedge/sdk/testing";
import { z } from "zod";
import { failureOf } from "../src/sdk/failures.js";

const Reading = z.object({ celsius: z.number().min(-273), token: z.string().meta({ sensitive: true }).optional() });

const permissions: readonly PermissionDefinition[] = [
  { http: "https://api.example.com", methods: ["GET"], reason: "to read" },
  { models: "other", reason: "to call" },
  { folder: "in", access: "write", reason: "to read" },
  { env: "REGION", reason: "to know it" },
  { secret: "TOKEN", hosts: ["https://api.example.com"], reveal: true, reason: "to sign" },
  { command: "df", reason: "to look" },
  { workflow: "deploy", reason: "to deploy" },
];

const thermometer = defineModel({
  name: "@acme/thermometer",
  version: "2026.12.01.1",
  description: "Reads a thermometer",
  globalArguments: z.object({ room: z.string().default("attic") }),
  resources: { reading: { description: "One reading", schema: Reading, lifetime: "30d", keep: 100, tags: { kind: "reading" } } },
  files: { report: { description: "All readings", mediaType: "text/plain" } },
  permissions,
  methods: (method) => ({
    read: method({
      kind: "observe",
      description: "Read it",
      arguments: z.object({ celsius: z.number().default(21.5) }),
      async run(cx, args) {
        const room: string = cx.globalArguments.room;
        await cx.write("reading", { celsius: args.celsius, token: "hunter2" }, { name: `reading/${room}`, tags: { room }, keep: 5 });
        const file = await cx.createLines("report");
        for await (const it of cx.data.list({ prefix: "reading/" })) {
          await file.write(`${it.name} ${it.tags["room"]} ${it.version}`);
        }
        await file.finish();
        cx.log.info("read", { room, celsius: args.celsius });
        return { room };
      },
    }),
    call: method({
      kind: "action",
      description: "Call others",
      async run(cx) {
        const both = await Promise.all([cx.call("other", "count"), cx.start("other", "count", { deep: true })]);
        return both.map((it) => it.as(z.object({ n: z.number() })).n);
      },
    }),
    peek: method({ kind: "read", description: "Call others", run: async (cx) => (await cx.call("other", "count")).value }),
    prune: method({ kind: "delete", description: "Forget", run: (cx) => cx.data.delete("reading/attic") }),
    fail: method({
      kind: "action",
      description: "Fail",
      arguments: z.object({ keep: z.boolean() }),
      async run(cx, args) {
        await cx.write("reading", { celsius: 1 });
        throw new Failure("not-reachable", "the sensor does not answer", { details: { tries: 3 }, keepWrites: args.keep });
      },
    }),
    wrong: method({
      kind: "action",
      description: "Violate the schema",
      async run(cx) {
        // @ts-expect-error there is no such resource
        await assert.rejects(cx.write("readings", { celsius: 1 }), errors.DataUndeclared);
        // @ts-expect-error a text is no number
        await cx.write("reading", { celsius: "warm" });
      },
    }),
    outside: method({
      kind: "action",
      description: "Use what is outside",
      async run(cx) {
        const token = cx.secret("TOKEN");
        const response = await fetch("https://api.example.com/x", { headers: { authorization: `Bearer ${token}`, "x-basic": token.basic("ada") } });
        const disk = (await cx.commands.run("df", ["-k"])).success().stdout.text();
        const run = succeeded(await cx.workflows.run("deploy", { version: "1" }));
        const folder = cx.folder("in");
        await folder.makeFolder("a/b");
        await folder.write("a/b/c.txt", "one");
        await folder.write("a/b/c.txt", "two", { append: true });
        await folder.rename("a/b/c.txt", "a/d.txt");
        const text = await folder.readText("a/d.txt");
        await assert.rejects(folder.readText("none"), { code: "io", reason: "no-entry", message: "`none` in the folder `in`: it does not exist" });
        return { status: response.status, disk, outputs: run.outputs, text, region: cx.variable("REGION"), revealed: token.reveal(), entries: (await folder.list("a")).map((it) => it.name) };
      },
    }),
    wait: method({
      kind: "action",
      description: "Wait until cancelled",
      async run(cx) {
        const pending = cx.start("other", "slow");
        try {
          await new Promise((_, reject) => cx.signal.addEventListener("abort", () => reject(cx.signal.reason as Error)));
        } finally {
          pending.cancel();
          await assert.rejects(pending.wait(), errors.CallCancelled);
        }
      },
    }),
    forever: method({ kind: "read", description: "Never end", run: () => new Promise(() => undefined) }),
    odd: method({ kind: "read", description: "Return no JSON", run: () => Number.NaN }),
  }),
  checks: {
    quota: {
      description: "There is room",
      labels: ["policy"],
      async run(cx, call) {
        await assert.rejects(Promise.resolve().then(() => fetch("https://api.example.com/", { method: "POST" })), { code: "denied" });
        if (call.arguments["keep"] === true) {
          throw new Failure("quota", `no room in ${cx.globalArguments.room}`);
        }
      },
    },
  },
  upgrades: [{ toVersion: "2026.12.01.1", description: "`place` is now `room`", run: ({ place, ...rest }) => ({ ...rest, room: place }) }],
  reports: {
    summary: { scope: "method", description: "What the call did", run: (it) => `\`${it.method}\` wrote ${it.written.length}` },
    state: { scope: "model", description: "What there is", run: (it) => ({ markdown: it.model.name, json: { n: it.data.length } }) },
  },
});

test("description has everything that the type declares", () => {
  const { info } = new TestContext(thermometer);
  assert.equal(info.name, "@acme/thermometer");
  assert.deepEqual(info.methods.map((it) => `${it.name}:${it.kind}`).slice(0, 4), ["read:observe", "call:action", "peek:read", "prune:delete"]);
  const [reading] = info.resources;
  const schema = JSON.parse(reading?.schema ?? "") as { properties: { token: object } };
  assert.deepEqual(schema.properties.token, { type: "string", sensitive: true });
  assert.deepEqual(reading?.retention, { lifetime: "30d", keep: "100", tags: [["kind", "reading"]] });
  assert.deepEqual(JSON.parse(info.methods.find((it) => it.name === "call")?.arguments ?? "").additionalProperties, false);
  assert.deepEqual(info.permissions[4]?.permission, { tag: "secrets", val: { name: "TOKEN", hosts: ["https://api.example.com"], reveal: true } });
  assert.deepEqual(info.checks, [{ name: "quota", description: "There is room", appliesTo: [], labels: ["policy"] }]);
  assert.deepEqual(info.reports.map((it) => `${it.name}:${it.scope}`), ["summary:method", "state:model"]);
});

test("writes are staged, listed, and committed with their tags", async () => {
  const context = new TestContext(thermometer, { tags: { site: "berlin" } });
  context.put("reading/cellar", { celsius: 9 }, { spec: "reading", tags: { room: "cellar" } });
  assert.deepEqual(await context.run("read"), { room: "attic" });
  assert.deepEqual(context.written, [{ name: "reading/attic", version: 1 }, { name: "report", version: 1 }]);
  assert.equal(context.fileText("report"), "reading/attic attic null\nreading/cellar cellar 1\n");
  const [version] = context.versions("reading/attic");
  assert.deepEqual([version?.tags, version?.keep, version?.lifetime], [{ kind: "reading", room: "attic" }, "5", "30d"]);
  assert.deepEqual(context.content("reading/attic"), { celsius: 21.5, token: "hunter2" });
  assert.deepEqual(context.seenByOthers("reading/attic"), { celsius: 21.5, token: "[sealed]" });
  assert.deepEqual(context.logs, [{ level: "info", message: "read", fields: { room: "attic", celsius: 21.5 } }]);
});

test("sensitive values of other models read as sealed", async () => {
  const model = defineModel({
    name: "@acme/reader",
    version: "2026.12.01.1",
    description: "Reads others",
    permissions: [{ models: "other", reason: "to read" }],
    methods: (method) => ({ read: method({ kind: "read", description: "Read", run: async (cx) => (await cx.data.latest("x", { model: "other" }))?.content }) }),
  });
  const context = new TestContext(model);
  context.put("x", { token: "hunter2" }, { model: "other", sealed: { token: "[sealed]" } });
  assert.deepEqual(await context.run("read"), { token: "[sealed]" });
  context.refuse("models");
  await assert.rejects(context.run("read"), { code: "denied", message: "`model` may not read the data of `other`: no grant allows it" });
});

test("arguments are checked against the schema before the method runs", async () => {
  const context = new TestContext(thermometer);
  await assert.rejects(context.run("read", { celsius: "warm" }), (error: Failure) => {
    assert.equal(error.code, "invalid-input");
    assert.deepEqual(error.details, { violations: [{ path: "/celsius", message: 'it has to be a number; `"warm"` was given' }] });
    return true;
  });
  await assert.rejects(context.run("call", { other: 1 }), { code: "invalid-input" });
  await assert.rejects(new TestContext(thermometer, { globalArguments: { room: 1 } }).run("read"), { code: "invalid-definition" });
});

test("content that violates the schema is refused", async () => {
  const context = new TestContext(thermometer);
  await assert.rejects(context.run("wrong"), { code: "invalid-content", message: /celsius: it has to be a number/ });
  assert.deepEqual(context.names(), []);
});

test("failure discards the writes, unless it keeps them", async () => {
  const context = new TestContext(thermometer);
  await assert.rejects(context.run("fail", { keep: false }), { code: "not-reachable", message: "the sensor does not answer", details: { tries: 3 } });
  assert.deepEqual(context.names(), []);
  await assert.rejects(context.run("fail", { keep: true }), { code: "not-reachable" });
  assert.deepEqual(context.names(), ["reading"]);
});

test("nested calls run beside each other, and their errors have classes", async () => {
  const context = new TestContext(thermometer);
  context.onCall("other", "count", { returns: (args: unknown) => ({ n: (args as { deep?: boolean }).deep ? 2 : 1 }), delayMs: 400 });
  assert.deepEqual(await context.run("call"), [1, 2]);
  assert.equal(context.clock.elapsed, 400);
  assert.deepEqual(context.calls.map((it) => it.arguments), [{}, { deep: true }]);
  context.onCall("other", "count", { error: new errors.CallLimit({ name: limits.CALL_DEPTH, value: 64 }) });
  await assert.rejects(context.run("call"), { code: "limit", message: "the limit `call-depth` of 64 was reached", details: { name: "call-depth", value: 64 } });
  context.onCall("other", "count", { error: new Failure("too-hot", "it is too hot", { details: { celsius: 90 } }) });
  await assert.rejects(context.run("call"), { code: "too-hot", message: "it is too hot", details: { celsius: 90 } });
});

test("kind of a method limits which methods it calls", async () => {
  const context = new TestContext(thermometer);
  context.onCall("other", "count", { returns: 1 });
  await assert.rejects(context.run("peek"), { code: "denied", message: "a method of kind `read` may not call `count` of `other`, which is of kind `action`" });
  context.onCall("other", "count", { kind: "read", returns: 1 });
  assert.equal(await context.run("peek"), 1);
});

test("what a test has not scripted is a mistake of the test", async () => {
  await assert.rejects(new TestContext(thermometer).run("call"), (error) => error instanceof NotScripted && error.message.includes('test.onCall("other", "count"'));
});

test("data is deleted by a method of kind delete only", async () => {
  const context = new TestContext(thermometer);
  await context.run("read");
  await context.run("prune");
  assert.deepEqual(context.names(), ["report"]);
});

test("secrets, commands, workflows, folders and variables are used", async () => {
  const context = new TestContext(thermometer);
  const folder = mkdtempSync(path.join(tmpdir(), "sedge-"));
  writeFileSync(path.join(folder, "x"), "");
  context.folder("in", folder);
  context.variable("REGION", "eu");
  context.secret("TOKEN", "s3cret");
  context.onHttp("GET", "https://api.example.com/x", { status: 200 });
  context.onCommand("df", ["-k"], { stdout: "full\n" });
  context.onWorkflow("deploy", { status: "succeeded", run: "k3v9q2x8w1mz", outputs: { "main/start": 1 } });
  assert.deepEqual(await context.run("outside"), {
    status: 200, disk: "full\n", outputs: { "main/start": 1 }, text: "onetwo", region: "eu", revealed: "s3cret", entries: ["b", "d.txt"],
  });
  assert.equal(readFileSync(path.join(folder, "a/d.txt"), "utf8"), "onetwo");
  const [sent] = context.requests;
  assert.deepEqual([sent?.headers["authorization"], sent?.headers["x-basic"]], ["Bearer s3cret", `Basic ${Buffer.from("ada:s3cret").toString("base64")}`]);
  assert.deepEqual(context.runs, [{ workflow: "deploy", inputs: { version: "1" } }]);
  context.onCommand("df", null, { end: { exit: 3 }, stderr: "no such disk\n" });
  await assert.rejects(context.run("outside"), { code: "command-failed", message: "the command `df` exited with 3: no such disk" });
  context.onCommand("df", null, { end: new errors.CommandTimedOut({ command: "df", afterMs: 500 }) });
  await assert.rejects(context.run("outside"), { code: "timed-out", message: "the command `df` was killed after 500 ms, the time limit of its pin" });
  context.refuse("secrets");
  await assert.rejects(context.run("outside"), { code: "denied", message: "`model` may not use the secret `TOKEN`: no grant allows it" });
});

test("cancellation aborts the signal of the context", async () => {
  const context = new TestContext(thermometer);
  context.onCall("other", "slow", { delayMs: 60_000 });
  context.cancelAfter(1000);
  await assert.rejects(context.run("wait"), { code: "cancelled", message: "the call was cancelled" });
  assert.equal(context.clock.elapsed, 1000);
});

test("method that waits for nothing, or returns no JSON, fails", async () => {
  const context = new TestContext(thermometer);
  await assert.rejects(context.run("forever"), { code: "never-ready", message: "the method waits for something that can never happen" });
  await assert.rejects(context.run("odd"), { code: "invalid-result", message: "what `odd` returned is not JSON: NaN is not a number in JSON" });
});

test("check reads, and refuses by its message", async () => {
  const context = new TestContext(thermometer);
  await context.check("quota", "fail", { keep: false });
  await assert.rejects(context.check("quota", "fail", { keep: true }), { code: "quota", message: "no room in attic" });
});

test("upgrade and reports are made of what they get alone", async () => {
  const context = new TestContext(thermometer);
  assert.deepEqual(await context.upgrade("2026.12.01.1", { place: "${{ inputs.room }}", x: 1 }), { x: 1, room: "${{ inputs.room }}" });
  await assert.rejects(context.upgrade("2026.01.01.1", {}), { code: "unknown-upgrade" });
  const model = { name: "t", id: "t", type: "@acme/thermometer", typeVersion: "2026.12.01.1", tags: [] };
  const written = [{ model: "t", name: "reading", version: 1, spec: "reading", createdAtMs: 0, tags: [], content: { tag: "resource" as const, val: "{}" } }];
  const call = { model, method: "read", run: "r", call: "r/1", step: null, arguments: "{}", globalArguments: "{}", startedAtMs: 0, endedAtMs: 1, outcome: { tag: "succeeded" as const, val: "null" }, written };
  assert.deepEqual(await context.report("summary", { tag: "method", val: call }), { markdown: "`read` wrote 1", json: null });
  assert.deepEqual(await context.report("state", { tag: "model", val: { model, globalArguments: "{}", data: written } }), { markdown: "t", json: { n: 1 } });
});

test("thrown values become failures with fitting codes", () => {
  const code = (thrown: unknown): string => failureOf(thrown).code;
  assert.deepEqual([failureOf(new Error("it broke")).message, code(new Error("x"))], ["it broke", "failed"]);
  assert.deepEqual([failureOf(new TypeError("x is not a function")).message, code(new TypeError("x"))], ["TypeError: x is not a function", "panic"]);
  assert.deepEqual([failureOf("a text").message, code({ any: 1 })], ["a text", "failed"]);
  assert.deepEqual([code(new DOMException("x", "TimeoutError")), code(new DOMException("x", "AbortError"))], ["timeout", "cancelled"]);
  assert.equal(failureOf({ type: "never-ready", tag: "never-ready" }).code, "never-ready");
  const zod = z.object({ a: z.array(z.number()) }).safeParse({ a: [1, "x"] }).error;
  assert.deepEqual([code(zod), JSON.parse(failureOf(zod).details ?? "").violations[0].path], ["invalid-input", "/a/1"]);
  assert.equal(failureOf(new Error("a\ud800b")).message, "a\ufffdb");
});

