/** `node:url`. */
import { URL, URLSearchParams } from "../prelude/url.js";
import { fromFileUrl } from "./path.js";

export { URL, URLSearchParams };
export const fileURLToPath = (url: string): string => fromFileUrl(url);
export const pathToFileURL = (path: string): URL => new URL(`file://${encodeURI(path)}`);
export const parse = (url: string): URL => new URL(url);
export const format = (url: unknown): string => String(url);
export default { URL, URLSearchParams, fileURLToPath, pathToFileURL, parse, format };
