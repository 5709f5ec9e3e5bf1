"""Calls every function of the contract: see `tests/conformance/README.md` for the methods."""

import asyncio
import dataclasses
import datetime
import functools
import inspect
import os
import sys
import time
from collections.abc import Callable
from typing import Any

from sedge_sdk import (
    AsyncContext,
    CheckedCall,
    Context,
    Exit,
    Failure,
    Folder,
    HttpError,
    Model,
    Output,
    RunFailed,
    RunSucceeded,
    RunSuspended,
    SedgeError,
    Timeouts,
    VersionInfo,
)
from sedge_sdk._wire import Err
from sedge_sdk._wire import data as wire_data
from sedge_sdk._wire import types as wire_types

model = Model("@test/conformance-python", "2026.12.01.1", "Calls every function of the contract")
model.asks_for_models("*", "to call them")
model.asks_for_workflows("*", "to run them")
model.asks_for_http("http://*:*", "to send requests")
model.asks_for_folder("inbox", "to read it")
model.asks_for_folder("outbox", "to write to it", access="write")
model.asks_for_variable("CARGO_PKG_NAME", "to read it")
model.asks_for_variable("SEDGE_CONFORMANCE_UNSET", "to see that it is not set")
model.asks_for_secret("TOKEN", "to send it", hosts=["http://*:*"])
model.asks_for_secret("MISSING", "to see that it is missing", hosts=["http://*:*"])
model.asks_for_secret("SHOWN", "to read it", hosts=["http://*:*"], reveal=True)
for command in ("cat", "sh", "sleep", "unpinned", "broken"):
    model.asks_for_command(command, "to run it")
model.file("text", "text/plain", "A text")


@model.resource("record")
@dataclasses.dataclass
class Record:
    """A record"""

    n: int


@model.global_arguments
@dataclasses.dataclass
class Globals:
    label: str | None = None


@model.upgrade("2026.12.01.1")
def name_is_label(arguments: dict[str, Any]) -> None:
    """`name` is now `label`"""
    if "name" in arguments:
        arguments["label"] = arguments.pop("name")


@model.check(methods=["checked"], labels=["manners"])
def agrees(cx: Context, call: CheckedCall) -> None:
    """The caller agrees"""
    if call.argument("agree") is not True:
        raise Failure("disagreed", "the caller does not agree")


def shown(error: BaseException) -> dict[str, Any]:
    """Returns an error as a result."""
    if isinstance(error, OSError):
        return {"error": {"code": "io"}}
    assert isinstance(error, SedgeError)
    it: dict[str, Any] = {"code": error.code}
    if error.details is not None and error.code != "io" and not isinstance(error, HttpError):
        it["details"] = error.details
    return {"error": it}


def returns_errors(run: Callable[..., Any]) -> Callable[..., Any]:
    """Makes a method return the errors of the functions that it calls."""
    if inspect.iscoroutinefunction(run):

        @functools.wraps(run)
        async def wrapped(*arguments: Any) -> Any:
            try:
                return await run(*arguments)
            except (SedgeError, OSError) as error:
                return shown(error)

    else:

        @functools.wraps(run)
        def wrapped(*arguments: Any) -> Any:
            try:
                return run(*arguments)
            except (SedgeError, OSError) as error:
                return shown(error)

    return wrapped


def place(info: VersionInfo) -> dict[str, Any]:
    """Returns the metadata of a version as a result."""
    return {
        "model": info.model,
        "name": info.name,
        "kind": info.kind.value,
        "spec": info.spec,
        "version": info.version,
        "has_time": info.created_at is not None,
        "media_type": info.media_type,
        "size": info.size_bytes,
        "tags": info.tags,
    }


def outcome(it: Any) -> dict[str, Any]:
    """Returns the outcome of a call as a result."""
    written = [{"name": each.name, "version": each.version} for each in it.written]
    return {"value": it.value, "written": written}


# The surroundings of a call.


@dataclasses.dataclass
class Value:
    value: Any


@model.method(kind="action")
def echo(cx: Context, arguments: Value) -> Any:
    """Return a value"""
    return arguments.value


@model.method(kind="read", name="globals")
def global_arguments(cx: Context) -> Any:
    """Return the global arguments"""
    return cx.global_arguments


