"""The errors of the contract. Generated from wit and wit/errors.json. Do not edit."""

from collections.abc import Sequence
from dataclasses import dataclass

from ._error_base import CheckFailure, ContractError, Failure, TargetKind, Violation

__all__ = [
    "CallError",
    "CallNotFound",
    "CallInvalidInput",
    "CallDenied",
    "CallLockTimeout",
    "CallDeadlock",
    "CallChangedMeanwhile",
    "CallCycle",
    "CallLimit",
    "CallFailed",
    "CallTrapped",
    "CallChecksFailed",
    "CallTimedOut",
    "CallCancelled",
    "DataError",
    "DataUndeclared",
    "DataInvalidContent",
    "DataInvalidName",
    "DataReadOnly",
    "DataDenied",
    "DataModelNotFound",
    "DataLimit",
    "DataFinished",
    "DataStagedByAncestor",
    "DataChangedMeanwhile",
    "DataInvalidRetention",
    "DataInvalidQuery",
    "DataUnexpectedContent",
    "ModelsError",
    "ModelsDenied",
    "ModelsNotFound",
    "ModelsUnreadable",
    "ModelsLimit",
    "WorkflowError",
    "WorkflowNotFound",
    "WorkflowInvalidInput",
    "WorkflowDenied",
    "WorkflowRefused",
    "WorkflowLimit",
    "CommandError",
    "CommandDenied",
    "CommandNotPinned",
    "CommandArgumentsRefused",
    "CommandOptionsRefused",
    "CommandLimit",
    "CommandTimedOut",
    "CommandNotStarted",
    "SecretError",
    "SecretDenied",
    "SecretMissing",
]


class CallError(ContractError):
    """Why a nested call has no outcome.

    The host never ends the caller because of a callee's error. Match the cases that you can handle, and pass the others on.
    """


@dataclass(eq=False)
class CallNotFound(CallError):
    """There is no such model, or its type has no such method."""

    code = "not-found"
    MESSAGE = "no {kind} named `{name}`"
    DETAILS = ("kind", "name")

    kind: TargetKind
    """What is missing."""
    name: str
    """The requested name."""


@dataclass(eq=False)
class CallInvalidInput(CallError):
    """The arguments are not JSON or violate the method's schema. The callee did not run."""

    code = "invalid-input"
    MESSAGE = "the arguments do not fit the method's schema: {violations|; }"
    DETAILS = ("violations",)

    violations: Sequence[Violation]
    """The violations."""


@dataclass(eq=False)
class CallDenied(CallError):
    """The caller may not call this model or method. The text explains why."""

    code = "denied"
    MESSAGE = "{reason}"

    reason: str
    """What was refused or has happened, and what would change that, for the user."""


@dataclass(eq=False)
class CallLockTimeout(CallError):
    """A lock was not granted in time. A later retry may succeed."""

    code = "lock-timeout"
    MESSAGE = "{resource} was locked by others for {waited_ms} ms"
    DETAILS = ("resource", "holders", "waited_ms")

    resource: str
    """The locked resource, for example ``the model `sink` ``."""
    holders: Sequence[str]
    """The calls that held the lock or were queued before this one: each with its chain from
    the run down and its process.
    """
    waited_ms: int
    """How long the call waited, in milliseconds."""


@dataclass(eq=False)
class CallDeadlock(CallError):
    """Waiting for the lock would have closed a cycle. The callee did not run. The host
    returns this error only if it cannot roll a call back and retry it: because the call has
    had an external effect, because a committed nested call has read what the call had
    staged, or because the retry made another nested call than before (`difference`).
    """

    code = "deadlock"
    MESSAGE = "{ours| > } and {theirs| > } wait for each other{difference?; }"
    DETAILS = ("ours", "theirs", "difference?")

    ours: Sequence[str]
    """The chain from the run down to the call that requested the lock."""
    theirs: Sequence[str]
    """The chain of the lineage that waits for this one."""
    difference: str | None = None
    """Set if the callee was rolled back and retried, and the retry made another nested call
    than before: a sentence that says which.
    """


@dataclass(eq=False)
class CallChangedMeanwhile(CallError):
    """The callee changed data that another call has changed since the callee read it: a
    nested call of the callee, a `sedge` that a command of it started, or another
    observation beside a callee of kind `observe` that had published data. None of the
    callee's changes were committed.
    """

    code = "changed-meanwhile"
    MESSAGE = "{reason}"
    DETAILS = ("name",)

    name: str
    """The name of the data."""
    reason: str
    """What happened to it. The text names the call that wrote it."""


