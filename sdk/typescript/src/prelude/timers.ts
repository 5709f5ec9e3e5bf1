/** `setTimeout` and its like. */
import { engine } from "../host/engine.js";

type Callback = (...args: unknown[]) => void;

/** What `setTimeout` returns: a number for most code, with the methods that node's timers have. */
export class Timer {
  readonly id: number;
  #isActive = true;

  constructor(id: number) {
    this.id = id;
  }

  /** A timer keeps a call alive only if the method waits for it, so these do nothing. */
  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  hasRef(): boolean {
    return this.#isActive;
  }

  close(): this {
    clearTimeout(this);
    return this;
  }

  stopped(): void {
    this.#isActive = false;
  }

  [Symbol.toPrimitive](): number {
    return this.id;
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

interface Running {
  readonly timer: Timer;
  engineId: number;
}

let lastId = 0;
const running = new Map<number, Running>();

function callable(callback: unknown, name: string): Callback {
  if (typeof callback !== "function") {
    throw new TypeError(`${name}: the callback is not a function`);
  }
  return callback as Callback;
}

function delayOf(ms: unknown): number {
  const delay = Number(ms);
  return Number.isFinite(delay) && delay > 0 ? delay : 0;
}

export function setTimeout(callback: unknown, ms?: unknown, ...args: unknown[]): Timer {
  const run = callable(callback, "setTimeout");
  const timer = new Timer((lastId += 1));
  const engineId = engine().timerStart(delayOf(ms), () => {
    running.delete(timer.id);
    timer.stopped();
    run(...args);
  });
  running.set(timer.id, { timer, engineId });
  return timer;
}

export function setInterval(callback: unknown, ms?: unknown, ...args: unknown[]): Timer {
  const run = callable(callback, "setInterval");
  // Like node, so that an interval of 0 does not keep everything else from running.
  const delay = Math.max(1, delayOf(ms));
  const timer = new Timer((lastId += 1));
  const again = (): number =>
    engine().timerStart(delay, () => {
      const it = running.get(timer.id);
      if (it !== undefined) {
        it.engineId = again();
      }
      run(...args);
    });
  running.set(timer.id, { timer, engineId: again() });
  return timer;
}

export function clearTimeout(timer?: unknown): void {
  const id = timer instanceof Timer ? timer.id : Number(timer);
  const it = running.get(id);
  if (it !== undefined) {
    engine().timerStop(it.engineId);
    it.timer.stopped();
    running.delete(id);
  }
}

export { clearTimeout as clearInterval, clearTimeout as clearImmediate };

export function setImmediate(callback: unknown, ...args: unknown[]): Timer {
  return setTimeout(callback, 0, ...args);
}
