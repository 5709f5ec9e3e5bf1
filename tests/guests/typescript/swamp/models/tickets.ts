/**
 * Tickets of an issue tracker, by its REST API.
 *
 * @module
 */
import { z } from "npm:zod@4.3.6";
import { HttpStatusError, requestJson } from "./_lib/http.ts";

const GlobalArgsSchema = z.object({
  baseUrl: z.string().describe("The address of the tracker"),
  apiKey: z.string().min(1).meta({ sensitive: true }).describe("The key of the user"),
  project: z.string().default("main"),
});

type GlobalArgs = z.infer<typeof GlobalArgsSchema>;

const TicketSchema = z.object({
  id: z.number().int(),
  subject: z.string(),
  priority: z.enum(["low", "normal", "high"]),
  status: z.enum(["open", "closed"]),
  watchers: z.array(z.string()).default([]),
});

type Ticket = z.infer<typeof TicketSchema>;

type DataHandle = { name: string; specName: string };

type MethodContext = {
  globalArgs: GlobalArgs;
  logger: { info: (msg: string, props: Record<string, unknown>) => void };
  writeResource: (spec: string, name: string, data: unknown) => Promise<DataHandle>;
  readResource: (name: string) => Promise<Record<string, unknown> | null>;
  deleteResource: (name: string) => Promise<void>;
};

type CheckContext = {
  globalArgs: GlobalArgs;
  methodName: string;
  unresolvedMethodArgs?: Record<string, unknown>;
};

function api<T>({ globalArgs }: { globalArgs: GlobalArgs }, path: string, method = "GET", body?: unknown) {
  return requestJson<T>(`${globalArgs.baseUrl}/projects/${encodeURIComponent(globalArgs.project)}${path}`, {
    method,
    body,
    headers: { "X-Api-Key": globalArgs.apiKey },
  });
}

const nameOf = (id: number) => `ticket-${id}`;

async function store(context: MethodContext, ticket: unknown) {
  const parsed = TicketSchema.parse(ticket);
  const handle = await context.writeResource("ticket", nameOf(parsed.id), parsed);
  return { dataHandles: [handle] };
}

/** Tickets of a project. */
export const model = {
  type: "@test/swamp/tickets",
  version: "2026.12.01.1",
  globalArguments: GlobalArgsSchema,
  upgrades: [
    {
      toVersion: "2026.06.01.1",
      description: "`host` is now `baseUrl`",
      upgradeAttributes: ({ host, ...rest }: Record<string, unknown>) => (
        host === undefined ? rest : { ...rest, baseUrl: host }
      ),
    },
    {
      toVersion: "2026.12.01.1",
      description: "`project` has a default",
      upgradeAttributes: (old: Record<string, unknown>) => ({ project: "main", ...old }),
    },
  ],
  resources: {
    ticket: {
      description: "A ticket",
      schema: TicketSchema,
      lifetime: "infinite" as const,
      garbageCollection: 20,
    },
  },
  checks: {
    "tracker-open": {
      description: "The tracker accepts changes",
      labels: ["live"],
      execute: async (context: CheckContext) => {
        const { data } = await api<{ open: boolean }>(context, "/state");
        return data.open ? { pass: true } : { pass: false, errors: ["the tracker is closed for changes"] };
      },
    },
    "subject-is-polite": {
      description: "A new ticket does not shout",
      labels: ["policy"],
      appliesTo: ["create"],
      // deno-lint-ignore require-await
      execute: async (context: CheckContext) => {
        const subject = context.unresolvedMethodArgs?.subject;
        const shouts = typeof subject === "string" && subject === subject.toUpperCase();
        return shouts
          ? { pass: false, errors: [`\`${context.methodName}\` got a subject that shouts`, "write it in lower case"] }
          : { pass: true };
      },
    },
  },
  methods: {
    create: {
      description: "Open a ticket",
      arguments: z.object({
        subject: z.string().min(3),
        priority: TicketSchema.shape.priority.default("normal"),
        watchers: z.array(z.string()).optional(),
      }),
      execute: async (
        args: { subject: string; priority: Ticket["priority"]; watchers?: string[] },
        context: MethodContext,
      ) => {
        const { data } = await api<Ticket>(context, "/tickets", "POST", args);
        context.logger.info("Opened ticket {id}", { id: data.id });
        return await store(context, data);
      },
    },
    get: {
      description: "Look a ticket up",
      arguments: z.object({ id: z.number().int().positive() }),
      execute: async (args: { id: number }, context: MethodContext) => {
        const { data } = await api<Ticket>(context, `/tickets/${args.id}`);
        return await store(context, data);
      },
    },
    update: {
      description: "Change a ticket that is stored",
      arguments: z.object({ id: z.number().int(), changes: TicketSchema.omit({ id: true }).partial() }),
      execute: async (args: { id: number; changes: Partial<Ticket> }, context: MethodContext) => {
        const before = await context.readResource(nameOf(args.id)) as Ticket | null;
        if (!before) throw new Error(`Ticket ${args.id} is not stored - get it first`);
        const { data } = await api<Ticket>(context, `/tickets/${args.id}`, "PATCH", args.changes);
        return await store(context, { ...before, ...data });
      },
    },
    delete: {
      description: "Delete a ticket, and what is stored of it",
      arguments: z.object({ id: z.number().int() }),
      execute: async (args: { id: number }, context: MethodContext) => {
        try {
          await api(context, `/tickets/${args.id}`, "DELETE");
        } catch (error) {
          if (!(error instanceof HttpStatusError && error.status === 404)) throw error;
          context.logger.info("Ticket {id} was gone already", { id: args.id });
        }
        await context.deleteResource(nameOf(args.id));
        return { dataHandles: [] };
      },
    },
  },
};
