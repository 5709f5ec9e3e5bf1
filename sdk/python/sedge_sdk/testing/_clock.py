"""The clock of a test: it moves only while the method waits, and then at once."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from typing import Any

from ..errors import NeverReady


class Clock:
    """A clock that a test sets. It has the time of day and the time of the event loop."""

    def __init__(self, now: datetime.datetime) -> None:
        if now.tzinfo is None:
            raise ValueError("the time of a test's clock needs a time zone, for example `timezone.utc`")
        self.start = now
        self.elapsed = 0.0
        """The seconds since the start."""

    def now(self) -> datetime.datetime:
        """Returns the time."""
        return self.start + datetime.timedelta(seconds=self.elapsed)

    def now_ms(self) -> int:
        """Returns the time in milliseconds since 1970."""
        return round(self.now().timestamp() * 1000)

    def advance(self, seconds: float) -> None:
        """Moves the clock forward."""
        self.elapsed += seconds


class FakePollable:
    """A pollable that is ready at a time of the clock, or once a condition holds."""

    def __init__(
        self, ready_at: float | Callable[[], float] | None, is_done: Callable[[], bool] = lambda: False
    ) -> None:
        self._ready_at = ready_at
        self.is_done = is_done

    @property
    def ready_at(self) -> float | None:
        """The time at which it is ready, if that is known."""
        at = self._ready_at() if callable(self._ready_at) else self._ready_at
        return None if at is None or at == float("inf") else at

    def __exit__(self, kind: Any, value: Any, traceback: Any) -> None:
        pass


class FakePoller:
    """Waits by moving the clock to the next time at which something is ready."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def now(self) -> float:
        return self._clock.elapsed

    def poll(self, pollables: Sequence[FakePollable], timeout: float | None) -> list[int]:
        found = self._ready(pollables)
        if found:
            return found
        times = [it.ready_at for it in pollables if it.ready_at is not None]
        if timeout is not None:
            times.append(self._clock.elapsed + timeout)
        if not times:
            raise NeverReady("the method waits for something that can never happen")
        self._clock.elapsed = max(self._clock.elapsed, min(times))
        return self._ready(pollables)

    def _ready(self, pollables: Sequence[FakePollable]) -> list[int]:
        now = self._clock.elapsed
        return [
            index
            for index, it in enumerate(pollables)
            if it.is_done() or (it.ready_at is not None and it.ready_at <= now)
        ]
