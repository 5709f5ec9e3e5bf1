"""A model type: its description for the host, and its methods, checks, upgrades and reports."""

from __future__ import annotations

import asyncio
import dataclasses
import inspect
import json
import typing
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, TypeVar, overload

from . import _decode, _encode, _schema, fields
from ._host import Host, check_texts
from ._loop import EventLoop
from ._wire import exports as wire
from ._wire import reports as wire_reports
from ._wire import types as wire_types
from .context import AsyncContext, Context
from .errors import Failure
from .permissions import Permissions
from .reports import Report, subject_of

__all__ = ["CheckedCall", "MethodKind", "Model"]

MethodKind = Literal["read", "observe", "create", "update", "delete", "action"]
"""What a method does to the external object. It decides which lock a call takes.

- `read`: reads the object, and writes no data.
- `observe`: looks at the object, and writes only data of its own model, which it cannot delete.
- `create`, `update`, `delete`: changes the object in this way. Only `delete` deletes data.
- `action`: anything else.
"""

_F = TypeVar("_F", bound=Callable[..., Any])
_C = TypeVar("_C")


@dataclasses.dataclass(frozen=True)
class NoArguments:
    """No arguments."""


@dataclasses.dataclass
class _Method:
    spec: wire.MethodSpec
    arguments: Any
    """The type of the arguments, or `None` if the function takes none."""
    run: Callable[..., Any]
    is_async: bool
    is_graceful: bool


@dataclasses.dataclass
class _Check:
    spec: wire.CheckSpec
    run: Callable[..., Any]
    takes_call: bool


class CheckedCall:
    """The call that a check decides on."""

    def __init__(self, model: Model, method: str, arguments: str) -> None:
        self.method = method
        """The method that is about to run."""
        self._model = model
        self._arguments = arguments

    @property
    def arguments(self) -> Any:
        """The arguments of the call, as the type that the method takes."""
        known = self._model.method_or_failure(self.method)
        return _read("invalid-arguments", self._arguments, known.arguments or dict)

    def argument(self, name: str, default: Any = None) -> Any:
        """Returns one argument of the call by its name in JSON, or `default` if it has none."""
        return json.loads(self._arguments).get(name, default)