@dataclass(eq=False)
class CallCycle(CallError):
    """The definitions of the target refer to each other in a cycle; these are the names in
    it. Reserved for workflows that run workflows.
    """

    code = "cycle"
    MESSAGE = "it depends on itself: {names| > }"
    DETAILS = ("names",)

    names: Sequence[str]
    """The names in the cycle."""


@dataclass(eq=False)
class CallLimit(CallError):
    """The callee or the run reached a limit."""

    code = "limit"
    MESSAGE = "the limit `{name}` of {value} was reached"
    DETAILS = ("name", "value")

    name: str
    """The name of the limit: `memory-bytes`, `cpu-seconds`, `call-depth`, `calls-per-run`,
    `calls-per-call`, `parallel-calls`, `host-calls`, `host-bytes`, `json-bytes`,
    `staged-bytes`, `file-bytes`, `open-files`, `handles`, `live-instances` or `sealed-bytes`.
    The operator can set all of them except `json-bytes`, `handles`, `live-instances` and
    `sealed-bytes`.
    """
    value: int
    """The value of the limit, in the unit of its documentation."""


@dataclass(eq=False)
class CallFailed(CallError):
    """The callee returned this failure."""

    failure: Failure
    """The failure, with its own code, message and details."""

    def __post_init__(self) -> None:
        self._pass_on(self.failure)


@dataclass(eq=False)
class CallTrapped(CallError):
    """The callee's code trapped."""

    code = "trapped"
    MESSAGE = "{reason}"
    DETAILS = ("backtrace",)

    reason: str
    """The cause, for example `wasm trap: out of bounds memory access`."""
    backtrace: Sequence[str]
    """The guest's functions, innermost first, if their names are known. If the component has
    debug info (DWARF), they have positions in the source: `sink::run at src/lib.rs:7:5`.
    """


@dataclass(eq=False)
class CallChecksFailed(CallError):
    """Checks of the callee's type failed, so its method did not run. All of them are listed."""

    code = "checks-failed"
    MESSAGE = "{failures|; }"
    DETAILS = ("failures",)

    failures: Sequence[CheckFailure]
    """All checks that failed."""


@dataclass(eq=False)
class CallTimedOut(CallError):
    """The callee exceeded its deadline. The value is its time limit in milliseconds."""

    code = "timed-out"
    MESSAGE = "it was stopped after {after_ms} ms, at its deadline"
    DETAILS = ("after_ms",)

    after_ms: int
    """The time limit in milliseconds."""


@dataclass(eq=False)
class CallCancelled(CallError):
    """The callee was cancelled by its caller or by the user."""

    code = "cancelled"
    MESSAGE = "it was cancelled"


class DataError(ContractError):
    """Why data was not written or read."""


@dataclass(eq=False)
class DataUndeclared(DataError):
    """The type declares no resource or file of this name."""

    code = "undeclared"
    MESSAGE = "no resource or file named `{spec}` is declared"
    DETAILS = ("spec",)

    spec: str
    """The given name."""


@dataclass(eq=False)
class DataInvalidContent(DataError):
    """The content is not JSON, or violates the resource's schema."""

    code = "invalid-content"
    MESSAGE = "the content does not fit the resource's schema: {violations|; }"
    DETAILS = ("violations",)

    violations: Sequence[Violation]
    """The violations."""


@dataclass(eq=False)
class DataInvalidName(DataError):
    """The name, a tag or a media type is not valid. The text explains why."""

    code = "invalid-name"
    MESSAGE = "{reason}"

    reason: str
    """What was refused or has happened, and what would change that, for the user."""


@dataclass(eq=False)
class DataReadOnly(DataError):
    """The method is of kind `read`, or the plugin is describing itself."""

    code = "read-only"
    MESSAGE = "a method of kind `read` cannot write"


@dataclass(eq=False)
class DataDenied(DataError):
    """The plugin may not do this. The text explains why."""

    code = "denied"
    MESSAGE = "{reason}"

    reason: str
    """What was refused or has happened, and what would change that, for the user."""


@dataclass(eq=False)
class DataModelNotFound(DataError):
    """No model has this name."""

    code = "model-not-found"
    MESSAGE = "no model named `{model}`"
    DETAILS = ("model",)

    model: str
    """The given name."""


