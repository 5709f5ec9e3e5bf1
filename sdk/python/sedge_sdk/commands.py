"""Commands: programs of the machine that the operator has pinned under names.

A type requests one with `Model.asks_for_command`. The operator's `sedge.yaml` says which program a name
stands for and which arguments it accepts.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ._host import Host
from ._loop import drive, ready
from ._wire import Err
from ._wire import commands as wire
from ._wire_errors import command_error, converted, unwrap
from .errors import Failure

__all__ = [
    "AsyncCommands", "AsyncInput", "AsyncOutput", "AsyncProcess", "CommandInput", "CommandOutput",
    "Commands", "Exit", "Output", "Printed", "Process", "Signal",
]

_LINE_CHARS_MAX = 200
"""The maximum length of `Printed.last_line`, in characters."""

_PIECE_BYTES = 64 << 10
"""The size of one read of a program's output, in bytes."""


@dataclass(frozen=True)
class Exit:
    """The program exited with a code. 0 means success."""

    code: int

    def __str__(self) -> str:
        return f"ended with {self.code}"


@dataclass(frozen=True)
class Signal:
    """A signal ended the program."""

    number: int

    def __str__(self) -> str:
        return f"was ended by signal {self.number}"


End = Exit | Signal
"""How a program ended."""


@dataclass(frozen=True)
class Printed:
    """The output of a program on one stream."""

    bytes: bytes
    is_cut: bool
    """Whether the program printed more than the pin allows to store."""

    def text(self) -> str:
        """Returns the output as text. Bytes that are not UTF-8 are replaced by `U+FFFD`."""
        return self.bytes.decode(errors="replace")

    def last_line(self) -> str | None:
        """Returns the last line that is not empty, up to a maximum length."""
        lines = [line.strip() for line in self.text().splitlines()]
        return next((line[:_LINE_CHARS_MAX] for line in reversed(lines) if line), None)


@dataclass(frozen=True)
class Output:
    """The result of a program."""

    end: End
    stdout: Printed
    stderr: Printed

    def success(self) -> Output:
        """Returns the output if the program ended with 0, and raises a failure otherwise."""
        if self.end == Exit(0):
            return self
        line = self.stderr.last_line()
        message = f"a command {self.end}" if line is None else f"a command {self.end}: {line}"
        raise Failure("command-failed", message, details={"stderr": self.stderr.text()})


def _end(it: Any) -> End:
    return Exit(it.value) if isinstance(it, wire.End_Exit) else Signal(it.value)


def _printed(it: Any) -> Printed:
    return Printed(bytes(it.bytes), it.cut)


