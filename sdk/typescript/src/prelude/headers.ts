/** `Headers`. */

export type HeadersInit = Headers | Iterable<readonly [string, string]> | Record<string, string | undefined>;

const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

function nameOf(name: unknown): string {
  const text = String(name);
  if (!NAME.test(text)) {
    throw new TypeError(`"${text}" is not a valid name of a header`);
  }
  return text.toLowerCase();
}

function valueOf(name: string, value: unknown): string {
  const text = String(value).replace(/^[\t\n\r ]+|[\t\n\r ]+$/g, "");
  // The value is not shown: it can be a secret.
  if (/[\0\n\r]/.test(text)) {
    throw new TypeError(`the value of the header "${name}" has a line break or a NUL character`);
  }
  if (/[^\0-\xff]/.test(text)) {
    throw new TypeError(`the value of the header "${name}" has a character above U+00FF`);
  }
  return text;
}

export class Headers {
  #map = new Map<string, string[]>();

  constructor(init: HeadersInit = {}) {
    if (init === null || typeof init !== "object") {
      throw new TypeError("Headers: an object or pairs were expected");
    }
    const pairs = Symbol.iterator in init ? init : Object.entries(init);
    for (const pair of pairs) {
      const [name, value, ...more] = [...pair];
      if (name === undefined || value === undefined || more.length > 0) {
        throw new TypeError("Headers: each pair needs a name and a value");
      }
      this.append(name, value);
    }
  }

  append(name: string, value: string): void {
    const key = nameOf(name);
    const values = this.#map.get(key) ?? [];
    values.push(valueOf(key, value));
    this.#map.set(key, values);
  }

  set(name: string, value: string): void {
    const key = nameOf(name);
    this.#map.set(key, [valueOf(key, value)]);
  }

  delete(name: string): void {
    this.#map.delete(nameOf(name));
  }

  get(name: string): string | null {
    return this.#map.get(nameOf(name))?.join(", ") ?? null;
  }

  getSetCookie(): string[] {
    return [...(this.#map.get("set-cookie") ?? [])];
  }

  has(name: string): boolean {
    return this.#map.has(nameOf(name));
  }

  forEach(callback: (value: string, name: string, headers: Headers) => void, that?: unknown): void {
    for (const [name, value] of this) {
      callback.call(that, value, name, this);
    }
  }

  *entries(): IterableIterator<[string, string]> {
    for (const name of [...this.#map.keys()].sort()) {
      const values = this.#map.get(name) ?? [];
      if (name === "set-cookie") {
        for (const value of values) {
          yield [name, value];
        }
      } else {
        yield [name, values.join(", ")];
      }
    }
  }

  *keys(): IterableIterator<string> {
    for (const [name] of this) {
      yield name;
    }
  }

  *values(): IterableIterator<string> {
    for (const [, value] of this) {
      yield value;
    }
  }

  [Symbol.iterator](): IterableIterator<[string, string]> {
    return this.entries();
  }

  get [Symbol.toStringTag](): string {
    return "Headers";
  }
}
