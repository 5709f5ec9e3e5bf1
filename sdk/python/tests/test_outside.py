"""What a method reaches outside: data, models, calls, HTTP, secrets, commands, workflows, folders."""

import asyncio
import csv
import dataclasses
import pathlib
import tempfile
import unittest
from typing import Any, Callable

from sedge_sdk import (
    AsyncContext,
    Context,
    Exit,
    Failure,
    Model,
    RunSucceeded,
    RunSuspended,
    Signal,
    errors,
    field,
)
from sedge_sdk.testing import NotScripted, ScriptedCommand, TestContext, response


@dataclasses.dataclass
class Item:
    n: int
    key: str | None = field(default=None, sensitive=True)


def type_of(*methods: Callable[..., Any], kind: str = "action") -> Model:
    """Returns a type with these methods, which requests a lot."""
    model = Model("@test/all", "2026.12.01.1", "Does all")
    model.resource("item", Item, "An item")
    model.resource("loose", Item, "An item", on_violation="warn")
    model.file("table", "text/csv", "A table")
    model.asks_for_models("other", "to call it")
    model.asks_for_workflows("deploy", "to deploy")
    model.asks_for_http("https://api.test", "to look", methods=["GET", "POST", "PUT"])
    model.asks_for_http("https://*.cdn.test:*", "to load")
    model.asks_for_folder("in", "to read")
    model.asks_for_variable("REGION", "to know it")
    model.asks_for_secret("TOKEN", "to look", hosts=["https://api.test"])
    model.asks_for_secret("SIGN", "to sign", reveal=True)
    model.asks_for_secret("NONE", "to see that it is missing")
    model.asks_for_command("git", "to look")
    for method in methods:
        model.method(kind=kind)(method)  # type: ignore[arg-type]
    return model


class Case(unittest.TestCase):
    def under_test(self, *methods: Callable[..., Any], kind: str = "action") -> TestContext:
        return TestContext(type_of(*methods, kind=kind))

    def fails(self, test: TestContext, code: str, text: str = "") -> Failure:
        with self.assertRaises(Failure) as raised:
            test.run("run")
        self.assertEqual(raised.exception.code, code)
        self.assertIn(text, raised.exception.message)
        return raised.exception


