"""The rows of a CSV file: their cells, the values of the cells, and what is wrong with them."""

from __future__ import annotations

import csv
import datetime
import json
import math
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from sedge_sdk import Failure, camel_case
from sedge_sdk import field as described

CELL_CHARS_MAX = 1 << 20
"""The maximum length of a cell. Without a limit a quote that is not closed would take a whole file."""

KEY_BYTES_MAX = 200
"""The maximum length of a key. A name of data has 255 bytes, and the key is a part of it."""

SHOWN_CHARS_MAX = 40
"""How much of a cell a message shows."""

csv.field_size_limit(CELL_CHARS_MAX)

_INTEGER = re.compile(r"[+-]?[0-9]{1,300}")
_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")
_TRUE, _FALSE = ("true", "yes", "1"), ("false", "no", "0")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")


@camel_case
@dataclass
class Column:
    """A column, and the values that it may have"""

    name: str
    """Its name in the header"""
    type: Literal["text", "integer", "number", "boolean", "date"] = "text"
    """What its cells are"""
    required: bool = False
    """Whether a cell may not be empty. An empty cell is null otherwise"""
    one_of: list[str] = field(default_factory=list)
    """The texts that are allowed [default: any]"""
    pattern: str | None = None
    """A regular expression that the whole text of a cell matches"""
    minimum: float | None = None
    """The smallest number that is allowed"""
    maximum: float | None = None
    """The largest number that is allowed"""
    unique: bool = False
    """Whether a value may not occur twice"""
    max_length: int | None = described(
        default=None, minimum=0, description="The maximum length of a text in characters"
    )

    def value(self, text: str) -> Any:
        """Returns the value of a cell.

        # Raises
        ValueError: the cell is not valid; the message says why.
        """
        if text == "":
            if self.required:
                raise ValueError("it is empty")
            return None
        if self.one_of and text not in self.one_of:
            raise ValueError(f"{shown(text)} is not one of {', '.join(map(shown, self.one_of))}")
        if self.pattern is not None and not re.fullmatch(self.pattern, text):
            raise ValueError(f"{shown(text)} does not match `{self.pattern}`")
        if self.max_length is not None and len(text) > self.max_length:
            raise ValueError(f"{shown(text)} has more than {self.max_length} characters")
        value = _PARSERS[self.type](text)
        if self.type in ("integer", "number"):
            if self.minimum is not None and value < self.minimum:
                raise ValueError(f"{text} is less than {self.minimum:g}")
            if self.maximum is not None and value > self.maximum:
                raise ValueError(f"{text} is greater than {self.maximum:g}")
        return value


def _integer(text: str) -> int:
    if not _INTEGER.fullmatch(text):
        raise ValueError(f"{shown(text)} is not a whole number")
    return int(text)


def _number(text: str) -> float:
    # `float` takes `nan`, `1_000` and digits of other scripts, too.
    if not _NUMBER.fullmatch(text) or not math.isfinite(float(text)):
        raise ValueError(f"{shown(text)} is not a number")
    return float(text)


def _boolean(text: str) -> bool:
    if text.lower() in _TRUE:
        return True
    if text.lower() in _FALSE:
        return False
    raise ValueError(f"{shown(text)} is neither `true` nor `false`")


def _date(text: str) -> str:
    try:
        return datetime.date.fromisoformat(text).isoformat()
    except ValueError:
        raise ValueError(f"{shown(text)} is not a date such as `2026-12-01`") from None


_PARSERS: dict[str, Any] = {
    "text": str,
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "date": _date,
}


@dataclass
class Problem:
    """What is wrong with a row"""

    line: int
    """The line of the file on which the row ends"""
    column: str | None
    """The column, if the problem is that of one"""
    message: str

    def __str__(self) -> str:
        place = "" if self.column is None else f", column {shown(self.column)}"
        return f"line {self.line}{place}: {self.message}"

    def as_json(self) -> str:
        """Returns the problem as JSON."""
        return json.dumps(asdict(self))


@dataclass
class Cells:
    """A valid row."""

    number: int
    """The number of the row, from 1."""
    values: dict[str, Any]


