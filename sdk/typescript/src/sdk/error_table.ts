/** The errors of the contract. Generated from wit and wit/errors.json. Do not edit. */
import { ContractError, type CheckFailure, type ErrorShape, type Failure, type TargetKind, type Violation } from "./error_base.js";

/**
 * Why a nested call has no outcome.
 *
 * The host never ends the caller because of a callee's error. Match the cases that you can handle, and pass the others on.
 */
export abstract class CallError<I extends object = object> extends ContractError<I> {}

export interface CallNotFoundInfo {
  /** What is missing. */
  readonly kind: TargetKind;
  /** The requested name. */
  readonly name: string;
}

/** There is no such model, or its type has no such method. */
export class CallNotFound extends CallError<CallNotFoundInfo> {
  static override readonly shape: ErrorShape = { name: "CallNotFound", code: "not-found", message: "no {kind} named `{name}`", details: [{ key: "kind", field: "kind" }, { key: "name", field: "name" }] };
}

export interface CallInvalidInputInfo {
  /** The violations. */
  readonly violations: readonly Violation[];
}

/** The arguments are not JSON or violate the method's schema. The callee did not run. */
export class CallInvalidInput extends CallError<CallInvalidInputInfo> {
  static override readonly shape: ErrorShape = { name: "CallInvalidInput", code: "invalid-input", message: "the arguments do not fit the method's schema: {violations|; }", details: [{ key: "violations", field: "violations" }], field: "violations" };
}

export interface CallDeniedInfo {
  /** What was refused or has happened, and what would change that, for the user. */
  readonly reason: string;
}

/** The caller may not call this model or method. The text explains why. */
export class CallDenied extends CallError<CallDeniedInfo> {
  static override readonly shape: ErrorShape = { name: "CallDenied", code: "denied", message: "{reason}", details: [], field: "reason" };
}

export interface CallLockTimeoutInfo {
  /** The locked resource, for example ``the model `sink` ``. */
  readonly resource: string;
  /**
   * The calls that held the lock or were queued before this one: each with its chain from
   * the run down and its process.
   */
  readonly holders: readonly string[];
  /** How long the call waited, in milliseconds. */
  readonly waitedMs: number;
}

/** A lock was not granted in time. A later retry may succeed. */
export class CallLockTimeout extends CallError<CallLockTimeoutInfo> {
  static override readonly shape: ErrorShape = { name: "CallLockTimeout", code: "lock-timeout", message: "{resource} was locked by others for {waitedMs} ms", details: [{ key: "resource", field: "resource" }, { key: "holders", field: "holders" }, { key: "waited_ms", field: "waitedMs" }] };
}

export interface CallDeadlockInfo {
  /** The chain from the run down to the call that requested the lock. */
  readonly ours: readonly string[];
  /** The chain of the lineage that waits for this one. */
  readonly theirs: readonly string[];
  /**
   * Set if the callee was rolled back and retried, and the retry made another nested call
   * than before: a sentence that says which.
   */
  readonly difference?: string | null;
}

/**
 * Waiting for the lock would have closed a cycle. The callee did not run. The host
 * returns this error only if it cannot roll a call back and retry it: because the call has
 * had an external effect, because a committed nested call has read what the call had
 * staged, or because the retry made another nested call than before (`difference`).
 */
export class CallDeadlock extends CallError<CallDeadlockInfo> {
  static override readonly shape: ErrorShape = { name: "CallDeadlock", code: "deadlock", message: "{ours| > } and {theirs| > } wait for each other{difference?; }", details: [{ key: "ours", field: "ours" }, { key: "theirs", field: "theirs" }, { key: "difference", field: "difference", isOptional: true }] };
}

export interface CallChangedMeanwhileInfo {
  /** The name of the data. */
  readonly name: string;
  /** What happened to it. The text names the call that wrote it. */
  readonly reason: string;
}

