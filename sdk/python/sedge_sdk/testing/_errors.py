"""The scripted errors of a test, in the contract's form."""

from __future__ import annotations

import dataclasses
from enum import Enum
from typing import Any, get_args, get_origin, get_type_hints

from .. import _failures
from .._error_table import CASES
from .._wire import commands, data, models, secrets, types, workflows
from ..errors import CallError, CallFailed, CheckFailure, ContractError, Failure, Violation

_MODULES = (types, data, models, workflows, commands, secrets)


def check_error(base: type[ContractError], error: Any) -> None:
    """Raises `TypeError` if the host does not return such an error of this kind.

    It is called where a test scripts an error, so that the traceback shows this line.
    """
    if not isinstance(error, (base, Failure) if base is CallError else base):
        raise TypeError(f"{error!r} is no `{base.__name__}`")
    error_to_wire(error)


def error_to_wire(error: ContractError | Failure) -> Any:
    """Returns an error in the contract's form. A failure is that of a callee."""
    if isinstance(error, Failure):
        error = CallFailed(error)
    case = _case(error)
    payload = get_type_hints(case).get("value")
    if payload is None:
        return case()
    attributes = [getattr(error, it.name) for it in dataclasses.fields(error)]  # type: ignore[arg-type]
    try:
        if dataclasses.is_dataclass(payload) and payload is not types.Failure:
            kinds = list(get_type_hints(payload).values())
            # An attribute before them is of this package only: the name of a command.
            values = attributes[-len(kinds) :]
            return case(payload(*map(_value, kinds, values)))  # type: ignore[operator]
        return case(_value(payload, attributes[-1]))
    except TypeError as wrong:
        raise TypeError(f"{error!r}: {wrong}") from None


def _case(error: ContractError) -> Any:
    name = next((name for name, case in CASES.items() if case is type(error)), "")
    found = next((getattr(it, name) for it in _MODULES if hasattr(it, name)), None)
    if found is None:
        raise TypeError(f"the host returns no `{type(error).__name__}`; use one of the classes for its cases")
    return found


def _value(kind: Any, value: Any) -> Any:
    """Returns the value of an attribute as a type of the bindings."""
    if isinstance(kind, type) and issubclass(kind, Enum):
        names = {it.name.lower().replace("_", "-"): it for it in kind}
        if value not in names:
            raise TypeError(f"{value!r} is none of {', '.join(map(repr, names))}")
        return names[value]
    if get_origin(kind) is list:
        if not isinstance(value, (list, tuple)):
            raise TypeError(f"{value!r} is no list")
        (item,) = get_args(kind)
        return [_value(item, it) for it in value]
    match value:
        case Violation():
            value = types.Violation(value.path, value.message)
        case CheckFailure():
            value = types.CheckFailure(value.check, value.message)
        case Failure():
            value = _failures.to_wire(value)
    if not isinstance(value, kind):
        raise TypeError(f"{value!r} is no `{getattr(kind, '__name__', kind)}`")
    return value
