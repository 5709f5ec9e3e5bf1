"""The secrets of a test."""

from __future__ import annotations

import base64
import urllib.parse

from .._wire import Err, exports
from .._wire import secrets as wire
from ._permissions import Permissions, url_matches


class FakeSecrets:
    """The double of the interface `secrets`."""

    def __init__(self, permissions: Permissions) -> None:
        self.permissions = permissions
        self.values: dict[str, bytes] = {}
        self.placeholders: dict[str, tuple[str, bytes]] = {}

    def access(self, name: str) -> exports.SecretAccess | None:
        """Returns what the plugin requests of a secret."""
        asked = [it.value for it in self.permissions.requested if isinstance(it, exports.Permission_Secrets)]
        return next((it for it in asked if it.name == name), None)

    def get(self, name: str) -> FakeSecret:
        denial = self.permissions.denial(
            exports.Permission_Secrets, f"use the secret `{name}`", lambda it: it.name == name
        )
        if denial is not None:
            raise Err(wire.SecretError_Denied(denial))
        if name not in self.values:
            raise Err(wire.SecretError_Missing(f"there is no secret `{name}`"))
        return FakeSecret(self, name)

    def filled(self, text: str, url: str, where: str) -> str:
        """Returns a part of a request with the values of its secrets.

        Raises `PermissionError` if a secret was not granted for the host of the request.
        """
        for placeholder, (name, value) in self.placeholders.items():
            if placeholder not in text:
                continue
            access = self.access(name)
            if access is None or not any(url_matches(it, url) for it in access.hosts):
                place = urllib.parse.urlsplit(url).netloc
                raise PermissionError(f"the secret `{name}` may not be sent to {place}")
            shown = value.decode("latin-1") if where == "body" else value.decode()
            if where == "url":
                shown = urllib.parse.quote(shown, safe="")
            text = text.replace(placeholder, shown)
        return text


class FakeSecret:
    """A secret that a call may use."""

    def __init__(self, secrets: FakeSecrets, name: str) -> None:
        self._secrets = secrets
        self._name = name

    def placeholder(self) -> str:
        text = f"sedge-secret-{self._name}-placeholder"
        self._secrets.placeholders[text] = (self._name, self._secrets.values[self._name])
        return text

    def basic(self, user: str) -> str:
        text = f"sedge-secret-{self._name}-basic-{len(self._secrets.placeholders)}"
        pair = user.encode() + b":" + self._secrets.values[self._name]
        self._secrets.placeholders[text] = (self._name, base64.b64encode(pair))
        return text

    def reveal(self) -> bytes:
        access = self._secrets.access(self._name)
        if access is None or not access.reveal:
            model, type_name = self._secrets.permissions.model, self._secrets.permissions.type_name
            raise Err(
                f"`{model}` may not reveal the secret `{self._name}`: its plugin `{type_name}` does "
                "not request it"
            )
        return self._secrets.values[self._name]
