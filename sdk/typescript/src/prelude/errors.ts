/** `DOMException`. */

const CODES: Readonly<Record<string, number>> = {
  IndexSizeError: 1, NotFoundError: 8, NotSupportedError: 9, InvalidStateError: 11, SyntaxError: 12,
  InvalidAccessError: 15, NetworkError: 19, AbortError: 20, URLMismatchError: 21, QuotaExceededError: 22,
  TimeoutError: 23, DataCloneError: 25,
};

export class DOMException extends Error {
  readonly code: number;

  constructor(message = "", nameOrOptions: string | { name?: string; cause?: unknown } = "Error") {
    const { name = "Error", cause } = typeof nameOrOptions === "string" ? { name: nameOrOptions } : nameOrOptions;
    super(message, cause === undefined ? undefined : { cause });
    Object.defineProperty(this, "name", { value: name, configurable: true, writable: true });
    this.code = CODES[name] ?? 0;
  }

  get [Symbol.toStringTag](): string {
    return "DOMException";
  }
}
