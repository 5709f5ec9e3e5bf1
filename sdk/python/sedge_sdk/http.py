"""HTTP requests to granted hosts.

A type requests access with `Model.asks_for_http`. The host checks each request, including redirects.
A request that is not granted fails with `HttpDenied`, and the call's log shows the YAML that would
grant it.
"""

from __future__ import annotations

import json as json_module
import urllib.parse
import weakref
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar, overload

from . import _decode, _encode, errors
from ._host import BodyPort, Host, HttpFault, Outgoing, RequestRefused, check_texts
from ._loop import drive
from ._wire import http as wire
from .version import VERSION

__all__ = ["AsyncHttp", "AsyncResponse", "Headers", "Http", "Response", "Timeouts"]

T = TypeVar("T")

BODY_BYTES_MAX = 16 << 20
"""The default for the size of a body that is read as a whole, in bytes.

The server chooses the length. A larger body should be read in pieces, or with a limit of its own.
"""

_USER_AGENT = f"sedge-sdk-python/{VERSION}"

_HEADERS_OF_PLACE = ("authorization", "cookie", "proxy-authorization")
"""Headers that are meant for one server. A redirect to another server drops them."""

_HEADERS_OF_BODY = ("content-encoding", "content-language", "content-length", "content-type")
"""Headers that describe the body. They are dropped together with it."""

_NANOS = 1_000_000_000

Body = bytes | str | Iterable[bytes] | AsyncIterable[bytes] | None
"""A body: as a whole, or in pieces, which are sent as they are made."""


@dataclass(frozen=True)
class Timeouts:
    """The limits of one request, in seconds. The host's own limits apply, too."""

    connect: float | None = None
    first_byte: float | None = None
    between_bytes: float | None = None


class Headers(Mapping[str, str]):
    """The headers of a response. Names are in any case, and a value is the first of its name."""

    def __init__(self, entries: Iterable[tuple[str, bytes]]) -> None:
        self.raw = tuple((name.lower(), value) for name, value in entries)

    def __getitem__(self, name: str) -> str:
        for each, value in self.raw:
            if each == name.lower():
                return value.decode(errors="replace")
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(name for name, _ in self.raw))

    def __len__(self) -> int:
        return len(dict.fromkeys(name for name, _ in self.raw))

    def all(self, name: str) -> list[str]:
        """Returns all values of a name, for example of `set-cookie`."""
        return [it.decode(errors="replace") for each, it in self.raw if each == name.lower()]


@dataclass
class _Request:
    method: str
    url: str
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: Any = b""
    redirects_left: int | None = None
    timeouts: Timeouts = field(default_factory=Timeouts)

    def has(self, name: str) -> bool:
        return any(each.lower() == name for each, _ in self.headers)

    def without(self, names: tuple[str, ...]) -> list[tuple[str, str]]:
        return [(name, value) for name, value in self.headers if name.lower() not in names]

    def subject(self) -> str:
        """Returns the request for a message, without the query, which may be confidential."""
        try:
            url = urllib.parse.urlsplit(self.url)
        except ValueError:
            return f"a {self.method} request"
        if not url.scheme or not url.netloc:
            return f"a {self.method} request"
        # A user name and a password must not appear in a message.
        place = url.netloc.rsplit("@", 1)[-1]
        return f"{self.method} {url.scheme}://{place}{url.path}"


def _request(
    method: str,
    url: str,
    headers: Mapping[str, object] | Iterable[tuple[str, object]] | None,
    body: Body,
    json: Any,
    redirects: int | None,
    timeouts: Timeouts | None,
) -> _Request:
    pairs = headers.items() if isinstance(headers, Mapping) else headers or ()
    # A secret is its placeholder as text.
    request = _Request(method, str(url), [(name, str(value)) for name, value in pairs])
    request.redirects_left = redirects
    request.timeouts = timeouts or Timeouts()
    if json is not None:
        if body is not None:
            raise TypeError("a request has a body or JSON, not both")
        body = _encode.to_text(json)
        if not request.has("content-type"):
            request.headers.append(("content-type", "application/json"))
    if isinstance(body, str):
        body = body.encode()
    elif isinstance(body, (bytearray, memoryview)):
        body = bytes(body)
    elif body is not None and not isinstance(body, bytes):
        body = aiter(body) if isinstance(body, AsyncIterable) else iter(body)
    request.body = b"" if body is None else body
    return request