class Model(Permissions):
    """A model type.

    Its methods are functions that `@model.method(kind=…)` decorates. The file of a plugin is named
    `plugin.py` and has one model.

    `name` is `@scope/name`, and `version` is the day and a number on that day: `YYYY.MM.DD.N`.
    """

    def __init__(self, name: str, version: str, description: str) -> None:
        self.name = name
        self.version = version
        self.description = description
        self._global_arguments: Any = NoArguments
        self._methods: dict[str, _Method] = {}
        self._resources: dict[str, wire.ResourceSpec] = {}
        self._files: dict[str, wire.FileSpec] = {}
        self._permissions: list[wire.PermissionRequest] = []
        self._checks: dict[str, _Check] = {}
        self._upgrades: dict[str, tuple[wire.UpgradeSpec, Callable[..., Any]]] = {}
        self._reports: dict[str, tuple[wire.ReportSpec, Callable[..., Any]]] = {}

    def global_arguments(self, tp: type[_C]) -> type[_C]:
        """Declares the global arguments, which a definition sets for all methods. A decorator."""
        self._global_arguments = tp
        return tp

    def method(
        self,
        *,
        kind: MethodKind,
        name: str | None = None,
        description: str | None = None,
        graceful: bool = False,
    ) -> Callable[[_F], _F]:
        """Adds a method: `def greet(cx: Context, arguments: Greet) -> Greeting`.

        The second parameter is a dataclass or a model of pydantic 1; a method without arguments has
        only the first. An `async def` method receives an `AsyncContext`. Its description is the
        first paragraph of its docstring.

        With `graceful`, an `async def` method that the user cancels gets `asyncio.CancelledError`
        and one second for its `finally` blocks. Otherwise it is stopped at once.
        """

        def add(run: _F) -> _F:
            method = name or run.__name__
            if method in self._methods:
                raise ValueError(f"the type `{self.name}` has two methods `{method}`")
            is_async = inspect.iscoroutinefunction(run)
            if graceful and not is_async:
                raise TypeError(f"`{method}`: only an `async def` method can be `graceful`")
            tp = _type_of_arguments(run, method)
            spec = wire.MethodSpec(
                name=method,
                kind=_kind(kind, method),
                description=description or fields.first_paragraph(run.__doc__),
                arguments=_schema_text(tp or NoArguments),
            )
            self._methods[method] = _Method(spec, tp, run, is_async, graceful)
            return run

        return add

    @overload
    def resource(
        self,
        name: str,
        tp: type[_C],
        description: str = "",
        *,
        on_violation: Literal["refuse", "warn"] = "refuse",
        lifetime: str | None = None,
        keep: str | int | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> type[_C]: ...
    @overload
    def resource(
        self,
        name: str,
        tp: None = None,
        description: str = "",
        *,
        on_violation: Literal["refuse", "warn"] = "refuse",
        lifetime: str | None = None,
        keep: str | int | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> Callable[[type[_C]], type[_C]]: ...
    def resource(
        self,
        name: str,
        tp: Any = None,
        description: str = "",
        *,
        on_violation: Literal["refuse", "warn"] = "refuse",
        lifetime: str | None = None,
        keep: str | int | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> Any:
        """Declares a kind of resource that the methods write: JSON that a type defines.

        Used as a decorator of the type, or with the type. `lifetime` is how long data is retained
        (`7d`), and `keep` how many versions (`10`) or for how long (`30d`). By default all versions
        are retained. `on_violation="warn"` stages content that violates the schema all the same.
        """

        def add(tp: Any) -> Any:
            if name in self._resources:
                raise ValueError(f"the type `{self.name}` has two resources `{name}`")
            self._resources[name] = wire.ResourceSpec(
                name=name,
                description=description or fields.class_doc(tp) or "",
                schema=_schema_text(tp),
                on_violation=wire.OnViolation[on_violation.upper()],
                retention=_retention(lifetime, keep, tags),
            )
            return tp

        return add if tp is None else add(tp)

    def file(
        self,
        name: str,
        media_type: str,
        description: str,
        *,
        lifetime: str | None = None,
        keep: str | int | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """Declares a kind of file that the methods write, with a media type such as `text/plain`."""
        if name in self._files:
            raise ValueError(f"the type `{self.name}` has two files `{name}`")
        retention = _retention(lifetime, keep, tags)
        self._files[name] = wire.FileSpec(name, description, media_type, retention)

    def check(
        self,
        *,
        name: str | None = None,
        description: str | None = None,
        methods: Iterable[str] = (),
        labels: Iterable[str] = (),
    ) -> Callable[[_F], _F]:
        """Adds a check, which runs before methods: `def quota(cx: Context, call: CheckedCall)`.

        If it raises, the method does not run, and the user reads the message. Without `methods`, it
        runs before all methods but those of the kinds `read` and `observe`. A user can skip checks by
        a label. A check reads: it can neither write data nor call methods or run commands.
        """

        def add(run: _F) -> _F:
            check = name or run.__name__
            if check in self._checks:
                raise ValueError(f"the type `{self.name}` has two checks `{check}`")
            if inspect.iscoroutinefunction(run):
                raise TypeError(f"the check `{check}` is `async def`; write it as `def`")
            spec = wire.CheckSpec(
                name=check,
                description=description or fields.first_paragraph(run.__doc__),
                applies_to=list(methods),
                labels=list(labels),
            )
            takes_call = len(inspect.signature(run).parameters) > 1
            self._checks[check] = _Check(spec, run, takes_call)
            return run

        return add

    def upgrade(self, to_version: str, description: str | None = None) -> Callable[[_F], _F]:
        """Adds an upgrade of the global arguments: `def host_is_url(arguments: dict)`.

        It changes what a definition has that was written before `to_version` of the type. It receives
        the arguments as the user wrote them, and changes them or returns others. A text with `${{` is
        an expression that is not evaluated yet: move it or drop it, and do not change it. Add
        upgrades oldest first.
        """

        def add(run: _F) -> _F:
            text = description or fields.first_paragraph(run.__doc__)
            self._upgrades[to_version] = (wire.UpgradeSpec(to_version, text), run)
            return run

        return add

    def report(
        self,
        *,
        scope: Literal["method", "model", "workflow"],
        name: str | None = None,
        description: str | None = None,
    ) -> Callable[[_F], _F]:
        """Adds a report: `def summary(subject: CallReport) -> Report`.

        The subject of scope `method` is a `CallReport`, of `model` a `ModelReport`, and of `workflow`
        a `RunReport`. A report has no access to anything else.
        """

        def add(run: _F) -> _F:
            report = name or run.__name__
            if report in self._reports:
                raise ValueError(f"the type `{self.name}` has two reports `{report}`")
            text = description or fields.first_paragraph(run.__doc__)
            spec = wire.ReportSpec(report, text, wire_reports.ReportScope[scope.upper()])
            self._reports[report] = (spec, run)
            return run

        return add

    # What the host calls.

    def describe(self) -> wire.TypeInfo:
        """Returns the description for the host."""
        return wire.TypeInfo(
            name=self.name,
            version=self.version,
            description=self.description,
            global_arguments=_schema_text(self._global_arguments),
            methods=[it.spec for it in self._methods.values()],
            resources=list(self._resources.values()),
            files=list(self._files.values()),
            permissions=list(self._permissions),
            checks=[it.spec for it in self._checks.values()],
            upgrades=[spec for spec, _ in self._upgrades.values()],
            reports=[spec for spec, _ in self._reports.values()],
        )

    def method_or_failure(self, method: str) -> _Method:
        """Returns a method, or raises a failure if the type has none of this name."""
        if method not in self._methods:
            raise Failure("unknown-method", f"type `{self.name}` has no method `{method}`")
        return self._methods[method]

    def invoke(self, host: Host, what: wire.Invocation) -> str:
        """Runs one method, and returns its result as JSON text."""
        known = self.method_or_failure(what.method)
        given: tuple[Any, ...] = ()
        if known.arguments is not None:
            given = (_read("invalid-arguments", what.arguments, known.arguments),)
        globals_ = self._globals(what.global_arguments)
        if not known.is_async:
            value = known.run(Context(host, globals_), *given)
        else:
            cx = AsyncContext(host, globals_)
            running = known.run(cx, *given)
            if known.is_graceful:
                running = _graceful(cx, running)
            value = EventLoop(host.poller).run(running)
        try:
            return _encode.to_text(value)
        except _encode.NotJson as error:
            text = f"what `{what.method}` returned is not JSON: {error}"
        raise Failure("invalid-result", text)

    def run_check(self, host: Host, what: wire.CheckRequest) -> None:
        """Runs one check. It raises if the call must not begin."""
        if what.check not in self._checks:
            raise Failure("unknown-check", f"type `{self.name}` has no check `{what.check}`")
        known = self._checks[what.check]
        cx = Context(host, self._globals(what.call.global_arguments))
        call = CheckedCall(self, what.call.method, what.call.arguments)
        known.run(cx, *((call,) if known.takes_call else ()))

    def run_upgrade(self, to_version: str, global_arguments: str) -> str:
        """Upgrades global arguments to one version. Arguments and result are JSON text."""
        if to_version not in self._upgrades:
            text = f"type `{self.name}` has no upgrade to {to_version}"
            raise Failure("unknown-upgrade", text)
        arguments = json.loads(global_arguments)
        changed = self._upgrades[to_version][1](arguments)
        return _encode.to_text(arguments if changed is None else changed)

    def run_report(self, what: wire_reports.ReportRequest) -> wire_reports.ReportDocument:
        """Makes one report."""
        if what.name not in self._reports:
            raise Failure("unknown-report", f"type `{self.name}` has no report `{what.name}`")
        report = self._reports[what.name][1](subject_of(what))
        if isinstance(report, str):
            report = Report(report)
        check_texts(report.markdown)
        return wire_reports.ReportDocument(report.markdown, _encode.to_text(report.json))

    def _globals(self, text: str) -> Any:
        return _read("invalid-global-arguments", text, self._global_arguments)


async def _graceful(cx: AsyncContext, running: Any) -> Any:
    task = asyncio.ensure_future(running)
    watch = asyncio.ensure_future(cx.cancellation())
    try:
        await asyncio.wait((task, watch), return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            task.cancel()
        return await task
    finally:
        watch.cancel()


def _read(code: str, text: str, tp: Any) -> Any:
    try:
        return _decode.from_text(text, tp)
    except _decode.DoesNotFit as error:
        shown = [{"path": it.path, "message": it.message} for it in error.violations]
        failure = Failure(code, str(error), details={"violations": shown})
    raise failure


def _type_of_arguments(run: Callable[..., Any], method: str) -> Any:
    """Returns the type of the second parameter of a method, or `None` if it has only the first."""
    parameters = list(inspect.signature(run).parameters.values())
    if len(parameters) not in (1, 2):
        raise TypeError(
            f"`{method}` has {len(parameters)} parameters; a method takes a context, and one object "
            "with its arguments"
        )
    if len(parameters) == 1:
        return None
    tp = typing.get_type_hints(run, include_extras=True).get(parameters[1].name)
    is_object = dataclasses.is_dataclass(tp) or _schema.is_typed_dict(tp) or _schema.is_pydantic(tp)
    if not is_object:
        raise TypeError(
            f"`{method}`: the type of `{parameters[1].name}` has to be a dataclass, a typed "
            "dictionary or a model of pydantic 1, because arguments are an object"
        )
    return tp


def _kind(kind: str, method: str) -> wire_types.MethodKind:
    try:
        return wire_types.MethodKind[kind.upper()]
    except KeyError:
        known = ", ".join(f"`{it.name.lower()}`" for it in wire_types.MethodKind)
    raise ValueError(f"`{method}`: there is no kind `{kind}`; the kinds are {known}")


def _retention(
    lifetime: str | None, keep: str | int | None, tags: Mapping[str, str] | None
) -> wire.Retention:
    keep = None if keep is None else str(keep)
    return wire.Retention(lifetime, keep, list((tags or {}).items()))


def _schema_text(tp: Any) -> str:
    return json.dumps(_schema.schema_of(tp), ensure_ascii=False)
