/**
 * A journal that builds on its own earlier versions.
 *
 * @module
 */
import { z } from "npm:zod@4.3.6";

const EntrySchema = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("note"), text: z.string() }),
  z.object({ kind: z.literal("reading"), celsius: z.number(), sensor: z.string().optional() }),
]);

const BookSchema = z.object({
  entries: z.array(EntrySchema),
  sums: z.record(z.string(), z.number()),
  title: z.string().default("Untitled"),
});

type Book = z.infer<typeof BookSchema>;

type Data = {
  name: string;
  version: number;
  contentType: string;
  tags: Record<string, string>;
};

type Context = {
  modelType: unknown;
  modelId: string;
  readResource: (name: string, version?: number) => Promise<Record<string, unknown> | null>;
  writeResource: (
    spec: string,
    name: string,
    data: unknown,
    overrides?: { tags?: Record<string, string> },
  ) => Promise<{ name: string }>;
  deleteResource: (name: string) => Promise<void>;
  dataRepository: {
    findByName: (type: unknown, id: string, name: string, version?: number) => Promise<Data | null>;
    findAllForModel: (type: unknown, id: string) => Promise<Data[]>;
    listVersions: (type: unknown, id: string, name: string) => Promise<number[]>;
    getContent: (type: unknown, id: string, name: string, version?: number) => Promise<Uint8Array | null>;
    delete: (type: unknown, id: string, name: string, version?: number) => Promise<void>;
  };
};

const empty = (): Book => ({ entries: [], sums: {}, title: "Untitled" });

/** A journal. */
export const model = {
  type: "@test/swamp/journal",
  version: "2026.12.01.1",
  globalArguments: z.object({}),
  resources: {
    book: {
      description: "All entries so far",
      schema: BookSchema,
      lifetime: "infinite" as const,
      garbageCollection: 50,
    },
    review: {
      description: "What the versions were",
      schema: z.object({
        versions: z.array(z.number()),
        first: z.number(),
        bytes: z.number(),
        names: z.array(z.string()),
        color: z.string().nullable(),
      }),
      lifetime: "infinite" as const,
      garbageCollection: 5,
    },
  },
  methods: {
    add: {
      description: "Add an entry",
      arguments: z.object({
        entry: EntrySchema,
        color: z.enum(["red", "green"]).optional(),
        then: z.enum(["return", "throw"]).default("return"),
      }),
      execute: async (
        args: { entry: z.infer<typeof EntrySchema>; color?: string; then: "return" | "throw" },
        context: Context,
      ) => {
        const book = (await context.readResource("book") as Book | null) ?? empty();
        book.entries.push(args.entry);
        book.sums[args.entry.kind] = (book.sums[args.entry.kind] ?? 0) + 1;
        const handle = await context.writeResource("book", "book", book, {
          tags: args.color === undefined ? {} : { color: args.color },
        });
        if (args.then === "throw") throw new Error("the pen broke after the entry was written");
        return { dataHandles: [handle] };
      },
    },
    careful: {
      description: "Add an entry, and fail without leaving it",
      rollbackOnFailure: true,
      arguments: z.object({}),
      execute: async (_args: Record<string, never>, context: Context) => {
        await context.writeResource("book", "draft", empty());
        throw new Error("the draft was torn up");
      },
    },
    review: {
      description: "Look at the versions of the book",
      arguments: z.object({}),
      execute: async (_args: Record<string, never>, context: Context) => {
        const { modelType, modelId, dataRepository } = context;
        const versions = await dataRepository.listVersions(modelType, modelId, "book");
        const first = await context.readResource("book", versions[0]) as Book | null;
        const bytes = await dataRepository.getContent(modelType, modelId, "book");
        const found = await dataRepository.findByName(modelType, modelId, "book");
        const all = await dataRepository.findAllForModel(modelType, modelId);
        if (bytes === null || found === null) throw new Error("there is no book");
        const book = BookSchema.parse(JSON.parse(new TextDecoder().decode(bytes)));
        if (found.version !== versions.at(-1)) throw new Error(`${found.version} is not the last of ${versions}`);
        if (await dataRepository.getContent(modelType, modelId, "nothing") !== null) throw new Error("nothing is there");
        const handle = await context.writeResource("review", "review", {
          versions,
          first: first?.entries.length ?? 0,
          bytes: bytes.byteLength,
          names: all.map((it) => it.name).sort(),
          color: found.tags.color ?? null,
        });
        return { dataHandles: [handle], entries: book.entries.length };
      },
    },
    remove: {
      description: "Throw an old version, or the whole book, away",
      arguments: z.object({ version: z.number().int().optional() }),
      execute: async (args: { version?: number }, context: Context) => {
        if (args.version === undefined) {
          await context.deleteResource("book");
          await context.deleteResource("never-written");
        } else {
          await context.dataRepository.delete(context.modelType, context.modelId, "book", args.version);
        }
        return { dataHandles: [] };
      },
    },
  },
};