def _parsed(request: _Request) -> urllib.parse.SplitResult:
    def refused(reason: str) -> errors.HttpInvalidRequest:
        return errors.HttpInvalidRequest(f"a {request.method} request", reason)

    if any(ord(it) <= 0x20 or ord(it) == 0x7F for it in request.url):
        raise refused("its URL has spaces or control characters; encode them, as `%20`")
    try:
        url = urllib.parse.urlsplit(request.url)
        host = url.hostname
        url.port  # checks that it is a number
    except ValueError as error:
        raise refused(f"its URL is not valid: {error}") from None
    if not url.scheme or not host:
        raise refused("its URL has no host; write it as `https://HOST/PATH`")
    if "@" in url.netloc:
        raise refused(
            "its URL has a user name in it, which is not sent; send a secret in a header instead"
        )
    if url.scheme not in ("http", "https"):
        raise refused(f"its scheme is `{url.scheme}`, not `https` or `http`")
    return url


def _outgoing(request: _Request, url: urllib.parse.SplitResult) -> Outgoing:
    headers: list[tuple[str, bytes]] = []
    if not request.has("user-agent"):
        headers.append(("user-agent", _USER_AGENT.encode()))
    is_whole = isinstance(request.body, bytes)
    if is_whole and not request.has("content-length"):
        if request.body or request.method not in ("GET", "HEAD"):
            headers.append(("content-length", str(len(request.body)).encode()))
    for name, value in request.headers:
        headers.append((name, value.encode()))
    timeouts = request.timeouts
    path = _ascii(url.path) or "/"
    return Outgoing(
        method=request.method,
        scheme=url.scheme,
        authority=url.netloc,
        path_with_query=f"{path}?{_ascii(url.query)}" if url.query else path,
        headers=headers,
        body=request.body,
        timeouts_ns=(
            _nanos(timeouts.connect),
            _nanos(timeouts.first_byte),
            _nanos(timeouts.between_bytes),
        ),
    )


def _ascii(part: str) -> str:
    """Percent-encodes the characters that are not ASCII, and leaves the others as they are."""
    if part.isascii():
        return part
    return "".join(it if it.isascii() else urllib.parse.quote(it) for it in part)


def _nanos(seconds: float | None) -> int | None:
    return None if seconds is None else max(0, int(seconds * _NANOS))


class _Fetched:
    """A response, before it is wrapped for a `def` or an `async def` method."""

    def __init__(self, request: _Request, status: int, headers: Headers, body: BodyPort) -> None:
        self.subject = request.subject()
        self.url = request.url
        self.status = status
        self.headers = headers
        self.body = body

    async def piece(self) -> bytes:
        try:
            return await self.body.read()
        except HttpFault as fault:
            code = fault.code
        raise _of_code(code, self.subject)

    async def whole(self, bytes_max: int) -> bytes:
        pieces = []
        left = bytes_max
        while piece := await self.piece():
            left -= len(piece)
            if left < 0:
                self.body.close()
                raise errors.HttpTooLarge(self.subject)
            pieces.append(piece)
        return b"".join(pieces)

    async def text(self, bytes_max: int) -> str:
        content = await self.whole(bytes_max)
        try:
            return content.decode()
        except UnicodeDecodeError as error:
            reason = f"it is not UTF-8 at byte {error.start}"
            raise errors.HttpInvalidBody(self.subject, reason) from None

    async def json(self, tp: Any, bytes_max: int) -> Any:
        text = await self.text(bytes_max)
        try:
            return json_module.loads(text) if tp is None else _decode.from_text(text, tp)
        except (_decode.DoesNotFit, ValueError, RecursionError) as error:
            raise errors.HttpInvalidBody(self.subject, str(error)) from None


