/** `node:timers`. */
import { clearImmediate, clearInterval, clearTimeout, setImmediate, setInterval, setTimeout } from "../prelude/timers.js";

export { clearImmediate, clearInterval, clearTimeout, setImmediate, setInterval, setTimeout };
export default { clearImmediate, clearInterval, clearTimeout, setImmediate, setInterval, setTimeout };
