/** A model type: its description for the host, and its methods, checks, upgrades and reports. */
import { z } from "zod";
import type { CheckRequest, Invocation, MethodKind, ReportDocument, ReportRequest, ReportScope, Retention, TypeInfo } from "../host/wire.js";
import { CheckContext, Context, type ResourceSchemas } from "./context.js";
import type { Tags } from "./data.js";
import { Failure } from "./error_base.js";
import { fromText, NotJson, toText, type Json } from "./json.js";
import { permissionRequests, type PermissionDefinition } from "./permissions.js";
import { subjectOf, type CallReport, type ModelReport, type Report, type ReportSubjects, type RunReport } from "./reports.js";
import { jsonSchema, parsed } from "./schema.js";

/** How long data is retained, and its tags. An operator can override it in a definition. */
export interface RetentionDefinition {
  /** `ephemeral`, `job`, `workflow`, `infinite`, or a time after it was written: `5m`, `1h`, `7d`, `2w`, `1mo`, `1y`. */
  readonly lifetime?: string;
  /** How many versions are retained (`10`), or for how long (`30d`). By default all. */
  readonly keep?: string | number;
  /** Tags of all data of this spec. */
  readonly tags?: Tags;
}

/** A kind of resource that the methods write: JSON that a schema defines. */
export interface ResourceDefinition<S extends z.ZodType = z.ZodType> extends RetentionDefinition {
  readonly description: string;
  /** The schema of the content. The host seals the value of a field with `.meta({ sensitive: true })`. */
  readonly schema: S;
  /** `warn` stages content that violates the schema all the same, with a warning in the log. */
  readonly onViolation?: "refuse" | "warn";
}

/** A kind of file that the methods write. */
export interface FileDefinition extends RetentionDefinition {
  readonly description: string;
  /** The media type, for example `text/plain`. */
  readonly mediaType: string;
}

/** A method. */
export interface MethodDefinition<A extends z.ZodType, G, R extends ResourceSchemas, F extends string> {
  /**
   * What the method does to the external object. It decides which lock a call takes.
   *
   * - `read`: reads the object, and writes no data.
   * - `observe`: looks at the object, and writes only data of its own model, which it cannot delete.
   * - `create`, `update`, `delete`: changes the object in this way. Only `delete` deletes data.
   * - `action`: anything else.
   */
  readonly kind: MethodKind;
  readonly description: string;
  /** The arguments, an object. Without it, the method has none. */
  readonly arguments?: A;
  /** Runs the method. What it returns has to be JSON; its writes are committed then, all at once. */
  run(cx: Context<G, R, F>, args: z.output<A>): unknown;
}

/** A method that `method` made. */
export class Method {
  readonly kind: MethodKind;
  readonly description: string;
  readonly schema: z.ZodType;
  readonly run: (cx: Context, args: unknown) => unknown;

  constructor(kind: MethodKind, description: string, schema: z.ZodType, run: (cx: Context, args: unknown) => unknown) {
    this.kind = kind;
    this.description = description;
    this.schema = schema;
    this.run = run;
  }
}

/** Makes a method of a type. */
export type MethodMaker<G, R extends ResourceSchemas, F extends string> = <A extends z.ZodType = typeof NO_ARGUMENTS>(
  definition: MethodDefinition<A, G, R, F>,
) => Method;

/** The call that a check decides on. */
export interface CheckedCall {
  /** The method that is about to run. */
  readonly method: string;
  readonly arguments: Readonly<Record<string, Json>>;
}

/** A check, which runs before methods. If it throws, the method does not run, and the user reads the message. */
export interface CheckDefinition<G> {
  readonly description: string;
  /** The methods before which it runs. Without it, all but those of the kinds `read` and `observe`. */
  readonly methods?: readonly string[];
  /** Words by which a user can skip several checks. */
  readonly labels?: readonly string[];
  run(cx: CheckContext<G>, call: CheckedCall): unknown;
}

/** Global arguments as the user wrote them. A text with `${{` is an expression: move it or drop it, and do not change it. */
export type WrittenArguments = Record<string, unknown>;

/** An upgrade of the global arguments that were written before a version of the type. */
export interface UpgradeDefinition {
  /** The first version of the type that needs the change. */
  readonly toVersion: string;
  readonly description: string;
  /** Returns the changed arguments. */
  run(args: WrittenArguments): WrittenArguments;
}

