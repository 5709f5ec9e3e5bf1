"""JSON Schemas of Python types: dataclasses, typed dictionaries, and models of pydantic 1."""

from __future__ import annotations

import dataclasses
import datetime
import enum
import types
import typing
from collections.abc import Mapping, Sequence
from typing import Any, Union

from . import _encode, fields

_DRAFT = "https://json-schema.org/draft/2020-12/schema"

_PLAIN: dict[Any, dict[str, Any]] = {
    str: {"type": "string"},
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    type(None): {"type": "null"},
    datetime.datetime: {"type": "string", "format": "date-time"},
    datetime.date: {"type": "string", "format": "date"},
    Any: {},
    object: {},
    dict: {"type": "object"},
    list: {"type": "array"},
}

LISTS = (list, Sequence, set, frozenset)
MAPS = (dict, Mapping)


class UnsupportedType(TypeError):
    """A type has no JSON Schema. The message says where, and what to write instead."""


def is_pydantic(tp: Any) -> bool:
    """Returns whether a type is a model of pydantic 1."""
    return isinstance(tp, type) and hasattr(tp, "__fields__") and hasattr(tp, "parse_obj")


def is_typed_dict(tp: Any) -> bool:
    """Returns whether a type is a typed dictionary."""
    return typing.is_typeddict(tp)


def hints_of(tp: type) -> dict[str, Any]:
    """Returns the types of the fields of a class."""
    return typing.get_type_hints(tp, include_extras=True)


def bare(tp: Any) -> Any:
    """Returns a type without `Annotated`, `NewType`, `Required` and `NotRequired`."""
    while True:
        if hasattr(tp, "__supertype__"):
            tp = tp.__supertype__
        elif typing.get_origin(tp) is typing.Annotated:
            tp = typing.get_args(tp)[0]
        elif typing.get_origin(tp) in (typing.Required, typing.NotRequired):
            tp = typing.get_args(tp)[0]
        elif type(tp).__name__ == "TypeAliasType":
            # The statement `type`, from Python 3.12 on.
            tp = tp.__value__
        else:
            return tp


def is_union(tp: Any) -> bool:
    """Returns whether a type is a union, such as `int | None`."""
    return typing.get_origin(tp) in (Union, types.UnionType)


def schema_of(tp: Any) -> dict[str, Any]:
    """Returns the JSON Schema of a type as a document of its own.

    # Raises
    UnsupportedType: the type, or a type in it, has no representation in JSON.
    """
    tp = bare(tp)
    if is_pydantic(tp):
        return {"$schema": _DRAFT} | _pydantic_schema(tp)
    made = _Maker()
    if dataclasses.is_dataclass(tp) or is_typed_dict(tp):
        schema = made.object_schema(tp)
    else:
        schema = made.schema(tp, "the type")
    # A type that refers to itself is a definition, too.
    if made.definitions:
        schema["$defs"] = made.definitions
    return {"$schema": _DRAFT} | schema


