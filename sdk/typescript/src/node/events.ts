/** `EventEmitter` of `node:events`. */

type Listener = (...args: unknown[]) => void;

export class EventEmitter {
  static defaultMaxListeners = 10;
  #listeners = new Map<string | symbol, { listener: Listener; once: boolean }[]>();

  #add(name: string | symbol, listener: Listener, once: boolean, first: boolean): this {
    const it = { listener, once };
    const before = this.#listeners.get(name) ?? [];
    this.#listeners.set(name, first ? [it, ...before] : [...before, it]);
    return this;
  }

  on(name: string | symbol, listener: Listener): this {
    return this.#add(name, listener, false, false);
  }

  once(name: string | symbol, listener: Listener): this {
    return this.#add(name, listener, true, false);
  }

  prependListener(name: string | symbol, listener: Listener): this {
    return this.#add(name, listener, false, true);
  }

  off(name: string | symbol, listener: Listener): this {
    const before = this.#listeners.get(name) ?? [];
    const at = before.findLastIndex((it) => it.listener === listener);
    if (at >= 0) {
      this.#listeners.set(name, before.toSpliced(at, 1));
    }
    return this;
  }

  addListener(name: string | symbol, listener: Listener): this {
    return this.on(name, listener);
  }

  removeListener(name: string | symbol, listener: Listener): this {
    return this.off(name, listener);
  }

  removeAllListeners(name?: string | symbol): this {
    if (name === undefined) {
      this.#listeners.clear();
    } else {
      this.#listeners.delete(name);
    }
    return this;
  }

  emit(name: string | symbol, ...args: unknown[]): boolean {
    const found = this.#listeners.get(name) ?? [];
    if (found.length === 0 && name === "error") {
      throw args[0] instanceof Error ? args[0] : new Error(`an error that is not handled: ${String(args[0])}`);
    }
    for (const it of found) {
      if (it.once) {
        this.off(name, it.listener);
      }
      it.listener.apply(this, args);
    }
    return found.length > 0;
  }

  listenerCount(name: string | symbol): number {
    return this.#listeners.get(name)?.length ?? 0;
  }

  listeners(name: string | symbol): Listener[] {
    return (this.#listeners.get(name) ?? []).map((it) => it.listener);
  }

  eventNames(): (string | symbol)[] {
    return [...this.#listeners.keys()];
  }

  setMaxListeners(): this {
    return this;
  }

  getMaxListeners(): number {
    return EventEmitter.defaultMaxListeners;
  }
}

export async function once(emitter: EventEmitter, name: string | symbol): Promise<unknown[]> {
  return new Promise((resolve, reject) => {
    emitter.once(name, (...args) => resolve(args));
    if (name !== "error") {
      emitter.once("error", reject);
    }
  });
}

export default Object.assign(EventEmitter, { EventEmitter, once });
