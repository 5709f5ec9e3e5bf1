"""The definitions of models that the plugin may read."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ._host import Host
from ._wire import Err
from ._wire import models as wire
from ._wire_errors import converted, models_error
from .data import tags_to_wire

__all__ = ["Definition", "Models", "UnreadableDefinition"]

_PAGE_NAMES = 1000
"""The number of definitions on a page: the most that the host returns at once."""


@dataclass(frozen=True)
class Definition:
    """The definition of a model, as its file has it, before any expression is evaluated."""

    name: str
    id: str | None
    """The id that stays if the model is renamed. `None` if the definition has none."""
    type: str
    type_version: str | None
    description: str | None
    tags: dict[str, str]
    global_arguments: dict[str, Any] | None
    """As they are written. `None` if the plugin of the type is not on this machine."""


@dataclass(frozen=True)
class UnreadableDefinition:
    """A definition that cannot be read, and why."""

    name: str
    reason: str


class Models:
    """Reads definitions: of this model, and of those that the plugin may read."""

    _host: Host

    def models(
        self,
        prefix: str = "",
        *,
        type: str | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> Iterator[Definition | UnreadableDefinition]:
        """Lists definitions, sorted by name. Those that cannot be read are among them."""
        after = None
        while True:
            filter_ = wire.ModelFilter(prefix, type, tags_to_wire(tags), after, _PAGE_NAMES)
            with converted(lambda it: models_error(None, it)):
                page = self._host.models.list(filter_)
            for it in page.models:
                if isinstance(it, Err):
                    yield UnreadableDefinition(it.value.name, it.value.reason)
                else:
                    yield _definition(it.value)
            if (after := page.next) is None:
                return

    def model(self, name: str) -> Definition:
        """Returns the definition of a model, by its name or its id."""
        with converted(lambda it: models_error(name, it)):
            found = self._host.models.get(name)
        return _definition(found)


def _definition(it: wire.Definition) -> Definition:
    arguments = it.global_arguments
    return Definition(
        name=it.name,
        id=it.id,
        type=it.type,
        type_version=it.type_version,
        description=it.description,
        tags={tag.key: tag.value for tag in it.tags},
        global_arguments=None if arguments is None else json.loads(arguments),
    )
