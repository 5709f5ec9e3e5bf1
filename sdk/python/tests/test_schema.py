"""Types as JSON Schemas, and JSON as values of types."""

import dataclasses
import datetime
import enum
import unittest
from typing import Any, Literal, Optional, TypedDict

from sedge_sdk import _decode, _encode, _schema, _validate, camel_case, field


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


@dataclasses.dataclass
class Point:
    """A place."""

    x: int
    y: int = 0


@camel_case
@dataclasses.dataclass
class Everything:
    """All that a field can be.

    More that is no description.
    """

    user_name: str
    """The name of the user"""
    point: Point
    color: Color
    size: Literal["small", "large"] = "small"
    note: Optional[str] = None
    points: list[Point] = dataclasses.field(default_factory=list)
    by_name: dict[str, float] = dataclasses.field(default_factory=dict)
    pair: tuple[int, str] = (1, "a")
    any: Any = None
    day: Optional[datetime.date] = None
    n_max: int = field(default=3, minimum=1, maximum=9, description="At most")
    password: str = field(default="", sensitive=True)


@dataclasses.dataclass
class Tree:
    name: str
    children: list["Tree"] = dataclasses.field(default_factory=list)


class Options(TypedDict):
    text: str


class SchemaTest(unittest.TestCase):
    def test_dataclass_has_a_whole_schema(self) -> None:
        schema = _schema.schema_of(Everything)
        self.assertEqual(schema["$schema"], "https://json-schema.org/draft/2020-12/schema")
        self.assertEqual(schema["title"], "Everything")
        self.assertEqual(schema["description"], "All that a field can be.")
        self.assertEqual(schema["required"], ["userName", "point", "color"])
        self.assertIs(schema["additionalProperties"], False)
        expect = {
            "userName": {"description": "The name of the user", "type": "string"},
            "point": {"$ref": "#/$defs/Point"},
            "color": {"type": "string", "enum": ["red", "blue"]},
            "size": {"type": "string", "enum": ["small", "large"], "default": "small"},
            "note": {"type": ["string", "null"], "default": None},
            "points": {"type": "array", "items": {"$ref": "#/$defs/Point"}, "default": []},
            "byName": {
                "type": "object",
                "additionalProperties": {"type": "number"},
                "default": {},
            },
            "pair": {
                "type": "array",
                "prefixItems": [{"type": "integer"}, {"type": "string"}],
                "minItems": 2,
                "maxItems": 2,
                "default": [1, "a"],
            },
            "any": {"default": None},
            "day": {
                "anyOf": [{"type": "string", "format": "date"}, {"type": "null"}],
                "default": None,
            },
            "nMax": {
                "description": "At most",
                "type": "integer",
                "minimum": 1,
                "maximum": 9,
                "default": 3,
            },
            "password": {"type": "string", "sensitive": True, "default": ""},
        }
        self.assertEqual(schema["properties"], expect)
        point = {
            "title": "Point",
            "type": "object",
            "description": "A place.",
            "properties": {"x": {"type": "integer"}, "y": {"type": "integer", "default": 0}},
            "required": ["x"],
            "additionalProperties": False,
        }
        self.assertEqual(schema["$defs"], {"Point": point})

    def test_type_can_refer_to_itself(self) -> None:
        schema = _schema.schema_of(Tree)
        children = schema["properties"]["children"]
        self.assertEqual(children["items"], {"$ref": "#/$defs/Tree"})
        value = {"name": "a", "children": [{"name": "b", "children": [{"name": 3}]}]}
        found = _validate.violations(schema, value)
        self.assertEqual([it.path for it in found], ["/children/0/children/0/name"])
        with self.assertRaises(_decode.DoesNotFit) as raised:
            _decode.from_json_value(value, Tree)
        self.assertEqual([it.path for it in raised.exception.violations], [found[0].path])

    def test_type_without_a_schema_names_its_field(self) -> None:
        @dataclasses.dataclass
        class Bad:
            content: bytes

        with self.assertRaises(_schema.UnsupportedType) as raised:
            _schema.schema_of(Bad)
        self.assertIn("`Bad.content`: `bytes` has no JSON Schema", str(raised.exception))

    def test_value_survives_encoding_and_decoding(self) -> None:
        value = Everything(
            user_name="Ada",
            point=Point(1, 2),
            color=Color.BLUE,
            points=[Point(3)],
            by_name={"a": 1.5},
            pair=(7, "x"),
            any={"free": [1, None]},
            day=datetime.date(2026, 12, 1),
        )
        text = _encode.to_text(value)
        self.assertEqual(_decode.from_text(text, Everything), value)
        schema = _schema.schema_of(Everything)
        self.assertEqual(_validate.violations(schema, _encode.to_json_value(value)), [])

    def test_decoding_names_every_place(self) -> None:
        value = {
            "user_name": "x",
            "point": {"x": "1", "z": 0},
            "color": "green",
            "size": "huge",
            "points": [{"x": True}],
            "byName": {"a/b": "c"},
            "pair": [1],
            "nMax": 10,
        }
        with self.assertRaises(_decode.DoesNotFit) as raised:
            _decode.from_json_value(value, Everything)
        found = {it.path: it.message for it in raised.exception.violations}
        expect = {
            "": "there is no `user_name`",
            "/point/x": 'it has to be a whole number; `"1"` was given',
            "/point": "there is no `z`",
            "/color": 'it has to be one of "red", "blue"; `"green"` was given',
            "/size": 'it has to be one of "small", "large"; `"huge"` was given',
            "/points/0/x": "it has to be a whole number; `true` was given",
            "/byName/a~1b": 'it has to be a number; `"c"` was given',
            "/pair": "it has to be a list of 2 items; `[1]` was given",
            "/nMax": "10 is greater than the maximum of 9",
        }
        self.assertEqual(found, expect)
        everything = [str(it) for it in raised.exception.violations]
        self.assertIn("`userName` is required, and was not given", everything)

    def test_number_without_fraction_is_whole(self) -> None:
        self.assertEqual(_decode.from_json_value(1.0, int), 1)
        self.assertIsInstance(_decode.from_json_value(1, float), float)
        for bad in (1.5, True, "1", None):
            with self.assertRaises(_decode.DoesNotFit):
                _decode.from_json_value(bad, int)

    def test_typed_dictionary_is_an_object(self) -> None:
        self.assertEqual(_schema.schema_of(Options)["required"], ["text"])
        self.assertEqual(_decode.from_json_value({"text": "a"}, Options), {"text": "a"})
        with self.assertRaises(_decode.DoesNotFit):
            _decode.from_json_value({"text": "a", "more": 1}, Options)

    def test_value_that_is_not_json_names_its_place(self) -> None:
        for value, expect in (
            ({"a": [float("nan")]}, "/a/0: JSON has no nan"),
            ({"a": b"x"}, "/a: a `bytes` is not JSON; decode it"),
            ({1: 2}, "the value: the key 1 is a `int`, not a text"),
            ({"a": "\udcff"}, "/a: the text has parts that are not Unicode characters"),
            ({"a": object()}, "/a: a `object` is not JSON"),
        ):
            with self.assertRaises(_encode.NotJson) as raised:
                _encode.to_text(value)
            self.assertIn(expect, str(raised.exception))

    def test_endless_value_is_refused(self) -> None:
        value: list[Any] = []
        value.append(value)
        with self.assertRaises(_encode.NotJson):
            _encode.to_text(value)

    def test_unknown_keyword_of_a_field_is_refused(self) -> None:
        with self.assertRaisesRegex(TypeError, "no keyword `minimun`"):
            field(default=1, minimun=2)

    def test_sensitive_fields_are_found(self) -> None:
        schema = _schema.schema_of(Everything)
        found = _validate.sensitive_paths(schema, {"password": "a", "note": "b"})
        self.assertEqual(found, [("password",)])
        self.assertEqual(_validate.sensitive_paths(schema, {"password": None}), [])
