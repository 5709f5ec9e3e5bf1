"""A type describes itself, and its methods, checks, upgrades and reports run."""

import asyncio
import dataclasses
import json
import logging
import unittest

from sedge_sdk import (
    CallReport,
    CheckedCall,
    Context,
    DataError,
    Failure,
    Model,
    Report,
    _wire,
    errors,
    field,
)
from sedge_sdk.testing import LogLine, TestContext

model = Model("@test/sum", "2026.12.01.1", "Adds")
model.asks_for_models("*", "to add numbers of other models")
model.asks_for_http("https://api.test", "to look", methods=["GET"])
model.asks_for_folder("in", "to read", access="write")
model.asks_for_secret("TOKEN", "to look", hosts=["https://api.test"], reveal=True)
model.file("report", "text/plain", "The working", keep=3)


@model.global_arguments
@dataclasses.dataclass
class Globals:
    unit: str = "m"


@model.resource("sum", lifetime="7d", keep=10, tags={"kind": "sum"})
@dataclasses.dataclass
class Sum:
    """The last sum."""

    total: int
    note: str | None = None
    key: str | None = field(default=None, sensitive=True)


@dataclasses.dataclass
class Add:
    left: int
    """The one number"""
    right: int = 0


@model.method(kind="action")
def add(cx: Context, arguments: Add) -> Sum:
    """Add two numbers.

    And more.
    """
    total = Sum(arguments.left + arguments.right, note=cx.global_arguments.unit)
    cx.write("sum", total)
    return total


@model.method(kind="read", description="Do nothing")
def nothing(cx: Context) -> None:
    print("nothing")


@model.method(kind="action")
def fail(cx: Context, arguments: Add) -> None:
    """Fail after a write."""
    cx.write("sum", Sum(1))
    if arguments.left == 0:
        raise Failure("zero", "it is zero", details={"left": 0}, keep_writes=arguments.right == 1)
    if arguments.left == 1:
        {}["x"]
    cx.call("other", "run")


@model.method(kind="read")
def write_in_read(cx: Context) -> None:
    cx.write("sum", Sum(1))


@model.method(kind="action")
def log(cx: Context) -> None:
    cx.info("one", a=1, b=object)
    logging.getLogger("lib").warning("two %s", "2")
    logging.info("three")
    logging.debug("not shown")


@model.method(kind="action")
def bad_result(cx: Context) -> object:
    return {"a": {1, 2}, "b": b"x"}


@model.method(kind="action")
async def group(cx: object) -> None:
    async def one() -> None:
        raise Failure("inner", "the task failed")

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(one())


@model.check(methods=["add"], labels=["policy"])
def small(cx: Context, call: CheckedCall) -> None:
    """The numbers are small."""
    assert call.argument("left") == call.arguments.left
    if call.arguments.left > 10:
        raise Failure("large", f"{call.arguments.left} is more than 10")


@model.upgrade("2026.12.01.1")
def unit(arguments: dict) -> None:
    """`measure` is now `unit`."""
    arguments["unit"] = arguments.pop("measure")


@model.report(scope="method")
def summary(subject: CallReport) -> Report:
    """What was added."""
    return Report(f"# {subject.method}: {subject.outcome.value}", {"ok": subject.outcome.ok})


