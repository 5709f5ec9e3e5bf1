"""What a call can reach of its host, as one object.

In a component it has the functions of the bindings (`_guest.py`); in a test it has their doubles
(`testing`). Both raise the errors of the bindings.
"""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, is_dataclass
from typing import Any, Protocol

from ._loop import Poller
from .errors import InvalidText


class HttpFault(Exception):
    """Why a request has no response, or its body no end: an error code of `wasi:http`."""

    def __init__(self, code: Any) -> None:
        super().__init__(type(code).__name__)
        self.code = code


class RequestRefused(Exception):
    """Why a request cannot be sent at all."""


@dataclass
class Outgoing:
    """A request in the terms of `wasi:http`."""

    method: str
    scheme: str
    authority: str
    path_with_query: str
    headers: list[tuple[str, bytes]]
    body: bytes | Iterator[bytes] | AsyncIterator[bytes]
    timeouts_ns: tuple[int | None, int | None, int | None]
    """To connect, until the first byte, and between two bytes."""


class BodyPort(Protocol):
    """The body of a response."""

    async def read(self) -> bytes:
        """Returns the next piece; an empty one at the end. Raises `HttpFault`."""

    def close(self) -> None:
        """Closes the connection, if the body has not ended."""


@dataclass
class Incoming:
    """A response whose head has arrived."""

    status: int
    headers: list[tuple[str, bytes]]
    body: BodyPort


class HttpPort(Protocol):
    """Sends requests."""

    async def send(self, request: Outgoing) -> Incoming:
        """Sends a request, and waits for the head of the response.

        Raises `HttpFault` or `RequestRefused`.
        """


class Checked:
    """An interface of the contract whose functions refuse texts that are none.

    A text in Python can have parts that are not Unicode characters: `os.fsdecode` makes them from
    bytes. The bindings would trap the plugin.
    """

    def __init__(self, interface: Any) -> None:
        self._interface = interface

    def __getattr__(self, name: str) -> Any:
        function = getattr(self._interface, name)
        if not callable(function) or isinstance(function, type):
            return function
        checked = _checked(function)
        setattr(self, name, checked)
        return checked


def _checked(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def call(*arguments: Any) -> Any:
        for argument in arguments:
            check_texts(argument)
        return function(*arguments)

    return call


def check_texts(value: Any) -> None:
    """Raises `InvalidText` if a value has a text with parts that are not Unicode characters."""
    if isinstance(value, str):
        try:
            # Most texts are ASCII, which is known without looking at them.
            value.isascii() or value.encode()
        except UnicodeEncodeError:
            raise InvalidText(
                f"{ascii(value[:40])} has parts that are not Unicode characters; decode the bytes with "
                '`errors="replace"`'
            ) from None
    elif isinstance(value, (list, tuple)):
        for it in value:
            check_texts(it)
    elif is_dataclass(value):
        for it in vars(value).values():
            check_texts(it)


@dataclass
class Host:
    """The interfaces of the contract. Each is a module of the bindings, or a double of it."""

    calls: Any
    commands: Any
    context: Any
    data: Any
    log: Any
    models: Any
    secrets: Any
    workflows: Any
    http: HttpPort
    poller: Poller

    def __post_init__(self) -> None:
        for name in (
            "calls", "commands", "context", "data", "log", "models", "secrets", "workflows",
        ):
            setattr(self, name, Checked(getattr(self, name)))
