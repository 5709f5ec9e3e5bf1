"""Why a method failed, a nested call has no outcome, or data was not written.

Each error of the contract has a class, and its attributes say more: `CallLimit` has the `name` and the
`value` of the limit. `code` is a word for programs. An error that a method does not catch becomes the
failure of the call, with its code, message and details.
"""

from __future__ import annotations

from typing import ClassVar

from . import _error_table
from ._error_base import CheckFailure as CheckFailure
from ._error_base import ContractError as ContractError
from ._error_base import Failure as Failure
from ._error_base import SedgeError as SedgeError
from ._error_base import TargetKind as TargetKind
from ._error_base import Violation as Violation
from ._error_table import *  # noqa: F403

__all__ = [
    "CheckFailure", "ContractError", "Denied", "Failure", "HttpClosed", "HttpConnect", "HttpDenied",
    "HttpDns", "HttpError", "HttpInvalidBody", "HttpInvalidRequest", "HttpProtocol", "HttpRedirect",
    "HttpTimeout", "HttpTls", "HttpTooLarge", "HttpTooMany", "HttpTooManyRedirects", "InvalidText",
    "NeverReady", "SedgeError", "TargetKind", "Violation",
]
__all__ += _error_table.__all__


class Denied(SedgeError):
    """The operator has not granted it. The message says how to grant it."""

    code = "denied"


class InvalidText(SedgeError):
    """A text has parts that are not Unicode characters."""

    code = "invalid-text"


class NeverReady(SedgeError):
    """The method waits for something that can never happen."""

    code = "never-ready"
    stack: tuple[str, ...] = ()
    """The frames at which the method waits, innermost first."""


# HTTP.


class HttpError(SedgeError):
    """Why there is no response, or not a whole one. The call's log has more, for the operator.

    `request` is the method and the URL without its query, which may be confidential.
    """

    TEXT: ClassVar[str] = "{request} failed"
    request: str

    def __init__(self, request: str, reason: str = "") -> None:
        message = self.TEXT.format(request=request, reason=reason)
        super().__init__(message, {"request": request})
        self.request = request


class HttpDenied(HttpError):
    """This model may not send the request."""

    code = "denied"
    TEXT = "{request} was denied"


class HttpInvalidRequest(HttpError):
    """The method, the URL or a header of the request is not valid."""

    code = "invalid-request"
    TEXT = "{request} cannot be sent: {reason}"


class HttpDns(HttpError):
    """The host name does not resolve to an address."""

    code = "dns"
    TEXT = "{request} failed: the name of its host cannot be resolved"


class HttpConnect(HttpError):
    """No connection could be made."""

    code = "connect"
    TEXT = "{request} failed: no connection"


class HttpTls(HttpError):
    """The server's certificate is not trusted, or the server does not support TLS."""

    code = "tls"
    TEXT = "{request} failed: no trusted connection"


class HttpTimeout(HttpError):
    """A timeout expired."""

    code = "timeout"
    TEXT = "{request} failed: it took too long"


class HttpTooLarge(HttpError):
    """A body or the headers exceed a limit."""

    code = "too-large"
    TEXT = "{request} failed: it, or its response, is too large"


class HttpTooMany(HttpError):
    """The call has too many requests in flight."""

    code = "too-many-requests-at-once"
    TEXT = "{request} failed: too many requests at once"


class HttpClosed(HttpError):
    """The connection was closed early."""

    code = "closed"
    TEXT = "{request} failed: the connection was closed in the middle"


class HttpProtocol(HttpError):
    """The response is not valid HTTP."""

    code = "protocol"
    TEXT = "{request} failed: {reason}"


class HttpTooManyRedirects(HttpError):
    """There were more redirects than the request allows."""

    code = "too-many-redirects"
    TEXT = "{request} leads on, and no more redirects are followed"


class HttpRedirect(HttpError):
    """The target of a redirect is not valid."""

    code = "redirect"
    TEXT = "{request} leads nowhere: {reason}"


class HttpInvalidBody(HttpError):
    """The body does not have the expected form."""

    code = "invalid-body"
    TEXT = "the response to {request} is not what was expected: {reason}"


# A traceback and the help name the module that authors import.
for _name in __all__:
    if isinstance(_it := globals()[_name], type):
        _it.__module__ = __name__