class ModelTest(unittest.TestCase):
    def test_type_describes_itself(self) -> None:
        info = model.describe()
        self.assertEqual((info.name, info.version), ("@test/sum", "2026.12.01.1"))
        kinds = {it.name: it.kind.name for it in info.methods}
        self.assertEqual(kinds["add"], "ACTION")
        self.assertEqual(info.methods[0].description, "Add two numbers.")
        self.assertEqual(info.methods[1].description, "Do nothing")
        arguments = json.loads(info.methods[0].arguments)
        self.assertEqual(arguments["properties"]["left"]["description"], "The one number")
        self.assertEqual(json.loads(info.methods[1].arguments)["properties"], {})
        resource = info.resources[0]
        self.assertEqual((resource.name, resource.description), ("sum", "The last sum."))
        self.assertTrue(json.loads(resource.schema)["properties"]["key"]["sensitive"])
        retention = resource.retention
        self.assertEqual(
            (retention.lifetime, retention.keep, retention.tags), ("7d", "10", [("kind", "sum")])
        )
        self.assertEqual(info.files[0].retention.keep, "3")
        self.assertEqual(info.checks[0].applies_to, ["add"])
        self.assertEqual(info.upgrades[0].description, "`measure` is now `unit`.")
        self.assertEqual(info.reports[0].description, "What was added.")
        self.assertEqual(len(info.permissions), 4)
        self.assertEqual(info.permissions[2].permission.value.access.name, "WRITE")

    def test_method_writes_and_returns(self) -> None:
        test = TestContext(model, global_arguments={"unit": "km"})
        expect = {"total": 5, "note": "km", "key": None}
        self.assertEqual(test.run("add", {"left": 2, "right": 3}), expect)
        self.assertEqual(test.content("sum"), expect)
        self.assertEqual([(it.name, it.version) for it in test.written], [("sum", 1)])
        test.run("add", {"left": 1})
        self.assertEqual([it.version for it in test.versions("sum")], [1, 2])
        self.assertEqual(test.versions("sum")[0].tags, {"kind": "sum"})
        self.assertIsNone(test.run("nothing"))

    def test_arguments_that_do_not_fit_are_refused(self) -> None:
        test = TestContext(model)
        for arguments, expect in (
            ({}, "`left` is required, and was not given"),
            ({"left": "1"}, '/left: it has to be a whole number; `"1"` was given'),
            ({"left": 1, "up": 2}, "there is no `up`"),
        ):
            with self.assertRaises(Failure) as raised:
                test.run("add", arguments)
            self.assertEqual(raised.exception.code, "invalid-input")
            self.assertIn(expect, raised.exception.message)
        with self.assertRaisesRegex(Failure, "/unit: it has to be a text"):
            TestContext(model, global_arguments={"unit": 3}).run("nothing")

    def test_failed_call_discards_its_writes(self) -> None:
        test = TestContext(model)
        with self.assertRaises(Failure) as raised:
            test.run("fail", {"left": 0})
        failure = raised.exception
        self.assertEqual((failure.code, failure.details), ("zero", {"left": 0}))
        self.assertEqual(test.names(), [])
        with self.assertRaises(Failure):
            test.run("fail", {"left": 0, "right": 1})
        self.assertEqual(test.names(), ["sum"])

    def test_exception_becomes_a_failure_with_its_frames(self) -> None:
        with self.assertRaises(Failure) as raised:
            TestContext(model).run("fail", {"left": 1})
        failure = raised.exception
        self.assertEqual((failure.code, failure.message), ("panic", "KeyError: 'x'"))
        self.assertRegex(failure.stack[0], r"^fail at .*test_model.py:\d+$")
        self.assertEqual(len(failure.stack), 1)

    def test_error_of_a_callee_keeps_its_code(self) -> None:
        test = TestContext(model)
        test.on_call("other", "run", error=Failure("not-reachable", "the host is down"))
        with self.assertRaises(Failure) as raised:
            test.run("fail", {"left": 2})
        self.assertEqual(raised.exception.code, "not-reachable")
        test.on_call("other", "run", error=errors.CallTimedOut(50))
        with self.assertRaises(Failure) as raised:
            test.run("fail", {"left": 2})
        expect = ("timed-out", "it was stopped after 50 ms, at its deadline", {"after_ms": 50})
        failure = raised.exception
        self.assertEqual((failure.code, failure.message, failure.details), expect)

    def test_failure_of_a_task_group_is_that_of_its_task(self) -> None:
        with self.assertRaises(Failure) as raised:
            TestContext(model).run("group")
        self.assertEqual(raised.exception.code, "inner")

    def test_method_of_kind_read_cannot_write(self) -> None:
        with self.assertRaises(Failure) as raised:
            TestContext(model).run("write_in_read")
        self.assertEqual(raised.exception.code, "read-only")
        self.assertIsInstance(raised.exception.__cause__, DataError)

    def test_log_has_lines_of_the_context_and_of_logging(self) -> None:
        test = TestContext(model)
        test.run("log")
        one, two, three = test.logs
        self.assertEqual(one, LogLine("info", "one", {"a": 1, "b": "<class 'object'>"}))
        self.assertEqual(two, LogLine("warn", "two 2", {"logger": "lib"}))
        self.assertEqual(three, LogLine("info", "three", {}))

    def test_result_that_is_not_json_is_a_failure(self) -> None:
        with self.assertRaises(Failure) as raised:
            TestContext(model).run("bad_result")
        self.assertEqual(raised.exception.code, "invalid-result")
        self.assertIn("/b: a `bytes` is not JSON", raised.exception.message)

    def test_check_decides_on_the_call(self) -> None:
        test = TestContext(model)
        test.check("small", "add", {"left": 10})
        with self.assertRaisesRegex(Failure, "11 is more than 10"):
            test.check("small", "add", {"left": 11})

    def test_upgrade_changes_the_global_arguments(self) -> None:
        test = TestContext(model)
        self.assertEqual(test.upgrade("2026.12.01.1", {"measure": "km"}), {"unit": "km"})
        with self.assertRaisesRegex(Failure, "has no upgrade to 2020.01.01.1"):
            test.upgrade("2020.01.01.1", {})

    def test_report_sees_its_subject(self) -> None:
        reports = _wire.reports
        subject = reports.ReportSubject_Method(
            reports.ReportOfCall(
                model=reports.ReportModel("m", "m", "@test/sum", "2026.12.01.1", []),
                method="add",
                run="r",
                call="r/1",
                step=None,
                arguments="{}",
                global_arguments="{}",
                started_at_ms=0,
                ended_at_ms=1,
                outcome=reports.ReportOutcome_Succeeded("5"),
                written=[],
            )
        )
        made = TestContext(model).report("summary", subject)
        self.assertEqual(made, ("# add: 5", {"ok": True}))

    def test_mistakes_of_the_author_are_named(self) -> None:
        other = Model("@test/other", "2026.12.01.1", "Other")
        with self.assertRaisesRegex(ValueError, "there is no kind `write`"):
            other.method(kind="write")(lambda cx: None)  # type: ignore[arg-type]
        with self.assertRaisesRegex(TypeError, "the type of `a` has to be a dataclass"):

            @other.method(kind="action")
            def one(cx: Context, a: int) -> None: ...

        with self.assertRaisesRegex(TypeError, "`two` has 3 parameters"):

            @other.method(kind="action")
            def two(cx: Context, a: Add, b: Add) -> None: ...

        with self.assertRaisesRegex(TypeError, "only an `async def` method"):

            @other.method(kind="action", graceful=True)
            def three(cx: Context) -> None: ...

        for _ in range(2):
            add = other.method(kind="action", name="four")
            if _ == 0:
                add(lambda cx: None)
        with self.assertRaisesRegex(ValueError, "has two methods `four`"):
            add(lambda cx: None)
