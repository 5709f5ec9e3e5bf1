/** `@sedge/github-releases` with scripted responses of the API. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { Failure } from "@sedge/sdk";
import { TestContext, type SentRequest } from "@sedge/sdk/testing";
import { nextOf } from "./api.js";
import { model } from "./plugin.js";
import { isSame, sha256Of } from "./releases.js";

const API = "https://api.github.com/repos/acme/lamp";
const FIRST = `${API}/releases?per_page=100`;
const SECOND = "https://api.github.com/repositories/7/releases?per_page=100&page=2";
const CONTENT = new TextEncoder().encode("the program");
const DIGEST = createHash("sha256").update(CONTENT).digest("hex");

function asset(more: object = {}): object {
  return {
    id: 5, name: "lamp.tar.gz", label: "", size: CONTENT.length, content_type: "application/gzip", state: "uploaded",
    digest: `sha256:${DIGEST}`, url: `${API}/releases/assets/5`, download_count: 3, ...more,
  };
}

function release(tag: string, more: object = {}): object {
  return {
    id: 1, tag_name: tag, name: `Lamp ${tag}`, body: "# News", draft: false, prerelease: false, target_commitish: "main",
    created_at: "2026-01-01T00:00:00Z", published_at: "2026-01-02T00:00:00Z", html_url: `https://github.com/acme/lamp/releases/${tag}`,
    author: { login: "ada" }, assets: [asset()], ...more,
  };
}

function context(globalArguments: object = {}): TestContext {
  return new TestContext(model, { name: "lamp", globalArguments: { repository: "acme/lamp", ...globalArguments } });
}

async function failure(running: Promise<unknown>, code: string): Promise<Failure> {
  const error = await running.then(() => assert.fail("it succeeded"), (it: unknown) => it);
  assert.ok(error instanceof Failure, String(error));
  assert.equal(error.code, code, error.message);
  return error;
}

function header(request: SentRequest | undefined, name: string): string | undefined {
  return Object.entries(request?.headers ?? {}).find(([key]) => key.toLowerCase() === name)?.[1];
}

test("releases of all pages are stored", async () => {
  const it = context();
  const link = `<${SECOND}>; rel="next", <${SECOND}>; rel="last"`;
  it.onHttp("GET", FIRST, { json: [release("v2"), release("v1")], headers: { link, etag: '"one"' } });
  it.onHttp("GET", SECOND, { json: [release("group/v0", { prerelease: true, assets: [] })], headers: { etag: '"two"' } });
  assert.deepEqual(await it.run("observe"), { releases: 3, written: 3, pages: 2, unchangedPages: 0 });
  assert.deepEqual(it.names(), ["pages", "release/group/v0", "release/v1", "release/v2"]);
  assert.deepEqual(it.content("release/v2"), {
    id: 1, tag: "v2", title: "Lamp v2", isDraft: false, isPrerelease: false, target: "main", author: "ada",
    createdAt: "2026-01-01T00:00:00Z", publishedAt: "2026-01-02T00:00:00Z", url: "https://github.com/acme/lamp/releases/v2", notes: "# News",
    assets: [{ id: 5, name: "lamp.tar.gz", label: "", sizeBytes: 11, mediaType: "application/gzip", sha256: DIGEST }],
  });
  const [first] = it.requests;
  assert.equal(header(first, "accept"), "application/vnd.github+json");
  assert.equal(header(first, "x-github-api-version"), "2022-11-28");
  assert.equal(header(first, "authorization"), undefined);
  assert.equal(header(first, "if-none-match"), undefined);
});

test("pages that have not changed are not sent again", async () => {
  const it = context();
  const link = `<${SECOND}>; rel="next"`;
  it.onHttp("GET", FIRST, { json: [release("v2")], headers: { link, etag: '"one"' } }, { status: 304 });
  it.onHttp("GET", SECOND, { json: [release("v1")], headers: { etag: '"two"' } }, { json: [release("v1", { name: "Lamp, first" })], headers: { etag: '"three"' } });
  await it.run("observe");
  assert.deepEqual(await it.run("observe"), { releases: 2, written: 1, pages: 2, unchangedPages: 1 });
  assert.deepEqual(it.requests.map((each) => header(each, "if-none-match")), [undefined, undefined, '"one"', '"two"']);
  assert.equal(it.versions("release/v2").length, 1);
  assert.equal(it.versions("release/v1").length, 2);
});

test("release with the same content makes no version", async () => {
  const it = context();
  const counted = release("v1", { assets: [asset({ download_count: 4 })] });
  it.onHttp("GET", FIRST, { json: [release("v1")] }, { json: [counted] });
  await it.run("observe");
  assert.deepEqual(await it.run("observe"), { releases: 1, written: 0, pages: 1, unchangedPages: 0 });
  assert.equal(it.versions("pages").length, 1);
});

test("page is sent again if a part of it was left out, or another selection is made", async () => {
  const it = context();
  it.onHttp("GET", FIRST, { json: [release("v3-rc", { prerelease: true }), release("v2"), release("v1")], headers: { etag: '"one"' } });
  assert.deepEqual(await it.run("observe", { prereleases: false, limit: 1 }), { releases: 1, written: 1, pages: 1, unchangedPages: 0 });
  await it.run("observe", { prereleases: false });
  await it.run("observe");
  assert.deepEqual(it.requests.map((each) => header(each, "if-none-match")), [undefined, undefined, undefined]);
  assert.deepEqual(it.names(), ["pages", "release/v1", "release/v2", "release/v3-rc"]);
  await it.run("observe");
  assert.equal(header(it.requests.at(-1), "if-none-match"), '"one"');
});

test("list stores nothing", async () => {
  const it = context();
  it.onHttp("GET", FIRST, { json: [release("v2", { draft: true }), release("v1"), release("v0")] });
  assert.deepEqual(await it.run("list", { limit: 1 }), [
    { tag: "v1", title: "Lamp v1", isDraft: false, isPrerelease: false, publishedAt: "2026-01-02T00:00:00Z", assets: ["lamp.tar.gz"] },
  ]);
  assert.deepEqual(it.names(), []);
});

test("one release is found by its tag, or is the latest", async () => {
  const it = context();
  it.onHttp("GET", `${API}/releases/latest`, { json: release("v2") });
  it.onHttp("GET", `${API}/releases/tags/group%2Fv1`, { json: release("group/v1") });
  it.onHttp("GET", `${API}/releases/tags/v9`, { status: 404, json: { message: "Not Found" } });
  assert.equal((await it.run("get") as { tag: string }).tag, "v2");
  assert.equal((await it.run("get", { tag: "group/v1" }) as { tag: string }).tag, "group/v1");
  assert.deepEqual(it.names(), ["release/group/v1", "release/v2"]);
  const error = await failure(it.run("get", { tag: "v9" }), "no-release");
  assert.match(error.message, /`acme\/lamp` has no release of the tag `v9`/);
});

test("file is downloaded, checked, and not downloaded again", async () => {
  const it = context();
  it.onHttp("GET", `${API}/releases/latest`, { json: release("v1") });
  it.onHttp("GET", `${API}/releases/assets/5`, { body: [CONTENT.subarray(0, 4), CONTENT.subarray(4)] });
  const result = { name: "asset/v1/lamp.tar.gz", tag: "v1", asset: "lamp.tar.gz", sizeBytes: 11, sha256: DIGEST, isChecked: true };
  assert.deepEqual(await it.run("download", { asset: "lamp.tar.gz" }), { ...result, isUnchanged: false });
  assert.equal(it.fileText("asset/v1/lamp.tar.gz"), "the program");
  const [version] = it.versions("asset/v1/lamp.tar.gz");
  assert.equal(version?.mediaType, "application/gzip");
  assert.equal(version?.tags["sha256"], DIGEST);
  assert.equal(header(it.requests.at(-1), "accept"), "application/octet-stream");
  assert.deepEqual(await it.run("download", { asset: "lamp.tar.gz" }), { ...result, isUnchanged: true });
  assert.equal(it.requests.length, 3);
});

test("file that differs from its digest or its size is not stored", async () => {
  const check = async (code: string, message: RegExp, args: object, more: object = {}): Promise<void> => {
    const it = context();
    it.onHttp("GET", `${API}/releases/latest`, { json: release("v1", { assets: [asset(more)] }) });
    it.onHttp("GET", `${API}/releases/assets/5`, { body: CONTENT });
    const error = await failure(it.run("download", { asset: "lamp.tar.gz", ...args }), code);
    assert.match(error.message, message);
    assert.deepEqual(it.names(), []);
  };
  await check("digest-mismatch", /has the SHA-256 [0-9a-f]{64}, and not 0{64}; nothing was stored/, { sha256: "0".repeat(64) });
  await check("digest-mismatch", /nothing was stored/, {}, { digest: `sha256:${"1".repeat(64)}` });
  await check("size-mismatch", /more than the 5 bytes/, {}, { size: 5 });
  await check("size-mismatch", /ended after 11 of 12 bytes/, {}, { size: 12 });
  await check("no-digest", /names no digest of `lamp.tar.gz`; name its `sha256`/, {}, { digest: null });
  await check("no-digest", /names no digest/, {}, { digest: "md5:0" });
  await check("no-asset", /has no file `lamp.zip`; it has `lamp.tar.gz`/, { asset: "lamp.zip" });
  await check("no-asset", /it has none/, {}, { state: "starter" });
});

test("file without a digest is stored if the caller allows it", async () => {
  const it = context();
  it.onHttp("GET", `${API}/releases/latest`, { json: release("v1", { assets: [asset({ digest: null })] }) });
  it.onHttp("GET", `${API}/releases/assets/5`, { body: CONTENT });
  const result = (await it.run("download", { asset: "lamp.tar.gz", allowUnchecked: true, name: "lamp" })) as { isChecked: boolean; sha256: string };
  assert.equal(result.isChecked, false);
  assert.equal(result.sha256, DIGEST);
  assert.equal(it.fileText("lamp"), "the program");
});

test("token is sent, at another address as well", async () => {
  const it = context({ baseUrl: "http://forge.local:8080/api/v3/", token: "t0ken" });
  it.onHttp("GET", "http://forge.local:8080/api/v3/repos/acme/lamp/releases?per_page=100", { json: [] });
  assert.deepEqual(await it.run("list"), []);
  assert.equal(header(it.requests[0], "authorization"), "Bearer t0ken");
});

test("rate limits say when to try again", async () => {
  const now = new Date("2026-01-01T00:00:00Z");
  const check = async (response: { status: number; headers?: Record<string, string>; json?: unknown }, message: RegExp, seconds: number | null): Promise<void> => {
    const it = context();
    it.onHttp("GET", FIRST, response);
    const error = await failure(it.run("list"), "rate-limited");
    assert.match(error.message, message);
    assert.equal((error.details as { retryAfterSeconds: number | null }).retryAfterSeconds, seconds);
  };
  const reset = String(now.getTime() / 1000 + 90);
  await check({ status: 403, headers: { "x-ratelimit-remaining": "0", "x-ratelimit-reset": reset } }, /try again in 90 s, at 2026-01-01T00:01:30/, 90);
  await check({ status: 429, headers: { "retry-after": "30" } }, /try again in 30 s.*; with a `token` the limit is higher/, 30);
  await check({ status: 429, headers: { "retry-after": "Thu, 01 Jan 2026 00:00:10 GMT" } }, /try again in 10 s/, 10);
  await check({ status: 403, json: { message: "You have exceeded a secondary rate limit" } }, /try again later/, null);
  await check({ status: 429, headers: { "retry-after": "soon" } }, /try again later/, null);
});

test("other errors say what to do", async () => {
  const check = async (response: { status?: number; json?: unknown; body?: string; headers?: Record<string, string> }, code: string, message: RegExp): Promise<void> => {
    const it = context();
    it.onHttp("GET", FIRST, response);
    assert.match((await failure(it.run("observe"), code)).message, message);
    assert.deepEqual(it.names(), []);
  };
  await check({ status: 401, json: { message: "Bad credentials" } }, "unauthorized", /does not accept the token: Bad credentials; set/);
  await check({ status: 403, json: { message: "Resource not accessible" } }, "forbidden", /may not read the releases of `acme\/lamp`: Resource/);
  await check({ status: 404, body: "<html>" }, "not-found", /does not exist; a private repository/);
  await check({ status: 502, json: { message: `a\n${"b".repeat(300)}` } }, "unexpected-status", /status 502: a b{198}…$/);
  await check({ status: 304 }, "unexpected-status", /returned the status 304$/);
  await check({ body: "<html>" }, "invalid-response", /returned no JSON; is `baseUrl` the address of the API\?/);
  await check({ json: [{ tag_name: 7 }] }, "invalid-response", /something else than expected, at `0\./);
  await check({ json: [], headers: { link: "<https://evil.example/x>; rel=next" } }, "invalid-response", /continues at another server: https:\/\/evil.example/);
});

test("repositories and addresses are checked", async () => {
  for (const wrong of [{ repository: "lamp" }, { repository: "a/b/c" }, { baseUrl: "ftp://x" }, { baseUrl: "https://x?y" }]) {
    await failure(context(wrong).run("list"), "invalid-definition");
  }
});

test("header `link` is read as RFC 8288 says", () => {
  const check = (link: string | null, expect: string | null): void => assert.equal(nextOf(link, "https://h/a?b"), expect);
  check(null, null);
  check('<https://h/2>; rel="next"', "https://h/2");
  check("<?page=2>;rel=next", "https://h/a?page=2");
  check('<https://h/1>; rel="prev", <https://h/3>; title="a, b"; rel="last next"', "https://h/3");
  check('<https://h/1>; rel="prev"', null);
  check("nonsense", null);
});

test("digests and values are compared", () => {
  assert.equal(sha256Of(`sha256:${"A".repeat(64)}`), "a".repeat(64));
  for (const wrong of [null, undefined, "", "sha256:a", `sha512:${"a".repeat(64)}`]) {
    assert.equal(sha256Of(wrong), null);
  }
  assert.ok(isSame({ a: [1, { b: null }], c: "d" }, { c: "d", a: [1, { b: null }] }));
  for (const [one, other] of [[{ a: 1 }, { a: 1, b: 1 }], [[1], { 0: 1 }], [null, {}], [[1, 2], [2, 1]], [{ a: 1 }, { b: 1 }]]) {
    assert.ok(!isSame(one, other), JSON.stringify([one, other]));
  }
});
