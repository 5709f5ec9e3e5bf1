/** What a type requests of the operator. */
import type { Permission, PermissionRequest } from "../host/wire.js";

/** A request for one permission. `reason` is what the operator reads before granting it. */
export type PermissionDefinition =
  /** HTTP requests to `https://HOST[:PORT]`. HOST is a name, or `*.` and the end of a name. Without `methods`, all. */
  | { readonly http: string; readonly methods?: readonly string[]; readonly reason: string }
  /** Call this model, and read its data and its definition. `*` means all models. */
  | { readonly models: string; readonly reason: string }
  /** Files of a folder, which the operator maps to this name. By default for reading. */
  | { readonly folder: string; readonly access?: "read" | "write"; readonly reason: string }
  /** Read one environment variable. */
  | { readonly env: string; readonly reason: string }
  /** Send a secret to these hosts; `reveal` to read its value. */
  | { readonly secret: string; readonly hosts?: readonly string[]; readonly reveal?: boolean; readonly reason: string }
  /** Run the command that the operator pinned under this name. `*` means all commands. */
  | { readonly command: string; readonly reason: string }
  /** Open TCP connections to `host:port`. */
  | { readonly socket: string; readonly reason: string }
  /** See a sealed field of other data, `data:MODEL:POINTER`, or the secret in an argument, `argument:POINTER`. */
  | { readonly reveal: string; readonly reason: string }
  /** Run this workflow. `*` means all workflows. */
  | { readonly workflow: string; readonly reason: string };

function permission(it: PermissionDefinition): Permission {
  // Before `reveal`, which a secret has, too.
  if ("secret" in it) {
    return { tag: "secrets", val: { name: it.secret, hosts: it.hosts ?? [], reveal: it.reveal ?? false } };
  }
  if ("http" in it) {
    return { tag: "http", val: { url: it.http, methods: it.methods ?? [] } };
  }
  if ("folder" in it) {
    return { tag: "files", val: { name: it.folder, access: it.access ?? "read" } };
  }
  if ("models" in it) {
    return { tag: "models", val: it.models };
  }
  if ("env" in it) {
    return { tag: "env", val: it.env };
  }
  if ("command" in it) {
    return { tag: "commands", val: it.command };
  }
  if ("socket" in it) {
    return { tag: "sockets", val: it.socket };
  }
  if ("reveal" in it) {
    return { tag: "reveal", val: it.reveal };
  }
  if ("workflow" in it) {
    return { tag: "workflows", val: it.workflow };
  }
  throw new TypeError(`a permission is one of http, models, folder, env, secret, command, socket, reveal and workflow; this is none: ${JSON.stringify(it)}`);
}

/** Returns permissions in the contract's form. */
export function permissionRequests(of: readonly PermissionDefinition[]): PermissionRequest[] {
  return of.map((it) => ({ permission: permission(it), reason: it.reason }));
}
