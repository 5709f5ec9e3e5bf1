"""`@sedge/csv` on files of a folder and of a datastore in memory."""

import pathlib
import sys
import tempfile
import unittest
from typing import Any

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))

from plugin import ENCODINGS, model  # noqa: E402

from sedge_sdk import Failure  # noqa: E402
from sedge_sdk.testing import TestContext  # noqa: E402

PEOPLE = "id,name,age,member\r\n1,Ada,36,yes\r\n2,\"Lovelace, A.\",,no\r\n"

COLUMNS = [
    {"name": "id", "type": "integer", "required": True, "minimum": 1, "unique": True},
    {"name": "name", "required": True, "maxLength": 20},
    {"name": "age", "type": "number", "maximum": 150},
    {"name": "member", "type": "boolean"},
]


class CsvTest(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.test = TestContext(model, name="people")
        self.test.folder("in", self.folder)
        self.test.folder("out", self.folder)
        self.file(PEOPLE)

    def file(self, content: str | bytes) -> None:
        content = content.encode() if isinstance(content, str) else content
        (self.folder / "a.csv").write_bytes(content)

    def run_import(self, **arguments: Any) -> Any:
        return self.test.run("import", {"file": "a.csv"} | arguments)

    def fails(self, code: str, text: str, **arguments: Any) -> Failure:
        with self.assertRaises(Failure) as raised:
            self.run_import(**arguments)
        self.assertEqual(raised.exception.code, code)
        self.assertIn(text, raised.exception.message)
        self.assertEqual(self.test.names(), [])
        return raised.exception


class ImportTest(CsvTest):
    def test_rows_become_resources_by_their_key(self) -> None:
        summary = self.run_import(columns=COLUMNS, key=["id"])
        self.assertEqual(summary, {"rows": 2, "written": 2, "unchanged": 0, "invalid": 0})
        self.assertEqual(self.test.names(), ["row/1", "row/2"])
        expect = {"id": 1, "name": "Ada", "age": 36.0, "member": True}
        self.assertEqual(self.test.content("row/1"), expect)
        expect = {"id": 2, "name": "Lovelace, A.", "age": None, "member": False}
        self.assertEqual(self.test.content("row/2"), expect)

    def test_second_import_writes_what_changed(self) -> None:
        self.run_import(key=["id"])
        self.file(PEOPLE.replace("36", "37"))
        summary = self.run_import(key=["id"])
        self.assertEqual(summary, {"rows": 2, "written": 1, "unchanged": 1, "invalid": 0})
        self.assertEqual(len(self.test.versions("row/1")), 2)
        self.assertEqual(len(self.test.versions("row/2")), 1)

    def test_rows_without_a_key_have_numbers(self) -> None:
        self.run_import(name="people")
        self.assertEqual(self.test.names(), ["people/000001", "people/000002"])
        self.assertEqual(self.test.content("people/000001")["age"], "36")

    def test_table_is_one_resource(self) -> None:
        self.file("a;b\n1;x\n")
        summary = self.run_import(into="table", delimiter=";")
        self.assertEqual(summary, {"rows": 1, "written": 1, "unchanged": 0, "invalid": 0})
        self.assertEqual(self.test.content("table"), {"columns": ["a", "b"], "rows": [["1", "x"]]})
        self.assertEqual(self.run_import(into="table", delimiter=";")["written"], 0)

    def test_columns_that_are_not_declared_are_left_out(self) -> None:
        self.run_import(columns=[COLUMNS[1]], key=["name"])
        self.assertEqual(self.test.content("row/Ada"), {"name": "Ada"})

    def test_keys_are_names_of_their_own(self) -> None:
        self.file("a,b\nx/y,z\nx,y/z\n")
        self.run_import(key=["a", "b"])
        self.assertEqual(self.test.names(), ["row/x%2Fy/z", "row/x/y%2Fz"])

    def test_file_of_the_datastore_is_read(self) -> None:
        self.test.put_file("upload", "\ufeffa\n1\n".encode(), model="inbox", media_type="text/csv")
        data = {"name": "upload", "model": "inbox"}
        self.assertEqual(self.test.run("import", {"data": data})["written"], 1)
        self.assertEqual(self.test.content("row/000001"), {"a": "1"})
        with self.assertRaisesRegex(Failure, "the model `inbox` has no data `other`"):
            self.test.run("import", {"data": {"name": "other", "model": "inbox"}})

    def test_other_encoding_is_read(self) -> None:
        self.file("name\nJürgen\n".encode("latin-1"))
        self.fails("invalid-encoding", "not text in utf-8")
        self.fails("unknown-encoding", "`utf-9` is not an encoding that this", encoding="utf-9")
        self.run_import(encoding="latin-1")
        self.assertEqual(self.test.content("row/000001"), {"name": "Jürgen"})

    def test_every_encoding_is_known(self) -> None:
        for encoding in ENCODINGS:
            self.file("name\nA\n".encode(encoding))
            self.run_import(encoding=encoding.upper(), name=encoding)
            self.assertEqual(self.test.content(f"{encoding}/000001"), {"name": "A"}, encoding)

    def test_file_without_a_header_needs_columns(self) -> None:
        self.file("1,Ada\n")
        self.fails("no-columns", "needs `columns`", hasHeader=False)
        self.run_import(hasHeader=False, columns=COLUMNS[:2])
        self.assertEqual(self.test.content("row/000001"), {"id": 1, "name": "Ada"})

    def test_invalid_rows_fail_and_write_nothing(self) -> None:
        self.file("id,name,age,member\n0,,999,maybe\n1,Ada,x,yes\n1,Bob,1,no\n1,Bob\n2,Eve,3,no\n")
        failure = self.fails("invalid-rows", "line 2, column `id`: 0 is less than 1", columns=COLUMNS)
        assert failure.details is not None
        self.assertEqual(failure.details["nProblems"], 7)
        found = [(it["line"], it["column"], it["message"]) for it in failure.details["problems"]]
        expect = [
            (2, "id", "0 is less than 1"),
            (2, "name", "it is empty"),
            (2, "age", "999 is greater than 150"),
            (2, "member", "`maybe` is neither `true` nor `false`"),
            (3, "age", "`x` is not a number"),
            (4, "id", "`1` is on line 3, too"),
            (5, None, "it has 2 cells, and not 4"),
        ]
        self.assertEqual(found, expect)

    def test_invalid_rows_can_be_skipped(self) -> None:
        self.file("id,name\n1,Ada\nx,Bob\n")
        summary = self.run_import(columns=COLUMNS[:2], onInvalid="skip")
        self.assertEqual(summary, {"rows": 2, "written": 1, "unchanged": 0, "invalid": 1})
        self.assertIn("line 3, column `id`: `x` is not a whole number", self.test.logs[0].message)

    def test_file_that_is_no_csv_names_its_line(self) -> None:
        for content, code, text in (
            ("", "no-header", "the file is empty"),
            ("a,,b\n", "invalid-header", "the name of column 2 is empty"),
            ("a,b,a\n", "invalid-header", "two columns are named `a`"),
            ('a\n"x\n', "invalid-csv", "the file ends inside of a quoted cell"),
            ('a\n"x"y\n', "invalid-csv", "line 2: a quoted cell goes on after its closing quote"),
            ("a\n" + "x" * 1_100_000, "invalid-csv", "a cell has more than 1048576 characters"),
        ):
            self.file(content)
            self.fails(code, text)

    def test_wrong_arguments_say_what_to_write(self) -> None:
        self.fails("missing-columns", "the header has no `mail`; it has `id`, ", columns=[{"name": "mail"}])
        self.fails("unknown-column", "the column `mail`", key=["mail"])
        self.fails("invalid-columns", "`id` twice", columns=[{"name": "id"}] * 2)
        pattern = [{"name": "id", "pattern": "("}]
        self.fails("invalid-columns", "is not a regular expression", columns=pattern)
        self.fails("too-many-rows", "more than 1 rows", rowsMax=1)
        self.fails("io", "`b.csv` of the folder `in` cannot be opened", file="b.csv")
        self.fails("io", "is not below the folder", file="../b.csv")
        self.fails("no-source", "either `file`", data={"name": "x"})
        with self.assertRaisesRegex(Failure, "greater than the maximum of 100000"):
            self.run_import(rowsMax=100_001)

    def test_values_are_strict(self) -> None:
        for kind, text, expect in (
            ("integer", "1_000", None),
            ("integer", "-7", -7),
            ("integer", "1" * 400, None),
            ("number", "nan", None),
            ("number", "1e999", None),
            ("number", "-1.5e3", -1500.0),
            ("number", "٣", None),
            ("boolean", "TRUE", True),
            ("date", "2026-02-30", None),
            ("date", "2026-12-01", "2026-12-01"),
        ):
            self.file(f"a\n{text}\n")
            columns = [{"name": "a", "type": kind}]
            if expect is None:
                with self.assertRaises(Failure, msg=text):
                    self.run_import(columns=columns)
            else:
                self.run_import(columns=columns, into="table")
                self.assertEqual(self.test.content("table")["rows"], [[expect]])


class ValidateTest(CsvTest):
    def test_problems_are_listed_and_nothing_is_written(self) -> None:
        self.file("id,name\nx,Ada\n" + "y,Bob\n" * 200)
        found = self.test.run("validate", {"file": "a.csv", "columns": COLUMNS[:2]})
        self.assertEqual((found["isValid"], found["rows"], found["nProblems"]), (False, 201, 201))
        self.assertEqual(len(found["problems"]), 100)
        self.assertEqual(found["problems"][0]["line"], 2)
        with self.assertRaisesRegex(Failure, "and 200 more problems"):
            arguments = {"file": "a.csv", "columns": COLUMNS[:2], "failIfInvalid": True}
            self.test.run("validate", arguments)

    def test_valid_file_has_no_problems(self) -> None:
        found = self.test.run("validate", {"file": "a.csv", "columns": COLUMNS, "key": ["id"]})
        expect = {
            "isValid": True,
            "rows": 2,
            "columns": ["id", "name", "age", "member"],
            "problems": [],
            "nProblems": 0,
        }
        self.assertEqual(found, expect)
        self.assertEqual(self.test.names(), [])


class ExportTest(CsvTest):
    def test_rows_survive_an_export_and_an_import(self) -> None:
        self.run_import(columns=COLUMNS, key=["id"])
        summary = self.test.run("export")
        columns = ["id", "name", "age", "member"]
        self.assertEqual(summary, {"rows": 2, "columns": columns, "file": "export"})
        expect = 'id,name,age,member\r\n1,Ada,36.0,true\r\n2,"Lovelace, A.",,false\r\n'
        content = self.test.file_bytes("export")
        assert content is not None
        self.assertEqual(content.decode(), expect)
        arguments = {"data": {"name": "export"}, "columns": COLUMNS, "key": ["id"]}
        self.assertEqual(self.test.run("import", arguments)["unchanged"], 2)

    def test_data_of_another_model_is_written_to_a_folder(self) -> None:
        for name, price in (("a", 1), ("b", None)):
            content = {"offer": {"price": price, "tags": ["x"]}}
            self.test.put(name, content, model="shop", spec="offer", tags={"kind": "o"})
        columns = [{"name": "price", "pointer": "/offer/price"}, {"name": "tags", "pointer": "/offer/tags"}]
        columns.append({"name": "first", "pointer": "/offer/tags/0"})
        arguments = {"model": "shop", "tags": {"kind": "o"}, "columns": columns, "file": "out.csv"}
        self.assertEqual(self.test.run("export", arguments)["rows"], 2)
        written = (self.folder / "out.csv").read_bytes().decode()
        self.assertEqual(written, 'price,tags,first\r\n1,"[""x""]",x\r\n,"[""x""]",x\r\n')

    def test_formulas_can_be_quoted(self) -> None:
        self.test.put("row/1", {"a": "=1+1", "b": -1}, spec="row")
        for formulas, expect in (("keep", "=1+1,-1"), ("quote", "'=1+1,-1")):
            self.test.run("export", {"formulas": formulas})
            self.assertIn(expect.encode(), self.test.file_bytes("export") or b"")

    def test_export_without_columns_says_what_to_do(self) -> None:
        with self.assertRaisesRegex(Failure, "name `columns`"):
            self.test.run("export")
        self.test.put("row/1", [1], spec="row")
        with self.assertRaisesRegex(Failure, "not an object"):
            self.test.run("export")
        with self.assertRaisesRegex(Failure, "it begins with `/`"):
            self.test.run("export", {"columns": [{"name": "a", "pointer": "a"}]})

    def test_export_has_a_limit(self) -> None:
        for n in range(3):
            self.test.put(f"row/{n}", {"a": n}, spec="row")
        with self.assertRaisesRegex(Failure, "more than 2 resources"):
            self.test.run("export", {"rowsMax": 2})


if __name__ == "__main__":
    unittest.main()
