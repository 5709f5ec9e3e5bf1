/** `Request` and `Response`. */
import { AbortController, AbortSignal } from "./abort.js";
import { Body, contentOf, type BodyInit, type Content } from "./body.js";
import { Headers, type HeadersInit } from "./headers.js";
import { URL } from "./url.js";

export type Redirect = "follow" | "error" | "manual";

export interface RequestInit {
  method?: string;
  headers?: HeadersInit | undefined;
  body?: BodyInit | null | undefined;
  redirect?: Redirect;
  signal?: AbortSignal | null | undefined;
  duplex?: "half";
  keepalive?: boolean;
  cache?: string;
  credentials?: string;
  mode?: string;
  referrer?: string;
  referrerPolicy?: string;
  integrity?: string;
  window?: null;
}

const METHOD = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const NORMAL = ["DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT"];

function methodOf(method: string): string {
  const upper = method.toUpperCase();
  if (!METHOD.test(method) || ["CONNECT", "TRACE", "TRACK"].includes(upper)) {
    throw new TypeError(`"${method}" is not a method that a request can have`);
  }
  return NORMAL.includes(upper) ? upper : method;
}

function withType(headers: Headers, content: Content | null): void {
  if (content !== null && content.type !== null && !headers.has("content-type")) {
    headers.set("content-type", content.type);
  }
}

function contentOfRequest(input: unknown, init: RequestInit, method: string): Content | null {
  const canHaveBody = method !== "GET" && method !== "HEAD";
  if (init.body !== undefined && init.body !== null) {
    if (!canHaveBody) {
      throw new TypeError(`a request with the method ${method} cannot have a body`);
    }
    return contentOf(init.body);
  }
  return input instanceof Request && init.body === undefined && canHaveBody ? Body.take(input) : null;
}

export class Request extends Body {
  readonly url: string;
  readonly method: string;
  readonly headers: Headers;
  readonly redirect: Redirect;
  readonly signal: AbortSignal;
  readonly cache = "default";
  readonly credentials = "same-origin";
  readonly mode = "cors";
  readonly destination = "";
  readonly duplex = "half";
  readonly integrity = "";
  readonly keepalive = false;
  readonly referrer = "about:client";
  readonly referrerPolicy = "";

  constructor(input: string | URL | Request, init: RequestInit = {}) {
    const of = input instanceof Request ? input : null;
    const method = methodOf(String(init.method ?? of?.method ?? "GET"));
    const content = contentOfRequest(input, init, method);
    super(content);
    this.url = of?.url ?? urlOf(input as string | URL);
    this.method = method;
    this.headers = new Headers(init.headers ?? of?.headers ?? {});
    withType(this.headers, content);
    this.redirect = init.redirect ?? of?.redirect ?? "follow";
    this.signal = init.signal ?? (init.signal === undefined ? of?.signal : undefined) ?? new AbortController().signal;
  }

  clone(): Request {
    const { url, method, headers, redirect, signal } = this;
    const content = Body.fork(this);
    const body = content?.stream ?? (content?.bytes as BodyInit | null | undefined) ?? null;
    return new Request(url, { method, headers, redirect, signal, body });
  }

  get [Symbol.toStringTag](): string {
    return "Request";
  }
}

function urlOf(input: string | URL): string {
  const url = URL.parse(String(input));
  if (url === null) {
    throw new TypeError(`Failed to parse URL from ${String(input)}`);
  }
  if (url.username !== "" || url.password !== "") {
    throw new TypeError("the URL of a request cannot have a user or a password: set the header `authorization`");
  }
  return url.href;
}

export interface ResponseInit {
  status?: number;
  statusText?: string;
  headers?: HeadersInit;
}

/** What only `fetch` sets. */
export interface ResponseOrigin {
  readonly url: string;
  readonly redirected: boolean;
  readonly type: string;
}

const NULL_BODY = [101, 103, 204, 205, 304];

export class Response extends Body {
  readonly status: number;
  readonly statusText: string;
  readonly headers: Headers;
  #origin: ResponseOrigin = { url: "", redirected: false, type: "default" };

  constructor(body?: BodyInit | null, init: ResponseInit = {}) {
    const status = init.status ?? 200;
    if (!Number.isInteger(status) || status < 200 || status > 599) {
      throw new RangeError(`${status} is not a status of a response, which is from 200 to 599`);
    }
    if (body !== undefined && body !== null && NULL_BODY.includes(status)) {
      throw new TypeError(`a response with the status ${status} cannot have a body`);
    }
    const content = contentOf(body);
    super(content);
    this.status = status;
    this.statusText = String(init.statusText ?? "");
    this.headers = new Headers(init.headers ?? {});
    withType(this.headers, content);
  }

  /** Sets where a response is from. Only this package calls it. */
  static withOrigin(response: Response, origin: ResponseOrigin): Response {
    response.#origin = origin;
    return response;
  }

  static json(value: unknown, init: ResponseInit = {}): Response {
    const text = JSON.stringify(value);
    if (text === undefined) {
      throw new TypeError("the value cannot be written as JSON");
    }
    const headers = new Headers(init.headers ?? {});
    if (!headers.has("content-type")) {
      headers.set("content-type", "application/json");
    }
    return new Response(text, { ...init, headers });
  }

  static error(): Response {
    const response = new Response(null);
    Object.defineProperty(response, "status", { value: 0 });
    return Response.withOrigin(response, { url: "", redirected: false, type: "error" });
  }

  static redirect(url: string | URL, status = 302): Response {
    if (![301, 302, 303, 307, 308].includes(status)) {
      throw new RangeError(`${status} is not the status of a redirect`);
    }
    return new Response(null, { status, headers: { location: new URL(url).href } });
  }

  get url(): string {
    return this.#origin.url;
  }

  get redirected(): boolean {
    return this.#origin.redirected;
  }

  get type(): string {
    return this.#origin.type;
  }

  get ok(): boolean {
    return this.status >= 200 && this.status <= 299;
  }

  clone(): Response {
    const { status, statusText, headers } = this;
    const content = Body.fork(this);
    const body = content?.stream ?? (content?.bytes as BodyInit | null | undefined) ?? null;
    const copy = new Response(body, { status, statusText, headers });
    return Response.withOrigin(copy, this.#origin);
  }

  get [Symbol.toStringTag](): string {
    return "Response";
  }
}
