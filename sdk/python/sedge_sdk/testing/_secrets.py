"""The secrets of a test."""

from __future__ import annotations

import base64
import urllib.parse

from .._wire import Err, exports
from .._wire import secrets as wire
from ._permissions import Permissions, origin_of, url_matches


class FakeSecrets:
    """The double of the interface `secrets`."""

    def __init__(self, permissions: Permissions) -> None:
        self.permissions = permissions
        self.values: dict[str, bytes] = {}
        self.placeholders: dict[str, tuple[str, bytes]] = {}

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
            denial = self.permissions.denial(
                exports.Permission_Secrets,
                f"send the secret `{name}` to {origin_of(url)}",
                lambda it: it.name == name and any(url_matches(host, url) for host in it.hosts),
            )
            if denial is not None:
                raise PermissionError(denial)
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
        denial = self._secrets.permissions.denial(
            exports.Permission_Secrets,
            f"see the secret `{self._name}`",
            lambda it: it.name == self._name and it.reveal,
        )
        if denial is not None:
            raise Err(denial)
        return self._secrets.values[self._name]
