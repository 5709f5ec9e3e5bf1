"""What a type says about its fields, besides their types: descriptions, limits, names in JSON."""

from __future__ import annotations

import ast
import dataclasses
import functools
import inspect
import textwrap
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

__all__ = ["camel_case", "field"]

_C = TypeVar("_C", bound=type)

_KEY = "sedge"
_CAMEL_CASE = "__sedge_camel_case__"

_KEYWORDS = {
    "minimum": "minimum",
    "maximum": "maximum",
    "min_length": "minLength",
    "max_length": "maxLength",
    "pattern": "pattern",
    "min_items": "minItems",
    "max_items": "maxItems",
    "examples": "examples",
}


def field(
    *,
    default: Any = dataclasses.MISSING,
    default_factory: Callable[[], Any] | Any = dataclasses.MISSING,
    description: str | None = None,
    sensitive: bool = False,
    name: str | None = None,
    **keywords: Any,
) -> Any:
    """Returns a field of a dataclass, like `dataclasses.field`, with more to say in its schema.

    `sensitive` marks a secret: the host seals the value of such a field of a resource. `name` is
    the name in JSON. The other keywords are limits: `minimum`, `maximum`, `min_length`,
    `max_length`, `pattern`, `min_items`, `max_items` and `examples`.
    """
    schema: dict[str, Any] = {}
    for keyword, value in keywords.items():
        if keyword not in _KEYWORDS:
            known = ", ".join(f"`{it}`" for it in sorted(_KEYWORDS))
            raise TypeError(f"a field has no keyword `{keyword}`; the keywords are {known}")
        schema[_KEYWORDS[keyword]] = value
    if sensitive:
        schema["sensitive"] = True
    about = {"description": description, "name": name, "schema": schema}
    options: dict[str, Any] = {"metadata": {_KEY: about}}
    if default is not dataclasses.MISSING:
        options["default"] = default
    if default_factory is not dataclasses.MISSING:
        options["default_factory"] = default_factory
    return dataclasses.field(**options)


def camel_case(cls: _C) -> _C:
    """Gives the fields of a dataclass names in camel case in JSON: `entriesMax` for `entries_max`."""
    setattr(cls, _CAMEL_CASE, True)
    return cls


def json_name(cls: type, it: dataclasses.Field[Any]) -> str:
    """Returns the name of a field in JSON."""
    name = _about(it).get("name")
    if name is not None:
        return str(name)
    if getattr(cls, _CAMEL_CASE, False):
        first, *others = it.name.split("_")
        return first + "".join(other.capitalize() for other in others)
    return it.name


def keywords_of(it: dataclasses.Field[Any]) -> dict[str, Any]:
    """Returns the keywords of JSON Schema that a field adds to those of its type."""
    return dict(_about(it).get("schema", {}))


def description_of(it: dataclasses.Field[Any], docs: Mapping[str, str]) -> str | None:
    """Returns the description of a field: as `field` has it, or the text below the field."""
    return _about(it).get("description") or docs.get(it.name)


def _about(it: dataclasses.Field[Any]) -> Mapping[str, Any]:
    about: Mapping[str, Any] = it.metadata.get(_KEY, {})
    return about


def class_doc(cls: type) -> str | None:
    """Returns the docstring of a class, unless a decorator made it."""
    doc = cls.__dict__.get("__doc__")
    if not doc or doc.startswith(f"{cls.__name__}("):
        return None
    return first_paragraph(doc)


def first_paragraph(doc: str | None) -> str:
    """Returns the first paragraph of a docstring, on one line."""
    text = inspect.cleandoc(doc or "")
    return " ".join(text.split("\n\n", 1)[0].split())


def field_docs(cls: type) -> dict[str, str]:
    """Returns the texts that stand below the fields of a class, by field.

    They are read from the source, which is there when a component is built. Without the source, the
    result is empty.
    """
    docs: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        if base is not object:
            docs |= _field_docs_of(base)
    return docs


@functools.cache
def _field_docs_of(cls: type) -> dict[str, str]:
    try:
        source = textwrap.dedent(inspect.getsource(cls))
    except (OSError, TypeError):
        return {}
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return {}
    docs: dict[str, str] = {}
    body = tree.body[0].body if isinstance(tree.body[0], ast.ClassDef) else []
    for before, after in zip(body, body[1:]):
        match (before, after):
            case (
                ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str(text))),
            ):
                docs[name] = first_paragraph(text)
    return docs
