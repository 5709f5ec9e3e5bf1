/** `URL` and `URLSearchParams`. The engine parses. */
import { engine, type UrlPart, type UrlParts } from "../host/engine.js";

type Init = string | Iterable<readonly [string, string]> | Record<string, string> | URLSearchParams;

function decoded(text: string): string {
  const spaced = text.replaceAll("+", " ");
  if (!spaced.includes("%")) {
    return spaced;
  }
  const bytes = engine().text.encode(spaced);
  const out = new Uint8Array(bytes.length);
  let n = 0;
  for (let at = 0; at < bytes.length; at += 1) {
    const hex = bytes[at] === 0x25 ? String.fromCharCode(bytes[at + 1] ?? 0, bytes[at + 2] ?? 0) : "";
    if (/^[0-9a-fA-F]{2}$/.test(hex)) {
      out[n] = Number.parseInt(hex, 16);
      at += 2;
    } else {
      out[n] = bytes[at] ?? 0;
    }
    n += 1;
  }
  return engine().text.decode(out.subarray(0, n), false);
}

function encoded(text: string): string {
  // What `encodeURIComponent` leaves as it is, and the form encoding does not.
  return encodeURIComponent(text.toWellFormed())
    .replace(/[!'()~]/g, (it) => `%${it.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll("%20", "+");
}

export class URLSearchParams {
  #pairs: [string, string][] = [];
  #changed: ((text: string) => void) | null = null;

  constructor(init: Init = "") {
    if (typeof init === "string") {
      this.#parse(init);
    } else if (Symbol.iterator in init) {
      for (const pair of init) {
        const both = [...pair];
        if (both.length !== 2) {
          throw new TypeError("URLSearchParams: each pair needs a name and a value");
        }
        this.#pairs.push([String(both[0]), String(both[1])]);
      }
    } else {
      this.#pairs = Object.entries(init).map(([name, value]) => [name, String(value)]);
    }
  }

  /** Makes the parameters of a URL. Only `URL` calls it. */
  static of(search: string, changed: (text: string) => void): URLSearchParams {
    const params = new URLSearchParams(search);
    params.#changed = changed;
    return params;
  }

  /** Takes what the URL has now. Only `URL` calls it. */
  static update(params: URLSearchParams, search: string): void {
    params.#parse(search);
  }

  #parse(text: string): void {
    const query = text.startsWith("?") ? text.slice(1) : text;
    this.#pairs = query.split("&").filter((it) => it !== "").map((it) => {
      const cut = it.indexOf("=");
      return cut < 0 ? [decoded(it), ""] : [decoded(it.slice(0, cut)), decoded(it.slice(cut + 1))];
    });
  }

  #set(pairs: [string, string][]): void {
    this.#pairs = pairs;
    this.#changed?.(this.toString());
  }

  get size(): number {
    return this.#pairs.length;
  }

  append(name: string, value: string): void {
    this.#set([...this.#pairs, [String(name), String(value)]]);
  }

  delete(name: string, value?: string): void {
    this.#set(this.#pairs.filter((it) => it[0] !== name || (value !== undefined && it[1] !== value)));
  }

  get(name: string): string | null {
    return this.#pairs.find((it) => it[0] === name)?.[1] ?? null;
  }

  getAll(name: string): string[] {
    return this.#pairs.filter((it) => it[0] === name).map((it) => it[1]);
  }

  has(name: string, value?: string): boolean {
    return this.#pairs.some((it) => it[0] === name && (value === undefined || it[1] === value));
  }

  set(name: string, value: string): void {
    const first = this.#pairs.findIndex((it) => it[0] === name);
    const pair: [string, string] = [String(name), String(value)];
    if (first < 0) {
      this.#set([...this.#pairs, pair]);
    } else {
      this.#set(this.#pairs.filter((it, at) => it[0] !== name || at === first).map((it, at) => (at === first ? pair : it)));
    }
  }

  sort(): void {
    this.#set([...this.#pairs].sort((one, other) => (one[0] < other[0] ? -1 : one[0] > other[0] ? 1 : 0)));
  }

  forEach(callback: (value: string, name: string, params: URLSearchParams) => void, that?: unknown): void {
    for (const [name, value] of this.#pairs) {
      callback.call(that, value, name, this);
    }
  }

  *entries(): IterableIterator<[string, string]> {
    for (const [name, value] of this.#pairs) {
      yield [name, value];
    }
  }

  *keys(): IterableIterator<string> {
    for (const [name] of this.#pairs) {
      yield name;
    }
  }

  *values(): IterableIterator<string> {
    for (const [, value] of this.#pairs) {
      yield value;
    }
  }

  [Symbol.iterator](): IterableIterator<[string, string]> {
    return this.entries();
  }

  toString(): string {
    return this.#pairs.map(([name, value]) => `${encoded(name)}=${encoded(value)}`).join("&");
  }

  get [Symbol.toStringTag](): string {
    return "URLSearchParams";
  }
}

