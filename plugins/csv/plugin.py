"""`@sedge/csv`: reads CSV files into data, checks them, and writes data as CSV."""

from __future__ import annotations

import csv
import encodings.cp1250
import encodings.cp1251
import encodings.cp1252
import encodings.iso8859_2
import encodings.iso8859_15
import encodings.mac_roman
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import IO, Any, Literal

from rows import Column, Problem, Table, cell_text, key_of, pointer_value, shown

from sedge_sdk import Context, Failure, Model, VersionInfo, camel_case
from sedge_sdk import field as described

IN, OUT = "in", "out"
"""The names under which the operator grants the folders."""

ROWS_MAX = 100_000
"""The maximum number of rows of one call. Each is a version of data, which the datastore commits at once."""

ROWS_DEFAULT = 10_000
"""How many rows a file may have unless the caller says otherwise."""

ENCODINGS = (
    "utf-8", "utf-16", "utf-32", "ascii", "latin-1", "iso8859-2", "iso8859-15", "cp437", "cp1250",
    "cp1251", "cp1252", "mac-roman",
)
"""The encodings of this plugin. A component has only those that are imported when it is built."""

PROBLEMS_MAX = 100
"""How many problems a result or an error lists. A wrong file has one in each row."""

model = Model(
    "@sedge/csv", "2026.12.01.1", "Reads CSV files into data, checks them, and writes data as CSV"
)
model.asks_for_folder(IN, "to read CSV files")
model.asks_for_folder(OUT, "to write CSV files", access="write")
model.asks_for_models("*", "to read the data of the model that an argument names")
model.file("export", "text/csv", "Data as CSV")
model.resource("row", dict, "A row: its values by the names of the columns")


@model.resource("table")
@dataclass
class StoredTable:
    """A whole CSV file"""

    columns: list[str]
    """The names of the columns"""
    rows: list[list[Any]]
    """The rows, each with a value for each column"""


@dataclass
class DataSource:
    """A file in the datastore"""

    name: str
    """Its name"""
    model: str | None = None
    """The model that owns it [default: this model]"""


@camel_case
@dataclass
class Source:
    """Where the rows come from, and how they are written"""

    file: str | None = None
    """A file below the granted folder `in`"""
    data: DataSource | None = None
    """A file in the datastore, instead of `file`"""
    delimiter: str = described(
        default=",", min_length=1, max_length=1, description="The character between two cells"
    )
    quote: str = described(
        default='"', min_length=1, max_length=1, description="The character around a cell"
    )
    encoding: str = "utf-8"
    """The encoding: `utf-8`, `utf-16`, `latin-1`, `cp1252` and others; a byte order mark is skipped"""
    has_header: bool = True
    """Whether the first row has the names of the columns"""
    columns: list[Column] = field(default_factory=list)
    """The columns and the values that they may have [default: those of the header, with texts]"""
    rows_max: int = described(
        default=ROWS_DEFAULT,
        minimum=1,
        maximum=ROWS_MAX,
        description="The maximum number of rows; the call fails if there are more",
    )
    key: list[str] = field(default_factory=list)
    """The columns whose values identify a row, and may therefore not occur twice"""


@camel_case
@dataclass
class ImportArguments(Source):
    """Which rows to import, and as what"""

    into: Literal["rows", "table"] = "rows"
    """A resource for each row, or one resource for the whole file"""
    name: str | None = None
    """What the names of the rows begin with, or the name of the table [default: `row`, `table`]"""
    on_invalid: Literal["fail", "skip"] = "fail"
    """Whether a row that is not valid fails the call, or is left out with a warning"""


@camel_case
@dataclass
class ValidateArguments(Source):
    """Which rows to check"""

    fail_if_invalid: bool = False
    """Whether the call fails if a row is not valid"""


@dataclass
class ExportColumn:
    """A column to write"""

    name: str
    """Its name in the header"""
    pointer: str | None = None
    """Where its values are in a resource, as a JSON Pointer [default: the member of this name]"""