async def _fetch(host: Host, request: _Request) -> _Fetched:
    """Sends a request, and follows its redirects."""
    check_texts([request.method, request.url, *request.headers])
    while True:
        url = _parsed(request)
        try:
            incoming = await host.http.send(_outgoing(request, url))
        except RequestRefused as refused:
            error: errors.HttpError = errors.HttpInvalidRequest(request.subject(), str(refused))
        except HttpFault as fault:
            error = _of_code(fault.code, request.subject())
        else:
            headers = Headers(incoming.headers)
            fetched = _Fetched(request, incoming.status, headers, incoming.body)
            following = _following(request, fetched)
            if following is None:
                return fetched
            fetched.body.close()
            request = following
            continue
        raise error


def _following(request: _Request, response: _Fetched) -> _Request | None:
    """Returns the request that follows a redirect (RFC 9110, section 15.4), if there is one."""
    to = response.headers.get("location")
    # Without a number of redirects the response itself is what the caller wants.
    left = request.redirects_left
    if to is None or response.status not in (301, 302, 303, 307, 308) or left is None:
        return None
    if left <= 0:
        response.body.close()
        raise errors.HttpTooManyRedirects(request.subject())
    try:
        # The fragment is meant for the program that shows the document, not for the server.
        target = urllib.parse.urldefrag(urllib.parse.urljoin(request.url, to)).url
        is_elsewhere = _place(request.url) != _place(target)
    except ValueError as error:
        response.body.close()
        raise errors.HttpRedirect(request.subject(), str(error)) from None
    following = replace(request, url=target, redirects_left=left - 1)
    becomes_get = (
        request.method != "HEAD"
        if response.status == 303
        else response.status in (301, 302) and request.method == "POST"
    )
    if becomes_get:
        following.method, following.body = "GET", b""
        following.headers = following.without(_HEADERS_OF_BODY)
    elif not isinstance(request.body, bytes):
        response.body.close()
        reason = "its body was sent in pieces, which cannot be sent again"
        raise errors.HttpRedirect(request.subject(), reason)
    if is_elsewhere:
        following.headers = following.without(_HEADERS_OF_PLACE)
    return following


def _place(url: str) -> tuple[str, str]:
    parts = urllib.parse.urlsplit(url)
    return parts.scheme.lower(), parts.netloc.lower()


_CODES: dict[type[errors.HttpError], tuple[str, ...]] = {
    errors.HttpDenied: ("HttpRequestDenied", "DestinationIpProhibited"),
    errors.HttpDns: ("DnsTimeout", "DnsError", "DestinationNotFound"),
    errors.HttpConnect: ("DestinationUnavailable", "DestinationIpUnroutable", "ConnectionRefused"),
    errors.HttpTls: ("TlsProtocolError", "TlsCertificateError", "TlsAlertReceived"),
    errors.HttpTimeout: (
        "ConnectionTimeout",
        "ConnectionReadTimeout",
        "ConnectionWriteTimeout",
        "HttpResponseTimeout",
    ),
    errors.HttpTooLarge: (
        "HttpRequestBodySize",
        "HttpRequestUriTooLong",
        "HttpRequestHeaderSectionSize",
        "HttpRequestHeaderSize",
        "HttpRequestTrailerSectionSize",
        "HttpRequestTrailerSize",
        "HttpResponseHeaderSectionSize",
        "HttpResponseHeaderSize",
        "HttpResponseBodySize",
        "HttpResponseTrailerSectionSize",
        "HttpResponseTrailerSize",
    ),
    errors.HttpTooMany: ("ConnectionLimitReached",),
    errors.HttpClosed: ("ConnectionTerminated", "HttpResponseIncomplete"),
}

