"""Other models and workflows of a test: scripted outcomes."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .. import _encode, _validate
from .._wire import Err, Ok, calls, exports, types, workflows
from ..errors import CallError, Failure, WorkflowError
from ..workflows import RunCancelled, RunFailed, RunOutcome, RunSucceeded
from ._clock import Clock, FakePollable
from ._data import NotScripted
from ._errors import error_to_wire
from ._permissions import Permissions
from ._sealed import Sealed

Handler = Callable[[Any], Any]

_CALLEES = {
    types.MethodKind.READ: (types.MethodKind.READ,),
    types.MethodKind.OBSERVE: (types.MethodKind.READ, types.MethodKind.OBSERVE),
}
"""What a method that only looks may call. Methods of other kinds may call all."""


@dataclass
class MadeCall:
    """A nested call that the method made."""

    target: str
    method: str
    arguments: Any


@dataclass
class MadeRun:
    """A workflow that the method ran or started."""

    workflow: str
    inputs: Any


class FakeCalls:
    """The double of the interface `calls`."""

    def __init__(
        self, info: exports.TypeInfo, permissions: Permissions, sealed: Sealed, clock: Clock
    ) -> None:
        self.model = permissions.model
        self.own = {it.name: it for it in info.methods}
        self.permissions = permissions
        self.sealed = sealed
        self.clock = clock
        self.handlers: dict[tuple[str, str], tuple[Handler, float]] = {}
        self.kinds: dict[tuple[str, str], types.MethodKind | None] = {}
        """The kinds of methods of other models. `None` if the test has not set it."""
        self.made: list[MadeCall] = []
        self.kind: types.MethodKind | None = None
        """The kind of the method that runs. `None` in a check."""

    def _result(self, target: str, method: str, arguments: str) -> Any:
        """Returns the result of a call in the contract's form."""
        given = json.loads(arguments)
        denial = self._denial(target) or self.sealed.refusal(given)
        if denial is not None:
            return Err(types.CallError_Denied(denial))
        if target == self.model:
            if method not in self.own:
                return Err(types.CallError_NotFound(types.MissingTarget(types.TargetKind.METHOD, method)))
            found = _validate.violations(json.loads(self.own[method].arguments), given)
            if found:
                return Err(types.CallError_InvalidInput([types.Violation(it.path, it.message) for it in found]))
        denial = self._kind_denial(target, method)
        if denial is not None:
            return Err(types.CallError_Denied(denial))
        self.made.append(MadeCall(target, method, given))
        if (target, method) not in self.handlers:
            raise NotScripted(
                f"the method calls `{method}` of `{target}` with {given}; script the outcome: "
                f"`on_call({target!r}, {method!r}, returns=…)`"
            )
        try:
            value = self.handlers[(target, method)][0](given)
        except (CallError, Failure) as error:
            return Err(error_to_wire(error))
        written: list[types.Written] = []
        return Ok(calls.Outcome(_encode.to_text(value), written))

    def _denial(self, target: str) -> str | None:
        attempt = f"call the model `{target}`"
        if self.kind is None:
            return self.permissions.in_check(attempt)
        if target == self.model:
            return None
        return self.permissions.denial_of_name(exports.Permission_Models, attempt, target)

    def _kind_denial(self, target: str, method: str) -> str | None:
        """Returns why a method of this kind may not call another one, or `None` if it may."""
        if target == self.model:
            known: types.MethodKind | None = self.own[method].kind
        elif (target, method) in self.kinds:
            known = self.kinds[(target, method)]
        else:
            return None  # It is not scripted, and that is reported.
        callee = known or types.MethodKind.ACTION
        caller = self.kind
        if caller is None or callee in _CALLEES.get(caller, (callee,)):
            return None
        denial = (
            f"a method of kind `{caller.name.lower()}` may not call `{method}` of `{target}`, "
            f"of kind `{callee.name.lower()}`"
        )
        if known is None:
            denial += "; if it is of another kind, say so in the test: `on_call(…, kind=…)`"
        return denial

    def call(self, target: str, method: str, arguments: str) -> calls.Outcome:
        return self.start(target, method, arguments).wait()

    def start(self, target: str, method: str, arguments: str) -> FakePending:
        result = self._result(target, method, arguments)
        delay = self.handlers.get((target, method), (None, 0.0))[1]
        return FakePending(self.clock, self.clock.elapsed + delay, result)


