/** The part of GitHub's REST API that is about releases, and its errors. */
import { Failure } from "@sedge/sdk";
import { z } from "zod";

/** How many releases a page of the API has. It is the most that the API returns. */
export const PAGE_RELEASES = 100;

/** The version of the API. */
const API_VERSION = "2022-11-28";

/** The maximum number of characters of a server's own explanation in a message. */
const SHOWN_CHARS_MAX = 200;

/** An asset as the API returns it. */
const ApiAsset = z.object({
  id: z.int(),
  name: z.string(),
  label: z.string().nullish(),
  size: z.int().min(0),
  content_type: z.string().nullish(),
  state: z.string().nullish(),
  // Servers that have not computed it return null, and older ones leave it out.
  digest: z.string().nullish(),
  url: z.string(),
});

/** A release as the API returns it. */
export const ApiRelease = z.object({
  id: z.int(),
  tag_name: z.string().min(1),
  name: z.string().nullish(),
  body: z.string().nullish(),
  draft: z.boolean(),
  prerelease: z.boolean(),
  target_commitish: z.string().nullish(),
  created_at: z.string(),
  published_at: z.string().nullish(),
  html_url: z.string(),
  author: z.object({ login: z.string() }).nullish(),
  assets: z.array(ApiAsset).default([]),
});

export type ApiRelease = z.output<typeof ApiRelease>;

/** Where the API is, and who asks. */
export interface Access {
  /** The address of the API, without a slash at its end. */
  readonly baseUrl: string;
  /** `OWNER/NAME`. */
  readonly repository: string;
  /** The token, or a placeholder of it. */
  readonly token: string | undefined;
}

/** A page of a list. */
export interface Page {
  /** `null` if it is the same as the one with the given ETag. */
  readonly releases: readonly ApiRelease[] | null;
  readonly etag: string | null;
  /** The URL of the next page, as the header `link` names it. `null` at the end of the list, or if it is the same. */
  readonly next: string | null;
}

/** Returns the URL of something of the repository. */
export function urlOf(access: Access, path: string): string {
  const repository = access.repository.split("/").map(encodeURIComponent).join("/");
  return `${access.baseUrl}/repos/${repository}${path}`;
}

/** Sends a request. A response that is no success is a failure, except for those of `expected`. */
export async function request(
  access: Access,
  url: string,
  { accept = "application/vnd.github+json", etag = null as string | null, expected = [] as readonly number[] } = {},
): Promise<Response> {
  const headers = new Headers({ accept, "user-agent": "sedge-github-releases", "x-github-api-version": API_VERSION });
  if (access.token !== undefined) {
    headers.set("authorization", `Bearer ${access.token}`);
  }
  if (etag !== null) {
    headers.set("if-none-match", etag);
  }
  const response = await fetch(url, { headers });
  if (!response.ok && !expected.includes(response.status)) {
    throw await failureOf(response, access, url);
  }
  return response;
}

/** Returns the body of a response by a schema. */
export async function parsed<S extends z.ZodType>(response: Response, schema: S, url: string): Promise<z.output<S>> {
  const text = await response.text();
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Failure("invalid-response", `${url} returned no JSON; is \`baseUrl\` the address of the API?`);
  }
  const result = schema.safeParse(value);
  if (result.success) {
    return result.data;
  }
  const { path, message } = result.error.issues[0] ?? { path: [], message: "it is of another form" };
  throw new Failure("invalid-response", `${url} returned something else than expected, at \`${path.join(".")}\`: ${message}`);
}

/** Reads a page of the list. With an ETag, the server may say that the page is still the same. */
export async function page(access: Access, url: string, etag: string | null): Promise<Page> {
  const response = await request(access, url, { etag, expected: etag === null ? [] : [304] });
  if (response.status === 304) {
    return { releases: null, etag, next: null };
  }
  const releases = await parsed(response, z.array(ApiRelease), url);
  return { releases, etag: response.headers.get("etag"), next: nextOf(response.headers.get("link"), url) };
}

