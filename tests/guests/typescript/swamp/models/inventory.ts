/**
 * Mirrors the items of a shop's API.
 *
 * @module
 */
import { z } from "npm:zod@4.3.6";
import { requestJson } from "./_lib/http.ts";

const GlobalArgsSchema = z.object({
  baseUrl: z.string().url().default("http://127.0.0.1:8080"),
  pageSize: z.number().int().min(1).max(100).default(2).describe("Items of a page"),
  sort: z.enum(["name", "price"]).default("name"),
  headers: z.record(z.string(), z.string()).default({}),
});

type GlobalArgs = z.infer<typeof GlobalArgsSchema>;

const ItemSchema = z.object({
  id: z.string(),
  name: z.string(),
  price: z.number().nonnegative(),
  labels: z.record(z.string(), z.string()).default({}),
  state: z.enum(["offered", "sold"]).default("offered"),
}).passthrough();

type Item = z.infer<typeof ItemSchema>;

const PageSchema = z.object({
  items: z.array(ItemSchema),
  next: z.string().nullish(),
});

const SummarySchema = z.object({
  count: z.number(),
  changed: z.number(),
  pages: z.number(),
  attempts: z.number(),
  cheapest: z.string().nullable(),
  fetchedAt: z.string().datetime(),
});

type Context = {
  globalArgs: GlobalArgs;
  logger: {
    debug: (msg: string, props?: Record<string, unknown>) => void;
    info: (msg: string, props?: Record<string, unknown>) => void;
    warning: (msg: string, props?: Record<string, unknown>) => void;
  };
  readResource: (name: string, version?: number) => Promise<Record<string, unknown> | null>;
  writeResource: (
    spec: string,
    name: string,
    data: unknown,
    overrides?: {
      lifetime?: string;
      garbageCollection?: number | string;
      tags?: Record<string, string>;
    },
  ) => Promise<{ name: string }>;
};

async function* pages(globalArgs: GlobalArgs) {
  let cursor: string | null | undefined;
  do {
    const url = new URL("/items", globalArgs.baseUrl);
    url.searchParams.set("limit", String(globalArgs.pageSize));
    url.searchParams.set("sort", globalArgs.sort);
    if (cursor) url.searchParams.set("cursor", cursor);
    const { data, attempts } = await requestJson<unknown>(url, { headers: globalArgs.headers });
    const page = PageSchema.parse(data);
    cursor = page.next;
    yield { items: page.items, attempts };
  } while (cursor);
}

const unchanged = (before: Record<string, unknown> | null, after: Item) =>
  before !== null && before.price === after.price && before.name === after.name &&
  before.state === after.state;

/** The items of a shop. */
export const model = {
  type: "@test/swamp/inventory",
  version: "2026.12.01.1",
  globalArguments: GlobalArgsSchema,
  resources: {
    item: {
      description: "An item of the shop",
      schema: ItemSchema,
      lifetime: "infinite" as const,
      garbageCollection: 10,
      tags: { source: "shop" },
    },
    summary: {
      description: "What the last synchronization found",
      schema: SummarySchema,
      lifetime: "30d" as const,
      garbageCollection: 5,
    },
  },
  methods: {
    sync: {
      description: "Read all pages, and write the items that have changed",
      arguments: z.object({
        minPrice: z.number().default(0).describe("Leave out cheaper items"),
      }),
      execute: async (args: { minPrice: number }, context: Context) => {
        const handles: { name: string }[] = [];
        const items: Item[] = [];
        let nPages = 0, nAttempts = 0, nChanged = 0;
        for await (const page of pages(context.globalArgs)) {
          nPages++;
          nAttempts += page.attempts;
          items.push(...page.items.filter((item) => item.price >= args.minPrice));
          context.logger.debug("Page {page} has {count} items", {
            page: nPages,
            count: page.items.length,
          });
        }
        for (const item of items) {
          const name = `item-${item.id}`;
          if (unchanged(await context.readResource(name), item)) continue;
          nChanged++;
          handles.push(
            await context.writeResource("item", name, item, {
              lifetime: "7d",
              garbageCollection: 3,
              tags: { state: item.state },
            }),
          );
        }
        if (nAttempts > nPages) {
          context.logger.warning("The shop asked to wait {times} times", {
            times: nAttempts - nPages,
          });
        }
        const cheapest = items.toSorted((a, b) => a.price - b.price).at(0);
        handles.push(
          await context.writeResource("summary", "summary", {
            count: items.length,
            changed: nChanged,
            pages: nPages,
            attempts: nAttempts,
            cheapest: cheapest?.name ?? null,
            fetchedAt: new Date().toISOString(),
          }),
        );
        context.logger.info("Synchronized {count} items", { count: items.length });
        return { dataHandles: handles };
      },
    },
    list: {
      description: "Write how many items of each state there are now",
      arguments: z.object({}),
      execute: async (_args: Record<string, never>, context: Context) => {
        const states = Object.groupBy(
          (await Array.fromAsync(pages(context.globalArgs))).flatMap((page) => page.items),
          (item) => item.state,
        );
        const count = (state: string) => states[state as Item["state"]]?.length ?? 0;
        const handle = await context.writeResource("summary", "states", {
          count: count("offered") + count("sold"),
          changed: 0,
          pages: 0,
          attempts: 0,
          cheapest: `${count("offered")} offered, ${count("sold")} sold`,
          fetchedAt: new Date().toISOString(),
        });
        return { dataHandles: [handle] };
      },
    },
  },
};
