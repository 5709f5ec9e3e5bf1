/**
 * Runs methods of other models in the middle of its own.
 *
 * @module
 */
import { z } from "npm:zod@4.3.6";

type RunResult =
  | { ok: true; resources: { name: string; version?: number }[] }
  | { ok: false; error: { message: string } };

type RunOptions =
  | { definition: string; method: string; arguments?: Record<string, unknown> }
  | { modelType: string; name: string; method: string; arguments?: Record<string, unknown> };

interface Context {
  runModel?: (options: RunOptions) => Promise<RunResult>;
  approveWorkflowGate?: (options: { workflowIdOrName: string; stepName: string }) => Promise<unknown>;
  rejectWorkflowGate?: (options: { workflowIdOrName: string; stepName: string }) => Promise<unknown>;
  writeResource(spec: string, name: string, data: Record<string, unknown>): Promise<{ name: string }>;
}

const CallSchema = z.object({
  definition: z.string(),
  method: z.string(),
  arguments: z.record(z.string(), z.unknown()).default({}),
});

function runner(context: Context) {
  if (context.runModel === undefined) throw new Error("runModel is not available here");
  return context.runModel;
}

/** Several models, one after the other or side by side. */
export const model = {
  type: "@test/swamp/pipeline",
  version: "2026.12.01.1",
  globalArguments: z.object({}),
  resources: {
    result: {
      description: "How the calls ended",
      schema: z.object({ ended: z.array(z.string()) }),
      lifetime: "infinite" as const,
      garbageCollection: 5,
    },
  },
  methods: {
    run: {
      description: "Run methods",
      arguments: z.object({
        calls: z.array(CallSchema).min(1),
        mode: z.enum(["sequential", "parallel"]).default("sequential"),
      }),
      execute: async (
        args: { calls: z.infer<typeof CallSchema>[]; mode: "sequential" | "parallel" },
        context: Context,
      ) => {
        const runModel = runner(context);
        const results: RunResult[] = [];
        if (args.mode === "parallel") {
          results.push(...await Promise.all(args.calls.map((call) => runModel(call))));
        } else {
          for (const call of args.calls) results.push(await runModel(call));
        }
        const ended = results.map((it) =>
          it.ok ? `ok: ${it.resources.map((resource) => resource.name).sort().join(", ")}` : `failed: ${it.error.message}`
        );
        const handle = await context.writeResource("result", "result", { ended });
        return { dataHandles: [handle] };
      },
    },
    decide: {
      description: "Decide at a gate of a workflow",
      arguments: z.object({ approve: z.boolean() }),
      execute: async (args: { approve: boolean }, context: Context) => {
        const gate = { workflowIdOrName: "release", stepName: "gate" };
        if (args.approve) await context.approveWorkflowGate?.(gate);
        else await context.rejectWorkflowGate?.(gate);
        return { dataHandles: [] };
      },
    },
    direct: {
      description: "Run a method of a type that has no definition",
      arguments: z.object({}),
      execute: async (_args: Record<string, never>, context: Context) => {
        const result = await runner(context)({
          modelType: "@test/swamp/journal",
          name: "made-on-the-fly",
          method: "add",
          arguments: { entry: { kind: "note", text: "hello" } },
        });
        if (!result.ok) throw new Error(result.error.message);
        return { dataHandles: [] };
      },
    },
  },
};