@model.method(kind="read")
def who(cx: Context) -> Any:
    """Return the identity"""
    it = cx.identity
    return {
        "model": it.model,
        "model_id": it.model_id,
        "type": it.type,
        "type_version": it.type_version,
        "tags": it.tags,
        "method": it.method,
        "run": it.run,
        "call": it.call,
        "step": it.step,
    }


@model.method(kind="read")
def deadline(cx: Context) -> Any:
    """Return the time until the deadline"""
    return {"left_ms": round(cx.deadline_left() / datetime.timedelta(milliseconds=1))}


@dataclasses.dataclass
class Name:
    name: str


@model.method(kind="read")
@returns_errors
def variable(cx: Context, arguments: Name) -> Any:
    """Return a variable"""
    return {"value": cx.variable(arguments.name)}


@dataclasses.dataclass
class File:
    folder: str
    file: str
    text: str | None = None


@model.method(kind="read", name="folder-read")
@returns_errors
def folder_read(cx: Context, arguments: File) -> Any:
    """Read a file of a folder"""
    return {"text": cx.folder(arguments.folder).read_text(arguments.file)}


@model.method(kind="action", name="folder-write")
@returns_errors
def folder_write(cx: Context, arguments: File) -> Any:
    """Write a file of a folder"""
    folder: Folder = cx.folder(arguments.folder)
    folder.write_text(arguments.file, arguments.text or "")
    return {"text": folder.read_text(arguments.file)}


@model.method(kind="action")
def log(cx: Context) -> None:
    """Write a line of each level"""
    cx.log("trace", "a trace")
    cx.debug("some details")
    cx.info("some information", n=1, list=["é", None])
    cx.warn("a warning")
    cx.error("an error")


@model.method(kind="action", name="print")
def print_lines(cx: Context) -> None:
    """Print a line on each stream"""
    print("to stdout", flush=True)
    print("to stderr", file=sys.stderr, flush=True)


@model.method(kind="read")
def clock(cx: Context) -> Any:
    """Look at the clock"""
    return {"is_after_2025": cx.now().year > 2025}


@model.method(kind="read", name="random")
def random_bytes(cx: Context) -> str:
    """Return random bytes"""
    return os.urandom(16).hex()


@dataclasses.dataclass
class Fail:
    code: str
    message: str
    write: str
    details: Any = None
    keep_writes: bool = False


@model.method(kind="action")
def fail(cx: Context, arguments: Fail) -> None:
    """Fail after a write"""
    cx.write("record", Record(1), name=arguments.write)
    raise Failure(
        arguments.code,
        arguments.message,
        details=arguments.details,
        keep_writes=arguments.keep_writes,
    )


@model.method(kind="action")
def panic(cx: Context) -> None:
    """Fail by a fault"""
    raise ZeroDivisionError("a fault in the code")


@dataclasses.dataclass
class Agree:
    agree: bool


@model.method(kind="action")
def checked(cx: Context, arguments: Agree) -> bool:
    """Run if the check succeeds"""
    return arguments.agree


# Data.


@dataclasses.dataclass
class Write:
    name: str
    content: Any
    spec: str = "record"
    tags: dict[str, str] = dataclasses.field(default_factory=dict)
    lifetime: str | None = None


def written(cx: Context, arguments: Write) -> Any:
    """Writes a resource, and reads it."""
    cx.write(
        arguments.spec,
        arguments.content,
        name=arguments.name,
        tags=arguments.tags,
        lifetime=arguments.lifetime,
    )
    return found(cx.latest(arguments.name))


def found(resource: Any) -> Any:
    """Returns a resource as a result."""
    return None if resource is None else {"info": place(resource.info), "content": resource.content}


@model.method(kind="action")
@returns_errors
def write(cx: Context, arguments: Write) -> Any:
    """Write a resource"""
    return written(cx, arguments)


@model.method(kind="read", name="write-in-read")
@returns_errors
def write_in_read(cx: Context, arguments: Write) -> Any:
    """Try to write a resource"""
    return written(cx, arguments)


@dataclasses.dataclass
class DataName:
    model: str
    name: str
    version: int | None = None


@model.method(kind="read")
@returns_errors
def latest(cx: Context, arguments: DataName) -> Any:
    """Read the latest version"""
    return found(cx.latest(arguments.name, model=arguments.model))


@model.method(kind="read")
@returns_errors
def version(cx: Context, arguments: DataName) -> Any:
    """Read one version"""
    return found(cx.version(arguments.name, arguments.version or 0, model=arguments.model))


