/** Releases as they are stored. */
import { z } from "zod";
import type { ApiRelease } from "./api.js";

/** The maximum number of characters of the notes of a release that are stored. */
export const NOTES_CHARS_MAX = 100_000;

export const Asset = z.object({
  id: z.int().describe("The number of the asset"),
  name: z.string().describe("The name of the file"),
  label: z.string().nullable().describe("A text to show instead of the name"),
  sizeBytes: z.int().min(0),
  mediaType: z.string().nullable(),
  sha256: z.string().nullable().describe("The SHA-256 of the file in hex, if the server knows it"),
});

export const Release = z
  .object({
    id: z.int().describe("The number of the release"),
    tag: z.string().describe("The tag that it was made from"),
    title: z.string().nullable(),
    isDraft: z.boolean(),
    isPrerelease: z.boolean(),
    target: z.string().nullable().describe("The branch or the commit that the tag is made from if it does not exist"),
    author: z.string().nullable(),
    createdAt: z.string(),
    publishedAt: z.string().nullable(),
    url: z.string().describe("The page of the release"),
    notes: z.string().describe("What the author says about it, in Markdown"),
    assets: z.array(Asset).describe("Its files"),
  })
  .describe("A release. How often a file was downloaded is left out: it changes all the time");

export type Asset = z.output<typeof Asset>;
export type Release = z.output<typeof Release>;

/** Returns a digest of the API, `sha256:HEX`, as hex in lower case. Returns `null` for another algorithm. */
export function sha256Of(digest: string | null | undefined): string | null {
  const found = /^sha256:([0-9a-f]{64})$/i.exec(digest ?? "");
  return found?.[1]?.toLowerCase() ?? null;
}

/** Returns a release of the API as it is stored. Assets that are still being uploaded are left out. */
export function releaseOf(it: ApiRelease): Release {
  const uploaded = it.assets.filter(({ state }) => state === undefined || state === null || state === "uploaded");
  return {
    id: it.id,
    tag: it.tag_name,
    title: it.name ?? null,
    isDraft: it.draft,
    isPrerelease: it.prerelease,
    target: it.target_commitish ?? null,
    author: it.author?.login ?? null,
    createdAt: it.created_at,
    publishedAt: it.published_at ?? null,
    url: it.html_url,
    notes: (it.body ?? "").slice(0, NOTES_CHARS_MAX).toWellFormed(),
    assets: uploaded.map((asset) => ({
      id: asset.id,
      name: asset.name,
      label: asset.label ?? null,
      sizeBytes: asset.size,
      mediaType: asset.content_type ?? null,
      sha256: sha256Of(asset.digest),
    })),
  };
}

/** Returns the name of a release in the datastore. */
export function nameOf(tag: string): string {
  return `release/${tag}`;
}

/** Returns whether two values of JSON are equal, whatever the order of the members of objects. */
export function isSame(one: unknown, other: unknown): boolean {
  if (typeof one !== "object" || typeof other !== "object" || one === null || other === null) {
    return one === other;
  }
  const keys = Object.keys(one);
  return (
    Array.isArray(one) === Array.isArray(other) &&
    keys.length === Object.keys(other).length &&
    keys.every((key) => Object.hasOwn(other, key) && isSame(one[key as never], other[key as never]))
  );
}
