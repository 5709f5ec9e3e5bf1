/** JSON Schemas of zod's schemas, and what does not fit one. */
import { z } from "zod";
import { Failure, type Violation } from "./error_base.js";
import { pointerPart, toText } from "./json.js";

/**
 * Returns the JSON Schema of what a caller passes: what zod fills in is not required, and what zod checks by code
 * alone is accepted here.
 */
export function jsonSchema(schema: z.ZodType, what: string): string {
  try {
    const made = z.toJSONSchema(schema, { io: "input", unrepresentable: "any" });
    return toText(made);
  } catch (error) {
    throw new Error(`${what}: its schema cannot be written as a JSON Schema: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** Returns what zod found, with JSON Pointers. */
export function violations(error: { readonly issues: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[] }): Violation[] {
  return error.issues.map((it) => ({ path: it.path.map(pointerPart).join(""), message: it.message }));
}

/** Returns whether a value is an error of zod. It can be of another copy of zod. */
export function isZodError(value: unknown): value is z.ZodError {
  return value instanceof Error && (value.name === "ZodError" || value.name === "$ZodError") && Array.isArray((value as { issues?: unknown }).issues);
}

/** Returns violations as one sentence. */
export function violationsText(found: readonly Violation[]): string {
  return found.map((it) => (it.path === "" ? it.message : `${it.path}: ${it.message}`)).join("; ");
}

/** Returns the failure of a value that does not fit. */
export function misfit(code: string, what: string, found: readonly Violation[]): Failure {
  const details = { violations: found.map(({ path, message }) => ({ path, message })) };
  return new Failure(code, `${what} do not fit the schema: ${violationsText(found)}`, { details });
}

/** Reads a value by a schema. Throws a `Failure` with all violations. */
export async function parsed<S extends z.ZodType>(schema: S, value: unknown, code: string, what: string): Promise<z.output<S>> {
  const result = await schema.safeParseAsync(value);
  if (result.success) {
    return result.data;
  }
  throw misfit(code, what, violations(result.error));
}
