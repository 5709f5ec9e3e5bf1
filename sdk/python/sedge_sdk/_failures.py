"""What an exception is as the failure of a call."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from types import FrameType, TracebackType
from typing import Any

from . import _decode, _encode
from ._wire import types as wire
from .errors import Failure, SedgeError

_FRAMES_MAX = 50
"""The maximum number of frames of a failure. Endless recursion would have a thousand."""

_OWN_FOLDER = os.path.dirname(os.path.abspath(__file__))
_LIBRARY_FOLDER = os.path.dirname(os.path.abspath(contextlib.__file__))

_CODES: tuple[tuple[type[BaseException], str], ...] = (
    (json.JSONDecodeError, "invalid-json"),
    (_encode.NotJson, "invalid-json"),
    (_decode.DoesNotFit, "invalid-json"),
    (OSError, "io"),
    (RecursionError, "recursion"),
    (asyncio.CancelledError, "cancelled"),
    (TimeoutError, "timeout"),
)


def failure_of(error: BaseException) -> Failure:
    """Returns the failure that an exception becomes."""
    while isinstance(error, BaseExceptionGroup):
        # The tasks of a group fail together; the first one says why.
        error = error.exceptions[0]
    stack = tuple(getattr(error, "stack", ())) or frames_of(error.__traceback__)
    if isinstance(error, Failure):
        return Failure(
            error.code,
            error.message,
            details=error.details,
            keep_writes=error.keep_writes,
            stack=stack,
        )
    if isinstance(error, SedgeError):
        return Failure(error.code, error.message, details=error.details, stack=stack)
    return Failure(_code(error), _message(error), stack=stack)


def _code(error: BaseException) -> str:
    # Before `OSError`, which it is a kind of.
    if isinstance(error, TimeoutError):
        return "timeout"
    return next((code for kind, code in _CODES if isinstance(error, kind)), "panic")


def _message(error: BaseException) -> str:
    if isinstance(error, asyncio.CancelledError):
        return "the method was cancelled"
    if isinstance(error, TimeoutError) and not str(error):
        return "a time limit of the method was reached"
    if isinstance(error, (OSError, _encode.NotJson, _decode.DoesNotFit)):
        return str(error)
    kind = type(error).__name__
    text = str(error)
    return f"{kind}: {text}" if text else kind


def frames_of(trace: TracebackType | None) -> tuple[str, ...]:
    """Returns the frames of a traceback, innermost first: those of the plugin and of its packages."""
    frames: list[str] = []
    while trace is not None:
        frames += _frame(trace.tb_frame, trace.tb_lineno)
        trace = trace.tb_next
    frames.reverse()
    return tuple(frames[:_FRAMES_MAX])


def frames_of_task(task: asyncio.Task[Any]) -> tuple[str, ...]:
    """Returns the frames at which a task waits."""
    frames = [shown for it in task.get_stack() for shown in _frame(it, it.f_lineno)]
    frames.reverse()
    return tuple(frames[:_FRAMES_MAX])


def _frame(frame: FrameType, line: int | None) -> list[str]:
    code = frame.f_code
    file = code.co_filename
    is_library = file.startswith(_LIBRARY_FOLDER) and "site-packages" not in file
    if is_library or file.startswith((_OWN_FOLDER, "<frozen")):
        return []
    return [f"{code.co_qualname} at {_file(file)}:{line}"]


def _file(path: str) -> str:
    """Returns a path as its author knows it. In a component the folders are `/0`, `/1` and so on."""
    for folder in sys.path:
        if folder and path.startswith(folder.rstrip("/") + "/"):
            return path[len(folder.rstrip("/")) + 1 :]
    return os.path.basename(path)


def to_wire(failure: Failure) -> wire.Failure:
    """Returns a failure in the contract's form."""
    details = None
    if failure.details is not None:
        try:
            details = _encode.to_text(failure.details)
        except (_encode.NotJson, RecursionError):
            # The message matters more than its details.
            details = _encode.to_text({"unreadable": ascii(failure.details)})
    return wire.Failure(
        code=clean(failure.code),
        message=clean(failure.message),
        details=details,
        stack=[clean(it) for it in failure.stack],
        keep_writes=failure.keep_writes,
    )


def clean(text: Any) -> str:
    """Returns a text whose parts are all Unicode characters."""
    return str(text).encode(errors="replace").decode()


