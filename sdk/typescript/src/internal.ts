/**
 * What the SDK is built on: the functions of the contract and of the engine.
 *
 * It is for tests of the contract. It changes without notice.
 */
export { engine } from "./host/engine.js";
export { host, HostError } from "./host/host.js";