class DataTest(Case):
    def test_staged_versions_are_read_before_the_commit(self) -> None:
        def run(cx: Context) -> Any:
            cx.write("item", Item(2), name="a", tags={"t": "1"}, lifetime="7d", keep=3)
            latest = cx.latest("a", Item)
            assert latest is not None and latest.content == Item(2)
            listed = [(it.name, it.version) for it in cx.list()]
            return [latest.info.version, listed, len(cx.versions("a"))]

        test = self.under_test(run)
        test.put("a", {"n": 1}, spec="item")
        test.put("b", {"n": 1}, spec="item")
        self.assertEqual(test.run("run"), [None, [["a", None], ["b", 1]], 1])
        version = test.versions("a")[-1]
        self.assertEqual((version.lifetime, version.keep, version.tags), ("7d", "3", {"t": "1"}))

    def test_list_filters_by_prefix_spec_and_tags(self) -> None:
        def run(cx: Context) -> Any:
            return [
                [it.name for it in cx.list("a")],
                [it.name for it in cx.list(spec="x")],
                [it.name for it in cx.list(tags={"t": "1"})],
            ]

        test = self.under_test(run)
        test.put("a1", 1, spec="x")
        test.put("a2", 1, spec="y", tags={"t": "1"})
        test.put("b1", 1, spec="x", tags={"t": "2"})
        self.assertEqual(test.run("run"), [["a1", "a2"], ["a1", "b1"], ["a2"]])

    def test_list_has_more_than_one_page(self) -> None:
        test = self.under_test(run_list)
        for n in range(2500):
            test.put(f"{n:04}", n)
        self.assertEqual(test.run("run_list"), 2500)

    def test_invalid_writes_are_refused(self) -> None:
        for write, code, text in (
            (lambda cx: cx.write("other", 1), "undeclared", "named `other`"),
            (lambda cx: cx.write("item", {"n": "x"}), "invalid-content", "/n: it has to be a whole number"),
            (lambda cx: cx.write("item", {"n": b""}), "invalid-content", "/n: a `bytes` is not JSON"),
            (lambda cx: cx.write("item", Item(1), name="a\n"), "invalid-name", "is not a data name"),
            (lambda cx: cx.write("item", Item(1), tags={"": "x"}), "invalid-name", "tag's key"),
            (lambda cx: cx.write("item", Item(1), lifetime="soon"), "invalid-retention", "`soon`"),
            (lambda cx: cx.delete("a"), "denied", "it is of kind `action`, not `delete`"),
            (lambda cx: cx.latest("a", model="secret"), "denied", "does not request it"),
            (lambda cx: cx.latest("a", model="other"), "model-not-found", "no model named `other`"),
        ):

            def run(cx: Context) -> None:
                write(cx)

            self.fails(self.under_test(run), code, text)

    def test_text_that_is_none_is_refused(self) -> None:
        bad = "a\udcffb"
        for use in (
            lambda cx: cx.write("item", Item(1), name=bad),
            lambda cx: cx.write("item", Item(1), tags={"a": bad}),
            lambda cx: cx.latest(bad),
            lambda cx: cx.call("other", bad),
            lambda cx: cx.start(bad, "m"),
            lambda cx: cx.run_command("git", bad),
            lambda cx: cx.start_command("git", variables={"A": bad}),
            lambda cx: cx.secret(bad),
            lambda cx: cx.folder(bad),
            lambda cx: cx.variable(bad),
            lambda cx: cx.run_workflow(bad),
            lambda cx: cx.secret("TOKEN").basic(bad),
            lambda cx: cx.http.get("https://api.test/", headers={bad: "x"}),
            lambda cx: cx.http.get(f"https://api.test/{bad}"),
        ):

            def run(cx: Context) -> None:
                use(cx)

            test = self.under_test(run)
            test.secret("TOKEN", "x")
            self.fails(test, "invalid-text", "has parts that are not Unicode characters")

    def test_content_of_another_type_names_the_data(self) -> None:
        def run(cx: Context) -> None:
            cx.latest("a", Item)

        test = self.under_test(run)
        test.put("a", {"n": "x"})
        self.fails(test, "unexpected-content", "`a` of model `model` is not what was expected: /n: ")

    def test_loose_resource_warns(self) -> None:
        def run(cx: Context) -> None:
            cx.write("loose", {"n": "x"})

        test = self.under_test(run)
        test.run("run")
        self.assertIn("`loose` does not fit the schema", test.logs[0].message)

    def test_publish_stays_after_a_failure(self) -> None:
        def run(cx: Context) -> None:
            cx.write("item", Item(1))
            assert [it.version for it in cx.publish()] == [1]
            cx.write("item", Item(2))
            raise Failure("late", "too late")

        test = self.under_test(run)
        self.fails(test, "late")
        self.assertEqual(test.content("item")["n"], 1)

    def test_delete_method_deletes(self) -> None:
        def run(cx: Context) -> None:
            cx.delete("a", 1)
            cx.delete("b")

        test = self.under_test(run, kind="delete")
        for name in "aab":
            test.put(name, 1)
        test.run("run")
        self.assertEqual(test.names(), ["a"])
        self.assertEqual([it.version for it in test.versions("a")], [2])

    def test_file_is_staged_by_the_end_of_its_block(self) -> None:
        def run(cx: Context) -> Any:
            with cx.create_file("table") as table:
                csv.writer(table).writerows([["a", "b"], [1, "é"]])
            with cx.create_lines("table", name="lines", media_type="text/plain") as lines:
                lines.write_line("one")
            try:
                with cx.create_file("table", name="no") as table:
                    table.write(b"x")
                    raise KeyError
            except KeyError:
                pass
            file = cx.open_file("table")
            assert file is not None and file.info.media_type == "text/csv"
            assert cx.open_file("none") is None
            with file.text(newline="") as text:
                return list(csv.reader(text))

        test = self.under_test(run)
        self.assertEqual(test.run("run"), [["a", "b"], ["1", "é"]])
        self.assertEqual(test.file_bytes("lines"), b"one\n")
        self.assertEqual(test.names(), ["lines", "table"])

    def test_large_file_is_written_and_read_in_pieces(self) -> None:
        def run(cx: Context) -> Any:
            with cx.create_file("table") as table:
                for n in range(30_000):
                    table.write(f"{n:09}\n")
            file = cx.open_file("table")
            assert file is not None
            return [sum(1 for _ in file), file.info.size_bytes]

        self.assertEqual(self.under_test(run).run("run"), [30_000, 300_000])

    def test_finished_file_cannot_be_written(self) -> None:
        def run(cx: Context) -> None:
            table = cx.create_file("table")
            table.finish()
            table.write(b"x")

        self.fails(self.under_test(run), "finished")

    def test_query_is_scripted(self) -> None:
        def run(cx: Context) -> Any:
            found = cx.query('spec == "item"', int, select="attributes.n")
            return [[it.info.name, it.value] for it in found]

        test = self.under_test(run)
        test.put("a", {"n": 1}, spec="item")
        with self.assertRaisesRegex(NotScripted, "on_query"):
            test.run("run")
        test.put("b", {"n": 2}, model="other")
        test.put("c", {"n": 3}, model="stranger")
        test.on_query('spec == "item"', [("a", 1), ("other", "b", 2), ("stranger", "c", 3)])
        self.assertEqual(test.run("run"), [["a", 1], ["b", 2]], "a stranger's data does not exist for it")
        with self.assertRaisesRegex(ValueError, r"put\('d', …, model='other'\)"):
            test.on_query("true", [("other", "d", 1)])

    def test_definitions_are_read(self) -> None:
        def run(cx: Context) -> Any:
            names = [it.name for it in cx.models(type="@a/b")]
            return [names, cx.model("other").global_arguments]

        test = self.under_test(run)
        test.definition("other", "@a/b", global_arguments={"x": 1})
        test.definition("hidden", "@a/b")
        self.assertEqual(test.run("run"), [["other"], {"x": 1}])

        def unknown(cx: Context) -> None:
            cx.model("hidden")

        test = TestContext(type_of(unknown))
        with self.assertRaisesRegex(Failure, "does not request it"):
            test.run("unknown")


