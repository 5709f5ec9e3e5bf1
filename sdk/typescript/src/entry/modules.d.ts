/** Modules that `bundle.mjs` makes. */
declare module "sedge:plugin" {
  const exports: Readonly<Record<string, unknown>>;
  export = exports;
}

declare module "sedge:swamp" {
  /** The modules of a swamp model: the model, and its extensions. */
  export const modules: readonly Readonly<Record<string, unknown>>[];
  /** The sidecar `sedge.permissions.json`. */
  export const sidecar: unknown;
  /** The class `Environment` of the package `cel-js`, if the model uses it. */
  export const celEnvironment: import("../swamp/context.js").Built["celEnvironment"];
  /** What the manifest of the extension says. */
  export const about: { readonly description?: string; readonly files?: Readonly<Record<string, string>> };
}