_CLASSES = {
    getattr(wire, f"ErrorCode_{name}"): kind for kind, names in _CODES.items() for name in names
}

_REFUSALS: dict[type, str] = {
    wire.ErrorCode_HttpRequestLengthRequired: "its length is missing",
    wire.ErrorCode_HttpRequestMethodInvalid: (
        "its method cannot be sent; methods are upper case, such as `GET`"
    ),
    wire.ErrorCode_HttpRequestUriInvalid: "its URL has no host that a request can be sent to",
}

_PROTOCOL: dict[type, str] = {
    wire.ErrorCode_HttpResponseTransferCoding: "the transfer coding of the response is not valid",
    wire.ErrorCode_HttpResponseContentCoding: "the content coding of the response is not valid",
    wire.ErrorCode_HttpUpgradeFailed: "the protocol could not be upgraded",
    wire.ErrorCode_HttpProtocolError: "the response is not valid HTTP",
    wire.ErrorCode_LoopDetected: "the request went in a loop",
    wire.ErrorCode_ConfigurationError: "the host is not set up for it",
}


def _of_code(code: Any, subject: str) -> errors.HttpError:
    """Returns the error for a code of `wasi:http`."""
    kind = type(code)
    if kind in _CLASSES:
        return _CLASSES[kind](subject)
    if kind in _REFUSALS:
        return errors.HttpInvalidRequest(subject, _REFUSALS[kind])
    reason = _PROTOCOL.get(kind) or getattr(code, "value", None) or "an error inside of the host"
    return errors.HttpProtocol(subject, str(reason))


class _ResponseBase:
    """What both kinds of responses have: the head."""

    status: int
    """The status, for example `200`."""
    url: str
    """The URL of the response. After redirects it is the last URL."""
    headers: Headers

    def __init__(self, host: Host, fetched: _Fetched) -> None:
        self._host = host
        self._fetched = fetched
        self.status = fetched.status
        self.url = fetched.url
        self.headers = fetched.headers
        # The finalizer holds the body, so that it is closed in order and not by the collector.
        weakref.finalize(self, fetched.body.close)

    def header(self, name: str) -> str | None:
        """Returns the first value of a header, or `None` if the response has none of this name."""
        return self.headers.get(name)

    @property
    def ok(self) -> bool:
        """Whether the status is a success: 200 to 299."""
        return 200 <= self.status < 300

    def close(self) -> None:
        """Closes the connection, if the body has not ended."""
        self._fetched.body.close()


class Response(_ResponseBase):
    """A response. Its body is received while it is read: as a whole, or in pieces by `for`."""

    def __enter__(self) -> Response:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[bytes]:
        while piece := drive(self._fetched.piece(), self._host.poller):
            yield piece

    def read(self, bytes_max: int = BODY_BYTES_MAX) -> bytes:
        """Reads the whole body as received. A compressed body is not decompressed."""
        return drive(self._fetched.whole(bytes_max), self._host.poller)

    def text(self, bytes_max: int = BODY_BYTES_MAX) -> str:
        """Reads the whole body as text in UTF-8."""
        return drive(self._fetched.text(bytes_max), self._host.poller)

    @overload
    def json(self, tp: None = None, bytes_max: int = BODY_BYTES_MAX) -> Any: ...
    @overload
    def json(self, tp: type[T], bytes_max: int = BODY_BYTES_MAX) -> T: ...
    def json(self, tp: Any = None, bytes_max: int = BODY_BYTES_MAX) -> Any:
        """Reads the whole body as JSON: as a `tp`, if that is given."""
        return drive(self._fetched.json(tp, bytes_max), self._host.poller)