class _OutputStream:
    """Reads what a program prints on one stream."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.is_cut = False
        """Whether the program printed more than the pin allows. What follows is lost."""

    async def read(self) -> bytes:
        while self._stream is not None:
            try:
                piece = self._stream.read(_PIECE_BYTES)
            except Err as error:
                self.is_cut = _has_failed(error.value)
                self.close()
                return b""
            if piece:
                return bytes(piece)
            await ready(self._stream.subscribe())
        return b""

    async def read_all(self) -> Printed:
        pieces = []
        while piece := await self.read():
            pieces.append(piece)
        return Printed(b"".join(pieces), self.is_cut)

    def close(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.__exit__(None, None, None)


class _InputStream:
    """Writes to the stdin of a program."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    async def write(self, content: bytes) -> None:
        rest = memoryview(content)
        while rest:
            if self._stream is None:
                raise BrokenPipeError("the program does not read its stdin any more")
            try:
                n_bytes = self._stream.check_write()
                if n_bytes:
                    self._stream.write(bytes(rest[:n_bytes]))
                    rest = rest[n_bytes:]
                    continue
            except Err as error:
                _has_failed(error.value)
                self._drop()
                continue
            await ready(self._stream.subscribe())

    async def close(self) -> None:
        """Waits until what was written has reached the program, and closes its stdin."""
        try:
            if self._stream is not None:
                self._stream.flush()
                await ready(self._stream.subscribe())
        except Err as error:
            # The program ended without reading all of it, which its end shows.
            _has_failed(error.value)
        finally:
            self._drop()

    def _drop(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.__exit__(None, None, None)


def _has_failed(error: Any) -> bool:
    """Returns whether a stream failed, and did not just end. Drops the error."""
    detail = getattr(error, "value", None)
    if detail is None:
        return False
    detail.__exit__(None, None, None)
    return True


class CommandOutput:
    """What a program prints on one stream, while it runs. Iterate over it for pieces of bytes."""

    def __init__(self, host: Host, stream: Any) -> None:
        self._host = host
        self._core = _OutputStream(stream)

    @property
    def is_cut(self) -> bool:
        """Whether the program printed more than the pin allows. What follows is lost."""
        return self._core.is_cut

    def read(self) -> bytes:
        """Waits for the next piece. It is empty at the end."""
        return drive(self._core.read(), self._host.poller)

    def read_all(self) -> Printed:
        """Reads to the end."""
        return drive(self._core.read_all(), self._host.poller)

    def __iter__(self) -> Iterator[bytes]:
        while piece := self.read():
            yield piece


class CommandInput:
    """The stdin of a program. Close it, so that the program sees the end of its input."""

    def __init__(self, host: Host, stream: Any) -> None:
        self._host = host
        self._core = _InputStream(stream)

    def write(self, content: bytes | str) -> None:
        """Writes all of it, and waits while the program does not read."""
        drive(self._core.write(_encoded(content)), self._host.poller)

    def close(self) -> None:
        """Closes the stdin of the program."""
        drive(self._core.close(), self._host.poller)


class AsyncOutput:
    """What a program prints on one stream, while it runs. Use `async for` for pieces of bytes."""

    def __init__(self, stream: Any) -> None:
        self._core = _OutputStream(stream)

    @property
    def is_cut(self) -> bool:
        """Whether the program printed more than the pin allows. What follows is lost."""
        return self._core.is_cut

    async def read(self) -> bytes:
        """Waits for the next piece. It is empty at the end."""
        return await self._core.read()

    async def read_all(self) -> Printed:
        """Reads to the end."""
        return await self._core.read_all()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while piece := await self.read():
            yield piece


class AsyncInput:
    """The stdin of a program. Close it, so that the program sees the end of its input."""

    def __init__(self, stream: Any) -> None:
        self._core = _InputStream(stream)

    async def write(self, content: bytes | str) -> None:
        """Writes all of it, and waits while the program does not read."""
        await self._core.write(_encoded(content))

    async def close(self) -> None:
        """Closes the stdin of the program."""
        await self._core.close()


def _encoded(content: bytes | str) -> bytes:
    return content.encode() if isinstance(content, str) else bytes(content)


class _Started:
    """A program that was started and may still run. Dropping it kills the program."""

    def __init__(self, command: str, process: Any) -> None:
        self.command = command
        self._process = process

    def _error(self, it: Any) -> Any:
        return command_error(self.command, it)

    def get(self) -> End | None:
        """Returns how the program ended, or `None` while it runs. Raises `CommandError`."""
        found = self._process.get()
        return None if found is None else _end(unwrap(found, self._error))

    def kill(self) -> None:
        """Kills the program, and every process that it has started, if it has not ended."""
        self._process.kill()


class Process(_Started):
    """A program that was started and may still run. Dropping it kills the program.

    A program that prints more than a pipe holds waits until its output is read, so read the output
    before waiting for the end.
    """

    def __init__(self, host: Host, command: str, process: Any) -> None:
        super().__init__(command, process)
        stdin = process.stdin()
        self.stdin = None if stdin is None else CommandInput(host, stdin)
        self.stdout = CommandOutput(host, process.stdout())
        self.stderr = CommandOutput(host, process.stderr())

    def wait(self) -> End:
        """Waits until the program has ended. Raises `CommandError`."""
        with converted(self._error):
            end = self._process.wait()
        return _end(end)


class AsyncProcess(_Started):
    """A program that was started and may still run. Dropping it kills the program."""

    def __init__(self, command: str, process: Any) -> None:
        super().__init__(command, process)
        stdin = process.stdin()
        self.stdin = None if stdin is None else AsyncInput(stdin)
        self.stdout = AsyncOutput(process.stdout())
        self.stderr = AsyncOutput(process.stderr())

    async def wait(self) -> End:
        """Waits until the program has ended. Raises `CommandError`."""
        while (end := self.get()) is None:
            await ready(self._process.subscribe())
        return end


def _start(host: Host, name: str, arguments: tuple[str, ...], options: wire.StartOptions) -> Any:
    with converted(lambda it: command_error(name, it)):
        return host.commands.start(name, [str(it) for it in arguments], options)


def _options(
    folder: str | None, variables: Mapping[str, str] | None, stdin: bool
) -> wire.StartOptions:
    pairs = [wire.Variable(name, value) for name, value in (variables or {}).items()]
    source = wire.StdinSource.PIPED if stdin else wire.StdinSource.EMPTY
    return wire.StartOptions(folder, pairs, source)


class Commands:
    """Runs pinned commands. A program receives its arguments verbatim; no shell interprets them."""

    _host: Host

    def run_command(self, name: str, *arguments: str, stdin: bytes | str | None = None) -> Output:
        """Runs a command, and returns its result even if it did not succeed.

        Raises `CommandError` if the command was not run, or did not end by itself.
        """
        given = None if stdin is None else _encoded(stdin)
        with converted(lambda it: command_error(name, it)):
            output = self._host.commands.run(name, [str(it) for it in arguments], given)
        return Output(_end(output.end), _printed(output.stdout), _printed(output.stderr))

    def start_command(
        self,
        name: str,
        *arguments: str,
        folder: str | None = None,
        variables: Mapping[str, str] | None = None,
        stdin: bool = False,
    ) -> Process:
        """Starts a command and continues.

        `folder` is a path below the folder of the pin, `variables` are environment variables that
        the pin allows, and `stdin` is whether the method writes to the program.
        """
        options = _options(folder, variables, stdin)
        return Process(self._host, name, _start(self._host, name, arguments, options))


class AsyncCommands:
    """Runs pinned commands. A program receives its arguments verbatim; no shell interprets them."""

    _host: Host

    async def run_command(
        self, name: str, *arguments: str, stdin: bytes | str | None = None
    ) -> Output:
        """Runs a command, and returns its result even if it did not succeed.

        Raises `CommandError` if the command was not run, or did not end by itself.
        """
        process = self.start_command(name, *arguments, stdin=stdin is not None)
        try:
            reads = (process.stdout.read_all(), process.stderr.read_all())
            feed = _feed(process, stdin)
            stdout, stderr, _ = await asyncio.gather(*reads, feed)
            return Output(await process.wait(), stdout, stderr)
        except BaseException:
            process.kill()
            raise

    def start_command(
        self,
        name: str,
        *arguments: str,
        folder: str | None = None,
        variables: Mapping[str, str] | None = None,
        stdin: bool = False,
    ) -> AsyncProcess:
        """Starts a command and continues.

        `folder` is a path below the folder of the pin, `variables` are environment variables that
        the pin allows, and `stdin` is whether the method writes to the program.
        """
        options = _options(folder, variables, stdin)
        return AsyncProcess(name, _start(self._host, name, arguments, options))


async def _feed(process: AsyncProcess, stdin: bytes | str | None) -> None:
    if process.stdin is None or stdin is None:
        return
    try:
        await process.stdin.write(stdin)
    except BrokenPipeError:
        # A program need not read all of its input.
        pass
    await process.stdin.close()
