"""JSON as Python values, strictly: a value that does not fit its type is an error with its place."""

from __future__ import annotations

import dataclasses
import datetime
import enum
import json
import re
import typing
from collections.abc import Callable
from typing import Any

from . import _schema, fields
from ._encode import pointer_part
from .errors import Violation

_SHOWN_CHARS_MAX = 60
"""How much of a value a message shows."""


class DoesNotFit(ValueError):
    """A value does not fit a type."""

    def __init__(self, violations: list[Violation]) -> None:
        super().__init__("; ".join(str(it) for it in violations))
        self.violations = violations


def from_text(text: str, tp: Any) -> Any:
    """Returns JSON text as a value of a type.

    # Raises
    DoesNotFit: the text is not JSON, or not that of such a value.
    """
    try:
        value = json.loads(text)
    except ValueError as error:
        raise DoesNotFit([Violation("", f"it is not JSON: {error}")]) from None
    return from_json_value(value, tp)


def from_json_value(value: Any, tp: Any) -> Any:
    """Returns a value of a type from what JSON consists of.

    # Raises
    DoesNotFit: the value does not fit. All violations are listed.
    """
    violations: list[Violation] = []
    result = _decode(value, tp, "", violations)
    if violations:
        raise DoesNotFit(violations)
    return result


def _decode(value: Any, tp: Any, path: str, found: list[Violation]) -> Any:
    tp = _schema.bare(tp)
    if tp is Any or tp is object:
        return value
    plain = _PLAIN.get(tp) if isinstance(tp, type) else None
    if plain is not None:
        return plain(value, path, found)
    if tp is None:
        return _none(value, path, found)
    if _schema.is_pydantic(tp):
        return _pydantic(value, tp, path, found)
    if dataclasses.is_dataclass(tp):
        return _dataclass(value, tp, path, found)
    if _schema.is_typed_dict(tp):
        return _typed_dict(value, tp, path, found)
    if isinstance(tp, type) and issubclass(tp, enum.Enum):
        return _enum(value, tp, path, found)
    return _generic(value, tp, path, found)


def _generic(value: Any, tp: Any, path: str, found: list[Violation]) -> Any:
    origin, arguments = typing.get_origin(tp), typing.get_args(tp)
    if _schema.is_union(tp):
        return _union(value, arguments, path, found)
    if origin is typing.Literal:
        for choice in arguments:
            if _is_same(value, choice):
                return choice
        choices = ", ".join(json.dumps(it) for it in arguments)
        return _wrong(value, f"one of {choices}", path, found)
    if origin in _schema.MAPS and len(arguments) == 2:
        if not isinstance(value, dict):
            return _wrong(value, "a map", path, found)
        return {
            key: _decode(it, arguments[1], f"{path}/{pointer_part(key)}", found)
            for key, it in value.items()
        }
    if origin in _schema.LISTS or origin is tuple:
        return _list(value, tp, path, found)
    raise _schema.UnsupportedType(f"`{_schema.shown(tp)}` cannot be read from JSON")


def _list(value: Any, tp: Any, path: str, found: list[Violation]) -> Any:
    origin, arguments = typing.get_origin(tp), typing.get_args(tp)
    if not isinstance(value, list):
        return _wrong(value, "a list", path, found)
    is_fixed = origin is tuple and not (len(arguments) == 2 and arguments[1] is Ellipsis)
    if is_fixed:
        if len(value) != len(arguments):
            return _wrong(value, f"a list of {len(arguments)} items", path, found)
        pairs = list(zip(value, arguments))
    else:
        pairs = [(it, arguments[0]) for it in value]
    items = [_decode(it, each, f"{path}/{at}", found) for at, (it, each) in enumerate(pairs)]
    if origin in (tuple, set, frozenset) and not found:
        return origin(items)
    return items


def _union(value: Any, arguments: tuple[Any, ...], path: str, found: list[Violation]) -> Any:
    attempts: list[list[Violation]] = []
    for each in arguments:
        attempt: list[Violation] = []
        result = _decode(value, each, path, attempt)
        if not attempt:
            return result
        attempts.append(attempt)
    # The attempt that came furthest says most.
    deepest = max(attempts, key=lambda it: max(each.path.count("/") for each in it))
    if any(each.path != path for each in deepest):
        found.extend(deepest)
        return None
    kinds = " or ".join(dict.fromkeys(_expected(each) for each in arguments))
    return _wrong(value, kinds, path, found)


def _expected(tp: Any) -> str:
    tp = _schema.bare(tp)
    if tp is type(None) or tp is None:
        return "null"
    return _NAMES.get(tp, f"`{_schema.shown(tp)}`") if isinstance(tp, type) else str(tp)


def _dataclass(value: Any, tp: Any, path: str, found: list[Violation]) -> Any:
    if not isinstance(value, dict):
        return _wrong(value, "a map", path, found)
    hints = _hints(tp)
    known: dict[str, Any] = {}
    n_before = len(found)
    for it in dataclasses.fields(tp):
        if not it.init:
            continue
        name = fields.json_name(tp, it)
        place = f"{path}/{pointer_part(name)}"
        if name in value:
            decoded = _decode(value[name], hints[it.name], place, found)
            _limits(value[name], fields.keywords_of(it), place, found)
            known[it.name] = decoded
        elif not _schema.default_of(it)[0]:
            found.append(Violation(path, f"`{name}` is required, and was not given"))
    names = {fields.json_name(tp, it) for it in dataclasses.fields(tp) if it.init}
    _unknown(value, names, path, found)
    if len(found) > n_before:
        return None
    try:
        return tp(**known)
    except (TypeError, ValueError) as error:
        # `__post_init__` refuses the value.
        found.append(Violation(path, str(error)))
        return None


