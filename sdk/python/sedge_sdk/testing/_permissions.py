"""What the operator of a test grants, and the sentences of a denial."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from .._wire import exports as wire

_PORTS = {"http": 80, "https": 443}


class Permissions:
    """The permissions of the model under test: what its type requests, without what a test refuses."""

    def __init__(self, model: str, type_name: str, requests: list[wire.PermissionRequest]) -> None:
        self.model = model
        self.type_name = type_name
        self.requested = [it.permission for it in requests]
        self.refused: set[str] = set()

    def refuse(self, kind: str) -> None:
        """Grants nothing of a kind any more."""
        kinds = [it.__name__.removeprefix("Permission_").lower() for it in _KINDS]
        if kind not in kinds:
            known = ", ".join(f"`{it}`" for it in kinds)
            raise ValueError(f"there is no permission kind `{kind}`; the kinds are {known}")
        self.refused.add(kind)

    def in_check(self, attempt: str) -> str:
        """Returns why a check may not do something."""
        return f"`{self.model}` may not {attempt} in a check: a check only reads"

    def denial(self, kind: Any, attempt: str, matches: Any) -> str | None:
        """Returns why an attempt is denied, or `None` if it is granted."""
        asked = [it.value for it in self.requested if isinstance(it, kind)]
        if not any(matches(it) for it in asked):
            return f"`{self.model}` may not {attempt}: its plugin `{self.type_name}` does not request it"
        if kind.__name__.removeprefix("Permission_").lower() in self.refused:
            return f"`{self.model}` may not {attempt}: no grant allows it"
        return None

    def denial_of_name(self, kind: Any, attempt: str, name: str) -> str | None:
        """Returns why something with a name is denied, or `None` if it is granted."""
        return self.denial(kind, attempt, lambda it: it in ("*", name))

    def http_denial(self, method: str, url: str) -> str | None:
        """Returns why a request is denied, or `None` if it is granted."""
        attempt = f"send {method} to {origin_of(url)}"
        return self.denial(
            wire.Permission_Http,
            attempt,
            lambda it: url_matches(it.url, url) and (not it.methods or method in it.methods),
        )


def origin_of(url: str) -> str:
    """Returns the origin of a URL, without the default port."""
    found = urlsplit(url)
    port = "" if found.port in (None, _PORTS.get(found.scheme)) else f":{found.port}"
    host = found.hostname or ""
    return f"{found.scheme}://{f'[{host}]' if ':' in host else host}{port}"


_KINDS = (
    wire.Permission_Models,
    wire.Permission_Http,
    wire.Permission_Files,
    wire.Permission_Env,
    wire.Permission_Secrets,
    wire.Permission_Commands,
    wire.Permission_Sockets,
    wire.Permission_Reveal,
    wire.Permission_Workflows,
)


def url_matches(pattern: str, url: str) -> bool:
    """Returns whether a URL is of a pattern `https://HOST[:PORT]`."""
    scheme, _, place = pattern.partition("://")
    host, _, port = place.rpartition(":") if _has_port(place) else (place, "", "")
    found = urlsplit(url)
    if found.scheme != scheme:
        return False
    found_port = found.port or _PORTS.get(found.scheme)
    if port != "*" and (int(port) if port else _PORTS.get(scheme)) != found_port:
        return False
    name = (found.hostname or "").lower()
    host = host.strip("[]").lower()
    if host.startswith("*."):
        return name.endswith(host[1:])
    return host in ("*", name)


def _has_port(place: str) -> bool:
    return ":" in place.rsplit("]", 1)[-1]
