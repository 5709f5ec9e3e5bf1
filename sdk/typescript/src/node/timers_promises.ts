/** `node:timers/promises`. */
import { sleep } from "../prelude/abort.js";

export async function setTimeout<T>(ms = 0, value?: T): Promise<T | undefined> {
  await sleep(ms);
  return value;
}

export async function setImmediate<T>(value?: T): Promise<T | undefined> {
  return setTimeout(0, value);
}

export const scheduler = { wait: (ms: number): Promise<void> => sleep(ms) };
export default { setTimeout, setImmediate, scheduler };
