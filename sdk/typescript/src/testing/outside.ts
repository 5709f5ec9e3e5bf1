/** What is outside of a model under test: scripted calls, workflows, requests, commands, and secrets. */
import {
  HostError, type HostCalls, type HostCommands, type HostHttp, type HostInput, type HostPending, type HostProcess, type HostRequest,
  type HostResponse, type HostSecret, type HostSecrets, type HostWorkflows,
} from "../host/host.js";
import type { MethodKind, Outcome as WireOutcome, RunOutcome as WireRun, StartOptions, TypeInfo } from "../host/wire.js";
import { concat } from "../prelude/blob.js";
import type { RunOutcome } from "../sdk/calls.js";
import type { End } from "../sdk/commands.js";
import { Failure, type ContractError } from "../sdk/error_base.js";
import { CallError, CommandError, type WorkflowError } from "../sdk/error_table.js";
import type { Json } from "../sdk/json.js";
import type { FetchCode } from "../prelude/fetch_error.js";
import { deferred } from "../prelude/streams.js";
import type { Clock } from "./clock.js";
import { hostError } from "./errors.js";
import { NotScripted } from "./not_scripted.js";
import { urlMatches, type Permissions } from "./permissions.js";

const NodeURL = globalThis.URL;

/** A nested call that the method made. */
export interface MadeCall {
  readonly target: string;
  readonly method: string;
  readonly arguments: Json;
}

/** How the calls of a method go. */
export interface CallScript {
  /** The kind of the method that is called. By default `action`, which a `read` or `observe` method may not call. */
  readonly kind?: MethodKind;
  /** What it returns; a function receives the arguments, and may throw a `CallError` or a `Failure`. */
  readonly returns?: unknown;
  readonly error?: CallError | Failure;
  /** How long it takes by the test's clock, in milliseconds. */
  readonly delayMs?: number;
}

/** The double of the interface `calls`. */
export class FakeCalls implements HostCalls {
  /** The kind of the method that runs. `null` in a check. */
  kind: MethodKind | null = null;
  readonly scripts = new Map<string, CallScript>();
  readonly made: MadeCall[] = [];
  readonly #model: string;
  readonly #info: TypeInfo;
  readonly #permissions: Permissions;
  readonly #clock: Clock;

  constructor(model: string, info: TypeInfo, permissions: Permissions, clock: Clock) {
    this.#model = model;
    this.#info = info;
    this.#permissions = permissions;
    this.#clock = clock;
  }

  #denial(target: string, method: string, kind: MethodKind): string | null {
    if (this.kind === null) {
      return "a check may not call methods";
    }
    const allowed: readonly MethodKind[] | null = this.kind === "read" ? ["read"] : this.kind === "observe" ? ["read", "observe"] : null;
    if (allowed !== null && !allowed.includes(kind)) {
      return `a method of kind \`${this.kind}\` may not call \`${method}\` of \`${target}\`, which is of kind \`${kind}\``;
    }
    return target === this.#model ? null : this.#permissions.denialOfName("models", `call \`${target}\``, target);
  }

  #result(target: string, method: string, text: string): WireOutcome {
    const script = this.scripts.get(JSON.stringify([target, method]));
    const ofType = target === this.#model ? this.#info.methods.find((it) => it.name === method)?.kind : undefined;
    const denial = this.#denial(target, method, script?.kind ?? ofType ?? "action");
    if (denial !== null) {
      throw new HostError("denied", denial);
    }
    const given = JSON.parse(text) as Json;
    this.made.push({ target, method, arguments: given });
    if (script === undefined) {
      throw new NotScripted(`the method calls \`${method}\` of \`${target}\` with ${text}; script the outcome: test.onCall("${target}", "${method}", { returns: … })`);
    }
    if (script.error !== undefined) {
      throw hostError(script.error);
    }
    try {
      const value: unknown = typeof script.returns === "function" ? (script.returns as (args: Json) => unknown)(given) : script.returns;
      return { value: JSON.stringify(value ?? null), written: [] };
    } catch (error) {
      throw error instanceof CallError || error instanceof Failure ? hostError(error as ContractError | Failure) : error;
    }
  }

  start(target: string, method: string, text: string): HostPending {
    const clock = this.#clock;
    const endsAt = clock.elapsed + (this.scripts.get(JSON.stringify([target, method]))?.delayMs ?? 0);
    let isCancelled = false;
    let result: () => WireOutcome;
    try {
      const outcome = this.#result(target, method, text);
      result = () => outcome;
    } catch (error) {
      result = () => {
        throw error;
      };
    }
    const hasEnded = (): boolean => isCancelled || clock.elapsed >= endsAt;
    return {
      ended: async () => {
        while (!hasEnded()) {
          await clock.wait(endsAt - clock.elapsed);
        }
      },
      get: () => {
        if (!hasEnded()) {
          return null;
        }
        if (isCancelled) {
          throw new HostError("cancelled", null);
        }
        return result();
      },
      cancel: () => {
        isCancelled ||= clock.elapsed < endsAt;
        // Whoever waits for the call looks at it again.
        clock.timerStart(0, () => undefined);
      },
      drop: () => undefined,
    };
  }
}