/**
 * The callee changed data that another call has changed since the callee read it: a
 * nested call of the callee, a `sedge` that a command of it started, or another
 * observation beside a callee of kind `observe` that had published data. None of the
 * callee's changes were committed.
 */
export class CallChangedMeanwhile extends CallError<CallChangedMeanwhileInfo> {
  static override readonly shape: ErrorShape = { name: "CallChangedMeanwhile", code: "changed-meanwhile", message: "{reason}", details: [{ key: "name", field: "name" }] };
}

export interface CallCycleInfo {
  /** The names in the cycle. */
  readonly names: readonly string[];
}

/**
 * The definitions of the target refer to each other in a cycle; these are the names in
 * it. Reserved for workflows that run workflows.
 */
export class CallCycle extends CallError<CallCycleInfo> {
  static override readonly shape: ErrorShape = { name: "CallCycle", code: "cycle", message: "it depends on itself: {names| > }", details: [{ key: "names", field: "names" }], field: "names" };
}

export interface CallLimitInfo {
  /**
   * The name of the limit: `memory-bytes`, `cpu-seconds`, `call-depth`, `calls-per-run`,
   * `calls-per-call`, `parallel-calls`, `host-calls`, `host-bytes`, `json-bytes`,
   * `staged-bytes`, `file-bytes`, `open-files`, `handles`, `live-instances` or `sealed-bytes`.
   * The operator can set all of them except `json-bytes`, `handles`, `live-instances` and
   * `sealed-bytes`.
   */
  readonly name: string;
  /** The value of the limit, in the unit of its documentation. */
  readonly value: number;
}

/** The callee or the run reached a limit. */
export class CallLimit extends CallError<CallLimitInfo> {
  static override readonly shape: ErrorShape = { name: "CallLimit", code: "limit", message: "the limit `{name}` of {value} was reached", details: [{ key: "name", field: "name" }, { key: "value", field: "value" }] };
}

/** The callee returned this failure. */
export class CallFailed extends CallError<{ readonly failure: Failure }> {
  static override readonly shape: ErrorShape = { name: "CallFailed", code: "failed", message: "", details: [], field: "failure" };
}

export interface CallTrappedInfo {
  /** The cause, for example `wasm trap: out of bounds memory access`. */
  readonly message: string;
  /**
   * The guest's functions, innermost first, if their names are known. If the component has
   * debug info (DWARF), they have positions in the source: `sink::run at src/lib.rs:7:5`.
   */
  readonly backtrace: readonly string[];
}

/** The callee's code trapped. */
export class CallTrapped extends CallError<CallTrappedInfo> {
  static override readonly shape: ErrorShape = { name: "CallTrapped", code: "trapped", message: "{message}", details: [{ key: "backtrace", field: "backtrace" }] };
}

export interface CallChecksFailedInfo {
  /** All checks that failed. */
  readonly failures: readonly CheckFailure[];
}

/** Checks of the callee's type failed, so its method did not run. All of them are listed. */
export class CallChecksFailed extends CallError<CallChecksFailedInfo> {
  static override readonly shape: ErrorShape = { name: "CallChecksFailed", code: "checks-failed", message: "{failures|; }", details: [{ key: "failures", field: "failures" }], field: "failures" };
}

export interface CallTimedOutInfo {
  /** The time limit in milliseconds. */
  readonly afterMs: number;
}

/** The callee exceeded its deadline. The value is its time limit in milliseconds. */
export class CallTimedOut extends CallError<CallTimedOutInfo> {
  static override readonly shape: ErrorShape = { name: "CallTimedOut", code: "timed-out", message: "it was stopped after {afterMs} ms, at its deadline", details: [{ key: "after_ms", field: "afterMs" }], field: "afterMs" };
}

/** The callee was cancelled by its caller or by the user. */
export class CallCancelled extends CallError<Record<never, never>> {
  static override readonly shape: ErrorShape = { name: "CallCancelled", code: "cancelled", message: "it was cancelled", details: [] };

  constructor() {
    super({});
  }
}

