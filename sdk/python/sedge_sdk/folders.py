"""Folders that the operator grants."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Iterator
from typing import IO, Any, Literal, overload

from .errors import SedgeError

__all__ = ["Folder", "FolderError"]


class FolderError(SedgeError):
    """A file of a folder cannot be used. The message has the folder, the path, and the reason."""

    code = "io"


class Folder:
    """A granted folder. Paths are relative to it, and errors name both."""

    def __init__(self, name: str, path: str) -> None:
        self.name = name
        self.path = pathlib.Path(path)
        """The path, for modules that open files by themselves."""

    def __fspath__(self) -> str:
        return str(self.path)

    def __truediv__(self, below: str) -> pathlib.Path:
        return self.path / below

    def __repr__(self) -> str:
        return f"<Folder {self.name}>"

    @overload
    def open(
        self,
        below: str,
        mode: Literal["r", "w", "a", "x"] = "r",
        encoding: str = "utf-8",
        newline: str | None = None,
    ) -> IO[str]: ...
    @overload
    def open(
        self, below: str, mode: str, encoding: str = "utf-8", newline: str | None = None
    ) -> IO[Any]: ...
    def open(
        self, below: str, mode: str = "r", encoding: str = "utf-8", newline: str | None = None
    ) -> IO[Any]:
        """Opens a file, as the function `open` does. Texts are UTF-8 unless `encoding` differs."""
        is_bytes = "b" in mode
        try:
            if is_bytes:
                return open(self._path(below), mode)
            return open(self._path(below), mode, encoding=encoding, newline=newline)
        except OSError as error:
            raise self._error("opened", below, error) from None

    def read_bytes(self, below: str) -> bytes:
        """Returns the content of a file."""
        with self.open(below, "rb") as file:
            content: bytes = file.read()
            return content

    def read_text(self, below: str, encoding: str = "utf-8") -> str:
        """Returns the content of a file as text."""
        with self.open(below, "r", encoding) as file:
            content: str = file.read()
            return content

    def write_text(self, below: str, content: str, encoding: str = "utf-8") -> None:
        """Writes a file. The folder has to be granted for writing."""
        with self.open(below, "w", encoding, newline="") as file:
            file.write(content)

    def write_bytes(self, below: str, content: bytes) -> None:
        """Writes a file. The folder has to be granted for writing."""
        with self.open(below, "wb") as file:
            file.write(content)

    def exists(self, below: str) -> bool:
        """Returns whether there is an entry of this path."""
        return self._path(below).exists()

    def entries(self, below: str = "") -> Iterator[os.DirEntry[str]]:
        """Lists the entries of the folder, or of a folder below it, sorted by name."""
        try:
            with os.scandir(self._path(below)) as found:
                entries = sorted(found, key=lambda it: it.name)
        except OSError as error:
            raise self._error("listed", below, error) from None
        yield from entries

    def _path(self, below: str) -> pathlib.Path:
        path = pathlib.PurePosixPath(below)
        # The host refuses such a path, too, but it cannot say which one it was.
        if path.is_absolute() or ".." in path.parts:
            text = f"`{below}` is not below the folder `{self.name}`; write a relative path without `..`"
            raise FolderError(text, {"folder": self.name, "path": below})
        return self.path / path

    def _error(self, done: str, below: str, error: OSError) -> FolderError:
        place = f"`{below}` of the folder `{self.name}`" if below else f"the folder `{self.name}`"
        text = f"{place} cannot be {done}: {error.strerror or error}"
        return FolderError(text, {"folder": self.name, "path": below})
