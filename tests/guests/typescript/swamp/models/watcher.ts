/**
 * Waits for something, with a deadline.
 *
 * @module
 */
import { z } from "npm:zod@4.3.6";

interface Context {
  globalArgs: { baseUrl: string };
  signal: AbortSignal;
  logger: { info(msg: string, props?: Record<string, unknown>): void };
  writeResource(spec: string, name: string, data: Record<string, unknown>): Promise<{ name: string }>;
}

/** Resolves once the action returns true, which an interval asks for. */
function poll(action: () => Promise<boolean>, everyMs: number, signal: AbortSignal): Promise<number> {
  return new Promise((resolve, reject) => {
    let count = 0;
    let busy = false;
    const timer = setInterval(async () => {
      if (busy) return;
      busy = true;
      count++;
      try {
        if (!await action()) return;
        clearInterval(timer);
        resolve(count);
      } catch (error) {
        clearInterval(timer);
        reject(error);
      } finally {
        busy = false;
      }
    }, everyMs);
    signal.addEventListener("abort", () => {
      clearInterval(timer);
      reject(signal.reason);
    }, { once: true });
  });
}

/** Something to wait for. */
export const model = {
  type: "@test/swamp/watcher",
  version: "2026.12.01.1",
  globalArguments: z.object({ baseUrl: z.string() }),
  resources: {
    seen: {
      description: "What was waited for",
      schema: z.object({ state: z.string(), polls: z.number(), order: z.array(z.string()) }),
      lifetime: "infinite" as const,
      garbageCollection: 5,
    },
  },
  methods: {
    wait: {
      description: "Ask every 10 ms, until the state is the wanted one",
      arguments: z.object({ state: z.string(), timeoutMs: z.number().default(5000) }),
      execute: async (args: { state: string; timeoutMs: number }, context: Context) => {
        context.signal.throwIfAborted();
        const signal = AbortSignal.any([context.signal, AbortSignal.timeout(args.timeoutMs)]);
        let state = "";
        const polls = await poll(
          async () => {
            const response = await fetch(`${context.globalArgs.baseUrl}/state`, { signal });
            state = (await response.json() as { state: string }).state;
            return state === args.state;
          },
          10,
          signal,
        );
        const handle = await context.writeResource("seen", "seen", { state, polls, order: [] });
        return { dataHandles: [handle] };
      },
    },
    order: {
      description: "Let timers and promises end in their order",
      arguments: z.object({}),
      execute: async (_args: Record<string, never>, context: Context) => {
        const order: string[] = [];
        const later = (name: string, ms: number) =>
          new Promise<void>((resolve) => setTimeout(() => (order.push(name), resolve()), ms));
        const cancelled = setTimeout(() => order.push("never"), 1);
        clearTimeout(cancelled);
        const waiting = [later("30", 30), later("10", 10), later("20", 20)];
        queueMicrotask(() => order.push("microtask"));
        await Promise.resolve();
        order.push("promise");
        await Promise.all(waiting);
        const first = await Promise.race([later("40", 40).then(() => "40"), later("5", 5).then(() => "5")]);
        order.push(`first ${first}`);
        const handle = await context.writeResource("seen", "order", { state: "done", polls: 0, order });
        return { dataHandles: [handle] };
      },
    },
    give_up: {
      description: "Send a request whose answer does not come",
      arguments: z.object({ ms: z.number() }),
      execute: async (args: { ms: number }, context: Context) => {
        try {
          await fetch(`${context.globalArgs.baseUrl}/silent`, { signal: AbortSignal.timeout(args.ms) });
          throw new Error("it answered");
        } catch (error) {
          if (!(error instanceof DOMException)) throw error;
          const handle = await context.writeResource("seen", "gave-up", {
            state: error.name,
            polls: 0,
            order: [String(context.signal.aborted)],
          });
          return { dataHandles: [handle] };
        }
      },
    },
    stand_by: {
      description: "Wait until the run is cancelled, and say goodbye",
      arguments: z.object({}),
      execute: async (_args: Record<string, never>, context: Context) => {
        const { signal } = context;
        await fetch(`${context.globalArgs.baseUrl}/begun`);
        await new Promise<void>((resolve) => {
          if (signal.aborted) resolve();
          signal.addEventListener("abort", () => resolve());
        });
        await fetch(`${context.globalArgs.baseUrl}/goodbye`);
        return { dataHandles: [] };
      },
    },
  },
};
