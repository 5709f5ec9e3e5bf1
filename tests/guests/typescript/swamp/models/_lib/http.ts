/**
 * Requests with retries, shared by the models.
 *
 * @module
 */

/** An answer that is not a success. */
export class HttpStatusError extends Error {
  constructor(readonly status: number, readonly url: string, readonly body: string) {
    super(`HTTP ${status} from ${url}: ${body.slice(0, 200)}`);
    this.name = "HttpStatusError";
  }
}

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

function retryDelayMs(response: Response, attempt: number): number {
  const header = response.headers.get("retry-after");
  if (header === null) return 50 * 2 ** attempt;
  const seconds = Number(header);
  if (Number.isFinite(seconds)) return seconds * 1000;
  return Math.max(0, new Date(header).getTime() - Date.now());
}

export interface RequestOptions {
  method?: string;
  headers?: Record<string, string>;
  body?: unknown;
  retries?: number;
  signal?: AbortSignal;
}

/** Sends a request, waits where the server asks to, and returns the parsed body. */
export async function requestJson<T>(
  url: string | URL,
  { method = "GET", headers = {}, body, retries = 3, signal }: RequestOptions = {},
): Promise<{ data: T; headers: Headers; attempts: number }> {
  for (let attempt = 0;; attempt++) {
    const response = await fetch(url, {
      method,
      headers: {
        Accept: "application/json",
        ...(body === undefined ? {} : { "Content-Type": "application/json" }),
        ...headers,
      },
      body: body === undefined ? undefined : JSON.stringify(body),
      signal,
    });
    if ((response.status === 429 || response.status === 503) && attempt < retries) {
      await response.body?.cancel();
      await sleep(retryDelayMs(response, attempt));
      continue;
    }
    if (!response.ok) {
      throw new HttpStatusError(response.status, String(url), await response.text());
    }
    const data = response.status === 204 ? null : await response.json();
    return { data: data as T, headers: response.headers, attempts: attempt + 1 };
  }
}