def _typed_dict(value: Any, tp: Any, path: str, found: list[Violation]) -> Any:
    if not isinstance(value, dict):
        return _wrong(value, "a map", path, found)
    hints = _hints(tp)
    for name in sorted(tp.__required_keys__ - value.keys()):
        found.append(Violation(path, f"`{name}` is required, and was not given"))
    _unknown(value, set(hints), path, found)
    return {
        name: _decode(it, hints[name], f"{path}/{pointer_part(name)}", found)
        for name, it in value.items()
        if name in hints
    }


def _unknown(value: dict[str, Any], names: set[str], path: str, found: list[Violation]) -> None:
    unknown = [f"`{name}`" for name in value if name not in names]
    if unknown:
        found.append(Violation(path, f"there is no {' and no '.join(unknown)}"))


_HINTS: dict[Any, dict[str, Any]] = {}


def _hints(tp: Any) -> dict[str, Any]:
    if tp not in _HINTS:
        _HINTS[tp] = _schema.hints_of(tp)
    return _HINTS[tp]


def _enum(value: Any, tp: type[enum.Enum], path: str, found: list[Violation]) -> Any:
    for member in tp:
        if _is_same(value, member.value):
            return member
    choices = ", ".join(json.dumps(it.value) for it in tp)
    return _wrong(value, f"one of {choices}", path, found)


def _pydantic(value: Any, tp: Any, path: str, found: list[Violation]) -> Any:
    try:
        return tp.parse_obj(value)
    except ValueError as error:
        if not hasattr(error, "errors"):
            raise
        for each in error.errors():
            parts = [pointer_part(str(it)) for it in each["loc"] if it != "__root__"]
            place = "".join(f"/{part}" for part in parts)
            found.append(Violation(f"{path}{place}", each["msg"]))
        return None


def _is_same(value: Any, choice: Any) -> bool:
    """Returns whether two values are equal in JSON, where `true` is not 1."""
    return value == choice and isinstance(value, bool) == isinstance(choice, bool)


def _limits(value: Any, keywords: dict[str, Any], path: str, found: list[Violation]) -> None:
    """Checks the keywords that `fields.field` takes."""
    text = _short(value)
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if is_number and "minimum" in keywords and value < keywords["minimum"]:
        found.append(Violation(path, f"{text} is less than the minimum of {keywords['minimum']}"))
    if is_number and "maximum" in keywords and value > keywords["maximum"]:
        found.append(Violation(path, f"{text} is greater than the maximum of {keywords['maximum']}"))
    for kind, low, high, unit in (
        (str, "minLength", "maxLength", "character"),
        (list, "minItems", "maxItems", "item"),
    ):
        if not isinstance(value, kind):
            continue
        if low in keywords and len(value) < keywords[low]:
            text_of = _counted(keywords[low], unit)
            found.append(Violation(path, f"{text} has less than {text_of}"))
        if high in keywords and len(value) > keywords[high]:
            text_of = _counted(keywords[high], unit)
            found.append(Violation(path, f"{text} has more than {text_of}"))
    if isinstance(value, str) and "pattern" in keywords:
        if re.search(keywords["pattern"], value) is None:
            found.append(Violation(path, f'{text} does not match "{keywords["pattern"]}"'))


def _counted(number: int, unit: str) -> str:
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"


def _wrong(value: Any, expected: str, path: str, found: list[Violation]) -> None:
    found.append(Violation(path, f"it has to be {expected}; `{_short(value)}` was given"))


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    if len(text) <= _SHOWN_CHARS_MAX:
        return text
    return f"{text[: _SHOWN_CHARS_MAX - 1]}…"


def _string(value: Any, path: str, found: list[Violation]) -> Any:
    return value if isinstance(value, str) else _wrong(value, "a text", path, found)


def _boolean(value: Any, path: str, found: list[Violation]) -> Any:
    return value if isinstance(value, bool) else _wrong(value, "true or false", path, found)


def _integer(value: Any, path: str, found: list[Violation]) -> Any:
    # JSON does not tell 1.0 from 1.
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return _wrong(value, "a whole number", path, found)


def _number(value: Any, path: str, found: list[Violation]) -> Any:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    return _wrong(value, "a number", path, found)


def _none(value: Any, path: str, found: list[Violation]) -> Any:
    return None if value is None else _wrong(value, "null", path, found)


def _instant(parse: Callable[[str], Any], expected: str) -> Callable[..., Any]:
    def decode(value: Any, path: str, found: list[Violation]) -> Any:
        try:
            if isinstance(value, str):
                return parse(value)
        except ValueError:
            pass
        return _wrong(value, expected, path, found)

    return decode


def _dictionary(value: Any, path: str, found: list[Violation]) -> Any:
    return value if isinstance(value, dict) else _wrong(value, "a map", path, found)


def _array(value: Any, path: str, found: list[Violation]) -> Any:
    return value if isinstance(value, list) else _wrong(value, "a list", path, found)


_PLAIN: dict[type, Callable[..., Any]] = {
    str: _string,
    bool: _boolean,
    int: _integer,
    float: _number,
    type(None): _none,
    datetime.datetime: _instant(datetime.datetime.fromisoformat, "a date with a time (RFC 3339)"),
    datetime.date: _instant(datetime.date.fromisoformat, "a date such as 2026-12-01"),
    dict: _dictionary,
    list: _array,
}

_NAMES: dict[type, str] = {
    str: "a text",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    dict: "a map",
    list: "a list",
}
