/** Commands: programs that the operator pinned under names. */
import { engine } from "../host/engine.js";
import { host, HostError, type HostInput, type HostOutput, type HostProcess } from "../host/host.js";
import type { End as WireEnd } from "../host/wire.js";
import { concat } from "../prelude/blob.js";
import { Failure } from "./error_base.js";
import { converted } from "./host_errors.js";

/** How many characters of stderr are shown in a failure. */
const SHOWN_MAX = 500;

/** How a program ended: it exited with a code, or a signal ended it. */
export type End = { readonly exit: number } | { readonly signal: number };

/** What a program printed on one stream. */
export class Printed {
  readonly bytes: Uint8Array;
  /** Whether the program printed more than the pin allows. What follows is lost. */
  readonly isCut: boolean;

  constructor(bytes: Uint8Array, isCut: boolean) {
    this.bytes = bytes;
    this.isCut = isCut;
  }

  /** Returns it as a text in UTF-8. */
  text(): string {
    return engine().text.decode(this.bytes, false);
  }
}

/** The result of a program. */
export class CommandOutput {
  readonly command: string;
  readonly end: End;
  readonly stdout: Printed;
  readonly stderr: Printed;

  constructor(command: string, end: End, stdout: Printed, stderr: Printed) {
    this.command = command;
    this.end = end;
    this.stdout = stdout;
    this.stderr = stderr;
  }

  /** Whether it exited with 0. */
  get isSuccess(): boolean {
    return "exit" in this.end && this.end.exit === 0;
  }

  /** Returns this output if the program succeeded. Throws a `Failure` otherwise. */
  success(): this {
    if (this.isSuccess) {
      return this;
    }
    const how = "exit" in this.end ? `exited with ${this.end.exit}` : `was ended by the signal ${this.end.signal}`;
    const said = this.stderr.text().trim().slice(-SHOWN_MAX);
    const details = { command: this.command, end: { ...this.end } };
    throw new Failure("command-failed", `the command \`${this.command}\` ${how}${said === "" ? "" : `: ${said}`}`, { details });
  }
}

/** Returns how a program ended. */
export function endOf(it: WireEnd): End {
  return it.tag === "exit" ? { exit: it.val } : { signal: it.val };
}

/** A stream of what a program prints. */
export class CommandStream implements AsyncIterable<Uint8Array> {
  readonly #input: HostInput;
  #isCut = false;

  constructor(input: HostInput) {
    this.#input = input;
  }

  /** Whether the program printed more than the pin allows. What follows is lost. */
  get isCut(): boolean {
    return this.#isCut;
  }

  /** Waits for the next bytes. Returns `null` at the end. */
  async read(): Promise<Uint8Array | null> {
    try {
      return await this.#input.read();
    } catch (error) {
      if (error instanceof HostError) {
        // A stream fails only where the pin's limit on the output is.
        this.#isCut = true;
        return null;
      }
      throw error;
    }
  }

  /** Reads to the end. */
  async readAll(): Promise<Printed> {
    const pieces: Uint8Array[] = [];
    for await (const piece of this) {
      pieces.push(piece);
    }
    return new Printed(concat(pieces), this.#isCut);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, undefined> {
    for (let piece = await this.read(); piece !== null; piece = await this.read()) {
      yield piece;
    }
    return undefined;
  }
}

/** The stdin of a program. Close it, so that the program sees the end of its input. */
export class CommandInput {
  readonly #output: HostOutput;

  constructor(output: HostOutput) {
    this.#output = output;
  }

  /** Writes all of it, and waits while the program does not read. Returns whether the program still takes input. */
  async write(content: Uint8Array | string): Promise<boolean> {
    return this.#whileOpen(() => this.#output.write(typeof content === "string" ? engine().text.encode(content) : content));
  }

  async close(): Promise<void> {
    await this.#whileOpen(() => this.#output.close());
  }

  async #whileOpen(action: () => Promise<void>): Promise<boolean> {
    try {
      await action();
      return true;
    } catch (error) {
      if (error instanceof HostError) {
        return false;
      }
      throw error;
    }
  }
}

/** A program that was started and may still run. When the call ends, it is killed. */
export class Process {
  readonly command: string;
  /** `null` if its input is empty. */
  readonly stdin: CommandInput | null;
  readonly stdout: CommandStream;
  readonly stderr: CommandStream;
  readonly #process: HostProcess;

  constructor(command: string, process: HostProcess) {
    this.command = command;
    this.#process = process;
    this.stdin = process.stdin === null ? null : new CommandInput(process.stdin);
    this.stdout = new CommandStream(process.stdout);
    this.stderr = new CommandStream(process.stderr);
  }

  /** Returns how the program ended, or `null` while it runs. Throws a `CommandError`. */
  get(): End | null {
    const end = converted("command-error", () => this.#process.get(), { command: this.command });
    return end === null ? null : endOf(end);
  }

  /** Waits until the program has ended. Read its output before, because a program that prints much waits for that. */
  async wait(): Promise<End> {
    for (;;) {
      const end = this.get();
      if (end !== null) {
        return end;
      }
      await this.#process.ended();
    }
  }

  /** Kills the program, and every process that it has started, if it has not ended. */
  kill(): void {
    this.#process.kill();
  }
}

export interface StartOptions {
  /** The folder that the program runs in: a path below that of the pin. */
  readonly folder?: string;
  /** Environment variables that the pin allows. */
  readonly variables?: Readonly<Record<string, string>>;
  /** Whether the method writes to the program. */
  readonly stdin?: boolean;
}

export interface RunOptions extends Omit<StartOptions, "stdin"> {
  /** What the program reads from its stdin. */
  readonly stdin?: Uint8Array | string;
  /** Kills the program when it is aborted. */
  readonly signal?: AbortSignal;
}

/** Commands. A program receives its arguments verbatim; no shell interprets them. */
export class Commands {
  /** Starts a command and continues. Throws a `CommandError`. */
  start(name: string, args: readonly string[] = [], options: StartOptions = {}): Process {
    const variables = Object.entries(options.variables ?? {}).map(([name, value]) => ({ name, value }));
    const wire = { folder: options.folder ?? null, variables, stdin: options.stdin ? ("piped" as const) : ("empty" as const) };
    const process = converted("command-error", () => host().commands.start(name, args.map(String), wire), { command: name });
    return new Process(name, process);
  }

  /**
   * Runs a command, and returns its result even if it did not succeed: `(await cx.commands.run("df", ["-k"])).success()`.
   * Throws a `CommandError` if the command was not run, or did not end by itself.
   */
  async run(name: string, args: readonly string[] = [], options: RunOptions = {}): Promise<CommandOutput> {
    const { signal, stdin, ...more } = options;
    signal?.throwIfAborted();
    const process = this.start(name, args, { ...more, stdin: stdin !== undefined });
    const kill = (): void => process.kill();
    signal?.addEventListener("abort", kill);
    try {
      const feed = async (): Promise<void> => {
        if (process.stdin !== null && stdin !== undefined) {
          // A program need not read all of its input.
          await process.stdin.write(stdin);
          await process.stdin.close();
        }
      };
      const [stdout, stderr] = await Promise.all([process.stdout.readAll(), process.stderr.readAll(), feed()]);
      const end = await process.wait();
      signal?.throwIfAborted();
      return new CommandOutput(name, end, stdout, stderr);
    } catch (error) {
      process.kill();
      throw error;
    } finally {
      signal?.removeEventListener("abort", kill);
    }
  }
}