class FakePending:
    """A call that was started."""

    def __init__(self, clock: Clock, ends_at: float, result: Any) -> None:
        self._clock = clock
        self._ends_at = ends_at
        self._result = result

    def subscribe(self) -> FakePollable:
        return FakePollable(lambda: self._ends_at)

    def get(self) -> Any:
        if self._clock.elapsed < self._ends_at:
            return None
        result, self._result = self._result, Err(types.CallError_Cancelled())
        return result

    def wait(self) -> calls.Outcome:
        self._clock.elapsed = max(self._clock.elapsed, self._ends_at)
        result = self.get()
        if isinstance(result, Err):
            raise result
        outcome: calls.Outcome = result.value
        return outcome

    def cancel(self) -> None:
        if self._clock.elapsed < self._ends_at:
            self._ends_at = self._clock.elapsed
            self._result = Err(types.CallError_Cancelled())

    def __exit__(self, kind: Any, value: Any, traceback: Any) -> None:
        self.cancel()


def _outcome_to_wire(outcome: RunOutcome) -> Any:
    if isinstance(outcome, RunSucceeded):
        outputs = None if outcome.outputs is None else _encode.to_text(outcome.outputs)
        return workflows.RunOutcome_Succeeded(workflows.RunSuccess(outcome.run, outputs))
    if isinstance(outcome, RunFailed):
        steps = [workflows.FailedStep(it.step, it.code, it.message, it.allowed) for it in outcome.steps]
        return workflows.RunOutcome_Failed(workflows.RunFailure(outcome.run, outcome.message, steps))
    if isinstance(outcome, RunCancelled):
        return workflows.RunOutcome_Cancelled(workflows.RunCancellation(outcome.run, outcome.reason))
    return workflows.RunOutcome_Suspended(workflows.RunSuspension(outcome.run, list(outcome.gates)))


class FakeWorkflows:
    """The double of the interface `workflows`."""

    def __init__(self, permissions: Permissions) -> None:
        self.permissions = permissions
        self.outcomes: dict[str, RunOutcome | WorkflowError] = {}
        self.made: list[MadeRun] = []
        self.kind: types.MethodKind | None = None
        self.method = ""

    def _outcome(self, workflow: str, inputs: str) -> RunOutcome:
        attempt = f"run the workflow `{workflow}`"
        if self.kind is None:
            denial: str | None = self.permissions.in_check(attempt)
        else:
            denial = self.permissions.denial_of_name(exports.Permission_Workflows, attempt, workflow)
        if denial is None and self.kind is not None and self.kind in _CALLEES:
            denial = (
                f"`{self.permissions.model}` may not {attempt} in `{self.method}`: a method of kind "
                f"`{self.kind.name.lower()}` runs no workflows"
            )
        if denial is not None:
            raise Err(workflows.WorkflowError_Denied(denial))
        given = json.loads(inputs)
        self.made.append(MadeRun(workflow, given))
        if workflow not in self.outcomes:
            raise NotScripted(
                f"the method runs the workflow `{workflow}`; script the outcome: "
                f"`on_workflow({workflow!r}, RunSucceeded(…))`"
            )
        outcome = self.outcomes[workflow]
        if isinstance(outcome, WorkflowError):
            raise Err(error_to_wire(outcome))
        return outcome

    def run(self, workflow: str, inputs: str) -> Any:
        return _outcome_to_wire(self._outcome(workflow, inputs))

    def start(self, workflow: str, inputs: str) -> str:
        return self._outcome(workflow, inputs).run
