/**
 * The first module of a plugin that is written for this SDK. `bundle.mjs` gives it the author's file as
 * `sedge:plugin`.
 */
import "../host/border.js";
import "../prelude/index.js";
import * as plugin from "sedge:plugin";
import { failureOf } from "../sdk/failures.js";
import { exportsOf, ModelType } from "../sdk/model.js";

function modelOf(module: Readonly<Record<string, unknown>>): ModelType {
  const found = new Set(Object.values(module).filter((it) => it instanceof ModelType));
  const [model, ...more] = found;
  if (model === undefined || more.length > 0) {
    throw new Error(`the file of a plugin exports one model, and this one exports ${found.size}: export const model = defineModel({ … })`);
  }
  return model;
}

export const { describe, invoke, check, upgrade, report } = exportsOf(modelOf(plugin));
export const failure = failureOf;
