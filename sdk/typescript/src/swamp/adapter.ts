/** Runs a swamp model: what the host calls. */
import type { z } from "zod";
import { host } from "../host/host.js";
import type { CheckRequest, Invocation, ReportDocument, ReportRequest, TypeInfo } from "../host/wire.js";
import { setEmbedded, setPaths } from "../deno/paths.js";
import { Failure, SedgeError } from "../sdk/error_base.js";
import { failureOf } from "../sdk/failures.js";
import { fromText, toText } from "../sdk/json.js";
import { resultText, type ModelExports } from "../sdk/model.js";
import { parsed } from "../sdk/schema.js";
import { contextOf, DataHandle, type Built } from "./context.js";
import { describe, reportName, requiredGlobals, type Sidecar } from "./describe.js";
import { documentOf, reportContext } from "./reports.js";
import { wholeModel, type SwampMethod, type WholeModel } from "./shapes.js";

type Arguments = Record<string, unknown>;

interface Partial {
  partial?(): z.ZodType;
  shape?: Record<string, z.ZodType>;
}

/** Returns a schema whose properties may all be missing, as swamp reads global arguments. */
function lenient(schema: z.ZodType): z.ZodType {
  const it = schema as z.ZodType & Partial;
  try {
    return it.partial?.() ?? schema;
  } catch {
    // A schema with refinements has no partial form.
    return schema;
  }
}

function shapeOf(schema: z.ZodType | undefined): Record<string, z.ZodType> {
  return (schema as (z.ZodType & Partial) | undefined)?.shape ?? {};
}

function own<T>(of: Readonly<Record<string, T>>, name: string, what: string, type: string): T {
  const found = Object.hasOwn(of, name) ? of[name] : undefined;
  if (found === undefined) {
    throw new Failure(`unknown-${what}`, `type \`${type}\` has no ${what} \`${name}\``);
  }
  return found;
}

/** Returns a result without the handles: the host knows what was written, and shows it. */
function plainResult(value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return value;
  }
  const { dataHandles, followUpActions, ...rest } = value as Record<string, unknown>;
  return Object.keys(rest).length === 0 ? null : rest;
}

/** A swamp model as a plugin. */
export class SwampPlugin implements ModelExports {
  readonly #whole: WholeModel;
  readonly #sidecar: Sidecar;
  readonly #about: { readonly description?: string };
  readonly #built: Built;
  /** Whether the writes of a call that fails are kept, as swamp keeps them. */
  #keepsWrites = false;

  constructor(modules: readonly Readonly<Record<string, unknown>>[], sidecar: Sidecar, about: { readonly description?: string }, built: Built) {
    this.#whole = wholeModel(modules);
    this.#sidecar = sidecar;
    this.#about = about;
    this.#built = built;
    const folders = (sidecar.permissions ?? []).flatMap((it) => ("folder" in it ? [it.folder] : []));
    setEmbedded(built.files);
    setPaths(sidecar.paths ?? {}, folders);
  }