def run_list(cx: Context) -> int:
    return sum(1 for _ in cx.list())


class SealedTest(Case):
    KEYS = {"keys": [{"value": "k3y one"}], "pin": 123456, "n": 1}

    def test_sealed_field_is_read_by_its_own_model_alone(self) -> None:
        def run(cx: Context) -> Any:
            cx.write("item", Item(1, "open sesame"), name="a")
            latest = cx.latest("a", Item)
            assert latest is not None
            return latest.content.key

        test = self.under_test(run)
        self.assertEqual(test.run("run"), "open sesame")
        self.assertEqual(test.content("a"), {"n": 1, "key": "open sesame"})
        self.assertEqual(test.seen_by_others("a"), {"n": 1, "key": "[sealed]"})
        self.assertIsNone(test.seen_by_others("none"))
        test.put("b", {"n": 1, "key": None}, spec="item")
        self.assertEqual(test.seen_by_others("b"), {"n": 1, "key": None})

    def test_sealed_field_of_another_model_is_hidden_unless_it_may_be_revealed(self) -> None:
        def run(cx: Context) -> Any:
            found = [cx.latest(name, dict, model="other") for name in ("one", "two")]
            file = cx.open_file("one", model="other")
            assert file is not None
            return [*(it and it.content for it in found), file.read().decode()]

        model = type_of(run)
        model.asks_for_reveal("data:other:/keys/*/value", "to use the keys")
        test = TestContext(model)
        test.put("one", self.KEYS, model="other", sealed=["/keys/0/value"])
        test.put("two", self.KEYS, model="other", sealed=["/pin"])
        seen = test.run("run")
        self.assertEqual(seen[0], self.KEYS)
        self.assertEqual(seen[1], self.KEYS | {"pin": "[sealed]"})
        self.assertIn("k3y one", seen[2])
        self.assertEqual(test.logs, [], "what is not requested is no denial")
        test.refuse("reveal")
        seen = test.run("run")
        self.assertEqual(seen[0], self.KEYS | {"keys": [{"value": "[sealed]"}]})
        self.assertNotIn("k3y one", seen[2])
        expect = "`model` may not see the sealed field `/keys/0/value` of the model `other`: no grant allows it"
        self.assertEqual(test.logs[0].message, expect)
        with self.assertRaisesRegex(ValueError, "`one` has no field `/none`"):
            test.put("one", self.KEYS, model="other", sealed=["/none"])

    def test_sealed_value_that_was_seen_does_not_pass_to_a_callee(self) -> None:
        def run(cx: Context) -> Any:
            if is_read:
                cx.latest("a", Item)
            return cx.call("other", "run", {"key": "<open sesame>", "n": 1}).value

        test = self.under_test(run)
        test.put("a", {"n": 1, "key": "open sesame"}, spec="item")
        test.on_call("other", "run", returns=1)
        is_read = True
        expect = (
            "the arguments contain a secret or a sealed field, which a method cannot pass to another one: "
            '`{"key":"<[sealed]>","n":1}`; let the definition of the called model refer to the secret instead'
        )
        self.fails(test, "denied", expect)
        is_read = False
        self.assertEqual(test.run("run"), 1, "this call has not seen it")

    def test_secret_does_not_pass_to_a_callee(self) -> None:
        def run(cx: Context) -> None:
            cx.call("other", "run", {"key": cx.secret("SIGN").reveal().decode()})

        test = self.under_test(run)
        test.secret("SIGN", "s3cr3t")
        test.on_call("other", "run", returns=1)
        self.fails(test, "denied", '`{"key":"[secret SIGN]"}`')

    def test_reserved_key_is_refused(self) -> None:
        def run(cx: Context) -> None:
            cx.write("loose", {"n": 1, "a/b": [{"$sealed": 1}]})

        expect = "/a~1b/0: the key `$sealed` is reserved for values that Sedge seals"
        self.fails(self.under_test(run), "invalid-content", expect)


