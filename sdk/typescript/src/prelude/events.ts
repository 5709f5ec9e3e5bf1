/** `Event`, `CustomEvent` and `EventTarget`, as far as there is no document: events do not bubble. */

export interface EventInit {
  bubbles?: boolean;
  cancelable?: boolean;
  composed?: boolean;
}

export class Event {
  readonly type: string;
  readonly bubbles: boolean;
  readonly cancelable: boolean;
  readonly composed: boolean;
  readonly timeStamp: number = Date.now();
  readonly isTrusted: boolean = false;
  readonly eventPhase: number = 0;
  target: EventTarget | null = null;
  currentTarget: EventTarget | null = null;
  #isPrevented = false;
  #isStopped = false;

  constructor(type: string, init: EventInit = {}) {
    this.type = String(type);
    this.bubbles = Boolean(init.bubbles);
    this.cancelable = Boolean(init.cancelable);
    this.composed = Boolean(init.composed);
  }

  get defaultPrevented(): boolean {
    return this.#isPrevented;
  }

  /** Whether no further listener is called. */
  static isStopped(event: Event): boolean {
    return event.#isStopped;
  }

  preventDefault(): void {
    this.#isPrevented ||= this.cancelable;
  }

  stopPropagation(): void {}

  stopImmediatePropagation(): void {
    this.#isStopped = true;
  }

  composedPath(): EventTarget[] {
    return this.currentTarget === null ? [] : [this.currentTarget];
  }
}

export class CustomEvent<T = unknown> extends Event {
  readonly detail: T | null;

  constructor(type: string, init: EventInit & { detail?: T } = {}) {
    super(type, init);
    this.detail = init.detail ?? null;
  }
}

export type Listener = ((event: Event) => void) | { handleEvent(event: Event): void };

export interface ListenerOptions {
  once?: boolean;
  capture?: boolean;
  passive?: boolean;
  signal?: EventTarget & { readonly aborted: boolean };
}

interface Entry {
  readonly type: string;
  readonly listener: Listener;
  readonly capture: boolean;
  readonly once: boolean;
}

/** What is called with an error that a listener threw. The install replaces it by the end of the call. */
export const uncaught: { report: (error: unknown) => void } = {
  report(error) {
    throw error;
  },
};

export class EventTarget {
  #entries: Entry[] = [];

  addEventListener(type: string, listener: Listener | null, options: ListenerOptions | boolean = {}): void {
    const { once = false, capture = false, signal } = typeof options === "boolean" ? { capture: options } : options;
    if (listener === null || signal?.aborted) {
      return;
    }
    const isThere = this.#entries.some((it) => it.type === type && it.listener === listener && it.capture === capture);
    if (!isThere) {
      this.#entries = [...this.#entries, { type, listener, capture, once }];
      signal?.addEventListener("abort", () => this.removeEventListener(type, listener, { capture }), { once: true });
    }
  }

  removeEventListener(type: string, listener: Listener | null, options: { capture?: boolean } | boolean = {}): void {
    const capture = typeof options === "boolean" ? options : options.capture ?? false;
    this.#entries = this.#entries.filter((it) => it.type !== type || it.listener !== listener || it.capture !== capture);
  }

  dispatchEvent(event: Event): boolean {
    event.target = this;
    event.currentTarget = this;
    for (const it of this.#entries) {
      if (it.type !== event.type || !this.#entries.includes(it)) {
        continue;
      }
      if (it.once) {
        this.removeEventListener(it.type, it.listener, { capture: it.capture });
      }
      try {
        if (typeof it.listener === "function") {
          it.listener.call(this, event);
        } else {
          it.listener.handleEvent(event);
        }
      } catch (error) {
        uncaught.report(error);
      }
      if (Event.isStopped(event)) {
        break;
      }
    }
    event.currentTarget = null;
    return !event.defaultPrevented;
  }
}

/** Calls the handler in a property (`onabort`) in front of the listeners. */
export function dispatchWithHandler(target: EventTarget, event: Event, handler: ((event: Event) => void) | null): void {
  if (typeof handler === "function") {
    target.addEventListener(event.type, handler, { once: true });
  }
  target.dispatchEvent(event);
}