@model.method(kind="read")
@returns_errors
def versions(cx: Context, arguments: DataName) -> Any:
    """Return the numbers of the versions"""
    return [it.version for it in cx.versions(arguments.name, model=arguments.model)]


@dataclasses.dataclass
class Prefix:
    model: str
    prefix: str


@model.method(kind="read", name="list")
@returns_errors
def list_names(cx: Context, arguments: Prefix) -> Any:
    """List names"""
    return [it.name for it in cx.list(arguments.prefix, model=arguments.model)]


@dataclasses.dataclass
class WriteFile:
    name: str
    pieces: list[str]
    spec: str = "text"
    lines: bool = False
    media_type: str | None = None
    tags: dict[str, str] = dataclasses.field(default_factory=dict)


def read_file(cx: Context, name: str, model: str | None = None, version: int | None = None) -> Any:
    """Returns a file as a result."""
    file = cx.open_file(name, model=model, version=version)
    return None if file is None else {"info": place(file.info), "text": file.read().decode()}


@model.method(kind="action", name="file-write")
@returns_errors
def file_write(cx: Context, arguments: WriteFile) -> Any:
    """Write a file in pieces"""
    options = {
        "name": arguments.name,
        "media_type": arguments.media_type,
        "tags": arguments.tags,
    }
    if arguments.lines:
        with cx.create_lines(arguments.spec, **options) as lines:
            for piece in arguments.pieces:
                lines.write_line(piece)
    else:
        with cx.create_file(arguments.spec, **options) as file:
            for piece in arguments.pieces:
                file.write(piece)
    return read_file(cx, arguments.name)


@model.method(kind="read", name="file-read")
@returns_errors
def file_read(cx: Context, arguments: DataName) -> Any:
    """Read a file"""
    return read_file(cx, arguments.name, arguments.model, arguments.version)


@model.method(kind="action", name="file-abandon")
def file_abandon(cx: Context, arguments: Name) -> None:
    """Start a file, and do not finish it"""
    file = cx.create_file("text", name=arguments.name)
    file.write("lost")
    file.flush()


@model.method(kind="action", name="file-finish-twice")
def file_finish_twice(cx: Context, arguments: Name) -> Any:
    """Finish a file twice"""
    options = wire_data.FileOptions(None, False, [], wire_data.WriteRetention(None, None))
    file = cx._host.data.create_file("text", arguments.name, options)
    file.finish()
    faults = []
    for again in (file.finish, lambda: file.write(b"x")):
        try:
            again()
            faults.append(None)
        except Err as error:
            faults.append(error.value)
    second, late = (isinstance(it, wire_data.DataError_Finished) for it in faults)
    return {"first": True, "second_is_finished": second, "write_is_finished": late}


@dataclasses.dataclass
class Delete:
    name: str
    version: int | None = None


@model.method(kind="delete")
@returns_errors
def delete(cx: Context, arguments: Delete) -> None:
    """Delete data"""
    cx.delete(arguments.name, arguments.version)


@model.method(kind="action", name="delete-in-action")
@returns_errors
def delete_in_action(cx: Context, arguments: Delete) -> None:
    """Try to delete data"""
    cx.delete(arguments.name, arguments.version)


def published(cx: Context) -> list[dict[str, Any]]:
    """Publishes, and returns the versions as a result."""
    return [{"name": it.name, "version": it.version} for it in cx.publish()]


@model.method(kind="action")
def publish(cx: Context, arguments: Name) -> None:
    """Publish, and fail"""
    cx.write("record", Record(1), name=arguments.name)
    details = published(cx)
    cx.write("record", Record(2), name=arguments.name)
    raise Failure("after-publish", "it failed afterwards", details=details)


# Nested calls.


@dataclasses.dataclass
class Call:
    target: str
    method: str
    arguments: Any


@model.method(kind="action")
@returns_errors
def call(cx: Context, arguments: Call) -> Any:
    """Call a method"""
    return outcome(cx.call(arguments.target, arguments.method, arguments.arguments))


@model.method(kind="read", name="call-in-read")
@returns_errors
def call_in_read(cx: Context, arguments: Call) -> Any:
    """Call a method"""
    return outcome(cx.call(arguments.target, arguments.method, arguments.arguments))


@model.method(kind="action", name="call-through")
def call_through(cx: Context, arguments: Call) -> Any:
    """Call a method, and pass its error on"""
    return cx.call(arguments.target, arguments.method, arguments.arguments).value