class CallTest(Case):
    def test_calls_run_beside_each_other(self) -> None:
        async def run(cx: AsyncContext) -> Any:
            outcomes = await asyncio.gather(*(cx.call("other", "m", {"n": n}) for n in range(5)))
            return [it.value for it in outcomes]

        test = self.under_test(run)
        test.on_call("other", "m", lambda it: it["n"] * 2, delay=0.4)
        self.assertEqual(test.run("run"), [0, 2, 4, 6, 8])
        self.assertAlmostEqual(test.clock.elapsed, 0.4)
        self.assertEqual(test.calls[4].arguments, {"n": 4})

    def test_started_calls_are_waited_for(self) -> None:
        def run(cx: Context) -> Any:
            pending = [cx.start("other", "m", {"n": n}) for n in range(2)]
            assert pending[0].get() is None
            return [it.wait().value_as(int) for it in pending]

        test = self.under_test(run)
        test.on_call("other", "m", lambda it: it["n"], delay=3)
        self.assertEqual(test.run("run"), [0, 1])
        self.assertAlmostEqual(test.clock.elapsed, 3)

    def test_timeout_cancels_the_call(self) -> None:
        async def run(cx: AsyncContext) -> Any:
            pending = cx.start("other", "m")
            try:
                await asyncio.wait_for(pending, 2)
            except TimeoutError:
                pass
            try:
                pending.get()
            except errors.CallCancelled as error:
                return str(error)

        test = self.under_test(run)
        test.on_call("other", "m", returns=1, delay=10)
        self.assertEqual(test.run("run"), "it was cancelled")
        self.assertAlmostEqual(test.clock.elapsed, 2)

    def test_call_without_a_permission_is_denied(self) -> None:
        def run(cx: Context) -> None:
            cx.call("secret", "m")

        expect = "`model` may not call the model `secret`: its plugin `@test/all` does not request it"
        self.fails(self.under_test(run), "denied", expect)
        test = TestContext(type_of(run))
        test.refuse("models")

    def test_call_that_is_not_scripted_says_how(self) -> None:
        def run(cx: Context) -> None:
            try:
                cx.call("other", "m", {"a": 1})
            except errors.SedgeError:
                pass

        with self.assertRaisesRegex(NotScripted, r"on_call\('other', 'm', returns=…\)"):
            self.under_test(run).run("run")

    def test_kind_of_a_method_decides_what_it_may_call(self) -> None:
        def run(cx: Context) -> Any:
            return [cx.call("other", it).value for it in wanted]

        def under_test(kind: str) -> TestContext:
            test = self.under_test(run, kind=kind)
            test.on_call("other", "get", returns=1, kind="read")
            test.on_call("other", "look", returns=2, kind="observe")
            test.on_call("other", "make", returns=3, kind="create")
            test.on_call("other", "unknown", returns=4)
            return test

        text = "a method of kind `{}` may not call `{}` of `other`, of kind `{}`"
        for kind, allowed, refused in (
            ("read", ["get"], {"look": "observe", "make": "create", "unknown": "action"}),
            ("observe", ["get", "look"], {"make": "create", "unknown": "action"}),
            ("update", ["get", "look", "make", "unknown"], {}),
        ):
            wanted = allowed
            test = under_test(kind)
            self.assertEqual(test.run("run"), list(range(1, len(allowed) + 1)))
            for method, of_callee in refused.items():
                wanted = [method]
                failure = self.fails(test, "denied", text.format(kind, method, of_callee))
                self.assertEqual("on_call(…, kind=…)" in failure.message, method == "unknown")
            self.assertEqual(len(test.calls), len(allowed), "what is refused is not called")

    def test_own_methods_have_their_kinds_and_schemas(self) -> None:
        def run(cx: Context) -> Any:
            return cx.call("model", wanted, {}).value

        def change(cx: Context, item: Item) -> None:
            pass

        model = type_of(run, kind="read")
        model.method(kind="update")(change)
        test = TestContext(model)
        wanted = "rum"
        self.fails(test, "not-found", "no method named `rum`")
        wanted = "change"
        self.fails(test, "invalid-input", "`n` is required")

        def fitting(cx: Context) -> Any:
            return cx.call("model", "change", {"n": 1}).value

        model = type_of(fitting, kind="read")
        model.method(kind="update")(change)
        with self.assertRaises(Failure) as raised:
            TestContext(model).run("fitting")
        expect = "a method of kind `read` may not call `change` of `model`, of kind `update`"
        self.assertEqual((raised.exception.code, raised.exception.message), ("denied", expect))

    def test_check_calls_nothing(self) -> None:
        def check(cx: Context) -> None:
            cx.call("model", "run")

        model = type_of(run_list)
        model.check(name="pushy", description="Calls")(check)
        with self.assertRaises(Failure) as raised:
            TestContext(model).check("pushy", "run_list")
        expect = "`model` may not call the model `model` in a check: a check only reads"
        self.assertEqual(raised.exception.message, expect)

    def test_workflow_is_not_run_by_a_method_that_looks(self) -> None:
        def run(cx: Context) -> None:
            cx.run_workflow("deploy", {})

        expect = (
            "`model` may not run the workflow `deploy` in `run`: a method of kind `observe` runs no workflows"
        )
        self.fails(self.under_test(run, kind="observe"), "denied", expect)

    def test_workflow_has_outcomes(self) -> None:
        def run(cx: Context) -> Any:
            return cx.run_workflow("deploy", {"a": 1}).success().output("main/start", str)

        test = self.under_test(run)
        test.on_workflow("deploy", RunSucceeded("r", {"main/start": "x"}))
        self.assertEqual(test.run("run"), "x")
        self.assertEqual(test.runs[0].inputs, {"a": 1})
        test.on_workflow("deploy", RunSuspended("r", ("main/gate",)))
        self.fails(test, "workflow-suspended", "waits for a decision at main/gate")
        test.on_workflow("deploy", errors.WorkflowRefused("it is exclusive"))
        self.fails(test, "refused", "it is exclusive")


