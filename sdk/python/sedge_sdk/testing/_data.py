"""The datastore of a test, in memory."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, List

from .. import _encode, _validate, limits
from .._wire import Err, exports, types
from .._wire import data as wire
from ._clock import Clock
from ._permissions import Permissions
from ._sealed import SEALED_KEY, Sealed, field_of, key_path, places

_JSON_BYTES_MAX = 4 << 20
_PAGE_MAX = 1000
_LIFETIME = re.compile(r"ephemeral|job|workflow|infinite|[1-9][0-9]*(s|m|h|d|w|mo|y)")
_KEEP = re.compile(r"[1-9][0-9]*(s|m|h|d|w|mo|y)?")


class NotScripted(AssertionError):
    """A method did something that its test has not scripted. The message says how to script it."""


@dataclass
class Version:
    """One version of data."""

    model: str
    name: str
    spec: str
    content: bytes
    is_file: bool
    media_type: str
    tags: dict[str, str]
    version: int | None = None
    created_at_ms: int | None = None
    lifetime: str | None = None
    keep: str | None = None
    sealed: tuple[str, ...] = ()
    """The JSON Pointers of its sealed fields."""

    def value(self) -> Any:
        """Returns the content of a resource."""
        return json.loads(self.content)

    def info(self) -> wire.VersionInfo:
        """Returns the metadata."""
        return wire.VersionInfo(
            model=self.model,
            name=self.name,
            kind=wire.DataKind.FILE if self.is_file else wire.DataKind.RESOURCE,
            spec=self.spec,
            version=self.version,
            created_at_ms=self.created_at_ms,
            media_type=self.media_type,
            size=len(self.content),
            tags=[wire.Tag(key, value) for key, value in self.tags.items()],
        )


@dataclass
class Store:
    """The data of all models, and what the call has staged."""

    clock: Clock
    versions: dict[tuple[str, str], list[Version]] = field(default_factory=dict)
    staged: list[Version] = field(default_factory=list)
    deleted: list[tuple[str, int | None]] = field(default_factory=list)

    def add(self, version: Version) -> types.Written:
        """Commits a version."""
        versions = self.versions.setdefault((version.model, version.name), [])
        version.version = (versions[-1].version or 0) + 1 if versions else 1
        version.created_at_ms = self.clock.now_ms()
        versions.append(version)
        return types.Written(version.name, version.version)

    def commit(self, model: str) -> list[types.Written]:
        """Commits what is staged."""
        staged, self.staged = self.staged, []
        written = [self.add(it) for it in staged]
        deleted, self.deleted = self.deleted, []
        for name, number in deleted:
            versions = self.versions.get((model, name), [])
            kept = [it for it in versions if number is not None and it.version != number]
            self.versions.pop((model, name), None)
            if kept:
                self.versions[(model, name)] = kept
        return written

    def discard(self) -> None:
        """Discards what is staged."""
        self.staged, self.deleted = [], []

    def latest(self, model: str, name: str) -> Version | None:
        """Returns the latest version, including staged ones."""
        staged = [it for it in self.staged if (it.model, it.name) == (model, name)]
        versions = staged or self.versions.get((model, name), [])
        return versions[-1] if versions else None

    def names(self, model: str) -> list[str]:
        """Returns the names of a model's data."""
        committed = {name for of, name in self.versions if of == model}
        return sorted(committed | {it.name for it in self.staged if it.model == model})


