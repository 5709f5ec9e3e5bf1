/** JSON values, and their text. */

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json | undefined };

/** Why a value has no JSON text. */
export class NotJson extends TypeError {}

/** Finds what `JSON.stringify` writes as `null`, and throws for it. */
function refuseNumbers(value: unknown): void {
  JSON.stringify(value, (_, it: unknown) => {
    if (typeof it === "number" && !Number.isFinite(it)) {
      throw new NotJson(`${it} is not a number in JSON`);
    }
    return it;
  });
}

/** Returns JSON text without halves of characters, which are no text in UTF-8. */
function wellFormed(text: string): string {
  return text.replace(/\\(?:u([0-9a-f]{4})|.)/g, (escape, code: string | undefined) =>
    code !== undefined && /^d[89a-f]/.test(code) ? "\ufffd" : escape,
  );
}

/** Returns a value as JSON text. `undefined` is `null`. Throws `NotJson` for what JSON cannot express. */
export function toText(value: unknown): string {
  if (value === undefined) {
    return "null";
  }
  if (typeof value === "function" || typeof value === "symbol") {
    throw new NotJson(`a ${typeof value} is not JSON`);
  }
  let text: string | undefined;
  try {
    // Without a function for each value, because that takes ten times as long.
    text = JSON.stringify(value);
  } catch (error) {
    if (error instanceof TypeError) {
      const isBig = /bigint/i.test(error.message);
      throw new NotJson(isBig ? "a bigint is not JSON: write it as a text or a number" : error.message);
    }
    throw error;
  }
  if (text === undefined) {
    return "null";
  }
  if (text.includes("null")) {
    refuseNumbers(value);
  }
  return text.includes("\\ud") ? wellFormed(text) : text;
}

/** Reads JSON text. */
export function fromText(text: string): Json {
  return JSON.parse(text) as Json;
}

/** Returns a part of a JSON Pointer (RFC 6901). */
export function pointerPart(part: PropertyKey): string {
  return `/${String(part).replaceAll("~", "~0").replaceAll("/", "~1")}`;
}
