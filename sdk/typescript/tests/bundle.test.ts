/** `bundle.mjs`, as `sedge plugin build` runs it. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";

const MODULES = process.env["SEDGE_TEST_MODULES"] ?? "";
const SDK = process.env["SEDGE_TEST_SDK"] ?? "";

interface Answer {
  readonly ok: boolean;
  readonly kind?: string;
  readonly errors?: readonly { readonly file: string | null; readonly line: number | null; readonly text: string; readonly hint: string | null }[];
  readonly inputs?: readonly { readonly path: string }[];
  readonly packages?: readonly { readonly name: string }[];
  readonly [key: string]: unknown;
}

/** Makes a folder with files. */
function project(files: Readonly<Record<string, string>>): string {
  const root = mkdtempSync(path.join(tmpdir(), "sedge-bundle-"));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(root, name)), { recursive: true });
    writeFileSync(path.join(root, name), text);
  }
  return root;
}

async function run(command: string, root: string, more: object = {}): Promise<Answer> {
  const request = { root, entry: path.join(root, "plugin.ts"), modules: [path.join(root, "node_modules"), MODULES], out: path.join(root, "out/bundle.js"), ...more };
  const file = path.join(root, "request.json");
  writeFileSync(file, JSON.stringify(request));
  const stdout = await new Promise<string>((resolve) => {
    execFile(process.execPath, [path.join(SDK, "bundle.mjs"), command, "--request", file], { maxBuffer: 64 << 20 }, (_, out) => resolve(out));
  });
  return JSON.parse(stdout) as Answer;
}

const SDK_PLUGIN = `
import { defineModel } from "@sedge/sdk";
import { z } from "npm:zod@4.3.6";
import { basename } from "jsr:@std/path@1";
export const model = defineModel({
  name: "@a/b", version: "2026.12.01.1", description: basename("x/Tests"),
  methods: (method) => ({ go: method({ kind: "read", description: "Go", arguments: z.object({ n: z.number() }), run: (_, args) => args.n }) }),
});
`;

const SWAMP_PLUGIN = `
import { z } from "npm:zod@4.4.3";
import { fetchZones } from "./_lib/api.ts";
export const model = { type: "@a/zones", version: "2026.12.01.1", methods: { list: { description: "List", arguments: z.object({}), execute: fetchZones } } };
`;

const SWAMP_LIBRARY = `
const BASE = "https://api.example.com/v1";
/** See https://docs.example.com for more. */
export const fetchZones = async (_: unknown, context: any) => {
  const region = context.globalArgs.region;
  await fetch(\`\${BASE}/zones\`);
  await fetch(\`https://\${region}.example.net/x\`);
  await new Deno.Command("df", { args: ["-k"] }).output();
  Deno.env.get("ZONE_TOKEN");
  await context.readModelData("other");
  // Deno.serve is only in a comment.
  return Deno.connect({ port: 1 });
};
declare const Deno: any;
`;

test("same files give the same bytes, and a map with the author's paths", async () => {
  const root = project({ "plugin.ts": SDK_PLUGIN });
  const first = await run("bundle", root);
  assert.deepEqual(first.errors, undefined);
  const [code, map] = ["out/bundle.js", "out/bundle.js.map"].map((it) => readFileSync(path.join(root, it), "utf8"));
  await run("bundle", root);
  assert.equal(readFileSync(path.join(root, "out/bundle.js"), "utf8"), code);
  assert.equal(readFileSync(path.join(root, "out/bundle.js.map"), "utf8"), map);
  const { sources, sourcesContent } = JSON.parse(map ?? "") as { sources: string[]; sourcesContent?: unknown };
  assert.equal(sourcesContent, undefined);
  assert.ok(sources.includes("plugin.ts") && sources.includes("sedge-sdk/typescript/src/sdk/model.ts"));
  assert.ok(sources.every((it) => /^(plugin\.ts|sedge-sdk\/typescript\/|node_modules\/zod\/)/.test(it)), String(sources));
  assert.deepEqual([first.kind, first.inputs?.at(-1)?.path, first.packages?.map((it) => it.name)], ["sdk", "sedge-sdk/typescript/src/std/path.ts", ["zod"]]);
  assert.ok(!(code ?? "").includes("sourceMappingURL") && !/^import /m.test(code ?? ""));
});

test("bundle describes its model", async () => {
  const root = project({ "plugin.ts": SDK_PLUGIN, "package.json": '{"type": "module"}' });
  await run("bundle", root);
  const out = await new Promise<string>((resolve) => {
    const script = `const write = process.stdout.write.bind(process.stdout); import(${JSON.stringify(pathToFileURL(path.join(root, "out/bundle.js")).href)}).then((it) => write(JSON.stringify([Object.keys(it).sort(), it.describe().description])))`;
    execFile(process.execPath, ["-e", script], (_, stdout, stderr) => resolve(stdout + stderr));
  });
  assert.deepEqual(JSON.parse(out), [["check", "describe", "failure", "invoke", "report", "upgrade"], "Tests"]);
});

