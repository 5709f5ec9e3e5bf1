/** The description of a swamp model for the host. */
import type { z } from "zod";
import type { MethodKind, Retention, TypeInfo } from "../host/wire.js";
import { toText, type Json } from "../sdk/json.js";
import { permissionRequests, type PermissionDefinition } from "../sdk/permissions.js";
import { jsonSchema } from "../sdk/schema.js";
import type { SwampKind, SwampMethod, SwampReport, SwampResource, SwampRetention, WholeModel } from "./shapes.js";

/** What the sidecar and the manifest say about a model, because the model itself does not. */
export interface Sidecar {
  readonly description?: string;
  readonly permissions?: readonly PermissionDefinition[];
  /** Paths in the code, and the folders that they are in. */
  readonly paths?: Readonly<Record<string, string>>;
}

const KINDS: Readonly<Record<SwampKind, MethodKind>> = {
  create: "create",
  update: "update",
  delete: "delete",
  action: "action",
  // Such methods write what they have seen.
  read: "observe",
  list: "observe",
};

/** The kinds that swamp infers from names. Any other name is an action. */
const BY_NAME: Readonly<Record<string, SwampKind>> = {
  create: "create",
  get: "read", read: "read", describe: "read", show: "read",
  update: "update", patch: "update",
  delete: "delete", destroy: "delete", remove: "delete",
  list: "list", search: "list", find: "list",
};

/** Returns the kind of a method: what it says, or what swamp infers from its name. */
export function methodKind(name: string, method: Pick<SwampMethod, "kind">): MethodKind {
  return KINDS[method.kind ?? BY_NAME[name.toLowerCase()] ?? "action"] ?? "action";
}

type Schema = { [key: string]: Json | undefined };

function schemaOf(schema: z.ZodType | undefined, what: string): Schema {
  return schema === undefined ? { type: "object", properties: {} } : (JSON.parse(jsonSchema(schema, what)) as Schema);
}

function names(value: Json | undefined): string[] {
  return Array.isArray(value) ? value.filter((it): it is string => typeof it === "string") : [];
}

function propertiesOf(schema: Schema): Schema {
  const { properties } = schema;
  return typeof properties === "object" && properties !== null ? (properties as Schema) : {};
}

function withoutRequired(schema: Schema, isFree: (name: string) => boolean): Schema {
  const { required, ...rest } = schema;
  const left = names(required).filter((name) => !isFree(name));
  return left.length === 0 ? rest : { ...rest, required: left };
}

/**
 * Returns the schema of all global arguments. None of them is required, as in swamp: a definition sets those that the
 * methods need that it is for.
 */
export function globalsSchema(whole: WholeModel): Schema {
  const schemas = whole.globals.map((it) => schemaOf(it, "the global arguments"));
  const [first = { type: "object", properties: {} }, ...more] = schemas;
  const merged = more.reduce<Schema>((all, it) => ({ ...it, ...all, properties: { ...propertiesOf(it), ...propertiesOf(all) }, $defs: { ...(it["$defs"] as Schema), ...(all["$defs"] as Schema) } }), first);
  return withoutRequired(merged, () => true);
}

/** Returns the names of the global arguments that the model's own schema requires. */
export function requiredGlobals(whole: WholeModel): string[] {
  return whole.globals.flatMap((it) => names(schemaOf(it, "the global arguments")["required"]));
}

function allSensitive(schema: Schema): Schema {
  const properties = Object.entries(propertiesOf(schema)).map(([name, it]) => [name, { ...(it as Schema), sensitive: true }] as const);
  return { ...schema, properties: Object.fromEntries(properties) };
}

function resourceSchema(name: string, resource: SwampResource): string {
  const schema = schemaOf(resource.schema, `the resource \`${name}\``);
  return toText(resource.sensitiveOutput ? allSensitive(schema) : schema);
}

function retention(of: SwampRetention): Retention {
  return {
    lifetime: of.lifetime ?? null,
    keep: of.garbageCollection === undefined ? null : String(of.garbageCollection),
    tags: Object.entries(of.tags ?? {}),
  };
}

/** Returns a name that fits the contract: `@acme/usage-report` is `acme-usage-report`. */
export function reportName(report: SwampReport, at: number): string {
  const name = (report.name ?? `report-${at + 1}`).replace(/^[^A-Za-z0-9]+/, "").replace(/[^A-Za-z0-9.\-_]+/g, "-");
  return name === "" ? `report-${at + 1}` : name.slice(0, 100);
}

function scopeOf(report: SwampReport): "method" | "model" | "workflow" {
  return report.scope === "model" || report.scope === "workflow" ? report.scope : "method";
}

function oneLine(text: string | undefined, otherwise: string): string {
  const trimmed = text?.trim() ?? "";
  return trimmed === "" ? otherwise : trimmed;
}

/** Returns the description for the host. */
export function describe(whole: WholeModel, sidecar: Sidecar, about: { readonly description?: string }): TypeInfo {
  const { model } = whole;
  const globals = globalsSchema(whole);
  const hasGlobal = (name: string): boolean => Object.hasOwn(propertiesOf(globals), name);
  return {
    name: model.type,
    version: model.version,
    description: oneLine(sidecar.description ?? about.description ?? model.description, `The swamp model ${model.type}`),
    globalArguments: toText(globals),
    methods: Object.entries(whole.methods).map(([name, it]) => ({
      name,
      kind: methodKind(name, it),
      description: oneLine(it.description, name),
      // An argument that is a global argument, too, is taken from there.
      arguments: toText(withoutRequired(schemaOf(it.arguments, `the arguments of \`${name}\``), hasGlobal)),
    })),
    resources: Object.entries(whole.resources).map(([name, it]) => ({
      name,
      description: oneLine(it.description, name),
      schema: resourceSchema(name, it),
      // Swamp stores what does not fit, with a warning.
      onViolation: "warn",
      retention: retention(it),
    })),
    files: Object.entries(whole.files).map(([name, it]) => ({
      name,
      description: oneLine(it.description, name),
      mediaType: it.contentType ?? "application/octet-stream",
      retention: retention(it),
    })),
    permissions: permissionRequests(sidecar.permissions ?? []),
    checks: Object.entries(whole.checks).map(([name, it]) => ({
      name,
      description: oneLine(it.description, name),
      appliesTo: (it.appliesTo ?? []).filter((method) => isMutating(whole, method)),
      labels: it.labels ?? [],
    })),
    upgrades: (model.upgrades ?? []).map((it) => ({ toVersion: it.toVersion, description: oneLine(it.description, `Upgrade to ${it.toVersion}`) })),
    reports: whole.reports.map((it, at) => ({ name: reportName(it, at), description: oneLine(it.description, reportName(it, at)), scope: scopeOf(it) })),
  };
}

/** Returns whether checks run before a method. */
function isMutating(whole: WholeModel, method: string): boolean {
  const found = whole.methods[method];
  return found !== undefined && !["read", "observe"].includes(methodKind(method, found));
}
