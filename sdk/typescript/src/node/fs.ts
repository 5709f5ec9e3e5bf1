/** `node:fs`: the functions that do not wait, and `promises`. */
import {
  accessSync, appendFileSync, copyFileSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync,
} from "./fs_promises.js";
import promises from "./fs_promises.js";

export function existsSync(path: unknown): boolean {
  try {
    accessSync(path);
    return true;
  } catch {
    return false;
  }
}

export const unlinkSync = (path: unknown): void => rmSync(path);
export const constants = { F_OK: 0, R_OK: 4, W_OK: 2, X_OK: 1 };
export {
  accessSync, appendFileSync, copyFileSync, mkdirSync, promises, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync,
};
export default {
  accessSync, appendFileSync, constants, copyFileSync, existsSync, mkdirSync, promises, readdirSync, readFileSync, renameSync, rmSync, statSync,
  unlinkSync, writeFileSync,
};