/** A workflow that the method ran or started. */
export interface MadeRun {
  readonly workflow: string;
  readonly inputs: Json;
}

function wireRun(it: RunOutcome): WireRun {
  switch (it.status) {
    case "succeeded":
      return { tag: "succeeded", val: { run: it.run, outputs: it.outputs === null ? null : JSON.stringify(it.outputs) } };
    case "failed":
      return { tag: "failed", val: { run: it.run, message: it.message, steps: it.steps } };
    case "cancelled":
      return { tag: "cancelled", val: { run: it.run, reason: it.reason } };
    case "suspended":
      return { tag: "suspended", val: { run: it.run, gates: it.gates } };
  }
}

/** The double of the interface `workflows`. */
export class FakeWorkflows implements HostWorkflows {
  kind: MethodKind | null = null;
  readonly outcomes = new Map<string, RunOutcome | WorkflowError>();
  readonly made: MadeRun[] = [];
  readonly #permissions: Permissions;

  constructor(permissions: Permissions) {
    this.#permissions = permissions;
  }

  #outcome(workflow: string, inputs: string): RunOutcome {
    const attempt = `run the workflow \`${workflow}\``;
    const changesNothing = this.kind === null || this.kind === "read" || this.kind === "observe";
    const denial = this.#permissions.denialOfName("workflows", attempt, workflow) ?? (changesNothing ? `\`${this.#permissions.model}\` may not ${attempt}: the method changes nothing` : null);
    if (denial !== null) {
      throw new HostError("denied", denial);
    }
    this.made.push({ workflow, inputs: JSON.parse(inputs) as Json });
    const outcome = this.outcomes.get(workflow);
    if (outcome === undefined) {
      throw new NotScripted(`the method runs the workflow \`${workflow}\`; script the outcome: test.onWorkflow("${workflow}", { status: "succeeded", run: "…", outputs: {} })`);
    }
    if (outcome instanceof Error) {
      throw hostError(outcome);
    }
    return outcome;
  }

  run(workflow: string, inputs: string): WireRun {
    return wireRun(this.#outcome(workflow, inputs));
  }

  start(workflow: string, inputs: string): string {
    return this.#outcome(workflow, inputs).run;
  }
}

/** The secrets of a test. */
export class FakeSecrets implements HostSecrets {
  readonly values = new Map<string, Uint8Array>();
  readonly #placeholders = new Map<string, { readonly name: string; readonly value: string }>();
  readonly #permissions: Permissions;

  constructor(permissions: Permissions) {
    this.#permissions = permissions;
  }

