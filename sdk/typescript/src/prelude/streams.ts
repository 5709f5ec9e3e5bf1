/**
 * `ReadableStream`, `WritableStream` and `TransformStream` of the Streams Standard, as far as bodies need them:
 * default readers and writers, queues with a high water mark, `tee`, pipes and asynchronous iteration. There are no
 * readers that bring their own buffer (`mode: "byob"`).
 */

/** A promise with its functions. `Promise.withResolvers` is not in node 20, where tests run. */
export interface Deferred<T> {
  readonly promise: Promise<T>;
  resolve(value: T): void;
  reject(reason: unknown): void;
}

export function deferred<T>(): Deferred<T> {
  let resolve: (value: T) => void = () => undefined;
  let reject: (reason: unknown) => void = () => undefined;
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  // An unhandled rejection is the reader's concern and not that of the stream.
  promise.catch(() => undefined);
  return { promise, resolve, reject };
}

export interface Strategy<T> {
  highWaterMark?: number;
  size?: (chunk: T) => number;
}

export class CountQueuingStrategy {
  readonly highWaterMark: number;
  constructor(init: { highWaterMark: number }) {
    this.highWaterMark = init.highWaterMark;
  }
  size(): number {
    return 1;
  }
}

export class ByteLengthQueuingStrategy {
  readonly highWaterMark: number;
  constructor(init: { highWaterMark: number }) {
    this.highWaterMark = init.highWaterMark;
  }
  size(chunk: ArrayBufferView): number {
    return chunk.byteLength;
  }
}

export type ReadResult<T> = { done: false; value: T } | { done: true; value: undefined };

export interface Source<T> {
  type?: "bytes" | undefined;
  start?(controller: ReadableStreamDefaultController<T>): unknown;
  pull?(controller: ReadableStreamDefaultController<T>): unknown;
  cancel?(reason: unknown): unknown;
}

type ReadState = "readable" | "closed" | "errored";

/** The state of a stream that is read. */
class Readable<T> {
  state: ReadState = "readable";
  error: unknown = undefined;
  reader: ReadableStreamDefaultReader<T> | null = null;
  isDisturbed = false;
  readonly requests: Deferred<ReadResult<T>>[] = [];
  readonly queue: { chunk: T; size: number }[] = [];
  closed = deferred<undefined>();
  size = 0;
  isClosing = false;
  #isStarted = false;
  #isPulling = false;
  #pullAgain = false;
  readonly controller = new ReadableStreamDefaultController<T>(this);

  constructor(
    readonly source: Source<T>,
    readonly highWaterMark: number,
    readonly sizeOf: (chunk: T) => number,
  ) {}

  start(): void {
    const begun = this.source.start?.(this.controller);
    Promise.resolve(begun).then(
      () => {
        this.#isStarted = true;
        this.pull();
      },
      (error: unknown) => this.fail(error),
    );
  }

  desired(): number | null {
    if (this.state === "errored") {
      return null;
    }
    return this.state === "closed" ? 0 : this.highWaterMark - this.size;
  }

  pull(): void {
    const isWanted = this.requests.length > 0 || (this.desired() ?? 0) > 0;
    if (!this.#isStarted || this.state !== "readable" || this.isClosing || !isWanted) {
      return;
    }
    if (this.#isPulling) {
      this.#pullAgain = true;
      return;
    }
    this.#isPulling = true;
    let pulled: unknown;
    try {
      pulled = this.source.pull?.(this.controller);
    } catch (error) {
      this.fail(error);
      return;
    }
    Promise.resolve(pulled).then(
      () => {
        this.#isPulling = false;
        if (this.#pullAgain) {
          this.#pullAgain = false;
          this.pull();
        }
      },
      (error: unknown) => this.fail(error),
    );
  }

  enqueue(chunk: T): void {
    if (this.isClosing || this.state !== "readable") {
      throw new TypeError("the stream is closed, and takes nothing more");
    }
    const request = this.requests.shift();
    if (request !== undefined) {
      request.resolve({ done: false, value: chunk });
    } else {
      const size = this.sizeOf(chunk);
      this.queue.push({ chunk, size });
      this.size += size;
    }
    this.pull();
  }

  close(): void {
    if (this.isClosing || this.state !== "readable") {
      throw new TypeError("the stream is closed already");
    }
    this.isClosing = true;
    if (this.queue.length === 0) {
      this.end();
    }
  }

