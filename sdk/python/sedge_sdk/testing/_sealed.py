"""The sealed fields of a test: whose methods read them, and what does not pass to a callee."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from .. import _encode, _validate
from .._wire import exports
from ._permissions import Permissions

SEALED_KEY = "$sealed"
"""The key by which the host marks a value that it has sealed."""

_SHOWN = "[sealed]"
_TEXT_SIZE_MIN = 4
"""The number of bytes from which a text is kept from callees: a shorter one occurs everywhere."""

_ARGUMENTS_SHOWN = 200
"""How many characters of refused arguments a message repeats."""


def places(schema: Mapping[str, Any], value: Any) -> tuple[str, ...]:
    """Returns the JSON Pointers of the fields that a schema marks as sensitive."""
    return tuple(pointer_of(path) for path in _validate.sensitive_paths(dict(schema), value))


def pointer_of(path: tuple[str | int, ...]) -> str:
    """Returns a JSON Pointer (RFC 6901)."""
    return "".join(f"/{_encode.pointer_part(str(part))}" for part in path)


def key_path(value: Any, key: str) -> str | None:
    """Returns the JSON Pointer of the first object that has a key."""
    members: Iterator[tuple[Any, Any]] = iter(())
    if isinstance(value, dict):
        if key in value:
            return ""
        members = iter(value.items())
    elif isinstance(value, list):
        members = iter(enumerate(value))
    for part, inner in members:
        below = key_path(inner, key)
        if below is not None:
            return f"/{_encode.pointer_part(str(part))}{below}"
    return None


def field_of(value: Any, pointer: str) -> Any:
    """Returns a field. Raises `LookupError` if there is none."""
    for part in pointer.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        value = value[int(name)] if isinstance(value, list) else value[name]
    return value


def hidden(value: Any, pointer: str) -> Any:
    """Returns a value with `[sealed]` in place of a field."""
    if not pointer:
        return _SHOWN
    above, _, last = pointer.rpartition("/")
    holder = field_of(value, above)
    if isinstance(holder, list):
        holder[int(last)] = _SHOWN
    else:
        holder[last.replace("~1", "/").replace("~0", "~")] = _SHOWN
    return value


class Sealed:
    """The sealed fields that a call may see, and those that it has seen."""

    def __init__(self, permissions: Permissions, secrets: Mapping[str, bytes]) -> None:
        self.permissions = permissions
        self.secrets = secrets
        self.seen: set[str] = set()

    def begin(self) -> None:
        """Forgets what an earlier call has seen."""
        self.seen.clear()

    def add(self, value: Any) -> None:
        """Records that the call has read or written the value of a sealed field."""
        self.seen.update(it for it in _leaves(value) if len(it.encode()) >= _TEXT_SIZE_MIN)

    def read(self, model: str, pointers: tuple[str, ...], value: Any) -> tuple[Any, str | None]:
        """Returns a content as the call may read it, and a denial for the log."""
        told = None
        for pointer in pointers:
            denial = self.denial(model, pointer)
            if denial is None:
                self.add(field_of(value, pointer))
                continue
            value = hidden(value, pointer)
            if told is None and not denial.endswith("does not request it"):
                told = denial
        return value, told

    def denial(self, model: str, pointer: str) -> str | None:
        """Returns why the call may not see a field, or `None` if it may."""
        if model == self.permissions.model:
            return None
        return self.permissions.denial(
            exports.Permission_Reveal,
            f"see the sealed field `{pointer}` of the model `{model}`",
            lambda it: _covers(it, model, pointer),
        )

    def refusal(self, arguments: Any) -> str | None:
        """Returns why arguments do not pass to another model, or `None` if they do."""
        texts = {value.decode(errors="replace"): f"[secret {name}]" for name, value in self.secrets.items()}
        texts |= {it: _SHOWN for it in self.seen}
        # Of two values of which one contains the other, the longer one is replaced.
        order = sorted((it for it in texts if it), key=len, reverse=True)
        shown = _redacted(arguments, [(it, texts[it]) for it in order])
        if shown == arguments:
            return None
        text = json.dumps(shown, ensure_ascii=False, separators=(",", ":"))
        if len(text) > _ARGUMENTS_SHOWN:
            text = f"{text[:_ARGUMENTS_SHOWN]}…"
        return (
            "the arguments contain a secret or a sealed field, which a method cannot pass to another one: "
            f"`{text}`; let the definition of the called model refer to the secret instead"
        )


def _covers(asked: str, model: str, pointer: str) -> bool:
    """Returns whether a request to reveal, `data:MODEL:POINTER`, covers a field."""
    if not asked.startswith("data:"):
        return False
    models, _, fields = asked.removeprefix("data:").partition(":")
    wanted, given = fields.split("/"), pointer.split("/")
    return (
        models in ("*", model)
        and len(wanted) == len(given)
        and all(field in ("*", part) for field, part in zip(wanted, given))
    )


def _redacted(value: Any, texts: list[tuple[str, str]]) -> Any:
    def replaced(text: str) -> str:
        for hidden_text, shown in texts:
            text = text.replace(hidden_text, shown)
        return text

    if isinstance(value, str):
        return replaced(value)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        text = json.dumps(value)
        other = replaced(text)
        return value if other == text else other
    if isinstance(value, list):
        return [_redacted(it, texts) for it in value]
    if isinstance(value, dict):
        return {replaced(key): _redacted(it, texts) for key, it in value.items()}
    return value


def _leaves(value: Any) -> Iterator[str]:
    """Returns the texts and numbers in a value, as texts."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield json.dumps(value)
    elif isinstance(value, (list, dict)):
        for it in value.values() if isinstance(value, dict) else value:
            yield from _leaves(it)
