/** `fetch`: sends a request, and follows redirects. Each of them has to be granted. */
import type { CodecFormat } from "../host/engine.js";
import { host, type HostInput, type HostResponse } from "../host/host.js";
import { AbortSignal, orAborted } from "./abort.js";
import { DecompressionStream } from "./compression.js";
import { Body, type BodyInit, type Content } from "./body.js";
import { FetchError, fetchErrorOf } from "./fetch_error.js";
import { Headers } from "./headers.js";
import { Request, Response, type RequestInit } from "./request.js";
import { statusText } from "./status.js";
import { ReadableStream } from "./streams.js";
import { URL } from "./url.js";

/** The maximum number of redirects of one request, as in the Fetch Standard. */
const REDIRECTS_MAX = 20;

/** The headers that are not sent to another server. */
const CONFIDENTIAL = ["authorization", "cookie", "proxy-authorization"];

/** A request that is about to be sent. */
interface Sending {
  method: string;
  url: URL;
  readonly headers: Headers;
  content: Content | null;
  readonly signal: AbortSignal;
}

function shown(it: Sending): string {
  return `${it.method} ${it.url.origin}${it.url.pathname}`;
}

function pieces(stream: ReadableStream<Uint8Array>): AsyncIterable<Uint8Array> {
  return stream;
}

async function sent(it: Sending): Promise<HostResponse> {
  const actions: (() => void)[] = [];
  const remove = AbortSignal.onAbort(it.signal, () => actions.forEach((action) => action()));
  const { content } = it;
  const headers = [...it.headers];
  if (content?.bytes && !it.headers.has("content-length")) {
    headers.push(["content-length", String(content.bytes.length)]);
  } else if (content === null && ["POST", "PUT", "PATCH"].includes(it.method) && !it.headers.has("content-length")) {
    headers.push(["content-length", "0"]);
  }
  const { origin, pathname, search } = it.url;
  try {
    const response = host().http.send({
      method: it.method,
      url: `${origin}${pathname}${search}`,
      headers: headers.map(([name, value]) => [name, value] as const),
      body: content === null ? null : (content.bytes ?? (content.stream && pieces(content.stream))),
      aborted: { onabort: (action) => void actions.push(action) },
    });
    return await orAborted(response, it.signal);
  } catch (error) {
    throw fetchErrorOf(error, shown(it));
  } finally {
    // From here on, the stream of the body ends the request if it is aborted.
    remove();
  }
}

/** Returns the body of a response as a stream, which an abort ends. */
function bodyOf(input: HostInput, it: Sending): ReadableStream<Uint8Array> {
  const request = shown(it);
  let remove = (): void => undefined;
  const close = (): void => {
    remove();
    input.drop();
  };
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        remove = AbortSignal.onAbort(it.signal, () => {
          input.drop();
          controller.error(it.signal.reason);
        });
      },
      async pull(controller) {
        try {
          const piece = await input.read();
          if (it.signal.aborted) {
            return;
          }
          if (piece === null) {
            close();
            controller.close();
          } else {
            controller.enqueue(piece);
          }
        } catch (error) {
          close();
          throw fetchErrorOf(error, request);
        }
      },
      cancel: close,
    },
    { highWaterMark: 0 },
  );
}

function hasNoBody(method: string, status: number): boolean {
  return method === "HEAD" || [204, 205, 304].includes(status);
}

const CODINGS: Readonly<Record<string, CodecFormat>> = { gzip: "gzip", "x-gzip": "gzip", deflate: "deflate" };

/** Decompresses a body. A server compresses only if it is asked to, but some store their files in this form. */
function decoded(body: ReadableStream<Uint8Array>, coding: string | null): ReadableStream<Uint8Array> {
  const format = CODINGS[(coding ?? "").trim().toLowerCase()];
  return format === undefined ? body : body.pipeThrough(new DecompressionStream(format));
}