@dataclasses.dataclass
class Calls:
    calls: list[Call]


@model.method(kind="action")
async def parallel(cx: AsyncContext, arguments: Calls) -> Any:
    """Start calls, and wait for all"""
    pending = [cx.start(it.target, it.method, it.arguments) for it in arguments.calls]
    results = await asyncio.gather(*pending, return_exceptions=True)
    return [shown(it) if isinstance(it, BaseException) else outcome(it) for it in results]


@model.method(kind="action", name="start-and-drop")
def start_and_drop(cx: Context, arguments: Call) -> None:
    """Start a call, and drop it"""
    cx.start(arguments.target, arguments.method, arguments.arguments)


@model.method(kind="action", name="wait-twice")
def wait_twice(cx: Context, arguments: Call) -> Any:
    """Wait for a call twice"""
    pending = cx.start(arguments.target, arguments.method, arguments.arguments)._pending
    pending.wait()
    try:
        pending.wait()
        second = None
    except Err as error:
        second = error.value
    is_cancelled = isinstance(second, wire_types.CallError_Cancelled)
    return {"first": True, "second_is_cancelled": is_cancelled}


@dataclasses.dataclass
class NameAndCall:
    name: str
    call: Call


@model.method(kind="action", name="stage-then-call")
@returns_errors
def stage_then_call(cx: Context, arguments: NameAndCall) -> Any:
    """Stage a record, and call a method"""
    cx.write("record", Record(1), name=arguments.name)
    it = arguments.call
    return outcome(cx.call(it.target, it.method, it.arguments))


def read_and_call(cx: Context, arguments: NameAndCall) -> None:
    """Reads the record, calls, and writes it."""
    cx.latest(arguments.name)
    it = arguments.call
    cx.call(it.target, it.method, it.arguments)
    cx.write("record", Record(3), name=arguments.name)


@model.method(kind="action", name="read-call-write")
@returns_errors
def read_call_write(cx: Context, arguments: NameAndCall) -> Any:
    """Read, call, write and publish"""
    read_and_call(cx, arguments)
    return published(cx)


@model.method(kind="action", name="read-call-write-late")
def read_call_write_late(cx: Context, arguments: NameAndCall) -> None:
    """Read, call and write"""
    read_and_call(cx, arguments)


@dataclasses.dataclass
class Meet:
    url: str
    target: str


@model.method(kind="action")
@returns_errors
def meet(cx: Context, arguments: Meet) -> Any:
    """Get a URL, and then call"""
    cx.http.get(arguments.url).read()
    return outcome(cx.call(arguments.target, "echo", {"value": "met"}))


# HTTP, secrets, commands and workflows.


@dataclasses.dataclass
class Fetch:
    url: str
    method: str = "GET"
    headers: dict[str, str] = dataclasses.field(default_factory=dict)
    body: str | None = None
    timeout_ms: int | None = None


@model.method(kind="action")
@returns_errors
async def fetch(cx: AsyncContext, arguments: Fetch) -> Any:
    """Send a request"""
    seconds = None if arguments.timeout_ms is None else arguments.timeout_ms / 1000
    response = await cx.http.request(
        arguments.method,
        arguments.url,
        headers=arguments.headers,
        body=arguments.body,
        timeouts=Timeouts(first_byte=seconds),
    )
    return {
        "status": response.status,
        "content_type": response.header("content-type"),
        "body": await response.text(),
    }


@dataclasses.dataclass
class FetchFirst:
    url: str
    bytes: int


@model.method(kind="action", name="fetch-first")
@returns_errors
def fetch_first(cx: Context, arguments: FetchFirst) -> Any:
    """Read the beginning of a body"""
    first = b""
    with cx.http.get(arguments.url) as response:
        for piece in response:
            first += piece
            if len(first) >= arguments.bytes:
                break
    return {"first": first[: arguments.bytes].decode()}


@dataclasses.dataclass
class FetchMany:
    authority: str
    path: str
    count: int


@model.method(kind="action", name="fetch-many")
@returns_errors
async def fetch_many(cx: AsyncContext, arguments: FetchMany) -> Any:
    """Send requests at once"""
    url = f"http://{arguments.authority}{arguments.path}"

    async def one() -> int:
        response = await cx.http.get(url)
        await response.read()
        return response.status

    before = time.monotonic()
    statuses = await asyncio.gather(*(one() for _ in range(arguments.count)))
    return {"statuses": statuses, "elapsed_ms": round((time.monotonic() - before) * 1000)}


