/**
 * Stores files.
 *
 * @module
 */
import { z } from "npm:zod@4.3.6";

type Handle = { name: string; specName: string; kind: string; size: number };

interface DataWriter {
  readonly name: string;
  writeAll(content: Uint8Array): Promise<Handle>;
  writeText(text: string): Promise<Handle>;
  writeLine(line: string): Promise<void>;
  writeStream(
    stream: ReadableStream<Uint8Array>,
    options?: { onLine?: (line: string) => void },
  ): Promise<Handle>;
  getFilePath(): Promise<string>;
  finalize(): Promise<Handle>;
}

interface Context {
  globalArgs: { baseUrl: string };
  modelType: unknown;
  modelId: string;
  logger: { info(msg: string, props?: Record<string, unknown>): void; warn(msg: string): void };
  createFileWriter(
    spec: string,
    name: string,
    overrides?: { contentType?: string; lifetime?: string; streaming?: boolean; tags?: Record<string, string> },
  ): DataWriter;
  dataRepository: {
    getContent(type: unknown, id: string, name: string): Promise<Uint8Array | null>;
  };
}

const bytes = (length: number) => Uint8Array.from({ length }, (_, at) => at % 256);

/** Files, written in every way. */
export const model = {
  type: "@test/swamp/archive",
  version: "2026.12.01.1",
  globalArguments: z.object({ baseUrl: z.string() }),
  files: {
    log: {
      description: "What happened",
      contentType: "text/plain",
      lifetime: "7d" as const,
      garbageCollection: 5,
      streaming: true,
    },
    blob: {
      description: "Bytes",
      contentType: "application/octet-stream",
      lifetime: "infinite" as const,
      garbageCollection: 3,
      tags: { shelf: "blobs" },
    },
  },
  methods: {
    pack: {
      description: "Write a text, bytes, and a log line by line",
      arguments: z.object({ text: z.string().default("a text") }),
      execute: async (args: { text: string }, context: Context) => {
        const text = await context.createFileWriter("log", "text").writeText(args.text);
        const page = await context.createFileWriter("log", "page", {
          contentType: "text/html",
          lifetime: "1h",
          tags: { room: "attic" },
        }).writeText("<p>é</p>");
        const blob = await context.createFileWriter("blob", "blob").writeAll(bytes(512));
        const writer = context.createFileWriter("log", "lines", { streaming: true });
        for (const step of ["one", "two", "three"]) await writer.writeLine(`step ${step}`);
        const lines = await writer.finalize();
        return { dataHandles: [text, page, blob, lines] };
      },
    },
    download: {
      description: "Pipe an answer into a file, and count its lines on the way",
      arguments: z.object({ path: z.string() }),
      execute: async (args: { path: string }, context: Context) => {
        const response = await fetch(new URL(args.path, context.globalArgs.baseUrl));
        if (!response.ok || response.body === null) throw new Error(`${response.status} ${response.statusText}`);
        let count = 0;
        const handle = await context.createFileWriter("blob", "download").writeStream(response.body, {
          onLine: () => count++,
        });
        context.logger.info("Stored {size} bytes in {count} lines", { size: handle.size, count });
        return { dataHandles: [handle] };
      },
    },
    digest: {
      description: "Log the digest of a file that is stored",
      arguments: z.object({ name: z.string() }),
      execute: async (args: { name: string }, context: Context) => {
        const content = await context.dataRepository.getContent(context.modelType, context.modelId, args.name);
        if (content === null) throw new Error(`No file ${args.name}`);
        const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", content as BufferSource));
        const hex = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
        context.logger.info("{name} has {hex}", { name: args.name, hex });
        return { dataHandles: [] };
      },
    },
    path: {
      description: "Ask for the path of a file",
      arguments: z.object({}),
      execute: async (_args: Record<string, never>, context: Context) => {
        const path = await context.createFileWriter("blob", "by-path").getFilePath();
        await Deno.writeTextFile(path, "written by its path");
        return { dataHandles: [] };
      },
    },
  },
};
