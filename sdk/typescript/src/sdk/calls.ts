/** Nested calls and workflows. */
import type { z } from "zod";
import { host, type HostPending } from "../host/host.js";
import type { FailedStep, Outcome as WireOutcome } from "../host/wire.js";
import type { Written } from "./data.js";
import { Failure } from "./error_base.js";
import { CallInvalidInput, WorkflowInvalidInput } from "./error_table.js";
import { contractError, converted } from "./host_errors.js";
import { fromText, NotJson, toText, type Json } from "./json.js";
import { misfit, violations } from "./schema.js";

/** The outcome of a call that succeeded. */
export class Outcome {
  /** The value that the method returned. */
  readonly value: Json;
  /** The versions that it wrote, in order, without those of its own callees. */
  readonly written: readonly Written[];

  constructor(outcome: WireOutcome) {
    this.value = fromText(outcome.value);
    this.written = outcome.written;
  }

  /** Returns the value as a schema reads it. Throws a `Failure` with all violations. */
  as<S extends z.ZodType>(schema: S): z.output<S> {
    const result = schema.safeParse(this.value);
    if (result.success) {
      return result.data;
    }
    throw misfit("unexpected-result", "the values that the call returned", violations(result.error));
  }
}

/** A call that was started and may still run. `await` returns its outcome. */
export class PendingCall implements PromiseLike<Outcome> {
  readonly #pending: HostPending;
  #outcome: Promise<Outcome> | null = null;
  #isSettled = false;

  constructor(pending: HostPending) {
    this.#pending = pending;
  }

  async #wait(): Promise<Outcome> {
    try {
      for (;;) {
        const found = converted("call-error", () => this.#pending.get());
        if (found !== null) {
          return new Outcome(found);
        }
        await this.#pending.ended();
      }
    } finally {
      this.#isSettled = true;
      this.#pending.drop();
    }
  }

  /** Waits until the call has ended. Throws a `CallError`. */
  wait(): Promise<Outcome> {
    this.#outcome ??= this.#wait();
    return this.#outcome;
  }

  then<A = Outcome, B = never>(
    resolved?: ((outcome: Outcome) => A | PromiseLike<A>) | null,
    rejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.wait().then(resolved, rejected);
  }

  /** Cancels the call if it has not ended. Its writes are discarded. */
  cancel(): void {
    if (!this.#isSettled) {
      this.#pending.cancel();
    }
  }
}

function argumentsText(args: unknown): string {
  try {
    return toText(args ?? {});
  } catch (error) {
    throw error instanceof NotJson ? new CallInvalidInput({ violations: [{ path: "", message: error.message }] }) : error;
  }
}

/** Starts a call at once. */
export function startCall(target: string, method: string, args: unknown): PendingCall {
  const text = argumentsText(args);
  return new PendingCall(converted("call-error", () => host().calls.start(target, method, text)));
}

/** A run that succeeded. */
export interface RunSucceeded {
  readonly status: "succeeded";
  readonly run: string;
  /** What the methods of its steps returned, by `job/step`. `null` if it would exceed 4 MiB. */
  readonly outputs: Readonly<Record<string, Json>> | null;
}

/** A run that failed. */
export interface RunFailed {
  readonly status: "failed";
  readonly run: string;
  readonly message: string;
  readonly steps: readonly FailedStep[];
}

/** A run that was cancelled. */
export interface RunCancelled {
  readonly status: "cancelled";
  readonly run: string;
  readonly reason: string | null;
}

/** A run that waits for decisions of a user. */
export interface RunSuspended {
  readonly status: "suspended";
  readonly run: string;
  readonly gates: readonly string[];
}

export type RunOutcome = RunSucceeded | RunFailed | RunCancelled | RunSuspended;

/** Returns the run if it succeeded. Throws a `Failure` otherwise. */
export function succeeded(outcome: RunOutcome): RunSucceeded {
  switch (outcome.status) {
    case "succeeded":
      return outcome;
    case "failed":
      throw new Failure("workflow-failed", `the run ${outcome.run} failed: ${outcome.message}`, {
        details: { run: outcome.run, steps: outcome.steps.map(({ step, code, message, allowed }) => ({ step, code, message, allowed })) },
      });
    case "cancelled":
      throw new Failure("workflow-cancelled", `the run ${outcome.run} was cancelled${outcome.reason === null ? "" : `: ${outcome.reason}`}`, { details: { run: outcome.run } });
    case "suspended":
      throw new Failure("workflow-suspended", `the run ${outcome.run} waits for a decision: ${outcome.gates.join(", ")}`, { details: { run: outcome.run, gates: outcome.gates } });
  }
}

function inputsText(inputs: unknown): string {
  try {
    return toText(inputs ?? {});
  } catch (error) {
    throw error instanceof NotJson ? new WorkflowInvalidInput({ violations: [{ path: "", message: error.message }] }) : error;
  }
}

/** Workflows. */
export class Workflows {
  /**
   * Runs a workflow, and waits until the run has ended or waits for a decision. Nothing else of the method runs
   * meanwhile. A run that failed is an outcome: `succeeded(outcome)` throws for it.
   */
  async run(workflow: string, inputs?: unknown): Promise<RunOutcome> {
    const text = inputsText(inputs);
    const it = converted("workflow-error", () => host().workflows.run(workflow, text));
    switch (it.tag) {
      case "succeeded": {
        const outputs = it.val.outputs ?? null;
        return { status: "succeeded", run: it.val.run, outputs: outputs === null ? null : (fromText(outputs) as Record<string, Json>) };
      }
      case "failed":
        return { status: "failed", ...it.val };
      case "cancelled":
        return { status: "cancelled", run: it.val.run, reason: it.val.reason ?? null };
      case "suspended":
        return { status: "suspended", ...it.val };
    }
  }

  /** Starts a workflow and continues. Returns the id of the run once its record is durable. */
  async start(workflow: string, inputs?: unknown): Promise<string> {
    const text = inputsText(inputs);
    try {
      return host().workflows.start(workflow, text);
    } catch (error) {
      throw contractError("workflow-error", error);
    }
  }
}