/** Why data was not written or read. */
export abstract class DataError<I extends object = object> extends ContractError<I> {}

export interface DataUndeclaredInfo {
  /** The given name. */
  readonly spec: string;
}

/** The type declares no resource or file of this name. */
export class DataUndeclared extends DataError<DataUndeclaredInfo> {
  static override readonly shape: ErrorShape = { name: "DataUndeclared", code: "undeclared", message: "no resource or file named `{spec}` is declared", details: [{ key: "spec", field: "spec" }], field: "spec" };
}

export interface DataInvalidContentInfo {
  /** The violations. */
  readonly violations: readonly Violation[];
}

/** The content is not JSON, or violates the resource's schema. */
export class DataInvalidContent extends DataError<DataInvalidContentInfo> {
  static override readonly shape: ErrorShape = { name: "DataInvalidContent", code: "invalid-content", message: "the content does not fit the resource's schema: {violations|; }", details: [{ key: "violations", field: "violations" }], field: "violations" };
}

export interface DataInvalidNameInfo {
  /** What was refused or has happened, and what would change that, for the user. */
  readonly reason: string;
}

/** The name, a tag or a media type is not valid. The text explains why. */
export class DataInvalidName extends DataError<DataInvalidNameInfo> {
  static override readonly shape: ErrorShape = { name: "DataInvalidName", code: "invalid-name", message: "{reason}", details: [], field: "reason" };
}

/** The method is of kind `read`, or the plugin is describing itself. */
export class DataReadOnly extends DataError<Record<never, never>> {
  static override readonly shape: ErrorShape = { name: "DataReadOnly", code: "read-only", message: "a method of kind `read` cannot write", details: [] };

  constructor() {
    super({});
  }
}

export interface DataDeniedInfo {
  /** What was refused or has happened, and what would change that, for the user. */
  readonly reason: string;
}

/** The plugin may not do this. The text explains why. */
export class DataDenied extends DataError<DataDeniedInfo> {
  static override readonly shape: ErrorShape = { name: "DataDenied", code: "denied", message: "{reason}", details: [], field: "reason" };
}

export interface DataModelNotFoundInfo {
  /** The given name. */
  readonly model: string;
}

/** No model has this name. */
export class DataModelNotFound extends DataError<DataModelNotFoundInfo> {
  static override readonly shape: ErrorShape = { name: "DataModelNotFound", code: "model-not-found", message: "no model named `{model}`", details: [{ key: "model", field: "model" }], field: "model" };
}

export interface DataLimitInfo {
  /**
   * The name of the limit: `memory-bytes`, `cpu-seconds`, `call-depth`, `calls-per-run`,
   * `calls-per-call`, `parallel-calls`, `host-calls`, `host-bytes`, `json-bytes`,
   * `staged-bytes`, `file-bytes`, `open-files`, `handles`, `live-instances` or `sealed-bytes`.
   * The operator can set all of them except `json-bytes`, `handles`, `live-instances` and
   * `sealed-bytes`.
   */
  readonly name: string;
  /** The value of the limit, in the unit of its documentation. */
  readonly value: number;
}

/** A limit was reached. */
export class DataLimit extends DataError<DataLimitInfo> {
  static override readonly shape: ErrorShape = { name: "DataLimit", code: "limit", message: "the limit `{name}` of {value} was reached", details: [{ key: "name", field: "name" }, { key: "value", field: "value" }] };
}

/** The file is finished already. */
export class DataFinished extends DataError<Record<never, never>> {
  static override readonly shape: ErrorShape = { name: "DataFinished", code: "finished", message: "the file was finished before", details: [] };

  constructor() {
    super({});
  }
}

export interface DataStagedByAncestorInfo {
  /** The name of the data. */
  readonly name: string;
  /** The call that has staged it. */
  readonly call: string;
}

/**
 * A caller of this call has staged the name. That call has to `publish` before it makes the
 * nested call.
 */
