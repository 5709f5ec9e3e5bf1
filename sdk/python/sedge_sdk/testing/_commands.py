"""The commands of a test: scripted results."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .. import errors
from .._wire import Err, Ok, exports
from .._wire import commands as wire
from ..bindings.imports.streams import StreamError_Closed
from ..commands import End, Exit
from ..errors import CommandError
from ._clock import Clock, FakePollable
from ._data import NotScripted
from ._errors import error_to_wire
from ._permissions import Permissions

_STREAM_BYTES = 64 << 10


@dataclass
class RanCommand:
    """A command that the method ran or started."""

    name: str
    arguments: tuple[str, ...]
    stdin: bytes
    folder: str | None
    variables: dict[str, str]


@dataclass
class ScriptedCommand:
    """What a command does: its output, how it ends, and how long it takes by the test's clock."""

    stdout: bytes = b""
    stderr: bytes = b""
    end: End | CommandError = Exit(0)
    delay: float = 0.0


CommandScript = ScriptedCommand | Callable[[RanCommand], ScriptedCommand]


def _end_to_wire(end: End) -> Any:
    return wire.End_Exit(end.code) if isinstance(end, Exit) else wire.End_Signal(end.number)


class FakeCommands:
    """The double of the interface `commands`."""

    def __init__(self, permissions: Permissions, clock: Clock) -> None:
        self.permissions = permissions
        self.clock = clock
        self.scripts: dict[str, list[tuple[tuple[str, ...] | None, CommandScript]]] = {}
        self.ran: list[RanCommand] = []
        self.in_check = False

    def _script(self, name: str, arguments: list[str]) -> CommandScript:
        attempt = f"run the command `{name}`"
        if self.in_check:
            denial: str | None = self.permissions.in_check(attempt)
        else:
            denial = self.permissions.denial_of_name(exports.Permission_Commands, attempt, name)
        if denial is not None:
            raise Err(wire.CommandError_Denied(denial))
        for wanted, script in self.scripts.get(name, ()):
            if wanted is None or wanted == tuple(arguments):
                return script
        shown = ", ".join(repr(it) for it in arguments)
        raise NotScripted(
            f"the method runs the command `{name}` with [{shown}]; script the result: "
            f"`on_command({name!r}, [{shown}], stdout=…)`"
        )

    def run(self, name: str, arguments: list[str], stdin: bytes | None) -> wire.Output:
        script = self._script(name, arguments)
        ran = RanCommand(name, tuple(arguments), stdin or b"", None, {})
        self.ran.append(ran)
        done = script if isinstance(script, ScriptedCommand) else script(ran)
        self.clock.advance(done.delay)
        if isinstance(done.end, CommandError):
            raise Err(error_to_wire(done.end))
        printed = [wire.Printed(it, False) for it in (done.stdout, done.stderr)]
        return wire.Output(_end_to_wire(done.end), *printed)

    def start(self, name: str, arguments: list[str], options: wire.StartOptions) -> FakeProcess:
        script = self._script(name, arguments)
        variables = {it.name: it.value for it in options.variables}
        ran = RanCommand(name, tuple(arguments), b"", options.folder, variables)
        self.ran.append(ran)
        return FakeProcess(self.clock, ran, script, options.stdin == wire.StdinSource.PIPED)


class FakeProcess:
    """A program that was started. It does its work once its stdin is closed."""

    def __init__(self, clock: Clock, ran: RanCommand, script: CommandScript, is_piped: bool) -> None:
        self._clock = clock
        self._ran = ran
        self._script = script
        self._done: ScriptedCommand | None = None
        self._ends_at = float("inf")
        self._killed = False
        self._stdin = _FakeInput(self) if is_piped else None
        self._streams = {"stdout": _FakeOutput(self, "stdout"), "stderr": _FakeOutput(self, "stderr")}
        if not is_piped:
            self.go()

    def go(self) -> None:
        """Does the work of the program."""
        if self._done is None:
            script = self._script
            self._done = script if isinstance(script, ScriptedCommand) else script(self._ran)
            self._ends_at = self._clock.elapsed + self._done.delay

    def output(self, name: str) -> bytes | None:
        """Returns what the program has printed, once it has ended."""
        if not self.has_ended():
            return None
        return b"" if self._done is None else bytes(getattr(self._done, name))

    def has_ended(self) -> bool:
        """Returns whether the program has ended."""
        return self._killed or self._clock.elapsed >= self._ends_at

    def stdin(self) -> Any:
        return self._stdin

    def stdout(self) -> Any:
        return self._streams["stdout"]

    def stderr(self) -> Any:
        return self._streams["stderr"]

    def subscribe(self) -> FakePollable:
        return FakePollable(lambda: self._ends_at, self.has_ended)

    def get(self) -> Any:
        if not self.has_ended():
            return None
        if self._killed:
            return Ok(wire.End_Signal(9))
        assert self._done is not None
        end = self._done.end
        if isinstance(end, CommandError):
            return Err(error_to_wire(end))
        return Ok(_end_to_wire(end))

    def wait(self) -> Any:
        if not self._killed:
            if self._ends_at == float("inf"):
                raise errors.NeverReady("the program waits for the end of its stdin; close it first")
            self._clock.elapsed = max(self._clock.elapsed, self._ends_at)
        result = self.get()
        if isinstance(result, Err):
            raise result
        return result.value

    def kill(self) -> None:
        if not self.has_ended():
            self._killed = True

    def __exit__(self, kind: Any, value: Any, traceback: Any) -> None:
        self.kill()

    def write(self, content: bytes) -> None:
        """Takes what the method writes to stdin."""
        self._ran.stdin += content


class _FakeInput:
    def __init__(self, process: FakeProcess) -> None:
        self._process = process

    def check_write(self) -> int:
        if self._process.has_ended():
            raise Err(StreamError_Closed())
        return _STREAM_BYTES

    def write(self, content: bytes) -> None:
        self._process.write(content)

    def flush(self) -> None:
        if self._process.has_ended():
            raise Err(StreamError_Closed())

    def subscribe(self) -> FakePollable:
        return FakePollable(None, lambda: True)

    def __exit__(self, kind: Any, value: Any, traceback: Any) -> None:
        self._process.go()


class _FakeOutput:
    def __init__(self, process: FakeProcess, name: str) -> None:
        self._process = process
        self._name = name
        self._at = 0

    def read(self, bytes_max: int) -> bytes:
        output = self._process.output(self._name)
        if output is None:
            return b""
        piece = output[self._at : self._at + bytes_max]
        if not piece:
            raise Err(StreamError_Closed())
        self._at += len(piece)
        return piece

    def subscribe(self) -> FakePollable:
        return self._process.subscribe()

    def __exit__(self, kind: Any, value: Any, traceback: Any) -> None:
        pass
