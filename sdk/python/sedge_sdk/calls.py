"""Nested calls: their outcomes, and how to wait for them."""

from __future__ import annotations

import json
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, TypeVar, overload

from . import _decode, _encode
from ._host import Host
from ._loop import ready
from ._wire_errors import call_error, converted, unwrap
from .data import Written
from .errors import CallInvalidInput, Violation

__all__ = ["AsyncCalls", "AsyncPending", "Calls", "Outcome", "Pending"]

_T = TypeVar("_T")


@dataclass(frozen=True)
class Outcome:
    """The outcome of a successful call."""

    value: Any
    """The value that the method returned."""
    written: tuple[Written, ...]
    """The versions that it wrote, in order, without those of its own callees."""

    @overload
    def value_as(self, tp: type[_T]) -> _T: ...

    @overload
    def value_as(self, tp: Any) -> Any: ...

    def value_as(self, tp: Any) -> Any:
        """Returns the value as a `tp`."""
        return _decode.from_json_value(self.value, tp)


def _outcome(wire: Any) -> Outcome:
    written = tuple(Written(it.name, it.version) for it in wire.written)
    return Outcome(json.loads(wire.value), written)


def _arguments_text(arguments: Any) -> str:
    try:
        return _encode.to_text({} if arguments is None else arguments)
    except _encode.NotJson as error:
        refused = CallInvalidInput((Violation("", str(error)),))
    raise refused


class _Started:
    """A call that was started and may still run. Dropping it cancels the call."""

    def __init__(self, pending: Any) -> None:
        self._pending = pending

    def get(self) -> Outcome | None:
        """Returns the outcome without waiting, or `None` while the call runs.

        Raises `CallError`. The outcome is returned once.
        """
        found = self._pending.get()
        return None if found is None else _outcome(unwrap(found, call_error))

    def cancel(self) -> None:
        """Cancels the call if it has not ended. Its writes are discarded."""
        self._pending.cancel()


class Pending(_Started):
    """A call that was started and may still run. Dropping it cancels the call."""

    def wait(self) -> Outcome:
        """Waits until the call has ended. Raises `CallError`."""
        with converted(call_error):
            wire = self._pending.wait()
        return _outcome(wire)


class AsyncPending(_Started):
    """A call that was started and may still run. `await` returns its outcome."""

    def __await__(self) -> Generator[Any, Any, Outcome]:
        return self._wait().__await__()

    async def _wait(self) -> Outcome:
        try:
            while (outcome := self.get()) is None:
                await ready(self._pending.subscribe())
            return outcome
        except BaseException:
            # The task that waits was cancelled, and so is the call; one that has ended stays as it is.
            self._pending.cancel()
            raise


class Calls:
    """Runs methods of other models, or of the same one.

    The callee runs with its own permissions, and its writes are committed when it succeeds. They are
    kept even if this call fails later.
    """

    _host: Host

    def call(self, target: str, method: str, arguments: Any = None) -> Outcome:
        """Calls a method of a model, and waits for the outcome. Raises `CallError`."""
        text = _arguments_text(arguments)
        with converted(call_error):
            wire = self._host.calls.call(target, method, text)
        return _outcome(wire)

    def start(self, target: str, method: str, arguments: Any = None) -> Pending:
        """Starts a call and continues, so that several calls run beside each other."""
        return Pending(self._host.calls.start(target, method, _arguments_text(arguments)))


class AsyncCalls:
    """Runs methods of other models, or of the same one.

    The callee runs with its own permissions, and its writes are committed when it succeeds. They are
    kept even if this call fails later.
    """

    _host: Host

    async def call(self, target: str, method: str, arguments: Any = None) -> Outcome:
        """Calls a method of a model, and waits for the outcome. Raises `CallError`."""
        return await self.start(target, method, arguments)

    def start(self, target: str, method: str, arguments: Any = None) -> AsyncPending:
        """Starts a call at once, and returns it to be awaited."""
        return AsyncPending(self._host.calls.start(target, method, _arguments_text(arguments)))