/** A report. It has no access to anything but its subject. */
export type ReportDefinition = {
  [S in ReportScope]: {
    readonly scope: S;
    readonly description: string;
    run(subject: ReportSubjects[S]): Report | string | Promise<Report | string>;
  };
}[ReportScope];

const NO_ARGUMENTS = z.strictObject({});

/** The definition of a type. */
export interface ModelDefinition<G extends z.ZodType, R extends Readonly<Record<string, ResourceDefinition>>, F extends Readonly<Record<string, FileDefinition>>> {
  /** `@scope/name` in lower case. */
  readonly name: string;
  /** The day, and a number on that day: `YYYY.MM.DD.N`. */
  readonly version: string;
  readonly description: string;
  /** The arguments that a definition sets for all methods, an object. Methods read `cx.globalArguments`. */
  readonly globalArguments?: G;
  readonly resources?: R;
  readonly files?: F;
  readonly permissions?: readonly PermissionDefinition[];
  /** The methods: `(method) => ({ greet: method({ kind: "action", … }) })`. */
  readonly methods: (method: MethodMaker<z.output<G>, R, keyof F & string>) => Readonly<Record<string, Method>>;
  readonly checks?: Readonly<Record<string, CheckDefinition<z.output<G>>>>;
  /** Upgrades, oldest first. */
  readonly upgrades?: readonly UpgradeDefinition[];
  readonly reports?: Readonly<Record<string, ReportDefinition>>;
}

function retention(of: RetentionDefinition): Retention {
  return {
    lifetime: of.lifetime ?? null,
    keep: of.keep === undefined ? null : String(of.keep),
    tags: Object.entries(of.tags ?? {}),
  };
}

function own<T>(of: Readonly<Record<string, T>>, name: string, code: string, what: string, type: string): T {
  const found = Object.hasOwn(of, name) ? of[name] : undefined;
  if (found === undefined) {
    throw new Failure(code, `type \`${type}\` has no ${what} \`${name}\``);
  }
  return found;
}

/** What the host calls. A bundle exports it. */
export interface ModelExports {
  describe(): TypeInfo;
  invoke(what: Invocation): Promise<string>;
  check(what: CheckRequest): Promise<void>;
  upgrade(toVersion: string, globalArguments: string): Promise<string>;
  report(what: ReportRequest): Promise<ReportDocument>;
}

/**
 * Returns the functions of a bundle. The engine looks at the promises that they return without a handler, so they get
 * one here: otherwise a call that fails would log a rejection that nothing handles, too.
 */
export function exportsOf(model: ModelExports): ModelExports {
  const handled = <T>(promise: Promise<T>): Promise<T> => {
    promise.catch(() => undefined);
    return promise;
  };
  return {
    describe: () => model.describe(),
    invoke: (what) => handled(model.invoke(what)),
    check: (what) => handled(model.check(what)),
    upgrade: (toVersion, globalArguments) => handled(model.upgrade(toVersion, globalArguments)),
    report: (what) => handled(model.report(what)),
  };
}

/** Returns what a method or a report returned as JSON text. */
export function resultText(value: unknown, what: string): string {
  try {
    return toText(value);
  } catch (error) {
    if (error instanceof NotJson) {
      throw new Failure("invalid-result", `what ${what} returned is not JSON: ${error.message}`);
    }
    throw error;
  }
}

/** A model type that `defineModel` made. */
export class ModelType implements ModelExports {
  readonly name: string;
  readonly version: string;
  readonly description: string;
  readonly #globals: z.ZodType;
  readonly #resources: Readonly<Record<string, ResourceDefinition>>;
  readonly #files: Readonly<Record<string, FileDefinition>>;
  readonly #permissions: readonly PermissionDefinition[];
  readonly #methods: Readonly<Record<string, Method>>;
  readonly #checks: Readonly<Record<string, CheckDefinition<unknown>>>;
  readonly #upgrades: readonly UpgradeDefinition[];
  readonly #reports: Readonly<Record<string, ReportDefinition>>;

