"""Each error of the contract (`wit/errors.json`) has a class, and passes the border to the host unchanged."""

import dataclasses
import json
import pathlib
import re
import typing
import unittest
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from sedge_sdk import Context, Failure, Model, _wire, _wire_errors, errors, limits
from sedge_sdk._error_table import CASES
from sedge_sdk.errors import CheckFailure, ContractError, Violation
from sedge_sdk.testing import ScriptedCommand, TestContext
from sedge_sdk.testing._errors import error_to_wire

SDK = pathlib.Path(__file__).parent.parent
TABLE = json.loads((SDK / "sedge_sdk/wit/errors.json").read_text(encoding="utf-8"))["errors"]

CONVERSIONS: dict[str, Callable[[Any], ContractError]] = {
    "CallError": _wire_errors.call_error,
    "DataError": _wire_errors.data_error,
    "ModelsError": lambda it: _wire_errors.models_error("the name", it),
    "WorkflowError": _wire_errors.workflow_error,
    "CommandError": lambda it: _wire_errors.command_error("the command", it),
    "SecretError": _wire_errors.secret_error,
}

SAMPLES: dict[Any, Any] = {
    str: "a `text`",
    str | None: "another",
    int: 7,
    Sequence[str]: ("one", "two"),
    Sequence[Violation]: (Violation("", "whole"), Violation("/a", "part")),
    Sequence[CheckFailure]: (CheckFailure("quota", "too many"),),
    errors.TargetKind: "method",
    Failure: Failure("own", "their text", details={"n": 1}, keep_writes=True, stack=["f at a.py:1"]),
}
"""A value for each type of an attribute."""


def camel(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("-"))


def cases() -> Iterator[tuple[str, str, dict[str, Any], type[ContractError]]]:
    """Returns each case of the table, with its class."""
    for base, of in TABLE.items():
        for case, row in (of["cases"] | of.get("of_sdk", {})).items():
            yield base, case, row, getattr(errors, f"{base.removesuffix('Error')}{camel(case)}")


def sample(case: type[ContractError]) -> ContractError:
    """Returns an error whose attributes all have values."""
    # The type of each attribute needs a sample, so a new one fails here.
    hints = typing.get_type_hints(case)
    values = {it.name: SAMPLES[hints[it.name]] for it in dataclasses.fields(case)}  # type: ignore[arg-type]
    for name in ("command", "name"):
        if name in values:
            values[name] = f"the {name}"
    return case(**values)


def attribute(error: ContractError, field: str) -> Any:
    return getattr(error, "reason" if field == "message" else field)


def expected_message(error: ContractError, template: str) -> str:
    def shown(part: re.Match[str]) -> str:
        name, _, between = part[1].partition("|")
        name, is_optional, before = name.partition("?")
        value = attribute(error, name)
        if isinstance(value, tuple):
            return between.join(map(str, value))
        return f"{before}{value}" if is_optional else str(value)

    return re.sub(r"\{(.*?)\}", shown, template)


def plain(value: Any) -> Any:
    return json.loads(json.dumps(value, default=dataclasses.asdict))


def expected_details(error: ContractError, keys: list[str]) -> Any:
    details = {}
    for key in keys:
        name, is_constant, constant = key.removesuffix("?").partition("=")
        details[name] = constant if is_constant else plain(attribute(error, name))
    return details or None