class HttpTest(Case):
    def test_requests_run_beside_each_other(self) -> None:
        async def run(cx: AsyncContext) -> Any:
            async def one(n: int) -> Any:
                return await (await cx.http.get(f"https://api.test/{n}")).json()

            return await asyncio.gather(*map(one, range(5)))

        test = self.under_test(run)
        test.on_http("GET", "https://api.test/*", lambda it: response(json=it.url[-1], delay=0.4))
        self.assertEqual(test.run("run"), ["0", "1", "2", "3", "4"])
        self.assertAlmostEqual(test.clock.elapsed, 0.4)

    def test_request_is_sent_as_given(self) -> None:
        def run(cx: Context) -> Any:
            token = cx.secret("TOKEN")
            sent = cx.http.post(
                "https://api.test/ä?q=1",
                headers={"authorization": f"Bearer {token}", "X-Basic": f"Basic {token.basic('u')}"},
                json={"a": 1},
            )
            return [sent.status, sent.ok, sent.header("X-Name"), sent.text()]

        test = self.under_test(run)
        test.secret("TOKEN", "s3cr3t")
        test.on_http("POST", "https://api.test/*", status=201, headers={"x-name": "y"}, body="ok")
        self.assertEqual(test.run("run"), [201, True, "y", "ok"])
        sent = test.requests[0]
        self.assertEqual(sent.url, "https://api.test/%C3%A4?q=1")
        self.assertEqual(sent.headers["authorization"], "Bearer s3cr3t")
        self.assertEqual(sent.headers["x-basic"], "Basic dTpzM2NyM3Q=")
        self.assertEqual(sent.headers["content-type"], "application/json")
        self.assertEqual(sent.headers["content-length"], "7")
        self.assertEqual(sent.json(), {"a": 1})
        self.assertTrue(sent.headers["user-agent"].startswith("sedge-sdk-python/"))

    def test_secret_is_not_sent_elsewhere(self) -> None:
        def run(cx: Context) -> None:
            cx.http.get("https://a.cdn.test:8443/", headers={"x": str(cx.secret("TOKEN"))})

        test = self.under_test(run)
        test.secret("TOKEN", "s3cr3t")
        self.fails(test, "denied", "GET https://a.cdn.test:8443/ was denied")
        self.assertIn("may not send the secret `TOKEN` to https://a.cdn.test:8443: its plugin", test.logs[0].message)
        self.assertEqual(test.requests, [])

    def test_request_without_a_permission_is_denied(self) -> None:
        for url, method in (
            ("https://other.test/", "GET"),
            ("http://api.test/", "GET"),
            ("https://api.test:8443/", "GET"),
            ("https://api.test/x?secret=1", "DELETE"),
        ):

            def run(cx: Context) -> None:
                cx.http.request(method, url)

            failure = self.fails(self.under_test(run), "denied", "was denied")
            self.assertNotIn("?", failure.message)

    def test_invalid_url_is_refused(self) -> None:
        for url in ("", "/x", "https:", "mailto:a@b.c", "https://a b", "ftp://a.test", "https://u:p@a.test/"):

            def run(cx: Context) -> None:
                cx.http.get(url)

            failure = self.fails(self.under_test(run), "invalid-request")
            self.assertNotIn("u:p", failure.message)

    def test_errors_keep_their_codes(self) -> None:
        for code in ("dns", "connect", "tls", "timeout", "too-large", "closed", "protocol"):

            def run(cx: Context) -> None:
                cx.http.get("https://api.test/a?b").read()

            test = self.under_test(run)
            test.on_http("GET", "https://api.test/*", error=code)
            self.fails(test, code, "GET https://api.test/a failed: ")
            test.on_http("GET", "https://api.test/*", body="part", error_in_body=code)
            self.fails(test, code)

    def test_redirects_are_followed_as_requested(self) -> None:
        def run(cx: Context) -> Any:
            headers = {"authorization": "me", "content-type": "text/plain", "accept": "x"}
            url = "https://api.test/a/b?c"
            found = cx.http.post(url, headers=headers, body="body", redirects=2)
            return [found.url, found.status]

        test = self.under_test(run)
        test.on_http("POST", "https://api.test/a/b?c", status=303, headers={"location": "../x#y"})
        test.on_http("GET", "https://api.test/x", status=307, headers={"location": "https://a.cdn.test/"})
        test.on_http("GET", "https://a.cdn.test/")
        self.assertEqual(test.run("run"), ["https://a.cdn.test/", 200])
        first, second, third = test.requests
        self.assertEqual(first.body, b"body")
        self.assertEqual((second.body, "content-type" in second.headers), (b"", False))
        self.assertEqual(second.headers["authorization"], "me")
        self.assertNotIn("authorization", third.headers)
        self.assertEqual(third.headers["accept"], "x")

    def test_redirects_are_limited(self) -> None:
        def run(cx: Context) -> Any:
            return cx.http.get("https://api.test/", redirects=3).status

        def plain(cx: Context) -> Any:
            return cx.http.get("https://api.test/").status

        test = self.under_test(run, plain)
        test.on_http("GET", "https://api.test/", status=302, headers={"location": "/"})
        self.fails(test, "too-many-redirects")
        self.assertEqual(len(test.requests), 4)
        self.assertEqual(test.run("plain"), 302)

    def test_body_is_sent_and_received_in_pieces(self) -> None:
        async def run(cx: AsyncContext) -> Any:
            async def pieces() -> Any:
                for n in range(3):
                    await asyncio.sleep(1)
                    yield f"{n}".encode()

            found = await cx.http.request("PUT", "https://api.test/", body=pieces())
            return [piece.decode() async for piece in found]

        test = self.under_test(run)
        test.on_http("PUT", "https://api.test/", lambda it: response(body=it.body))
        self.assertEqual(test.run("run"), ["012"])
        self.assertNotIn("content-length", test.requests[0].headers)

    def test_body_has_a_limit_and_a_form(self) -> None:
        def run(cx: Context) -> Any:
            return cx.http.get("https://api.test/").json(Item, 20)

        test = self.under_test(run)
        test.on_http("GET", "https://api.test/", json={"n": 1})
        self.assertEqual(test.run("run"), {"n": 1, "key": None})
        test.on_http("GET", "https://api.test/", json={"n": "x"})
        self.fails(test, "invalid-body", "/n: it has to be a whole number")
        test.on_http("GET", "https://api.test/", body="x" * 21)
        self.fails(test, "too-large")
        test.on_http("GET", "https://api.test/", body=b"\xff")
        self.fails(test, "invalid-body", "it is not UTF-8 at byte 0")