  end(): void {
    this.state = "closed";
    for (const request of this.requests.splice(0)) {
      request.resolve({ done: true, value: undefined });
    }
    this.closed.resolve(undefined);
  }

  fail(error: unknown): void {
    if (this.state !== "readable") {
      return;
    }
    this.state = "errored";
    this.error = error;
    this.queue.length = 0;
    for (const request of this.requests.splice(0)) {
      request.reject(error);
    }
    this.closed.reject(error);
  }

  read(): Promise<ReadResult<T>> {
    this.isDisturbed = true;
    const first = this.queue.shift();
    if (first !== undefined) {
      this.size -= first.size;
      if (this.isClosing && this.queue.length === 0) {
        this.end();
      } else {
        this.pull();
      }
      return Promise.resolve({ done: false, value: first.chunk });
    }
    if (this.state === "closed") {
      return Promise.resolve({ done: true, value: undefined });
    }
    if (this.state === "errored") {
      return Promise.reject(this.error);
    }
    const request = deferred<ReadResult<T>>();
    this.requests.push(request);
    this.pull();
    return request.promise;
  }

  async cancel(reason: unknown): Promise<void> {
    this.isDisturbed = true;
    if (this.state === "closed") {
      return;
    }
    if (this.state === "errored") {
      throw this.error;
    }
    this.queue.length = 0;
    this.end();
    await this.source.cancel?.(reason);
  }
}

export class ReadableStreamDefaultController<T> {
  readonly #of: Readable<T>;
  readonly byobRequest = null;

  constructor(of: Readable<T>) {
    this.#of = of;
  }

  get desiredSize(): number | null {
    return this.#of.desired();
  }

  enqueue(chunk: T): void {
    this.#of.enqueue(chunk);
  }

  close(): void {
    this.#of.close();
  }

  error(error?: unknown): void {
    this.#of.fail(error);
  }
}

export class ReadableStreamDefaultReader<T> {
  #of: Readable<T> | null;
  #closed: Promise<undefined>;

  constructor(stream: ReadableStream<T>) {
    const of = ReadableStream.state(stream);
    if (of.reader !== null) {
      throw new TypeError("the stream is locked to another reader");
    }
    this.#of = of;
    this.#closed = of.closed.promise;
    of.reader = this;
  }

  get closed(): Promise<undefined> {
    return this.#closed;
  }

  #state(): Readable<T> {
    if (this.#of === null) {
      throw new TypeError("the reader has released its stream");
    }
    return this.#of;
  }

  async read(): Promise<ReadResult<T>> {
    return this.#state().read();
  }

  async cancel(reason?: unknown): Promise<void> {
    await this.#state().cancel(reason);
  }

  releaseLock(): void {
    if (this.#of === null) {
      return;
    }
    const released = new TypeError("the reader has released its stream");
    for (const request of this.#of.requests.splice(0)) {
      request.reject(released);
    }
    this.#of.reader = null;
    this.#of = null;
    this.#closed = Promise.reject(released);
    this.#closed.catch(() => undefined);
  }
}

export interface PipeOptions {
  preventClose?: boolean;
  preventAbort?: boolean;
  preventCancel?: boolean;
  signal?: { readonly aborted: boolean; readonly reason: unknown; addEventListener(type: string, listener: () => void): void } | null;
}

function markOf<T>(strategy: Strategy<T>, otherwise: number): number {
  const mark = Number(strategy.highWaterMark ?? otherwise);
  if (Number.isNaN(mark) || mark < 0) {
    throw new RangeError("the high water mark is not a number from 0 on");
  }
  return mark;
}

export class ReadableStream<T = unknown> {
  readonly #state: Readable<T>;

  constructor(source: Source<T> = {}, strategy: Strategy<T> = {}) {
    const size = strategy.size;
    this.#state = new Readable(source, markOf(strategy, source.type === "bytes" ? 0 : 1), (chunk) => size?.(chunk) ?? 1);
    this.#state.start();
  }

  /** Returns the state of a stream. Only this package calls it. */
  static state<T>(stream: ReadableStream<T>): Readable<T> {
    return stream.#state;
  }

  /** Returns whether something was read from a stream, or it was cancelled. */
  static isDisturbed<T>(stream: ReadableStream<T>): boolean {
    return stream.#state.isDisturbed;
  }

