/**
 * Says what a method is told about its call.
 *
 * @module
 */
import { z } from "npm:zod@4.3.6";

interface Context {
  globalArgs: { greet: string };
  modelId: string;
  modelType: { toString(): string };
  methodName: string;
  repoDir: string;
  definition: { id: string; name: string; version: number | string; tags: Record<string, string> };
  unresolvedMethodArgs?: Record<string, unknown>;
  extensionFile(path: string): string | Promise<string>;
  logger: Record<
    "trace" | "debug" | "info" | "warning" | "warn" | "error" | "fatal",
    (msg: string | TemplateStringsArray, ...props: unknown[]) => void
  >;
  writeResource(spec: string, name: string, data: Record<string, unknown>): Promise<{ name: string }>;
}

/** The identity of a call. */
export const model = {
  type: "@test/swamp/identity",
  version: "2026.12.01.1",
  globalArguments: z.object({ greet: z.string().default("world") }),
  resources: {
    card: {
      description: "What is known",
      schema: z.record(z.string(), z.unknown()),
      lifetime: "infinite" as const,
      garbageCollection: 5,
    },
  },
  methods: {
    show: {
      description: "Write down who calls",
      arguments: z.object({ note: z.string().default("none"), count: z.number().optional() }),
      execute: async (args: { note: string }, context: Context) => {
        const { definition } = context;
        const template = await Deno.readTextFile(await context.extensionFile("files/greeting.txt"));
        const handle = await context.writeResource("card", "card", {
          modelId: context.modelId,
          modelType: context.modelType.toString(),
          methodName: context.methodName,
          definition: { id: definition.id, name: definition.name, tags: definition.tags },
          hasVersion: definition.version !== undefined,
          note: args.note,
          given: Object.keys(context.unresolvedMethodArgs ?? {}).sort(),
          home: Deno.env.get("CARGO_PKG_NAME") ?? null,
          unset: Deno.env.get("SEDGE_CONFORMANCE_UNSET") ?? null,
          isSet: Deno.env.has("CARGO_PKG_NAME"),
          greeting: template.trim().replace("{name}", context.globalArgs.greet),
        });
        return { dataHandles: [handle] };
      },
    },
    log: {
      description: "Write a line of each level",
      arguments: z.object({}),
      // deno-lint-ignore require-await
      execute: async (_args: Record<string, never>, { logger }: Context) => {
        const who = "Ada";
        logger.trace("a trace");
        logger.debug("a detail of {who}", { who });
        logger.info("{who} has {n} of {things}", { who, n: 2, things: ["a", "b"] });
        logger.info`${who} again`;
        logger.warning("a warning");
        logger.warn("another warning");
        logger.error("an error: {error}", { error: new TypeError("it broke") });
        logger.fatal("the end");
        console.log("printed", { n: 1 });
        console.error("complained");
        return { dataHandles: [] };
      },
    },
    folder: {
      description: "Ask for the folder of the repository",
      arguments: z.object({}),
      execute: async (_args: Record<string, never>, context: Context) => {
        const names: string[] = [];
        for await (const entry of Deno.readDir(`${context.repoDir}/models`)) names.push(entry.name);
        const handle = await context.writeResource("card", "folder", { names });
        return { dataHandles: [handle] };
      },
    },
    asset: {
      description: "Ask for a file that the extension does not have",
      arguments: z.object({ path: z.string() }),
      execute: async (args: { path: string }, context: Context) => {
        await Deno.readTextFile(await context.extensionFile(args.path));
        return { dataHandles: [] };
      },
    },
    connect: {
      description: "Open a connection",
      arguments: z.object({ port: z.number() }),
      execute: async (args: { port: number }) => {
        const connection = await Deno.connect({ hostname: "127.0.0.1", port: args.port });
        connection.close();
        return { dataHandles: [] };
      },
    },
  },
};
