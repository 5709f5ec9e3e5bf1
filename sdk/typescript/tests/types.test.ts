/** What the compiler accepts, and what it refuses. `sdk/typescript/test` checks the types. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { defineModel, type Context, type Json } from "@sedge/sdk";
import { TestContext } from "@sedge/sdk/testing";
import { z } from "zod";

const Point = z.object({ x: z.number(), label: z.string().default("none") });

/** A helper that works for every type. */
async function total(cx: Context): Promise<number> {
  let n = 0;
  for await (const it of cx.data.list()) {
    n += it.sizeBytes;
  }
  return n;
}

/** A helper of one type. */
async function write(cx: Context<{ unit: string }, { point: { schema: typeof Point } }, "trace">, x: number): Promise<void> {
  await cx.write("point", { x });
  await cx.writeFile("trace", cx.globalArguments.unit);
}

const model = defineModel({
  name: "@acme/points",
  version: "2026.12.01.1",
  description: "Keeps points",
  globalArguments: z.object({ unit: z.string().default("m") }),
  resources: { point: { description: "A point", schema: Point } },
  files: { trace: { description: "A trace", mediaType: "text/plain" } },
  methods: (method) => ({
    add: method({
      kind: "action",
      description: "Add one",
      arguments: z.object({ x: z.number(), times: z.number().default(1) }),
      async run(cx, args) {
        const times: number = args.times;
        await write(cx, args.x * times);
        const point = await cx.data.latest("point", { schema: Point });
        const label: string | undefined = point?.content.label;
        const plain: Json | undefined = (await cx.data.latest("point"))?.content;
        // @ts-expect-error the content is JSON of any kind
        const wrong: number = plain;
        // @ts-expect-error there is no such file
        const file = cx.createFile("traces");
        await assert.rejects(file);
        // @ts-expect-error there is no such argument
        const none: unknown = args.y;
        return { label, none, wrong, total: await total(cx) };
      },
    }),
    none: method({
      kind: "read",
      description: "Take nothing",
      run(cx, args) {
        const none: undefined = args["x"];
        return [cx.globalArguments.unit, none];
      },
    }),
  }),
  checks: { unit: { description: "It is metres", run: (cx) => assert.equal(cx.globalArguments.unit, "m") } },
  // @ts-expect-error a report has a scope
  reports: { bad: { description: "No scope", run: () => "" } },
});

test("types that the compiler infers are those at run time", async () => {
  const context = new TestContext(model);
  assert.deepEqual(await context.run("add", { x: 2 }), { label: "none", wrong: { x: 2 }, total: 8 });
  assert.deepEqual(await context.run("none"), ["m", null]);
  await context.check("unit", "add", { x: 1 });
});
