"""What the generated bindings import as `componentize_py_types`, for ordinary Python.

In a component, componentize-py has a module of that name, with the same classes.
"""

from dataclasses import dataclass
from typing import Generic, TypeVar, Union

S = TypeVar("S")
T = TypeVar("T")
E = TypeVar("E")


@dataclass
class Some(Generic[S]):
    """An option that is not empty, where options are nested."""

    value: S


@dataclass
class Ok(Generic[T]):
    """A result that succeeded."""

    value: T


@dataclass(frozen=True)
class Err(Generic[E], Exception):
    """A result that failed. Functions of the bindings raise it."""

    value: E


Result = Union[Ok[T], Err[E]]