export class DataStagedByAncestor extends DataError<DataStagedByAncestorInfo> {
  static override readonly shape: ErrorShape = { name: "DataStagedByAncestor", code: "staged-by-ancestor", message: "`{name}` is staged by the call `{call}`, which this call is a part of: that call has to `publish` it before it makes the nested call", details: [{ key: "name", field: "name" }, { key: "call", field: "call" }] };
}

export interface DataChangedMeanwhileInfo {
  /** The name of the data. */
  readonly name: string;
  /** What happened to it. The text names the call that wrote it. */
  readonly reason: string;
}

/**
 * The name has another latest version than the one that this call builds on. `publish`
 * committed nothing, and what was staged is discarded. Read the name again, and write it
 * again.
 */
export class DataChangedMeanwhile extends DataError<DataChangedMeanwhileInfo> {
  static override readonly shape: ErrorShape = { name: "DataChangedMeanwhile", code: "changed-meanwhile", message: "{reason}", details: [{ key: "name", field: "name" }] };
}

export interface DataInvalidRetentionInfo {
  /** What was refused or has happened, and what would change that, for the user. */
  readonly reason: string;
}

/** The lifetime or the number of versions to keep is not valid. The text explains why. */
export class DataInvalidRetention extends DataError<DataInvalidRetentionInfo> {
  static override readonly shape: ErrorShape = { name: "DataInvalidRetention", code: "invalid-retention", message: "{reason}", details: [], field: "reason" };
}

export interface DataInvalidQueryInfo {
  /** `predicate` or `select`. */
  readonly expression: string;
  /** The line of the fault in the expression, from 1. */
  readonly line: number;
  /** The column of the fault in that line, in characters from 1. */
  readonly column: number;
  /** A message for the user. */
  readonly message: string;
  /** What to write instead, if that is known. */
  readonly hint?: string | null;
}

/**
 * An expression of a query is not valid, or is wrong for each version on which it was
 * evaluated.
 */
export class DataInvalidQuery extends DataError<DataInvalidQueryInfo> {
  static override readonly shape: ErrorShape = { name: "DataInvalidQuery", code: "invalid-query", message: "the {expression} of the query is wrong at {line}:{column}: {message}", details: [{ key: "expression", field: "expression" }, { key: "line", field: "line" }, { key: "column", field: "column" }, { key: "hint", field: "hint" }] };
}

export interface DataUnexpectedContentInfo {
  /** The model that owns the data. */
  readonly model: string;
  /** The name of the data. */
  readonly name: string;
  /** The difference. */
  readonly message: string;
}

/** The content does not fit the requested type of the language. An earlier version of the model type may have written it. */
export class DataUnexpectedContent extends DataError<DataUnexpectedContentInfo> {
  static override readonly shape: ErrorShape = { name: "DataUnexpectedContent", code: "unexpected-content", message: "`{name}` of model `{model}` is not what was expected: {message}", details: [{ key: "model", field: "model" }, { key: "name", field: "name" }] };
}

/** Why a definition was not returned. */
export abstract class ModelsError<I extends object = object> extends ContractError<I> {}

export interface ModelsDeniedInfo {
  /** What was refused or has happened, and what would change that, for the user. */
  readonly reason: string;
}

/** The plugin may not read this model. The text explains that to the user. */
export class ModelsDenied extends ModelsError<ModelsDeniedInfo> {
  static override readonly shape: ErrorShape = { name: "ModelsDenied", code: "denied", message: "{reason}", details: [], field: "reason" };
}

export interface ModelsNotFoundInfo {
  /** The requested name. */
  readonly name: string;
}

/** No model has this name. */
export class ModelsNotFound extends ModelsError<ModelsNotFoundInfo> {
  static override readonly shape: ErrorShape = { name: "ModelsNotFound", code: "not-found", message: "no model named `{name}`", details: [{ key: "kind", constant: "model" }, { key: "name", field: "name" }], field: "name" };
}

