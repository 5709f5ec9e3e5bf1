"""Workflows: running them, and what became of their runs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from . import _decode, _encode
from ._host import Host
from ._wire import workflows as wire
from ._wire_errors import converted, workflow_error
from .errors import Failure, Violation, WorkflowInvalidInput

__all__ = [
    "FailedStep", "RunCancelled", "RunFailed", "RunOutcome", "RunSucceeded", "RunSuspended",
    "Workflows",
]


@dataclass(frozen=True)
class FailedStep:
    """A step that failed."""

    step: str
    """`job/step`, or `job/expansion` of a step with `forEach`; the job, if its guard failed."""
    code: str
    message: str
    allowed: bool
    """Whether the run could have succeeded although the step failed."""


@dataclass(frozen=True)
class RunSucceeded:
    """A run that succeeded."""

    run: str
    outputs: dict[str, Any] | None
    """What the methods of its steps returned, by `job/step`. `None` if it is more than 4 MiB."""

    def success(self) -> RunSucceeded:
        """Returns this run."""
        return self

    def output(self, step: str, tp: Any = None) -> Any:
        """Returns what the method of a step (`job/step`) returned, as a `tp` if that is given.

        Returns `None` if the step ran no method, or if the outputs are too large.
        """
        value = (self.outputs or {}).get(step)
        return value if tp is None or value is None else _decode.from_json_value(value, tp)


@dataclass(frozen=True)
class RunFailed:
    """A run that failed."""

    run: str
    message: str
    steps: tuple[FailedStep, ...]
    """The steps that failed: at most the first 100."""

    def success(self) -> RunSucceeded:
        """Raises a failure with the steps that made the run fail."""
        parts = [self.message]
        parts += [f"{it.step}: {it.message}" for it in self.steps if not it.allowed]
        steps = [
            {"step": it.step, "code": it.code, "message": it.message, "is_allowed": it.allowed}
            for it in self.steps
        ]
        details = {"run": self.run, "steps": steps}
        raise Failure("workflow-failed", "; ".join(parts), details=details)


@dataclass(frozen=True)
class RunCancelled:
    """A run that a user cancelled, or that was cancelled with a run that it is part of."""

    run: str
    reason: str | None

    def success(self) -> RunSucceeded:
        """Raises a failure with the reason."""
        reason = "" if self.reason is None else f": {self.reason}"
        message = f"the run `{self.run}` was cancelled{reason}"
        raise Failure("workflow-cancelled", message, details={"run": self.run})


@dataclass(frozen=True)
class RunSuspended:
    """A run that waits for a decision of a user, who then continues it."""

    run: str
    gates: tuple[str, ...]
    """The gates that wait: `job/step`, or `job/step/job/step` for a gate of a nested workflow."""

    def success(self) -> RunSucceeded:
        """Raises a failure with the gates."""
        message = f"the run `{self.run}` waits for a decision at {', '.join(self.gates)}"
        details = {"run": self.run, "gates": list(self.gates)}
        raise Failure("workflow-suspended", message, details=details)


RunOutcome = RunSucceeded | RunFailed | RunCancelled | RunSuspended
"""Where a run stands when nothing of it is left to do for now.

A run that failed is an outcome and not an error, because the caller decides what follows. `success()`
raises for everything but a success.
"""


def _outcome(outcome: Any) -> RunOutcome:
    it = outcome.value
    match outcome:
        case wire.RunOutcome_Succeeded():
            return RunSucceeded(it.run, None if it.outputs is None else json.loads(it.outputs))
        case wire.RunOutcome_Failed():
            steps = (FailedStep(s.step, s.code, s.message, s.allowed) for s in it.steps)
            return RunFailed(it.run, it.message, tuple(steps))
        case wire.RunOutcome_Cancelled():
            return RunCancelled(it.run, it.reason)
        case wire.RunOutcome_Suspended():
            return RunSuspended(it.run, tuple(it.gates))
    raise TypeError(f"the contract has no outcome `{type(outcome).__name__}`")


def _inputs_text(inputs: Any) -> str:
    try:
        return _encode.to_text({} if inputs is None else inputs)
    except _encode.NotJson as error:
        refused = WorkflowInvalidInput((Violation("", str(error)),))
    raise refused


class Workflows:
    """Runs workflows that the plugin requests (`Model.asks_for_workflows`)."""

    _host: Host

    def run_workflow(self, workflow: str, inputs: Mapping[str, Any] | Any = None) -> RunOutcome:
        """Runs a workflow, and waits until the run has ended or waits at a gate.

        Nothing else of an `async def` method runs meanwhile. The steps do not see what this call has
        staged: `publish` it before.
        """
        text = _inputs_text(inputs)
        with converted(workflow_error):
            outcome = self._host.workflows.run(workflow, text)
        return _outcome(outcome)

    def start_workflow(self, workflow: str, inputs: Mapping[str, Any] | Any = None) -> str:
        """Starts a workflow and continues. Returns the id of its run.

        The call ends only when the run has ended or waits for a decision. How the run ends does not
        change how the call ends.
        """
        text = _inputs_text(inputs)
        with converted(workflow_error):
            run: str = self._host.workflows.start(workflow, text)
        return run