class AsyncTest(Case):
    def test_clock_moves_only_while_the_method_waits(self) -> None:
        async def run(cx: AsyncContext) -> Any:
            before = cx.now()
            await asyncio.gather(asyncio.sleep(3600), asyncio.sleep(60))
            left = cx.deadline_left().total_seconds()
            return [(cx.now() - before).total_seconds(), left]

        self.assertEqual(self.under_test(run).run("run"), [3600.0, 0.0])

    def test_method_that_waits_for_nothing_fails(self) -> None:
        async def run(cx: AsyncContext) -> None:
            await asyncio.get_running_loop().create_future()

        failure = self.fails(self.under_test(run), "never-ready")
        self.assertRegex(failure.stack[0], r"run at .*test_outside.py:\d+$")

    def test_timeout_without_a_text_has_one(self) -> None:
        async def run(cx: AsyncContext) -> None:
            async with asyncio.timeout(1):
                await asyncio.sleep(2)

        self.fails(self.under_test(run), "timeout", "a time limit of the method was reached")

    def test_tasks_that_are_left_are_cancelled(self) -> None:
        ended = []

        async def run(cx: AsyncContext) -> None:
            async def other() -> None:
                try:
                    await asyncio.sleep(100)
                finally:
                    ended.append("other")

            asyncio.ensure_future(other())
            await asyncio.sleep(1)

        self.under_test(run).run("run")
        self.assertEqual(ended, ["other"])

    def test_threads_are_refused(self) -> None:
        async def run(cx: AsyncContext) -> None:
            await asyncio.to_thread(print)

        self.fails(self.under_test(run), "panic", "a plugin has no threads")

    def test_graceful_method_can_clean_up(self) -> None:
        done = []

        async def run(cx: AsyncContext) -> None:
            try:
                await asyncio.sleep(100)
            finally:
                await asyncio.sleep(0.1)
                done.append(cx.is_cancelled)

        model = type_of()
        model.method(kind="action", graceful=True)(run)
        test = TestContext(model)
        test.cancel_after(2)
        with self.assertRaises(BaseException) as raised:
            test.run("run")
        self.assertEqual(getattr(raised.exception, "code", ""), "cancelled")
        self.assertEqual(done, [True])
        self.assertAlmostEqual(test.clock.elapsed, 2.1)


