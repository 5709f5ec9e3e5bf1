"""Checks JSON against the schemas that this package makes, for tests without a host.

The host has a whole validator. This one knows the keywords that `_schema.py` and pydantic 1 write, and
uses the host's words.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from ._encode import pointer_part
from .errors import Violation

_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "array": (list,),
    "object": (dict,),
    "null": (type(None),),
}

_WORDS = {
    "string": "a text",
    "boolean": "true or false",
    "integer": "a whole number",
    "number": "a number",
    "array": "a list",
    "object": "a map",
    "null": "null",
}

_ORDER = tuple(_WORDS)

_VIOLATIONS_MAX = 20
"""How many violations the host lists."""


def violations(schema: dict[str, Any], value: Any) -> list[Violation]:
    """Returns the places at which a value violates a schema, at most twenty."""
    return _Checker(schema).check(schema, value, "")[:_VIOLATIONS_MAX]


def sensitive_paths(schema: dict[str, Any], value: Any) -> list[tuple[str | int, ...]]:
    """Returns where a value has fields that its schema marks as sensitive, and that are not null."""
    checker = _Checker(schema)
    found: list[tuple[str | int, ...]] = []
    checker.find_sensitive(schema, value, (), found)
    return list(dict.fromkeys(found))


def is_type(value: Any, name: str) -> bool:
    """Returns whether a value has a type of JSON Schema."""
    if name == "integer" and isinstance(value, float):
        return value.is_integer()
    if isinstance(value, bool):
        return name == "boolean"
    return isinstance(value, _TYPES[name])


class _Checker:
    def __init__(self, root: dict[str, Any]) -> None:
        self.root = root

    def resolve(self, schema: Any) -> dict[str, Any]:
        while isinstance(schema, dict) and "$ref" in schema:
            target: Any = self.root
            for part in schema["$ref"].removeprefix("#/").split("/"):
                target = target[part]
            others = {key: it for key, it in schema.items() if key != "$ref"}
            schema = target | others
        return schema if isinstance(schema, dict) else {}

    def check(self, schema: Any, value: Any, path: str) -> list[Violation]:
        if schema is False:
            return [Violation(path, "nothing can be given here")]
        schema = self.resolve(schema)
        found = self._type(schema, value, path)
        if found:
            return found
        found += self._choice(schema, value, path)
        found += self._numbers(schema, value, path)
        found += self._sizes(schema, value, path)
        if isinstance(value, dict):
            found += self._object(schema, value, path)
        if isinstance(value, list):
            found += self._array(schema, value, path)
        for each in schema.get("allOf", ()):
            found += self.check(each, value, path)
        for keyword in ("anyOf", "oneOf"):
            if keyword in schema:
                found += self._alternatives(schema[keyword], value, path)
        return found

    def _type(self, schema: dict[str, Any], value: Any, path: str) -> list[Violation]:
        types = schema.get("type")
        if types is None:
            return []
        types = [types] if isinstance(types, str) else types
        if any(is_type(value, it) for it in types):
            return []
        words = [_WORDS[it] for it in sorted(types, key=_ORDER.index)]
        shown = " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
        return [Violation(path, f"it has to be {shown}; `{_short(value)}` was given")]

    def _choice(self, schema: dict[str, Any], value: Any, path: str) -> list[Violation]:
        if "enum" in schema and not any(_is_same(value, it) for it in schema["enum"]):
            choices = ", ".join(json.dumps(it) for it in schema["enum"])
            return [Violation(path, f"{_short(value)} is not one of {choices}")]
        if "const" in schema and not _is_same(value, schema["const"]):
            return [Violation(path, f"{_short(schema['const'])} was expected")]
        return []

    def _numbers(self, schema: dict[str, Any], value: Any, path: str) -> list[Violation]:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return []
        found = []
        limits: tuple[tuple[str, Callable[[Any], bool], str], ...] = (
            ("minimum", lambda limit: value < limit, "less than the minimum of"),
            ("maximum", lambda limit: value > limit, "greater than the maximum of"),
            ("exclusiveMinimum", lambda limit: value <= limit, "less than or equal to the minimum of"),
            (
                "exclusiveMaximum",
                lambda limit: value >= limit,
                "greater than or equal to the maximum of",
            ),
        )
        for keyword, is_violated, words in limits:
            if keyword in schema and is_violated(schema[keyword]):
                found.append(Violation(path, f"{_short(value)} is {words} {schema[keyword]}"))
        return found

    def _sizes(self, schema: dict[str, Any], value: Any, path: str) -> list[Violation]:
        found = []
        kinds = ((str, "Length", "character"), (list, "Items", "item"), (dict, "Properties", "property"))
        for kind, suffix, unit in kinds:
            if not isinstance(value, kind):
                continue
            low, high = schema.get(f"min{suffix}"), schema.get(f"max{suffix}")
            if low is not None and len(value) < low:
                found.append(Violation(path, f"{_short(value)} has less than {_counted(low, unit)}"))
            if high is not None and len(value) > high:
                found.append(Violation(path, f"{_short(value)} has more than {_counted(high, unit)}"))
        pattern = schema.get("pattern")
        if pattern is not None and isinstance(value, str) and re.search(pattern, value) is None:
            found.append(Violation(path, f'{_short(value)} does not match "{pattern}"'))
        return found

    def _object(self, schema: dict[str, Any], value: dict[str, Any], path: str) -> list[Violation]:
        found = []
        properties = schema.get("properties", {})
        for name in schema.get("required", ()):
            if name not in value:
                found.append(Violation(path, f"`{name}` is required, and was not given"))
        others = schema.get("additionalProperties", True)
        unknown = [name for name in value if name not in properties]
        if others is False and unknown:
            names = " and no ".join(f"`{it}`" for it in unknown)
            found.append(Violation(path, f"there is no {names}"))
        for name, it in value.items():
            of_it = properties.get(name, others)
            if of_it is not False:
                found += self.check(of_it, it, f"{path}/{pointer_part(name)}")
        return found

    def _array(self, schema: dict[str, Any], value: list[Any], path: str) -> list[Violation]:
        found = []
        first = schema.get("prefixItems", [])
        for at, it in enumerate(value):
            of_it = first[at] if at < len(first) else schema.get("items", True)
            found += self.check(of_it, it, f"{path}/{at}")
        if schema.get("uniqueItems"):
            texts = [json.dumps(it, sort_keys=True) for it in value]
            if len(set(texts)) < len(texts):
                found.append(Violation(path, f"{_short(value)} has non-unique elements"))
        return found

    def _alternatives(self, schemas: list[Any], value: Any, path: str) -> list[Violation]:
        words: list[str] = []
        for each in schemas:
            found = self.check(each, value, path)
            if not found:
                return []
            word = found[0].message.split("; `", 1)[0]
            if word != "it has to be null" and word not in words:
                words.append(word)
        return [Violation(path, ", or ".join(words) or "it has to be null")]

    def find_sensitive(
        self, schema: Any, value: Any, at: tuple[str | int, ...], found: list[tuple[str | int, ...]]
    ) -> None:
        schema = self.resolve(schema)
        if schema.get("sensitive") is True and value is not None:
            found.append(at)
            return
        if isinstance(value, dict):
            properties = schema.get("properties", {})
            for name, it in value.items():
                of_it = properties.get(name, schema.get("additionalProperties", {}))
                self.find_sensitive(of_it, it, (*at, name), found)
        if isinstance(value, list):
            for index, it in enumerate(value):
                self.find_sensitive(schema.get("items", {}), it, (*at, index), found)
        for keyword in ("anyOf", "oneOf", "allOf"):
            for each in schema.get(keyword, ()):
                self.find_sensitive(each, value, at, found)


def _is_same(value: Any, other: Any) -> bool:
    return value == other and isinstance(value, bool) == isinstance(other, bool)


def _counted(number: int, unit: str) -> str:
    if number == 1:
        return f"1 {unit}"
    return f"{number} {'properties' if unit == 'property' else unit + 's'}"


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:59]}…"
