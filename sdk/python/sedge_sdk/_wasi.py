"""The host of a component: the bindings' functions, requests through `wasi:http`, and polling.

Resources of `wasi:http` are dropped in order, children before their parents: the host traps the
plugin otherwise. Therefore the objects here close what they hold by themselves, and do not leave it
to Python's collector, which has no such order.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

from . import _wire
from ._host import Host, HttpFault, Incoming, Outgoing, RequestRefused
from ._loop import ready
from ._wire import Err
from .bindings.imports import (
    calls,
    commands,
    context,
    data,
    log,
    models,
    monotonic_clock,
    outgoing_handler,
    poll,
    secrets,
    streams,
    workflows,
)

http = _wire.http

_PIECE_BYTES = 64 << 10
"""The size of one read of a response, in bytes."""

_NANOS = 1_000_000_000

_METHODS: dict[str, Any] = {
    "GET": http.Method_Get,
    "HEAD": http.Method_Head,
    "POST": http.Method_Post,
    "PUT": http.Method_Put,
    "DELETE": http.Method_Delete,
    "OPTIONS": http.Method_Options,
    "PATCH": http.Method_Patch,
}


def drop(resource: Any) -> None:
    """Drops a resource of the host."""
    resource.__exit__(None, None, None)


class WasiPoller:
    """Waits by `wasi:io/poll`."""

    def now(self) -> float:
        return time.monotonic()

    def poll(self, pollables: Sequence[Any], timeout: float | None) -> list[int]:
        waits = list(pollables)
        if timeout is None:
            return poll.poll(waits)
        timer = monotonic_clock.subscribe_duration(int(timeout * _NANOS))
        try:
            found = poll.poll([*waits, timer])
            return [index for index in found if index < len(waits)]
        finally:
            drop(timer)


class WasiBody:
    """The body of a response, with everything that it is a child of."""

    def __init__(self, response: Any, held: list[Any]) -> None:
        body = response.consume()
        stream = body.stream()
        # In the order in which they are dropped.
        self._held = [stream, body, response, *held]
        self._stream = stream

    async def read(self) -> bytes:
        while self._held:
            try:
                piece = self._stream.read(_PIECE_BYTES)
            except Err as error:
                self._end(error.value)
                return b""
            if piece:
                return bytes(piece)
            await ready(self._stream.subscribe())
        return b""

    def _end(self, error: Any) -> None:
        code = None
        if isinstance(error, streams.StreamError_LastOperationFailed):
            code = http.http_error_code(error.value) or http.ErrorCode_InternalError(None)
            drop(error.value)
        self.close()
        if code is not None:
            raise HttpFault(code)

    def close(self) -> None:
        held, self._held = self._held, []
        for resource in held:
            drop(resource)


class WasiHttp:
    """Sends requests through `wasi:http`."""

    async def send(self, request: Outgoing) -> Incoming:
        outgoing = _outgoing(request)
        has_body = not isinstance(request.body, bytes) or bool(request.body)
        body = outgoing.body() if has_body else None
        try:
            future = outgoing_handler.handle(outgoing, _options(request))
        except Err as error:
            raise HttpFault(error.value) from None
        # A body that was not written to its end stays open until the response has ended: dropping
        # it would close the connection.
        unsent: list[Any] = []
        try:
            if body is not None:
                unsent = await _write(body, request.body, future)
            response = await _response(future)
        except BaseException:
            for resource in unsent:
                drop(resource)
            raise
        finally:
            drop(future)
        fields = response.headers()
        headers = [(name, bytes(value)) for name, value in fields.entries()]
        drop(fields)
        return Incoming(response.status(), headers, WasiBody(response, unsent))


async def _response(future: Any) -> Any:
    while (result := future.get()) is None:
        await ready(future.subscribe())
    # The outer result fails only if the response was taken before.
    result = result.value
    if isinstance(result, Err):
        raise HttpFault(result.value)
    return result.value


def _outgoing(request: Outgoing) -> Any:
    fields = http.Fields()
    for name, value in request.headers:
        try:
            fields.append(name, value)
        except Err as error:
            raise RequestRefused(_header_reason(name, error.value)) from None
    outgoing = http.OutgoingRequest(fields)
    known = _METHODS.get(request.method)
    try:
        outgoing.set_method(known() if known else http.Method_Other(request.method))
    except Err:
        raise RequestRefused(f"`{request.method}` is not an HTTP method") from None
    scheme = http.Scheme_Https() if request.scheme == "https" else http.Scheme_Http()
    try:
        outgoing.set_scheme(scheme)
        outgoing.set_authority(request.authority)
        outgoing.set_path_with_query(request.path_with_query)
    except Err:
        raise RequestRefused("its URL cannot be sent") from None
    return outgoing


def _header_reason(name: str, error: Any) -> str:
    match error:
        case http.HeaderError_InvalidSyntax():
            return f"its header `{name}` is not valid"
        case http.HeaderError_Forbidden():
            return f"its header `{name}` is the host's to set"
    return f"its header `{name}` cannot be set any more"


def _options(request: Outgoing) -> Any:
    options = http.RequestOptions()
    connect, first_byte, between_bytes = request.timeouts_ns
    try:
        options.set_connect_timeout(connect)
        options.set_first_byte_timeout(first_byte)
        options.set_between_bytes_timeout(between_bytes)
    except Err:
        raise RequestRefused("the host knows no such time limit") from None
    return options


async def _pieces(body: Any) -> AsyncIterator[bytes]:
    if isinstance(body, bytes):
        yield body
    elif isinstance(body, Iterator):
        for piece in body:
            yield piece
    else:
        async for piece in body:
            yield piece


async def _write(body: Any, content: Any, future: Any) -> list[Any]:
    """Writes a body for as long as the server accepts it. Returns what is still open of it."""
    stream = body.write()
    is_written = False
    try:
        is_written = await _write_all(stream, content, future)
    except BaseException:
        drop(stream)
        drop(body)
        raise
    drop(stream)
    if not is_written:
        return [body]
    try:
        http.OutgoingBody.finish(body, None)
    except Err:
        # The response fails as well, and says why.
        pass
    return []


async def _write_all(stream: Any, content: Any, future: Any) -> bool:
    async for piece in _pieces(content):
        rest = memoryview(piece)
        while rest:
            try:
                n_bytes = stream.check_write()
                if n_bytes:
                    stream.write(bytes(rest[:n_bytes]))
                    rest = rest[n_bytes:]
                    continue
            except Err as error:
                _drop_error(error.value)
                return False
            if 0 not in await ready(stream.subscribe(), future.subscribe()):
                # The server has answered without reading the body.
                return False
    return True


def _drop_error(error: Any) -> None:
    if isinstance(error, streams.StreamError_LastOperationFailed):
        drop(error.value)


def host() -> Host:
    """Returns the host of this component."""
    return Host(
        calls=calls,
        commands=commands,
        context=context,
        data=data,
        log=log,
        models=models,
        secrets=secrets,
        workflows=workflows,
        http=WasiHttp(),
        poller=WasiPoller(),
    )
