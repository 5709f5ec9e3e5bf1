/** The scripted errors of a test, as the host returns them. */
import { HostError } from "../host/host.js";
import { Failure, type ContractError } from "../sdk/error_base.js";
import { CallFailed, CASES } from "../sdk/error_table.js";
import { detailsText } from "../sdk/error_base.js";

/** Returns an error as the host returns it. A failure is that of a callee. */
export function hostError(error: ContractError | Failure): HostError {
  const of = error instanceof Failure ? new CallFailed({ failure: error }) : error;
  for (const cases of Object.values(CASES)) {
    for (const [tag, Case] of Object.entries(cases)) {
      if (of.constructor === Case) {
        return new HostError(tag, payload(of));
      }
    }
  }
  throw new TypeError(`the host returns no \`${of.constructor.name}\`; use one of the classes for its cases`);
}

function payload(error: ContractError): unknown {
  const info = error.info as Readonly<Record<string, unknown>>;
  const { shape } = error.constructor as typeof ContractError;
  if (shape.field === "failure") {
    const failure = info["failure"] as Failure;
    return { code: failure.code, message: failure.message, details: detailsText(failure.details), stack: failure.frames, keepWrites: failure.keepWrites };
  }
  return shape.field === undefined ? info : info[shape.field];
}