class _Maker:
    """Makes the schema of one type, and collects the definitions of those it consists of."""

    def __init__(self) -> None:
        self.definitions: dict[str, Any] = {}
        self.names: dict[Any, str] = {}

    def schema(self, tp: Any, where: str) -> dict[str, Any]:
        texts = [it for it in getattr(tp, "__metadata__", ()) if isinstance(it, str)]
        schema = self._schema(bare(tp), where)
        if texts:
            schema = {"description": texts[0]} | schema
        return schema

    def _schema(self, tp: Any, where: str) -> dict[str, Any]:
        if tp is None:
            tp = type(None)
        try:
            if tp in _PLAIN:
                return dict(_PLAIN[tp])
        except TypeError:
            pass
        if dataclasses.is_dataclass(tp) or is_typed_dict(tp) or is_pydantic(tp):
            return {"$ref": f"#/$defs/{self._definition(tp)}"}
        if isinstance(tp, type) and issubclass(tp, enum.Enum):
            return _choice([_encode.to_json_value(it.value) for it in tp])
        origin, arguments = typing.get_origin(tp), typing.get_args(tp)
        if is_union(tp):
            return self._union(arguments, where)
        if origin is typing.Literal:
            return _choice([_encode.to_json_value(it) for it in arguments])
        if origin in MAPS and len(arguments) == 2:
            if bare(arguments[0]) is not str:
                raise UnsupportedType(f"{where}: the keys of a JSON object are texts; use `dict[str, …]`")
            return {"type": "object", "additionalProperties": self.schema(arguments[1], where)}
        if origin in LISTS and arguments:
            schema: dict[str, Any] = {"type": "array", "items": self.schema(arguments[0], where)}
            if origin in (set, frozenset):
                schema["uniqueItems"] = True
            return schema
        if origin is tuple:
            return self._tuple(arguments, where)
        raise UnsupportedType(
            f"{where}: `{shown(tp)}` has no JSON Schema; use a dataclass, a plain type, "
            "or a list, a dictionary or a union of such types"
        )

    def _tuple(self, arguments: tuple[Any, ...], where: str) -> dict[str, Any]:
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return {"type": "array", "items": self.schema(arguments[0], where)}
        items = [self.schema(it, where) for it in arguments]
        n_items = len(items)
        return {"type": "array", "prefixItems": items, "minItems": n_items, "maxItems": n_items}

    def _union(self, arguments: tuple[Any, ...], where: str) -> dict[str, Any]:
        schemas = [self.schema(it, where) for it in arguments]
        is_simple = all(set(it) == {"type"} and isinstance(it["type"], str) for it in schemas)
        if is_simple:
            return {"type": [it["type"] for it in schemas]}
        return {"anyOf": schemas}

    def _definition(self, tp: Any) -> str:
        if tp in self.names:
            return self.names[tp]
        name: str = tp.__name__
        number = 2
        while name in self.names.values():
            name = f"{tp.__name__}{number}"
            number += 1
        # The name is taken before the schema is made, because the type may refer to itself.
        self.names[tp] = name
        if is_pydantic(tp):
            schema = _pydantic_schema(tp)
            self.definitions |= schema.pop("$defs", {})
        else:
            schema = self.object_schema(tp)
        self.definitions[name] = schema
        return name

    def object_schema(self, tp: Any) -> dict[str, Any]:
        schema: dict[str, Any] = {"title": tp.__name__, "type": "object"}
        doc = fields.class_doc(tp)
        if doc:
            schema["description"] = doc
        properties, required = self._properties(tp)
        schema["properties"] = properties
        if required:
            schema["required"] = required
        schema["additionalProperties"] = False
        return schema

    def _properties(self, tp: Any) -> tuple[dict[str, Any], list[str]]:
        hints, docs = hints_of(tp), fields.field_docs(tp)
        properties: dict[str, Any] = {}
        required: list[str] = []
        if is_typed_dict(tp):
            for name, hint in hints.items():
                properties[name] = self.schema(hint, f"`{tp.__name__}.{name}`")
            return properties, sorted(tp.__required_keys__)
        for it in dataclasses.fields(tp):
            if not it.init:
                continue
            name = fields.json_name(tp, it)
            schema = self.schema(hints[it.name], f"`{tp.__name__}.{it.name}`")
            description = fields.description_of(it, docs)
            if description:
                schema = {"description": description} | schema
            schema |= fields.keywords_of(it)
            has_default, default = default_of(it)
            if not has_default:
                required.append(name)
            else:
                schema["default"] = _encode.to_json_value(default)
            properties[name] = schema
        return properties, required


def default_of(it: dataclasses.Field[Any]) -> tuple[bool, Any]:
    """Returns whether a field has a default, and the default."""
    if it.default is not dataclasses.MISSING:
        return True, it.default
    if it.default_factory is not dataclasses.MISSING:
        return True, it.default_factory()
    return False, None


def _choice(values: list[Any]) -> dict[str, Any]:
    if all(isinstance(it, str) for it in values):
        return {"type": "string", "enum": values}
    return {"enum": values}


def _pydantic_schema(tp: Any) -> dict[str, Any]:
    """Returns the schema that pydantic 1 makes, in the form of draft 2020-12."""
    schema: dict[str, Any] = tp.schema(ref_template="#/$defs/{model}")
    if "definitions" in schema:
        schema["$defs"] = schema.pop("definitions")
    return schema


def shown(tp: Any) -> str:
    """Returns the name of a type for a message."""
    return str(getattr(tp, "__name__", "") or tp)
