"""The event loop of `async def` methods, over `wasi:io/poll`.

Code of this package that waits is written once, as coroutines that wait for pollables by `ready`. An
`async def` method runs them on the `EventLoop`; a `def` method runs each to its end by `drive`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Generator, Sequence
from typing import Any, NoReturn, Protocol, TypeVar

from ._failures import frames_of_task
from .errors import NeverReady

T = TypeVar("T")

_IDLE_POLL_SECONDS = 0.001
"""How often a busy loop looks at its pollables: the resolution of the host's clocks."""


class Pollable(Protocol):
    """Something that becomes ready: a resource of `wasi:io/poll`, or its double in a test."""

    def __exit__(self, kind: Any, value: Any, traceback: Any) -> Any: ...


class Poller(Protocol):
    """Waits for pollables, and has the clock of the loop."""

    def now(self) -> float:
        """Returns the seconds since some time in the past."""

    def poll(self, pollables: Sequence[Any], timeout: float | None) -> list[int]:
        """Waits until a pollable is ready or the seconds have passed. Returns which are ready."""


class _Wait:
    """What a coroutine yields to `drive`: wait for these pollables."""

    def __init__(self, pollables: Sequence[Pollable]) -> None:
        self.pollables = pollables

    def __await__(self) -> Generator[_Wait, list[int], list[int]]:
        return (yield self)


async def ready(*pollables: Pollable) -> list[int]:
    """Waits until one of the pollables is ready, and drops them. Returns which are ready."""
    try:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return await _Wait(pollables)
        if not isinstance(loop, EventLoop):
            raise RuntimeError("this runs on the event loop of `sedge_sdk` only")
        return await loop.ready(pollables)
    finally:
        for pollable in pollables:
            pollable.__exit__(None, None, None)


def drive(coroutine: Coroutine[Any, Any, T], poller: Poller) -> T:
    """Runs a coroutine of this package to its end, in a `def` method."""
    try:
        wait = coroutine.send(None)
        while True:
            wait = coroutine.send(poller.poll(wait.pollables, None))
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]
    finally:
        coroutine.close()


class _Selector:
    """What `asyncio`'s loop waits by: it calls `select` between the callbacks."""

    def __init__(self, poller: Poller) -> None:
        self.poller = poller
        self.waits: dict[int, tuple[Pollable, asyncio.Future[None]]] = {}
        self.next_key = 0
        self.polled_at = float("-inf")

    def add(self, pollable: Pollable, future: asyncio.Future[None]) -> int:
        self.next_key += 1
        self.waits[self.next_key] = (pollable, future)
        return self.next_key

    def select(self, timeout: float | None = None) -> list[asyncio.Future[None]]:
        timeout = timeout if timeout is None else max(timeout, 0.0)
        if timeout == 0:
            # Callbacks are ready. Looking at the pollables before each of them would cost much.
            now = self.poller.now()
            if not self.waits or now < self.polled_at + _IDLE_POLL_SECONDS:
                return []
        elif timeout is None and not self.waits:
            raise NeverReady("the method waits for something that can never happen")
        waits = list(self.waits.values())
        ready = self.poller.poll([pollable for pollable, _ in waits], timeout)
        self.polled_at = self.poller.now()
        return [waits[index][1] for index in ready]

    def close(self) -> None:
        self.waits.clear()


class EventLoop(asyncio.BaseEventLoop):
    """The loop on which an `async def` method runs. A plugin has no threads and no sockets here."""

    def __init__(self, poller: Poller) -> None:
        super().__init__()
        self._poller = poller
        self._selector = _Selector(poller)

    def time(self) -> float:
        """Returns the seconds of the loop's clock."""
        return self._poller.now()

    async def ready(self, pollables: Sequence[Pollable]) -> list[int]:
        """Waits until one of the pollables is ready. Returns which are ready."""
        futures = [self.create_future() for _ in pollables]
        pairs = zip(pollables, futures)
        keys = [self._selector.add(pollable, future) for pollable, future in pairs]
        try:
            if len(futures) == 1:
                await futures[0]
            else:
                await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)
            return [index for index, future in enumerate(futures) if future.done()]
        finally:
            for key in keys:
                self._selector.waits.pop(key, None)

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Runs a coroutine to its end, cancels the tasks that it has left, and closes the loop."""
        task = self.create_task(coroutine)
        try:
            return self.run_until_complete(task)
        except NeverReady as error:
            error.stack = frames_of_task(task)
            raise
        finally:
            self._cancel_tasks()
            self.run_until_complete(self.shutdown_asyncgens())
            self.close()

    def _cancel_tasks(self) -> None:
        tasks = asyncio.all_tasks(self)
        if not tasks:
            return
        for task in tasks:
            task.cancel()
        self.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> NoReturn:  # type: ignore[override]
        """Refuses: `asyncio.to_thread` and its like need threads."""
        raise RuntimeError("a plugin has no threads; call the function itself")

    # `asyncio`'s loop calls these.

    def _process_events(self, events: list[asyncio.Future[None]]) -> None:
        for future in events:
            if not future.done():
                future.set_result(None)

    def _write_to_self(self) -> None:
        """Wakes a loop that waits in another thread. There are none."""
