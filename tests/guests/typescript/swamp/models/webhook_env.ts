/**
 * Adds to the webhook: a method that takes the text from the environment, a check and a resource.
 *
 * @module
 */
import { z } from "npm:zod@4.3.6";

type Context = {
  globalArgs: { url?: string };
  writeResource: (spec: string, name: string, data: unknown) => Promise<{ name: string }>;
};

export const extension = {
  type: "@test/swamp/webhook",
  resources: {
    audit: {
      description: "Which variable was sent",
      schema: z.object({ variable: z.string(), length: z.number() }),
      lifetime: "infinite" as const,
      garbageCollection: 5,
    },
  },
  checks: [{
    "has-url": {
      description: "There is a URL to send to",
      labels: ["policy"],
      // deno-lint-ignore require-await
      execute: async (context: Context) => (
        context.globalArgs.url ? { pass: true } : { pass: false, errors: ["the webhook has no URL"] }
      ),
    },
  }],
  methods: [{
    send_variable: {
      description: "Send the value of an environment variable",
      arguments: z.object({ variable: z.string().default("CARGO_PKG_NAME") }),
      execute: async (args: { variable: string }, context: Context) => {
        const text = Deno.env.get(args.variable);
        if (text === undefined) throw new Error(`${args.variable} is not set`);
        const response = await fetch(context.globalArgs.url as string, {
          method: "POST",
          headers: { "Content-Type": "application/json" },
          body: JSON.stringify({ text }),
        });
        const audit = await context.writeResource("audit", "audit", { variable: args.variable, length: text.length });
        const sent = await context.writeResource("sent", "sent", { status: response.status, text });
        return { dataHandles: [audit, sent] };
      },
    },
  }],
};
