/** `jsr:@std/path`. */
export * from "../node/path.js";
export const SEPARATOR = "/";