  static from<T>(items: AsyncIterable<T> | Iterable<T | Promise<T>>): ReadableStream<T> {
    const iterator = Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]();
    return new ReadableStream<T>(
      {
        async pull(controller) {
          const next = await iterator.next();
          if (next.done) {
            controller.close();
          } else {
            controller.enqueue(await next.value);
          }
        },
        async cancel() {
          await iterator.return?.();
        },
      },
      { highWaterMark: 0 },
    );
  }

  get locked(): boolean {
    return this.#state.reader !== null;
  }

  getReader(options: { mode?: "byob" } = {}): ReadableStreamDefaultReader<T> {
    if (options.mode !== undefined) {
      throw new TypeError("there are only default readers: getReader()");
    }
    return new ReadableStreamDefaultReader(this);
  }

  async cancel(reason?: unknown): Promise<void> {
    if (this.locked) {
      throw new TypeError("the stream is locked: cancel its reader");
    }
    await this.#state.cancel(reason);
  }

  tee(): [ReadableStream<T>, ReadableStream<T>] {
    const reader = this.getReader();
    const branches: ReadableStreamDefaultController<T>[] = [];
    const cancelled = [false, false];
    const reasons: unknown[] = [];
    let isPulling = false;
    const all = deferred<void>();
    const pull = async (): Promise<void> => {
      if (isPulling) {
        return;
      }
      isPulling = true;
      try {
        const next = await reader.read();
        isPulling = false;
        branches.forEach((branch, at) => {
          if (cancelled[at]) {
            return;
          }
          if (next.done) {
            branch.close();
          } else {
            branch.enqueue(next.value);
          }
        });
        if (next.done) {
          all.resolve();
        }
      } catch (error) {
        for (const branch of branches) {
          branch.error(error);
        }
        all.resolve();
      }
    };
    const cancel = (at: number) => async (reason: unknown): Promise<void> => {
      cancelled[at] = true;
      reasons[at] = reason;
      if (cancelled[0] && cancelled[1]) {
        await reader.cancel(reasons);
        all.resolve();
      }
      return all.promise;
    };
    const branch = (at: number): ReadableStream<T> =>
      new ReadableStream<T>({ start: (controller) => void (branches[at] = controller), pull, cancel: cancel(at) });
    return [branch(0), branch(1)];
  }

  async pipeTo(target: WritableStream<T>, options: PipeOptions = {}): Promise<void> {
    const reader = this.getReader();
    const writer = target.getWriter();
    const { signal } = options;
    let isAborted = false;
    const aborted = new Promise<never>((_, reject) => {
      const abort = (): void => {
        isAborted = true;
        reject(signal?.reason);
      };
      if (signal?.aborted) {
        abort();
      }
      signal?.addEventListener("abort", abort);
    });
    aborted.catch(() => undefined);
    try {
      for (;;) {
        await Promise.race([writer.ready, aborted]);
        const next = await Promise.race([reader.read(), aborted]);
        if (next.done) {
          break;
        }
        writer.write(next.value).catch(() => undefined);
      }
      if (!options.preventClose) {
        await writer.close();
      }
    } catch (error) {
      const isOfTarget = !isAborted && WritableStream.hasFailed(target);
      if (isOfTarget || isAborted) {
        if (!options.preventCancel) {
          await reader.cancel(error).catch(() => undefined);
        }
      }
      if (!isOfTarget && !options.preventAbort) {
        await writer.abort(error).catch(() => undefined);
      }
      throw error;
    } finally {
      reader.releaseLock();
      writer.releaseLock();
    }
  }

  pipeThrough<U>(transform: { readable: ReadableStream<U>; writable: WritableStream<T> }, options: PipeOptions = {}): ReadableStream<U> {
    this.pipeTo(transform.writable, options).catch(() => undefined);
    return transform.readable;
  }

  async *values(options: { preventCancel?: boolean } = {}): AsyncGenerator<T, undefined> {
    const reader = this.getReader();
    let isDone = false;
    try {
      for (;;) {
        const next = await reader.read();
        if (next.done) {
          isDone = true;
          return undefined;
        }
        yield next.value;
      }
    } catch (error) {
      isDone = true;
      throw error;
    } finally {
      if (!isDone && !options.preventCancel) {
        await reader.cancel();
      }
      reader.releaseLock();
    }
  }

  [Symbol.asyncIterator](): AsyncGenerator<T, undefined> {
    return this.values();
  }

  get [Symbol.toStringTag](): string {
    return "ReadableStream";
  }
}

