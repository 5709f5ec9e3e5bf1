"""Secrets. A plugin can send one without seeing its value, or read the value if that is granted."""

from __future__ import annotations

from typing import Any

from ._host import check_texts
from ._wire_errors import converted
from .errors import SecretDenied

__all__ = ["Secret"]


class Secret:
    """A secret that this call may use. As text, as in `f"Bearer {secret}"`, it is a placeholder."""

    def __init__(self, name: str, secret: Any) -> None:
        self.name = name
        self._secret = secret

    def placeholder(self) -> str:
        """Returns a placeholder for the value in requests: in a path, a query, a header, or a body.

        When a request is sent to a host that the secret was granted for, the host replaces the
        placeholder by the value, encoded as needed at that position. Outside of requests the
        placeholder is not replaced.
        """
        text: str = self._secret.placeholder()
        return text

    def basic(self, user: str) -> str:
        """Returns a placeholder for the credentials of a user whose password is the secret.

        `f"Basic {secret.basic('user')}"` is a value for the header `authorization`.
        """
        check_texts(user)
        text: str = self._secret.basic(user)
        return text

    def reveal(self) -> bytes:
        """Returns the value. The host redacts it in everything that leaves the call."""
        with converted(SecretDenied):
            return bytes(self._secret.reveal())

    def __str__(self) -> str:
        return self.placeholder()

    def __repr__(self) -> str:
        return f"<Secret {self.name}>"