class AsyncResponse(_ResponseBase):
    """A response of an `async def` method. Its body is received while it is read."""

    async def __aenter__(self) -> AsyncResponse:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while piece := await self._fetched.piece():
            yield piece

    async def read(self, bytes_max: int = BODY_BYTES_MAX) -> bytes:
        """Reads the whole body as received. A compressed body is not decompressed."""
        return await self._fetched.whole(bytes_max)

    async def text(self, bytes_max: int = BODY_BYTES_MAX) -> str:
        """Reads the whole body as text in UTF-8."""
        return await self._fetched.text(bytes_max)

    @overload
    async def json(self, tp: None = None, bytes_max: int = BODY_BYTES_MAX) -> Any: ...
    @overload
    async def json(self, tp: type[T], bytes_max: int = BODY_BYTES_MAX) -> T: ...
    async def json(self, tp: Any = None, bytes_max: int = BODY_BYTES_MAX) -> Any:
        """Reads the whole body as JSON: as a `tp`, if that is given."""
        return await self._fetched.json(tp, bytes_max)


class Http:
    """Sends requests in a `def` method.

    `redirects` is how many redirects are followed; each needs a grant. By default none is, and the
    response is returned. `json` is a value to send as JSON.
    """

    def __init__(self, host: Host) -> None:
        self._host = host

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, object] | Iterable[tuple[str, object]] | None = None,
        body: bytes | str | Iterable[bytes] | None = None,
        json: Any = None,
        redirects: int | None = None,
        timeouts: Timeouts | None = None,
    ) -> Response:
        """Sends a request, and returns the response once its headers have arrived."""
        request = _request(method, url, headers, body, json, redirects, timeouts)
        fetched = drive(_fetch(self._host, request), self._host.poller)
        return Response(self._host, fetched)

    def get(self, url: str, **options: Any) -> Response:
        """Sends a `GET` request. The options are those of `request`."""
        return self.request("GET", url, **options)

    def post(self, url: str, **options: Any) -> Response:
        """Sends a `POST` request. The options are those of `request`."""
        return self.request("POST", url, **options)

    def put(self, url: str, **options: Any) -> Response:
        """Sends a `PUT` request. The options are those of `request`."""
        return self.request("PUT", url, **options)

    def patch(self, url: str, **options: Any) -> Response:
        """Sends a `PATCH` request. The options are those of `request`."""
        return self.request("PATCH", url, **options)

    def delete(self, url: str, **options: Any) -> Response:
        """Sends a `DELETE` request. The options are those of `request`."""
        return self.request("DELETE", url, **options)


class AsyncHttp:
    """Sends requests in an `async def` method, where several can be in flight at once.

    `redirects` is how many redirects are followed; each needs a grant. By default none is, and the
    response is returned. `json` is a value to send as JSON.
    """

    def __init__(self, host: Host) -> None:
        self._host = host

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, object] | Iterable[tuple[str, object]] | None = None,
        body: Body = None,
        json: Any = None,
        redirects: int | None = None,
        timeouts: Timeouts | None = None,
    ) -> AsyncResponse:
        """Sends a request, and returns the response once its headers have arrived."""
        request = _request(method, url, headers, body, json, redirects, timeouts)
        return AsyncResponse(self._host, await _fetch(self._host, request))

    async def get(self, url: str, **options: Any) -> AsyncResponse:
        """Sends a `GET` request. The options are those of `request`."""
        return await self.request("GET", url, **options)

    async def post(self, url: str, **options: Any) -> AsyncResponse:
        """Sends a `POST` request. The options are those of `request`."""
        return await self.request("POST", url, **options)

    async def put(self, url: str, **options: Any) -> AsyncResponse:
        """Sends a `PUT` request. The options are those of `request`."""
        return await self.request("PUT", url, **options)

    async def patch(self, url: str, **options: Any) -> AsyncResponse:
        """Sends a `PATCH` request. The options are those of `request`."""
        return await self.request("PATCH", url, **options)

    async def delete(self, url: str, **options: Any) -> AsyncResponse:
        """Sends a `DELETE` request. The options are those of `request`."""
        return await self.request("DELETE", url, **options)