export interface Sink<T> {
  start?(controller: WritableStreamDefaultController): unknown;
  write?(chunk: T, controller: WritableStreamDefaultController): unknown;
  close?(): unknown;
  abort?(reason: unknown): unknown;
}

export class WritableStreamDefaultController {
  readonly #fail: (error: unknown) => void;

  constructor(fail: (error: unknown) => void) {
    this.#fail = fail;
  }

  error(error?: unknown): void {
    this.#fail(error);
  }
}

/** The state of a stream that is written. */
class Writable<T> {
  state: "writable" | "closing" | "closed" | "errored" = "writable";
  error: unknown = undefined;
  writer: WritableStreamDefaultWriter<T> | null = null;
  readonly closed = deferred<undefined>();
  ready = deferred<undefined>();
  #size = 0;
  #isReady = true;
  #last: Promise<unknown> = Promise.resolve();
  readonly #controller = new WritableStreamDefaultController((error) => this.fail(error));

  constructor(
    readonly sink: Sink<T>,
    readonly highWaterMark: number,
    readonly sizeOf: (chunk: T) => number,
  ) {
    this.ready.resolve(undefined);
  }

  start(): void {
    const begun = this.sink.start?.(this.#controller);
    this.#last = Promise.resolve(begun).catch((error: unknown) => this.fail(error));
  }

  desired(): number | null {
    if (this.state === "errored") {
      return null;
    }
    return this.state === "closed" ? 0 : this.highWaterMark - this.#size;
  }

  fail(error: unknown): void {
    if (this.state === "closed" || this.state === "errored") {
      return;
    }
    this.state = "errored";
    this.error = error;
    this.closed.reject(error);
    // Whoever waits for room learns it now, and later ones, too.
    this.ready.reject(error);
    this.ready = deferred();
    this.ready.reject(error);
  }

  /** Runs an action after those before, unless one of them has failed. */
  #after(action: () => unknown): Promise<void> {
    const done = this.#last.then(async () => {
      if (this.state === "errored") {
        throw this.error;
      }
      try {
        await action();
      } catch (error) {
        this.fail(error);
        throw error;
      }
    });
    this.#last = done.catch(() => undefined);
    return done;
  }

  async write(chunk: T): Promise<void> {
    if (this.state === "errored") {
      throw this.error;
    }
    if (this.state !== "writable") {
      throw new TypeError("the stream is closed, and takes nothing more");
    }
    const size = this.sizeOf(chunk);
    this.#size += size;
    if ((this.desired() ?? 0) <= 0 && this.#isReady) {
      this.#isReady = false;
      this.ready = deferred();
    }
    await this.#after(async () => {
      await this.sink.write?.(chunk, this.#controller);
      this.#size -= size;
      if ((this.desired() ?? 0) > 0) {
        this.#isReady = true;
        this.ready.resolve(undefined);
      }
    });
  }

  async close(): Promise<void> {
    if (this.state !== "writable") {
      throw this.state === "errored" ? this.error : new TypeError("the stream is closed already");
    }
    this.state = "closing";
    await this.#after(() => this.sink.close?.());
    this.state = "closed";
    this.ready.resolve(undefined);
    this.closed.resolve(undefined);
  }

  async abort(reason: unknown): Promise<void> {
    if (this.state === "closed" || this.state === "errored") {
      return;
    }
    this.fail(reason);
    await this.#last;
    await this.sink.abort?.(reason);
  }
}

export class WritableStreamDefaultWriter<T> {
  #of: Writable<T> | null;

  constructor(stream: WritableStream<T>) {
    const of = WritableStream.state(stream);
    if (of.writer !== null) {
      throw new TypeError("the stream is locked to another writer");
    }
    of.writer = this;
    this.#of = of;
  }

  #state(): Writable<T> {
    if (this.#of === null) {
      throw new TypeError("the writer has released its stream");
    }
    return this.#of;
  }

  get closed(): Promise<undefined> {
    return this.#state().closed.promise;
  }

  get ready(): Promise<undefined> {
    return this.#state().ready.promise;
  }

  get desiredSize(): number | null {
    return this.#state().desired();
  }

  async write(chunk: T): Promise<void> {
    await this.#state().write(chunk);
  }

  async close(): Promise<void> {
    await this.#state().close();
  }

  async abort(reason?: unknown): Promise<void> {
    await this.#state().abort(reason);
  }

  releaseLock(): void {
    if (this.#of !== null) {
      this.#of.writer = null;
      this.#of = null;
    }
  }
}

