// Looks at a swamp model without running it: what it seems to use, as permissions to review.
//
// It reads the bundle of the model's own files, not of its packages, so it sees constants across files. What it
// cannot know (a URL that is computed) it lists as unknown.
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";

/** Members of `Deno` and of the context that a plugin does not have, and why. */
const NOT_SUPPORTED = {
  "Deno.connect": "a plugin sends requests by fetch only",
  "Deno.connectTls": "a plugin sends requests by fetch only",
  "Deno.listen": "a plugin does not accept connections",
  "Deno.serve": "a plugin does not accept connections",
  "Deno.kill": "a plugin ends the programs that it has started by `kill()` of the process",
  "Deno.resolveDns": "a plugin sends requests by fetch only",
  "Deno.createHttpClient": "fetch has no clients with certificates of their own",
  "Deno.watchFs": "a call does not wait for changes of files",
  "Deno.execPath": "a plugin runs the commands that the operator pinned",
  "context.vaultService": "secrets are given to global arguments: `{secret: NAME}`",
  "context.outputRepository": "the records of runs are the operator's",
  "context.approveWorkflowGate": "only a user decides at a gate",
  "context.rejectWorkflowGate": "only a user decides at a gate",
  followUpActions: "the method that follows is a step of a workflow",
  "getFilePath(": "data is no file that a plugin can open",
  "new Worker(": "a plugin has one thread",
  "new WebSocket(": "a plugin sends requests by fetch only",
  "Intl.": "the script engine has no Intl",
};

const READS = ["readTextFile", "readFile", "readTextFileSync", "readFileSync", "stat", "statSync", "lstat", "readDir", "readDirSync", "open"];
const WRITES = ["writeTextFile", "writeFile", "writeTextFileSync", "writeFileSync", "mkdir", "mkdirSync", "remove", "removeSync", "rename", "copyFile", "makeTempDir", "makeTempFile", "create"];

/** Where something is: `models/x.ts:12`. */
function place(file, text, index) {
  return `${file}:${text.slice(0, index).split("\n").length}`;
}

/** Returns a text without comments. The lines stay. */
function withoutComments(text) {
  return text.replace(/"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g, (it) =>
    it.startsWith("/*") || it.startsWith("//") ? it.replace(/[^\n]/g, " ") : it,
  );
}

function* matches(pattern, text) {
  for (const it of text.matchAll(pattern)) {
    yield it;
  }
}

/** Collects permissions, each with the places that it is for. */
class Findings {
  constructor() {
    this.permissions = new Map();
    this.unknown = [];
    this.notSupported = [];
  }

  add(permission, at, what) {
    const key = JSON.stringify(permission);
    const it = this.permissions.get(key) ?? { permission, places: [], what };
    it.places.push(at);
    this.permissions.set(key, it);
  }

  list() {
    return [...this.permissions.values()]
      .map(({ permission, places, what }) => ({ ...permission, reason: `${what} (${[...new Set(places)].slice(0, 3).join(", ")})` }))
      .sort((one, other) => (JSON.stringify(one) < JSON.stringify(other) ? -1 : 1));
  }
}

/** Hosts that are in texts for people: documentation and schemas. */
const NOT_SERVERS = /^(www\.)?(w3\.org|json-schema\.org|github\.com|docs\.|example\.(com|org|net)|schemas?\.|xmlns\.)/;

