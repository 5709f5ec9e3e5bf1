"""The generated bindings, in a component and in ordinary Python.

Only the modules with types are used directly. The functions are reached through a `Host`
(`_host.py`), which a test replaces.
"""

import sys

try:
    import componentize_py_types
except ModuleNotFoundError:
    from . import _component_types

    sys.modules["componentize_py_types"] = _component_types
    import componentize_py_types

from .bindings.exports import model as exports
from .bindings.imports import (
    calls,
    commands,
    context,
    data,
    log,
    models,
    reports,
    secrets,
    workflows,
)
from .bindings.imports import sedge_model_types as types
from .bindings.imports import wasi_http_types as http

Ok = componentize_py_types.Ok
Err = componentize_py_types.Err

__all__ = [
    "Err", "Ok", "calls", "commands", "context", "data", "exports", "http", "log", "models",
    "reports", "secrets", "types", "workflows",
]
