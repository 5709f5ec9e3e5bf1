/**
 * Checks JSON against the schemas that zod writes, for tests without a host. The host has a whole validator. This one
 * knows the keywords of `z.toJSONSchema`, and uses the host's words.
 */
import type { Violation } from "../sdk/error_base.js";
import { pointerPart } from "../sdk/json.js";

type Schema = Readonly<Record<string, unknown>>;

const WORDS: Readonly<Record<string, string>> = {
  string: "a text", boolean: "true or false", integer: "a whole number", number: "a number", array: "a list", object: "a map", null: "null",
};

/** How many violations the host lists. */
const VIOLATIONS_MAX = 20;

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isType(value: unknown, name: string): boolean {
  switch (name) {
    case "integer":
      return Number.isInteger(value);
    case "array":
      return Array.isArray(value);
    case "object":
      return isObject(value);
    case "null":
      return value === null;
    default:
      return typeof value === name;
  }
}

function short(value: unknown): string {
  const text = JSON.stringify(value) ?? "undefined";
  return text.length <= 60 ? text : `${text.slice(0, 59)}…`;
}

function same(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

class Checker {
  readonly #root: Schema;

  constructor(root: Schema) {
    this.#root = root;
  }

  resolve(schema: unknown): Schema {
    let it = schema;
    while (isObject(it) && typeof it["$ref"] === "string") {
      const { $ref, ...rest } = it;
      let target: unknown = this.#root;
      for (const part of $ref.replace(/^#\/?/, "").split("/").filter((name) => name !== "")) {
        target = (target as Schema)[part.replaceAll("~1", "/").replaceAll("~0", "~")];
      }
      it = { ...(target as Schema), ...rest };
    }
    return isObject(it) ? it : {};
  }

  check(schema: unknown, value: unknown, path: string): Violation[] {
    if (schema === false) {
      return [{ path, message: "nothing can be given here" }];
    }
    const it = this.resolve(schema);
    const types = this.#types(it, value, path);
    if (types.length > 0) {
      return types;
    }
    return [
      ...this.#choice(it, value, path), ...this.#numbers(it, value, path), ...this.#sizes(it, value, path),
      ...(isObject(value) ? this.#object(it, value, path) : []), ...(Array.isArray(value) ? this.#array(it, value, path) : []),
      ...this.#combined(it, value, path),
    ];
  }

  #types(schema: Schema, value: unknown, path: string): Violation[] {
    const { type } = schema;
    const types = type === undefined ? [] : Array.isArray(type) ? (type as string[]) : [String(type)];
    if (types.length === 0 || types.some((name) => isType(value, name))) {
      return [];
    }
    const words = types.map((name) => WORDS[name] ?? name);
    return [{ path, message: `it has to be ${words.join(" or ")}; \`${short(value)}\` was given` }];
  }

  #choice(schema: Schema, value: unknown, path: string): Violation[] {
    const choices = schema["enum"];
    if (Array.isArray(choices) && !choices.some((it) => same(it, value))) {
      return [{ path, message: `${short(value)} is not one of ${choices.map((it) => JSON.stringify(it)).join(", ")}` }];
    }
    if ("const" in schema && !same(schema["const"], value)) {
      return [{ path, message: `${short(schema["const"])} was expected` }];
    }
    return [];
  }

  #numbers(schema: Schema, value: unknown, path: string): Violation[] {
    if (typeof value !== "number") {
      return [];
    }
    const limits: [string, (limit: number) => boolean, string][] = [
      ["minimum", (limit) => value < limit, "less than the minimum of"],
      ["maximum", (limit) => value > limit, "greater than the maximum of"],
      ["exclusiveMinimum", (limit) => value <= limit, "less than or equal to the minimum of"],
      ["exclusiveMaximum", (limit) => value >= limit, "greater than or equal to the maximum of"],
    ];
    return limits.flatMap(([keyword, isViolated, words]) => {
      const limit = schema[keyword];
      return typeof limit === "number" && isViolated(limit) ? [{ path, message: `${short(value)} is ${words} ${limit}` }] : [];
    });
  }

  #sizes(schema: Schema, value: unknown, path: string): Violation[] {
    const found: Violation[] = [];
    const [suffix, size, unit] =
      typeof value === "string" ? ["Length", [...value].length, "characters"] : Array.isArray(value) ? ["Items", value.length, "items"] : ["Properties", isObject(value) ? Object.keys(value).length : Number.NaN, "properties"];
    const [low, high] = [schema[`min${suffix}`], schema[`max${suffix}`]];
    if (typeof low === "number" && size < low) {
      found.push({ path, message: `${short(value)} has less than ${low} ${unit}` });
    }
    if (typeof high === "number" && size > high) {
      found.push({ path, message: `${short(value)} has more than ${high} ${unit}` });
    }
    const { pattern } = schema;
    if (typeof pattern === "string" && typeof value === "string" && !new RegExp(pattern, "u").test(value)) {
      found.push({ path, message: `${short(value)} does not match "${pattern}"` });
    }
    return found;
  }

  #object(schema: Schema, value: Readonly<Record<string, unknown>>, path: string): Violation[] {
    const found: Violation[] = [];
    const properties = this.#properties(schema);
    for (const name of (schema["required"] as string[] | undefined) ?? []) {
      if (!Object.hasOwn(value, name)) {
        found.push({ path, message: `\`${name}\` is required, and was not given` });
      }
    }
    const others = schema["additionalProperties"] ?? true;
    const unknown = Object.keys(value).filter((name) => !Object.hasOwn(properties, name));
    if (others === false && unknown.length > 0) {
      found.push({ path, message: `there is no ${unknown.map((it) => `\`${it}\``).join(" and no ")}` });
    }
    for (const [name, it] of Object.entries(value)) {
      const of = Object.hasOwn(properties, name) ? properties[name] : others;
      if (of !== false) {
        found.push(...this.check(of, it, path + pointerPart(name)));
      }
    }
    return found;
  }

  #properties(schema: Schema): Readonly<Record<string, unknown>> {
    const { properties } = schema;
    return isObject(properties) ? properties : {};
  }

  #array(schema: Schema, value: readonly unknown[], path: string): Violation[] {
    const first = (schema["prefixItems"] as unknown[] | undefined) ?? [];
    return value.flatMap((it, at) => this.check(at < first.length ? first[at] : (schema["items"] ?? true), it, `${path}/${at}`));
  }

  #combined(schema: Schema, value: unknown, path: string): Violation[] {
    const found = ((schema["allOf"] as unknown[] | undefined) ?? []).flatMap((it) => this.check(it, value, path));
    const alternatives = (schema["anyOf"] ?? schema["oneOf"]) as unknown[] | undefined;
    if (alternatives === undefined) {
      return found;
    }
    const tried = alternatives.map((it) => this.check(it, value, path));
    if (tried.some((it) => it.length === 0)) {
      return found;
    }
    const words = [...new Set(tried.map((it) => it[0]?.message.split("; `")[0] ?? ""))].filter((it) => it !== "it has to be null");
    return [...found, { path, message: words.join(", or ") }];
  }

  /** Finds the values that the schema marks as sensitive. */
  sensitive(schema: unknown, value: unknown, at: readonly (string | number)[], found: (readonly (string | number)[])[]): void {
    const it = this.resolve(schema);
    if (it["sensitive"] === true && value !== null && value !== undefined) {
      found.push(at);
      return;
    }
    if (isObject(value)) {
      const properties = this.#properties(it);
      for (const [name, inner] of Object.entries(value)) {
        this.sensitive(properties[name] ?? it["additionalProperties"] ?? {}, inner, [...at, name], found);
      }
    }
    if (Array.isArray(value)) {
      value.forEach((inner, index) => this.sensitive(it["items"] ?? {}, inner, [...at, index], found));
    }
    for (const keyword of ["anyOf", "oneOf", "allOf"]) {
      for (const each of (it[keyword] as unknown[] | undefined) ?? []) {
        this.sensitive(each, value, at, found);
      }
    }
  }
}

/** Returns the places at which a value violates a schema, at most twenty. */
export function schemaViolations(schema: string, value: unknown): Violation[] {
  const root = JSON.parse(schema) as Schema;
  return new Checker(root).check(root, value, "").slice(0, VIOLATIONS_MAX);
}

/** Returns a value with `[sealed]` in the place of each sensitive value. */
export function sealed(schema: string, value: unknown): unknown {
  const root = JSON.parse(schema) as Schema;
  const found: (readonly (string | number)[])[] = [];
  new Checker(root).sensitive(root, value, [], found);
  const copy = JSON.parse(JSON.stringify(value)) as unknown;
  for (const path of found) {
    let it = copy as Record<string | number, unknown>;
    for (const part of path.slice(0, -1)) {
      it = it[part] as Record<string | number, unknown>;
    }
    const last = path.at(-1);
    if (last !== undefined) {
      it[last] = "[sealed]";
    }
  }
  return copy;
}