  describe(): TypeInfo {
    return describe(this.#whole, this.#sidecar, this.#about);
  }

  async invoke(what: Invocation): Promise<string> {
    const { methods, model } = this.#whole;
    const method = own(methods, what.method, "method", model.type);
    const globalArgs = await this.#globals(what);
    const given = fromText(what.arguments) as Arguments;
    const args = await this.#arguments(method, given, what);
    this.#warnOfMissing(globalArgs);
    this.#keepsWrites = method.rollbackOnFailure !== true;
    const handles: DataHandle[] = [];
    const context = contextOf({ whole: this.#whole, built: this.#built, globalArgs, given, methodName: what.method, handles }, false);
    const result = await method.execute(args, context);
    const actions = (result as { followUpActions?: readonly { methodName?: string }[] } | null | undefined)?.followUpActions ?? [];
    if (actions.length > 0) {
      throw new Failure("not-supported", `\`followUpActions\` is not supported: run \`${actions.map((it) => it.methodName).join("`, `")}\` afterwards, for example as a step of a workflow`, { keepWrites: true });
    }
    return resultText(plainResult(result), `\`${what.method}\``);
  }

  async check(what: CheckRequest): Promise<void> {
    const { checks, model } = this.#whole;
    const check = own(checks, what.check, "check", model.type);
    const globalArgs = await this.#globals(what.call);
    const given = fromText(what.call.arguments) as Arguments;
    const context = contextOf({ whole: this.#whole, built: this.#built, globalArgs, given, methodName: what.call.method, handles: [] }, true);
    const result = (await check.execute(context)) as { pass?: boolean; errors?: readonly string[] } | undefined;
    if (result?.pass === false) {
      throw new Failure("check-failed", (result.errors ?? []).join("; ") || `the check \`${what.check}\` did not pass`);
    }
  }

  async upgrade(toVersion: string, globalArguments: string): Promise<string> {
    const found = (this.#whole.model.upgrades ?? []).find((it) => it.toVersion === toVersion);
    if (found === undefined) {
      throw new Failure("unknown-upgrade", `type \`${this.#whole.model.type}\` has no upgrade to ${toVersion}`);
    }
    return toText(await found.upgradeAttributes(fromText(globalArguments) as Arguments));
  }

  async report(what: ReportRequest): Promise<ReportDocument> {
    const found = this.#whole.reports.find((it, at) => reportName(it, at) === what.name);
    if (found === undefined) {
      throw new Failure("unknown-report", `type \`${this.#whole.model.type}\` has no report \`${what.name}\``);
    }
    return documentOf(what.name, await found.execute(reportContext(what)));
  }

  /** Returns the failure that a thrown value becomes. What was written before is kept, as in swamp. */
  failure(thrown: unknown): ReturnType<typeof failureOf> {
    const failure = failureOf(deniedCause(thrown) ?? thrown);
    return { ...failure, message: thrown instanceof Error && failure.message === "" ? thrown.name : failure.message, keepWrites: failure.keepWrites || this.#keepsWrites };
  }

  async #globals(what: Invocation): Promise<Arguments> {
    let values = fromText(what.globalArguments) as Arguments;
    for (const schema of this.#whole.globals) {
      const read = (await parsed(lenient(schema), values, "invalid-global-arguments", "the global arguments")) as Arguments;
      values = { ...values, ...read };
    }
    return values;
  }

  async #arguments(method: SwampMethod, given: Arguments, what: Invocation): Promise<unknown> {
    if (method.arguments === undefined) {
      return given;
    }
    const globals = fromText(what.globalArguments) as Arguments;
    const names = Object.keys(shapeOf(method.arguments)).filter((name) => !Object.hasOwn(given, name) && Object.hasOwn(globals, name));
    const merged = { ...given, ...Object.fromEntries(names.map((name) => [name, globals[name]])) };
    return parsed(method.arguments, merged, "invalid-input", "the arguments");
  }

  #warnOfMissing(globalArgs: Arguments): void {
    const missing = requiredGlobals(this.#whole).filter((name) => globalArgs[name] === undefined);
    if (missing.length > 0) {
      const { model, type } = host().context.who();
      host().log.log("warn", `the definition of \`${model}\` does not set \`${missing.join("`, `")}\`, which \`${type}\` requires for some of its methods`, []);
    }
  }
}

/** Returns the denial that an error of Deno was made of, for its code. The message of the error stays. */
function deniedCause(thrown: unknown): Failure | null {
  if (!(thrown instanceof Error) || thrown instanceof SedgeError) {
    return null;
  }
  const { cause } = thrown;
  if (!(cause instanceof SedgeError)) {
    return null;
  }
  const message = thrown.message.includes(cause.message) ? thrown.message : `${thrown.message}: ${cause.message}`;
  return new Failure(cause.code, message, { details: cause.details, frames: framesOf(thrown) });
}

function framesOf(error: Error): string[] {
  return (error.stack ?? "").split("\n").flatMap((line) => {
    const found = /^\s*at (?:async )?(?:(.*?) )?\(?(plugin\.js:\d+:\d+)\)?$/.exec(line);
    return found === null ? [] : [`${found[1] ?? "<anonymous>"} at ${found[2] ?? ""}`];
  });
}
