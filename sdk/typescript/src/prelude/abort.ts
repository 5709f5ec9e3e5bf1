/** `AbortController` and `AbortSignal`. */
import { DOMException } from "./errors.js";
import { dispatchWithHandler, Event, EventTarget } from "./events.js";
import { clearTimeout, setTimeout } from "./timers.js";

const OWN = Symbol("own");

export class AbortSignal extends EventTarget {
  onabort: ((event: Event) => void) | null = null;
  #isAborted = false;
  #reason: unknown = undefined;
  #actions: (() => void)[] = [];

  constructor(key?: symbol) {
    if (key !== OWN) {
      throw new TypeError("Illegal constructor: make an AbortController, and take its signal");
    }
    super();
  }

  get aborted(): boolean {
    return this.#isAborted;
  }

  get reason(): unknown {
    return this.#reason;
  }

  throwIfAborted(): void {
    if (this.#isAborted) {
      throw this.#reason;
    }
  }

  /** Makes a signal. Only this package calls it. */
  static create(): AbortSignal {
    return new AbortSignal(OWN);
  }

  /** Aborts a signal. Only this package calls it. */
  static fire(signal: AbortSignal, reason: unknown = new DOMException("This operation was aborted", "AbortError")): void {
    if (signal.#isAborted) {
      return;
    }
    signal.#isAborted = true;
    signal.#reason = reason;
    const actions = signal.#actions;
    signal.#actions = [];
    for (const action of actions) {
      action();
    }
    dispatchWithHandler(signal, new Event("abort"), signal.onabort);
  }

  /** Adds an action that runs before the listeners, and returns a function that removes it. */
  static onAbort(signal: AbortSignal, action: () => void): () => void {
    signal.#actions.push(action);
    return () => {
      signal.#actions = signal.#actions.filter((it) => it !== action);
    };
  }

  static abort(reason?: unknown): AbortSignal {
    const signal = AbortSignal.create();
    AbortSignal.fire(signal, reason);
    return signal;
  }

  static timeout(ms: number): AbortSignal {
    const signal = AbortSignal.create();
    setTimeout(() => AbortSignal.fire(signal, new DOMException("The operation was aborted due to timeout", "TimeoutError")), ms);
    return signal;
  }

  static any(signals: Iterable<AbortSignal>): AbortSignal {
    const sources = [...signals];
    const all = AbortSignal.create();
    const aborted = sources.find((it) => it.aborted);
    if (aborted !== undefined) {
      AbortSignal.fire(all, aborted.reason);
      return all;
    }
    const removals = sources.map((it) =>
      AbortSignal.onAbort(it, () => {
        for (const remove of removals) {
          remove();
        }
        AbortSignal.fire(all, it.reason);
      }),
    );
    return all;
  }
}

export class AbortController {
  readonly signal: AbortSignal = AbortSignal.create();

  abort(reason?: unknown): void {
    AbortSignal.fire(this.signal, reason);
  }
}

/** Waits for a promise, or throws the reason of the signal as soon as it is aborted. */
export async function orAborted<T>(promise: Promise<T>, signal: AbortSignal | null): Promise<T> {
  if (signal === null) {
    return promise;
  }
  signal.throwIfAborted();
  let remove = () => undefined as void;
  const aborted = new Promise<never>((_, reject) => {
    remove = AbortSignal.onAbort(signal, () => reject(signal.reason));
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    remove();
  }
}

/** Waits for some time, or until the signal is aborted. */
export function sleep(ms: number, signal: AbortSignal | null = null): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    let remove = () => undefined as void;
    const timer = setTimeout(() => {
      remove();
      resolve();
    }, ms);
    if (signal !== null) {
      remove = AbortSignal.onAbort(signal, () => {
        clearTimeout(timer);
        reject(signal.reason);
      });
    }
  });
}
