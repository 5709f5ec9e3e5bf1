/** `node:os`: a plugin sees nothing of the machine but what it was granted. */
import process from "./process.js";

export const EOL = "\n";
export const platform = (): string => "linux";
export const type = (): string => "Linux";
export const arch = (): string => "x64";
export const release = (): string => "";
export const hostname = (): string => "sedge";
export const homedir = (): string => process.env["HOME"] ?? "/";
export const tmpdir = (): string => "tmp";
export const cpus = (): object[] => [];
export const totalmem = (): number => 0;
export const freemem = (): number => 0;
export const uptime = (): number => 0;
export const loadavg = (): number[] => [0, 0, 0];
export const networkInterfaces = (): object => ({});
export const userInfo = (): object => ({ username: process.env["USER"] ?? "sedge", uid: -1, gid: -1, shell: null, homedir: homedir() });
export const endianness = (): string => "LE";
export const constants = { signals: {}, errno: {} };
export default { EOL, platform, type, arch, release, hostname, homedir, tmpdir, cpus, totalmem, freemem, uptime, loadavg, networkInterfaces, userInfo, endianness, constants };