  get(name: string): HostSecret {
    const denial = this.#permissions.denial("secrets", `use the secret \`${name}\``, (it) => it.name === name);
    if (denial !== null) {
      throw new HostError("denied", denial);
    }
    const value = this.values.get(name);
    if (value === undefined) {
      throw new HostError("missing", `there is no secret \`${name}\``);
    }
    const put = (text: string, of: string): string => {
      this.#placeholders.set(text, { name, value: of });
      return text;
    };
    const latin = Buffer.from(value).toString("latin1");
    return {
      placeholder: () => put(`sedge-secret-${name}-placeholder`, latin),
      basic: (user) => put(`sedge-secret-${name}-basic-${Buffer.from(user).toString("hex")}`, Buffer.concat([Buffer.from(`${user}:`), value]).toString("base64")),
      reveal: () => {
        const isAllowed = this.#permissions.requested("secrets").some((it) => it.name === name && it.reveal);
        if (!isAllowed) {
          throw new HostError("", `\`${this.#permissions.model}\` may not reveal the secret \`${name}\`: its plugin does not request it`);
        }
        return value;
      },
      drop: () => undefined,
    };
  }

  /** Returns the name of a secret that may not be sent to a URL, or `null`. */
  refused(text: string, url: string): string | null {
    for (const [placeholder, { name }] of this.#placeholders) {
      const access = this.#permissions.requested("secrets").find((it) => it.name === name);
      if (text.includes(placeholder) && !access?.hosts.some((it) => urlMatches(it, url))) {
        return name;
      }
    }
    return null;
  }

  /** Returns a text with the values of its secrets. */
  filled(text: string, encode: (value: string) => string = (it) => it): string {
    let all = text;
    for (const [placeholder, { value }] of this.#placeholders) {
      all = all.replaceAll(placeholder, encode(value));
    }
    return all;
  }
}

/** A request that the method sent, as the server receives it: with the values of secrets. */
export class SentRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;

  constructor(method: string, url: string, headers: Readonly<Record<string, string>>, body: Uint8Array) {
    this.method = method;
    this.url = url;
    this.headers = headers;
    this.body = body;
  }

  text(): string {
    return Buffer.from(this.body).toString();
  }

  json(): Json {
    return JSON.parse(this.text()) as Json;
  }
}

/** What a server answers. */
export interface ScriptedResponse {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly json?: unknown;
  readonly body?: string | Uint8Array | readonly (string | Uint8Array)[];
  /** Ends the request by this error. */
  readonly error?: FetchCode;
  /** Ends the body by this error, after `body`. */
  readonly errorInBody?: FetchCode;
  /** The time until the response begins, in milliseconds of the test's clock. */
  readonly delayMs?: number;
}

export type Responder = ScriptedResponse | ((request: SentRequest) => ScriptedResponse);

const FAULTS: Readonly<Record<FetchCode, string>> = {
  denied: "HTTP-request-denied", dns: "DNS-error", connect: "connection-refused", tls: "TLS-certificate-error",
  timeout: "HTTP-response-timeout", "too-large": "HTTP-response-body-size", "too-many-requests-at-once": "connection-limit-reached",
  "invalid-request": "HTTP-request-URI-invalid", closed: "connection-terminated", protocol: "HTTP-protocol-error",
  "too-many-redirects": "HTTP-protocol-error", redirect: "HTTP-protocol-error",
};

function bytesOf(piece: string | Uint8Array): Uint8Array {
  return typeof piece === "string" ? new Uint8Array(Buffer.from(piece)) : piece;
}

interface Route {
  readonly method: string;
  readonly url: string;
  readonly responders: readonly Responder[];
  nUsed: number;
}

/** The double of `wasi:http`. */
export class FakeHttp implements HostHttp {
  isCheck = false;
  readonly sent: SentRequest[] = [];
  readonly #routes: Route[] = [];
  readonly #clock: Clock;
  readonly #permissions: Permissions;
  readonly #secrets: FakeSecrets;
  readonly #warn: (text: string) => void;

  constructor(clock: Clock, permissions: Permissions, secrets: FakeSecrets, warn: (text: string) => void) {
    this.#clock = clock;
    this.#permissions = permissions;
    this.#secrets = secrets;
    this.#warn = warn;
  }

  /** Scripts the responses to a request. A later script has precedence. */
  add(method: string, url: string, responders: readonly Responder[]): void {
    this.#routes.unshift({ method, url, responders, nUsed: 0 });
  }