function findHosts(file, text, found) {
  for (const it of matches(/["'`](https?):\/\/([A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\])(:\d+)?(?=[/"'`?#$\\]|$)/g, text)) {
    const [, scheme, host, port = ""] = it;
    // `${scheme}://${region}.amazonaws.com` begins elsewhere: see below.
    const line = text.slice(text.lastIndexOf("\n", it.index) + 1, it.index);
    const isText = /(describe|description|authNotes|title|documentation|repository)\w*["']?\s*[:(]\s*$/.test(line) || NOT_SERVERS.test(host);
    if (!isText) {
      found.add({ http: `${scheme}://${host}${port}` }, place(file, text, it.index), "it names this server");
    }
  }
  for (const it of matches(/`(https?):\/\/[^`\s/]*\$\{[^`]*?\}(\.[A-Za-z0-9.-]+)?(:\d+)?(?=[/`?])/g, text)) {
    const [, scheme, suffix, port = ""] = it;
    if (suffix !== undefined) {
      found.add({ http: `${scheme}://*${suffix}${port}` }, place(file, text, it.index), "it computes the name of the server");
    } else {
      found.unknown.push(`the server of a computed URL at ${place(file, text, it.index)}`);
    }
  }
  for (const it of matches(/\bfetch\s*\(\s*(?!\s|["'`]https?:)([^,)\n]{1,80})/g, text)) {
    found.unknown.push(`the server of \`fetch(${it[1].trim()})\` at ${place(file, text, it.index)}`);
  }
}

function findCommands(file, text, found) {
  for (const it of matches(/new\s+Deno\.Command\s*\(\s*([^,)\n]+)/g, text)) {
    const name = /^["'`]([^"'`$]+)["'`]$/.exec(it[1].trim());
    const at = place(file, text, it.index);
    if (name === null) {
      found.unknown.push(`the program of \`new Deno.Command(${it[1].trim()})\` at ${at}`);
    } else {
      found.add({ command: name[1].split("/").at(-1) }, at, "it runs this program");
    }
  }
}

function findVariables(file, text, found) {
  for (const it of matches(/(?:Deno\.env\.(?:get|has)\s*\(\s*["'`]([A-Za-z_]\w*)["'`]|process\.env\.([A-Za-z_]\w*)|process\.env\[["'`]([A-Za-z_]\w*)["'`]\])/g, text)) {
    found.add({ env: it[1] ?? it[2] ?? it[3] }, place(file, text, it.index), "it reads this variable");
  }
  for (const it of matches(/Deno\.env\.get\s*\(\s*(?!["'`])([^)\n]+)\)/g, text)) {
    found.unknown.push(`the variable of \`Deno.env.get(${it[1].trim()})\` at ${place(file, text, it.index)}`);
  }
}

function findFiles(file, text, found) {
  for (const it of matches(/Deno\.(\w+)\s*\(\s*([^,)\n]*)/g, text)) {
    const [, name, argument] = it;
    const at = place(file, text, it.index);
    if (["makeTempDir", "makeTempFile", "makeTempDirSync", "makeTempFileSync"].includes(name)) {
      found.add({ folder: "tmp", access: "write" }, at, "it makes temporary files");
    } else if (READS.includes(name) || WRITES.includes(name)) {
      found.unknown.push(`the folder of \`Deno.${name}(${argument.trim()})\` at ${at}`);
    }
  }
}

function findModels(file, text, found) {
  for (const it of matches(/\.(runModel|readModelData|queryData|findAllGlobal|findAllForType|findByNameGlobal|dataQueryService)\b/g, text)) {
    found.add({ models: "*" }, place(file, text, it.index), "it reads or calls other models");
  }
}

function findNotSupported(file, text, found) {
  for (const [what, why] of Object.entries(NOT_SUPPORTED)) {
    const escaped = what.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
    for (const it of matches(new RegExp(`(?<![\\w$.])${escaped}${/\w$/.test(what) ? "(?![\\w$])" : ""}`, "g"), text)) {
      found.notSupported.push({ what: what.replace(/[(.]$/, ""), at: place(file, text, it.index), why });
    }
  }
}

/** Returns what the files export: `model`, `extension`, `report`. */
function exportsOf(text) {
  return ["model", "extension", "report", "vault", "datastore", "driver"].filter((name) => new RegExp(`export\\s+(?:const|let|var)\\s+${name}\\b|export\\s*\\{[^}]*\\b${name}\\b`).test(text));
}

function stringMember(text, name) {
  return new RegExp(`export\\s+const\\s+(?:model|extension|report)\\b[\\s\\S]*?\\b${name}\\s*:\\s*["'\`]([^"'\`$]+)["'\`]`).exec(text)?.[1] ?? null;
}

export async function analyse(request, tools) {
  const esbuild = tools.loadEsbuild(request.modules);
  const state = tools.stateOf(request);
  const options = tools.optionsOf(request, state, { entryPoints: [request.entry], sourcemap: false, outfile: undefined, outdir: path.join(request.root, "out"), plugins: [onlyOwn(request, state)] });
  const result = await tools.run(esbuild, request, options);
  const found = new Findings();
  const files = Object.keys(result.metafile.inputs).filter((it) => !it.includes("node_modules") && !/^sedge/.test(it)).sort();
  for (const file of files) {
    const text = withoutComments(readFileSync(path.resolve(request.root, file), "utf8"));
    const shown = tools.shownPath(request.root, file);
    for (const find of [findHosts, findCommands, findVariables, findFiles, findModels, findNotSupported]) {
      find(shown, text, found);
    }
  }
  const entry = readFileSync(request.entry, "utf8");
  const missing = [...state.imports].filter((it) => isMissing(it, request.modules));
  return {
    exports: exportsOf(entry),
    type: stringMember(entry, "type") ?? stringMember(entry, "name"),
    version: stringMember(entry, "version"),
    imports: [...state.imports].sort(),
    missing: missing.sort(),
    files: files.map((it) => tools.shownPath(request.root, it)),
    permissions: found.list(),
    notSupported: found.notSupported,
    unknown: [...new Set(found.unknown)],
  };
}

/** Bundles the model's own files, and leaves packages out. */
function onlyOwn(_request, state) {
  return {
    name: "sedge-own",
    setup(build) {
      build.onResolve({ filter: /^[^./]/ }, (args) => {
        if (args.kind === "entry-point" || path.isAbsolute(args.path)) {
          return undefined;
        }
        state.imports.add(args.path);
        return { path: args.path, external: true };
      });
    },
  };
}

function isMissing(specifier, modules) {
  const bare = specifier.replace(/^(npm|jsr):\/?/, "");
  const name = /^(@[^/]+\/[^/@]+|[^/@]+)/.exec(bare)?.[1] ?? bare;
  if (specifier.startsWith("node:") || specifier.startsWith("jsr:@std/") || specifier.startsWith("@std/") || name === "@sedge/sdk") {
    return false;
  }
  const folder = specifier.startsWith("jsr:") ? name.replace(/^@([^/]+)\//, "@jsr/$1__") : name;
  return !modules.some((it) => existsSync(path.join(it, folder, "package.json")));
}
