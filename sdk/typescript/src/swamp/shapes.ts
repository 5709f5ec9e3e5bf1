/** What a swamp model exports, as far as the adapter looks at it. */
import type { z } from "zod";

/** A kind of method in swamp. */
export type SwampKind = "create" | "read" | "update" | "delete" | "list" | "action";

export interface SwampMethod {
  readonly description?: string;
  readonly kind?: SwampKind;
  readonly arguments?: z.ZodType;
  /** Discards what was written if the method fails. By default it is kept. */
  readonly rollbackOnFailure?: boolean;
  execute(args: unknown, context: unknown): unknown;
}

export interface SwampRetention {
  readonly lifetime?: string;
  readonly garbageCollection?: string | number;
  readonly tags?: Readonly<Record<string, string>>;
}

export interface SwampResource extends SwampRetention {
  readonly description?: string;
  readonly schema: z.ZodType;
  /** Whether all fields are sensitive. */
  readonly sensitiveOutput?: boolean;
}

export interface SwampFile extends SwampRetention {
  readonly description?: string;
  readonly contentType?: string;
  readonly streaming?: boolean;
}

export interface SwampCheck {
  readonly description?: string;
  readonly labels?: readonly string[];
  readonly appliesTo?: readonly string[];
  execute(context: unknown): unknown;
}

export interface SwampUpgrade {
  readonly toVersion: string;
  readonly description?: string;
  upgradeAttributes(old: Record<string, unknown>): unknown;
}

export interface SwampReport {
  readonly name?: string;
  readonly description?: string;
  readonly scope?: string;
  execute(context: unknown): unknown;
}

export interface SwampModel {
  readonly type: string;
  readonly version: string;
  readonly description?: string;
  readonly globalArguments?: z.ZodType;
  readonly methods?: Readonly<Record<string, SwampMethod>>;
  readonly resources?: Readonly<Record<string, SwampResource>>;
  readonly files?: Readonly<Record<string, SwampFile>>;
  readonly checks?: Readonly<Record<string, SwampCheck>>;
  readonly upgrades?: readonly SwampUpgrade[];
}

/** Methods and checks that another file adds to a model: a list of records, or one record. */
export interface SwampExtension {
  readonly type: string;
  readonly globalArguments?: z.ZodType;
  readonly methods?: readonly Readonly<Record<string, SwampMethod>>[] | Readonly<Record<string, SwampMethod>>;
  readonly checks?: readonly Readonly<Record<string, SwampCheck>>[] | Readonly<Record<string, SwampCheck>>;
  readonly resources?: Readonly<Record<string, SwampResource>>;
  readonly files?: Readonly<Record<string, SwampFile>>;
}

type Module = Readonly<Record<string, unknown>>;

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}

/** Returns the exports of this name, of the modules or of what they export by default. */
function exported<T>(modules: readonly Module[], name: string): T[] {
  const found: T[] = [];
  for (const module of modules) {
    const it = module[name] ?? (isObject(module["default"]) ? module["default"][name] : undefined);
    if (isObject(it)) {
      found.push(it as T);
    }
  }
  return found;
}

function records<T>(of: readonly Readonly<Record<string, T>>[] | Readonly<Record<string, T>> | undefined): [string, T][] {
  const list = of === undefined ? [] : Array.isArray(of) ? of : [of];
  return list.flatMap((it: Readonly<Record<string, T>>) => Object.entries(it));
}

function merged<T>(what: string, type: string, base: Readonly<Record<string, T>> | undefined, more: readonly [string, T][]): Record<string, T> {
  const all: Record<string, T> = { ...base };
  for (const [name, it] of more) {
    if (Object.hasOwn(all, name)) {
      throw new Error(`an extension of \`${type}\` adds the ${what} \`${name}\`, which the type has already`);
    }
    all[name] = it;
  }
  return all;
}

/** The model of a component, with what its extensions add. */
export interface WholeModel {
  readonly model: SwampModel;
  readonly methods: Readonly<Record<string, SwampMethod>>;
  readonly checks: Readonly<Record<string, SwampCheck>>;
  readonly resources: Readonly<Record<string, SwampResource>>;
  readonly files: Readonly<Record<string, SwampFile>>;
  /** The schemas of the global arguments: that of the model, and those of extensions. */
  readonly globals: readonly z.ZodType[];
  readonly reports: readonly SwampReport[];
}

/** Returns the model of some modules. */
export function wholeModel(modules: readonly Module[]): WholeModel {
  const [model, ...others] = exported<SwampModel>(modules, "model");
  if (model === undefined || typeof model.type !== "string" || typeof model.version !== "string") {
    throw new Error("the file exports no model of swamp, and none of this SDK: export const model = { type, version, methods }");
  }
  if (others.length > 0) {
    throw new Error(`a plugin has one model, and these files have several: \`${model.type}\`, \`${others.map((it) => it.type).join("`, `")}\``);
  }
  const extensions = exported<SwampExtension>(modules, "extension");
  for (const it of extensions) {
    if (it.type !== model.type) {
      throw new Error(`the extension is of the type \`${it.type}\`, and the model of \`${model.type}\``);
    }
  }
  return {
    model,
    methods: merged("method", model.type, model.methods, extensions.flatMap((it) => records(it.methods))),
    checks: merged("check", model.type, model.checks, extensions.flatMap((it) => records(it.checks))),
    resources: merged("resource", model.type, model.resources, extensions.flatMap((it) => records(it.resources))),
    files: merged("file", model.type, model.files, extensions.flatMap((it) => records(it.files))),
    globals: [model, ...extensions].flatMap((it) => (it.globalArguments === undefined ? [] : [it.globalArguments])),
    reports: exported<SwampReport>(modules, "report"),
  };
}