@dataclasses.dataclass
class SendSecret:
    name: str
    place: str
    url: str


@model.method(kind="action", name="secret-send")
@returns_errors
def secret_send(cx: Context, arguments: SendSecret) -> Any:
    """Send a secret"""
    secret = cx.secret(arguments.name)
    url, headers = arguments.url, {}
    if arguments.place == "header":
        headers["x-token"] = f"Bearer {secret}"
    elif arguments.place == "basic":
        headers["authorization"] = f"Basic {secret.basic('me')}"
    else:
        url = f"{url}?token={secret}"
    return {"status": cx.http.get(url, headers=headers).status}


@model.method(kind="action", name="secret-get")
@returns_errors
def secret_get(cx: Context, arguments: Name) -> Any:
    """Get a secret"""
    return {"has_placeholder": bool(cx.secret(arguments.name).placeholder())}


@model.method(kind="action", name="secret-reveal")
@returns_errors
def secret_reveal(cx: Context, arguments: Name) -> Any:
    """Read a secret"""
    value = cx.secret(arguments.name).reveal()
    return {"n_bytes": len(value), "value": value.decode()}


@dataclasses.dataclass
class Command:
    name: str
    arguments: list[str] = dataclasses.field(default_factory=list)
    stdin: str | None = None


@model.method(kind="action", name="command")
@returns_errors
def run_command(cx: Context, arguments: Command) -> Any:
    """Run a command"""
    output: Output = cx.run_command(arguments.name, *arguments.arguments, stdin=arguments.stdin)
    end = output.end
    return {
        "end": {"exit": end.code} if isinstance(end, Exit) else {"signal": end.number},
        "stdout": output.stdout.text(),
        "stderr": output.stderr.text(),
        "is_cut": output.stdout.is_cut or output.stderr.is_cut,
    }


@dataclasses.dataclass
class Workflow:
    workflow: str
    inputs: Any


@model.method(kind="action", name="workflow-run")
@returns_errors
def workflow_run(cx: Context, arguments: Workflow) -> Any:
    """Run a workflow"""
    run = cx.run_workflow(arguments.workflow, arguments.inputs)
    if isinstance(run, RunSucceeded):
        return {"succeeded": run.outputs}
    if isinstance(run, RunFailed):
        steps = run.steps
        return {"failed": [{"step": it.step, "code": it.code, "is_allowed": it.allowed} for it in steps]}
    if isinstance(run, RunSuspended):
        return {"suspended": list(run.gates)}
    return {"cancelled": run.reason}


@model.method(kind="action", name="workflow-start")
@returns_errors
def workflow_start(cx: Context, arguments: Workflow) -> Any:
    """Start a workflow"""
    return {"has_id": len(cx.start_workflow(arguments.workflow, arguments.inputs)) == 12}


# Queries and definitions.


@dataclasses.dataclass
class Query:
    predicate: str
    select: str


@model.method(kind="read")
@returns_errors
def query(cx: Context, arguments: Query) -> Any:
    """Find data by a predicate"""
    return [it.value for it in cx.query(arguments.predicate, select=arguments.select)]


@dataclasses.dataclass
class Matching:
    model: str
    prefix: str = ""
    spec: str | None = None
    tags: dict[str, str] = dataclasses.field(default_factory=dict)


@model.method(kind="read", name="list-matching")
@returns_errors
def list_matching(cx: Context, arguments: Matching) -> Any:
    """List data by a filter"""
    matching = cx.list(
        arguments.prefix, model=arguments.model, spec=arguments.spec, tags=arguments.tags
    )
    return [it.name for it in matching]


@dataclasses.dataclass
class ModelPrefix:
    prefix: str


@model.method(kind="read")
@returns_errors
def models(cx: Context, arguments: ModelPrefix) -> Any:
    """List models"""
    return [it.name for it in cx.models(arguments.prefix)]


@model.method(kind="read", name="model")
@returns_errors
def definition(cx: Context, arguments: Name) -> Any:
    """Read a definition"""
    it = cx.model(arguments.name)
    return {
        "name": it.name,
        "type": it.type,
        "tags": it.tags,
        "global_arguments": it.global_arguments,
    }


@model.method(kind="observe")
@returns_errors
def observe(cx: Context, arguments: Name) -> None:
    """Write what it sees"""
    cx.write("record", Record(1), name=arguments.name)


# Event loops.


