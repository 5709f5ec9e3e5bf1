/** `jsr:@std/fs`: the functions that are made of others. */
import { files } from "../deno/files.js";

export async function exists(path: unknown): Promise<boolean> {
  try {
    files.statSync(path);
    return true;
  } catch (error) {
    if (error instanceof Error && error.name === "NotFound") {
      return false;
    }
    throw error;
  }
}

export async function ensureDir(path: unknown): Promise<void> {
  files.mkdirSync(path, { recursive: true });
}

export async function ensureFile(path: unknown): Promise<void> {
  if (!(await exists(path))) {
    files.writeFileSync(path, new Uint8Array(0));
  }
}

export async function* walk(root: string): AsyncGenerator<{ path: string; name: string; isFile: boolean; isDirectory: boolean; isSymlink: boolean }> {
  for (const it of files.readDirSync(root)) {
    const path = `${root.replace(/\/$/, "")}/${it.name}`;
    yield { ...it, path };
    if (it.isDirectory) {
      yield* walk(path);
    }
  }
}
