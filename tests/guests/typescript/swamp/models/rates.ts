/**
 * Exchange rates: much validation, and no request at all.
 *
 * @module
 */
import { z } from "npm:zod@4.3.6";

const Currency = z.enum(["EUR", "USD", "JPY"]);

interface Basket {
  name: string;
  parts?: Basket[];
}

const BasketSchema: z.ZodType<Basket> = z.lazy(() =>
  z.object({ name: z.string(), parts: z.array(BasketSchema).optional() })
);

const RatesSchema = z.record(z.string().regex(/^[A-Z]{3}$/), z.number().positive());

const ConvertArgsSchema = z.object({
  amount: z.coerce.number().positive(),
  from: Currency,
  to: Currency,
  rates: RatesSchema.default({ EUR: 1, USD: 1.25, JPY: 160 }),
  rounding: z.union([z.literal("none"), z.object({ digits: z.number().int().min(0).max(6) })]).default("none"),
  memo: z.string().trim().toLowerCase().nullable().default(null),
}).refine((it) => it.from !== it.to, { message: "the currencies are the same", path: ["to"] });

type Context = {
  writeResource: (spec: string, name: string, data: unknown) => Promise<{ name: string }>;
};

function depth(basket: Basket): number {
  return 1 + Math.max(0, ...(basket.parts ?? []).map(depth));
}

/** Converts amounts. */
export const model = {
  type: "@test/swamp/rates",
  version: "2026.12.01.1",
  resources: {
    amount: {
      description: "An amount",
      schema: z.object({
        value: z.number(),
        currency: Currency,
        memo: z.string().nullable(),
        at: z.string().date().optional(),
        limits: z.tuple([z.number(), z.number()]).optional(),
      }),
      lifetime: "infinite" as const,
      garbageCollection: 5,
    },
  },
  methods: {
    convert: {
      description: "Convert an amount",
      kind: "action" as const,
      arguments: ConvertArgsSchema,
      execute: async (args: z.infer<typeof ConvertArgsSchema>, context: Context) => {
        const exact = args.amount / args.rates[args.from] * args.rates[args.to];
        const value = args.rounding === "none" ? exact : Number(exact.toFixed(args.rounding.digits));
        const handle = await context.writeResource("amount", "amount", {
          value,
          currency: args.to,
          memo: args.memo,
          limits: [0, value],
        });
        return { dataHandles: [handle] };
      },
    },
    weigh: {
      description: "Measure how deep a basket is",
      arguments: z.object({ basket: BasketSchema }),
      execute: async (args: { basket: Basket }, context: Context) => {
        const value = depth(args.basket);
        const handle = await context.writeResource("amount", "depth", { value, currency: "EUR", memo: null });
        return { dataHandles: [handle] };
      },
    },
    sloppy: {
      description: "Write an amount that violates its own schema",
      arguments: z.object({}),
      execute: async (_args: Record<string, never>, context: Context) => {
        const handle = await context.writeResource("amount", "sloppy", { value: "much", currency: "XXX", memo: null });
        return { dataHandles: [handle] };
      },
    },
    strict: {
      description: "Parse an answer that does not fit",
      arguments: z.object({}),
      // deno-lint-ignore require-await
      execute: async () => {
        RatesSchema.parse({ EUR: -1, euro: 2 });
        return { dataHandles: [] };
      },
    },
  },
};
