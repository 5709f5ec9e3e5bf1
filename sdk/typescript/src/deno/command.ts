/** `Deno.Command`: a program that the operator pinned. Its name is that of the pin. */
import { HostError } from "../host/host.js";
import { ReadableStream, WritableStream } from "../prelude/streams.js";
import { AbortSignal } from "../prelude/abort.js";
import { Commands, type End, type Process } from "../sdk/commands.js";
import { SedgeError } from "../sdk/error_base.js";
import { CommandError, CommandNotPinned, CommandNotStarted } from "../sdk/error_table.js";
import { denoError, notGranted, notSupported } from "./errors.js";

type Stdio = "piped" | "inherit" | "null";

interface CommandOptions {
  args?: readonly unknown[];
  cwd?: string | URL;
  env?: Record<string, string>;
  clearEnv?: boolean;
  stdin?: Stdio;
  stdout?: Stdio;
  stderr?: Stdio;
  signal?: AbortSignal;
}

interface CommandStatus {
  readonly success: boolean;
  readonly code: number;
  readonly signal: string | null;
}

const SIGNALS: Readonly<Record<number, string>> = { 1: "SIGHUP", 2: "SIGINT", 3: "SIGQUIT", 6: "SIGABRT", 9: "SIGKILL", 11: "SIGSEGV", 13: "SIGPIPE", 15: "SIGTERM" };

function statusOf(end: End): CommandStatus {
  if ("exit" in end) {
    return { success: end.exit === 0, code: end.exit, signal: null };
  }
  return { success: false, code: 128 + end.signal, signal: SIGNALS[end.signal] ?? `SIG${end.signal}` };
}

/** Returns an error of a command as Deno has it. Its cause keeps the code and the sentence of the host. */
function converted(error: unknown): unknown {
  if (!(error instanceof CommandError)) {
    return error;
  }
  if (error instanceof CommandNotPinned || error.code === "denied") {
    return notGranted(error.message);
  }
  const found = denoError(error instanceof CommandNotStarted ? "NotFound" : "PermissionDenied", error.message);
  found.cause = error satisfies SedgeError;
  return found;
}

/** Returns the name of the pin: the last part of a path. */
function nameOf(program: string | URL): string {
  return String(program).split("/").at(-1) ?? String(program);
}

/** Returns the folder below that of the pin. */
function folderOf(cwd: string | URL | undefined): string | undefined {
  if (cwd === undefined || String(cwd) === "." || String(cwd) === "") {
    return undefined;
  }
  const folder = String(cwd);
  if (folder.startsWith("/")) {
    throw notSupported("cwd: an absolute path", "a program runs in the folder of its pin, or in one below it");
  }
  return folder.replace(/^\.\//, "");
}

class ChildProcess {
  /** A plugin sees no ids of processes. */
  readonly pid = 0;
  readonly status: Promise<CommandStatus>;
  readonly #process: Process;
  readonly #options: CommandOptions;
  #stdout: ReadableStream<Uint8Array> | null = null;
  #stderr: ReadableStream<Uint8Array> | null = null;
  #stdin: WritableStream<Uint8Array> | null = null;

  constructor(process: Process, options: CommandOptions) {
    this.#process = process;
    this.#options = options;
    this.status = process.wait().then(statusOf, (error: unknown) => {
      throw converted(error);
    });
    // Whoever waits for the output sees the error.
    this.status.catch(() => undefined);
    for (const name of ["stdout", "stderr"] as const) {
      if (options[name] === "inherit" || options[name] === "null") {
        this.#drain(name, options[name] === "inherit");
      }
    }
    if (options.signal instanceof AbortSignal) {
      AbortSignal.onAbort(options.signal, () => process.kill());
    }
  }

  async #drain(name: "stdout" | "stderr", isLogged: boolean): Promise<void> {
    const printed = await this.#process[name].readAll();
    const text = printed.text().trimEnd();
    if (isLogged && text !== "") {
      console[name === "stdout" ? "log" : "warn"](text);
    }
  }

  #stream(name: "stdout" | "stderr"): ReadableStream<Uint8Array> {
    const stream = this.#process[name];
    if ((this.#options[name] ?? "inherit") !== "piped") {
      throw new TypeError(`${name} is not "piped"`);
    }
    return new ReadableStream<Uint8Array>({
      async pull(controller) {
        const piece = await stream.read();
        if (piece === null) {
          controller.close();
        } else {
          controller.enqueue(piece);
        }
      },
    });
  }

  get stdout(): ReadableStream<Uint8Array> {
    this.#stdout ??= this.#stream("stdout");
    return this.#stdout;
  }

  get stderr(): ReadableStream<Uint8Array> {
    this.#stderr ??= this.#stream("stderr");
    return this.#stderr;
  }

  get stdin(): WritableStream<Uint8Array> {
    const { stdin } = this.#process;
    if (stdin === null) {
      throw new TypeError('stdin is not "piped"');
    }
    this.#stdin ??= new WritableStream<Uint8Array>({
      async write(piece) {
        if (!(await stdin.write(piece))) {
          throw denoError("BrokenPipe", "the program does not read its input any more");
        }
      },
      close: () => stdin.close(),
      abort: () => stdin.close(),
    });
    return this.#stdin;
  }

  async output(): Promise<CommandOutput> {
    const [stdout, stderr] = await Promise.all([this.#process.stdout.readAll(), this.#process.stderr.readAll()]);
    const status = await this.status;
    return { ...status, stdout: stdout.bytes, stderr: stderr.bytes };
  }

  kill(_signal?: string): void {
    this.#process.kill();
  }

  ref(): void {}

  unref(): void {}

  async [Symbol.asyncDispose](): Promise<void> {
    this.kill();
    await this.status.catch(() => undefined);
  }
}

interface CommandOutput extends CommandStatus {
  readonly stdout: Uint8Array;
  readonly stderr: Uint8Array;
}

export class Command {
  readonly #name: string;
  readonly #options: CommandOptions;

  constructor(program: string | URL, options: CommandOptions = {}) {
    this.#name = nameOf(program);
    this.#options = options;
  }

  #start(options: CommandOptions, piped: boolean): Process {
    const folder = folderOf(options.cwd);
    try {
      return new Commands().start(this.#name, (options.args ?? []).map(String), {
        ...(folder === undefined ? {} : { folder }),
        variables: options.env ?? {},
        stdin: piped,
      });
    } catch (error) {
      throw error instanceof HostError ? error : converted(error);
    }
  }

  spawn(): ChildProcess {
    return new ChildProcess(this.#start(this.#options, this.#options.stdin === "piped"), this.#options);
  }

  async output(): Promise<CommandOutput> {
    if (this.#options.stdin === "piped") {
      throw new TypeError('If "stdin" is set to "piped", use "spawn()" instead of "output()"');
    }
    const options = { ...this.#options, stdout: "piped", stderr: "piped" } as const;
    return new ChildProcess(this.#start(options, false), options).output();
  }

  outputSync(): never {
    throw notSupported("Deno.Command.outputSync", "use `await command.output()`");
  }
}
