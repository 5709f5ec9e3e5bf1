/**
 * Looks at the machine by its own programs.
 *
 * @module
 */
import { z } from "npm:zod@4.3.6";

const FilesystemSchema = z.object({
  source: z.string(),
  sizeKb: z.number().int(),
  usedPercent: z.number().int().min(0).max(100),
  mount: z.string(),
});

type Context = {
  globalArgs: { timeoutMs: number };
  writeResource: (spec: string, name: string, data: unknown) => Promise<{ name: string }>;
  logger: { info: (msg: string, props?: Record<string, unknown>) => void };
};

const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

async function run(program: string, args: string[], options: Partial<Deno.CommandOptions> = {}) {
  const output = await new Deno.Command(program, { args, stdout: "piped", stderr: "piped", ...options }).output();
  if (!output.success) {
    throw new Error(`${program} exited with code ${output.code}: ${decode(output.stderr).trim()}`);
  }
  return decode(output.stdout);
}

/** The disks of the machine, and other things that programs say. */
export const model = {
  type: "@test/swamp/disk",
  version: "2026.12.01.1",
  globalArguments: z.object({ timeoutMs: z.number().default(5000) }),
  resources: {
    usage: {
      description: "Space on the filesystems",
      schema: z.object({ filesystems: z.array(FilesystemSchema), count: z.number() }),
      lifetime: "1h" as const,
      garbageCollection: 5,
    },
    lines: {
      description: "Lines of a program",
      schema: z.object({ lines: z.array(z.string()), code: z.number(), signal: z.string().nullable() }),
      lifetime: "1h" as const,
      garbageCollection: 5,
    },
  },
  methods: {
    usage: {
      description: "Ask `df` for the space on a filesystem",
      arguments: z.object({ path: z.string().default("/") }),
      execute: async (args: { path: string }, context: Context) => {
        const [, ...rows] = (await run("df", ["-Pk", args.path])).trim().split("\n");
        const filesystems = rows.map((row) => {
          const [source, size, , , percent, mount] = row.split(/\s+/);
          return { source, sizeKb: Number(size), usedPercent: parseInt(percent, 10), mount };
        });
        const handle = await context.writeResource("usage", "usage", { filesystems, count: filesystems.length });
        return { dataHandles: [handle] };
      },
    },
    sort: {
      description: "Sort lines by `sort`, which reads its stdin",
      arguments: z.object({ lines: z.array(z.string()), reverse: z.boolean().default(false) }),
      execute: async (args: { lines: string[]; reverse: boolean }, context: Context) => {
        const child = new Deno.Command("sort", {
          args: args.reverse ? ["-r"] : [],
          stdin: "piped",
          stdout: "piped",
          stderr: "null",
        }).spawn();
        const writer = child.stdin.getWriter();
        for (const line of args.lines) await writer.write(new TextEncoder().encode(`${line}\n`));
        await writer.close();
        const [text, status] = await Promise.all([new Response(child.stdout).text(), child.status]);
        const handle = await context.writeResource("lines", "sorted", {
          lines: text.trimEnd().split("\n"),
          code: status.code,
          signal: status.signal,
        });
        return { dataHandles: [handle] };
      },
    },
    follow: {
      description: "Read the lines of a program without an end, and kill it",
      arguments: z.object({ count: z.number().int().min(1) }),
      execute: async (args: { count: number }, context: Context) => {
        const child = new Deno.Command("yes", { args: ["again"], stdout: "piped" }).spawn();
        const lines: string[] = [];
        let rest = "";
        for await (const piece of child.stdout.pipeThrough(new TextDecoderStream())) {
          const parts = (rest + piece).split("\n");
          rest = parts.pop() ?? "";
          lines.push(...parts);
          if (lines.length >= args.count) break;
        }
        child.kill("SIGKILL");
        const status = await child.status;
        const handle = await context.writeResource("lines", "followed", {
          lines: lines.slice(0, args.count),
          code: status.code,
          signal: status.signal,
        });
        return { dataHandles: [handle] };
      },
    },
    broken: {
      description: "Run a program that fails",
      arguments: z.object({}),
      execute: async () => {
        await run("df", ["-Pk", "/does/not/exist"]);
        return { dataHandles: [] };
      },
    },
    missing: {
      description: "Run a program that is not there",
      arguments: z.object({}),
      execute: async (_args: Record<string, never>, context: Context) => {
        try {
          await new Deno.Command("no-such-program", { args: ["--version"] }).output();
          throw new Error("it ran");
        } catch (error) {
          if (!(error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotCapable)) throw error;
          context.logger.info("Not available: {message}", { message: error.message });
          const handle = await context.writeResource("lines", "missing", { lines: [error.name], code: -1, signal: null });
          return { dataHandles: [handle] };
        }
      },
    },
  },
};
