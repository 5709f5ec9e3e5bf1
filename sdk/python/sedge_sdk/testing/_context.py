"""A model under test, with everything around it in memory."""

from __future__ import annotations

import datetime
import json
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .. import _encode, _failures, _validate
from .._host import Host
from .._logs import logging_to
from .._wire import Err, Ok, exports, types
from .._wire import context as wire_context
from .._wire import data as wire_data
from .._wire import log as wire_log
from .._wire import models as wire_models
from .._wire import reports as wire_reports
from ..commands import End, Exit
from ..data import Written
from ..errors import CallError, CommandError, Failure, Violation, WorkflowError
from ..model import MethodKind, Model
from ..workflows import RunOutcome
from ._calls import FakeCalls, FakeWorkflows, MadeCall, MadeRun
from ._clock import Clock, FakePollable, FakePoller
from ._commands import CommandScript, FakeCommands, RanCommand, ScriptedCommand
from ._data import FakeData, Store, Version
from ._errors import check_error
from ._http import FakeHttp, Responder, SentRequest, response
from ._permissions import Permissions
from ._sealed import Sealed, field_of, hidden, places
from ._secrets import FakeSecrets

_START = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)
_DEADLINE_SECONDS = 300.0


@dataclass(frozen=True)
class LogLine:
    """A line of the call's log."""

    level: str
    message: str
    fields: dict[str, Any]


class _FakeLog:
    """The double of the interface `log`."""

    def __init__(self) -> None:
        self.lines: list[LogLine] = []

    def log(self, level: wire_log.Level, message: str, fields: list[wire_log.Field]) -> None:
        values = {it.key: json.loads(it.value) for it in fields}
        self.lines.append(LogLine(level.name.lower(), message, values))

    def warn(self, message: str) -> None:
        """Adds a line of the host."""
        self.lines.append(LogLine("warn", message, {}))


class _FakeCallContext:
    """The double of the interface `context`."""

    def __init__(self, identity: wire_context.Identity, permissions: Permissions, clock: Clock) -> None:
        self.identity = identity
        self.permissions = permissions
        self.clock = clock
        self.folders: dict[str, str] = {}
        self.variables: dict[str, str] = {}
        self.cancelled_at: float | None = None

    def now(self) -> float:
        return self.clock.now().timestamp()

    def who(self) -> wire_context.Identity:
        return self.identity

    def deadline_left_ms(self) -> int:
        return max(0, round((_DEADLINE_SECONDS - self.clock.elapsed) * 1000))

    def cancelled(self) -> bool:
        return self.cancelled_at is not None and self.clock.elapsed >= self.cancelled_at

    def subscribe_cancellation(self) -> FakePollable:
        return FakePollable(lambda: float("inf") if self.cancelled_at is None else self.cancelled_at)

    def folder(self, name: str) -> str:
        denial = self.permissions.denial(
            exports.Permission_Files, f"use the folder `{name}`", lambda it: it.name == name
        )
        if denial is None and name not in self.folders:
            denial = f"`{self.permissions.model}` may not use the folder `{name}`: no grant allows it"
        if denial is not None:
            raise Err(denial)
        return self.folders[name]

    def variable(self, name: str) -> str | None:
        attempt = f"see the environment variable `{name}`"
        denial = self.permissions.denial_of_name(exports.Permission_Env, attempt, name)
        if denial is not None:
            raise Err(denial)
        return self.variables.get(name)


class _FakeModels:
    """The double of the interface `models`."""

    def __init__(self, model: str, permissions: Permissions) -> None:
        self.model = model
        self.permissions = permissions
        self.definitions: dict[str, wire_models.Definition] = {}

    def _denial(self, name: str) -> str | None:
        if name == self.model:
            return None
        attempt = f"read the model `{name}`"
        return self.permissions.denial_of_name(exports.Permission_Models, attempt, name)

    def list(self, filter_: wire_models.ModelFilter) -> wire_models.ModelPage:
        wanted = {(tag.key, tag.value) for tag in filter_.tags}
        found = []
        for name in sorted(self.definitions):
            it = self.definitions[name]
            is_match = (
                self._denial(name) is None
                and name.startswith(filter_.prefix)
                and (filter_.after is None or name > filter_.after)
                and filter_.type in (None, it.type)
                and wanted <= {(tag.key, tag.value) for tag in it.tags}
            )
            if is_match:
                found.append(Ok(it))
        return wire_models.ModelPage(found[: filter_.count_max], None)

    def get(self, name: str) -> wire_models.Definition:
        denial = self._denial(name)
        if denial is not None:
            raise Err(wire_models.ModelsError_Denied(denial))
        for it in self.definitions.values():
            if name in (it.name, it.id):
                return it
        raise Err(wire_models.ModelsError_NotFound(name))