test("bytes do not depend on where the files are", async () => {
  const files = { "plugin.ts": SDK_PLUGIN.replace("jsr:@std/path@1", "old-package"), "node_modules/old-package/package.json": '{"name": "old-package", "main": "main.js"}', "node_modules/old-package/main.js": 'const { createServer } = require("http"); exports.basename = (it) => createServer ? it : "";' };
  const [one, other] = [project(files), path.join(project({}), "deeper/still")];
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(other, name)), { recursive: true });
    writeFileSync(path.join(other, name), text);
  }
  for (const root of [one, other]) {
    assert.deepEqual((await run("bundle", root)).errors, undefined);
  }
  const [code, second] = [one, other].map((root) => readFileSync(path.join(root, "out/bundle.js"), "utf8"));
  assert.equal(code, second);
  assert.ok(code?.includes('"node_modules/old-package/main.js"(') && code.includes("// sedge-sdk/typescript/src/host/engine.ts"));
});

test("mistakes have a place and a hint", async () => {
  const refused = async (text: string): Promise<NonNullable<Answer["errors"]>[number]> => {
    const answer = await run("bundle", project({ "plugin.ts": text }), { kind: "sdk" });
    assert.equal(answer.ok, false);
    return answer.errors![0]!;
  };
  assert.deepEqual(await refused('\nimport x from "left-pad";\nx();'), {
    file: "plugin.ts", line: 2, column: 15, text: "the package `left-pad` is not installed", hint: "in the folder of the plugin, type: npm install left-pad",
  });
  assert.match((await refused('import fs from "node:http2";\nfs.x();')).text, /a plugin cannot import `node:http2`/);
  assert.match((await refused('import x from "https://deno.land/x.ts";\nx();')).text, /is not fetched: a plugin is built from files/);
  assert.deepEqual([(await refused("const = 1;")).file, (await refused("const = 1;")).line], ["plugin.ts", 1]);
  const gone = await run("bundle", project({}));
  assert.equal(gone.errors?.[0]?.text, "there is no file plugin.ts");
  const noEsbuild = await run("bundle", project({ "plugin.ts": "" }), { modules: [] });
  assert.deepEqual([noEsbuild.errors?.[0]?.text, noEsbuild.errors?.[0]?.hint], ["esbuild is not installed", "in the folder of the plugin, type: npm install"]);
});

test("swamp model is recognised, and gets the sidecar", async () => {
  const root = project({ "plugin.ts": SWAMP_PLUGIN, "_lib/api.ts": SWAMP_LIBRARY, "side.json": '{"description": "From the sidecar"}', "notes.txt": "embedded" });
  const answer = await run("bundle", root, { sidecar: path.join(root, "side.json"), files: [path.join(root, "notes.txt")] });
  assert.deepEqual([answer.errors, answer.kind], [undefined, "swamp"]);
  const code = readFileSync(path.join(root, "out/bundle.js"), "utf8");
  assert.ok(code.includes("From the sidecar") && code.includes("embedded"));
});

test("texts of zod in other languages are left out, unless they are used", async () => {
  const size = async (text: string): Promise<number> => (await run("bundle", project({ "plugin.ts": text })))["bytes"] as number;
  const [without, used] = [await size(SDK_PLUGIN), await size(`${SDK_PLUGIN}\nz.config(z.locales.de());`)];
  assert.ok(used > without + 150_000, `${without} and ${used}`);
});

test("module knows no file that it is in", async () => {
  const text = `${SDK_PLUGIN}\nexport const where = new URL("./x", import.meta.url).href + process.env.NODE_ENV;`;
  const root = project({ "plugin.ts": text });
  await run("bundle", root);
  const code = readFileSync(path.join(root, "out/bundle.js"), "utf8");
  assert.ok(code.includes('new URL("./x", "file:///plugin.js").href + "production"') && !code.includes("import.meta"));
});

test("analysis names what the code seems to use", async () => {
  const root = project({ "plugin.ts": SWAMP_PLUGIN, "_lib/api.ts": SWAMP_LIBRARY });
  const answer = await run("analyse", root);
  assert.deepEqual([answer["exports"], answer["type"], answer["version"], answer["missing"]], [["model"], "@a/zones", "2026.12.01.1", []]);
  const permissions = (answer["permissions"] as Record<string, string>[]).map(({ reason: _, ...it }) => it);
  assert.deepEqual(permissions, [{ command: "df" }, { env: "ZONE_TOKEN" }, { http: "https://*.example.net" }, { http: "https://api.example.com" }, { models: "*" }]);
  assert.deepEqual((answer["notSupported"] as { what: string; at: string }[]).map((it) => [it.what, it.at]), [["Deno.connect", "_lib/api.ts:12"]]);
  assert.deepEqual(answer["unknown"], ["the server of `fetch(`${BASE}/zones`)` at _lib/api.ts:6"]);
});
