/** Sets the web APIs as globals of a component. It is imported after `../host/border.js`, and before all else. */
import { globals, install, reportByEngine } from "./globals.js";

install({ ...globals(), self: globalThis, global: globalThis });
reportByEngine();