@camel_case
@dataclass
class ExportArguments:
    """Which data to write, and where to"""

    model: str | None = None
    """The model that owns the data [default: this model]"""
    prefix: str = ""
    """What the names of the resources begin with"""
    spec: str | None = None
    """The kind of the resources [default: `row` for this model, all for another one]"""
    tags: dict[str, str] = field(default_factory=dict)
    """Tags that the resources have"""
    columns: list[ExportColumn] = field(default_factory=list)
    """The columns [default: all members of the resources, in the order in which they appear]"""
    file: str | None = None
    """A file below the granted folder `out` [default: a file in the datastore]"""
    name: str = "export"
    """The name of the file in the datastore"""
    delimiter: str = described(
        default=",", min_length=1, max_length=1, description="The character between two cells"
    )
    formulas: Literal["keep", "quote"] = "keep"
    """Whether a text that a spreadsheet would take for a formula gets a `'` in front"""
    rows_max: int = described(
        default=ROWS_DEFAULT,
        minimum=1,
        maximum=ROWS_MAX,
        description="The maximum number of rows; the call fails if there are more",
    )


@dataclass
class ImportSummary:
    """What was imported"""

    rows: int
    """The rows of the file"""
    written: int
    """The resources that were written"""
    unchanged: int
    """The rows that the datastore had already, with the same values"""
    invalid: int
    """The rows that were left out"""


@camel_case
@dataclass
class Validation:
    """What was checked"""

    is_valid: bool
    rows: int
    columns: list[str]
    problems: list[Problem]
    """The first problems"""
    n_problems: int


@dataclass
class ExportSummary:
    """What was written"""

    rows: int
    columns: list[str]
    file: str


@model.method(kind="observe", name="import")
def import_rows(cx: Context, arguments: ImportArguments) -> ImportSummary:
    """Read a CSV file, and write its rows as data"""
    with table_of(cx, arguments) as table:
        summary = (
            import_table(cx, arguments, table)
            if arguments.into == "table"
            else import_each(cx, arguments, table)
        )
    report_skipped(cx, arguments, table)
    return summary


def import_each(cx: Context, arguments: ImportArguments, table: Table) -> ImportSummary:
    """Writes a resource for each row."""
    prefix = "row" if arguments.name is None else arguments.name
    written = unchanged = 0
    for cells in table.valid_rows():
        key = key_of(cells, arguments.key) if arguments.key else f"{cells.number:06}"
        name = f"{prefix}/{key}"
        before = cx.latest(name)
        if before is not None and before.content == cells.values:
            unchanged += 1
            continue
        cx.write("row", cells.values, name=name)
        written += 1
    fail_if_invalid(table, arguments.on_invalid == "fail")
    return ImportSummary(table.n_rows, written, unchanged, table.n_invalid)


def import_table(cx: Context, arguments: ImportArguments, table: Table) -> ImportSummary:
    """Writes one resource for the whole file."""
    rows = [list(cells.values.values()) for cells in table.valid_rows()]
    fail_if_invalid(table, arguments.on_invalid == "fail")
    name = arguments.name or "table"
    content = StoredTable(table.names, rows)
    before = cx.latest(name, StoredTable)
    is_same = before is not None and before.content == content
    if not is_same:
        cx.write("table", content, name=name)
    n_written, n_unchanged = (0, len(rows)) if is_same else (1, 0)
    return ImportSummary(table.n_rows, n_written, n_unchanged, table.n_invalid)


@model.method(kind="read")
def validate(cx: Context, arguments: ValidateArguments) -> Validation:
    """Check the rows of a CSV file, and write nothing"""
    with table_of(cx, arguments) as table:
        for _ in table.valid_rows():
            pass
    fail_if_invalid(table, arguments.fail_if_invalid)
    return Validation(
        is_valid=table.n_problems == 0,
        rows=table.n_rows,
        columns=table.names,
        problems=table.problems,
        n_problems=table.n_problems,
    )


@model.method(kind="action")
def export(cx: Context, arguments: ExportArguments) -> ExportSummary:
    """Write data as a CSV file"""
    found = list(exported(cx, arguments))
    columns = arguments.columns or [ExportColumn(it) for it in members(found)]
    if not columns:
        raise Failure("nothing-to-export", "no resource fits, so there are no columns; name `columns`")
    names = [it.name for it in columns]
    with target(cx, arguments) as file:
        writer = csv.writer(file, delimiter=arguments.delimiter, lineterminator="\r\n")
        writer.writerow(names)
        for content in found:
            values = [value_of(content, it) for it in columns]
            writer.writerow([cell_text(it, arguments.formulas == "quote") for it in values])
    return ExportSummary(len(found), names, arguments.file or arguments.name)