class FakeData:
    """The double of the interface `data`."""

    def __init__(
        self,
        info: exports.TypeInfo,
        permissions: Permissions,
        store: Store,
        sealed: Sealed,
        warn: Callable[[str], None],
    ) -> None:
        self.model = permissions.model
        self.sealed = sealed
        self.resources = {it.name: it for it in info.resources}
        self.files = {it.name: it for it in info.files}
        self.permissions = permissions
        self.store = store
        self.warn = warn
        self.kind: types.MethodKind | None = None
        """The kind of the method that runs. `None` in a check."""
        self.method = ""
        self.queries: dict[str, list[tuple[Version, Any]]] = {}
        self.models: set[str] = {self.model}

    def _writes(self) -> None:
        if self.kind in (None, types.MethodKind.READ):
            raise Err(wire.DataError_ReadOnly())

    def _read_denial(self, model: str) -> str | None:
        if model == self.model:
            return None
        attempt = f"read the model `{model}`"
        return self.permissions.denial_of_name(exports.Permission_Models, attempt, model)

    def _may_read(self, model: str) -> None:
        denial = self._read_denial(model)
        if denial is not None:
            raise Err(wire.DataError_Denied(denial))
        if model != self.model and model not in self.models and all(of != model for of, _ in self.store.versions):
            raise Err(wire.DataError_ModelNotFound(model))

    def write_resource(self, spec: str, name: str, content: str, options: wire.ResourceOptions) -> None:
        self._writes()
        if spec not in self.resources:
            raise Err(wire.DataError_Undeclared(spec))
        known = self.resources[spec]
        _name_check(name, options.tags)
        _retention_check(options.retention)
        if len(content.encode()) > _JSON_BYTES_MAX:
            raise Err(wire.DataError_Limit(types.LimitReached(limits.JSON_BYTES, _JSON_BYTES_MAX)))
        value = json.loads(content)
        reserved = key_path(value, SEALED_KEY)
        if reserved is not None:
            text = f"the key `{SEALED_KEY}` is reserved for values that Sedge seals"
            raise Err(wire.DataError_InvalidContent([types.Violation(reserved, text)]))
        found = _validate.violations(json.loads(known.schema), value)
        if found and known.on_violation == exports.OnViolation.REFUSE:
            wire_found = [types.Violation(it.path, it.message) for it in found]
            raise Err(wire.DataError_InvalidContent(wire_found))
        for it in found:
            self.warn(f"`{name}` does not fit the schema of `{spec}`: {it}")
        version = Version(
            self.model, name, spec, content.encode(), False, "application/json", _tags(options.tags)
        )
        version.sealed = places(json.loads(known.schema), value)
        for pointer in version.sealed:
            self.sealed.add(field_of(value, pointer))
        self._stage(version, known.retention, options.retention)

    def _stage(self, version: Version, spec: exports.Retention, write: wire.WriteRetention) -> None:
        version.tags = dict(spec.tags) | version.tags
        version.lifetime = write.lifetime or spec.lifetime
        version.keep = write.keep or spec.keep
        self.store.staged.append(version)

    def create_file(self, spec: str, name: str, options: wire.FileOptions) -> FakeFileWriter:
        self._writes()
        if spec not in self.files:
            raise Err(wire.DataError_Undeclared(spec))
        _name_check(name, options.tags)
        _retention_check(options.retention)
        media_type = options.media_type or self.files[spec].media_type
        if not re.fullmatch(r"[\w.+-]+/[\w.+-]+(;.*)?", media_type):
            raise Err(wire.DataError_InvalidName(f"`{media_type}` is not a media type"))
        return FakeFileWriter(self, spec, name, options, media_type)

    def open_file(self, model: str, name: str, version: int | None) -> FakeFileReader | None:
        self._may_read(model)
        found = self._version(model, name, version) if version else self.store.latest(model, name)
        return None if found is None else FakeFileReader(found, self._shown(found))

    def _version(self, model: str, name: str, number: int) -> Version | None:
        versions = self.store.versions.get((model, name), [])
        return next((it for it in versions if it.version == number), None)

    def read_latest(self, model: str, name: str) -> wire.Resource | None:
        self._may_read(model)
        return self._resource(self.store.latest(model, name))

    def read_version(self, model: str, name: str, version: int) -> wire.Resource | None:
        self._may_read(model)
        return self._resource(self._version(model, name, version))

    def _resource(self, version: Version | None) -> wire.Resource | None:
        if version is None or version.is_file:
            return None
        return wire.Resource(version.info(), self._shown(version).decode())

    def _shown(self, version: Version) -> bytes:
        """Returns a content as the call may read it."""
        if not version.sealed:
            return version.content
        value, denial = self.sealed.read(version.model, version.sealed, version.value())
        if denial is not None:
            self.warn(denial)
        return _encode.to_text(value).encode()

    def list_versions(self, model: str, name: str) -> list[wire.VersionInfo]:
        self._may_read(model)
        return [it.info() for it in self.store.versions.get((model, name), [])]

    def list(self, model: str, filter_: wire.ListFilter) -> wire.ListPage:
        self._may_read(model)
        wanted = {(tag.key, tag.value) for tag in filter_.tags}
        found = []
        for name in self.store.names(model):
            version = self.store.latest(model, name)
            is_match = (
                version is not None
                and name.startswith(filter_.prefix)
                and (filter_.after is None or name > filter_.after)
                and filter_.spec in (None, version.spec)
                and wanted <= set(version.tags.items())
            )
            if version is not None and is_match:
                found.append(version.info())
        page = found[: min(filter_.count_max, _PAGE_MAX)]
        following = page[-1].name if len(page) < len(found) else None
        return wire.ListPage(page, following)

    def query(self, predicate: str, options: wire.QueryOptions) -> wire.QueryPage:
        if predicate not in self.queries:
            raise NotScripted(
                f"the method queries {predicate!r}; a test evaluates no expressions, so script the result: "
                f"`on_query({predicate!r}, […])`"
            )
        matches = [
            wire.QueryMatch(it.info(), None if options.select is None else json.dumps(value))
            for it, value in self.queries[predicate]
            if self._read_denial(it.model) is None
        ]
        return wire.QueryPage(matches, len(matches), None, None)

    def delete(self, name: str, version: int | None) -> None:
        self._writes()
        if self.kind is not None and self.kind != types.MethodKind.DELETE:
            kind = self.kind.name.lower()
            text = f"`{self.method}` may not delete data: it is of kind `{kind}`, not `delete`"
            raise Err(wire.DataError_Denied(text))
        self.store.deleted.append((name, version))

    def publish(self) -> List[types.Written]:
        self._writes()
        return self.store.commit(self.model)


