/** The web APIs of a component, over the doubles of a test. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { inPlugin, runs } from "./support.js";

const API = "https://api.example.com";

test("text is encoded and decoded in pieces", () =>
  runs(() => {
    const bytes = new TextEncoder().encode("aé€😀");
    assert.equal(bytes.length, 10);
    const decoder = new TextDecoder();
    let text = "";
    for (const byte of bytes) {
      text += decoder.decode(Uint8Array.of(byte), { stream: true });
    }
    assert.equal(text + decoder.decode(), "aé€😀");
    assert.equal(new TextDecoder().decode(Uint8Array.of(0xef, 0xbb, 0xbf, 0x61)), "a");
    assert.equal(new TextDecoder("latin1").decode(Uint8Array.of(0xe9, 0x80)), "é€");
    assert.equal(new TextDecoder("utf-16le").decode(Uint8Array.of(0x61, 0, 0x62, 0)), "ab");
    assert.throws(() => new TextDecoder("utf-8", { fatal: true }).decode(Uint8Array.of(0xff)), TypeError);
    assert.throws(() => new TextDecoder("klingon"), RangeError);
  }));

test("base64 is as in browsers", () =>
  runs(() => {
    assert.equal(btoa("\u00ffA"), "/0E=");
    assert.equal(atob(" /0 E= "), "\u00ffA");
    assert.throws(() => btoa("€"), { name: "InvalidCharacterError" });
    assert.throws(() => atob("a"), { name: "InvalidCharacterError" });
  }));

test("URL and its parameters change each other", () =>
  runs(() => {
    const url = new URL("/a b?x=1", "https://example.com");
    url.searchParams.append("y", "ä &");
    assert.equal(url.href, "https://example.com/a%20b?x=1&y=%C3%A4+%26");
    url.search = "?z=2";
    assert.equal(url.searchParams.get("z"), "2");
    assert.equal(url.searchParams.has("x"), false);
    url.port = "8443";
    assert.equal(url.origin, "https://example.com:8443");
    assert.equal(URL.canParse("nope"), false);
    assert.throws(() => new URL("nope"), TypeError);
    assert.equal(new URLSearchParams([["b", "1"], ["a", "%"]]).toString(), "b=1&a=%25");
    assert.equal(new URLSearchParams("a=1%2B+2").get("a"), "1+ 2");
    const sorted = new URLSearchParams({ b: "1", a: "2" });
    sorted.sort();
    assert.deepEqual([...sorted], [["a", "2"], ["b", "1"]]);
  }));

test("headers are combined and checked", () =>
  runs(() => {
    const headers = new Headers([["X-A", "1"], ["x-a", " 2 "]]);
    headers.append("set-cookie", "a=1");
    headers.append("set-cookie", "b=2");
    assert.equal(headers.get("x-A"), "1, 2");
    assert.deepEqual(headers.getSetCookie(), ["a=1", "b=2"]);
    assert.deepEqual([...headers.keys()], ["set-cookie", "set-cookie", "x-a"]);
    assert.throws(() => headers.set("a b", "1"), TypeError);
    const refused = (): void => headers.set("authorization", "secret\n");
    headers.set("ok", "x\n");
    assert.equal(headers.get("ok"), "x");
    assert.doesNotThrow(refused);
    assert.throws(() => headers.set("authorization", "se\ncret"), (error: Error) => !error.message.includes("cret"));
  }));

test("body is read once, and a clone is read beside it", () =>
  runs(async () => {
    const response = new Response('{"a": 1}', { status: 201 });
    const copy = response.clone();
    assert.deepEqual(await response.json(), { a: 1 });
    assert.equal(response.bodyUsed, true);
    await assert.rejects(response.text(), TypeError);
    assert.equal(await copy.text(), '{"a": 1}');
    const streamed = new Response(ReadableStream.from([new Uint8Array([0x61]), new Uint8Array([0x62])]));
    const second = streamed.clone();
    assert.deepEqual([await streamed.text(), await second.text()], ["ab", "ab"]);
    assert.equal((await new Response(null).arrayBuffer()).byteLength, 0);
    assert.throws(() => new Response("x", { status: 204 }), TypeError);
    assert.equal(await Response.json({ a: 1 }).text(), '{"a":1}');
  }));

test("form is sent and read as multipart", () =>
  runs(async () => {
    const form = new FormData();
    form.append("name", "Ada");
    form.append("file", new Blob([Uint8Array.of(0, 255, 13, 10)], { type: "application/x" }), "a.bin");
    const response = new Response(form);
    const read = await response.formData();
    assert.equal(read.get("name"), "Ada");
    const file = read.get("file") as File;
    assert.deepEqual([file.name, file.type, [...new Uint8Array(await file.arrayBuffer())]], ["a.bin", "application/x", [0, 255, 13, 10]]);
    assert.equal(await new Response(new URLSearchParams({ a: "b c" })).text(), "a=b+c");
  }));

test("structured clone keeps cycles and kinds, and refuses functions", () =>
  runs(() => {
    const value: Record<string, unknown> = { date: new Date(5), map: new Map([["a", new Set([1])]]), bytes: new Uint8Array([1, 2]), error: new RangeError("x"), pattern: /a/g };
    value["self"] = value;
    const copy = structuredClone(value);
    assert.equal(copy["self"], copy);
    assert.notEqual(copy["map"], value["map"]);
    assert.deepEqual([...(copy["map"] as Map<string, Set<number>>).get("a")!], [1]);
    assert.ok(copy["error"] instanceof RangeError);
    assert.throws(() => structuredClone({ f: () => 1 }), { name: "DataCloneError" });
  }));

test("digests, HMAC, encryption and derived keys are right", () =>
  runs(async () => {
    const hex = (bytes: ArrayBuffer): string => Array.from(new Uint8Array(bytes), (it) => it.toString(16).padStart(2, "0")).join("");
    const text = (it: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(it);
    assert.equal(hex(await crypto.subtle.digest("SHA-256", text("abc"))).slice(0, 16), "ba7816bf8f01cfea");
    const key = await crypto.subtle.importKey("raw", text("key"), { name: "HMAC", hash: "SHA-256" }, false, ["sign", "verify"]);
    const mac = await crypto.subtle.sign("HMAC", key, text("The quick brown fox jumps over the lazy dog"));
    assert.equal(hex(mac), "f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8");
    assert.equal(await crypto.subtle.verify("HMAC", key, mac, text("other")), false);
    await assert.rejects(crypto.subtle.exportKey("raw", key), { name: "InvalidAccessError" });
    const aes = await crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, true, ["encrypt", "decrypt"]);
    const iv = crypto.getRandomValues(new Uint8Array(12));
    const sealed = await crypto.subtle.encrypt({ name: "AES-GCM", iv }, aes as CryptoKey, text("secret"));
    assert.equal(new TextDecoder().decode(await crypto.subtle.decrypt({ name: "AES-GCM", iv }, aes as CryptoKey, sealed)), "secret");
    new Uint8Array(sealed)[0]! ^= 1;
    await assert.rejects(crypto.subtle.decrypt({ name: "AES-GCM", iv }, aes as CryptoKey, sealed), { name: "OperationError" });
    // RFC 5869, the first test case.
    const secret = await crypto.subtle.importKey("raw", new Uint8Array(22).fill(0x0b), "HKDF", false, ["deriveBits"]);
    const salt = Uint8Array.from({ length: 13 }, (_, at) => at);
    const info = Uint8Array.from({ length: 10 }, (_, at) => 0xf0 + at);
    const bits = await crypto.subtle.deriveBits({ name: "HKDF", hash: "SHA-256", salt, info }, secret, 42 * 8);
    assert.equal(hex(bits), "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
    await assert.rejects(crypto.subtle.sign("RSASSA-PKCS1-v1_5", key, text("x")), { name: "NotSupportedError" });
    assert.match(crypto.randomUUID(), /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  }));

test("compression streams are inverse to each other", () =>
  runs(async () => {
    const text = "abc".repeat(1000);
    const packed = new Response(text).body!.pipeThrough(new CompressionStream("gzip"));
    const unpacked = (packed as unknown as ReadableStream<Uint8Array<ArrayBuffer>>).pipeThrough(new DecompressionStream("gzip"));
    assert.equal(await new Response(unpacked).text(), text);
  }));

test("timers run in order of time, and can be stopped", async () => {
  const seen: string[] = [];
  const context = await inPlugin(async () => {
    const started = Date.now();
    setTimeout((it: string) => seen.push(it), 20, "b");
    setTimeout(() => seen.push("a"), 10);
    const stopped = setTimeout(() => seen.push("never"), 5);
    clearTimeout(stopped);
    let n = 0;
    await new Promise<void>((resolve) => {
      const interval = setInterval(() => {
        n += 1;
        if (n === 3) {
          clearInterval(interval);
          resolve();
        }
      }, 60_000);
    });
    assert.equal(Date.now() - started, 180_000);
  });
  assert.deepEqual(seen, ["a", "b"]);
  assert.equal(context.clock.elapsed, 180_000);
});

test("signals abort once, for the first of several reasons", () =>
  runs(async () => {
    const controller = new AbortController();
    const any = AbortSignal.any([controller.signal, AbortSignal.timeout(50)]);
    let n = 0;
    any.addEventListener("abort", () => (n += 1));
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.equal((any.reason as Error).name, "TimeoutError");
    controller.abort();
    assert.equal(n, 1);
    assert.throws(() => any.throwIfAborted(), { name: "TimeoutError" });
    assert.equal(AbortSignal.abort("why").reason, "why");
  }));

test("event target calls listeners in order, and once if wanted", () =>
  runs(() => {
    const target = new EventTarget();
    const seen: number[] = [];
    const second = (): void => void seen.push(2);
    target.addEventListener("x", () => seen.push(1), { once: true });
    target.addEventListener("x", second);
    target.addEventListener("x", second);
    target.dispatchEvent(new Event("x"));
    target.removeEventListener("x", second);
    target.dispatchEvent(new Event("x"));
    assert.deepEqual(seen, [1, 2]);
  }));

test("fetch sends a request and reads the response", async () => {
  const context = await inPlugin(
    async () => {
      const response = await fetch(`${API}/zones?x=1`, { method: "post", body: JSON.stringify({ a: 1 }), headers: { "content-type": "application/json" } });
      assert.deepEqual([response.status, response.statusText, response.ok], [429, "Too Many Requests", false]);
      assert.equal(response.headers.get("retry-after"), "3");
      assert.deepEqual(await response.json(), { n: 1 });
    },
    (it) => it.onHttp("POST", `${API}/zones*`, { status: 429, json: { n: 1 }, headers: { "Retry-After": "3" } }),
  );
  const [sent] = context.requests;
  assert.deepEqual([sent?.url, sent?.json(), sent?.headers["content-length"]], [`${API}/zones?x=1`, { a: 1 }, "7"]);
});

test("redirect becomes a GET, and another server gets no credentials", async () => {
  const context = await inPlugin(
    async () => {
      const response = await fetch(`${API}/a`, { method: "POST", body: "x", headers: { authorization: "Bearer t", "x-other": "1" } });
      assert.deepEqual([response.url, response.redirected, await response.text()], ["https://other.example.com/b", true, "done"]);
      await assert.rejects(fetch(`${API}/loop`), { code: "too-many-redirects" });
      await assert.rejects(fetch(`${API}/a`, { method: "POST", body: "x", redirect: "error" }), { code: "redirect" });
      assert.equal((await fetch(`${API}/a`, { method: "POST", body: "x", redirect: "manual" })).status, 302);
    },
    (it) => {
      it.onHttp("POST", `${API}/a`, { status: 302, headers: { location: "https://other.example.com/b" } });
      it.onHttp("GET", "https://other.example.com/b", { body: "done" });
      it.onHttp("GET", `${API}/loop`, { status: 301, headers: { location: "/loop" } });
    },
  );
  const second = context.requests[1];
  assert.deepEqual([second?.method, second?.headers["authorization"], second?.headers["x-other"], second?.body.length], ["GET", undefined, "1", 0]);
});

test("denied request is an error that the failure of the call follows from", async () => {
  const run = inPlugin(async () => {
    try {
      await fetch("https://elsewhere.example.com/path?token=secret");
    } catch (error) {
      throw new Error(`no zones: ${(error as Error).message}`);
    }
  });
  await assert.rejects(run, { code: "denied", message: "no zones: GET https://elsewhere.example.com/path was denied" });
});

test("request is aborted while it waits, and while its body is read", async () => {
  await inPlugin(
    async () => {
      const started = Date.now();
      await assert.rejects(fetch(`${API}/slow`, { signal: AbortSignal.timeout(300) }), { name: "TimeoutError" });
      assert.equal(Date.now() - started, 300);
      const controller = new AbortController();
      const response = await fetch(`${API}/body`, { signal: controller.signal });
      const reader = response.body!.getReader();
      assert.equal((await reader.read()).done, false);
      controller.abort();
      await assert.rejects(reader.read(), { name: "AbortError" });
      await assert.rejects(fetch(`${API}/body`, { signal: AbortSignal.abort() }), { name: "AbortError" });
    },
    (it) => {
      it.onHttp("GET", `${API}/slow`, { delayMs: 60_000 });
      it.onHttp("GET", `${API}/body`, { body: ["a", "b"] });
    },
  );
});

test("body that ends early is an error with a code", () =>
  runs(
    async () => {
      const response = await fetch(`${API}/cut`);
      await assert.rejects(response.text(), { code: "closed" });
      await assert.rejects(fetch(`${API}/dns`), { code: "dns", message: `GET ${API}/dns failed: the name of its host cannot be resolved` });
      await assert.rejects(fetch("ftp://example.com/"), TypeError);
      await assert.rejects(fetch("https://user@api.example.com/"), TypeError);
    },
    (it) => {
      it.onHttp("GET", `${API}/cut`, { body: "abc", errorInBody: "closed" });
      it.onHttp("GET", `${API}/dns`, { error: "dns" });
    },
  ));

test("compressed body is decompressed", () =>
  runs(
    async () => {
      const response = await fetch(`${API}/packed`);
      assert.equal(await response.text(), "abcabc");
    },
    (it) => it.onHttp("GET", `${API}/packed`, { body: new Uint8Array(gzipSync("abcabc")), headers: { "content-encoding": "gzip" } }),
  ));

test("body is sent in pieces", async () => {
  const context = await inPlugin(
    async () => {
      async function* pieces(): AsyncGenerator<Uint8Array> {
        yield new TextEncoder().encode("a");
        await new Promise((resolve) => setTimeout(resolve, 10));
        yield new TextEncoder().encode("b");
      }
      const response = await fetch(`${API}/put`, { method: "PUT", body: pieces(), duplex: "half" } as RequestInit);
      assert.equal(response.status, 204);
      assert.equal(response.body, null);
    },
    (it) => it.onHttp("PUT", `${API}/put`, { status: 204 }),
  );
  assert.equal(context.requests[0]?.text(), "ab");
});