class CommandTest(Case):
    def test_command_runs(self) -> None:
        def run(cx: Context) -> Any:
            return cx.run_command("git", "rev-parse", stdin="x").success().stdout.text().strip()

        test = self.under_test(run)
        test.on_command("git", ["rev-parse"], stdout="abc\n")
        self.assertEqual(test.run("run"), "abc")
        self.assertEqual(test.commands[0].stdin, b"x")
        test.on_command("git", stderr="first\n  bad \n\n", end=Exit(3))
        failure = self.fails(test, "command-failed", "a command ended with 3: bad")
        self.assertEqual(failure.details, {"stderr": "first\n  bad \n\n"})
        test.on_command("git", end=Signal(9))
        self.fails(test, "command-failed", "a command was ended by signal 9")
        test.on_command("git", end=errors.CommandTimedOut("git", 7))
        failure = self.fails(test, "timed-out", "the command `git` was killed after 7 ms")
        self.assertEqual(failure.details, {"command": "git"})

    def test_commands_run_beside_each_other(self) -> None:
        async def run(cx: AsyncContext) -> Any:
            outputs = await asyncio.gather(*(cx.run_command("git", str(n), stdin="in") for n in range(3)))
            return [it.stdout.text() for it in outputs]

        test = self.under_test(run)
        script = lambda it: ScriptedCommand(it.stdin + it.arguments[0].encode(), delay=2)
        test.on_command("git", script=script)
        self.assertEqual(test.run("run"), ["in0", "in1", "in2"])
        self.assertAlmostEqual(test.clock.elapsed, 2)

    def test_started_command_is_talked_to(self) -> None:
        def run(cx: Context) -> Any:
            process = cx.start_command("git", folder="sub", variables={"A": "b"}, stdin=True)
            assert process.stdin is not None and process.get() is None
            process.stdin.write("hello")
            process.stdin.close()
            return [process.stdout.read_all().text(), str(process.wait())]

        test = self.under_test(run)
        test.on_command("git", script=lambda it: ScriptedCommand(it.stdin.upper()))
        self.assertEqual(test.run("run"), ["HELLO", "ended with 0"])
        self.assertEqual((test.commands[0].folder, test.commands[0].variables), ("sub", {"A": "b"}))

    def test_killed_command_has_ended(self) -> None:
        async def run(cx: AsyncContext) -> Any:
            process = cx.start_command("git", stdin=True)
            process.kill()
            return str(await process.wait())

        test = self.under_test(run)
        test.on_command("git")
        self.assertEqual(test.run("run"), "was ended by signal 9")

    def test_command_without_a_permission_is_denied(self) -> None:
        def run(cx: Context) -> None:
            cx.run_command("rm")

        self.fails(self.under_test(run), "denied", "may not run the command `rm`")