class FakeFileWriter:
    """A file that is being written."""

    def __init__(
        self, data: FakeData, spec: str, name: str, options: wire.FileOptions, media_type: str
    ) -> None:
        self._data = data
        self._options = options
        self._is_finished = False
        self._version = Version(
            data.model, name, spec, b"", True, media_type, _tags(options.tags)
        )

    def write(self, content: bytes) -> None:
        if self._is_finished:
            raise Err(wire.DataError_Finished())
        self._version.content += content + (b"\n" if self._options.lines else b"")

    def finish(self) -> None:
        if self._is_finished:
            raise Err(wire.DataError_Finished())
        self._is_finished = True
        spec = self._data.files[self._version.spec]
        self._data._stage(self._version, spec.retention, self._options.retention)

    def __exit__(self, kind: Any, value: Any, traceback: Any) -> None:
        pass


class FakeFileReader:
    """A file that is being read."""

    def __init__(self, version: Version, content: bytes) -> None:
        self._version = version
        self._content = content
        self._at = 0

    def info(self) -> wire.VersionInfo:
        return self._version.info()

    def read(self, bytes_max: int) -> bytes:
        piece = self._content[self._at : self._at + bytes_max]
        self._at += len(piece)
        return piece

    def __exit__(self, kind: Any, value: Any, traceback: Any) -> None:
        pass


def _tags(tags: list[wire.Tag]) -> dict[str, str]:
    return {tag.key: tag.value for tag in tags}


def _has_control(text: str) -> bool:
    return any(ord(it) < 0x20 or 0x7F <= ord(it) < 0xA0 for it in text)


def _name_check(name: str, tags: list[wire.Tag]) -> None:
    if not 1 <= len(name.encode()) <= 255 or _has_control(name):
        text = f"{json.dumps(name)} is not a data name: it takes 1 to 255 bytes of text without control characters"
        raise Err(wire.DataError_InvalidName(text))
    for tag in tags:
        if not 1 <= len(tag.key.encode()) <= 100 or _has_control(tag.key):
            text = f"{json.dumps(tag.key)} is not a tag's key: it takes 1 to 100 bytes without control characters"
            raise Err(wire.DataError_InvalidName(text))
        if len(tag.value.encode()) > 255 or _has_control(tag.value):
            text = f"the value of the tag `{tag.key}` is longer than 255 bytes, or has control characters"
            raise Err(wire.DataError_InvalidName(text))


def _retention_check(retention: wire.WriteRetention) -> None:
    for value, pattern, what in (
        (retention.lifetime, _LIFETIME, "lifetime"),
        (retention.keep, _KEEP, "number of versions or time to keep"),
    ):
        if value is not None and not pattern.fullmatch(value):
            raise Err(wire.DataError_InvalidRetention(f"`{value}` is not a {what}"))
