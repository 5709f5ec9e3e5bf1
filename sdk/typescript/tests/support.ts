/** Helpers of the tests. */
import { defineModel, type Context } from "@sedge/sdk";
import { TestContext } from "@sedge/sdk/testing";
import type { PermissionDefinition } from "../src/sdk/permissions.js";

const EVERYTHING: readonly PermissionDefinition[] = [
  { http: "https://api.example.com", reason: "tests" },
  { http: "https://other.example.com", reason: "tests" },
  { models: "*", reason: "tests" },
  { command: "*", reason: "tests" },
];

/** Runs code as a method of a plugin, where the web APIs are those of a component. */
export async function inPlugin(action: (cx: Context) => unknown, prepare: (test: TestContext) => void = () => undefined): Promise<TestContext> {
  const model = defineModel({
    name: "@test/code",
    version: "2026.12.01.1",
    description: "Runs code",
    permissions: EVERYTHING,
    methods: (method) => ({
      go: method({
        kind: "action",
        description: "Run it",
        async run(cx) {
          await action(cx);
        },
      }),
    }),
  });
  const test = new TestContext(model);
  prepare(test);
  await test.run("go");
  return test;
}

/** Runs code as a method of a plugin. */
export async function runs(action: (cx: Context) => unknown, prepare?: (test: TestContext) => void): Promise<void> {
  await inPlugin(action, prepare);
}