def exported(cx: Context, arguments: ExportArguments) -> Iterator[Any]:
    """Returns the contents of the resources to write."""
    spec = arguments.spec
    if spec is None and arguments.model is None:
        spec = "row"
    n_rows = 0
    for info in cx.list(arguments.prefix, model=arguments.model, spec=spec, tags=arguments.tags):
        content = content_of(cx, info)
        if content is None:
            continue
        n_rows += 1
        if n_rows > arguments.rows_max:
            raise Failure(
                "too-many-rows",
                f"there are more than {arguments.rows_max} resources; narrow `prefix`, or raise `rowsMax`",
            )
        yield content


def content_of(cx: Context, info: VersionInfo) -> Any:
    """Returns the content of a resource, or `None` if the data is a file."""
    found = cx.latest(info.name, model=info.model)
    return None if found is None else found.content


def members(contents: list[Any]) -> list[str]:
    """Returns the names of the members of all objects, in the order in which they appear."""
    found: dict[str, None] = {}
    for content in contents:
        if not isinstance(content, dict):
            raise Failure(
                "not-an-object", "a resource is not an object, so its columns are unknown; name `columns`"
            )
        found |= dict.fromkeys(content)
    return list(found)


def value_of(content: Any, column: ExportColumn) -> Any:
    """Returns the value of a column. It is `None` if the resource has no such member."""
    if column.pointer is not None:
        return pointer_value(content, column.pointer)
    return content.get(column.name) if isinstance(content, dict) else None


@contextmanager
def target(cx: Context, arguments: ExportArguments) -> Iterator[Any]:
    """Opens what an export is written to."""
    if arguments.file is None:
        with cx.create_file("export", name=arguments.name) as data:
            yield data
        return
    with cx.folder(OUT).open(arguments.file, "w", newline="") as file:
        yield file


@contextmanager
def table_of(cx: Context, source: Source) -> Iterator[Table]:
    """Opens the source of an import. What is wrong with the file as such becomes a failure."""
    with opened(cx, source) as file:
        try:
            table = Table(
                csv.reader(file, delimiter=source.delimiter, quotechar=source.quote, strict=True),
                columns=source.columns,
                has_header=source.has_header,
                key=source.key,
                rows_max=source.rows_max,
                problems_max=PROBLEMS_MAX,
            )
            yield table
        except UnicodeDecodeError as error:
            text = f"the file is not text in {source.encoding}: {error.reason}; name its `encoding`"
            raise Failure("invalid-encoding", text) from None


@contextmanager
def opened(cx: Context, source: Source) -> Iterator[IO[str]]:
    if (source.file is None) == (source.data is None):
        raise Failure("no-source", "name the source: either `file`, in the folder `in`, or `data`")
    encoding = encoding_of(source.encoding)
    if source.file is not None:
        with cx.folder(IN).open(source.file, encoding=encoding, newline="") as file:
            yield file
        return
    assert source.data is not None
    data = cx.open_file(source.data.name, model=source.data.model)
    if data is None:
        owner = source.data.model or cx.identity.model
        raise Failure("no-data", f"the model `{owner}` has no data `{source.data.name}`")
    with data.text(encoding, newline="") as text:
        yield text


def encoding_of(name: str) -> str:
    """Returns the encoding that a name stands for. UTF-8 may begin with a byte order mark."""
    found = name.lower().replace("_", "-")
    if found not in ENCODINGS:
        text = f"`{name}` is not an encoding that this plugin has; it has {', '.join(map(shown, ENCODINGS))}"
        raise Failure("unknown-encoding", text)
    return "utf-8-sig" if found == "utf-8" else found


def fail_if_invalid(table: Table, is_failure: bool) -> None:
    """Fails the call if rows are not valid. What it has written is discarded then."""
    if not is_failure or table.n_problems == 0:
        return
    first = table.problems[0]
    others = f", and {table.n_problems - 1} more problems" if table.n_problems > 1 else ""
    problems = [json.loads(it.as_json()) for it in table.problems]
    raise Failure(
        "invalid-rows",
        f"{first}{others}",
        details={"problems": problems, "nProblems": table.n_problems},
    )


def report_skipped(cx: Context, arguments: ImportArguments, table: Table) -> None:
    """Logs what was left out."""
    if not table.n_problems:
        return
    for problem in table.problems[:10]:
        cx.warn(str(problem))
    cx.warn(f"{table.n_invalid} of {table.n_rows} rows were left out", problems=table.n_problems)