export class URL {
  #parts: UrlParts;
  #params: URLSearchParams | null = null;

  constructor(url: string | URL, base?: string | URL) {
    const parts = engine().url.parse(String(url), base === undefined ? undefined : String(base));
    if (parts === null) {
      const error = new TypeError("Invalid URL");
      throw Object.assign(error, { code: "ERR_INVALID_URL", input: String(url) });
    }
    this.#parts = parts;
  }

  static canParse(url: string | URL, base?: string | URL): boolean {
    return URL.parse(url, base) !== null;
  }

  static parse(url: string | URL, base?: string | URL): URL | null {
    try {
      return new URL(url, base);
    } catch {
      return null;
    }
  }

  #set(part: UrlPart, value: unknown): void {
    this.#parts = engine().url.set(this.#parts.href, part, String(value));
    if (this.#params !== null && (part === "search" || part === "href")) {
      URLSearchParams.update(this.#params, this.#parts.search);
    }
  }

  get href(): string {
    return this.#parts.href;
  }
  set href(value: string) {
    const parts = engine().url.parse(String(value));
    if (parts === null) {
      throw new TypeError("Invalid URL");
    }
    this.#set("href", value);
  }
  get origin(): string {
    return this.#parts.origin;
  }
  get protocol(): string {
    return this.#parts.protocol;
  }
  set protocol(value: string) {
    this.#set("protocol", value);
  }
  get username(): string {
    return this.#parts.username;
  }
  set username(value: string) {
    this.#set("username", value);
  }
  get password(): string {
    return this.#parts.password;
  }
  set password(value: string) {
    this.#set("password", value);
  }
  get host(): string {
    return this.#parts.host;
  }
  set host(value: string) {
    this.#set("host", value);
  }
  get hostname(): string {
    return this.#parts.hostname;
  }
  set hostname(value: string) {
    this.#set("hostname", value);
  }
  get port(): string {
    return this.#parts.port;
  }
  set port(value: string) {
    this.#set("port", value);
  }
  get pathname(): string {
    return this.#parts.pathname;
  }
  set pathname(value: string) {
    this.#set("pathname", value);
  }
  get search(): string {
    return this.#parts.search;
  }
  set search(value: string) {
    this.#set("search", value);
  }
  get hash(): string {
    return this.#parts.hash;
  }
  set hash(value: string) {
    this.#set("hash", value);
  }
  get searchParams(): URLSearchParams {
    this.#params ??= URLSearchParams.of(this.#parts.search, (text) => {
      this.#parts = engine().url.set(this.#parts.href, "search", text);
    });
    return this.#params;
  }

  toString(): string {
    return this.#parts.href;
  }

  toJSON(): string {
    return this.#parts.href;
  }

  get [Symbol.toStringTag](): string {
    return "URL";
  }
}
