/**
 * Summarizes what other models have stored.
 *
 * @module
 */
import { z } from "npm:zod@4.3.6";

const GlobalArgsSchema = z.object({
  sourceName: z.string().describe("The model whose items are summarized"),
});

interface DataRecord {
  name: string;
  version: number;
  specName: string;
  modelName: string;
  tags: Record<string, string>;
  attributes: Record<string, unknown>;
}

interface Definition {
  id: string;
  name: string;
  tags: Record<string, string>;
  globalArguments: Record<string, unknown>;
}

interface Data {
  name: string;
  version: number;
  tags: Record<string, string>;
}

interface Context {
  globalArgs: z.infer<typeof GlobalArgsSchema>;
  logger: { info(msg: string, props?: Record<string, unknown>): void };
  writeResource(spec: string, name: string, data: Record<string, unknown>): Promise<{ name: string }>;
  readModelData(model: string, spec?: string): Promise<DataRecord[]>;
  queryData(predicate: string, select?: string): Promise<unknown[]>;
  dataQueryService?: { query(predicate: string, options?: { select?: string }): Promise<unknown[]> };
  definitionRepository: {
    findByNameGlobal(name: string): Promise<{ definition: Definition; type: { toString(): string } } | null>;
    findById(type: unknown, id: string): Promise<Definition | null>;
    findByName(type: unknown, name: string): Promise<Definition | null>;
    findAll(type: unknown): Promise<Definition[]>;
    findAllGlobal(): Promise<{ definition: Definition; type: unknown }[]>;
  };
  dataRepository: {
    findAllForModel(type: unknown, id: string): Promise<Data[]>;
    findBySpec(model: string, spec: string): Promise<DataRecord[]>;
    getContent(type: unknown, id: string, name: string): Promise<Uint8Array | null>;
  };
}

const SummarySchema = z.object({
  source: z.object({ type: z.string(), url: z.string(), tags: z.record(z.string(), z.string()) }),
  byState: z.record(z.string(), z.number()),
  total: z.number(),
  records: z.number(),
  expensive: z.array(z.unknown()),
  sold: z.array(z.string()),
  models: z.array(z.string()),
  siblings: z.array(z.string()),
});

/** A summary of another model's items. */
export const model = {
  type: "@test/swamp/fleet",
  version: "2026.12.01.1",
  globalArguments: GlobalArgsSchema,
  resources: {
    summary: {
      description: "What was found",
      schema: SummarySchema,
      lifetime: "infinite",
      garbageCollection: 5,
    },
  },
  methods: {
    summarize: {
      description: "Read the items of the other model, and write a summary",
      arguments: z.object({ expensiveFrom: z.number().default(10) }),
      execute: async (args: { expensiveFrom: number }, context: Context) => {
        const { sourceName } = context.globalArgs;
        const source = await context.definitionRepository.findByNameGlobal(sourceName);
        if (!source) throw new Error(`Could not find a model named '${sourceName}'`);
        const { definition, type } = source;
        context.logger.info("Resolved {source} to {type} ({id})", {
          source: sourceName,
          type: type.toString(),
          id: definition.id,
        });
        const again = await context.definitionRepository.findById(type, definition.id);
        const byName = await context.definitionRepository.findByName(type, sourceName);
        if (again?.name !== sourceName || byName?.id !== definition.id) throw new Error("it is found in one way only");

        const byState: Record<string, number> = {};
        let total = 0;
        const entries = (await context.dataRepository.findAllForModel(type, definition.id))
          .filter((it) => it.tags.specName === "item" && it.tags.type === "resource");
        for (const entry of entries) {
          const bytes = await context.dataRepository.getContent(type, definition.id, entry.name);
          if (bytes === null) continue;
          const item = JSON.parse(new TextDecoder().decode(bytes)) as { price: number; state: string };
          byState[item.state] = (byState[item.state] ?? 0) + 1;
          total += item.price;
        }
        const bySpec = await context.dataRepository.findBySpec(sourceName, "item");
        if (bySpec.length !== entries.length) throw new Error("a spec has other items");

        const records = await context.readModelData(sourceName, "item");
        const expensive = await context.queryData(
          `modelName == "${sourceName}" && specName == "item" && attributes.price >= ${args.expensiveFrom}.0`,
          "attributes.name",
        );
        const sold = await context.queryData(
          `modelName == "${sourceName}" && tags.state == "sold"`,
        ) as DataRecord[];
        const models = await context.dataQueryService?.query('dataType == "resource"', { select: "modelName" });
        const all = await context.definitionRepository.findAllGlobal();
        const handle = await context.writeResource("summary", "latest", {
          source: {
            type: type.toString(),
            url: String(definition.globalArguments.baseUrl),
            tags: definition.tags,
          },
          byState,
          total,
          records: records.length,
          expensive: expensive.sort(),
          sold: sold.map((it) => `${it.modelName}/${it.name}@${it.version}: ${it.attributes.name}`),
          models: [...new Set(models as string[])].sort(),
          siblings: all.map((it) => it.definition.name).sort(),
        });
        return { dataHandles: [handle] };
      },
    },
    absent: {
      description: "Look for what is not there",
      arguments: z.object({}),
      execute: async (_args: Record<string, never>, context: Context) => {
        const nothing = await context.definitionRepository.findByNameGlobal("absent");
        const none = await context.readModelData("absent");
        if (nothing !== null || none.length > 0) throw new Error("there is something");
        return { dataHandles: [] };
      },
    },
  },
};
