// Bundles a plugin in TypeScript for the script engine, its tests for node, and looks at swamp models.
//
// Usage: node bundle.mjs bundle|test|analyse --request FILE.json
//
// It reads one request and prints one answer, both JSON: `{"ok": true, …}`, or `{"ok": false, "errors": […]}` and the
// exit code 1. The same request over the same files gives the same bytes. Needs node 20 or newer, and esbuild in one
// of the folders `modules` of the request, or in the one that SEDGE_ESBUILD names.
import { existsSync, readFileSync, realpathSync, mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const SDK = path.dirname(fileURLToPath(import.meta.url));

/** What the sources of the SDK begin with in source maps. */
const SDK_PREFIX = "sedge-sdk/typescript/";

/** The language of the bundle: what QuickJS knows. */
const TARGET = "es2023";

/** An error for the user. */
class BundleError extends Error {
  constructor(errors) {
    super(errors.map((it) => it.text).join("\n"));
    this.errors = errors;
  }
}

function fail(text, hint = null, at = {}) {
  throw new BundleError([{ file: null, line: null, column: null, ...at, text, hint }]);
}

// Packages.

/** Modules of node that a plugin can import, and the modules of the SDK that stand for them. */
const NODE_MODULES = new Set(["buffer", "http", "https", "http2", "net", "tls", "dns", "zlib", "stream", "stream/promises", "stream/web", "worker_threads", "perf_hooks", "async_hooks", "diagnostics_channel", "vm", "tty", "readline", "module", "constants", "cluster", "dgram", "punycode", "string_decoder", "crypto", "events", "os", "path", "path/posix", "process", "timers", "timers/promises", "url", "util", "assert", "querystring", "fs", "fs/promises", "child_process"]);

/** Packages of jsr that have another name in npm, or that the SDK has itself. */
const JSR_OWN = new Set(["path", "path/posix", "encoding", "encoding/base64", "encoding/base64url", "encoding/hex", "async", "async/delay", "async/deadline", "fs", "fs/exists", "fs/ensure-dir"]);

function loadEsbuild(modules) {
  const named = process.env.SEDGE_ESBUILD;
  const folders = [...(named ? [named, path.join(named, "esbuild")] : []), ...modules.map((it) => path.join(it, "esbuild"))];
  for (const folder of folders) {
    const main = path.join(folder, "lib", "main.js");
    if (existsSync(main)) {
      return createRequire(import.meta.url)(main);
    }
  }
  fail("esbuild is not installed", "in the folder of the plugin, type: npm install");
}

/** Parts of zod that few plugins use, a third of it all. A plugin that names one gets it: see `bundle`. */
const RARE_PARTS = [
  { file: /[\\/]zod[\\/]v4[\\/]locales[\\/]index\.js$/, instead: 'export { default as en } from "./en.js";', use: /\blocales\b/ },
  { file: /[\\/]zod[\\/]v4[\\/]core[\\/]compile\.js$/, instead: "export const INVALID = undefined, compile = undefined, withParser = undefined, ZodCompileAsyncError = undefined, ZodCompileUnsupportedError = undefined;", use: /\b(z|core)\.compile\b|\bzod\/compile\b/ },
  { file: /[\\/]zod[\\/]v4[\\/]classic[\\/]from-json-schema\.js$/, instead: "export const fromJSONSchema = undefined;", use: /\bfromJSONSchema\b/ },
];

/** Splits `zod@4.3.6/v4` and `@scope/name@1/path` into a name and a path. */
function splitPackage(specifier) {
  const found = /^\/?((?:@[^/]+\/)?[^/@]+)(?:@([^/]*))?(\/.*)?$/.exec(specifier);
  return found === null ? null : { name: found[1], version: found[2] ?? "", subpath: (found[3] ?? "").slice(1) };
}

/** Returns the first folder of packages that has a package. */
function folderOf(modules, name) {
  return modules.find((it) => existsSync(path.join(it, name, "package.json")));
}

function versionOf(modules, name) {
  const folder = folderOf(modules, name);
  return folder === undefined ? null : JSON.parse(readFileSync(path.join(folder, name, "package.json"), "utf8")).version;
}

/** Returns the file of the SDK that stands for a module, or `null`. */
function ownModule(specifier) {
  if (specifier === "@sedge/sdk") {
    return path.join(SDK, "src/sdk/index.ts");
  }
  if (specifier === "@sedge/sdk/internal") {
    return path.join(SDK, "src/internal.ts");
  }
  if (specifier === "@sedge/sdk/testing") {
    return path.join(SDK, "src/testing/index.ts");
  }
  return null;
}

/**
 * Returns a module of node for a package: what the SDK has of it, and for all else functions and classes that fail when
 * they are used. What is missing is found by way of the prototype, because the bundler copies only what is there.
 */
function nodeModule(name, file) {
  const own = file === null ? "{}" : `require(${JSON.stringify(file)})`;
  return `
const own = ${own};
function absent(name) {
  function fail() { throw new Error("node:${name} (" + name + ") is not available in a plugin"); }
  return new Proxy(fail, { get: (_, it) => typeof it === "symbol" || it === "prototype" ? Reflect.get(fail, it) : absent(name + "." + it) });
}
const missing = new Proxy({}, { get: (_, it) => typeof it === "symbol" || ["__esModule", "default", "then", "constructor"].includes(it) ? undefined : absent(it) });
module.exports = Object.create(missing, Object.getOwnPropertyDescriptors(own));
if (!("default" in own)) module.exports.default = module.exports;
`;
}

/** The plugin that resolves what an author imports. */
function resolver(request, state) {
  const { modules, forNode } = state;
  const resolveIn = async (build, specifier, args) => {
    const found = splitPackage(specifier);
    const name = found?.name ?? specifier;
    // The package of the importing package itself has precedence, as in node, except for zod: there is one copy.
    const own = name === "zod" ? null : await build.resolve(specifier, { kind: args.kind, resolveDir: args.resolveDir, pluginData: { isOwn: true } });
    if (own !== null && own.errors.length === 0) {
      return own;
    }
    const folder = folderOf(modules, name);
    if (folder === undefined) {
      state.missing.add(name);
      return { errors: [{ text: `the package \`${name}\` is not installed`, detail: { hint: `in the folder of the plugin, type: npm install ${name}` } }] };
    }
    return build.resolve(specifier, { kind: args.kind, resolveDir: path.dirname(folder), pluginData: { isOwn: true } });
  };
  return {
    name: "sedge",
    setup(build) {
      build.onResolve({ filter: /^sedge:/ }, (args) => {
        if (args.path === "sedge:plugin") {
          return { path: request.entry };
        }
        return { path: args.path, namespace: "sedge" };
      });
      build.onLoad({ filter: /.*/, namespace: "sedge" }, () => ({ contents: state.swampModule, resolveDir: SDK, loader: "js" }));
      build.onResolve({ filter: /^@sedge\/sdk(\/internal|\/testing)?$/ }, (args) => ({ path: ownModule(args.path) }));
      build.onResolve({ filter: /^node:|^[a-z_]+(\/[a-z]+)?$/ }, async (args) => {
        const name = args.path.replace(/^node:/, "");
        const isNode = args.path.startsWith("node:") || (NODE_MODULES.has(name) && folderOf(modules, name) === undefined);
        if (!isNode || args.pluginData?.isOwn) {
          return undefined;
        }
        if (forNode) {
          return { path: args.path, external: true };
        }
        const file = path.join(SDK, "src/node", `${name.replace("/", "_")}.ts`);
        if (args.importer.includes("node_modules")) {
          // A package may import what it does not need. The first use of what is missing ends with an error that names it.
          return { path: name, namespace: "sedge-node", pluginData: { file: existsSync(file) ? file : null }, sideEffects: false };
        }
        if (existsSync(file)) {
          return { path: file };
        }
        return { errors: [{ text: `a plugin cannot import \`${args.path}\`: it does not run in node`, detail: { hint: "use the web APIs, and the functions of the context" } }] };
      });
      build.onLoad({ filter: /.*/, namespace: "sedge-node" }, (args) => ({ contents: nodeModule(args.path, args.pluginData.file), resolveDir: SDK, loader: "js" }));
      build.onResolve({ filter: /^(npm|jsr):/ }, (args) => {
        const isJsr = args.path.startsWith("jsr:");
        const found = splitPackage(args.path.slice(4));
        if (found === null) {
          return { errors: [{ text: `\`${args.path}\` names no package` }] };
        }
        state.imports.add(args.path);
        const specifier = found.subpath === "" ? found.name : `${found.name}/${found.subpath}`;
        return isJsr ? resolveJsr(build, specifier, args) : resolveIn(build, specifier, args);
      });
      const resolveJsr = (inner, specifier, args) => {
        const std = specifier.startsWith("@std/") ? specifier.slice(5) : null;
        if (std !== null && JSR_OWN.has(std)) {
          return { path: path.join(SDK, "src/std", `${std.split("/")[0]}.ts`) };
        }
        // `npx jsr add` installs packages of jsr under this scope.
        const compat = specifier.replace(/^@([^/]+)\//, "@jsr/$1__");
        return resolveIn(inner, compat, args);
      };
      build.onResolve({ filter: /^@std\// }, (args) => {
        state.imports.add(args.path);
        return args.pluginData?.isOwn ? undefined : resolveJsr(build, args.path, args);
      });
      for (const part of RARE_PARTS) {
        build.onLoad({ filter: part.file }, () => (state.rare.has(part) ? undefined : { contents: part.instead, loader: "js" }));
      }
      build.onResolve({ filter: /^https?:/ }, (args) => ({
        errors: [{ text: `\`${args.path}\` is not fetched: a plugin is built from files`, detail: { hint: "save the file beside the plugin, or use a package" } }],
      }));
      build.onResolve({ filter: /^[^./]/ }, (args) => {
        if (args.pluginData?.isOwn || args.kind === "entry-point" || path.isAbsolute(args.path)) {
          return undefined;
        }
        const found = splitPackage(args.path);
        if (found === null || args.path.startsWith("#")) {
          return undefined;
        }
        return resolveIn(build, args.path, args);
      });
    },
  };
}

// Bundles.

function optionsOf(request, state, more) {
  return {
    absWorkingDir: request.root,
    bundle: true,
    charset: "utf8",
    // A component has no files, and is no program.
    define: state.forNode ? {} : { "import.meta.url": '"file:///plugin.js"', "import.meta.filename": '"/plugin.js"', "import.meta.dirname": '"/"', "import.meta.main": "false", "process.env.NODE_ENV": '"production"' },
    conditions: ["sedge", "worker", "import", "module", "default"],
    format: "esm",
    legalComments: "none",
    logLevel: "silent",
    logOverride: { "ignored-bare-import": "silent" },
    mainFields: ["browser", "module", "main"],
    metafile: true,
    outfile: request.out,
    platform: "neutral",
    plugins: [resolver(request, state)],
    sourcemap: "linked",
    sourcesContent: false,
    supported: { "using": false },
    target: TARGET,
    treeShaking: true,
    tsconfigRaw: "{}",
    write: false,
    ...more,
  };
}

function stateOf(request, more = {}) {
  return { modules: request.modules, forNode: false, imports: new Set(), missing: new Set(), swampModule: "", rare: new Set(), ...more };
}

/** Returns a path relative to the root, as it is shown and stored. */
function shownPath(root, file) {
  const absolute = path.resolve(root, file);
  const inSdk = path.relative(SDK, absolute);
  if (!inSdk.startsWith("..")) {
    return SDK_PREFIX + inSdk.split(path.sep).join("/");
  }
  const parts = absolute.split(path.sep);
  const at = parts.lastIndexOf("node_modules");
  if (at >= 0) {
    return parts.slice(at).join("/");
  }
  const relative = path.relative(root, absolute).split(path.sep).join("/");
  return relative.startsWith("..") ? absolute.split(path.sep).join("/") : relative;
}

function errorsOf(root, messages) {
  return messages.map((it) => ({
    file: it.location === null ? null : shownPath(root, it.location.file),
    line: it.location?.line ?? null,
    column: it.location === null ? null : it.location.column + 1,
    text: it.text,
    hint: it.detail?.hint ?? it.notes?.[0]?.text ?? null,
  }));
}

async function run(esbuild, request, options) {
  try {
    return await esbuild.build(options);
  } catch (error) {
    if (Array.isArray(error.errors)) {
      throw new BundleError(errorsOf(request.root, error.errors));
    }
    throw error;
  }
}

/** Returns the files of the author and of packages, without the SDK and zod. */
function filesBesideZod(root, metafile) {
  const isOther = (file) => !/[\\/]node_modules[\\/]zod[\\/]/.test(`/${file}`) && !/^sedge[:-]/.test(file) && path.relative(SDK, path.resolve(root, file)).startsWith("..");
  return Object.keys(metafile.inputs).filter(isOther);
}

/** Returns whether a plugin is written for this SDK or for swamp, by what its own files import. */
function kindOf(metafile) {
  const own = Object.entries(metafile.inputs).filter(([file]) => !file.includes("node_modules") && !file.startsWith("sedge"));
  const usesSdk = own.some(([, input]) => input.imports.some((it) => it.original === "@sedge/sdk"));
  return usesSdk ? "sdk" : "swamp";
}

async function detectKind(esbuild, request, state) {
  if (request.kind === "sdk" || request.kind === "swamp") {
    return request.kind;
  }
  const options = optionsOf(request, state, { entryPoints: [request.entry], sourcemap: false });
  return kindOf((await run(esbuild, request, options)).metafile);
}

function readJson(file, what) {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    fail(`${what} cannot be read: ${error.message}`, null, { file });
  }
}

/** Returns the module with what a swamp model is made of. */
function swampModule(request) {
  const files = [request.entry, ...(request.extensions ?? [])];
  const imports = files.map((file, at) => `import * as m${at} from ${JSON.stringify(file)};`);
  const sidecar = request.sidecar ? readJson(request.sidecar, "the permissions") : {};
  const embedded = {};
  for (const file of request.files ?? []) {
    // As `additionalFiles` of the manifest names it, which is at the root.
    embedded[path.relative(realpathSync(request.root), realpathSync(file)).split(path.sep).join("/")] = readFileSync(file, "utf8");
  }
  const about = { ...(request.about ?? {}), files: embedded };
  const sources = files.map((file) => readFileSync(file, "utf8")).join("\n");
  const cel = sources.includes("createCelEnvironment") ? ["@marcbachmann/cel-js", "cel-js"].find((it) => folderOf(request.modules, it) !== undefined) : undefined;
  return [
    ...imports,
    cel === undefined ? "export const celEnvironment = null;" : `export { Environment as celEnvironment } from ${JSON.stringify(cel)};`,
    `export const modules = [${files.map((_, at) => `m${at}`).join(", ")}];`,
    `export const sidecar = ${JSON.stringify(sidecar)};`,
    `export const about = ${JSON.stringify(about)};`,
  ].join("\n");
}

/**
 * Returns the code with the paths of `shownPath` in comments and in the names of CommonJS modules, so that the same
 * files give the same bytes wherever they are.
 */
function withShownPaths(root, code, metafile) {
  return code.replace(/^(\/\/ | {2}(?:async )?")([^"\n]+)("?\(|$)/gm, (line, before, file, after) =>
    Object.hasOwn(metafile.inputs, file) && !/^sedge[:-]/.test(file) ? before + shownPath(root, file) + after : line,
  );
}

/** Writes the bundle and its map. The map has the paths of `shownPath`. */
function writeOutputs(request, result) {
  const text = (isMap) => result.outputFiles.find((it) => it.path.endsWith(".map") === isMap).text;
  const code = withShownPaths(request.root, text(false), result.metafile).replace(/\n\/\/# sourceMappingURL=[^\n]*\n?$/, "\n");
  const map = JSON.parse(text(true));
  const base = path.dirname(request.out);
  map.sources = map.sources.map((it) => (it.startsWith("sedge") ? it : shownPath(request.root, path.resolve(base, it))));
  mkdirSync(base, { recursive: true });
  writeFileSync(request.out, code);
  writeFileSync(request.map ?? `${request.out}.map`, `${JSON.stringify(map)}\n`);
  return Buffer.byteLength(code);
}

function inputsOf(request, metafile) {
  return Object.entries(metafile.inputs)
    .filter(([file]) => !/^sedge[:-]/.test(file))
    .map(([file, { bytes }]) => ({ path: shownPath(request.root, file), bytes }))
    .sort((one, other) => (one.path < other.path ? -1 : 1));
}

function packagesOf(request, metafile) {
  const found = new Map();
  for (const file of Object.keys(metafile.inputs)) {
    const parts = path.resolve(request.root, file).split(path.sep);
    const at = parts.lastIndexOf("node_modules");
    if (at < 0) {
      continue;
    }
    const n = parts[at + 1].startsWith("@") ? 2 : 1;
    const name = parts.slice(at + 1, at + 1 + n).join("/");
    const manifest = [...parts.slice(0, at + 1 + n), "package.json"].join(path.sep);
    if (!found.has(name) && existsSync(manifest)) {
      found.set(name, JSON.parse(readFileSync(manifest, "utf8")).version);
    }
  }
  return [...found].map(([name, version]) => ({ name, version })).sort((one, other) => (one.name < other.name ? -1 : 1));
}

async function bundle(request) {
  const esbuild = loadEsbuild(request.modules);
  const state = stateOf(request);
  if (!existsSync(request.entry)) {
    fail(`there is no file ${shownPath(request.root, request.entry)}`);
  }
  const kind = await detectKind(esbuild, request, state);
  if (kind === "swamp") {
    state.swampModule = swampModule(request);
  }
  const entry = path.join(SDK, "src/entry", `${kind}.ts`);
  const build = () => run(esbuild, request, optionsOf(request, state, { entryPoints: [entry] }));
  let result = await build();
  const texts = filesBesideZod(request.root, result.metafile).map((file) => readFileSync(path.resolve(request.root, file), "utf8"));
  state.rare = new Set(RARE_PARTS.filter((part) => texts.some((text) => part.use.test(text))));
  if (state.rare.size > 0) {
    result = await build();
  }
  const bytes = writeOutputs(request, result);
  return {
    kind,
    bundle: request.out,
    map: request.map ?? `${request.out}.map`,
    bytes,
    inputs: inputsOf(request, result.metafile),
    warnings: errorsOf(request.root, result.warnings),
    packages: packagesOf(request, result.metafile),
  };
}

// Tests.

function testFiles(folder, found = []) {
  for (const name of readdirSync(folder).sort()) {
    const file = path.join(folder, name);
    if (["node_modules", "sedge-sdk", "target", "dist"].includes(name) || name.startsWith(".")) {
      continue;
    }
    if (statSync(file).isDirectory()) {
      testFiles(file, found);
    } else if (/\.test\.(ts|mts|js|mjs)$/.test(name)) {
      found.push(file);
    }
  }
  return found;
}

async function test(request) {
  const esbuild = loadEsbuild(request.modules);
  const files = [];
  for (const entry of request.entries ?? testFiles(request.root)) {
    const name = path.relative(request.root, entry).replace(/\.[mc]?[jt]s$/, "").split(path.sep).join("_");
    const out = path.join(request.out, `${name}.mjs`);
    const state = stateOf(request, { forNode: true });
    const options = optionsOf(request, state, { entryPoints: [entry], outfile: out, platform: "node", sourcemap: "inline", write: true, banner: NODE_REQUIRE });
    await run(esbuild, request, options);
    files.push(out);
  }
  return { files };
}

/** Packages that are CommonJS call `require` for modules of node. */
const NODE_REQUIRE = { js: 'import { createRequire as sedgeRequire } from "node:module"; const require = sedgeRequire(import.meta.url);' };

// The program.

const COMMANDS = {
  bundle,
  test,
  analyse: async (request) => {
    const { analyse } = await import(pathToFileURL(path.join(SDK, "analyse.mjs")).href);
    return analyse(request, { loadEsbuild, optionsOf, stateOf, run, shownPath, versionOf, fail });
  },
};

async function main() {
  const [command, flag, file, ...more] = process.argv.slice(2);
  if (!Object.hasOwn(COMMANDS, command ?? "") || flag !== "--request" || file === undefined || more.length > 0) {
    fail("usage: node bundle.mjs bundle|test|analyse --request FILE.json");
  }
  const request = readJson(file, "the request");
  const answer = await COMMANDS[command]({ ...request, modules: request.modules ?? [], root: path.resolve(request.root) });
  return { ok: true, ...answer };
}

try {
  console.log(JSON.stringify(await main()));
} catch (error) {
  const errors = error instanceof BundleError ? error.errors : [{ file: null, line: null, column: null, text: error.stack ?? String(error), hint: null }];
  console.log(JSON.stringify({ ok: false, errors }));
  process.exitCode = 1;
}
