"""The permissions that a type requests."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from ._wire import exports as wire


class Permissions:
    """Requests permissions, each with a reason, which the operator reads before granting it."""

    _permissions: list[wire.PermissionRequest]

    def _ask(self, permission: wire.Permission, reason: str) -> None:
        self._permissions.append(wire.PermissionRequest(permission, reason))

    def asks_for_models(self, model: str, reason: str) -> None:
        """Requests to call a model and to read its data. `*` means all models."""
        self._ask(wire.Permission_Models(model), reason)

    def asks_for_workflows(self, workflow: str, reason: str) -> None:
        """Requests to run a workflow. `*` means all workflows."""
        self._ask(wire.Permission_Workflows(workflow), reason)

    def asks_for_http(self, url: str, reason: str, *, methods: Iterable[str] = ()) -> None:
        """Requests to send requests to `https://HOST` or `http://HOST`, optionally with `:PORT`.

        HOST is a name, `*.` and the end of a name, or an address. Without `methods`, all methods are
        requested.
        """
        self._ask(wire.Permission_Http(wire.HttpAccess(url, list(methods))), reason)

    def asks_for_connections(self, to: str, reason: str) -> None:
        """Requests to open TCP connections to one `HOST:PORT`."""
        self._ask(wire.Permission_Sockets(to), reason)

    def asks_for_folder(
        self, name: str, reason: str, *, access: Literal["read", "write"] = "read"
    ) -> None:
        """Requests the files of one folder, which the operator chooses."""
        kind = wire.FileAccess[access.upper()]
        self._ask(wire.Permission_Files(wire.FolderAccess(name, kind)), reason)

    def asks_for_variable(self, name: str, reason: str) -> None:
        """Requests to read one environment variable."""
        self._ask(wire.Permission_Env(name), reason)

    def asks_for_secret(
        self, name: str, reason: str, *, hosts: Iterable[str] = (), reveal: bool = False
    ) -> None:
        """Requests a secret. `hosts` may receive it in requests; `reveal` is to read its value."""
        self._ask(wire.Permission_Secrets(wire.SecretAccess(name, list(hosts), reveal)), reason)

    def asks_for_command(self, name: str, reason: str) -> None:
        """Requests to run the command that the operator pinned. `*` means all commands."""
        self._ask(wire.Permission_Commands(name), reason)

    def asks_for_reveal(self, what: str, reason: str) -> None:
        """Requests to see a value that is hidden otherwise.

        `data:MODEL:POINTER` is a sealed field of another model's data, where `*` means all models;
        `argument:POINTER` is the secret in an argument.
        """
        self._ask(wire.Permission_Reveal(what), reason)