function received(response: HostResponse, it: Sending, redirected: boolean): Response {
  const headers = new Headers(response.headers);
  const { status } = response;
  let body: ReadableStream<Uint8Array> | null = null;
  if (hasNoBody(it.method, status)) {
    response.body.drop();
  } else {
    body = decoded(bodyOf(response.body, it), headers.get("content-encoding"));
  }
  const made = new Response(body, { status: Math.max(200, status), statusText: statusText(status), headers });
  return Response.withOrigin(made, { url: it.url.href, redirected, type: "basic" });
}

/** Returns the target of a redirect. */
function target(response: HostResponse, it: Sending): URL | null {
  if (![301, 302, 303, 307, 308].includes(response.status)) {
    return null;
  }
  const location = response.headers.find(([name]) => name.toLowerCase() === "location")?.[1];
  if (location === undefined) {
    return null;
  }
  const next = URL.parse(location, it.url.href);
  if (next === null || !["http:", "https:"].includes(next.protocol)) {
    throw new FetchError("redirect", shown(it), "the target is not a URL of a server");
  }
  if (next.hash === "") {
    next.hash = it.url.hash;
  }
  return next;
}

function follow(it: Sending, status: number, next: URL): void {
  const becomesGet = (status === 303 && !["GET", "HEAD"].includes(it.method)) || (status <= 302 && it.method === "POST");
  if (becomesGet) {
    it.method = "GET";
    it.content = null;
    for (const name of ["content-encoding", "content-language", "content-length", "content-location", "content-type"]) {
      it.headers.delete(name);
    }
  } else if (it.content !== null && it.content.bytes === null) {
    throw new FetchError("redirect", shown(it), "a body that is a stream cannot be sent again");
  }
  if (next.origin !== it.url.origin) {
    CONFIDENTIAL.forEach((name) => it.headers.delete(name));
  }
  it.url = next;
}

function sending(request: Request): Sending {
  const url = new URL(request.url);
  if (!["http:", "https:"].includes(url.protocol)) {
    throw new TypeError(`fetch failed: \`${url.protocol}\` is not supported; a request goes to http: or https:`);
  }
  const headers = new Headers(request.headers);
  // wasi:http sets it from the URL.
  headers.delete("host");
  for (const [name, value] of [["accept", "*/*"], ["user-agent", "sedge"]] as const) {
    if (!headers.has(name)) {
      headers.set(name, value);
    }
  }
  return { method: request.method, url, headers, content: Body.take(request), signal: request.signal };
}

export async function fetch(input: string | URL | Request, init: RequestInit = {}): Promise<Response> {
  const request = new Request(input, init);
  request.signal.throwIfAborted();
  if (request.url.startsWith("data:")) {
    return ofDataUrl(request.url);
  }
  const it = sending(request);
  for (let n = 0; ; n += 1) {
    const response = await sent(it);
    const next = request.redirect === "manual" ? null : target(response, it);
    if (next === null) {
      return received(response, it, n > 0);
    }
    response.body.drop();
    if (request.redirect === "error") {
      throw new FetchError("redirect", shown(it), "the request does not allow redirects");
    }
    if (n >= REDIRECTS_MAX) {
      throw new FetchError("too-many-redirects", shown(it));
    }
    follow(it, response.status, next);
  }
}

function ofDataUrl(url: string): Response {
  const found = /^data:([^,]*?)(;base64)?,(.*)$/s.exec(url);
  if (found === null) {
    throw new TypeError("fetch failed: the data URL is not valid");
  }
  const [, type = "", isBase64, data = ""] = found;
  const text = decodeURIComponent(data.replace(/#.*$/s, ""));
  const body: BodyInit = isBase64 === undefined ? text : Uint8Array.from(globalThis.atob(text), (it) => it.charCodeAt(0));
  return new Response(body, { headers: { "content-type": type === "" ? "text/plain;charset=US-ASCII" : type } });
}