export interface ModelsUnreadableInfo {
  /** The name of the model, if it is known. */
  readonly name?: string | null;
  /** What was refused or has happened, and what would change that, for the user. */
  readonly reason: string;
}

/**
 * The file cannot be read, or has a fault, or two files define the name. The text explains
 * that to the user.
 */
export class ModelsUnreadable extends ModelsError<ModelsUnreadableInfo> {
  static override readonly shape: ErrorShape = { name: "ModelsUnreadable", code: "unreadable", message: "{reason}", details: [{ key: "name", field: "name", isOptional: true }] };
}

export interface ModelsLimitInfo {
  /**
   * The name of the limit: `memory-bytes`, `cpu-seconds`, `call-depth`, `calls-per-run`,
   * `calls-per-call`, `parallel-calls`, `host-calls`, `host-bytes`, `json-bytes`,
   * `staged-bytes`, `file-bytes`, `open-files`, `handles`, `live-instances` or `sealed-bytes`.
   * The operator can set all of them except `json-bytes`, `handles`, `live-instances` and
   * `sealed-bytes`.
   */
  readonly name: string;
  /** The value of the limit, in the unit of its documentation. */
  readonly value: number;
}

/** A limit was reached. */
export class ModelsLimit extends ModelsError<ModelsLimitInfo> {
  static override readonly shape: ErrorShape = { name: "ModelsLimit", code: "limit", message: "the limit `{name}` of {value} was reached", details: [{ key: "name", field: "name" }, { key: "value", field: "value" }] };
}

/** Why there is no run of a workflow. Nothing has happened then. */
export abstract class WorkflowError<I extends object = object> extends ContractError<I> {}

export interface WorkflowNotFoundInfo {
  /** The requested name. */
  readonly name: string;
}

/** No workflow has this name. */
export class WorkflowNotFound extends WorkflowError<WorkflowNotFoundInfo> {
  static override readonly shape: ErrorShape = { name: "WorkflowNotFound", code: "not-found", message: "no workflow named `{name}`", details: [{ key: "kind", constant: "workflow" }, { key: "name", field: "name" }], field: "name" };
}

export interface WorkflowInvalidInputInfo {
  /** The violations. */
  readonly violations: readonly Violation[];
}

/** The inputs are not JSON, or violate the schema of the workflow. */
export class WorkflowInvalidInput extends WorkflowError<WorkflowInvalidInputInfo> {
  static override readonly shape: ErrorShape = { name: "WorkflowInvalidInput", code: "invalid-input", message: "the inputs do not fit the workflow's schema: {violations|; }", details: [{ key: "violations", field: "violations" }], field: "violations" };
}

export interface WorkflowDeniedInfo {
  /** What was refused or has happened, and what would change that, for the user. */
  readonly reason: string;
}

/** The plugin may not run this workflow. The text explains that to the user. */
export class WorkflowDenied extends WorkflowError<WorkflowDeniedInfo> {
  static override readonly shape: ErrorShape = { name: "WorkflowDenied", code: "denied", message: "{reason}", details: [], field: "reason" };
}

export interface WorkflowRefusedInfo {
  /** What was refused or has happened, and what would change that, for the user. */
  readonly reason: string;
}

/**
 * The workflow cannot run: its file, one of its models or a plugin has a fault, it needs the
 * whole datastore for itself (`exclusive`), its inputs contain a secret, or workflows are
 * nested more than 16 deep. The text says which.
 */
export class WorkflowRefused extends WorkflowError<WorkflowRefusedInfo> {
  static override readonly shape: ErrorShape = { name: "WorkflowRefused", code: "refused", message: "{reason}", details: [], field: "reason" };
}

export interface WorkflowLimitInfo {
  /**
   * The name of the limit: `memory-bytes`, `cpu-seconds`, `call-depth`, `calls-per-run`,
   * `calls-per-call`, `parallel-calls`, `host-calls`, `host-bytes`, `json-bytes`,
   * `staged-bytes`, `file-bytes`, `open-files`, `handles`, `live-instances` or `sealed-bytes`.
   * The operator can set all of them except `json-bytes`, `handles`, `live-instances` and
   * `sealed-bytes`.
   */
  readonly name: string;
  /** The value of the limit, in the unit of its documentation. */
  readonly value: number;
}

