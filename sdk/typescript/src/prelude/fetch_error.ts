/** Why there is no response, or not a whole one. */
import { HostError } from "../host/host.js";

export type FetchCode =
  | "denied" | "dns" | "connect" | "tls" | "timeout" | "too-large" | "too-many-requests-at-once" | "invalid-request"
  | "closed" | "protocol" | "too-many-redirects" | "redirect";

const TEXTS: Readonly<Record<FetchCode, string>> = {
  denied: "was denied",
  dns: "failed: the name of its host cannot be resolved",
  connect: "failed: no connection",
  tls: "failed: no trusted connection",
  timeout: "failed: it took too long",
  "too-large": "failed: it, or its response, is too large",
  "too-many-requests-at-once": "failed: too many requests at once",
  "invalid-request": "cannot be sent",
  closed: "failed: the connection was closed in the middle",
  protocol: "failed: the response is not valid HTTP",
  "too-many-redirects": "leads on, and no more redirects are followed",
  redirect: "leads nowhere",
};

/**
 * An error of `fetch`, and of reading a body. It is a `TypeError`, as for other `fetch`.
 *
 * The request is shown without its query, which may be confidential. If it was denied, the host adds to the failure
 * of the call what would grant it.
 */
export class FetchError extends TypeError {
  readonly code: FetchCode;
  /** The method and the URL without its query. */
  readonly request: string;

  constructor(code: FetchCode, request: string, reason = "") {
    const text = `${request} ${TEXTS[code]}`;
    super(reason === "" ? text : `${text}: ${reason}`);
    this.name = "FetchError";
    this.code = code;
    this.request = request;
  }
}

const CODES: Readonly<Record<string, FetchCode>> = {
  "HTTP-request-denied": "denied",
  "destination-IP-prohibited": "denied",
  "DNS-timeout": "dns",
  "DNS-error": "dns",
  "destination-not-found": "dns",
  "destination-unavailable": "connect",
  "destination-IP-unroutable": "connect",
  "connection-refused": "connect",
  "TLS-protocol-error": "tls",
  "TLS-certificate-error": "tls",
  "TLS-alert-received": "tls",
  "connection-timeout": "timeout",
  "connection-read-timeout": "timeout",
  "connection-write-timeout": "timeout",
  "HTTP-response-timeout": "timeout",
  "HTTP-request-body-size": "too-large",
  "HTTP-request-URI-too-long": "too-large",
  "HTTP-request-header-section-size": "too-large",
  "HTTP-request-header-size": "too-large",
  "HTTP-request-trailer-section-size": "too-large",
  "HTTP-request-trailer-size": "too-large",
  "HTTP-response-header-section-size": "too-large",
  "HTTP-response-header-size": "too-large",
  "HTTP-response-body-size": "too-large",
  "HTTP-response-trailer-section-size": "too-large",
  "HTTP-response-trailer-size": "too-large",
  "connection-limit-reached": "too-many-requests-at-once",
  "HTTP-request-length-required": "invalid-request",
  "HTTP-request-method-invalid": "invalid-request",
  "HTTP-request-URI-invalid": "invalid-request",
  invalid: "invalid-request",
  "connection-terminated": "closed",
  "HTTP-response-incomplete": "closed",
  closed: "closed",
  failed: "closed",
};

/** The denials of this call. The failure that follows from one gets the code `denied`. */
const denials: FetchError[] = [];

/** Returns the error that a failure follows from, if a request was denied before and its text is in the failure. */
export function denialIn(text: string): FetchError | undefined {
  return denials.find((it) => text.includes(it.message));
}

/** Returns an error of the host as an error of `fetch`. */
export function fetchErrorOf(error: unknown, request: string): unknown {
  if (!(error instanceof HostError)) {
    return error;
  }
  const code = CODES[error.tag] ?? "protocol";
  const known = code === "invalid-request" || code === "protocol" ? error.val : null;
  const reason = typeof known === "string" ? known : code === "protocol" ? error.tag : "";
  const found = new FetchError(code, request, reason);
  if (code === "denied") {
    denials.push(found);
  }
  return found;
}
