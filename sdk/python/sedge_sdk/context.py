"""What a method can do besides computing."""

from __future__ import annotations

import datetime
import time
from dataclasses import dataclass, field
from typing import Any

from . import _logs
from ._host import Host
from ._loop import ready
from ._wire import context as wire
from ._wire_errors import converted, secret_error
from .calls import AsyncCalls, Calls
from .commands import AsyncCommands, Commands
from .data import Data
from .errors import Denied
from .folders import Folder
from .http import AsyncHttp, Http
from .models import Models
from .secrets import Secret
from .workflows import Workflows

__all__ = ["AsyncContext", "Context", "Identity"]


@dataclass(frozen=True)
class Identity:
    """The identity of a call."""

    model: str
    model_id: str
    """An id of the model that stays the same when the model gets another name."""
    type: str
    type_version: str
    method: str
    run: str
    """The run that the call belongs to."""
    call: str
    """The call: its run and the ordinals of the calls that lead to it, as `k3v9q2x8w1mz/1/2`."""
    step: str | None
    """The workflow step that the call belongs to, or `None`."""
    tags: dict[str, str] = field(default_factory=dict)
    """The tags of the model's definition."""


def _identity(it: wire.Identity) -> Identity:
    return Identity(
        model=it.model,
        model_id=it.model_id,
        type=it.type,
        type_version=it.type_version,
        method=it.method,
        run=it.run,
        call=it.call,
        step=it.step,
        tags=dict(it.tags),
    )


class _ContextBase(Data, Models, Workflows):
    """What the contexts of both kinds of methods have: everything that does not wait."""

    def __init__(self, host: Host, global_arguments: Any) -> None:
        self._host = host
        self._known: Identity | None = None
        self.global_arguments = global_arguments
        """The global arguments of the model's definition, as the type of `Model.global_arguments`."""

    @property
    def identity(self) -> Identity:
        """The identity of this call."""
        if self._known is None:
            self._known = _identity(self._host.context.who())
        return self._known

    def now(self) -> datetime.datetime:
        """Returns the time, in UTC. In a test it is that of the test's clock."""
        clock = getattr(self._host.context, "now", time.time)
        return datetime.datetime.fromtimestamp(clock(), datetime.timezone.utc)

    def deadline_left(self) -> datetime.timedelta:
        """Returns the time that is left until the deadline of this call."""
        return datetime.timedelta(milliseconds=self._host.context.deadline_left_ms())

    @property
    def is_cancelled(self) -> bool:
        """Whether this call is asked to end."""
        return bool(self._host.context.cancelled())

    def folder(self, name: str) -> Folder:
        """Returns a folder that the plugin requests: `cx.folder("in").open("a.csv")`.

        Raises `Denied` if the operator did not grant it. The message says how to grant it.
        """
        with converted(Denied):
            path = self._host.context.folder(name)
        return Folder(name, path)

    def variable(self, name: str) -> str | None:
        """Returns the value of an environment variable that the plugin requests.

        Returns `None` if it is not set. Raises `Denied` if the operator did not grant it.
        """
        with converted(Denied):
            value: str | None = self._host.context.variable(name)
        return value

    def secret(self, name: str) -> Secret:
        """Returns a secret that the plugin requests.

        Raises `SecretDenied` if it was not granted, and `SecretMissing` if there is no secret of the name.
        """
        with converted(secret_error):
            secret = self._host.secrets.get(name)
        return Secret(name, secret)

    def log(self, level: str, message: object, /, **fields: Any) -> None:
        """Adds a line with named values to the log of this call.

        The levels are `trace`, `debug`, `info`, `warn` and `error`.
        """
        _logs.write(self._host, level, message, fields)

    def debug(self, message: object, /, **fields: Any) -> None:
        """Logs details for users who look for a fault."""
        self.log("debug", message, **fields)

    def info(self, message: object, /, **fields: Any) -> None:
        """Logs information."""
        self.log("info", message, **fields)

    def warn(self, message: object, /, **fields: Any) -> None:
        """Logs that something may be wrong."""
        self.log("warn", message, **fields)

    def error(self, message: object, /, **fields: Any) -> None:
        """Logs that something is wrong."""
        self.log("error", message, **fields)


class Context(_ContextBase, Calls, Commands):
    """What a `def` method can do. A function that waits returns once it has its result."""

    def __init__(self, host: Host, global_arguments: Any) -> None:
        super().__init__(host, global_arguments)
        self.http = Http(host)


class AsyncContext(_ContextBase, AsyncCalls, AsyncCommands):
    """What an `async def` method can do. Functions that wait are awaited, beside each other if need be."""

    def __init__(self, host: Host, global_arguments: Any) -> None:
        super().__init__(host, global_arguments)
        self.http = AsyncHttp(host)

    async def cancellation(self) -> None:
        """Waits until this call is asked to end.

        From the first use of this function on, the host gives the call one second to end by itself.
        """
        await ready(self._host.context.subscribe_cancellation())