class TableTest(unittest.TestCase):
    def test_classes_are_those_of_the_table(self) -> None:
        expected = {f"{base}_{camel(case)}": of for base, case, _, of in cases()}
        self.assertEqual(CASES, expected)
        self.assertGreater(len(expected), 40)
        self.assertEqual(set(CONVERSIONS), set(TABLE))
        for base, case, _, of in cases():
            self.assertEqual(of.__bases__, (getattr(errors, base),), case)
            self.assertIn(of.__name__, errors.__all__)
            self.assertEqual(of.__module__, "sedge_sdk.errors")
            self.assertTrue(of.__doc__)

    def test_each_has_the_code_the_message_and_the_details_of_the_table(self) -> None:
        for base, case, row, of in cases():
            with self.subTest(base, case=case):
                error = sample(of)
                if row.get("is") == "failure":
                    found = (error.code, str(error), error.details)
                    self.assertEqual(found, ("own", "their text", {"n": 1}))
                    continue
                self.assertEqual(error.code, row.get("code", case))
                self.assertEqual(str(error), expected_message(error, row["message"]))
                self.assertEqual(error.details, expected_details(error, row.get("details", [])))

    def test_each_case_of_the_bindings_has_a_class(self) -> None:
        modules = (_wire.types, _wire.data, _wire.models, _wire.workflows, _wire.commands, _wire.secrets)
        found = {
            name
            for module in modules
            for name, it in vars(module).items()
            if isinstance(it, type) and name.partition("_")[0] in TABLE and "_" in name
        }
        of_sdk = {f"{base}_{camel(case)}" for base, of in TABLE.items() for case in of.get("of_sdk", {})}
        self.assertEqual(found, CASES.keys() - of_sdk)

    def test_each_survives_the_border_to_the_host(self) -> None:
        for base, case, _, of in cases():
            if case in TABLE[base].get("of_sdk", {}):
                with self.assertRaisesRegex(TypeError, of.__name__):
                    error_to_wire(sample(of))
                continue
            with self.subTest(base, case=case):
                error = sample(of)
                wire = error_to_wire(error)
                self.assertEqual(type(wire).__name__, f"{base}_{camel(case)}")
                back = CONVERSIONS[base](wire)
                self.assertIs(type(back), of)
                for it in dataclasses.fields(of):  # type: ignore[arg-type]
                    ours, theirs = getattr(error, it.name), getattr(back, it.name)
                    if isinstance(ours, Failure):
                        ours, theirs = vars(ours), vars(theirs)
                    self.assertEqual(ours, theirs, it.name)
                self.assertEqual((back.code, str(back)), (error.code, str(error)))
                self.assertEqual(back.details, error.details)
                wrong = next(it for it in CONVERSIONS if it != base)
                with self.assertRaises(TypeError):
                    CONVERSIONS[wrong](wire)

    def test_attributes_do_not_hide_those_of_every_error(self) -> None:
        for _, case, _, of in cases():
            names = {it.name for it in dataclasses.fields(of)}  # type: ignore[arg-type]
            reserved = {"args", "code", "details", "message", "stack"} | set(dir(Exception))
            self.assertFalse(names & reserved, case)

    def test_target_kinds_are_those_of_the_contract(self) -> None:
        kinds = [it.name.lower() for it in _wire.types.TargetKind]
        self.assertEqual(list(typing.get_args(errors.TargetKind)), kinds)

    def test_optional_attribute_can_be_left_out(self) -> None:
        error = errors.CallDeadlock(["a"], ["b"])
        self.assertEqual(str(error), "a and b wait for each other")
        self.assertEqual(error.details, {"ours": ["a"], "theirs": ["b"]})
        self.assertEqual(repr(error), "CallDeadlock(ours=['a'], theirs=['b'], difference=None)")

    def test_limits_are_those_of_the_book(self) -> None:
        found = {name: it for name, it in vars(limits).items() if name.isupper()}
        self.assertGreater(len(found), 20)
        self.assertEqual((found["JSON_BYTES"], found["HTTP_SECRETS"]), ("json-bytes", "http.secrets"))
        page = SDK.parent.parent / "docs/reference/codes.md"
        if page.exists():
            listed = page.read_text(encoding="utf-8").split("## Limits")[1]
            self.assertEqual(list(found.values()), re.findall(r"^\| `(.*?)`", listed, re.M))


class ScriptedTest(unittest.TestCase):
    """A method gets the error that its test has scripted."""

    def context(self, run: Callable[[Context], Any]) -> TestContext:
        model = Model("@test/errors", "2026.12.01.1", "Has errors")
        model.asks_for_models("other", "to call it")
        model.asks_for_workflows("deploy", "to deploy")
        model.asks_for_command("the command", "to look")

        @model.method(kind="action")
        def method(cx: Context) -> None:
            """Has an error"""
            run(cx)

        return TestContext(model)

    def check(self, base: str, script: Callable[[TestContext, Any], None], run: Callable[[Context], Any]) -> None:
        for of in (it for of_base, _, _, it in cases() if of_base == base):
            with self.subTest(of.__name__):
                error = sample(of)
                caught: list[ContractError] = []

                def method(cx: Context) -> None:
                    try:
                        run(cx)
                    except ContractError as it:
                        caught.append(it)
                        raise

                test = self.context(method)
                script(test, error)
                with self.assertRaises(Failure) as raised:
                    test.run("method")
                failure = raised.exception
                self.assertEqual([type(it) for it in caught], [of])
                self.assertEqual(
                    (failure.code, failure.message, failure.details),
                    (error.code, error.message, error.details),
                )

    def test_every_error_of_a_call(self) -> None:
        self.check(
            "CallError",
            lambda test, it: test.on_call("other", "run", error=it),
            lambda cx: cx.call("other", "run"),
        )

    def test_error_that_the_host_never_returns_is_refused_where_it_is_scripted(self) -> None:
        test = self.context(lambda cx: None)
        wrong: list[tuple[Any, str]] = [
            (errors.DataDenied("no"), "is no `CallError`"),
            (errors.CallError(), "use one of the classes for its cases"),
            (errors.CallInvalidInput("text"), "'text' is no list"),  # type: ignore[arg-type]
            (errors.CallInvalidInput(["text"]), "'text' is no `Violation`"),  # type: ignore[list-item]
            (errors.CallNotFound("thing", "a"), "none of 'model', 'method'"),  # type: ignore[arg-type]
            (errors.CallTimedOut("late"), "'late' is no `int`"),  # type: ignore[arg-type]
        ]
        for error, text in wrong:
            with self.subTest(text), self.assertRaisesRegex(TypeError, re.escape(text)):
                test.on_call("other", "run", error=error)
        denied: Any = errors.CallDenied("no")
        with self.assertRaisesRegex(TypeError, "is no `CommandError`"):
            test.on_command("the command", end=denied)
        with self.assertRaisesRegex(TypeError, "is no `WorkflowError`"):
            test.on_workflow("deploy", denied)

    def test_every_error_of_a_workflow(self) -> None:
        self.check(
            "WorkflowError",
            lambda test, it: test.on_workflow("deploy", it),
            lambda cx: cx.run_workflow("deploy"),
        )

    def test_every_error_of_a_command(self) -> None:
        self.check(
            "CommandError",
            lambda test, it: test.on_command("the command", end=it),
            lambda cx: cx.run_command("the command"),
        )
