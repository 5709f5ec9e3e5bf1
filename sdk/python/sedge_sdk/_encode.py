"""Python values as JSON."""

from __future__ import annotations

import dataclasses
import datetime
import enum
import json
import math
from collections.abc import Mapping
from typing import Any

from . import fields

_DEPTH_MAX = 100
"""How deep arrays and objects may nest: the limit of the contract."""


class NotJson(ValueError):
    """A value has no representation in JSON. The message says where it is, and what to do."""


def to_text(value: Any) -> str:
    """Returns a value as JSON text.

    # Raises
    NotJson: the value, or a value in it, has no representation in JSON.
    """
    return json.dumps(to_json_value(value), ensure_ascii=False, separators=(",", ":"))


def to_json_value(value: Any) -> Any:
    """Returns a value with dictionaries, lists, texts, numbers, booleans and `None` only.

    # Raises
    NotJson: the value, or a value in it, has no representation in JSON.
    """
    return _convert(value, "", 0)


def _convert(value: Any, path: str, depth: int) -> Any:
    if value is None or value is True or value is False:
        return value
    if depth > _DEPTH_MAX:
        raise NotJson(f"{path or 'the value'}: arrays and objects nest more than {_DEPTH_MAX} deep")
    if isinstance(value, enum.Enum):
        return _convert(value.value, path, depth)
    if isinstance(value, str):
        return _text(value, path)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise NotJson(f"{path or 'the value'}: JSON has no {value!r}; use `None` or a text")
        return float(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _dataclass(value, path, depth)
    if isinstance(value, Mapping):
        return _mapping(value, path, depth)
    if isinstance(value, (list, tuple)):
        return [_convert(it, f"{path}/{at}", depth + 1) for at, it in enumerate(value)]
    if isinstance(value, (set, frozenset)):
        # Sorted, so that the same set is the same text in each run.
        items = [_convert(it, f"{path}/-", depth + 1) for it in value]
        return sorted(items, key=lambda it: json.dumps(it, sort_keys=True))
    if isinstance(value, (datetime.datetime, datetime.date)):
        return value.isoformat()
    if hasattr(value, "__fields__") and hasattr(value, "json"):
        # A model of pydantic 1: it knows how to write its own types.
        return _convert(json.loads(value.json(by_alias=True)), path, depth)
    hint = "decode it, or write it to a file" if isinstance(value, (bytes, bytearray)) else (
        "use a dataclass, a dictionary, a list, a text or a number"
    )
    raise NotJson(f"{path or 'the value'}: a `{type(value).__name__}` is not JSON; {hint}")


def _text(value: str, path: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        # `os.fsdecode` and `errors="surrogateescape"` make such texts from bytes.
        raise NotJson(
            f"{path or 'the value'}: the text has parts that are not Unicode characters; "
            'decode the bytes with `errors="replace"`'
        ) from None
    return str(value)


def _dataclass(value: Any, path: str, depth: int) -> dict[str, Any]:
    cls = type(value)
    result = {}
    for it in dataclasses.fields(value):
        name = fields.json_name(cls, it)
        result[name] = _convert(getattr(value, it.name), f"{path}/{pointer_part(name)}", depth + 1)
    return result


def _mapping(value: Mapping[Any, Any], path: str, depth: int) -> dict[str, Any]:
    result = {}
    for key, it in value.items():
        if isinstance(key, enum.Enum):
            key = key.value
        if not isinstance(key, str):
            kind = type(key).__name__
            raise NotJson(f"{path or 'the value'}: the key {key!r} is a `{kind}`, not a text")
        result[_text(key, path)] = _convert(it, f"{path}/{pointer_part(key)}", depth + 1)
    return result


def pointer_part(name: str) -> str:
    """Returns a name as a part of a JSON Pointer (RFC 6901)."""
    return name.replace("~", "~0").replace("/", "~1")