/** A limit was reached: `calls-per-run`, `calls-per-call`, `parallel-calls` or `json-bytes`. */
export class WorkflowLimit extends WorkflowError<WorkflowLimitInfo> {
  static override readonly shape: ErrorShape = { name: "WorkflowLimit", code: "limit", message: "the limit `{name}` of {value} was reached", details: [{ key: "name", field: "name" }, { key: "value", field: "value" }] };
}

/** Why a command was not run, or did not end by itself. Each case has the command's name. */
export abstract class CommandError<I extends object = object> extends ContractError<I> {}

export interface CommandDeniedInfo {
  /** The command. */
  readonly command: string;
  /** What has happened, for the user. */
  readonly message: string;
}

/**
 * The plugin does not request it, or it was not granted. The text explains that to the
 * user.
 */
export class CommandDenied extends CommandError<CommandDeniedInfo> {
  static override readonly shape: ErrorShape = { name: "CommandDenied", code: "denied", message: "{message}", details: [{ key: "command", field: "command" }], field: "message" };
}

export interface CommandNotPinnedInfo {
  /** The command. */
  readonly command: string;
  /** What has happened, for the user. */
  readonly message: string;
}

/** The operator has not pinned a program under this name. The text explains how. */
export class CommandNotPinned extends CommandError<CommandNotPinnedInfo> {
  static override readonly shape: ErrorShape = { name: "CommandNotPinned", code: "not-pinned", message: "{message}", details: [{ key: "command", field: "command" }], field: "message" };
}

export interface CommandArgumentsRefusedInfo {
  /** The command. */
  readonly command: string;
  /** What has happened, for the user. */
  readonly message: string;
}

/** The pin does not allow these arguments. The text explains why. */
export class CommandArgumentsRefused extends CommandError<CommandArgumentsRefusedInfo> {
  static override readonly shape: ErrorShape = { name: "CommandArgumentsRefused", code: "arguments-refused", message: "{message}", details: [{ key: "command", field: "command" }], field: "message" };
}

export interface CommandOptionsRefusedInfo {
  /** The command. */
  readonly command: string;
  /** What has happened, for the user. */
  readonly message: string;
}

/** The pin does not allow the folder or a variable. The text explains why. */
export class CommandOptionsRefused extends CommandError<CommandOptionsRefusedInfo> {
  static override readonly shape: ErrorShape = { name: "CommandOptionsRefused", code: "options-refused", message: "{message}", details: [{ key: "command", field: "command" }], field: "message" };
}

export interface CommandLimitInfo {
  /** The command. */
  readonly command: string;
  /**
   * The name of the limit: `memory-bytes`, `cpu-seconds`, `call-depth`, `calls-per-run`,
   * `calls-per-call`, `parallel-calls`, `host-calls`, `host-bytes`, `json-bytes`,
   * `staged-bytes`, `file-bytes`, `open-files`, `handles`, `live-instances` or `sealed-bytes`.
   * The operator can set all of them except `json-bytes`, `handles`, `live-instances` and
   * `sealed-bytes`.
   */
  readonly name: string;
  /** The value of the limit, in the unit of its documentation. */
  readonly value: number;
}

/** A limit was reached: the call runs too many programs at once. */
export class CommandLimit extends CommandError<CommandLimitInfo> {
  static override readonly shape: ErrorShape = { name: "CommandLimit", code: "limit", message: "the command `{command}` was not started: the limit `{name}` of {value} was reached", details: [{ key: "command", field: "command" }, { key: "name", field: "name" }, { key: "value", field: "value" }] };
}

