"""Attacks in Python: code that does not end, needs all memory, or hands over what is no text."""

import asyncio
import dataclasses
import os
import random
import re
import sys
import uuid
from typing import Any

from sedge_sdk import AsyncContext, Context, Failure, Model

model = Model("@test/py-hostile", "2026.12.01.1", "Attacks in Python")
model.asks_for_http("http://127.0.0.1:9", "to have many requests pending")
model.asks_for_models("*", "to have many calls pending")


@model.resource("note")
@dataclasses.dataclass
class Note:
    text: str


@model.method(kind="action")
async def spin(cx: AsyncContext) -> None:
    """An endless coroutine that lets others run"""
    while True:
        await asyncio.sleep(0)


@model.method(kind="action")
async def spawn_tasks(cx: AsyncContext) -> None:
    """Coroutines without end that make others"""

    async def more() -> None:
        while True:
            asyncio.ensure_future(more())
            await asyncio.sleep(0)

    await more()


@model.method(kind="action")
async def refuse_to_end(cx: AsyncContext) -> None:
    """A coroutine that swallows its cancellation"""

    async def stubborn() -> None:
        while True:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                pass

    asyncio.ensure_future(stubborn())
    await asyncio.sleep(0)


@model.method(kind="action")
async def sleep(cx: AsyncContext) -> None:
    """A coroutine that sleeps for an hour"""
    await asyncio.sleep(3600)


@model.method(kind="action")
async def wait(cx: AsyncContext) -> None:
    """A coroutine that waits for nothing"""
    await asyncio.get_running_loop().create_future()


@model.method(kind="action")
def memory(cx: Context) -> int:
    """A list without end"""
    pieces = []
    while True:
        pieces.append(bytearray(1 << 20))


@model.method(kind="action")
def memory_of_objects(cx: Context) -> int:
    """Small objects without end, and no way out of it"""
    kept: list[Any] = []
    while True:
        try:
            kept.append([kept])
        except MemoryError:
            continue


@model.method(kind="action")
def recursion(cx: Context) -> None:
    """A function that calls itself"""
    recursion(cx)


@model.method(kind="action")
def deep_recursion(cx: Context) -> None:
    """A function that calls itself, with the interpreter's limit raised"""
    sys.setrecursionlimit(1_000_000_000)
    sorted([0, 1], key=lambda _: deep_recursion(cx))  # through C code, which uses the real stack


@model.method(kind="action")
def regular_expression(cx: Context) -> None:
    """A regular expression that takes exponential time"""
    re.match(r"(a+)+$", "a" * 64 + "b")


@model.method(kind="action")
def big_number(cx: Context) -> None:
    """One instruction that takes very long"""
    str(pow(7, pow(7, pow(7, 7)), 10**100_000))


@model.method(kind="action")
def catch_all(cx: Context) -> None:
    """A loop that catches everything"""
    while True:
        try:
            while True:
                pass
        except BaseException:
            continue


@model.method(kind="action")
async def fetches(cx: AsyncContext) -> None:
    """A million requests at once"""
    await asyncio.gather(*(cx.http.get("http://127.0.0.1:9/") for _ in range(1_000_000)))


@model.method(kind="action")
async def calls(cx: AsyncContext) -> None:
    """A million calls at once"""
    pending = [cx.start(cx.identity.model, "sleep") for _ in range(1_000_000)]
    await asyncio.gather(*(it._wait() for it in pending))


@model.method(kind="action")
def bytes_result(cx: Context) -> str:
    """A result that is no text"""
    return "a\udcffb"


@model.method(kind="action")
def bytes_failure(cx: Context) -> None:
    """A failure that is no text"""
    raise Failure("bad\udcff", "a\udcffb\x1b[31m", details={"a": "\udcff"})


@model.method(kind="action")
def bytes_everywhere(cx: Context) -> None:
    """Lines, names and contents that are no text"""
    cx.info("line \udcff", value="\udcff")
    sys.stdout.buffer.write(b"\xff\xfe\x00\n")
    sys.stderr.buffer.write(b"\xc3\x28\n")
    for write in (
        lambda: cx.write("note", Note("\udcff")),
        lambda: cx.write("note", Note("a"), name="a\udcffb"),
    ):
        try:
            write()
        except Exception as error:
            cx.info(f"refused: {type(error).__name__}")


@model.method(kind="action")
def deep_result(cx: Context) -> Any:
    """A result that nests very deep"""
    value: Any = None
    for _ in range(100_000):
        value = [value]
    return value


@model.method(kind="action")
def endless_result(cx: Context) -> Any:
    """A result that contains itself"""
    value: list[Any] = []
    value.append(value)
    return value


@model.method(kind="action")
def leave(cx: Context) -> None:
    """The end of the process, as Python has it"""
    os._exit(0)


@model.method(kind="action")
def system_exit(cx: Context) -> None:
    """The end of the program, as Python has it"""
    sys.exit(0)


@model.method(kind="action")
def raw_import(cx: Context) -> None:
    """A call of an import that does not exist, below the SDK"""
    import componentize_py_runtime

    componentize_py_runtime.call_import(1_000_000, [object()])


@model.method(kind="action")
def use_after_drop(cx: Context) -> None:
    """A resource of the host that is used after it was dropped"""
    from sedge_sdk.bindings.imports import monotonic_clock

    pollable = monotonic_clock.subscribe_duration(0)
    pollable.__exit__(None, None, None)
    pollable.block()


@model.method(kind="read")
def numbers(cx: Context) -> list[str]:
    """Random numbers of all sources, which differ from call to call"""
    return [
        str(random.random()),
        os.urandom(8).hex(),
        str(uuid.uuid4()),
        str(random.SystemRandom().random()),
    ]