@dataclass(eq=False)
class DataLimit(DataError):
    """A limit was reached."""

    code = "limit"
    MESSAGE = "the limit `{name}` of {value} was reached"
    DETAILS = ("name", "value")

    name: str
    """The name of the limit: `memory-bytes`, `cpu-seconds`, `call-depth`, `calls-per-run`,
    `calls-per-call`, `parallel-calls`, `host-calls`, `host-bytes`, `json-bytes`,
    `staged-bytes`, `file-bytes`, `open-files`, `handles`, `live-instances` or `sealed-bytes`.
    The operator can set all of them except `json-bytes`, `handles`, `live-instances` and
    `sealed-bytes`.
    """
    value: int
    """The value of the limit, in the unit of its documentation."""


@dataclass(eq=False)
class DataFinished(DataError):
    """The file is finished already."""

    code = "finished"
    MESSAGE = "the file was finished before"


@dataclass(eq=False)
class DataStagedByAncestor(DataError):
    """A caller of this call has staged the name. That call has to `publish` before it makes the
    nested call.
    """

    code = "staged-by-ancestor"
    MESSAGE = "`{name}` is staged by the call `{call}`, which this call is a part of: that call has to `publish` it before it makes the nested call"
    DETAILS = ("name", "call")

    name: str
    """The name of the data."""
    call: str
    """The call that has staged it."""


@dataclass(eq=False)
class DataChangedMeanwhile(DataError):
    """The name has another latest version than the one that this call builds on. `publish`
    committed nothing, and what was staged is discarded. Read the name again, and write it
    again.
    """

    code = "changed-meanwhile"
    MESSAGE = "{reason}"
    DETAILS = ("name",)

    name: str
    """The name of the data."""
    reason: str
    """What happened to it. The text names the call that wrote it."""


@dataclass(eq=False)
class DataInvalidRetention(DataError):
    """The lifetime or the number of versions to keep is not valid. The text explains why."""

    code = "invalid-retention"
    MESSAGE = "{reason}"

    reason: str
    """What was refused or has happened, and what would change that, for the user."""


@dataclass(eq=False)
class DataInvalidQuery(DataError):
    """An expression of a query is not valid, or is wrong for each version on which it was
    evaluated.
    """

    code = "invalid-query"
    MESSAGE = "the {expression} of the query is wrong at {line}:{column}: {reason}"
    DETAILS = ("expression", "line", "column", "hint")

    expression: str
    """`predicate` or `select`."""
    line: int
    """The line of the fault in the expression, from 1."""
    column: int
    """The column of the fault in that line, in characters from 1."""
    reason: str
    """A message for the user."""
    hint: str | None = None
    """What to write instead, if that is known."""


@dataclass(eq=False)
class DataUnexpectedContent(DataError):
    """The content does not fit the requested type of the language. An earlier version of the model type may have written it."""

    code = "unexpected-content"
    MESSAGE = "`{name}` of model `{model}` is not what was expected: {reason}"
    DETAILS = ("model", "name")

    model: str
    """The model that owns the data."""
    name: str
    """The name of the data."""
    reason: str
    """The difference."""


class ModelsError(ContractError):
    """Why a definition was not returned."""


@dataclass(eq=False)
class ModelsDenied(ModelsError):
    """The plugin may not read this model. The text explains that to the user."""

    code = "denied"
    MESSAGE = "{reason}"

    reason: str
    """What was refused or has happened, and what would change that, for the user."""


@dataclass(eq=False)
class ModelsNotFound(ModelsError):
    """No model has this name."""

    code = "not-found"
    MESSAGE = "no model named `{name}`"
    DETAILS = ("kind=model", "name")

    name: str
    """The requested name."""


@dataclass(eq=False)
class ModelsUnreadable(ModelsError):
    """The file cannot be read, or has a fault, or two files define the name. The text explains
    that to the user.
    """

    code = "unreadable"
    MESSAGE = "{reason}"
    DETAILS = ("name?",)

    name: str | None
    """The name of the model, if it is known."""
    reason: str
    """What was refused or has happened, and what would change that, for the user."""


