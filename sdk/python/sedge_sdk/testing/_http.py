"""The network of a test: scripted responses."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from .. import _encode
from .._host import HttpFault, Incoming, Outgoing
from .._loop import ready
from .._wire import http as wire
from ._clock import Clock, FakePollable
from ._data import NotScripted
from ._permissions import Permissions, origin_of
from ._secrets import FakeSecrets

_FAULTS: dict[str, Any] = {
    "denied": wire.ErrorCode_HttpRequestDenied,
    "dns": lambda: wire.ErrorCode_DnsError(wire.DnsErrorPayload(None, None)),
    "connect": wire.ErrorCode_ConnectionRefused,
    "tls": wire.ErrorCode_TlsCertificateError,
    "timeout": wire.ErrorCode_HttpResponseTimeout,
    "too-large": lambda: wire.ErrorCode_HttpResponseBodySize(None),
    "too-many-requests-at-once": wire.ErrorCode_ConnectionLimitReached,
    "closed": wire.ErrorCode_ConnectionTerminated,
    "protocol": wire.ErrorCode_HttpProtocolError,
}


@dataclass
class SentRequest:
    """A request that the method sent, as the server receives it: with the values of secrets."""

    method: str
    url: str
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """Returns the body as JSON."""
        return json.loads(self.body)


@dataclass
class ScriptedResponse:
    """What a server answers. `error` is the code of an `HttpError`, and ends the request so.

    `delay` is the time until the response begins, in seconds of the test's clock. `pieces` are the
    pieces of the body; `error_in_body` ends the body early.
    """

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    pieces: tuple[bytes, ...] = ()
    error: str | None = None
    error_in_body: str | None = None
    delay: float = 0.0


def response(
    status: int = 200,
    *,
    json: Any = None,
    body: bytes | str = b"",
    headers: Mapping[str, str] | None = None,
    error: str | None = None,
    error_in_body: str | None = None,
    delay: float = 0.0,
) -> ScriptedResponse:
    """Returns a response with a body, or with `json` as its body."""
    all_headers = dict(headers or {})
    if json is not None:
        body = _encode.to_text(json)
        all_headers.setdefault("content-type", "application/json")
    content = body.encode() if isinstance(body, str) else body
    for code in (error, error_in_body):
        if code is not None and code not in _FAULTS:
            known = ", ".join(f"`{it}`" for it in _FAULTS)
            raise ValueError(f"no request ends with `{code}`; the codes are {known}")
    pieces = (content,) if content else ()
    return ScriptedResponse(status, all_headers, pieces, error, error_in_body, delay)


Responder = ScriptedResponse | Callable[[SentRequest], ScriptedResponse]


@dataclass
class _Route:
    method: str
    url: str
    responders: list[Responder]
    n_used: int = 0

    def matches(self, request: SentRequest) -> bool:
        if self.method != request.method:
            return False
        if self.url.endswith("*"):
            return request.url.startswith(self.url[:-1])
        return self.url == request.url

    def next(self) -> Responder:
        # The last one answers all further requests.
        it = self.responders[min(self.n_used, len(self.responders) - 1)]
        self.n_used += 1
        return it


class FakeHttp:
    """The double of `wasi:http`."""

    def __init__(
        self,
        clock: Clock,
        permissions: Permissions,
        secrets: FakeSecrets,
        warn: Callable[[str], None],
    ) -> None:
        self.clock = clock
        self.permissions = permissions
        self.secrets = secrets
        self.warn = warn
        self.routes: list[_Route] = []
        self.sent: list[SentRequest] = []
        self.only_reads = False

    def add(self, method: str, url: str, responders: list[Responder]) -> None:
        """Scripts the responses to a request. A later script has precedence."""
        self.routes.insert(0, _Route(method, url, responders))

    async def send(self, request: Outgoing) -> Incoming:
        url = f"{request.scheme}://{request.authority}{request.path_with_query}"
        if self.only_reads and request.method not in ("GET", "HEAD", "OPTIONS"):
            denial: str | None = self.permissions.in_check(f"send {request.method} to {origin_of(url)}")
        else:
            denial = self.permissions.http_denial(request.method, url)
        if denial is not None:
            self.warn(denial)
            raise HttpFault(wire.ErrorCode_HttpRequestDenied())
        sent = await self._sent(request, url)
        scripted = self._respond(sent)
        if scripted.delay:
            await ready(FakePollable(self.clock.elapsed + scripted.delay))
        if scripted.error is not None:
            raise HttpFault(_FAULTS[scripted.error]())
        headers = [(name.lower(), value.encode()) for name, value in scripted.headers.items()]
        return Incoming(scripted.status, headers, _FakeBody(scripted))

    async def _sent(self, request: Outgoing, url: str) -> SentRequest:
        body = request.body
        if isinstance(body, Iterator):
            body = b"".join(body)
        elif isinstance(body, AsyncIterator):
            body = b"".join([piece async for piece in body])
        assert isinstance(body, bytes)
        try:
            sent = SentRequest(
                method=request.method,
                url=self.secrets.filled(url, url, "url"),
                headers={
                    name.lower(): self.secrets.filled(value.decode(), url, "header")
                    for name, value in request.headers
                },
                body=self.secrets.filled(body.decode("latin-1"), url, "body").encode("latin-1"),
            )
        except PermissionError as error:
            self.warn(str(error))
            raise HttpFault(wire.ErrorCode_HttpRequestDenied()) from None
        self.sent.append(sent)
        return sent

    def _respond(self, sent: SentRequest) -> ScriptedResponse:
        route = next((it for it in self.routes if it.matches(sent)), None)
        if route is None:
            raise NotScripted(
                f"the method sends {sent.method} {sent.url}; script the response: "
                f"`on_http({sent.method!r}, {sent.url!r}, json={{…}})`"
            )
        responder = route.next()
        return responder if isinstance(responder, ScriptedResponse) else responder(sent)


class _FakeBody:
    def __init__(self, scripted: ScriptedResponse) -> None:
        self._pieces = list(scripted.pieces)
        self._error = scripted.error_in_body

    async def read(self) -> bytes:
        if self._pieces:
            return self._pieces.pop(0)
        if self._error is not None:
            raise HttpFault(_FAULTS[self._error]())
        return b""

    def close(self) -> None:
        self._pieces = []
