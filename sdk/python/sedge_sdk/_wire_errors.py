"""Turns errors of the contract into the errors of this package."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from typing import Any, TypeVar

from ._error_table import (
    CASES,
    CallError,
    CommandError,
    DataError,
    ModelsError,
    SecretError,
    WorkflowError,
)
from ._wire import Err, types
from .errors import CheckFailure, ContractError, Failure, Violation

_E = TypeVar("_E", bound=ContractError)


def unwrap(result: Any, convert: Any) -> Any:
    """Returns the value of a result, or raises its error."""
    if isinstance(result, Err):
        raise convert(result.value)
    return result.value


@contextmanager
def converted(convert: Any) -> Iterator[None]:
    """Raises an error of the contract as an error of this package.

    The exception of the bindings does not leave this function, because Python cannot attach a
    traceback to it everywhere.
    """
    error = None
    try:
        yield
    except Err as raised:
        error = convert(raised.value)
    if error is not None:
        raise error


def call_error(wire: Any) -> CallError:
    """Returns the error of a nested call."""
    return _error(CallError, wire)


def data_error(wire: Any) -> DataError:
    """Returns the error of a function of `data`."""
    return _error(DataError, wire)


def models_error(name: str | None, wire: Any) -> ModelsError:
    """Returns the error of a function of `models`. `name` is that of the requested model."""
    return _error(ModelsError, wire, name)


def workflow_error(wire: Any) -> WorkflowError:
    """Returns the error of a function of `workflows`."""
    return _error(WorkflowError, wire)


def command_error(command: str, wire: Any) -> CommandError:
    """Returns the error of a command."""
    return _error(CommandError, wire, command)


def secret_error(wire: Any) -> SecretError:
    """Returns the error of `secrets.get`."""
    return _error(SecretError, wire)


def _error(base: type[_E], wire: Any, *given: Any) -> _E:
    """Returns the error of a case. `given` are attributes that the contract does not return.

    Attributes have the order of the payload's fields, and come after those that are given.
    """
    case = CASES.get(type(wire).__name__)
    if case is None or not issubclass(case, base):
        # The bindings are of another contract than this package: see `sdk/python/bindings`.
        raise TypeError(f"the contract has no error `{type(wire).__name__}`")
    payload = _payload(wire)
    n_given = len(dataclasses.fields(case)) - len(payload)  # type: ignore[arg-type]
    error: _E = case(*given[:n_given], *payload)
    return error


def _payload(wire: Any) -> list[Any]:
    if not hasattr(wire, "value"):
        return []
    payload = wire.value
    if dataclasses.is_dataclass(payload) and not isinstance(payload, types.Failure):
        return [_attribute(getattr(payload, it.name)) for it in dataclasses.fields(payload)]
    return [_attribute(payload)]


def _attribute(wire: Any) -> Any:
    match wire:
        case list():
            return tuple(_attribute(it) for it in wire)
        case Enum():
            return wire.name.lower().replace("_", "-")
        case types.Violation():
            return Violation(wire.path, wire.message)
        case types.CheckFailure():
            return CheckFailure(wire.check, wire.message)
        case types.Failure():
            return _failure(wire)
    return wire


def _failure(wire: types.Failure) -> Failure:
    """Returns the failure that a callee returned."""
    details = None if wire.details is None else json.loads(wire.details)
    return Failure(
        wire.code,
        wire.message,
        details=details,
        keep_writes=wire.keep_writes,
        stack=wire.stack,
    )
