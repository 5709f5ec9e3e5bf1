/** `console`: lines of the call's log. */
import { engine } from "../host/engine.js";
import { host } from "../host/host.js";
import type { Level } from "../host/wire.js";
import { format, inspect } from "./inspect.js";

function write(level: Level, text: string): void {
  host().log.log(level, text, []);
}

/** The console. It keeps the indentation of groups, counts and timers. */
export class Console {
  #indent = "";
  #counts = new Map<string, number>();
  #timers = new Map<string, number>();

  #line(level: Level, args: readonly unknown[]): void {
    write(level, this.#indent + format(args).replaceAll("\n", `\n${this.#indent}`));
  }

  log = (...args: unknown[]): void => this.#line("info", args);
  info = (...args: unknown[]): void => this.#line("info", args);
  debug = (...args: unknown[]): void => this.#line("debug", args);
  warn = (...args: unknown[]): void => this.#line("warn", args);
  error = (...args: unknown[]): void => this.#line("error", args);

  trace = (...args: unknown[]): void => {
    const frames = (new Error().stack ?? "").split("\n").filter((it) => /^\s+at /.test(it)).slice(1);
    this.#line("trace", [[format(args), ...frames].join("\n")]);
  };

  dir = (value: unknown): void => this.#line("info", [inspect(value, 1)]);
  dirxml = (...args: unknown[]): void => this.#line("info", args);
  table = (value: unknown): void => this.#line("info", [inspect(value, 1)]);

  assert = (condition?: unknown, ...args: unknown[]): void => {
    if (!condition) {
      this.#line("error", typeof args[0] === "string" ? [`Assertion failed: ${args[0]}`, ...args.slice(1)] : ["Assertion failed", ...args]);
    }
  };

  count = (label = "default"): void => {
    const n = (this.#counts.get(label) ?? 0) + 1;
    this.#counts.set(label, n);
    this.#line("info", [`${label}: ${n}`]);
  };

  countReset = (label = "default"): void => {
    this.#counts.delete(label);
  };

  group = (...args: unknown[]): void => {
    if (args.length > 0) {
      this.#line("info", args);
    }
    this.#indent += "  ";
  };

  groupCollapsed = this.group;

  groupEnd = (): void => {
    this.#indent = this.#indent.slice(2);
  };

  time = (label = "default"): void => {
    this.#timers.set(label, engine().clock.monotonicMs());
  };

  #elapsed(label: string): string {
    const from = this.#timers.get(label);
    return from === undefined ? `the timer "${label}" does not exist` : `${label}: ${(engine().clock.monotonicMs() - from).toFixed(0)} ms`;
  }

  timeLog = (label = "default", ...args: unknown[]): void => this.#line("info", [this.#elapsed(label), ...args]);

  timeEnd = (label = "default"): void => {
    this.#line("info", [this.#elapsed(label)]);
    this.#timers.delete(label);
  };

  clear = (): void => undefined;
}
