"""What all errors have, and how an error of the contract makes its message and its details."""

import dataclasses
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

TargetKind = Literal["model", "method"]
"""The kind of target that does not exist."""

_PART = re.compile(r"\{(\w+)(?:([|?])([^}]*))?\}")


@dataclass(frozen=True)
class Violation:
    """One place where a value does not fit its schema."""

    path: str
    """A JSON Pointer (RFC 6901) into the value; empty for the value itself."""
    message: str
    """A message for the user."""

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


@dataclass(frozen=True)
class CheckFailure:
    """A check that failed before a method ran."""

    check: str
    message: str

    def __str__(self) -> str:
        return f"the check `{self.check}` failed: {self.message}"


class SedgeError(Exception):
    """The base of all errors of this package."""

    code: str = "error"
    """A short word for programs, in kebab-case."""
    message: str
    """A sentence for the user."""
    details: Any
    """Details for programs, as JSON, or `None`."""

    def __init__(self, message: str, details: Any = None) -> None:
        super().__init__(message)
        self.message = message
        self.details = details

    def __str__(self) -> str:
        return self.message


class Failure(SedgeError):
    """The error of a method, which the author of a plugin raises.

    The writes of a failed call are discarded, unless `keep_writes` is set.
    """

    keep_writes: bool
    stack: tuple[str, ...]
    """The frames of the code that failed, innermost first, if they are known."""

    def __init__(
        self,
        code: str,
        message: str,
        *,
        details: Any = None,
        keep_writes: bool = False,
        stack: Sequence[str] = (),
    ) -> None:
        super().__init__(message, details)
        self.code = code
        self.keep_writes = keep_writes
        self.stack = tuple(stack)


class ContractError(SedgeError):
    """An error of the contract. Each case has its own class, whose attributes are those of the case."""

    MESSAGE: ClassVar[str] = ""
    """The message, with `{attribute}`, `{items|separator}` and `{optional?text before}`."""
    DETAILS: ClassVar[tuple[str, ...]] = ()
    """The keys of the details: `attribute`, `optional?` or `key=constant`."""

    def __init__(self) -> None:
        # A case with attributes has an `__init__` of its own: see `dataclass`.
        self.__post_init__()

    def __post_init__(self) -> None:
        super().__init__(_PART.sub(self._part, self.MESSAGE), self._details())

    def _pass_on(self, failure: Failure) -> None:
        """Takes the code, the message and the details of a callee's failure."""
        super().__init__(failure.message, failure.details)
        self.code = failure.code

    def _part(self, part: re.Match[str]) -> str:
        name, form, text = part.groups()
        value = getattr(self, name)
        if form == "|":
            return str(text.join(str(it) for it in value))
        if form == "?":
            return "" if value is None else f"{text}{value}"
        return str(value)

    def _details(self) -> dict[str, Any] | None:
        details: dict[str, Any] = {}
        for it in self.DETAILS:
            key, is_constant, constant = it.partition("=")
            name = key.removesuffix("?")
            value = constant if is_constant else getattr(self, name)
            if value is not None or name == key:
                details[name] = _plain(value)
        return details or None


def _plain(value: Any) -> Any:
    """Returns the value of an attribute as JSON."""
    if isinstance(value, (Violation, CheckFailure)):
        return dataclasses.asdict(value)
    if isinstance(value, (list, tuple)):
        return [_plain(it) for it in value]
    return value
