/** The streams of a component. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ReadableStream, TransformStream, WritableStream } from "../src/prelude/streams.js";

async function all<T>(stream: ReadableStream<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const it of stream) {
    found.push(it);
  }
  return found;
}

test("source is pulled only when something is wanted", async () => {
  let n = 0;
  const stream = new ReadableStream<number>({ pull: (controller) => controller.enqueue((n += 1)) }, { highWaterMark: 0 });
  await Promise.resolve();
  assert.equal(n, 0);
  const reader = stream.getReader();
  assert.deepEqual(await reader.read(), { done: false, value: 1 });
  assert.deepEqual(await reader.read(), { done: false, value: 2 });
  assert.equal(n, 2);
});

test("closed stream gives what is queued first", async () => {
  const stream = new ReadableStream<string>({
    start(controller) {
      controller.enqueue("a");
      controller.enqueue("b");
      controller.close();
      assert.throws(() => controller.enqueue("c"), TypeError);
    },
  });
  assert.deepEqual(await all(stream), ["a", "b"]);
});

test("error of a source reaches reads that wait, and later ones", async () => {
  const stream = new ReadableStream<string>({
    async pull() {
      throw new Error("gone");
    },
  });
  const reader = stream.getReader();
  await assert.rejects(reader.read(), /gone/);
  await assert.rejects(reader.read(), /gone/);
  await assert.rejects(reader.closed, /gone/);
});

test("break of a loop cancels the source and releases the stream", async () => {
  let reason: unknown = "not cancelled";
  const stream = new ReadableStream<number>({ pull: (controller) => controller.enqueue(1), cancel: (it) => void (reason = it) });
  for await (const it of stream) {
    assert.equal(it, 1);
    break;
  }
  assert.equal(reason, undefined);
  assert.equal(stream.locked, false);
});

test("second reader is refused until the first is released", async () => {
  const stream = ReadableStream.from(["a", "b"]);
  const reader = stream.getReader();
  assert.throws(() => stream.getReader(), TypeError);
  await reader.read();
  reader.releaseLock();
  await assert.rejects(reader.read(), TypeError);
  assert.deepEqual(await all(stream), ["b"]);
});

test("both branches of a tee see everything", async () => {
  const [one, other] = ReadableStream.from([1, 2, 3]).tee();
  assert.deepEqual(await Promise.all([all(one), all(other)]), [[1, 2, 3], [1, 2, 3]]);
});

test("tee cancels its source once both branches are cancelled", async () => {
  let isCancelled = false;
  const [one, other] = new ReadableStream<number>({ pull: (it) => it.enqueue(1), cancel: () => void (isCancelled = true) }).tee();
  const first = one.cancel();
  await Promise.resolve();
  assert.equal(isCancelled, false);
  await Promise.all([first, other.cancel()]);
  assert.equal(isCancelled, true);
});

test("pipe waits for a slow sink", async () => {
  const events: string[] = [];
  const source = new ReadableStream<number>(
    {
      async pull(controller) {
        const n = events.filter((it) => it.startsWith("read")).length;
        events.push(`read ${n}`);
        if (n === 3) {
          controller.close();
        } else {
          controller.enqueue(n);
        }
      },
    },
    { highWaterMark: 0 },
  );
  const sink = new WritableStream<number>({
    async write(it) {
      await new Promise((resolve) => setTimeout(resolve, 1));
      events.push(`wrote ${it}`);
    },
    close: () => void events.push("closed"),
  });
  await source.pipeTo(sink);
  assert.deepEqual(events.filter((it) => !it.startsWith("read")), ["wrote 0", "wrote 1", "wrote 2", "closed"]);
  assert.ok(events.indexOf("read 2") > events.indexOf("wrote 0"), String(events));
});

test("error of a sink cancels the source, and error of a source aborts the sink", async () => {
  let cancelled: unknown;
  const source = new ReadableStream<number>({ pull: (it) => it.enqueue(1), cancel: (it) => void (cancelled = it) });
  const bad = new WritableStream<number>({
    write() {
      throw new Error("full");
    },
  });
  await assert.rejects(source.pipeTo(bad), /full/);
  assert.match(String(cancelled), /full/);
  let aborted: unknown;
  const broken = new ReadableStream<number>({
    pull() {
      throw new Error("gone");
    },
  });
  await assert.rejects(broken.pipeTo(new WritableStream({ abort: (it) => void (aborted = it) })), /gone/);
  assert.match(String(aborted), /gone/);
});

test("transform changes pieces, and adds one at the end", async () => {
  const upper = new TransformStream<string, string>({
    transform: (piece, controller) => controller.enqueue(piece.toUpperCase()),
    flush: (controller) => controller.enqueue("!"),
  });
  assert.deepEqual(await all(ReadableStream.from(["a", "b"]).pipeThrough(upper)), ["A", "B", "!"]);
});

test("error of a transform reaches its reader", async () => {
  const bad = new TransformStream<string, string>({
    transform() {
      throw new Error("bad piece");
    },
  });
  await assert.rejects(all(ReadableStream.from(["a"]).pipeThrough(bad)), /bad piece/);
});

test("writer sees the error of a sink", async () => {
  const writer = new WritableStream<string>({
    async write() {
      throw new Error("full");
    },
  }).getWriter();
  await assert.rejects(writer.write("a"), /full/);
  await assert.rejects(writer.write("b"), /full/);
  await assert.rejects(writer.closed, /full/);
});