@model.method(kind="action")
async def cancelled(cx: AsyncContext) -> Any:
    """Look for a cancellation"""
    cancellation = asyncio.ensure_future(cx.cancellation())
    await asyncio.sleep(0)
    is_ready = cancellation.done()
    cancellation.cancel()
    return {"is_cancelled": cx.is_cancelled, "is_ready": is_ready}


@model.method(kind="action", name="call-poll")
@returns_errors
async def call_poll(cx: AsyncContext, arguments: Call) -> Any:
    """Poll a call"""
    pending = cx.start(arguments.target, arguments.method, arguments.arguments)
    runs_at_first = pending.get() is None
    ended = outcome(await pending)
    try:
        pending.get()
        is_returned_once = False
    except SedgeError as error:
        is_returned_once = error.code == "cancelled"
    return {"runs_at_first": runs_at_first, "outcome": ended, "is_returned_once": is_returned_once}


@model.method(kind="action", name="call-cancel")
@returns_errors
def call_cancel(cx: Context, arguments: Call) -> Any:
    """Cancel a call"""
    pending = cx.start(arguments.target, arguments.method, arguments.arguments)
    pending.cancel()
    return outcome(pending.wait())


@dataclasses.dataclass
class Program:
    name: str
    arguments: list[str] = dataclasses.field(default_factory=list)
    folder: str | None = None
    lines: list[str] = dataclasses.field(default_factory=list)


def end_of(end: Any) -> dict[str, int]:
    """Returns how a program ended as a result."""
    return {"exit": end.code} if isinstance(end, Exit) else {"signal": end.number}


@model.method(kind="action", name="process")
@returns_errors
async def talk(cx: AsyncContext, arguments: Program) -> Any:
    """Talk with a program"""
    process = cx.start_command(
        arguments.name, *arguments.arguments, folder=arguments.folder, stdin=True
    )
    heard = []
    for line in arguments.lines:
        await process.stdin.write(line + "\n")
        answer = b""
        while not answer.endswith(b"\n"):
            piece = await process.stdout.read()
            assert piece, "the program has closed its output"
            answer += piece
        heard.append(answer.decode())
    runs = process.get() is None
    await process.stdin.close()
    return {"heard": heard, "runs": runs, "end": end_of(await process.wait())}


@model.method(kind="action", name="process-output")
@returns_errors
async def process_output(cx: AsyncContext, arguments: Program) -> Any:
    """Read both outputs of a program"""
    process = cx.start_command(arguments.name, *arguments.arguments)
    stdout, stderr = await asyncio.gather(process.stdout.read_all(), process.stderr.read_all())
    end = end_of(await process.wait())
    return {"end": end, "stdout": stdout.text(), "stderr": stderr.text()}


@model.method(kind="action", name="process-kill")
@returns_errors
def process_kill(cx: Context, arguments: Program) -> Any:
    """Kill a program"""
    process = cx.start_command(arguments.name, *arguments.arguments, stdin=True)
    process.kill()
    return {"end": end_of(process.wait())}


@dataclasses.dataclass
class Programs:
    name: str
    count: int


@model.method(kind="action", name="process-many")
def process_many(cx: Context, arguments: Programs) -> Any:
    """Start programs until one is refused"""
    running = []
    for _ in range(arguments.count):
        try:
            running.append(cx.start_command(arguments.name, stdin=True))
        except SedgeError as error:
            return {"running": len(running), "refused": shown(error)}
    return {"running": len(running), "refused": None}


# Limits.


@dataclasses.dataclass
class Sleep:
    ms: int


@model.method(kind="action")
async def sleep(cx: AsyncContext, arguments: Sleep) -> None:
    """Sleep"""
    await asyncio.sleep(arguments.ms / 1000)


@model.method(kind="action")
def spin(cx: Context) -> None:
    """Compute without end"""
    while True:
        pass


@model.method(kind="action")
def grow(cx: Context) -> None:
    """Use memory without end"""
    pieces = []
    while True:
        pieces.append(bytearray(1 << 20))


@model.method(kind="action")
def recurse(cx: Context) -> Any:
    """Call this method again"""
    return cx.call(cx.identity.model, "recurse").value


@dataclasses.dataclass
class Chatter:
    lines: int


@model.method(kind="action")
def chatter(cx: Context, arguments: Chatter) -> None:
    """Log lines"""
    for number in range(arguments.lines):
        cx.info(f"line {number}")
