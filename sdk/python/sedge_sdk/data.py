"""Data: how a method writes, reads, lists and finds it, and its metadata."""

from __future__ import annotations

import datetime
import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Generic, List, TypeVar, overload

from . import _decode, _encode, errors
from ._host import Host
from ._wire import data as wire
from ._wire_errors import converted, data_error
from .errors import Violation

__all__ = [
    "Data", "DataKind", "FileReader", "FileWriter", "LineWriter", "QueryMatch", "Resource",
    "VersionInfo", "Written",
]

T = TypeVar("T")

_PAGE_NAMES = 1000
"""The number of items on a page of a list: the most that the host returns at once."""

_PIECE_BYTES = 64 << 10
"""The size of the buffers of a file, in bytes.

A host call costs more than copying a few bytes, and text is written and read in small pieces. A
larger buffer would take more memory for each open file.
"""


class DataKind(str, Enum):
    """The kind of data."""

    RESOURCE = "resource"
    """JSON that fits a schema."""
    FILE = "file"
    """Bytes with a media type."""


@dataclass(frozen=True)
class VersionInfo:
    """The metadata of a version."""

    model: str
    name: str
    """The name. It differs from the requested one if the data was renamed."""
    kind: DataKind
    spec: str
    """The resource spec or file spec that the version was written for."""
    version: int | None
    """The number. `None` while the version is staged by this call or one of its callers."""
    created_at: datetime.datetime | None
    """When it was committed, in UTC. `None` while the version is staged."""
    media_type: str
    size_bytes: int
    tags: dict[str, str]


@dataclass(frozen=True)
class Resource(Generic[T]):
    """One version of a resource."""

    info: VersionInfo
    content: T


@dataclass(frozen=True)
class QueryMatch(Generic[T]):
    """A version that matches a query."""

    info: VersionInfo
    value: T
    """What `select` is for this version. `None` if the query has no `select`."""


@dataclass(frozen=True)
class Written:
    """A version that a call wrote."""

    name: str
    version: int


def tags_to_wire(tags: Mapping[str, str] | None) -> list[wire.Tag]:
    """Returns tags in the contract's form."""
    return [wire.Tag(key, value) for key, value in (tags or {}).items()]


def version_info(it: wire.VersionInfo) -> VersionInfo:
    """Returns the metadata of a version."""
    created_at = None
    if it.created_at_ms is not None:
        created_at = instant(it.created_at_ms)
    return VersionInfo(
        model=it.model,
        name=it.name,
        kind=DataKind(it.kind.name.lower()),
        spec=it.spec,
        version=it.version,
        created_at=created_at,
        media_type=it.media_type,
        size_bytes=it.size,
        tags={tag.key: tag.value for tag in it.tags},
    )


def instant(ms: int) -> datetime.datetime:
    """Returns a time in UTC from milliseconds since 1970."""
    epoch = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
    return epoch + datetime.timedelta(milliseconds=ms)


class FileReader(io.BufferedReader):
    """A file that is being read. Its content does not change, even if it is deleted meanwhile.

    Iterate over it for its lines as bytes, or over `text()` for lines as text.
    """

    info: VersionInfo

    def __init__(self, file: Any) -> None:
        super().__init__(_RawReader(file), _PIECE_BYTES)
        self.info = version_info(file.info())

    def text(
        self, encoding: str = "utf-8", errors: str = "strict", newline: str | None = None
    ) -> io.TextIOWrapper:
        """Returns the file as text. For the module `csv`, `newline` has to be `""`."""
        return io.TextIOWrapper(self, encoding, errors, newline)


class _RawReader(io.RawIOBase):
    def __init__(self, file: Any) -> None:
        self._file = file

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        piece = self._file.read(min(len(buffer), _PIECE_BYTES))
        buffer[: len(piece)] = piece
        return len(piece)

    def close(self) -> None:
        if not self.closed:
            self._file.__exit__(None, None, None)
        super().close()