  constructor(definition: ModelDefinition<z.ZodType, Readonly<Record<string, ResourceDefinition>>, Readonly<Record<string, FileDefinition>>>) {
    this.name = definition.name;
    this.version = definition.version;
    this.description = definition.description;
    this.#globals = definition.globalArguments ?? NO_ARGUMENTS;
    this.#resources = definition.resources ?? {};
    this.#files = definition.files ?? {};
    this.#permissions = definition.permissions ?? [];
    this.#checks = (definition.checks ?? {}) as Readonly<Record<string, CheckDefinition<unknown>>>;
    this.#upgrades = definition.upgrades ?? [];
    this.#reports = definition.reports ?? {};
    this.#methods = definition.methods((it) => new Method(it.kind, it.description, it.arguments ?? NO_ARGUMENTS, it.run.bind(it) as Method["run"]));
  }

  /** Returns the description for the host. */
  describe(): TypeInfo {
    return {
      name: this.name,
      version: this.version,
      description: this.description,
      globalArguments: jsonSchema(this.#globals, "the global arguments"),
      methods: Object.entries(this.#methods).map(([name, it]) => ({
        name, kind: it.kind, description: it.description, arguments: jsonSchema(it.schema, `the arguments of \`${name}\``),
      })),
      resources: Object.entries(this.#resources).map(([name, it]) => ({
        name, description: it.description, schema: jsonSchema(it.schema, `the resource \`${name}\``),
        onViolation: it.onViolation ?? "refuse", retention: retention(it),
      })),
      files: Object.entries(this.#files).map(([name, it]) => ({
        name, description: it.description, mediaType: it.mediaType, retention: retention(it),
      })),
      permissions: permissionRequests(this.#permissions),
      checks: Object.entries(this.#checks).map(([name, it]) => ({
        name, description: it.description, appliesTo: it.methods ?? [], labels: it.labels ?? [],
      })),
      upgrades: this.#upgrades.map(({ toVersion, description }) => ({ toVersion, description })),
      reports: Object.entries(this.#reports).map(([name, it]) => ({ name, description: it.description, scope: it.scope })),
    };
  }

  /** Runs one method, and returns its result as JSON text. */
  async invoke(what: Invocation): Promise<string> {
    const method = own(this.#methods, what.method, "unknown-method", "method", this.name);
    const args = await parsed(method.schema, fromText(what.arguments), "invalid-arguments", "the arguments");
    const cx = new Context(await this.#globalsOf(what));
    return resultText(await method.run(cx, args), `\`${what.method}\``);
  }

  /** Runs one check. It throws if the call must not begin. */
  async check(what: CheckRequest): Promise<void> {
    const check = own(this.#checks, what.check, "unknown-check", "check", this.name);
    const cx = new CheckContext(await this.#globalsOf(what.call));
    await check.run(cx, { method: what.call.method, arguments: fromText(what.call.arguments) as Record<string, Json> });
  }

  /** Upgrades global arguments to one version. */
  async upgrade(toVersion: string, globalArguments: string): Promise<string> {
    const found = this.#upgrades.find((it) => it.toVersion === toVersion);
    if (found === undefined) {
      throw new Failure("unknown-upgrade", `type \`${this.name}\` has no upgrade to ${toVersion}`);
    }
    return toText(await found.run(fromText(globalArguments) as WrittenArguments));
  }

  /** Makes one report. */
  async report(what: ReportRequest): Promise<ReportDocument> {
    const found = own(this.#reports, what.name, "unknown-report", "report", this.name);
    const run = found.run.bind(found) as (subject: CallReport | ModelReport | RunReport) => Report | string | Promise<Report | string>;
    const report = await run(subjectOf(what));
    const { markdown, json } = typeof report === "string" ? { markdown: report, json: null } : report;
    return { markdown: markdown.toWellFormed(), json: resultText(json, `the report \`${what.name}\``) };
  }

  #globalsOf(what: Invocation): Promise<unknown> {
    return parsed(this.#globals, fromText(what.globalArguments), "invalid-global-arguments", "the global arguments");
  }
}

/**
 * Defines the model type of a plugin. The file of a plugin is named `plugin.ts` and exports it as `model`, or as its
 * default.
 */
export function defineModel<
  G extends z.ZodType = typeof NO_ARGUMENTS,
  const R extends Readonly<Record<string, ResourceDefinition>> = Readonly<Record<never, never>>,
  const F extends Readonly<Record<string, FileDefinition>> = Readonly<Record<never, never>>,
>(definition: ModelDefinition<G, R, F>): ModelType {
  return new ModelType(definition as unknown as ConstructorParameters<typeof ModelType>[0]);
}