  #denial(method: string, url: string): string | null {
    const denial = this.#permissions.httpDenial(method, url);
    if (denial === null && this.isCheck && !["GET", "HEAD", "OPTIONS"].includes(method)) {
      return `\`${this.#permissions.model}\` may not send ${method} requests in a check: a check only reads`;
    }
    return denial;
  }

  async #received(request: HostRequest): Promise<SentRequest> {
    const pieces: Uint8Array[] = [];
    if (request.body instanceof Uint8Array) {
      pieces.push(request.body);
    } else {
      for await (const piece of request.body ?? []) {
        pieces.push(piece);
      }
    }
    const body = Buffer.from(concat(pieces)).toString("latin1");
    const all = [request.url, body, ...request.headers.flat()].join("\n");
    const denial = this.#denial(request.method, request.url);
    const refused = this.#secrets.refused(all, request.url);
    const reason = denial ?? (refused === null ? null : `the secret \`${refused}\` may not be sent to ${new NodeURL(request.url).host}`);
    if (reason !== null) {
      this.#warn(reason);
      throw new HostError("HTTP-request-denied", null);
    }
    const headers = Object.fromEntries(request.headers.map(([name, value]) => [name.toLowerCase(), this.#secrets.filled(value)]));
    const isForm = (headers["content-type"] ?? "").startsWith("application/x-www-form-urlencoded");
    const filled = this.#secrets.filled(body, isForm ? encodeURIComponent : undefined);
    return new SentRequest(request.method, this.#secrets.filled(request.url, encodeURIComponent), headers, new Uint8Array(Buffer.from(filled, "latin1")));
  }

  #respond(sent: SentRequest): ScriptedResponse {
    const isOf = (url: string): boolean => (url.endsWith("*") ? sent.url.startsWith(url.slice(0, -1)) : sent.url === url);
    const route = this.#routes.find((it) => it.method === sent.method && isOf(it.url));
    // The last responder answers all further requests.
    const responder = route?.responders[Math.min(route.nUsed, route.responders.length - 1)];
    if (route === undefined || responder === undefined) {
      throw new NotScripted(`the method sends ${sent.method} ${sent.url}; script the response: test.onHttp("${sent.method}", "${sent.url}", { json: … })`);
    }
    route.nUsed += 1;
    return typeof responder === "function" ? responder(sent) : responder;
  }

  async send(request: HostRequest): Promise<HostResponse> {
    const sent = await this.#received(request);
    this.sent.push(sent);
    const scripted = this.#respond(sent);
    if (scripted.delayMs !== undefined) {
      await this.#clock.wait(scripted.delayMs);
    }
    if (scripted.error !== undefined) {
      throw new HostError(FAULTS[scripted.error], null);
    }
    const headers = Object.entries(scripted.headers ?? {}).map(([name, value]) => [name.toLowerCase(), value] as const);
    const isTyped = headers.some(([name]) => name === "content-type");
    const pieces = scripted.json === undefined ? [scripted.body ?? []].flat() : [JSON.stringify(scripted.json)];
    return {
      status: scripted.status ?? 200,
      headers: scripted.json === undefined || isTyped ? headers : [...headers, ["content-type", "application/json"]],
      body: input(pieces.map(bytesOf), scripted.errorInBody === undefined ? null : new HostError(FAULTS[scripted.errorInBody], null)),
    };
  }
}

function input(pieces: readonly Uint8Array[], error: HostError | null): HostInput {
  const left = pieces.filter((it) => it.length > 0);
  return {
    async read() {
      const piece = left.shift();
      if (piece === undefined && error !== null) {
        throw error;
      }
      return piece ?? null;
    },
    drop: () => void left.splice(0),
  };
}

/** A command that the method ran or started. */
export interface RanCommand {
  readonly name: string;
  readonly arguments: readonly string[];
  stdin: string;
  readonly folder: string | null;
  readonly variables: Readonly<Record<string, string>>;
}

/** What a command does. */
export interface CommandScript {
  readonly stdout?: string | Uint8Array;
  readonly stderr?: string | Uint8Array;
  /** How it ends; by default it exits with 0. */
  readonly end?: End | CommandError;
  /** How long it takes by the test's clock, in milliseconds. */
  readonly delayMs?: number;
}

export type CommandResponder = CommandScript | ((command: RanCommand) => CommandScript);

/** The double of the interface `commands`. */
export class FakeCommands implements HostCommands {
  isCheck = false;
  readonly ran: RanCommand[] = [];
  readonly #scripts: { readonly name: string; readonly args: readonly string[] | null; readonly script: CommandResponder }[] = [];
  readonly #permissions: Permissions;
  readonly #clock: Clock;

  constructor(permissions: Permissions, clock: Clock) {
    this.#permissions = permissions;
    this.#clock = clock;
  }

  add(name: string, args: readonly string[] | null, script: CommandResponder): void {
    this.#scripts.unshift({ name, args, script });
  }

  #script(name: string, args: readonly string[]): CommandResponder {
    const attempt = `run the command \`${name}\``;
    const denial = this.#permissions.denialOfName("commands", attempt, name) ?? (this.isCheck ? `\`${this.#permissions.model}\` may not ${attempt} in a check: a check only reads` : null);
    if (denial !== null) {
      throw new HostError("denied", denial);
    }
    const found = this.#scripts.find((it) => it.name === name && (it.args === null || JSON.stringify(it.args) === JSON.stringify(args)));
    if (found === undefined) {
      const shown = JSON.stringify(args);
      throw new NotScripted(`the method runs the command \`${name}\` with ${shown}; script the result: test.onCommand("${name}", ${shown}, { stdout: … })`);
    }
    return found.script;
  }

  start(name: string, args: readonly string[], options: StartOptions): HostProcess {
    const script = this.#script(name, args);
    const variables = Object.fromEntries(options.variables.map((it) => [it.name, it.value]));
    const ran: RanCommand = { name, arguments: [...args], stdin: "", folder: options.folder, variables };
    this.ran.push(ran);
    return new FakeProcess(this.#clock, ran, script, options.stdin === "piped");
  }
}

/** A program that was started. It does its work once its stdin is closed. */
class FakeProcess implements HostProcess {
  readonly stdin: HostProcess["stdin"];
  readonly stdout: HostInput;
  readonly stderr: HostInput;
  readonly #clock: Clock;
  #isKilled = false;
  #hasEnded = false;
  #done: CommandScript = {};
  readonly #end = deferred<void>();

  constructor(clock: Clock, ran: RanCommand, script: CommandResponder, isPiped: boolean) {
    this.#clock = clock;
    const go = (): void => {
      this.#done = typeof script === "function" ? script(ran) : script;
      clock.timerStart(this.#done.delayMs ?? 0, () => this.#ended());
    };
    this.stdin = isPiped
      ? {
          write: async (bytes) => {
            if (this.#hasEnded) {
              throw new HostError("closed", null);
            }
            ran.stdin += Buffer.from(bytes).toString();
          },
          close: async () => go(),
        }
      : null;
    this.stdout = this.#output(() => this.#done.stdout);
    this.stderr = this.#output(() => this.#done.stderr);
    if (!isPiped) {
      go();
    }
  }

  #ended(): void {
    this.#hasEnded = true;
    this.#end.resolve(undefined);
  }

  #output(of: () => string | Uint8Array | undefined): HostInput {
    let isRead = false;
    return {
      read: async () => {
        await this.#end.promise;
        const printed = of();
        if (isRead || this.#isKilled || printed === undefined || printed.length === 0) {
          return null;
        }
        isRead = true;
        return bytesOf(printed);
      },
      drop: () => undefined,
    };
  }

  ended(): Promise<void> {
    return this.#end.promise;
  }

  get(): { tag: "exit" | "signal"; val: number } | null {
    if (!this.#hasEnded) {
      return null;
    }
    if (this.#isKilled) {
      return { tag: "signal", val: 9 };
    }
    const end = this.#done.end ?? { exit: 0 };
    if (end instanceof CommandError) {
      throw hostError(end);
    }
    return "exit" in end ? { tag: "exit", val: end.exit } : { tag: "signal", val: end.signal };
  }

  kill(): void {
    if (!this.#hasEnded) {
      this.#isKilled = true;
      this.#clock.timerStart(0, () => undefined);
      this.#ended();
    }
  }

  drop(): void {
    this.kill();
  }
}