class _Writer:
    """What both kinds of files that are written have: they end by `finish`, or are discarded."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def finish(self) -> None:
        """Stages the file as the next version, once it is durable."""
        with converted(data_error):
            self._opened().finish()
        self.discard()

    def discard(self) -> None:
        """Discards the file, unless it is finished."""
        file, self._file = self._file, None
        if file is not None:
            file.__exit__(None, None, None)

    def _opened(self) -> Any:
        if self._file is None:
            raise errors.DataFinished()
        return self._file

    def __exit__(self, kind: Any, value: Any, traceback: Any) -> None:
        if self._file is None:
            return
        if kind is None:
            self.finish()
        else:
            self.discard()


class FileWriter(_Writer):
    """A file that is being written. Texts are written in UTF-8, and small pieces are buffered.

    Use it with `with`: the end of the block finishes the file, and an exception discards it. All
    files of one call together are limited to 16 GiB.
    """

    def __init__(self, file: Any) -> None:
        super().__init__(file)
        self._buffer = bytearray()

    def __enter__(self) -> FileWriter:
        return self

    def write(self, piece: bytes | bytearray | memoryview | str) -> int:
        """Appends bytes, or a text. Returns the length of the piece."""
        self._opened()
        self._buffer += piece.encode() if isinstance(piece, str) else piece
        if len(self._buffer) >= _PIECE_BYTES:
            self.flush()
        return len(piece)

    def writelines(self, pieces: Iterable[bytes | str]) -> None:
        """Appends the pieces, without line ends."""
        for piece in pieces:
            self.write(piece)

    def flush(self) -> None:
        """Passes the buffered bytes to the host."""
        if self._buffer:
            with converted(data_error):
                self._opened().write(bytes(self._buffer))
            self._buffer.clear()

    def finish(self) -> None:
        """Stages the file as the next version, once it is durable."""
        self.flush()
        super().finish()


class LineWriter(_Writer):
    """A file that is being written line by line. The host appends the line ends."""

    def __enter__(self) -> LineWriter:
        return self

    def write_line(self, line: str) -> None:
        """Writes a line."""
        with converted(data_error):
            self._opened().write(line.encode())


class Data:
    """Writes data of the call's own model, and reads data of any model that the plugin may read.

    What a call writes is staged: only this call and its callees can read it until the call ends.
    """

    _host: Host

    def _own_model(self) -> str:
        model: str = self._host.context.who().model
        return model

    def write(
        self,
        spec: str,
        content: Any,
        *,
        name: str | None = None,
        tags: Mapping[str, str] | None = None,
        lifetime: str | None = None,
        keep: str | int | None = None,
    ) -> None:
        """Stages the next version of a resource.

        Without `name`, the resource is named like its spec. `lifetime` and `keep` are the retention
        of this version; by default it is that of the spec.
        """
        try:
            text = _encode.to_text(content)
        except _encode.NotJson as error:
            raise _invalid_content(str(error)) from None
        options = wire.ResourceOptions(tags_to_wire(tags), _retention(lifetime, keep))
        with converted(data_error):
            self._host.data.write_resource(spec, spec if name is None else name, text, options)

    @overload
    def latest(self, name: str, *, model: str | None = None) -> Resource[Any] | None: ...
    @overload
    def latest(self, name: str, tp: type[T], *, model: str | None = None) -> Resource[T] | None: ...
    def latest(self, name: str, tp: Any = None, *, model: str | None = None) -> Any:
        """Reads the latest version of a resource, including staged ones, as a `tp` if that is given.

        Returns `None` if there is none, or if it is a file.
        """
        with converted(data_error):
            found = self._host.data.read_latest(model or self._own_model(), name)
        return None if found is None else _resource(found, tp)

    @overload
    def version(
        self, name: str, version: int, *, model: str | None = None
    ) -> Resource[Any] | None: ...
    @overload
    def version(
        self, name: str, version: int, tp: type[T], *, model: str | None = None
    ) -> Resource[T] | None: ...
    def version(self, name: str, version: int, tp: Any = None, *, model: str | None = None) -> Any:
        """Reads one committed version of a resource, as a `tp` if that is given.

        Returns `None` if there is no such version, or if it is a file.
        """
        with converted(data_error):
            found = self._host.data.read_version(model or self._own_model(), name, version)
        return None if found is None else _resource(found, tp)

    def versions(self, name: str, *, model: str | None = None) -> List[VersionInfo]:
        """Returns the committed versions, oldest first."""
        with converted(data_error):
            found = self._host.data.list_versions(model or self._own_model(), name)
        return [version_info(it) for it in found]

    def list(
        self,
        prefix: str = "",
        *,
        model: str | None = None,
        spec: str | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> Iterator[VersionInfo]:
        """Lists names, sorted, each with its latest version, including staged ones.

        `prefix` is what a name begins with; `spec` and `tags` are conditions on the version.
        """
        model = model or self._own_model()
        after = None
        while True:
            filter_ = wire.ListFilter(prefix, spec, tags_to_wire(tags), after, _PAGE_NAMES)
            with converted(data_error):
                page = self._host.data.list(model, filter_)
            yield from (version_info(it) for it in page.versions)
            if (after := page.next) is None:
                return

    @overload
    def query(
        self, predicate: str, *, select: str | None = None, all_versions: bool = False
    ) -> Iterator[QueryMatch[Any]]: ...
    @overload
    def query(
        self, predicate: str, tp: type[T], *, select: str, all_versions: bool = False
    ) -> Iterator[QueryMatch[T]]: ...
    def query(
        self,
        predicate: str,
        tp: Any = None,
        *,
        select: str | None = None,
        all_versions: bool = False,
    ) -> Iterator[QueryMatch[Any]]:
        """Finds committed versions by a CEL expression, as `sedge data query` does.

        For example `spec == "reading" && attributes.celsius > 20`. `select` is an expression for the
        `value` of each match. The query looks at the models that the plugin may read.
        """
        after = None
        while True:
            options = wire.QueryOptions(select, all_versions, after, _PAGE_NAMES)
            with converted(data_error):
                page = self._host.data.query(predicate, options)
            yield from (_match(it, tp) for it in page.matches)
            if (after := page.next) is None:
                return

    def delete(self, name: str, version: int | None = None) -> None:
        """Stages the deletion of a version; without `version`, of all. Only methods of kind `delete`."""
        with converted(data_error):
            self._host.data.delete(name, version)

    def publish(self) -> List[Written]:
        """Commits what this call has staged so far, even if the call fails later.

        After that, the host can no longer roll the call back and retry it if there is a deadlock.
        """
        with converted(data_error):
            written = self._host.data.publish()
        return [Written(it.name, it.version) for it in written]

    def open_file(
        self, name: str, *, model: str | None = None, version: int | None = None
    ) -> FileReader | None:
        """Opens a version of a file or resource; without `version`, the latest, including staged ones.

        Returns `None` if there is none. The bytes of a resource are its JSON text.
        """
        with converted(data_error):
            file = self._host.data.open_file(model or self._own_model(), name, version)
        return None if file is None else FileReader(file)

    def create_file(
        self,
        spec: str,
        *,
        name: str | None = None,
        media_type: str | None = None,
        tags: Mapping[str, str] | None = None,
        lifetime: str | None = None,
        keep: str | int | None = None,
    ) -> FileWriter:
        """Starts the next version of a file. Without `name`, it is named like its spec."""
        options = wire.FileOptions(media_type, False, tags_to_wire(tags), _retention(lifetime, keep))
        return FileWriter(self._create(spec, name, options))

    def create_lines(
        self,
        spec: str,
        *,
        name: str | None = None,
        media_type: str | None = None,
        tags: Mapping[str, str] | None = None,
        lifetime: str | None = None,
        keep: str | int | None = None,
    ) -> LineWriter:
        """Starts the next version of a file that consists of lines, for example of a log."""
        options = wire.FileOptions(media_type, True, tags_to_wire(tags), _retention(lifetime, keep))
        return LineWriter(self._create(spec, name, options))

    def _create(self, spec: str, name: str | None, options: wire.FileOptions) -> Any:
        with converted(data_error):
            return self._host.data.create_file(spec, spec if name is None else name, options)


def _retention(lifetime: str | None, keep: str | int | None) -> wire.WriteRetention:
    return wire.WriteRetention(lifetime, None if keep is None else str(keep))


def _invalid_content(message: str) -> errors.DataInvalidContent:
    return errors.DataInvalidContent((Violation("", message),))


def _decoded(text: str, tp: Any, info: VersionInfo) -> Any:
    try:
        return _decode.from_text(text, Any if tp is None else tp)
    except _decode.DoesNotFit as error:
        raise errors.DataUnexpectedContent(info.model, info.name, str(error)) from None


def _resource(found: wire.Resource, tp: Any) -> Resource[Any]:
    info = version_info(found.info)
    return Resource(info, _decoded(found.content, tp, info))


def _match(found: wire.QueryMatch, tp: Any) -> QueryMatch[Any]:
    info = version_info(found.info)
    value = None if found.value is None else _decoded(found.value, tp, info)
    return QueryMatch(info, value)