class Table:
    """A CSV file, row by row. It collects what is wrong with the rows."""

    def __init__(
        self,
        reader: Any,
        *,
        columns: list[Column],
        has_header: bool,
        key: list[str],
        rows_max: int,
        problems_max: int,
    ) -> None:
        self._reader = reader
        self._rows_max = rows_max
        self._problems_max = problems_max
        self._key = key
        self._seen: dict[str, dict[Any, int]] = {it.name: {} for it in columns if it.unique}
        self._seen_keys: dict[str, int] = {}
        self.n_rows = 0
        self.n_invalid = 0
        self.n_problems = 0
        self.problems: list[Problem] = []
        self._columns, self._places = self._layout(columns, has_header)
        self.names = [it.name for it in self._columns]
        for it in key:
            if it not in self.names:
                raise Failure("unknown-column", f"the key names the column {shown(it)}, which there is not")

    def _layout(self, columns: list[Column], has_header: bool) -> tuple[list[Column], list[int]]:
        """Returns the columns to read, and where they are in a row."""
        _check_columns(columns)
        if not has_header:
            if not columns:
                raise Failure("no-columns", "a file without a header needs `columns`")
            self._n_cells = len(columns)
            return columns, list(range(len(columns)))
        header = next(self._rows(), None)
        if header is None:
            raise Failure("no-header", "the file is empty, and has no header")
        names = [it.strip() for it in header]
        for at, name in enumerate(names):
            if name == "":
                raise Failure("invalid-header", f"the name of column {at + 1} is empty")
            if name in names[:at]:
                raise Failure("invalid-header", f"two columns are named {shown(name)}")
        self._n_cells = len(names)
        known = {it.name for it in columns}
        missing = [it.name for it in columns if it.name not in names]
        if missing:
            listed = ", ".join(map(shown, missing))
            raise Failure("missing-columns", f"the header has no {listed}; it has {', '.join(map(shown, names))}")
        if not columns:
            return [Column(it) for it in names], list(range(len(names)))
        # Columns that are not declared are left out.
        by_name = {it.name: it for it in columns}
        places = [at for at, name in enumerate(names) if name in known]
        return [by_name[names[at]] for at in places], places

    def _rows(self) -> Iterator[list[str]]:
        try:
            for row in self._reader:
                # A line without anything is no row.
                if row:
                    yield row
        except csv.Error as error:
            text = f"line {self._reader.line_num}: {_words(str(error))}"
            raise Failure("invalid-csv", text) from None

    def valid_rows(self) -> Iterator[Cells]:
        """Returns the valid rows. What is wrong with the others is in `problems` afterwards."""
        for row in self._rows():
            self.n_rows += 1
            if self.n_rows > self._rows_max:
                text = f"the file has more than {self._rows_max} rows; raise `rowsMax`, or split the file"
                raise Failure("too-many-rows", text)
            n_before = self.n_problems
            values = self._values(row)
            if self.n_problems == n_before:
                yield Cells(self.n_rows, values)
            else:
                self.n_invalid += 1

    def _values(self, row: list[str]) -> dict[str, Any]:
        if len(row) != self._n_cells:
            self._problem(None, f"it has {len(row)} cells, and not {self._n_cells}")
            return {}
        values: dict[str, Any] = {}
        n_before = self.n_problems
        for column, place in zip(self._columns, self._places):
            try:
                values[column.name] = column.value(row[place])
                self._unique(column, values[column.name])
            except ValueError as error:
                self._problem(column.name, str(error))
        if self._key and self.n_problems == n_before:
            self._check_key(values)
        return values

    def _unique(self, column: Column, value: Any) -> None:
        if not column.unique or value is None:
            return
        line = self._seen[column.name].setdefault(value, self._reader.line_num)
        if line != self._reader.line_num:
            raise ValueError(f"{shown(str(value))} is on line {line}, too")

    def _check_key(self, values: dict[str, Any]) -> None:
        for name in self._key:
            if values[name] is None:
                self._problem(name, "it is empty, and a part of the key")
                return
        key = key_of(Cells(0, values), self._key)
        if len(key.encode()) > KEY_BYTES_MAX:
            self._problem(None, f"the key {shown(key)} has more than {KEY_BYTES_MAX} bytes")
        elif _CONTROLS.search(key):
            self._problem(None, f"the key {shown(key)} has control characters")
        elif (line := self._seen_keys.setdefault(key, self._reader.line_num)) != self._reader.line_num:
            self._problem(None, f"the key {shown(key)} is that of line {line}, too")

    def _problem(self, column: str | None, message: str) -> None:
        self.n_problems += 1
        if len(self.problems) < self._problems_max:
            self.problems.append(Problem(self._reader.line_num, column, message))


def _check_columns(columns: list[Column]) -> None:
    names: set[str] = set()
    for it in columns:
        if it.name in names:
            raise Failure("invalid-columns", f"`columns` has {shown(it.name)} twice")
        names.add(it.name)
        try:
            re.compile(it.pattern or "")
        except re.error as error:
            text = f"the pattern of {shown(it.name)} is not a regular expression: {error}"
            raise Failure("invalid-columns", text) from None


def _words(reason: str) -> str:
    """Returns the reason of the module `csv` in words that say what to do."""
    if "field larger than" in reason:
        return f"a cell has more than {CELL_CHARS_MAX} characters; is a quote not closed?"
    if "unexpected end of data" in reason:
        return "the file ends inside of a quoted cell; is a quote not closed?"
    if "expected after" in reason:
        return "a quoted cell goes on after its closing quote; double the quotes inside of a cell"
    return f"the file is not CSV: {reason}"


def key_of(cells: Cells, key: list[str]) -> str:
    """Returns the key of a row: the values of its columns, separated by `/`."""
    parts = (cell_text(cells.values[it], False) for it in key)
    return "/".join(it.replace("%", "%25").replace("/", "%2F") for it in parts)


def cell_text(value: Any, quotes_formulas: bool) -> str:
    """Returns a value as the text of a cell. Lists and objects are JSON."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        # Spreadsheets run such a cell as a formula (OWASP, "CSV injection").
        is_formula = quotes_formulas and value.startswith(("=", "+", "-", "@", "\t", "\r"))
        return f"'{value}" if is_formula else value
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def pointer_value(content: Any, pointer: str) -> Any:
    """Returns the value at a JSON Pointer (RFC 6901), or `None` if there is none."""
    if pointer and not pointer.startswith("/"):
        raise Failure("invalid-pointer", f"{shown(pointer)} is not a JSON Pointer; it begins with `/`")
    for part in pointer.split("/")[1:]:
        part = part.replace("~1", "/").replace("~0", "~")
        if isinstance(content, dict):
            content = content.get(part)
        elif isinstance(content, list) and part.isascii() and part.isdigit() and len(part) < 10:
            content = content[int(part)] if int(part) < len(content) else None
        else:
            return None
    return content


def shown(text: str) -> str:
    """Returns a text for a message."""
    if len(text) > SHOWN_CHARS_MAX:
        text = f"{text[: SHOWN_CHARS_MAX - 1]}…"
    return f"`{text}`"