class TestContext:
    """One model of the type under test, and everything that its methods reach.

    `name` is the name of the model, and `now` the time at the start. The clock moves only while the
    method waits, and then at once: a test with `asyncio.sleep(60)` takes no time.
    """

    __test__ = False  # It is not a test, whatever pytest makes of its name.

    def __init__(
        self,
        model: Model,
        *,
        name: str = "model",
        global_arguments: Mapping[str, Any] | Any = None,
        tags: Mapping[str, str] | None = None,
        step: str | None = None,
        now: datetime.datetime = _START,
    ) -> None:
        self.model = model
        self.name = name
        self.info = model.describe()
        self.clock = Clock(now)
        self._globals = _encode.to_text({} if global_arguments is None else global_arguments)
        identity = wire_context.Identity(
            model=name,
            model_id=name,
            type=model.name,
            type_version=model.version,
            tags=sorted((tags or {}).items()),
            method="",
            run="k3v9q2x8w1mz",
            call="k3v9q2x8w1mz/1",
            step=step,
        )
        permissions = Permissions(name, model.name, self.info.permissions)
        self._permissions = permissions
        self._log = _FakeLog()
        self._store = Store(self.clock)
        self._secrets = FakeSecrets(permissions)
        self._http = FakeHttp(self.clock, permissions, self._secrets, self._log.warn)
        self._context = _FakeCallContext(identity, permissions, self.clock)
        self._sealed = Sealed(permissions, self._secrets.values)
        self._data = FakeData(self.info, permissions, self._store, self._sealed, self._log.warn)
        self._calls = FakeCalls(self.info, permissions, self._sealed, self.clock)
        self._commands = FakeCommands(permissions, self.clock)
        self._workflows = FakeWorkflows(permissions)
        self._models = _FakeModels(name, permissions)
        self._host = Host(
            calls=self._calls,
            commands=self._commands,
            context=self._context,
            data=self._data,
            log=self._log,
            models=self._models,
            secrets=self._secrets,
            workflows=self._workflows,
            http=self._http,
            poller=FakePoller(self.clock),
        )
        self.written: list[Written] = []
        """The versions that the last call committed, in the order of its writes."""

    # Running.

    def run(self, method: str, arguments: Mapping[str, Any] | Any = None) -> Any:
        """Runs a method, and returns its result as JSON: dictionaries, lists, texts and so on.

        Raises the `Failure` that the call would end with. What a failed call has written is discarded,
        as in the host.
        """
        invocation = self._invocation(method, arguments)
        known = self.model.method_or_failure(method)
        self._begin(method, known.spec.kind, in_check=False)
        try:
            with logging_to(self._host):
                result = self.model.invoke(self._host, invocation)
        except (AssertionError, KeyboardInterrupt):
            self._store.discard()
            raise
        except BaseException as error:
            failure = _failures.failure_of(error)
            if failure.keep_writes:
                self._commit()
            self._store.discard()
            raise failure from error
        self._commit()
        return json.loads(result)

    def check(self, check: str, method: str, arguments: Mapping[str, Any] | Any = None) -> None:
        """Runs a check before a call. Raises the `Failure` if the call must not begin."""
        request = exports.CheckRequest(check, self._invocation(method, arguments))
        self._begin(method, None, in_check=True)
        try:
            with logging_to(self._host):
                self.model.run_check(self._host, request)
        except AssertionError:
            raise
        except Exception as error:
            raise _failures.failure_of(error) from error

    def upgrade(self, to_version: str, global_arguments: Mapping[str, Any]) -> Any:
        """Upgrades global arguments to one version, and returns them."""
        try:
            return json.loads(self.model.run_upgrade(to_version, _encode.to_text(global_arguments)))
        except AssertionError:
            raise
        except Exception as error:
            raise _failures.failure_of(error) from error

    def report(self, name: str, subject: Any) -> tuple[str, Any]:
        """Makes a report of a subject in the contract's form, and returns its Markdown and its JSON."""
        made = self.model.run_report(wire_reports.ReportRequest(name, subject, 0))
        return made.markdown, json.loads(made.json)

    def _invocation(self, method: str, arguments: Any) -> exports.Invocation:
        text = _encode.to_text({} if arguments is None else arguments)
        spec = self.model.method_or_failure(method).spec
        self._refuse("invalid-input", "the arguments", spec.arguments, text)
        schema = self.info.global_arguments
        self._refuse("invalid-definition", "the global arguments", schema, self._globals)
        return exports.Invocation(method, text, self._globals)

    @staticmethod
    def _refuse(code: str, what: str, schema: str, text: str) -> None:
        found: list[Violation] = _validate.violations(json.loads(schema), json.loads(text))
        if found:
            listed = "; ".join(str(it) for it in found)
            shown = [{"path": it.path, "message": it.message} for it in found]
            raise Failure(code, f"{what} do not fit the schema: {listed}", details={"violations": shown})

    def _begin(self, method: str, kind: types.MethodKind | None, in_check: bool) -> None:
        self._context.identity.method = method
        self._data.kind, self._data.method = kind, method
        self._commands.in_check = self._http.only_reads = in_check
        self._calls.kind = self._workflows.kind = kind
        self._workflows.method = method
        self._sealed.begin()
        self.written = []

    def _commit(self) -> None:
        self.written = [Written(it.name, it.version) for it in self._store.commit(self.name)]

    # Data.

    def content(self, name: str, *, model: str | None = None) -> Any:
        """Returns the content of the latest version of a resource, or `None` if there is none."""
        version = self._store.latest(model or self.name, name)
        return None if version is None else version.value()

    def seen_by_others(self, name: str) -> Any:
        """Returns the content of the latest version of a resource as users and other models see it.

        Each field that its schema marks as sensitive is `[sealed]`.
        """
        version = self._store.latest(self.name, name)
        if version is None:
            return None
        value = version.value()
        for pointer in version.sealed:
            value = hidden(value, pointer)
        return value

    def file_bytes(self, name: str, *, model: str | None = None) -> bytes | None:
        """Returns the content of the latest version of a file, or `None` if there is none."""
        version = self._store.latest(model or self.name, name)
        return None if version is None else version.content

    def versions(self, name: str, *, model: str | None = None) -> list[Version]:
        """Returns the committed versions of a name, oldest first."""
        return list(self._store.versions.get((model or self.name, name), ()))

    def names(self, *, model: str | None = None) -> list[str]:
        """Returns the names of a model's data, sorted."""
        return self._store.names(model or self.name)

    def put(
        self,
        name: str,
        content: Any,
        *,
        spec: str | None = None,
        model: str | None = None,
        tags: Mapping[str, str] | None = None,
        sealed: Iterable[str] = (),
    ) -> None:
        """Commits a version of a resource, before the method runs.

        `sealed` are the JSON Pointers of fields of another model that are sealed, for example `/token`.
        A method reads `[sealed]` there, unless the type requests to reveal the field. Those of this
        model's resources are in their schemas.
        """
        text = _encode.to_text(content)
        value = json.loads(text)
        pointers = tuple(sealed)
        for pointer in pointers:
            try:
                field_of(value, pointer)
            except (LookupError, ValueError, TypeError):
                raise ValueError(f"`{name}` has no field `{pointer}`") from None
        known = next((it for it in self.info.resources if it.name == (spec or name)), None)
        if model in (None, self.name) and known is not None:
            pointers = places(json.loads(known.schema), value)
        self._put(name, text.encode(), spec, model, tags, None, pointers)

    def put_file(
        self,
        name: str,
        content: bytes | str,
        *,
        media_type: str = "application/octet-stream",
        spec: str | None = None,
        model: str | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """Commits a version of a file, before the method runs."""
        content = content.encode() if isinstance(content, str) else content
        self._put(name, content, spec, model, tags, media_type)

    def _put(
        self,
        name: str,
        content: bytes,
        spec: str | None,
        model: str | None,
        tags: Mapping[str, str] | None,
        media_type: str | None,
        sealed: tuple[str, ...] = (),
    ) -> None:
        is_file = media_type is not None
        version = Version(
            model=model or self.name,
            name=name,
            spec=spec or name,
            content=content,
            is_file=is_file,
            media_type=media_type or "application/json",
            tags=dict(tags or {}),
            sealed=sealed,
        )
        self._store.add(version)

    def on_query(
        self, predicate: str, results: Iterable[tuple[str, Any] | tuple[str, str, Any]]
    ) -> None:
        """Scripts a query, by its exact text: a test evaluates no expressions.

        The results are the names of this model's data that match, each with its `select`; or the model,
        the name and the `select`. A method gets those of the models that it may read.
        """
        found = []
        for result in results:
            model, name, value = result if len(result) == 3 else (self.name, *result)
            version = self._store.latest(model, name)
            if version is None:
                of_other = "" if model == self.name else f", model={model!r}"
                raise ValueError(f"there is no data `{name}`; write it first: `put({name!r}, …{of_other})`")
            found.append((version, value))
        self._data.queries[predicate] = found

    # What is outside.

    def on_call(
        self,
        target: str,
        method: str,
        handler: Callable[[Any], Any] | None = None,
        *,
        returns: Any = None,
        error: CallError | Failure | None = None,
        delay: float = 0.0,
        kind: MethodKind | None = None,
    ) -> None:
        """Scripts the calls of a method of another model, or of this one.

        `kind` is the kind of a method of another model, which decides what may call it. Without one, it
        counts as an `action`, which methods of kind `read` and `observe` may not call. `handler` receives the arguments, and returns the value or raises a `CallError` or a `Failure`.
        `delay` is how long the call takes by the test's clock, in seconds.
        """

        if error is not None:
            check_error(CallError, error)

        def scripted(_: Any) -> Any:
            if error is not None:
                raise error
            return returns

        self._data.models.add(target)
        self._calls.handlers[(target, method)] = (handler or scripted, delay)
        known = None if kind is None else types.MethodKind[kind.upper()]
        self._calls.kinds[(target, method)] = known

    def on_http(
        self, method: str, url: str, *responders: Responder, **options: Any
    ) -> None:
        """Scripts the responses to a request. A `*` at the end of the URL stands for any end.

        The options are those of `response`: `status`, `json`, `body`, `headers`, `error`, `delay`.
        Several `responders` are used one after the other; one can be a function of the request.
        """
        self._http.add(method, url, list(responders) or [response(**options)])

    def on_command(
        self,
        name: str,
        arguments: Iterable[str] | None = None,
        script: CommandScript | None = None,
        *,
        stdout: bytes | str = b"",
        stderr: bytes | str = b"",
        end: End | CommandError = Exit(0),
        delay: float = 0.0,
    ) -> None:
        """Scripts a command, with certain arguments or with any.

        `end` is how it ends, or the error. `script` can be a function of the command instead.
        """
        out, err = (it.encode() if isinstance(it, str) else it for it in (stdout, stderr))
        wanted = None if arguments is None else tuple(arguments)
        script = script or ScriptedCommand(out, err, end, delay)
        if isinstance(script, ScriptedCommand) and isinstance(script.end, Exception):
            check_error(CommandError, script.end)
        self._commands.scripts.setdefault(name, []).insert(0, (wanted, script))

    def on_workflow(self, name: str, outcome: RunOutcome | WorkflowError) -> None:
        """Scripts the run of a workflow."""
        if isinstance(outcome, Exception):
            check_error(WorkflowError, outcome)
        self._workflows.outcomes[name] = outcome

    def secret(self, name: str, value: bytes | str) -> None:
        """Sets a secret."""
        self._secrets.values[name] = value.encode() if isinstance(value, str) else value

    def variable(self, name: str, value: str) -> None:
        """Sets an environment variable."""
        self._context.variables[name] = value

    def folder(self, name: str, path: str | os.PathLike[str]) -> None:
        """Grants a folder of this machine, for example pytest's `tmp_path`."""
        self._context.folders[name] = os.fspath(path)

    def definition(
        self,
        name: str,
        type: str,
        *,
        id: str | None = None,
        type_version: str | None = None,
        description: str | None = None,
        tags: Mapping[str, str] | None = None,
        global_arguments: Mapping[str, Any] | None = None,
    ) -> None:
        """Adds the definition of a model."""
        self._data.models.add(name)
        self._models.definitions[name] = wire_models.Definition(
            name=name,
            id=id,
            type=type,
            type_version=type_version,
            description=description,
            tags=[wire_data.Tag(key, value) for key, value in (tags or {}).items()],
            global_arguments=_encode.to_text(global_arguments or {}),
        )

    def refuse(self, kind: str) -> None:
        """Grants nothing of a kind: `models`, `http`, `files`, `env`, `secrets`, `commands` or `workflows`.

        Otherwise everything is granted that the type requests, and nothing else.
        """
        self._permissions.refuse(kind)

    def cancel_after(self, seconds: float) -> None:
        """Asks the call to end, after some time of the test's clock."""
        self._context.cancelled_at = self.clock.elapsed + seconds

    # What the method did.

    @property
    def logs(self) -> list[LogLine]:
        """The lines of the log, without what the method printed."""
        return self._log.lines

    @property
    def requests(self) -> list[SentRequest]:
        """The requests that were sent, as their servers received them."""
        return self._http.sent

    @property
    def calls(self) -> list[MadeCall]:
        """The nested calls that were made."""
        return self._calls.made

    @property
    def commands(self) -> list[RanCommand]:
        """The commands that were run or started."""
        return self._commands.ran

    @property
    def runs(self) -> list[MadeRun]:
        """The workflows that were run or started."""
        return self._workflows.made
