"""The exports of a component. `componentize-py … componentize sedge_sdk.component` builds one.

It imports the author's module `plugin` and exports the model in it. Everything that is imported now
is part of the component; nothing can be imported from files later.
"""

from __future__ import annotations

import gc
import random
import sys
from collections.abc import Callable
from typing import Any, TypeVar

import plugin  # type: ignore[import-not-found]

from . import _failures, _preload, _wasi  # noqa: F401
from ._logs import logging_to
from ._wire import Err
from ._wire import exports as wire
from ._wire import reports as wire_reports
from .model import Model as ModelType

_T = TypeVar("_T")


def _model_of(module: Any) -> ModelType:
    found = {id(it): it for it in vars(module).values() if isinstance(it, ModelType)}
    if len(found) != 1:
        raise RuntimeError(
            f"`plugin.py` has {len(found)} models; it needs one: "
            '`model = Model("@acme/greeter", "2026.12.01.1", "Greets people")`'
        )
    return next(iter(found.values()))


_MODEL = _model_of(plugin)
# Made now, because the texts below fields are read from the source, which the component has not.
_INFO = _MODEL.describe()
_HOST = _wasi.host()


def _run(action: Callable[[], _T], error_of: Callable[[BaseException], Any]) -> _T:
    """Runs one export. An exception becomes an error of the contract, because it would trap otherwise."""
    # A component is a snapshot, and the seed is a part of it.
    random.seed()
    error = None
    try:
        with logging_to(_HOST):
            return action()
    except MemoryError:
        # The host says which limit it was, if the call ends by a trap.
        raise
    except BaseException as raised:
        error = error_of(raised)
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
    raise Err(error)


def _message_of(error: BaseException) -> str:
    return _failures.clean(_failures.failure_of(error).message)


class Model:
    """What the world `script` exports."""

    def describe(self) -> wire.TypeInfo:
        """Returns the description of the type."""
        return _INFO

    def invoke(self, what: wire.Invocation) -> str:
        """Runs one method."""
        return _run(
            lambda: _MODEL.invoke(_HOST, what),
            lambda error: _failures.to_wire(_failures.failure_of(error)),
        )

    def check(self, what: wire.CheckRequest) -> None:
        """Runs one check."""
        _run(lambda: _MODEL.run_check(_HOST, what), _message_of)

    def upgrade(self, to_version: str, global_arguments: str) -> str:
        """Upgrades global arguments."""
        return _run(lambda: _MODEL.run_upgrade(to_version, global_arguments), _message_of)

    def report(self, what: wire_reports.ReportRequest) -> wire_reports.ReportDocument:
        """Makes a report."""
        return _run(lambda: _MODEL.run_report(what), _message_of)


# The objects of the snapshot are not garbage, so the collector need not look at them in each call.
gc.collect()
gc.freeze()