/** Returns the URL of the next page, as a header `link` (RFC 8288) names it. */
export function nextOf(link: string | null, url: string): string | null {
  for (const [, target, parameters] of (link ?? "").matchAll(/<([^>]*)>((?:\s*;\s*[\w*-]+\s*=\s*(?:"[^"]*"|[^\s,;"]+))*)/g)) {
    const relation = /;\s*rel\s*=\s*(?:"([^"]*)"|([^\s,;"]+))/i.exec(parameters ?? "");
    const relations = (relation?.[1] ?? relation?.[2] ?? "").toLowerCase().split(/\s+/);
    if (!relations.includes("next") || target === undefined) {
      continue;
    }
    const next = new URL(target, url);
    // A list that leads to another server would get the token.
    if (next.origin !== new URL(url).origin) {
      throw new Failure("invalid-response", `${url} continues at another server: ${next.origin}`);
    }
    return next.href;
  }
  return null;
}

async function failureOf(response: Response, access: Access, url: string): Promise<Failure> {
  const { status, headers } = response;
  const said = await explanation(response);
  const details = { status, url };
  const limited = limitOf(status, headers, said);
  if (limited !== null) {
    return rateLimited(limited, access, details);
  }
  switch (status) {
    case 401:
      return new Failure("unauthorized", `the server does not accept the token${said}; set the global argument \`token\` to another one`, { details });
    case 403:
      return new Failure("forbidden", `the token may not read the releases of \`${access.repository}\`${said}`, { details });
    case 404:
      return new Failure("not-found", `${url} does not exist${said}; a private repository is only found with a \`token\` that may read it`, { details });
    default:
      return new Failure("unexpected-status", `${url} returned the status ${status}${said}`, { details });
  }
}

/** Returns what a server says about an error, to be appended to a message. */
async function explanation(response: Response): Promise<string> {
  const text = await response.text();
  let said: unknown;
  try {
    said = (JSON.parse(text) as { message?: unknown } | null)?.message;
  } catch {
    said = null;
  }
  if (typeof said !== "string" || said === "") {
    return "";
  }
  const plain = said.replace(/\s+/g, " ").trim();
  return `: ${plain.length > SHOWN_CHARS_MAX ? `${plain.slice(0, SHOWN_CHARS_MAX)}…` : plain}`;
}

/** When requests are accepted again, if that is known. */
interface Limit {
  readonly retryAt: Date | null;
}

/** Returns the limit that a response reports: the one of requests in an hour, or one on requests in a short time. */
function limitOf(status: number, headers: Headers, said: string): Limit | null {
  if (status !== 403 && status !== 429) {
    return null;
  }
  const retryAfter = headers.get("retry-after");
  if (retryAfter !== null) {
    const seconds = Number(retryAfter);
    const at = Number.isFinite(seconds) ? Date.now() + seconds * 1000 : Date.parse(retryAfter);
    return { retryAt: dateOf(at) };
  }
  if (headers.get("x-ratelimit-remaining") === "0") {
    const reset = headers.get("x-ratelimit-reset");
    return { retryAt: reset === null ? null : dateOf(Number(reset) * 1000) };
  }
  return status === 429 || /rate limit/i.test(said) ? { retryAt: null } : null;
}

function dateOf(ms: number): Date | null {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? null : date;
}

function rateLimited({ retryAt }: Limit, access: Access, details: { status: number; url: string }): Failure {
  const retryAfterSeconds = retryAt === null ? null : Math.max(0, Math.ceil((retryAt.getTime() - Date.now()) / 1000));
  const when = retryAt === null ? "try again later" : `try again in ${retryAfterSeconds} s, at ${retryAt.toISOString()}`;
  const more = access.token === undefined ? "; with a `token` the limit is higher" : "";
  return new Failure("rate-limited", `the server accepts no more requests for a while: ${when}${more}`, {
    details: { ...details, retryAfterSeconds, retryAt: retryAt?.toISOString() ?? null },
  });
}