class SecretsAndFoldersTest(Case):
    def test_secrets_have_errors(self) -> None:
        def run(cx: Context) -> Any:
            return cx.secret("SIGN").reveal().decode()

        test = self.under_test(run)
        test.secret("SIGN", "x")
        self.assertEqual(test.run("run"), "x")
        for name, code in (("NONE", "secret-missing"), ("OTHER", "denied"), ("TOKEN", "denied")):

            def other(cx: Context) -> Any:
                return cx.secret(name).reveal().decode()

            test = TestContext(type_of(other))
            test.secret("TOKEN", "x")
            with self.assertRaises(Failure) as raised:
                test.run("other")
            self.assertEqual(raised.exception.code, code, name)

    def test_secret_is_not_shown(self) -> None:
        def run(cx: Context) -> Any:
            return repr(cx.secret("TOKEN"))

        test = self.under_test(run)
        test.secret("TOKEN", "s3cr3t")
        self.assertEqual(test.run("run"), "<Secret TOKEN>")

    def test_folder_opens_files_below_it(self) -> None:
        def run(cx: Context) -> Any:
            folder = cx.folder("in")
            names = [it.name for it in folder.entries()]
            with folder.open("a.csv") as file:
                return [names, file.read(), cx.variable("REGION")]

        test = self.under_test(run)
        test.variable("REGION", "eu")
        with tempfile.TemporaryDirectory() as path:
            pathlib.Path(path, "a.csv").write_text("é", encoding="utf-8")
            test.folder("in", path)
            self.assertEqual(test.run("run"), [["a.csv"], "é", "eu"])

    def test_errors_of_a_folder_name_the_path(self) -> None:
        for below, text in (
            ("none.csv", "`none.csv` of the folder `in` cannot be opened: No such file"),
            ("../x", "`../x` is not below the folder `in`"),
            ("/x", "`/x` is not below the folder `in`"),
        ):

            def run(cx: Context) -> None:
                cx.folder("in").open(below)

            test = self.under_test(run)
            with tempfile.TemporaryDirectory() as path:
                test.folder("in", path)
                self.fails(test, "io", text)

        def run(cx: Context) -> None:
            cx.folder("out")

        self.fails(self.under_test(run), "denied", "may not use the folder `out`")