@dataclass(eq=False)
class ModelsLimit(ModelsError):
    """A limit was reached."""

    code = "limit"
    MESSAGE = "the limit `{name}` of {value} was reached"
    DETAILS = ("name", "value")

    name: str
    """The name of the limit: `memory-bytes`, `cpu-seconds`, `call-depth`, `calls-per-run`,
    `calls-per-call`, `parallel-calls`, `host-calls`, `host-bytes`, `json-bytes`,
    `staged-bytes`, `file-bytes`, `open-files`, `handles`, `live-instances` or `sealed-bytes`.
    The operator can set all of them except `json-bytes`, `handles`, `live-instances` and
    `sealed-bytes`.
    """
    value: int
    """The value of the limit, in the unit of its documentation."""


class WorkflowError(ContractError):
    """Why there is no run of a workflow. Nothing has happened then."""


@dataclass(eq=False)
class WorkflowNotFound(WorkflowError):
    """No workflow has this name."""

    code = "not-found"
    MESSAGE = "no workflow named `{name}`"
    DETAILS = ("kind=workflow", "name")

    name: str
    """The requested name."""


@dataclass(eq=False)
class WorkflowInvalidInput(WorkflowError):
    """The inputs are not JSON, or violate the schema of the workflow."""

    code = "invalid-input"
    MESSAGE = "the inputs do not fit the workflow's schema: {violations|; }"
    DETAILS = ("violations",)

    violations: Sequence[Violation]
    """The violations."""


@dataclass(eq=False)
class WorkflowDenied(WorkflowError):
    """The plugin may not run this workflow. The text explains that to the user."""

    code = "denied"
    MESSAGE = "{reason}"

    reason: str
    """What was refused or has happened, and what would change that, for the user."""


@dataclass(eq=False)
class WorkflowRefused(WorkflowError):
    """The workflow cannot run: its file, one of its models or a plugin has a fault, it needs the
    whole datastore for itself (`exclusive`), its inputs contain a secret, or workflows are
    nested more than 16 deep. The text says which.
    """

    code = "refused"
    MESSAGE = "{reason}"

    reason: str
    """What was refused or has happened, and what would change that, for the user."""


@dataclass(eq=False)
class WorkflowLimit(WorkflowError):
    """A limit was reached: `calls-per-run`, `calls-per-call`, `parallel-calls` or `json-bytes`."""

    code = "limit"
    MESSAGE = "the limit `{name}` of {value} was reached"
    DETAILS = ("name", "value")

    name: str
    """The name of the limit: `memory-bytes`, `cpu-seconds`, `call-depth`, `calls-per-run`,
    `calls-per-call`, `parallel-calls`, `host-calls`, `host-bytes`, `json-bytes`,
    `staged-bytes`, `file-bytes`, `open-files`, `handles`, `live-instances` or `sealed-bytes`.
    The operator can set all of them except `json-bytes`, `handles`, `live-instances` and
    `sealed-bytes`.
    """
    value: int
    """The value of the limit, in the unit of its documentation."""


class CommandError(ContractError):
    """Why a command was not run, or did not end by itself. Each case has the command's name."""

    command: str
    """The command."""


@dataclass(eq=False)
class CommandDenied(CommandError):
    """The plugin does not request it, or it was not granted. The text explains that to the
    user.
    """

    code = "denied"
    MESSAGE = "{reason}"
    DETAILS = ("command",)

    command: str
    """The command."""
    reason: str
    """What has happened, for the user."""


@dataclass(eq=False)
class CommandNotPinned(CommandError):
    """The operator has not pinned a program under this name. The text explains how."""

    code = "not-pinned"
    MESSAGE = "{reason}"
    DETAILS = ("command",)

    command: str
    """The command."""
    reason: str
    """What has happened, for the user."""


@dataclass(eq=False)
class CommandArgumentsRefused(CommandError):
    """The pin does not allow these arguments. The text explains why."""

    code = "arguments-refused"
    MESSAGE = "{reason}"
    DETAILS = ("command",)

    command: str
    """The command."""
    reason: str
    """What has happened, for the user."""


@dataclass(eq=False)
class CommandOptionsRefused(CommandError):
    """The pin does not allow the folder or a variable. The text explains why."""

    code = "options-refused"
    MESSAGE = "{reason}"
    DETAILS = ("command",)

    command: str
    """The command."""
    reason: str
    """What has happened, for the user."""


