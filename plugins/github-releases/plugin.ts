/** `@sedge/github-releases`: observes the releases of a repository on GitHub, and downloads their files. */
import { createHash } from "node:crypto";
import { defineModel, Failure, type Context, type FileWriteOptions } from "@sedge/sdk";
import { z } from "zod";
import { ApiRelease, page, PAGE_RELEASES, parsed, request, urlOf, type Access } from "./api.js";
import { isSame, nameOf, Release, releaseOf, type Asset } from "./releases.js";

/** The maximum number of releases that one call reads. */
const RELEASES_MAX = 10_000;

const GlobalArguments = z.strictObject({
  repository: z.string().regex(/^[\w.-]+\/[\w.-]+$/).describe("The repository: `OWNER/NAME`"),
  baseUrl: z
    .string()
    .regex(/^https?:\/\/[^?#]+$/)
    .default("https://api.github.com")
    .describe("The address of the API; `https://HOST/api/v3` for GitHub Enterprise"),
  token: z
    .string()
    .min(1)
    .optional()
    .meta({ sensitive: true })
    .describe("A token for private repositories, and for more requests in an hour: `{secret: NAME}`"),
});

/** What the last observation saw of a page. */
const SeenPage = z.object({
  url: z.string(),
  etag: z.string().nullable(),
  next: z.string().nullable(),
  tags: z.array(z.string()),
});

const Seen = z.object({ selection: z.string().describe("What was selected"), pages: z.array(SeenPage) });

const resources = {
  release: { description: "A release", schema: Release },
  pages: {
    description: "The pages of the last observation, which are read again only if they have changed",
    schema: Seen,
    keep: 1,
  },
} as const;

type Cx = Context<z.output<typeof GlobalArguments>, typeof resources, "asset">;
type SeenPage = z.output<typeof SeenPage>;

const Selection = z.strictObject({
  limit: z.int().min(1).max(RELEASES_MAX).default(PAGE_RELEASES).describe("The maximum number of releases, newest first"),
  prereleases: z.boolean().default(true).describe("Whether prereleases are included"),
  drafts: z.boolean().default(false).describe("Whether drafts are included, which only some tokens show"),
});

const Tag = z.string().min(1).optional().describe("The tag of the release [default: the latest release]");

function accessOf({ globalArguments: it }: Cx): Access {
  return { baseUrl: it.baseUrl.replace(/\/+$/, ""), repository: it.repository, token: it.token };
}

function isSelected(it: Release, selection: z.output<typeof Selection>): boolean {
  return (selection.prereleases || !it.isPrerelease) && (selection.drafts || !it.isDraft);
}

/** Returns a selection without its limit, as it is stored. */
function shownSelection({ prereleases, drafts }: z.output<typeof Selection>): string {
  return `prereleases: ${prereleases}, drafts: ${drafts}`;
}

/** Returns the pages of the last observation whose releases are all still stored. */
async function seenBefore(cx: Cx, selection: z.output<typeof Selection>): Promise<SeenPage[]> {
  const stored = Seen.safeParse((await cx.data.latest("pages"))?.content);
  if (!stored.success || stored.data.selection !== shownSelection(selection)) {
    return [];
  }
  const names = new Set<string>();
  for await (const { name } of cx.data.list({ prefix: nameOf(""), spec: "release" })) {
    names.add(name);
  }
  return stored.data.pages.filter((it) => it.tags.every((tag) => names.has(nameOf(tag))));
}

/** Reads the pages of the list one after the other. A page that has not changed has no releases. */
async function* pages(access: Access, seen: readonly SeenPage[]): AsyncGenerator<{ readonly page: SeenPage; readonly releases: Release[] | null }> {
  let url: string | null = urlOf(access, `/releases?per_page=${PAGE_RELEASES}`);
  while (url !== null) {
    const at: string = url;
    const before = seen.find((it) => it.url === at);
    const found = await page(access, at, before?.etag ?? null);
    if (found.releases === null && before !== undefined) {
      yield { page: before, releases: null };
      url = before.next;
      continue;
    }
    const releases = (found.releases ?? []).map(releaseOf);
    yield { page: { url: at, etag: found.etag, next: found.next, tags: releases.map((it) => it.tag) }, releases };
    url = found.next;
  }
}

/** Writes a release if it differs from the stored one, and returns whether it did. */
async function store(cx: Cx, release: Release): Promise<boolean> {
  const name = nameOf(release.tag);
  const before = await cx.data.latest(name);
  if (before !== null && isSame(before.content, release)) {
    return false;
  }
  await cx.write("release", release, { name, tags: { prerelease: String(release.isPrerelease) } });
  return true;
}

/** Reads one release from the server. */
async function releaseAt(access: Access, tag: string | undefined): Promise<Release> {
  const url = urlOf(access, tag === undefined ? "/releases/latest" : `/releases/tags/${encodeURIComponent(tag)}`);
  const response = await request(access, url, { expected: [404] });
  if (response.status === 404) {
    await response.body?.cancel();
    const what = tag === undefined ? "has no release" : `has no release of the tag \`${tag}\``;
    throw new Failure("no-release", `the repository \`${access.repository}\` ${what}, or does not exist, or the token may not read it`);
  }
  return releaseOf(await parsed(response, ApiRelease, url));
}

function assetOf(release: Release, name: string): Asset {
  const found = release.assets.find((it) => it.name === name);
  if (found === undefined) {
    const names = release.assets.map((it) => `\`${it.name}\``).join(", ");
    throw new Failure("no-asset", `the release \`${release.tag}\` has no file \`${name}\`; it has ${names === "" ? "none" : names}`, {
      details: { tag: release.tag, assets: release.assets.map((it) => it.name) },
    });
  }
  return found;
}

/** What a downloaded file has to be. */
interface Expected {
  readonly asset: Asset;
  /** `null` if the digest is not known. */
  readonly sha256: string | null;
}

/**
 * Writes the body of a response as a file, and returns its SHA-256. A file that is not what it has to be is a failure,
 * and is discarded.
 */
async function write(cx: Cx, response: Response, { asset, sha256 }: Expected, options: FileWriteOptions): Promise<string> {
  const file = await cx.createFile("asset", options);
  const hash = createHash("sha256");
  let size = 0;
  for await (const piece of response.body ?? []) {
    size += piece.length;
    if (size > asset.sizeBytes) {
      throw new Failure("size-mismatch", `\`${asset.name}\` has more than the ${asset.sizeBytes} bytes that the server named`);
    }
    hash.update(piece);
    await file.write(piece);
  }
  if (size !== asset.sizeBytes) {
    throw new Failure("size-mismatch", `\`${asset.name}\` ended after ${size} of ${asset.sizeBytes} bytes`);
  }
  const found = hash.digest("hex");
  if (sha256 !== null && found !== sha256) {
    throw new Failure("digest-mismatch", `\`${asset.name}\` has the SHA-256 ${found}, and not ${sha256}; nothing was stored`, {
      details: { expected: sha256, found },
    });
  }
  await file.finish();
  return found;
}

export const model = defineModel({
  name: "@sedge/github-releases",
  version: "2026.12.01.1",
  description: "Observes the releases of a repository on GitHub, and downloads their files",
  globalArguments: GlobalArguments,
  resources,
  files: { asset: { description: "A file of a release", mediaType: "application/octet-stream" } },
  permissions: [
    { http: "https://*:*", methods: ["GET"], reason: "to read releases, and the files that they refer to" },
    { http: "http://*:*", methods: ["GET"], reason: "to do the same at a server in a private network" },
  ],
  methods: (method) => ({
    observe: method({
      kind: "observe",
      description: "Read the releases, and store those that have changed. Pages that have not changed are not sent again",
      arguments: Selection,
      async run(cx, selection) {
        const seen = await seenBefore(cx, selection);
        const now: SeenPage[] = [];
        const summary = { releases: 0, written: 0, pages: 0, unchangedPages: 0 };
        for await (const { page: at, releases } of pages(accessOf(cx), seen)) {
          summary.pages += 1;
          if (releases === null) {
            summary.unchangedPages += 1;
            summary.releases += at.tags.length;
            now.push(at);
          } else {
            const selected = releases.filter((it) => isSelected(it, selection));
            const taken = selected.slice(0, selection.limit - summary.releases);
            for (const release of taken) {
              summary.written += Number(await store(cx, release));
            }
            summary.releases += taken.length;
            // A page of which a part was left out has to be sent again.
            const etag = taken.length === selected.length ? at.etag : null;
            now.push({ ...at, etag, tags: taken.map((it) => it.tag) });
          }
          if (summary.releases >= selection.limit) {
            break;
          }
        }
        if (!isSame(seen, now)) {
          await cx.write("pages", { selection: shownSelection(selection), pages: now });
        }
        cx.log.info(`${summary.written} of ${summary.releases} releases have changed`, summary);
        return summary;
      },
    }),
    list: method({
      kind: "read",
      description: "Read the releases, and store nothing",
      arguments: Selection,
      async run(cx, selection) {
        const found: object[] = [];
        for await (const { releases } of pages(accessOf(cx), [])) {
          for (const it of (releases ?? []).filter((release) => isSelected(release, selection))) {
            const { tag, title, isDraft, isPrerelease, publishedAt, assets } = it;
            found.push({ tag, title, isDraft, isPrerelease, publishedAt, assets: assets.map(({ name }) => name) });
            if (found.length >= selection.limit) {
              return found;
            }
          }
        }
        return found;
      },
    }),
    get: method({
      kind: "observe",
      description: "Read one release, store it if it has changed, and return it",
      arguments: z.strictObject({ tag: Tag }),
      async run(cx, { tag }) {
        const release = await releaseAt(accessOf(cx), tag);
        await store(cx, release);
        return release;
      },
    }),
    download: method({
      kind: "observe",
      description: "Download a file of a release, check its digest, and store it",
      arguments: z.strictObject({
        asset: z.string().min(1).describe("The name of the file"),
        tag: Tag,
        sha256: z
          .string()
          .regex(/^[0-9a-fA-F]{64}$/)
          .optional()
          .describe("The SHA-256 that the file must have, in hex [default: the one that the server names]"),
        allowUnchecked: z.boolean().default(false).describe("Whether the file is stored if its digest is not known"),
        name: z.string().min(1).optional().describe("The name of the data [default: `asset/TAG/ASSET`]"),
      }),
      async run(cx, it) {
        const access = accessOf(cx);
        const release = await releaseAt(access, it.tag);
        const asset = assetOf(release, it.asset);
        const expected = it.sha256?.toLowerCase() ?? asset.sha256;
        if (expected === null && !it.allowUnchecked) {
          throw new Failure("no-digest", `the server names no digest of \`${asset.name}\`; name its \`sha256\`, or set \`allowUnchecked\``);
        }
        const name = it.name ?? `asset/${release.tag}/${asset.name}`;
        const result = { name, tag: release.tag, asset: asset.name, sizeBytes: asset.sizeBytes };
        const before = (await cx.data.versions(name)).at(-1);
        if (expected !== null && before?.tags.sha256 === expected) {
          return { ...result, sha256: expected, isChecked: true, isUnchanged: true };
        }
        const url = urlOf(access, `/releases/assets/${asset.id}`);
        const response = await request(access, url, { accept: "application/octet-stream" });
        // The digest is a tag, so that the next call knows what is stored. Only a digest that is known can be one before the end.
        const tags = { release: release.tag, ...(expected === null ? {} : { sha256: expected }) };
        const mediaType = asset.mediaType === null ? {} : { mediaType: asset.mediaType };
        const found = await write(cx, response, { asset, sha256: expected }, { name, tags, ...mediaType });
        return { ...result, sha256: found, isChecked: expected !== null, isUnchanged: false };
      },
    }),
  }),
});
