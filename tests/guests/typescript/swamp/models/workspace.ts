/**
 * Works on files by Deno's functions.
 *
 * @module
 */
import { z } from "npm:zod@4.3.6";

interface Context {
  globalArgs: { root: string };
  writeResource(spec: string, name: string, data: Record<string, unknown>): Promise<{ name: string }>;
}

async function tree(folder: string, below = ""): Promise<string[]> {
  const found: string[] = [];
  for await (const entry of Deno.readDir(`${folder}/${below}`)) {
    const path = below === "" ? entry.name : `${below}/${entry.name}`;
    if (entry.isDirectory) found.push(`${path}/`, ...await tree(folder, path));
    else found.push(path);
  }
  return found.sort();
}

/** A folder with files. */
export const model = {
  type: "@test/swamp/workspace",
  version: "2026.12.01.1",
  globalArguments: z.object({ root: z.string().default("/var/lib/workspace") }),
  resources: {
    result: {
      description: "What was found",
      schema: z.record(z.string(), z.unknown()),
      lifetime: "infinite" as const,
      garbageCollection: 5,
    },
  },
  methods: {
    arrange: {
      description: "Make, copy, move, change and remove files",
      arguments: z.object({}),
      execute: async (_args: Record<string, never>, context: Context) => {
        const { root } = context.globalArgs;
        const input = await Deno.readTextFile(`${root}/input.txt`);
        await Deno.mkdir(`${root}/out/deep/er`, { recursive: true });
        await Deno.writeTextFile(`${root}/out/a.txt`, input.toUpperCase());
        await Deno.writeTextFile(`${root}/out/a.txt`, "more\n", { append: true });
        await Deno.writeFile(`${root}/out/deep/er/bytes`, new Uint8Array([0, 255, 128]));
        await Deno.copyFile(`${root}/out/a.txt`, `${root}/out/copy.txt`);
        await Deno.rename(`${root}/out/copy.txt`, `${root}/out/moved.txt`);
        const before = await tree(`${root}/out`);
        const stat = await Deno.stat(`${root}/out/a.txt`);
        const bytes = await Deno.readFile(`${root}/out/deep/er/bytes`);

        const file = await Deno.open(`${root}/out/lines`, { write: true, create: true });
        await file.write(new TextEncoder().encode("one\ntwo\n"));
        file.close();
        using opened = await Deno.open(`${root}/out/lines`);
        const lines = (await new Response(opened.readable).text()).trim().split("\n");

        await Deno.remove(`${root}/out/deep`, { recursive: true });
        const faults: string[] = [];
        for (const action of [
          () => Deno.readTextFile(`${root}/none`),
          () => Deno.mkdir(`${root}/out`),
          () => Deno.writeTextFile(`${root}/out/a.txt`, "x", { createNew: true }),
          () => Deno.readTextFile("/etc/passwd"),
          () => Deno.readTextFile(`${root}/../sedge.yaml`),
        ]) {
          try {
            await action();
            faults.push("none");
          } catch (error) {
            faults.push((error as Error).name);
          }
        }
        let isNotFound = false;
        try {
          Deno.statSync(`${root}/none`);
        } catch (error) {
          isNotFound = error instanceof Deno.errors.NotFound;
        }
        const handle = await context.writeResource("result", "result", {
          before,
          after: await tree(`${root}/out`),
          size: stat.size,
          isFile: stat.isFile,
          bytes: [...bytes],
          lines,
          faults,
          isNotFound,
          text: Deno.readTextFileSync(`${root}/out/moved.txt`),
        });
        return { dataHandles: [handle] };
      },
    },
  },
};
