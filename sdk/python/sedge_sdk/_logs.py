"""The log of a call, for users. `logging` writes to it, too."""

from __future__ import annotations

import logging
from typing import Any

from . import _encode
from ._host import Host
from ._wire import log as wire

LEVELS = {
    "trace": wire.Level.TRACE,
    "debug": wire.Level.DEBUG,
    "info": wire.Level.INFO,
    "warn": wire.Level.WARN,
    "error": wire.Level.ERROR,
}


def write(host: Host, level: str, message: object, fields: dict[str, Any]) -> None:
    """Adds a line."""
    if level not in LEVELS:
        known = ", ".join(f"`{it}`" for it in LEVELS)
        raise ValueError(f"there is no level `{level}`; the levels are {known}")
    values = [wire.Field(_clean(key), _value(value)) for key, value in fields.items()]
    host.log.log(LEVELS[level], _clean(str(message)), values)


def _value(value: Any) -> str:
    try:
        return _encode.to_text(value)
    except _encode.NotJson:
        # A log line is no place to fail.
        return _encode.to_text(_clean(repr(value)))


def _clean(text: str) -> str:
    return text.encode(errors="replace").decode()


class LogHandler(logging.Handler):
    """Passes the records of `logging` to the log of the call."""

    def __init__(self, host: Host) -> None:
        super().__init__()
        self._host = host

    def emit(self, record: logging.LogRecord) -> None:
        """Adds a line for a record."""
        try:
            text = self.format(record)
            fields = {} if record.name == "root" else {"logger": record.name}
            write(self._host, _level(record.levelno), text, fields)
        except RecursionError:
            raise
        except Exception:
            self.handleError(record)


def _level(number: int) -> str:
    if number >= logging.ERROR:
        return "error"
    if number >= logging.WARNING:
        return "warn"
    if number >= logging.INFO:
        return "info"
    return "debug" if number >= logging.DEBUG else "trace"


class logging_to:
    """Sends the records of `logging` to a host's log, while a block runs."""

    def __init__(self, host: Host) -> None:
        self._handler = LogHandler(host)

    def __enter__(self) -> None:
        root = logging.getLogger()
        self._level = root.level
        root.addHandler(self._handler)
        if root.level in (logging.NOTSET, logging.WARNING):
            # `logging` starts with warnings only. What a plugin logs as information is for users.
            root.setLevel(logging.INFO)

    def __exit__(self, *_: object) -> None:
        root = logging.getLogger()
        root.removeHandler(self._handler)
        root.setLevel(self._level)