export interface CommandTimedOutInfo {
  /** The command. */
  readonly command: string;
  /** The time limit in milliseconds. */
  readonly afterMs: number;
}

/** It ran longer than the pin allows, which is this many milliseconds, and was killed. */
export class CommandTimedOut extends CommandError<CommandTimedOutInfo> {
  static override readonly shape: ErrorShape = { name: "CommandTimedOut", code: "timed-out", message: "the command `{command}` was killed after {afterMs} ms, the time limit of its pin", details: [{ key: "command", field: "command" }], field: "afterMs" };
}

export interface CommandNotStartedInfo {
  /** The command. */
  readonly command: string;
  /** What has happened, for the user. */
  readonly message: string;
}

/** It could not be started. The text explains why. */
export class CommandNotStarted extends CommandError<CommandNotStartedInfo> {
  static override readonly shape: ErrorShape = { name: "CommandNotStarted", code: "not-started", message: "{message}", details: [{ key: "command", field: "command" }], field: "message" };
}

/** Why a secret is not available. */
export abstract class SecretError<I extends object = object> extends ContractError<I> {}

export interface SecretDeniedInfo {
  /** What was refused or has happened, and what would change that, for the user. */
  readonly reason: string;
}

/**
 * The plugin does not request it, or it was not granted. The text explains that to the
 * user.
 */
export class SecretDenied extends SecretError<SecretDeniedInfo> {
  static override readonly shape: ErrorShape = { name: "SecretDenied", code: "denied", message: "{reason}", details: [], field: "reason" };
}

export interface SecretMissingInfo {
  /** What was refused or has happened, and what would change that, for the user. */
  readonly reason: string;
}

/** There is no secret of this name. The text says so to the user. */
export class SecretMissing extends SecretError<SecretMissingInfo> {
  static override readonly shape: ErrorShape = { name: "SecretMissing", code: "secret-missing", message: "{reason}", details: [], field: "reason" };
}

/** The class of each case, by its variant and its name in the contract. */
export const CASES = {
  "call-error": {
    "not-found": CallNotFound,
    "invalid-input": CallInvalidInput,
    "denied": CallDenied,
    "lock-timeout": CallLockTimeout,
    "deadlock": CallDeadlock,
    "changed-meanwhile": CallChangedMeanwhile,
    "cycle": CallCycle,
    "limit": CallLimit,
    "failed": CallFailed,
    "trapped": CallTrapped,
    "checks-failed": CallChecksFailed,
    "timed-out": CallTimedOut,
    "cancelled": CallCancelled,
  },
  "data-error": {
    "undeclared": DataUndeclared,
    "invalid-content": DataInvalidContent,
    "invalid-name": DataInvalidName,
    "read-only": DataReadOnly,
    "denied": DataDenied,
    "model-not-found": DataModelNotFound,
    "limit": DataLimit,
    "finished": DataFinished,
    "staged-by-ancestor": DataStagedByAncestor,
    "changed-meanwhile": DataChangedMeanwhile,
    "invalid-retention": DataInvalidRetention,
    "invalid-query": DataInvalidQuery,
    "unexpected-content": DataUnexpectedContent,
  },
  "models-error": {
    "denied": ModelsDenied,
    "not-found": ModelsNotFound,
    "unreadable": ModelsUnreadable,
    "limit": ModelsLimit,
  },
  "workflow-error": {
    "not-found": WorkflowNotFound,
    "invalid-input": WorkflowInvalidInput,
    "denied": WorkflowDenied,
    "refused": WorkflowRefused,
    "limit": WorkflowLimit,
  },
  "command-error": {
    "denied": CommandDenied,
    "not-pinned": CommandNotPinned,
    "arguments-refused": CommandArgumentsRefused,
    "options-refused": CommandOptionsRefused,
    "limit": CommandLimit,
    "timed-out": CommandTimedOut,
    "not-started": CommandNotStarted,
  },
  "secret-error": {
    "denied": SecretDenied,
    "missing": SecretMissing,
  },
} as const;
