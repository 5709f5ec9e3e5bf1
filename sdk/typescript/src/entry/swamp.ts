/**
 * The first module of a plugin that is a swamp model. `bundle.mjs` gives it the model's files as `sedge:swamp`. They
 * are evaluated after the globals are set.
 */
import "../host/border.js";
import "../prelude/index.js";
import "../deno/install.js";
import * as swamp from "sedge:swamp";
import { exportsOf } from "../sdk/model.js";
import { SwampPlugin } from "../swamp/adapter.js";
import type { Sidecar } from "../swamp/describe.js";

const files = swamp.about.files ?? {};
const plugin = new SwampPlugin(swamp.modules, swamp.sidecar as Sidecar, swamp.about, { files, celEnvironment: swamp.celEnvironment });

export const { describe, invoke, check, upgrade, report } = exportsOf(plugin);
export const failure = plugin.failure.bind(plugin);
