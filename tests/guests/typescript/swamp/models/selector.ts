/**
 * Selects hosts by an expression that the caller gives.
 *
 * @module
 */
import { z } from "npm:zod@4.3.6";

const HostSchema = z.object({
  name: z.string(),
  region: z.string(),
  tags: z.record(z.string(), z.string()).default({}),
});

type Host = z.infer<typeof HostSchema>;

interface CelEnvironment {
  registerFunction(signature: string, run: (...args: never[]) => unknown): CelEnvironment;
  parse(expression: string): (variables: Record<string, unknown>) => unknown;
}

interface Context {
  globalArgs: { hosts: Host[] };
  createCelEnvironment: () => CelEnvironment;
  writeResource(spec: string, name: string, data: Record<string, unknown>): Promise<{ name: string }>;
}

/** A fleet of hosts. */
export const model = {
  type: "@test/swamp/selector",
  version: "2026.12.01.1",
  globalArguments: z.object({ hosts: z.array(HostSchema).default([]) }),
  resources: {
    selection: {
      description: "The selected hosts",
      schema: z.object({ names: z.array(z.string()) }),
      lifetime: "infinite" as const,
      garbageCollection: 5,
    },
  },
  methods: {
    select: {
      description: "Select hosts",
      arguments: z.object({ expression: z.string() }),
      execute: async (args: { expression: string }, context: Context) => {
        const environment = context.createCelEnvironment();
        environment.registerFunction(
          "matchesRegex(string, string): bool",
          (value: string, pattern: string) => new RegExp(pattern).test(value),
        );
        const predicate = environment.parse(args.expression);
        const names = context.globalArgs.hosts.filter((host) => predicate({ ...host }) === true).map((it) => it.name);
        const handle = await context.writeResource("selection", "selection", { names });
        return { dataHandles: [handle] };
      },
    },
  },
};
