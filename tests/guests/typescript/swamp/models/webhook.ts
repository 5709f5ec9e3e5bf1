/**
 * Sends messages to a webhook.
 *
 * @module
 */
import { z } from "npm:zod@4.3.6";

const GlobalArgsSchema = z.object({
  url: z.string().optional().describe("Where messages go"),
});

type Context = {
  globalArgs: z.infer<typeof GlobalArgsSchema>;
  writeResource: (spec: string, name: string, data: unknown) => Promise<{ name: string }>;
};

/** A webhook. */
export const model = {
  type: "@test/swamp/webhook",
  version: "2026.12.01.1",
  globalArguments: GlobalArgsSchema,
  resources: {
    sent: {
      description: "What was sent",
      schema: z.object({ status: z.number(), text: z.string() }),
      lifetime: "30d" as const,
      garbageCollection: 10,
    },
  },
  methods: {
    send: {
      description: "Send a text",
      arguments: z.object({ text: z.string().max(2000) }),
      execute: async (args: { text: string }, context: Context) => {
        if (!context.globalArgs.url) throw new Error("No webhook URL: set the global argument `url`");
        const form = new URLSearchParams({ text: args.text, from: "sedge" });
        const response = await fetch(context.globalArgs.url, { method: "POST", body: form });
        if (!response.ok) throw new Error(`Webhook error ${response.status}: ${await response.text()}`);
        const handle = await context.writeResource("sent", "sent", { status: response.status, text: args.text });
        return { dataHandles: [handle] };
      },
    },
  },
};
