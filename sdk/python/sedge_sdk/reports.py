"""Reports: what a type says about a call, a model or a run, for people and for programs."""

from __future__ import annotations

import datetime
import json
from dataclasses import dataclass
from typing import Any

from ._wire import reports as wire
from .data import instant

__all__ = [
    "CallReport", "Fault", "ModelReport", "Omitted", "Report", "ReportedCall", "ReportedData",
    "ReportedFile", "ReportedModel", "ReportedStep", "RunReport",
]


@dataclass(frozen=True)
class Report:
    """A report: its text for people in Markdown, and the same for programs."""

    markdown: str
    json: Any = None


@dataclass(frozen=True)
class ReportedModel:
    """A model that a report is about."""

    name: str
    id: str
    type: str
    type_version: str
    tags: dict[str, str]


@dataclass(frozen=True)
class ReportedFile:
    """A file, without its content."""

    media_type: str
    size_bytes: int


@dataclass(frozen=True)
class Omitted:
    """The content of a resource that the host left out, because the request was too large."""

    size_bytes: int


@dataclass(frozen=True)
class ReportedData:
    """A version of data."""

    model: str
    name: str
    version: int
    spec: str
    created_at: datetime.datetime
    tags: dict[str, str]
    content: Any
    """The content of a resource, or a `ReportedFile`, or `Omitted`."""


@dataclass(frozen=True)
class Fault:
    """Why a call or a step failed."""

    code: str
    message: str
    details: Any = None


@dataclass(frozen=True)
class ReportedCall:
    """How something ended: one of the fields says it."""

    value: Any = None
    """What the method returned, if it succeeded."""
    fault: Fault | None = None
    """Why it failed."""
    cancelled: bool = False
    skipped: str | None = None
    """Why a step did not run."""

    @property
    def ok(self) -> bool:
        """Whether it succeeded."""
        return self.fault is None and not self.cancelled and self.skipped is None


@dataclass(frozen=True)
class CallReport:
    """What a report of scope `method` is about: one call that has ended."""

    model: ReportedModel
    method: str
    run: str
    call: str
    step: str | None
    arguments: Any
    global_arguments: Any
    started_at: datetime.datetime
    ended_at: datetime.datetime
    outcome: ReportedCall
    written: tuple[ReportedData, ...]
    left_out: int = 0
    """How many versions of data are missing, because there were too many."""


@dataclass(frozen=True)
class ModelReport:
    """What a report of scope `model` is about: one model, with the latest version of each name."""

    model: ReportedModel
    global_arguments: Any
    data: tuple[ReportedData, ...]
    left_out: int = 0
    """How many versions of data are missing, because there were too many."""


@dataclass(frozen=True)
class ReportedStep:
    """One step of a run."""

    step: str
    model: ReportedModel | None
    method: str | None
    attempts: int
    started_at: datetime.datetime | None
    ended_at: datetime.datetime | None
    outcome: ReportedCall
    failure_allowed: bool
    written: tuple[ReportedData, ...]


@dataclass(frozen=True)
class RunReport:
    """What a report of scope `workflow` is about: one run that has ended."""

    workflow: str
    run: str
    tags: dict[str, str]
    inputs: Any
    started_at: datetime.datetime
    ended_at: datetime.datetime
    status: str
    """`succeeded`, `failed` or `cancelled`."""
    steps: tuple[ReportedStep, ...]
    left_out: int = 0
    """How many versions of data are missing, because there were too many."""


def _model(it: wire.ReportModel) -> ReportedModel:
    return ReportedModel(it.name, it.id, it.type, it.type_version, dict(it.tags))


def _content(content: Any) -> Any:
    it = content.value
    match content:
        case wire.ReportContent_Resource():
            return json.loads(it)
        case wire.ReportContent_File():
            return ReportedFile(it.media_type, it.size)
    return Omitted(it)


def _data(found: list[wire.ReportData]) -> tuple[ReportedData, ...]:
    return tuple(
        ReportedData(
            model=it.model,
            name=it.name,
            version=it.version,
            spec=it.spec,
            created_at=instant(it.created_at_ms),
            tags=dict(it.tags),
            content=_content(it.content),
        )
        for it in found
    )


def _outcome(outcome: Any) -> ReportedCall:
    match outcome:
        case wire.ReportOutcome_Succeeded(value) | wire.ReportStepOutcome_Succeeded(value):
            return ReportedCall(value=json.loads(value))
        case wire.ReportOutcome_Failed(it) | wire.ReportStepOutcome_Failed(it):
            details = None if it.details is None else json.loads(it.details)
            return ReportedCall(fault=Fault(it.code, it.message, details))
        case wire.ReportStepOutcome_Skipped(reason):
            return ReportedCall(skipped=reason)
    return ReportedCall(cancelled=True)


def _call(it: wire.ReportOfCall, left_out: int) -> CallReport:
    return CallReport(
        model=_model(it.model),
        method=it.method,
        run=it.run,
        call=it.call,
        step=it.step,
        arguments=json.loads(it.arguments),
        global_arguments=json.loads(it.global_arguments),
        started_at=instant(it.started_at_ms),
        ended_at=instant(it.ended_at_ms),
        outcome=_outcome(it.outcome),
        written=_data(it.written),
        left_out=left_out,
    )


def _step(it: wire.ReportStep) -> ReportedStep:
    return ReportedStep(
        step=it.step,
        model=None if it.model is None else _model(it.model),
        method=it.method,
        attempts=it.attempts,
        started_at=None if it.started_at_ms is None else instant(it.started_at_ms),
        ended_at=None if it.ended_at_ms is None else instant(it.ended_at_ms),
        outcome=_outcome(it.outcome),
        failure_allowed=it.failure_allowed,
        written=_data(it.written),
    )


def _run(it: wire.ReportOfRun, left_out: int) -> RunReport:
    return RunReport(
        workflow=it.workflow,
        run=it.run,
        tags=dict(it.tags),
        inputs=json.loads(it.inputs),
        started_at=instant(it.started_at_ms),
        ended_at=instant(it.ended_at_ms),
        status=it.status.name.lower(),
        steps=tuple(_step(each) for each in it.steps),
        left_out=left_out,
    )


def subject_of(request: wire.ReportRequest) -> CallReport | ModelReport | RunReport:
    """Returns what a report is about."""
    left_out = request.left_out
    match request.subject:
        case wire.ReportSubject_Method(call):
            return _call(call, left_out)
        case wire.ReportSubject_Model(it):
            arguments = json.loads(it.global_arguments)
            return ModelReport(_model(it.model), arguments, _data(it.data), left_out)
        case wire.ReportSubject_Workflow(run):
            return _run(run, left_out)
