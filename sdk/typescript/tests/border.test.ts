/** The host of a component, over functions of the engine that a test writes. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Engine, Handle } from "../src/host/engine.js";
import { hostOf } from "../src/host/border.js";
import { HostError, type HostRequest } from "../src/host/host.js";

type Partial<T> = { readonly [K in keyof T]?: T[K] extends (...args: never) => unknown ? T[K] : Partial<T[K]> };

function engineOf(functions: Partial<Engine>): Engine {
  const groups = ["context", "calls", "workflows", "models", "secrets", "log", "data", "commands", "stream", "http", "files"];
  const empty = Object.fromEntries(groups.map((it) => [it, {}]));
  return { ...empty, drop: () => undefined, ready: async () => true, ...functions } as unknown as Engine;
}

const REQUEST: HostRequest = { method: "GET", url: "https://api.example.com:8443/a?b=1", headers: [["x", "1"]], body: null, aborted: null };

test("errors of the engine are those of the host", () => {
  const host = hostOf(
    engineOf({
      data: {
        readLatest: () => {
          throw { type: "data-error", tag: "denied", val: "no" };
        },
      },
      context: {
        variable: () => {
          throw { type: "denied", tag: "denied", val: "not granted" };
        },
        who: () => {
          throw { type: "phase-error", tag: "not-available", val: "not while the plugin is built" };
        },
      },
    }),
  );
  assert.throws(() => host.data.readLatest("m", "n"), (error) => error instanceof HostError && error.tag === "denied" && error.val === "no");
  assert.throws(() => host.context.variable("X"), (error) => error instanceof HostError && error.tag === "" && error.message === "not granted");
  assert.throws(() => host.context.who(), (error: Error) => !(error instanceof HostError) && error.message === "not while the plugin is built");
});

test("response is awaited until it is there, and its body until its end", async () => {
  const pieces = [new Uint8Array(0), Uint8Array.of(1, 2), new Uint8Array(0), Uint8Array.of(3)];
  const dropped: Handle[] = [];
  let n = 0;
  let sent: unknown;
  const host = hostOf(
    engineOf({
      drop: (it) => void dropped.push(it),
      http: {
        send: (it) => {
          sent = it;
          return { response: 7, body: null };
        },
        response: () => ((n += 1) < 3 ? null : { status: 200, headers: [], body: 9 }),
      },
      stream: { read: () => pieces.shift() ?? null },
    }),
  );
  const response = await host.http.send(REQUEST);
  assert.deepEqual(sent, { method: "GET", scheme: "https", authority: "api.example.com:8443", pathWithQuery: "/a?b=1", headers: [["x", "1"]], hasBody: false });
  assert.deepEqual([...((await response.body.read()) ?? [])], [1, 2]);
  assert.deepEqual([...((await response.body.read()) ?? [])], [3]);
  assert.equal(await response.body.read(), null);
  response.body.drop();
  assert.deepEqual(dropped, [9]);
});

test("body is written as far as the server takes it, flushed and finished", async () => {
  const log: string[] = [];
  let nFlushed = 0;
  const host = hostOf(
    engineOf({
      http: { send: () => ({ response: 1, body: 2 }), response: () => (log.includes("finish 2") ? { status: 204, headers: [], body: 3 } : null), finish: (it) => void log.push(`finish ${it}`) },
      stream: {
        write: (_, bytes) => {
          const taken = log.length === 1 ? 0 : Math.min(2, bytes.length);
          log.push(`took ${taken}`);
          return taken;
        },
        flush: () => (nFlushed += 1) > 1,
      },
      ready: () => new Promise((resolve) => setTimeout(() => resolve(true), 1)),
    }),
  );
  const response = await host.http.send({ ...REQUEST, method: "PUT", body: Uint8Array.of(1, 2, 3) });
  assert.equal(response.status, 204);
  assert.deepEqual(log, ["took 2", "took 0", "took 1", "finish 2"]);
});

test("error of a body that an author makes ends the request", async () => {
  const dropped: Handle[] = [];
  const waiting = new Map<Handle, (isThere: boolean) => void>();
  const host = hostOf(
    engineOf({
      drop: (it) => {
        dropped.push(it);
        waiting.get(it)?.(false);
      },
      ready: (it) => new Promise((resolve) => waiting.set(it, resolve)),
      http: { send: () => ({ response: 1, body: 2 }), response: () => null },
    }),
  );
  async function* body(): AsyncGenerator<Uint8Array> {
    throw new Error("the author's own");
  }
  await assert.rejects(host.http.send({ ...REQUEST, method: "PUT", body: body() }), /the author's own/);
  assert.deepEqual(dropped, [2, 1]);
});

test("abort drops the response, and then its body", async () => {
  const dropped: Handle[] = [];
  let abort = (): void => undefined;
  const host = hostOf(
    engineOf({
      drop: (it) => void dropped.push(it),
      http: { send: () => ({ response: 1, body: null }), response: () => ({ status: 200, headers: [], body: 3 }) },
      stream: { read: () => new Uint8Array(0) },
    }),
  );
  const response = await host.http.send({ ...REQUEST, aborted: { onabort: (action) => void (abort = action) } });
  abort();
  assert.equal(await response.body.read(), null);
  assert.deepEqual(dropped, [3]);
});

test("program's streams are read, written and closed", async () => {
  const log: string[] = [];
  const host = hostOf(
    engineOf({
      drop: (it) => void log.push(`drop ${it}`),
      commands: { start: () => 1, stdin: () => 2, stdout: () => 3, stderr: () => null, get: () => ({ tag: "exit", val: 0 }), kill: () => void log.push("kill") },
      stream: { write: (_, bytes) => bytes.length, flush: () => true, read: () => null },
    }),
  );
  const process = host.commands.start("cat", [], { folder: null, variables: [], stdin: "piped" });
  await process.stdin?.write(Uint8Array.of(1));
  await process.stdin?.close();
  await process.stdin?.close();
  assert.equal(await process.stderr.read(), null);
  assert.deepEqual([process.get(), log], [{ tag: "exit", val: 0 }, ["drop 2"]]);
});