export class WritableStream<T = unknown> {
  readonly #state: Writable<T>;

  constructor(sink: Sink<T> = {}, strategy: Strategy<T> = {}) {
    const size = strategy.size;
    this.#state = new Writable(sink, markOf(strategy, 1), (chunk) => size?.(chunk) ?? 1);
    this.#state.start();
  }

  /** Returns the state of a stream. Only this package calls it. */
  static state<T>(stream: WritableStream<T>): Writable<T> {
    return stream.#state;
  }

  /** Returns whether a stream ended by an error. Only this package calls it. */
  static hasFailed<T>(stream: WritableStream<T>): boolean {
    return stream.#state.state === "errored";
  }

  get locked(): boolean {
    return this.#state.writer !== null;
  }

  getWriter(): WritableStreamDefaultWriter<T> {
    return new WritableStreamDefaultWriter(this);
  }

  async close(): Promise<void> {
    await this.#state.close();
  }

  async abort(reason?: unknown): Promise<void> {
    await this.#state.abort(reason);
  }

  get [Symbol.toStringTag](): string {
    return "WritableStream";
  }
}

export interface TransformController<O> {
  readonly desiredSize: number | null;
  enqueue(chunk: O): void;
  error(error?: unknown): void;
  terminate(): void;
}

export interface Transformer<I, O> {
  start?(controller: TransformController<O>): unknown;
  transform?(chunk: I, controller: TransformController<O>): unknown;
  flush?(controller: TransformController<O>): unknown;
}

export class TransformStream<I = unknown, O = unknown> {
  readonly readable: ReadableStream<O>;
  readonly writable: WritableStream<I>;

  constructor(transformer: Transformer<I, O> = {}, writing: Strategy<I> = {}, reading: Strategy<O> = {}) {
    const inner: ReadableStreamDefaultController<O>[] = [];
    let wanted = deferred<void>();
    const out = (): ReadableStreamDefaultController<O> => {
      const [controller] = inner;
      if (controller === undefined) {
        throw new TypeError("the stream has not begun");
      }
      return controller;
    };
    let writable: WritableStream<I> | null = null;
    const controller: TransformController<O> = {
      get desiredSize() {
        return out().desiredSize;
      },
      enqueue: (chunk) => out().enqueue(chunk),
      error(error) {
        out().error(error);
        WritableStream.state(writable as WritableStream<I>).fail(error);
      },
      terminate() {
        out().close();
        WritableStream.state(writable as WritableStream<I>).fail(new TypeError("the stream was terminated"));
      },
    };
    this.readable = new ReadableStream<O>(
      {
        start: (it) => void inner.push(it),
        pull: () => wanted.resolve(),
        cancel(reason) {
          wanted.resolve();
          WritableStream.state(writable as WritableStream<I>).fail(reason ?? new TypeError("the readable side was cancelled"));
        },
      },
      { highWaterMark: 0, ...reading },
    );
    writable = new WritableStream<I>(
      {
        start: () => transformer.start?.(controller),
        async write(chunk) {
          while ((out().desiredSize ?? 1) <= 0 && ReadableStream.state(readable).requests.length === 0) {
            wanted = deferred();
            await wanted.promise;
            if (ReadableStream.state(readable).state !== "readable") {
              break;
            }
          }
          try {
            if (transformer.transform === undefined) {
              controller.enqueue(chunk as unknown as O);
            } else {
              await transformer.transform(chunk, controller);
            }
          } catch (error) {
            out().error(error);
            throw error;
          }
        },
        async close() {
          try {
            await transformer.flush?.(controller);
          } catch (error) {
            out().error(error);
            throw error;
          }
          const state = ReadableStream.state(readable);
          if (state.state === "readable" && !state.isClosing) {
            out().close();
          }
        },
        abort: (reason) => out().error(reason),
      },
      writing,
    );
    const readable = this.readable;
    this.writable = writable;
  }

  get [Symbol.toStringTag](): string {
    return "TransformStream";
  }
}
