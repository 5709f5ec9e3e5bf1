/** Sets `Deno` and `process` as globals of a component with a swamp model. */
import process from "../node/process.js";
import { Deno } from "./index.js";

Object.defineProperty(globalThis, "Deno", { value: Deno, writable: true, configurable: true });
Object.defineProperty(globalThis, "process", { value: process, writable: true, configurable: true });
