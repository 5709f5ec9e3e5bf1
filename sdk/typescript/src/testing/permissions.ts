/** What the operator of a test grants, and the sentences of a denial. */
import type { Permission, PermissionRequest } from "../host/wire.js";

export type PermissionKind = Permission["tag"];

type Of<K extends PermissionKind> = Extract<Permission, { readonly tag: K }>["val"];

const PORTS: Readonly<Record<string, string>> = { "http:": "80", "https:": "443" };
const NodeURL = globalThis.URL;

/** Returns whether a URL is of a pattern `https://HOST[:PORT]`. */
export function urlMatches(pattern: string, url: string): boolean {
  const found = new NodeURL(url);
  const cut = pattern.indexOf("://");
  const scheme = `${pattern.slice(0, cut)}:`;
  const place = pattern.slice(cut + 3);
  const withPort = /^(.*):(\d+|\*)$/.exec(place);
  const host = (withPort?.[1] ?? place).replace(/^\[|\]$/g, "").toLowerCase();
  const port = withPort?.[2] ?? PORTS[scheme];
  if (scheme !== found.protocol || (port !== "*" && port !== (found.port || PORTS[found.protocol]))) {
    return false;
  }
  const name = found.hostname.replace(/^\[|\]$/g, "").toLowerCase();
  return host === "*" || (host.startsWith("*.") ? name.endsWith(host.slice(1)) : name === host);
}

/** The permissions of the model under test: what its type requests, without what a test refuses. */
export class Permissions {
  readonly model: string;
  readonly #type: string;
  readonly #requested: readonly Permission[];
  readonly #refused = new Set<PermissionKind>();

  constructor(model: string, type: string, requests: readonly PermissionRequest[]) {
    this.model = model;
    this.#type = type;
    this.#requested = requests.map((it) => it.permission);
  }

  /** Grants nothing of a kind any more. */
  refuse(kind: PermissionKind): void {
    this.#refused.add(kind);
  }

  requested<K extends PermissionKind>(kind: K): Of<K>[] {
    return this.#requested.filter((it) => it.tag === kind).map((it) => it.val as Of<K>);
  }

  /** Returns why an attempt is denied, or `null` if it is granted. */
  denial<K extends PermissionKind>(kind: K, attempt: string, matches: (it: Of<K>) => boolean): string | null {
    if (!this.requested(kind).some(matches)) {
      return `\`${this.model}\` may not ${attempt}: its plugin \`${this.#type}\` does not request it`;
    }
    return this.#refused.has(kind) ? `\`${this.model}\` may not ${attempt}: no grant allows it` : null;
  }

  /** Returns why something with a name is denied, or `null` if it is granted. */
  denialOfName(kind: "models" | "env" | "commands" | "workflows", attempt: string, name: string): string | null {
    return this.denial(kind, attempt, (it) => it === "*" || it === name);
  }

  httpDenial(method: string, url: string): string | null {
    const attempt = `send ${method} to ${new NodeURL(url).origin}`;
    return this.denial("http", attempt, (it) => urlMatches(it.url, url) && (it.methods.length === 0 || it.methods.includes(method)));
  }
}
