/** The clock of a test: it moves only while the method waits, and then at once. */

interface Timer {
  readonly id: number;
  readonly at: number;
  readonly run: () => void;
}

/** Node's own functions, which the web APIs of a test do not replace. */
const real = { setImmediate, setTimeout, Date };

/** How often a method that waits for nothing known is looked at again, before it is said to wait forever. */
const IDLE_MAX = 25;

/** The method waits for something that can never happen. */
export class NeverReady extends Error {
  constructor() {
    super("the method waits for something that can never happen");
    this.name = "NeverReady";
  }
}

export class Clock {
  readonly start: number;
  /** The milliseconds since the start. */
  elapsed = 0;
  /** How many functions of node itself are running, for example digests of `crypto.subtle`. */
  nReal = 0;
  #timers: Timer[] = [];
  #lastId = 0;

  constructor(now: Date) {
    this.start = now.getTime();
  }

  /** Returns the time in milliseconds since 1970. */
  nowMs(): number {
    return this.start + Math.floor(this.elapsed);
  }

  timerStart(ms: number, run: () => void): number {
    this.#lastId += 1;
    this.#timers.push({ id: this.#lastId, at: this.elapsed + ms, run });
    return this.#lastId;
  }

  timerStop(id: number): void {
    this.#timers = this.#timers.filter((it) => it.id !== id);
  }

  /** Waits for some time of this clock. */
  wait(ms: number): Promise<void> {
    return new Promise((resolve) => this.timerStart(ms, resolve));
  }

  clear(): void {
    this.#timers = [];
  }

  /** Moves to the next timer, and runs it. Returns whether there was one. */
  #step(): boolean {
    const [first] = this.#timers.toSorted((one, other) => one.at - other.at || one.id - other.id);
    if (first === undefined) {
      return false;
    }
    this.timerStop(first.id);
    this.elapsed = Math.max(this.elapsed, first.at);
    first.run();
    return true;
  }

  /** Waits for a promise, and moves the clock whenever nothing else can happen. */
  async drive<T>(promise: Promise<T>): Promise<T> {
    let isSettled = false;
    const settle = (): void => {
      isSettled = true;
    };
    promise.then(settle, settle);
    for (let nIdle = 0; ; ) {
      await new Promise((resolve) => real.setImmediate(resolve));
      if (isSettled) {
        return promise;
      }
      if (this.nReal > 0) {
        await new Promise((resolve) => real.setTimeout(resolve, 1));
      } else if (this.#step()) {
        nIdle = 0;
      } else if (nIdle < IDLE_MAX) {
        nIdle += 1;
        await new Promise((resolve) => real.setTimeout(resolve, 1));
      } else {
        throw new NeverReady();
      }
    }
  }

  /** Returns a class `Date` whose present is that of this clock. */
  dateClass(): DateConstructor {
    const clock = this;
    const Fake = class extends real.Date {
      constructor(...args: unknown[]) {
        if (args.length === 0) {
          super(clock.nowMs());
        } else {
          super(...(args as [number]));
        }
      }

      static override now(): number {
        return clock.nowMs();
      }

      static override [Symbol.hasInstance](value: unknown): boolean {
        return value instanceof real.Date;
      }
    };
    Object.defineProperty(Fake, "name", { value: "Date" });
    return Fake as unknown as DateConstructor;
  }
}
