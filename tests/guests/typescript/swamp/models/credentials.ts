/**
 * Makes keys, and signs with them.
 *
 * @module
 */
import { z } from "npm:zod@4.3.6";

const KeySchema = z.object({
  owner: z.string(),
  fingerprint: z.string(),
  material: z.string().meta({ sensitive: true }),
  recovery: z.array(z.object({ hint: z.string(), code: z.string().meta({ sensitive: true }) })).default([]),
});

type Key = z.infer<typeof KeySchema>;

type Context = {
  writeResource: (spec: string, name: string, data: unknown) => Promise<{ name: string }>;
  readResource: (name: string) => Promise<Record<string, unknown> | null>;
};

const encoder = new TextEncoder();

const hex = (buffer: ArrayBuffer) =>
  [...new Uint8Array(buffer)].map((byte) => byte.toString(16).padStart(2, "0")).join("");

async function sign(secret: string, text: string) {
  const key = await crypto.subtle.importKey(
    "raw",
    encoder.encode(secret),
    { name: "HMAC", hash: "SHA-256" },
    false,
    ["sign", "verify"],
  );
  const signature = await crypto.subtle.sign("HMAC", key, encoder.encode(text));
  if (!await crypto.subtle.verify("HMAC", key, signature, encoder.encode(text))) throw new Error("not verified");
  return hex(signature);
}

/** Keys whose material must not be seen. */
export const model = {
  type: "@test/swamp/credentials",
  version: "2026.12.01.1",
  globalArguments: z.object({}),
  resources: {
    key: {
      description: "A key",
      schema: KeySchema,
      lifetime: "infinite" as const,
      garbageCollection: 5,
    },
    session: {
      description: "A session, of which nothing may be seen",
      schema: z.object({ token: z.string(), expires: z.number() }),
      sensitiveOutput: true,
      lifetime: "1h" as const,
      garbageCollection: 1,
    },
    signature: {
      description: "A signature",
      schema: z.object({ text: z.string(), signature: z.string(), id: z.string().uuid() }),
      lifetime: "infinite" as const,
      garbageCollection: 5,
    },
  },
  methods: {
    issue: {
      description: "Make a key from a passphrase",
      arguments: z.object({ owner: z.string(), passphrase: z.string().meta({ sensitive: true }) }),
      execute: async (args: { owner: string; passphrase: string }, context: Context) => {
        const material = `key-of-${args.owner}-${args.passphrase}`;
        const digest = hex(await crypto.subtle.digest("SHA-256", encoder.encode(material)));
        const key: Key = {
          owner: args.owner,
          fingerprint: digest.slice(0, 16),
          material,
          recovery: [{ hint: "first", code: `recover-${args.passphrase}` }],
        };
        const handle = await context.writeResource("key", "key", key);
        const session = await context.writeResource("session", "session", {
          token: `session-${args.passphrase}`,
          expires: 3600,
        });
        return { dataHandles: [handle, session] };
      },
    },
    sign: {
      description: "Sign a text with the stored key",
      arguments: z.object({ text: z.string() }),
      execute: async (args: { text: string }, context: Context) => {
        const key = await context.readResource("key") as Key | null;
        if (!key) throw new Error("No key found - issue one first");
        const id = crypto.randomUUID();
        const nonce = crypto.getRandomValues(new Uint8Array(8));
        if (nonce.every((byte) => byte === 0)) throw new Error("not random");
        const handle = await context.writeResource("signature", "signature", {
          text: args.text,
          signature: await sign(key.material, args.text),
          id,
        });
        return { dataHandles: [handle] };
      },
    },
  },
};