@dataclass(eq=False)
class CommandLimit(CommandError):
    """A limit was reached: the call runs too many programs at once."""

    code = "limit"
    MESSAGE = "the command `{command}` was not started: the limit `{name}` of {value} was reached"
    DETAILS = ("command", "name", "value")

    command: str
    """The command."""
    name: str
    """The name of the limit: `memory-bytes`, `cpu-seconds`, `call-depth`, `calls-per-run`,
    `calls-per-call`, `parallel-calls`, `host-calls`, `host-bytes`, `json-bytes`,
    `staged-bytes`, `file-bytes`, `open-files`, `handles`, `live-instances` or `sealed-bytes`.
    The operator can set all of them except `json-bytes`, `handles`, `live-instances` and
    `sealed-bytes`.
    """
    value: int
    """The value of the limit, in the unit of its documentation."""


@dataclass(eq=False)
class CommandTimedOut(CommandError):
    """It ran longer than the pin allows, which is this many milliseconds, and was killed."""

    code = "timed-out"
    MESSAGE = "the command `{command}` was killed after {after_ms} ms, the time limit of its pin"
    DETAILS = ("command",)

    command: str
    """The command."""
    after_ms: int
    """The time limit in milliseconds."""


@dataclass(eq=False)
class CommandNotStarted(CommandError):
    """It could not be started. The text explains why."""

    code = "not-started"
    MESSAGE = "{reason}"
    DETAILS = ("command",)

    command: str
    """The command."""
    reason: str
    """What has happened, for the user."""


class SecretError(ContractError):
    """Why a secret is not available."""


@dataclass(eq=False)
class SecretDenied(SecretError):
    """The plugin does not request it, or it was not granted. The text explains that to the
    user.
    """

    code = "denied"
    MESSAGE = "{reason}"

    reason: str
    """What was refused or has happened, and what would change that, for the user."""


@dataclass(eq=False)
class SecretMissing(SecretError):
    """There is no secret of this name. The text says so to the user."""

    code = "secret-missing"
    MESSAGE = "{reason}"

    reason: str
    """What was refused or has happened, and what would change that, for the user."""


CASES: dict[str, type[ContractError]] = {
    "CallError_NotFound": CallNotFound,
    "CallError_InvalidInput": CallInvalidInput,
    "CallError_Denied": CallDenied,
    "CallError_LockTimeout": CallLockTimeout,
    "CallError_Deadlock": CallDeadlock,
    "CallError_ChangedMeanwhile": CallChangedMeanwhile,
    "CallError_Cycle": CallCycle,
    "CallError_Limit": CallLimit,
    "CallError_Failed": CallFailed,
    "CallError_Trapped": CallTrapped,
    "CallError_ChecksFailed": CallChecksFailed,
    "CallError_TimedOut": CallTimedOut,
    "CallError_Cancelled": CallCancelled,
    "DataError_Undeclared": DataUndeclared,
    "DataError_InvalidContent": DataInvalidContent,
    "DataError_InvalidName": DataInvalidName,
    "DataError_ReadOnly": DataReadOnly,
    "DataError_Denied": DataDenied,
    "DataError_ModelNotFound": DataModelNotFound,
    "DataError_Limit": DataLimit,
    "DataError_Finished": DataFinished,
    "DataError_StagedByAncestor": DataStagedByAncestor,
    "DataError_ChangedMeanwhile": DataChangedMeanwhile,
    "DataError_InvalidRetention": DataInvalidRetention,
    "DataError_InvalidQuery": DataInvalidQuery,
    "DataError_UnexpectedContent": DataUnexpectedContent,
    "ModelsError_Denied": ModelsDenied,
    "ModelsError_NotFound": ModelsNotFound,
    "ModelsError_Unreadable": ModelsUnreadable,
    "ModelsError_Limit": ModelsLimit,
    "WorkflowError_NotFound": WorkflowNotFound,
    "WorkflowError_InvalidInput": WorkflowInvalidInput,
    "WorkflowError_Denied": WorkflowDenied,
    "WorkflowError_Refused": WorkflowRefused,
    "WorkflowError_Limit": WorkflowLimit,
    "CommandError_Denied": CommandDenied,
    "CommandError_NotPinned": CommandNotPinned,
    "CommandError_ArgumentsRefused": CommandArgumentsRefused,
    "CommandError_OptionsRefused": CommandOptionsRefused,
    "CommandError_Limit": CommandLimit,
    "CommandError_TimedOut": CommandTimedOut,
    "CommandError_NotStarted": CommandNotStarted,
    "SecretError_Denied": SecretDenied,
    "SecretError_Missing": SecretMissing,
}
"""The class of each case, by the name of the case in the bindings."""
